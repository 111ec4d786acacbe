"""Who asks: bearer tokens, the roles they carry, and in whose name an act is done.

A token is ``tcn_<id>_<secret>``; only the hash of the secret is kept. What the store knows of tokens is read again
every few seconds, so a token that another process revoked stops working here too.
"""

import asyncio
import hashlib
import hmac
import secrets
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from whenever import Instant, TimeDelta

from tocsin.core.commands import Reason, Refused
from tocsin.core.events import Actor
from tocsin.core.ids import PersonId
from tocsin.core.rules import Rulebook
from tocsin.engine.clock import Clock
from tocsin.store.port import Change, Store, Token
from tocsin.web.problems import Declined, Fault

REFRESHED_EVERY: Final = TimeDelta(seconds=2)
"""How long a token revoked by another process works at most."""

_PREFIX: Final = "tcn_"
_HEADER_MAX: Final = 512
_NO_HASH: Final = hashlib.sha256(b"").hexdigest()
_REMEDY: Final = "Send `Authorization: Bearer tcn_…`; `tocsin token create` makes a token."


class Role(StrEnum):
    """What a token may do; each role may do what those before it may."""

    SENDER = "sender"
    VIEWER = "viewer"
    RESPONDER = "responder"
    COMMANDER = "commander"
    ADMIN = "admin"


_RANKS: Final = {role.value: rank for rank, role in enumerate(Role)}


def rank_of(role: str) -> int:
    """Answer the place of a role among the roles; one that this version does not know may do nothing."""
    return _RANKS.get(role, -1)


class Caller(msgspec.Struct, frozen=True):
    """Who sent a request."""

    token: Token

    @property
    def commands(self) -> bool:
        """Tell whether the token has a commander's authority."""
        return rank_of(self.token.role) >= rank_of(Role.COMMANDER)

    @property
    def author(self) -> str:
        """Answer what the caller is called where an author is kept."""
        return self.token.person or self.token.name

    def actor(self, by: str | None, rules: Rulebook) -> Actor:
        """Answer who acts: the token's person, or the one a commander names. Raises `Declined` or `Refused`."""
        own = self.token.person or None
        if by is None or by == own:
            return Actor(person=PersonId(own) if own else None, via="api", commands=self.commands)
        if not self.commands:
            detail = f'this token acts for {own or "nobody"}, not for "{by}"'
            remedy = "Leave `by` out, or use a token with the role commander."
            raise Declined(HTTPStatus.FORBIDDEN, Fault.FORBIDDEN, detail, remedy, "$.by")
        return Actor(person=known_person(by, rules), via="api", commands=True)


def known_person(person: str, rules: Rulebook) -> PersonId:
    """Answer a person of the playbook. Raises `Refused`."""
    if person not in rules.people:
        names = ", ".join(sorted(rules.people))
        raise Refused(Reason.UNKNOWN_PERSON, f'there is no person "{person}"', f"choose one of {names}")
    return PersonId(person)


class Tokens:
    """The tokens of the store, at hand."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._by_id: dict[str, Token] = {}
        self._read_at: Instant | None = None
        self._reading = asyncio.Lock()

    async def caller(self, header: str) -> Caller:
        """Answer whose ``Authorization`` header this is. Raises `Declined` or `StoreUnavailable`."""
        await self._refresh()
        token_id, secret = _parts(header)
        token = self._by_id.get(token_id)
        # An unknown id costs as much time as a wrong secret.
        matches = hmac.compare_digest(secret_hash(secret), token.secret_hash if token else _NO_HASH)
        if token is None or not matches:
            raise _unauthorized("the token is unknown")
        if token.revoked_at is not None and token.revoked_at <= self._clock.now():
            raise _unauthorized("the token was revoked")
        return Caller(token)

    async def allowed(self, header: str, role: Role) -> Caller:
        """Answer the caller if its role is high enough. Raises `Declined`."""
        caller = await self.caller(header)
        if rank_of(caller.token.role) < rank_of(role):
            detail = f"this token has the role {caller.token.role}; this needs {role.value}"
            remedy = f"Use a token with the role {role.value} or a higher one."
            raise Declined(HTTPStatus.FORBIDDEN, Fault.FORBIDDEN, detail, remedy)
        return caller

    async def known(self, token_id: str) -> Token | None:
        """Answer a token by its id, revoked or not. Raises `StoreUnavailable`."""
        await self._refresh()
        return self._by_id.get(token_id)

    async def listed(self) -> tuple[Token, ...]:
        """Answer all tokens, revoked ones too."""
        return await self._store.tokens()

    async def keep(self, token: Token) -> None:
        """Keep a new or a revoked token; it counts from now on."""
        await self._store.commit(Change(tokens=(token,)))
        self._read_at = None

    async def _refresh(self) -> None:
        if self._fresh():
            return
        async with self._reading:
            if self._fresh():
                return  # Whoever held the lock has read them.
            read_at = self._clock.now()
            self._by_id = {token.id: token for token in await self._store.tokens()}
            self._read_at = read_at

    def _fresh(self) -> bool:
        # A clock that was set back must not keep old tokens alive.
        return self._read_at is not None and TimeDelta.ZERO <= self._clock.now() - self._read_at < REFRESHED_EVERY


def _unauthorized(detail: str) -> Declined:
    return Declined(HTTPStatus.UNAUTHORIZED, Fault.UNAUTHORIZED, detail, _REMEDY)


def _parts(header: str) -> tuple[str, str]:
    scheme, _, text = header.strip().partition(" ")
    token_id, _, secret = text.strip().removeprefix(_PREFIX).partition("_")
    if not header:
        raise _unauthorized("this needs a token")
    sound = scheme.lower() == "bearer" and text.strip().startswith(_PREFIX) and token_id and secret
    if not sound or len(header) > _HEADER_MAX:
        raise _unauthorized("the token is malformed")
    return token_id, secret


def secret_hash(secret: str) -> str:
    """Answer what is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def make_token(name: str, role: Role, person: str, now: Instant) -> tuple[Token, str]:
    """Make a token and its plain text, which is shown once and kept nowhere."""
    token_id, secret = secrets.token_hex(5), secrets.token_urlsafe(24)
    token = Token(token_id, name, role.value, person, secret_hash(secret), now)
    return token, f"{_PREFIX}{token_id}_{secret}"


FEED_ROLE: Final = "feed"
"""What a calendar address's token is: no role among the roles, so it opens no route."""


def make_feed_token(person: str, now: Instant) -> tuple[Token, str]:
    """Make the token of a secret calendar address, and the part of the address that holds it."""
    token_id, secret = secrets.token_hex(5), secrets.token_urlsafe(24)
    token = Token(token_id, f"calendar of {person}", FEED_ROLE, person, secret_hash(secret), now)
    return token, f"{token_id}_{secret}"


async def first_token(store: Store, clock: Clock) -> str | None:
    """Make an admin token if there is no token at all; answer its plain text, to be shown once."""
    if await store.tokens():
        return None
    token, plain = make_token("first", Role.ADMIN, "", clock.now())
    await store.commit(Change(tokens=(token,)))
    return plain


async def authorize(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let a request pass if its token has the role that its route asks for. Raises `Declined`."""
    role = handler.opt.get("role")
    if role is not None:
        tokens: Tokens = connection.app.state.site.tokens
        connection.scope["user"] = await tokens.allowed(connection.headers.get("authorization", ""), role)
