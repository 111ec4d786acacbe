"""A stand-in for Zoom: gives tokens to a Server-to-Server OAuth app, makes and lists meetings as its API documents."""

import base64
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from .server import Request, Response, hang_up, never, serving

ACCOUNT = "Tq8wQp3zRmWw9Vn2LcAAbg"
CLIENT = "kX9sLr2cQ4G7uYdYt1PoA"
SECRET = "pL0rV7sHk3bXw2mZq9NfT6yJ4aDcE8uG"
USER = "incidents@agenticflow.example"
WRITE, READ = "meeting:write:meeting:admin", "meeting:read:list_meetings:admin"
LIVES_S = 3600
DAILY_MAX = 100
_START = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass
class Zoom:
    base_url: str = ""
    users: set[str] = field(default_factory=lambda: {USER})
    scopes: set[str] = field(default_factory=lambda: {WRITE, READ})
    now_s: Callable[[], float] = lambda: 0.0
    meetings: list[dict[str, Any]] = field(default_factory=list)
    tokens: dict[str, tuple[float, frozenset[str]]] = field(default_factory=dict)
    """Each that was given, until when, and for what."""
    made_today: int = 0
    calls: list[str] = field(default_factory=list)
    """``token``, ``list`` and ``make``, in order."""
    limited: dict[str, int] = field(default_factory=dict)
    """How many of the next calls of a kind are told to come later."""
    lost: dict[str, int] = field(default_factory=dict)
    """How many of the next calls of a kind are carried out, and their answers lost on the way."""
    heard: Callable[[str], None] = lambda _: None
    """Called with each kind of call once it is carried out."""
    silent: bool = False
    answer: Response | None = None
    """If set, what every request is answered with; nothing is done."""
    _pages: dict[str, int] = field(default_factory=dict)

    async def handle(self, request: Request) -> Response:
        if self.silent:
            return await never()
        if self.answer is not None:
            return self.answer
        path, _, query = request.path.partition("?")
        found = re.fullmatch(r"/v2/users/([^/]+)/meetings", path)
        kind = "token" if path == "/oauth/token" else {"GET": "list", "POST": "make"}.get(request.method, "")
        if not kind or (kind != "token" and found is None):
            return _refused(404, 2300, "This API endpoint is not recognized.")
        self.calls.append(kind)
        if _counted(self.limited, kind):
            said = {"code": 429, "message": "You have reached the maximum per-second rate limit for this API."}
            return _json(429, said, {"retry-after": "20", "x-ratelimit-category": "Medium"})
        user = unquote(found[1]) if found else ""
        answer = self._called(request, kind, user, query) if found else self._token(request, query)
        self.heard(kind)
        return hang_up() if _counted(self.lost, kind) else answer

    def expire(self) -> None:
        """End every token that was given."""
        self.tokens.clear()

    def _token(self, request: Request, query: str) -> Response:
        given = parse_qs(query)
        if request.headers.get("content-type") == "application/x-www-form-urlencoded":
            given |= parse_qs(request.body.decode())
        login = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if request.method != "POST" or request.headers.get("authorization") != f"Basic {login}":
            return _json(400, {"reason": "Invalid client_id or client_secret", "error": "invalid_client"})
        if given.get("grant_type") != ["account_credentials"]:
            return _json(400, {"reason": "unsupported grant type", "error": "unsupported_grant_type"})
        if given.get("account_id") != [ACCOUNT]:
            return _json(400, {"reason": "Bad Request", "error": "invalid_request"})
        token = f"eyJzdiI6IjAwMDAwMSJ9.token-{len(self.calls)}"
        self.tokens[token] = (self.now_s() + LIVES_S, frozenset(self.scopes))
        said = {"access_token": token, "token_type": "bearer", "expires_in": LIVES_S, "scope": " ".join(self.scopes)}
        return _json(200, {**said, "api_url": "https://api.zoom.us"})

    def _called(self, request: Request, kind: str, user: str, query: str) -> Response:
        until, scopes = self.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "), (None, ()))
        if until is None:
            return _refused(401, 124, "Invalid access token.")
        if self.now_s() >= until:
            return _refused(401, 124, "Access token is expired.")
        needed = READ if kind == "list" else WRITE
        if needed not in scopes:
            return _refused(400, 4711, f"Invalid access token, does not contain scopes:[{needed}].")
        if user not in self.users:
            return _refused(404, 1001, f"User does not exist: {user}.")
        return self._list(parse_qs(query)) if kind == "list" else self._make(request)

    def _list(self, asked: dict[str, list[str]]) -> Response:
        size, after = int(asked.get("page_size", ["30"])[0]), asked.get("next_page_token", [""])[0]
        if not 1 <= size <= 300 or (after and after not in self._pages):
            return _refused(400, 300, "The next page token is invalid or expired." if after else "Validation Failed.")
        if asked.get("type", ["scheduled"]) != ["scheduled"]:
            return _refused(400, 300, "This stand-in lists what is scheduled.")
        begin = self._pages.get(after, 0)
        known = [each for each in self.meetings if each["type"] != 1]  # Instant meetings are never listed.
        page = [_shown(each) for each in known[begin : begin + size]]
        following = f"page-{begin + size}" if begin + size < len(known) else ""
        if following:
            self._pages[following] = begin + size
        counts = {"page_size": size, "total_records": len(known)}
        return _json(200, {"next_page_token": following, **counts, "meetings": page})

    def _make(self, request: Request) -> Response:
        if request.headers.get("content-type") != "application/json":
            return _refused(415, 300, "Unsupported Content Type")
        try:
            asked = json.loads(request.body.decode())
        except ValueError:
            return _refused(400, 300, "Request Body should be a valid JSON object.")
        errors = list(_faults(asked))
        if errors:
            return _json(400, {"code": 300, "message": "Validation Failed.", "errors": errors})
        if self.made_today >= DAILY_MAX:
            return _refused(429, 429, f"You have exceeded the daily rate limit ({DAILY_MAX}) of Meeting Create/Update.")
        self.made_today += 1
        number = 93_712_000_000 + len(self.meetings) + 1
        url = f"https://us02web.zoom.us/j/{number}?pwd=b1NkR2hL"
        meeting = {"uuid": f"{number}==", "id": number, "host_email": USER, "status": "waiting", **asked}
        self.meetings.append({**meeting, "join_url": url, "start_url": f"{url}&zak=host-only"})
        return _json(201, self.meetings[-1])


def _faults(asked: dict[str, Any]) -> list[dict[str, str]]:
    checks = {
        "topic": isinstance(asked.get("topic"), str) and len(asked["topic"]) <= 200,
        "agenda": len(asked.get("agenda", "")) <= 2000,
        "type": asked.get("type") in (1, 2, 3, 8),
        "start_time": asked.get("type") != 2 or _START.fullmatch(asked.get("start_time", "")) is not None,
        "duration": isinstance(asked.get("duration", 60), int),
        "settings.jbh_time": asked.get("settings", {}).get("jbh_time", 0) in (0, 5, 10, 15),
    }
    return [{"field": name, "message": "Invalid field."} for name, fine in checks.items() if not fine]


def _shown(meeting: dict[str, Any]) -> dict[str, Any]:
    """A meeting as it is listed: without the host's way in, and with the beginning of its agenda."""
    names = ("uuid", "id", "topic", "type", "start_time", "duration", "timezone", "join_url")
    shown = {name: meeting[name] for name in names if name in meeting}
    return {**shown, **({"agenda": meeting["agenda"][:250]} if "agenda" in meeting else {})}


def _counted(times: dict[str, int], kind: str) -> bool:
    left = times.get(kind, 0)
    times[kind] = max(0, left - 1)
    return left > 0


def _refused(status: int, code: int, message: str) -> Response:
    return _json(status, {"code": code, "message": message})


def _json(status: int, said: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(status, json.dumps(said).encode(), {"content-type": "application/json", **(headers or {})})


@asynccontextmanager
async def zoom() -> AsyncIterator[Zoom]:
    state = Zoom()
    async with serving(state.handle) as base:
        state.base_url = base
        yield state
