"""What waits for somebody's answer, over all incidents, and the one act that answers all of it."""

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.params import QueryParameter

from tocsin.core.commands import Reason, Refused
from tocsin.core.ids import IncidentId, PersonId
from tocsin.core.limits import ROWS_PER_PAGE
from tocsin.engine.open_pages import Waiting, acknowledge_all, waiting
from tocsin.web.auth import Role, known_person
from tocsin.web.bodies import Body, Name, taken
from tocsin.web.site import TheCaller, TheSite, says


class OpenPages(msgspec.Struct, frozen=True):
    """The pages that wait for one person."""

    person: PersonId
    count: int
    pages: tuple[Waiting, ...]
    """The first of them, longest waiting first."""


class AllBody(Body, frozen=True, kw_only=True):
    """Acknowledge everything that waits for whoever asks."""

    by: Name | None = None
    """Who does it, if not the token's person; needs the role commander."""


class AllAcknowledged(msgspec.Struct, frozen=True):
    """Which incidents were acknowledged by one act."""

    incidents: tuple[IncidentId, ...]


@get("/", opt=says(Role.VIEWER))
async def listed(
    site: TheSite,
    caller: TheCaller,
    person: Annotated[str | None, QueryParameter(description="Whose; the token's person if absent.")] = None,
) -> OpenPages:
    """Answer what waits for a person's answer."""
    whose = person or caller.token.person
    if not whose:
        raise Refused(Reason.PERSON_MISSING, "nobody is named whose pages are asked for", "add ?person=…")
    known = known_person(whose, site.rules)
    found = await waiting(site.engine, known, ROWS_PER_PAGE)
    return OpenPages(known, len(site.engine.handler.awake.waiting_for(known)), found)


@post("/acknowledge", status_code=HTTPStatus.OK, opt=says(Role.RESPONDER, takes=AllBody))
async def acknowledge(request: Request[Any, Any, Any], site: TheSite, caller: TheCaller) -> AllAcknowledged:
    """Acknowledge every incident that waits for whoever asks (D2)."""
    body = await taken(request, AllBody)
    return AllAcknowledged(await acknowledge_all(site.engine, caller.actor(body.by, site.rules)))
