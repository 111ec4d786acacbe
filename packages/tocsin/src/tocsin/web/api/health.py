"""How Tocsin itself is: for load balancers and for Prometheus."""

from typing import Final, Literal

import msgspec
from litestar import Response, get
from whenever import Instant

from tocsin.core.ids import IncidentId
from tocsin.store.port import Unaccounted
from tocsin.web.auth import Role
from tocsin.web.site import VERSION, TheSite, says

_NAMED: Final = 20
"""Incidents named in the answer; the metric counts all."""

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


class Health(msgspec.Struct, frozen=True):
    """Tocsin is up and its store answers."""

    status: Literal["ok", "degraded"]
    """``degraded``: an incident has nobody who answers (E4), or ``beat_at`` is too long ago."""
    version: str
    playbook: str
    now: Instant
    """By the server's clock."""
    beat_at: Instant | None
    """When the engine last proved that every loop steps and the store commits; a watchdog looks at this."""
    nobody_reachable: tuple[IncidentId, ...] = ()
    """The first incidents in which nobody answers."""


@get("/health", opt=says(None))
async def health(site: TheSite) -> Health:
    """Answer 200 while the store answers; open to everybody. Restarting it would not wake anybody."""
    await site.engine.store.next_due_at()
    unreached = tuple(site.engine.handler.awake.unreached)
    engine = site.engine
    now = engine.clock.now()
    status: Literal["ok", "degraded"] = "degraded" if unreached or engine.pulse.overdue(now) else "ok"
    return Health(status, VERSION, site.rules.version, now, engine.pulse.beat_at, unreached[:_NAMED])


@get("/unaccounted", opt=says(Role.VIEWER))
async def unaccounted(site: TheSite) -> Unaccounted:
    """Name what nobody owes: alerts, timelines, messages. All empty, or something is broken."""
    return await site.engine.store.unaccounted()


@get("/metrics", opt=says(Role.VIEWER, answers=str, media_type="text/plain"))
async def metrics(site: TheSite) -> Response[bytes]:
    """Answer Tocsin's own figures as Prometheus reads them."""
    engine = site.engine
    now = engine.clock.now()
    engine.telemetry.counted(await engine.store.counts(now), now)
    engine.telemetry.nobody_reachable.set(len(engine.handler.awake.unreached))
    return Response(engine.telemetry.exposition(), media_type=EXPOSITION)
