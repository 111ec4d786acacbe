"""Tokens: made, listed, revoked. A secret is shown once."""

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post
from litestar.params import FromPath
from msgspec import Meta
from msgspec.structs import replace
from whenever import Instant

from tocsin.core.limits import TOKENS_MAX
from tocsin.store.port import Token
from tocsin.web.auth import Role, known_person, make_token
from tocsin.web.bodies import Body, Name, taken
from tocsin.web.problems import Declined, Fault
from tocsin.web.site import Site, TheSite, says


class TokenView(msgspec.Struct, frozen=True):
    """A token without its secret, which nobody knows but its holder."""

    id: str
    name: str
    role: str
    person: str
    created_at: Instant
    revoked_at: Instant | None


class TokenViews(msgspec.Struct, frozen=True):
    """All tokens, revoked ones too."""

    tokens: tuple[TokenView, ...]


class NewToken(msgspec.Struct, frozen=True):
    """A token just made. ``token`` is shown here and never again."""

    token: str
    id: str
    name: str
    role: str
    person: str
    created_at: Instant


class TokenBody(Body, frozen=True, kw_only=True):
    """Make a token."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    """What it is for, so that it can be revoked when that is over."""
    role: Role
    person: Name = ""
    """Whose it is; without one it cannot acknowledge."""


@get("/", opt=says(Role.ADMIN))
async def listed(site: TheSite) -> TokenViews:
    """List all tokens."""
    return TokenViews(tuple(_view(token) for token in await site.tokens.listed()))


@post("/", status_code=HTTPStatus.CREATED, opt=says(Role.ADMIN, takes=TokenBody))
async def create(request: Request[Any, Any, Any], site: TheSite) -> NewToken:
    """Make a token; its secret is shown once."""
    body = await taken(request, TokenBody)
    if body.person:
        known_person(body.person, site.rules)
    if len(await _in_force(site)) >= TOKENS_MAX:
        detail = f"there are {TOKENS_MAX} tokens in force already"
        raise Declined(HTTPStatus.CONFLICT, Fault.TOO_MANY, detail, "Revoke those that nobody uses.")
    token, plain = make_token(body.name, body.role, body.person, site.engine.clock.now())
    await site.tokens.keep(token)
    return NewToken(plain, token.id, token.name, token.role, token.person, token.created_at)


@delete("/{token:str}", status_code=HTTPStatus.OK, opt=says(Role.ADMIN))
async def revoke(site: TheSite, token: FromPath[str]) -> TokenView:
    """Revoke a token; it stops working at once. One that was revoked stays as it is."""
    known = next((each for each in await site.tokens.listed() if each.id == token), None)
    if known is None:
        detail = f'there is no token "{token[:80]}"'
        raise Declined(HTTPStatus.NOT_FOUND, Fault.NOT_FOUND, detail, "List the tokens and check the id.")
    if known.revoked_at is not None:
        return _view(known)
    if [each.id for each in await _in_force(site) if each.role == Role.ADMIN] == [known.id]:
        detail = "this is the last admin token; without it nobody could make another"
        raise Declined(HTTPStatus.CONFLICT, Fault.LAST_ADMIN, detail, "Make another admin token first.")
    revoked = replace(known, revoked_at=site.engine.clock.now())
    await site.tokens.keep(revoked)
    return _view(revoked)


async def _in_force(site: Site) -> tuple[Token, ...]:
    return tuple(token for token in await site.tokens.listed() if token.revoked_at is None)


def _view(token: Token) -> TokenView:
    return TokenView(token.id, token.name, token.role, token.person, token.created_at, token.revoked_at)
