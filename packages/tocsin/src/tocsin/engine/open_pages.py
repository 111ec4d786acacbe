"""One answer to many pages: whoever was woken by a storm says once that they are on it."""

import asyncio
from typing import Final

import msgspec
from whenever import Instant

from tocsin.core.commands import Acknowledge, Reason, Refused
from tocsin.core.events import Actor
from tocsin.core.ids import IncidentId, PersonId, Severity
from tocsin.engine.serve import Engine

ANSWERED_AT_ONCE: Final = 500
"""Pages answered by one act, the longest waiting first. Whoever has more answers again."""


class Waiting(msgspec.Struct, frozen=True):
    """One incident that waits for somebody's answer."""

    incident: IncidentId
    title: str
    severity: Severity
    paged_at: Instant


async def waiting(engine: Engine, person: PersonId, limit: int) -> tuple[Waiting, ...]:
    """Answer what waits for a person's answer, longest first."""
    found: list[Waiting] = []
    for incident_id in engine.handler.awake.waiting_for(person)[:limit]:
        incident = await engine.handler.load(incident_id)
        pages = [page.paged_at for page in incident.pages.values() if page.person == person] if incident else []
        if incident is not None and pages:
            found.append(Waiting(incident_id, incident.title, incident.severity, min(pages)))
    return tuple(found)


async def acknowledge_all(engine: Engine, by: Actor) -> tuple[IncidentId, ...]:
    """Acknowledge every incident that waits for whoever says so; answer which. Raises `Refused` if nobody does.

    Each incident decides by itself. What could not be kept raises, and saying it again answers only what is left.
    """
    if by.person is None:
        raise Refused(
            Reason.PERSON_MISSING, "nobody is named who acknowledges", "use a token or a link that names a person"
        )
    asked = engine.handler.awake.waiting_for(by.person)[:ANSWERED_AT_ONCE]
    answers = await asyncio.gather(*(_acknowledged(engine, incident, by) for incident in asked))
    return tuple(incident for incident in answers if incident is not None)


async def _acknowledged(engine: Engine, incident: IncidentId, by: Actor) -> IncidentId | None:
    try:
        events = await engine.handle(incident, Acknowledge(by=by))
    except Refused:
        return None  # Resolved in the meantime: it asks for nothing any more.
    return incident if events else None
