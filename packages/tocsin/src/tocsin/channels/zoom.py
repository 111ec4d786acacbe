"""Calls in Zoom as incidents' bridges, made as a Server-to-Server OAuth app: one attempt, and no call made twice.

Zoom knows no idempotency. So a call carries its mark at the beginning of its agenda, and before one is made it is
looked for among its user's: an attempt whose answer was lost is found again. That is why it is a scheduled meeting that
begins now: an instant one is never listed, ends with its host, and cannot be entered before them.
"""

import asyncio
import re
from base64 import b64encode
from collections.abc import Callable
from typing import Annotated, Final, TypeVar
from urllib.parse import quote, urlencode

import httpx
import msgspec
from msgspec import Meta
from whenever import Instant, TimeDelta

from tocsin.channels.http import Answer, get, post, wait
from tocsin.channels.rooms_port import Deferred, Found, Outcome, Rejected
from tocsin.core.messages import MessageKind
from tocsin.core.room_steps import RoomFound

T = TypeVar("T")

PACE: Final = 1.0
"""Calls a second. Zoom takes more, but lets one user make a hundred a day."""

PAGE_SIZE: Final = 300
PAGES_MAX: Final = 10
"""Pages that are looked through: all that Zoom lets be made for one user in the thirty days until a meeting expires."""

LIST_MAX: Final = 1024 * 1024
"""Bytes of one page: its meetings at 3 kB each, which is more than Zoom's limits make of one."""

RENEWED_BEFORE: Final = TimeDelta(minutes=5)
"""How long before its end a token is not used any more. It lives an hour."""

_WHOLE_S: Final = 30
"""All calls of one attempt must be over before its lease is."""

_SETTLES: Final = TimeDelta(seconds=30)
"""How long after a lost answer we look again: the call must be listed by then, if it was made."""

_SCOPES: Final = "meeting:write:meeting:admin and meeting:read:list_meetings:admin"
_TOKEN: Final = 401
_NO_SCOPE: Final = 4711
_WORD = re.compile(r"[a-z_]{1,60}")


class ZoomApp(msgspec.Struct, frozen=True):
    """Who we are to Zoom, and in whose name calls are made."""

    account: str
    client: str
    secret: str
    user: str
    """The host's e-mail address or id."""
    url: str = "https://zoom.us"
    api_url: str = "https://api.zoom.us/v2"

    def __repr__(self) -> str:
        """Show in whose name, and no secret."""
        return f"ZoomApp({self.user})"


class _Token(msgspec.Struct, frozen=True):
    access_token: Annotated[str, Meta(pattern=r"^[\x21-\x7e]+$")]
    expires_in: Annotated[int, Meta(ge=0, le=86_400)]


class _Meeting(msgspec.Struct, frozen=True):
    id: int
    join_url: Annotated[str, Meta(pattern=r"^https://\S+$", max_length=2000)]
    agenda: str = ""


class _Listed(msgspec.Struct, frozen=True):
    meetings: tuple[msgspec.Raw, ...]
    """Read one by one: what of a stranger's meeting is unlike ours is no reason to lose ours."""
    next_page_token: str = ""


class _Agenda(msgspec.Struct, frozen=True):
    agenda: str = ""


class _Fault(msgspec.Struct, frozen=True):
    code: int = 0
    error: str = ""


class ZoomBridges:
    """Makes the calls."""

    pace = PACE

    def __init__(
        self, http: httpx.AsyncClient, app: ZoomApp, now: Callable[[], Instant], timeout_s: float = 10
    ) -> None:
        self._http = http
        self._app = app
        self._now = now
        self._timeout_s = timeout_s
        self._meetings = f"{app.api_url.rstrip('/')}/users/{quote(app.user, safe='')}/meetings"
        self._token = ""
        self._token_until = Instant.MIN
        self._asking = asyncio.Lock()

    async def open(self, topic: str, mark: str) -> Outcome:
        """Try once."""
        try:
            async with asyncio.timeout(_WHOLE_S):
                token = await self._authorised()
                if not isinstance(token, str):
                    return token
                found = await self._made_before(mark, token) or await self._make(topic, mark, token)
        except TimeoutError:
            return Deferred("no answer in time", _SETTLES)
        if isinstance(found, _Meeting):
            return Found(str(found.id), found=RoomFound(id=str(found.id), url=found.join_url))
        return found

    def in_doubt(self, _: MessageKind) -> TimeDelta:
        """Answer how long to leave Zoom the time to list a call that may have been made."""
        return _SETTLES

    # The meeting.

    async def _made_before(self, mark: str, token: str) -> _Meeting | Deferred | Rejected | None:
        after = ""
        for _ in range(PAGES_MAX):
            asked = urlencode({"type": "scheduled", "page_size": PAGE_SIZE, "next_page_token": after})
            answer = await get(self._http, f"{self._meetings}?{asked}", _bearer(token), self._timeout_s, LIST_MAX)
            said = self._read(answer, _Listed, token)
            if not isinstance(said, _Listed):
                return said
            for each in said.meetings:
                if _marked(mark) in _agenda(each):
                    return _decoded(bytes(each), _Meeting)
            after = said.next_page_token
            if not after:
                return None
        return Rejected(
            f"{self._app.user} has too many meetings in Zoom to look through; give Tocsin a user of its own"
        )

    async def _make(self, topic: str, mark: str, token: str) -> _Meeting | Deferred | Rejected:
        meeting = {
            "topic": topic,
            "agenda": f"{_marked(mark)} Made by Tocsin for an incident.",
            "type": 2,
            "start_time": self._now().format_iso(unit="second"),
            "duration": 60,
            "timezone": "UTC",
            "settings": {"join_before_host": True, "jbh_time": 0, "waiting_room": False},
        }
        headers = {**_bearer(token), "Content-Type": "application/json"}
        answer = await post(self._http, self._meetings, msgspec.json.encode(meeting), headers, self._timeout_s)
        said = self._read(answer, _Meeting, token)
        if isinstance(said, Deferred) and said.wait is None:
            return Deferred(said.why, _SETTLES)  # It may have been made all the same.
        return said

    def _read(self, answer: Answer | Deferred, kind: type[T], token: str) -> T | Deferred | Rejected:
        if isinstance(answer, Deferred):
            return answer
        passing = _passing(answer)
        if passing is not None:
            return passing
        if answer.status in (httpx.codes.OK, httpx.codes.CREATED):
            return _decoded(answer.body, kind)
        code = _fault(answer).code
        if (answer.status == _TOKEN or code == _NO_SCOPE) and token == self._token:
            self._token = ""  # The next attempt asks for another, with the scopes that the app has by then.
        if answer.status == _TOKEN:
            return Deferred(f"Zoom does not take its token any more ({code}); the next attempt asks for another")
        remedy = {
            _NO_SCOPE: f"give the app the scopes {_SCOPES}",
            1001: f"it knows no user {self._app.user}; check TOCSIN_ZOOM_USER",
            1010: f"{self._app.user} is not of this account; check TOCSIN_ZOOM_USER",
            200: f"{self._app.user} may hold no meetings; give TOCSIN_ZOOM_USER one with a licence",
        }.get(code, "check TOCSIN_ZOOM_USER and the app's scopes")
        return Rejected(f"Zoom refused with {answer.status} (code {code}): {remedy}")

    # The token.

    async def _authorised(self) -> str | Deferred | Rejected:
        async with self._asking:  # One for all: each that is made may end an older one.
            if not self._token or self._now() >= self._token_until:
                made = await self._ask_for_token()
                if not isinstance(made, _Token):
                    return made
                self._token = made.access_token
                self._token_until = self._now() + TimeDelta(seconds=made.expires_in) - RENEWED_BEFORE
            return self._token

    async def _ask_for_token(self) -> _Token | Deferred | Rejected:
        login = b64encode(f"{self._app.client}:{self._app.secret}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/x-www-form-urlencoded"}
        asked = urlencode({"grant_type": "account_credentials", "account_id": self._app.account}).encode()
        answer = await post(self._http, f"{self._app.url.rstrip('/')}/oauth/token", asked, headers, self._timeout_s)
        if isinstance(answer, Deferred):
            return answer
        passing = _passing(answer)
        if passing is not None:
            return passing
        if answer.status == httpx.codes.OK:
            return _decoded(answer.body, _Token)
        said = _fault(answer).error
        error = said if _WORD.fullmatch(said) else "an unreadable error"
        which = "TOCSIN_ZOOM_CLIENT_ID and _CLIENT_SECRET" if error == "invalid_client" else "TOCSIN_ZOOM_ACCOUNT_ID"
        return Rejected(f"Zoom gives us no token: {error}; check {which}, and that the app is activated")


def _passing(answer: Answer) -> Deferred | None:
    """Answer what passes by itself, if it is that."""
    if answer.status == httpx.codes.TOO_MANY_REQUESTS:
        return Deferred("Zoom asked to slow down", wait(answer))
    if answer.status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Deferred(f"Zoom failed with {answer.status}", wait(answer))
    return None


def _decoded(body: bytes, kind: type[T]) -> T | Deferred:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Deferred("Zoom answered something that is not its protocol")


def _fault(answer: Answer) -> _Fault:
    said = _decoded(answer.body, _Fault)
    return said if isinstance(said, _Fault) else _Fault()


def _agenda(meeting: msgspec.Raw) -> str:
    said = _decoded(bytes(meeting), _Agenda)
    return said.agenda if isinstance(said, _Agenda) else ""


def _marked(mark: str) -> str:
    return f"[tocsin {mark}]"


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
