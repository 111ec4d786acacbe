"""A stand-in for Prometheus: instant queries as its HTTP API documents them, and a health endpoint beside it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from .server import Request, Response, never, serving

AT = 1_700_000_000.123


@dataclass
class Prometheus:
    url: str = ""
    answers: dict[str, Response] = field(default_factory=dict)
    """By query."""
    histories: dict[str, Response] = field(default_factory=dict)
    """By query, over a span."""
    queries: list[str] = field(default_factory=list)
    spans: list[tuple[str, float, float, float]] = field(default_factory=list)
    health: Response = field(default_factory=Response)
    silent: bool = False
    crowd: int = 0
    """If set, nobody is answered before so many have asked, and any more have had the time to."""
    at_once: int = 0
    most_at_once: int = 0
    _answered: asyncio.Event = field(default_factory=asyncio.Event)

    def vector(self, query: str, *values: str) -> None:
        result = [{"metric": {"n": str(n)}, "value": [AT, value]} for n, value in enumerate(values)]
        self.answers[query] = success("vector", result)

    def scalar(self, query: str, value: str) -> None:
        self.answers[query] = success("scalar", [AT, value])

    async def handle(self, request: Request) -> Response:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self.at_once == self.crowd:
            for _ in range(100):
                await asyncio.sleep(0)
            self._answered.set()
        try:
            if self.crowd:
                await self._answered.wait()
            return await self._handle(request)
        finally:
            self.at_once -= 1

    async def _handle(self, request: Request) -> Response:
        if self.silent:
            return await never()
        if request.path == "/healthz" and request.method == "GET":
            return self.health
        if request.path not in ("/api/v1/query", "/api/v1/query_range"):
            return Response(404, b"404 page not found")
        if request.headers.get("content-type") != "application/x-www-form-urlencoded":
            return failure("bad_data", "invalid parameter")
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        query = form.get("query", "")
        self.queries.append(query)
        if request.path.endswith("_range"):
            return self._range(query, form)
        return self.answers.get(query) or failure("bad_data", f"invalid parameter query: {query}")

    def _range(self, query: str, form: dict[str, str]) -> Response:
        try:
            start, end, step = (float(form[name]) for name in ("start", "end", "step"))
        except (KeyError, ValueError):
            return failure("bad_data", 'invalid parameter "start": cannot parse it to a valid timestamp')
        if step <= 0 or end < start or (end - start) / step > 11_000:
            return failure("bad_data", "exceeded maximum resolution of 11,000 points per timeseries")
        self.spans.append((query, start, end, step))
        return self.histories.get(query) or success("matrix", [])

    def matrix(self, query: str, *rows: tuple[dict[str, str], list[tuple[float, str]]]) -> None:
        self.histories[query] = success("matrix", [{"metric": labels, "values": values} for labels, values in rows])


def success(kind: str, result: Any) -> Response:
    return Response(200, json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode())


def failure(kind: str, error: str) -> Response:
    return Response(400, json.dumps({"status": "error", "errorType": kind, "error": error}).encode())


@asynccontextmanager
async def prometheus() -> AsyncIterator[Prometheus]:
    state = Prometheus()
    async with serving(state.handle) as url:
        state.url = url
        yield state
