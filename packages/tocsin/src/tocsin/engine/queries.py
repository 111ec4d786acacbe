"""What people ask: how an incident stands, what is due in it, who is on call, what became of a page."""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace
from whenever import Instant

from tocsin.core import marks as m
from tocsin.core.commands import Situation
from tocsin.core.deadlines import deadlines
from tocsin.core.diagnostics import DiagnosticResult
from tocsin.core.escalation import describe
from tocsin.core.events import AnyEvent, DiagnosticsBegun, DiagnosticsGathered, Sample
from tocsin.core.ids import (
    ComponentId,
    DiagnosticId,
    GatheringId,
    IncidentId,
    PersonId,
    RoleName,
    RotationId,
    RuleId,
    Severity,
)
from tocsin.core.incident import Incident
from tocsin.core.judgement import commander, unproven
from tocsin.core.kinds import Kind
from tocsin.core.limits import ROOMS_LOOKED_THROUGH
from tocsin.core.messages import Link
from tocsin.core.narration import clause_of, figure, narrate
from tocsin.core.objectives import holds
from tocsin.core.oncall import duty
from tocsin.core.pointers import bridge, links
from tocsin.core.room import Room
from tocsin.core.rules import RuleKind, first
from tocsin.core.scorecard import Promise, promises
from tocsin.core.stages import Stage
from tocsin.core.watching import Progress, progress
from tocsin.engine.handler import Handler
from tocsin.engine.ledger import Ledger, obligations
from tocsin.engine.run_views import RunView, pressing, run_views
from tocsin.store.port import Headline, Store


class Due(msgspec.Struct, frozen=True):
    """Something owed in an incident."""

    rule: RuleId
    clause: str
    title: str
    kind: RuleKind
    owner: str
    due_at: Instant
    in_s: float
    """Seconds from now; negative when overdue."""


class Line(msgspec.Struct, frozen=True):
    """One entry of a timeline, ready to be read."""

    number: int
    at: Instant
    clause: str
    text: str
    event: AnyEvent


class View(msgspec.Struct, frozen=True):
    """An incident as a responder needs it."""

    id: IncidentId
    kind: Kind
    title: str
    description: str
    severity: Severity
    stage: Stage
    components: tuple[ComponentId, ...]
    level: int
    acknowledged: bool
    closed: bool
    commander: str
    roles: Mapping[RoleName, PersonId]
    responders: tuple[PersonId, ...]
    waiting_for: tuple[PersonId, ...]
    """Who was paged and has not answered."""
    declined: tuple[PersonId, ...]
    """Who said that they cannot take it."""
    detected_at: Instant | None
    opened_at: Instant | None
    resolved_at: Instant | None
    firing: int
    because: str
    clause: str
    verdict: str
    samples: tuple[Sample, ...]
    window_began_at: Instant | None
    resolvable: bool
    unproven: str
    """What is still missing before it may be called resolved."""
    room: Room | None
    """The incident's own Slack channel; null if none was asked for."""
    bridge_url: str
    """Where the responders talk; empty if this severity has no bridge (R3)."""
    proof: Progress
    """How far the proof of recovery has come (V2)."""
    next_action: str
    """The most pressing thing owed, in a sentence."""
    playbook: str
    summary: tuple[str, ...]
    """What the diagnostics found to differ from the last healthy hour."""
    suspected: tuple[str, ...]
    """Failure modes of the playbook that they recognised."""
    gathering: bool
    """Whether diagnostics are being gathered now."""
    size: int
    """How many events it has: its version."""
    runs: tuple[RunView, ...] = ()
    """What of the playbook's actions was asked for here, oldest first (M3, M4)."""
    delegate: PersonId | None = None
    """Who may approve in the commander's stead."""
    links: tuple[Link, ...] = ()
    """Where to look next: the bridge, the room, dashboards and health endpoints."""


class Measured(msgspec.Struct, frozen=True):
    """One figure of the watch."""

    title: str
    component: ComponentId
    holds: bool
    said: str
    """The figure beside its bound, in the unit a person thinks in."""
    sample: Sample


class Watch(msgspec.Struct, frozen=True):
    """How far the proof of recovery has come, and by which figures (V1, V2)."""

    incident: IncidentId
    progress: Progress
    figures: tuple[Measured, ...]
    """As they were measured last."""


class OnCall(msgspec.Struct, frozen=True):
    """Who is on call in one rotation at an instant."""

    rotation: RotationId
    name: str
    person: PersonId | None
    person_name: str


class Findings(msgspec.Struct, frozen=True):
    """One run of an incident's diagnostics: under way while ``ended_at`` is absent."""

    gathering: GatheringId
    because: str
    by: PersonId | None
    only: tuple[DiagnosticId, ...]
    began_at: Instant
    ended_at: Instant | None = None
    summary: tuple[str, ...] = ()
    suspected: tuple[str, ...] = ()
    results: tuple[DiagnosticResult, ...] = ()


class Queries:
    """Reads; never writes."""

    def __init__(self, store: Store, handler: Handler) -> None:
        self._store = store
        self._handler = handler

    async def headlines(self, *, open_only: bool, before: IncidentId | None, limit: int) -> tuple[Headline, ...]:
        """List incidents, newest first."""
        return await self._store.headlines(open_only=open_only, before=before, limit=limit)

    async def of_room(self, room: str) -> IncidentId | None:
        """Answer whose Slack channel this is, among the newest incidents."""
        newest = await self._store.headlines(limit=ROOMS_LOOKED_THROUGH) if room else ()
        return next((each.id for each in newest if each.room == room), None)

    async def view(self, incident_id: IncidentId, now: Instant) -> View | None:
        """Answer how an incident stands."""
        incident = await self._handler.load(incident_id)
        if incident is None:
            return None
        given = await self._handler.playbooks.situation(incident, now)
        due = await self.due(incident_id, now)
        missing = unproven(incident, given)
        view = _view(incident, due or (), missing, given)
        return _with_runs(view, incident, given) if incident.runs.count else view

    async def watch(self, incident_id: IncidentId, now: Instant) -> Watch | None:
        """Answer how far the proof of recovery has come."""
        incident = await self._handler.load(incident_id)
        if incident is None:
            return None
        given = await self._handler.playbooks.situation(incident, now)
        figures = tuple(Measured(one.title, one.component, holds(one), figure(one), one) for one in incident.samples)
        return Watch(incident.id, progress(incident, given), figures)

    async def due(self, incident_id: IncidentId, now: Instant) -> tuple[Due, ...] | None:
        """Answer what is owed in an incident, soonest first."""
        incident = await self._handler.load(incident_id)
        if incident is None:
            return None
        rules = await self._handler.playbooks.of(incident)
        return tuple(
            Due(
                rule=each.rule.id,
                clause=each.rule.clause,
                title=each.rule.title,
                kind=each.rule.kind,
                owner=describe(each.rule.owner) if each.rule.owner else "Tocsin",
                due_at=each.due_at,
                in_s=(each.due_at - now).total("seconds"),
            )
            for each in deadlines(rules, incident)
        )

    async def promises(self, incident_id: IncidentId) -> tuple[Promise, ...] | None:
        """Answer which targets were kept and which were missed."""
        incident = await self._handler.load(incident_id)
        if incident is None:
            return None
        rules = await self._handler.playbooks.of(incident)
        return promises(rules, await self._store.timeline(incident_id))

    async def timeline(self, incident_id: IncidentId, after: int, limit: int) -> tuple[Line, ...] | None:
        """Answer an incident's timeline, readable."""
        incident = await self._handler.load(incident_id)
        if incident is None:
            return None
        rules = await self._handler.playbooks.of(incident)
        events = await self._store.timeline(incident_id, after, limit)
        return tuple(
            Line(number, event.at, clause_of(event), narrate(event, rules), event)
            for number, event in enumerate(events, after + 1)
        )

    async def findings(self, incident_id: IncidentId) -> tuple[Findings, ...] | None:
        """Answer what an incident's diagnostics said, the newest run first."""
        if await self._handler.load(incident_id) is None:
            return None
        runs: dict[GatheringId, Findings] = {}
        for event in await self._store.timeline(incident_id):
            if isinstance(event, DiagnosticsBegun):
                runs[event.gathering] = Findings(event.gathering, event.because, event.by.person, event.only, event.at)
            elif isinstance(event, DiagnosticsGathered):
                runs[event.gathering] = replace(
                    runs[event.gathering],
                    ended_at=event.at,
                    summary=event.summary,
                    suspected=event.suspected,
                    results=event.results,
                )
        return tuple(reversed(runs.values()))

    async def ledger(self, incident_id: IncidentId) -> Ledger | None:
        """Answer what became of every alert and every message of an incident."""
        if await self._handler.load(incident_id) is None:
            return None
        alerts = await self._store.alerts_of(incident_id)
        messages = await self._store.ledger(incident_id)
        owed = obligations(await self._store.timeline(incident_id), messages)
        waiting = [entry for entry in messages if entry.state == "waiting" and entry.next_at is None]
        return Ledger(alerts, messages, max(len(waiting), sum(each.unaccounted for each in owed)), owed)

    def on_call(self, at: Instant) -> tuple[OnCall, ...]:
        """Answer who is on call in every rotation."""
        playbooks = self._handler.playbooks
        rules = playbooks.current
        now_on = duty(rules.rotations, at, playbooks.arranged.known_to(rules.people))
        on = {rotation: first(now_on, rotation) for rotation in rules.rotations}
        return tuple(
            OnCall(
                rotation.id,
                rotation.name or rotation.id,
                person := on[rotation.id],
                rules.people[person].name if person else "nobody",
            )
            for rotation in rules.rotations.values()
        )


def _with_runs(view: View, incident: Incident, given: Situation) -> View:
    runs = run_views(incident, given)
    urgent = incident.acknowledged and not incident.resolved
    return replace(
        view,
        runs=runs,
        delegate=incident.runs.delegate.person if incident.runs.delegate else None,
        next_action=(pressing(runs, given.now) if urgent else "") or view.next_action,
    )


def _view(incident: Incident, due: tuple[Due, ...], missing: str, given: Situation) -> View:
    return View(
        id=incident.id,
        kind=incident.kind,
        title=incident.title,
        description=incident.description,
        severity=incident.severity,
        stage=incident.stage,
        components=incident.components,
        level=incident.level,
        acknowledged=incident.acknowledged,
        closed=incident.closed,
        commander=commander(incident, given),
        roles=incident.roles,
        responders=incident.responders,
        declined=incident.declined,
        waiting_for=tuple(dict.fromkeys(page.person for page in incident.pages.values())),
        detected_at=incident.at(m.DETECTED),
        opened_at=incident.at(m.OPENED),
        resolved_at=incident.at(m.RESOLVED),
        firing=incident.firing,
        because=incident.evidence.because,
        clause=incident.evidence.clause,
        verdict=incident.verdict or "not measured",
        samples=incident.samples,
        window_began_at=incident.window_began_at,
        resolvable=not missing and not incident.resolved and incident.kind is Kind.INCIDENT,
        unproven="" if incident.resolved or incident.kind is not Kind.INCIDENT else missing,
        room=incident.room,
        bridge_url=bridge(incident, given.rules),
        proof=progress(incident, given),
        next_action=_next_action(incident, due, missing),
        playbook=incident.playbook_version,
        summary=incident.diagnosed.summary,
        suspected=incident.suspected,
        gathering=bool(incident.diagnosed.gatherings),
        size=incident.size,
        links=tuple(links(incident, given.rules)),
    )


def _next_action(incident: Incident, due: tuple[Due, ...], missing: str) -> str:
    if incident.resolved or incident.kind is not Kind.INCIDENT:
        owed = next((each for each in due if each.owner != "Tocsin"), None)
        return f"{owed.title}: {owed.owner}, {countdown(owed.in_s)}" if owed else "nothing is owed"
    if not incident.acknowledged:
        return "acknowledge it: nobody has it in hand"
    if not missing:
        return "resolve it: the objectives have held for the whole window"
    owed = next((each for each in due if each.owner != "Tocsin"), None)
    return f"{owed.title}: {owed.owner}, {countdown(owed.in_s)}" if owed else missing


def countdown(seconds: float) -> str:
    """Say how long until, or since, something is due."""
    minutes, rest = divmod(int(abs(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    span = f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
    return f"due in {span}" if seconds >= 0 else f"overdue by {span}"
