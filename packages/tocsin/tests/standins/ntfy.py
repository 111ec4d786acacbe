"""A stand-in for ntfy: publishing by JSON as its documentation has it, with its refusals."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from .server import Request, Response, never, serving

TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")
TOKEN = "tk_agqdq7mvbofd37zqvbfma3imh29v"
MESSAGE_MAX = 4_096
"""Bytes; a longer text becomes an attachment, which this server does not take."""


@dataclass
class Ntfy:
    host: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)
    silent: bool = False
    answer: Response | None = None

    async def handle(self, request: Request) -> Response:
        if self.silent:
            return await never()
        if self.answer is not None:
            return self.answer
        if request.method not in ("POST", "PUT"):
            return _refused(404, 40401, "page not found")
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _refused(403, 40301, "forbidden")
        try:
            message = json.loads(request.body.decode())
        except ValueError:
            return _refused(400, 40024, "invalid request: request body must be valid JSON")
        if not TOPIC.fullmatch(str(message.get("topic", ""))):
            return _refused(400, 40009, "invalid request: topic invalid")
        if len(str(message.get("message", "")).encode()) > MESSAGE_MAX:
            return _refused(400, 40014, "invalid request: attachments not allowed")
        if not 1 <= int(message.get("priority", 3)) <= 5:
            return _refused(400, 40007, "invalid request: priority invalid")
        self.messages.append(message)
        answer = {"id": f"sPs71M8A2T{len(self.messages)}", "event": "message", **message}
        return Response(200, json.dumps(answer).encode(), {"content-type": "application/json"})

    def url(self, topic: str = "ines-phone") -> str:
        """The Apprise URL of a topic; Apprise's own time limits are short here."""
        return f"ntfy://{TOKEN}@{self.host}/{topic}?cto=2&rto=2&auth=token"


@asynccontextmanager
async def ntfy() -> AsyncIterator[Ntfy]:
    state = Ntfy()
    async with serving(state.handle) as base:
        state.host = base.removeprefix("http://")
        yield state


def _refused(status: int, code: int, error: str) -> Response:
    body = {"code": code, "http": status, "error": error, "link": "https://ntfy.sh/docs/publish/"}
    return Response(status, json.dumps(body).encode(), {"content-type": "application/json"})
