"""A stand-in for whoever takes webhooks: keeps what came, once for each key, and refuses what it cannot use."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from .server import Request, Response, never, serving


@dataclass
class Receiver:
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was taken over, by key."""
    silent: bool = False
    answer: Response | None = None
    """If set, what every request is answered with; nothing is taken over."""

    async def handle(self, request: Request) -> Response:
        self.requests.append(request)
        if self.silent:
            return await never()
        if self.answer is not None:
            return self.answer
        key = request.headers.get("idempotency-key", "")
        if request.method != "POST" or request.headers.get("content-type") != "application/json" or not key:
            return Response(400)
        try:
            message = json.loads(request.body.decode())
        except ValueError:
            return Response(400)
        if key in self.messages:
            return Response(409)
        self.messages[key] = message
        return Response(202, headers={"x-receipt": f"r-{len(self.messages)}"})


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with serving(receiver.handle) as base:
        receiver.url = f"{base}/hooks/tocsin"
        yield receiver
