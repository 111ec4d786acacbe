"""Makes the HTTP application of a service: its own paths, `/health`, `/metrics` and `/admin/faults`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agentic_flow import VERSION
from agentic_flow.chassis.component import Component
from agentic_flow.chassis.faults import FaultDesk, Faults
from agentic_flow.chassis.problem import Problem, answer_fault, answer_http_error, answer_problem
from agentic_flow.chassis.settings import SettingsError


@dataclass(frozen=True)
class Access:
    """Who may break things: nobody, unless faults are allowed, and then only with the token."""

    allow_faults: bool = False
    token: str = ""

    def __post_init__(self) -> None:
        if self.allow_faults and not self.token:
            raise SettingsError("faults need a token: set ADMIN_TOKEN")


def make_app(component: Component, access: Access) -> Starlette:
    """Put a service behind HTTP."""
    faults = Faults(component.faults(), component.metrics)
    desk = FaultDesk(faults, access.allow_faults, access.token)
    status = _Status(component, faults)
    return Starlette(
        routes=[
            *component.routes(),
            Route("/health", status.health),
            Route("/metrics", status.metrics),
            Route("/admin/faults", desk.handle, methods=["GET", "POST", "DELETE"]),
        ],
        exception_handlers={
            Problem: answer_problem,
            HTTPException: answer_http_error,
            Exception: answer_fault,
        },
        lifespan=_lifespan(component, faults),
    )


def _lifespan(component: Component, faults: Faults):  # type: ignore[no-untyped-def]
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        component.start()
        try:
            yield
        finally:
            faults.end_all()
            component.stop()

    return lifespan


class _Status:
    def __init__(self, component: Component, faults: Faults) -> None:
        self._component = component
        self._faults = faults
        self._since = monotonic()

    async def health(self, _: Request) -> Response:
        health = self._component.health()
        document = {
            "status": "healthy" if health.healthy else "unhealthy",
            "component": self._component.name,
            "version": VERSION,
            "release": health.release,
            "uptime_s": round(monotonic() - self._since, 3),
            "faults": self._faults.active(),
            **health.detail,
        }
        status = 200 if health.healthy else 503
        return Response(msgspec.json.encode(document), status_code=status, media_type="application/json")

    async def metrics(self, _: Request) -> Response:
        return self._component.metrics.exposition()
