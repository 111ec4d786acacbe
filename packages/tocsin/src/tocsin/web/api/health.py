"""How Tocsin itself is: for load balancers and for Prometheus."""

import msgspec
from litestar import Response, get
from whenever import Instant

from tocsin.store.port import Unaccounted
from tocsin.web.auth import Role
from tocsin.web.site import VERSION, TheSite, says

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


class Health(msgspec.Struct, frozen=True):
    """Tocsin is up and its store answers."""

    status: str
    version: str
    playbook: str
    now: Instant
    """By the server's clock."""
    beat_at: Instant | None
    """When the engine last proved that every loop steps and the store commits; a watchdog looks at this."""


@get("/health", opt=says(None))
async def health(site: TheSite) -> Health:
    """Answer 200 while the store answers; open to everybody."""
    await site.engine.store.next_due_at()
    engine = site.engine
    return Health("ok", VERSION, site.rules.version, engine.clock.now(), engine.pulse.beat_at)


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
    return Response(engine.telemetry.exposition(), media_type=EXPOSITION)
