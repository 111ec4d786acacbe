"""Incidents: listed, shown, declared."""

from http import HTTPStatus
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, QueryParameter
from msgspec import Meta

from tocsin.core.alert import Answers, group_key
from tocsin.core.classify import classify_report
from tocsin.core.commands import Declare, Reason, Refused
from tocsin.core.events import Actor, Evidence
from tocsin.core.ids import ComponentId, IncidentId, Severity
from tocsin.core.limits import EVENTS_PER_PAGE, ROWS_PER_PAGE
from tocsin.core.scorecard import Promise
from tocsin.engine.ledger import Ledger
from tocsin.engine.queries import Due, Line, View, Watch
from tocsin.store.port import Headline
from tocsin.web.auth import Role
from tocsin.web.bodies import Body, Name, Text, taken
from tocsin.web.declaring import opened
from tocsin.web.site import Site, TheCaller, TheSite, known_component, says

T = TypeVar("T")


class Listed(msgspec.Struct, frozen=True):
    """Incidents, newest first."""

    incidents: tuple[Headline, ...]
    next: IncidentId | None
    """Where to continue: the ``before`` of the next page; null after the last."""


class Timeline(msgspec.Struct, frozen=True):
    """A stretch of a timeline."""

    events: tuple[Line, ...]
    next: int | None
    """Where to continue: the ``after`` of the next page; null after the last."""


class Owed(msgspec.Struct, frozen=True):
    """What is owed in an incident, and which targets were kept so far."""

    deadlines: tuple[Due, ...]
    promises: tuple[Promise, ...]


class DeclareBody(Body, frozen=True, kw_only=True):
    """Open an incident by hand. Without a severity it is classified by the answers (C6)."""

    title: str
    component: Name
    components: Annotated[tuple[Name, ...], Meta(max_length=200)] = ()
    """Others that are affected."""
    severity: Name | None = None
    all_users: bool = False
    data_lost: bool = False
    share: Annotated[float, Meta(ge=0, le=1)] | None = None
    """Share of operations affected, 0 to 1."""
    description: Text = ""
    room: Name = ""
    """Open a Slack channel of this name, whatever the severity (R2)."""
    by: Name | None = None
    """Who declares it, if not the token's person; needs the role commander."""


@get("/", opt=says(Role.VIEWER))
async def listed(
    site: TheSite,
    open: Annotated[bool, QueryParameter(description="Only those not resolved.")] = False,
    before: Annotated[str | None, QueryParameter(pattern=r"^[A-Za-z]+-\d{1,18}$", description="Older ones.")] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=ROWS_PER_PAGE, description="How many.")] = 50,
) -> Listed:
    """List incidents, newest first."""
    after = IncidentId(before) if before else None
    found = await site.queries.headlines(open_only=open, before=after, limit=limit + 1)
    return Listed(found[:limit], found[limit - 1].id if len(found) > limit else None)


@post("/", status_code=HTTPStatus.CREATED, opt=says(Role.RESPONDER, takes=DeclareBody))
async def declare(request: Request[Any, Any, Any], site: TheSite, caller: TheCaller) -> View:
    """Open an incident by hand; alerts of its component will attach to it."""
    body = await taken(request, DeclareBody)
    by = caller.actor(body.by, site.rules)
    components = _components(body, site)
    severity, evidence = _classified(body, components[0], by, site)
    command = Declare(
        by=by,
        incident=IncidentId(""),  # Given when it is opened.
        title=body.title,
        components=components,
        severity=severity,
        evidence=evidence,
        detected_at=site.engine.clock.now(),
        group_key=group_key(components[0], {}, site.rules.grouping.by),
        description=body.description,
        room=body.room,
    )
    return await shown(site, await opened(site, command))


def _components(body: DeclareBody, site: Site) -> tuple[ComponentId, ...]:
    named = dict.fromkeys((body.component, *body.components))
    return tuple(known_component(each, site.rules) for each in named)


def _classified(body: DeclareBody, component: ComponentId, by: Actor, site: Site) -> tuple[Severity, Evidence]:
    if body.severity is not None:
        because = f"named by {by.person or by.via}, who declared it"
        return Severity(body.severity), Evidence("person", "C1", because)
    answers = Answers(body.all_users, body.data_lost, body.share)
    found = classify_report(site.rules, {"component": component}, answers)
    return found.severity, found.evidence


@get("/{incident:str}", opt=says(Role.VIEWER))
async def show(site: TheSite, incident: FromPath[str]) -> View:
    """Answer how an incident stands and what is the most pressing thing in it."""
    return await shown(site, IncidentId(incident))


@get("/{incident:str}/timeline", opt=says(Role.VIEWER))
async def timeline(
    site: TheSite,
    incident: FromPath[str],
    after: Annotated[int, QueryParameter(ge=0, description="How many events to pass over.")] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=EVENTS_PER_PAGE, description="How many.")] = 200,
) -> Timeline:
    """Answer what happened, in order."""
    lines = found(await site.queries.timeline(IncidentId(incident), after, limit + 1), incident)
    return Timeline(lines[:limit], after + limit if len(lines) > limit else None)


@get("/{incident:str}/deadlines", opt=says(Role.VIEWER))
async def deadlines(site: TheSite, incident: FromPath[str]) -> Owed:
    """Answer what is due when, by which clause and to whom; and which targets were kept and missed (C2)."""
    owed = found(await site.queries.due(IncidentId(incident), site.engine.clock.now()), incident)
    return Owed(owed, await site.queries.promises(IncidentId(incident)) or ())


@get("/{incident:str}/ledger", opt=says(Role.VIEWER))
async def ledger(site: TheSite, incident: FromPath[str]) -> Ledger:
    """Answer what became of every alert and every message."""
    return found(await site.queries.ledger(IncidentId(incident)), incident)


@get("/{incident:str}/watch", opt=says(Role.VIEWER))
async def watch(site: TheSite, incident: FromPath[str]) -> Watch:
    """Answer how far the proof of recovery has come: since when everything holds, what is missing, the figures (V2)."""
    return found(await site.queries.watch(IncidentId(incident), site.engine.clock.now()), incident)


async def shown(site: Site, incident: IncidentId) -> View:
    """Answer how an incident stands. Raises `Refused` if there is none."""
    return found(await site.queries.view(incident, site.engine.clock.now()), incident)


def found(answer: T | None, incident: str) -> T:
    """Answer what a query found. Raises `Refused` if there is no such incident."""
    if answer is None:
        raise Refused(
            Reason.NOT_DECLARED, f'there is no incident "{incident[:80]}"', "list the incidents and check the id"
        )
    return answer


ASKED = (listed, show, timeline, deadlines, ledger, watch)
"""What only answers."""
