"""The incident: a fold over its timeline. Nothing else is its truth.

`evolve` takes one event, `fold` takes many. Each event type has one small function below; the table at the end is the
only branch. What a deadline or a decision needs is kept, what only a reader needs stays in the timeline.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace
from whenever import Instant

from tocsin.core import marks as m
from tocsin.core import pages as p
from tocsin.core import runs as r
from tocsin.core.events import (
    Acknowledged,
    AcknowledgmentExtended,
    AlertsAttached,
    AlertsCleared,
    AnyEvent,
    ApprovalDelegated,
    ComponentAdded,
    Concluded,
    DeadlineMissed,
    Evidence,
    FlagRaised,
    IncidentClosed,
    IncidentDeclared,
    IncidentReopened,
    IncidentResolved,
    LevelRaised,
    MilestoneReached,
    MitigationApplied,
    MitigationApproved,
    MitigationEnded,
    MitigationJudged,
    MitigationProposed,
    MitigationRejected,
    MitigationStarted,
    MitigationWithdrawn,
    NobodyOnCall,
    NobodyReachable,
    NoteAdded,
    NotificationFailed,
    ObjectivesMeasured,
    PageAttemptFailed,
    PageDeclined,
    PageDelivered,
    PageRepeated,
    PersonPaged,
    PersonUnreachable,
    ReliefAsked,
    ResponderRelieved,
    RoleAssigned,
    RoomStepFailed,
    Sample,
    SeverityLowered,
    SeverityRaised,
    SpreadNoticed,
    StageChanged,
    StepTaken,
    UpdatePosted,
    Verdict,
)
from tocsin.core.ids import ComponentId, IncidentId, IntentId, PersonId, RoleName, RotationId, Severity
from tocsin.core.kinds import Kind
from tocsin.core.limits import ROOM_NOTES_REMEMBERED, UNDELIVERED_REMEMBERED
from tocsin.core.pages import Pages
from tocsin.core.room import CHANGING, Room, changed
from tocsin.core.sent import Sent, sent_after
from tocsin.core.stages import Stage, later_than
from tocsin.core.utterance import Utterance


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Where an incident stands after its events so far."""

    id: IncidentId
    size: int
    """How many events it is folded from: its version."""
    title: str
    description: str
    components: tuple[ComponentId, ...]
    severity: Severity
    severity_since: Instant
    evidence: Evidence
    stage: Stage
    marks: m.Marks
    group_key: str
    playbook_version: str
    last_at: Instant
    level: int = 0
    firing: int = 0
    worst: Severity | None = None
    firing_by: Mapping[Severity, int] = {}
    """How many of its alerts fire, by severity."""
    responders: tuple[PersonId, ...] = ()
    """Who acknowledged, first one first."""
    shifts: Mapping[PersonId, Instant] = {}
    """Until when the acknowledgments of those are good whose shift ends."""
    leaving: tuple[PersonId, ...] = ()
    """Who is to be relieved, and stays until somebody else has answered."""
    asked_since: Instant | None = None
    """When the ladder began anew because the last one in charge was let go."""
    roles: Mapping[RoleName, PersonId] = {}
    pages: Pages = {}
    sent: tuple[Sent, ...] = ()
    """The messages that carried its pages, until it is resolved."""
    declined: tuple[PersonId, ...] = ()
    """Who said that they cannot take it, since it was opened or grew worse."""
    verdict: Verdict | None = None
    samples: tuple[Sample, ...] = ()
    samples_before: tuple[Sample, ...] = ()
    """What was measured last before the last mitigation (M5)."""
    runs: r.Runs = r.Runs()
    """What of the playbook's actions was asked for, approved and done (M3, M4)."""
    window_began_at: Instant | None = None
    measured_at: Instant | None = None
    said: Utterance | None = None
    last_began: AlertsAttached | None = None
    last_ended: AlertsCleared | None = None
    undelivered: tuple[IntentId, ...] = ()
    """The notices given up last, by which a failure told twice is known."""
    room: Room | None = None
    """The incident's own Slack channel, as far as it has come."""
    noted: tuple[str, ...] = ()
    """The messages of the room that stand in the timeline already."""
    kind: Kind = Kind.INCIDENT
    rotation: RotationId | None = None
    """Of a hand-off: whose shift changes."""
    outcome: str = ""
    """Of an errand that is over: how it ended."""

    @property
    def resolved(self) -> bool:
        """Tell whether it is resolved or closed."""
        return self.stage is Stage.RESOLVED

    @property
    def closed(self) -> bool:
        """Tell whether nothing is owed any more."""
        return m.CLOSED in self.marks

    @property
    def acknowledged(self) -> bool:
        """Tell whether somebody has it in hand."""
        return m.ACKNOWLEDGED in self.marks

    def at(self, name: m.MarkName) -> Instant | None:
        """Answer when a mark was last set."""
        mark = self.marks.get(name)
        return mark.last if mark else None


def fold(incident: Incident | None, events: Iterable[AnyEvent]) -> Incident | None:
    """Answer the incident after more events."""
    for event in events:
        incident = evolve(incident, event)
    return incident


def evolve(incident: Incident | None, event: AnyEvent) -> Incident:
    """Answer the incident after one more event."""
    if isinstance(event, IncidentDeclared):
        assert incident is None, "an incident is declared once"
        return _declared(event)
    assert incident is not None, "a timeline begins with its declaration"
    grown = _EVOLUTIONS.get(type(event), _unchanged)(incident, event)
    sent = sent_after(incident.sent, event, incident.id, incident.size + 1)
    return replace(grown, size=incident.size + 1, last_at=max(incident.last_at, event.at), sent=sent)


def _declared(event: IncidentDeclared) -> Incident:
    marks = m.marked({}, event.detected_at, m.DETECTED)
    return Incident(
        id=event.incident,
        size=1,
        title=event.title,
        description=event.description,
        components=(event.component,) if event.component else (),
        severity=event.severity,
        severity_since=event.at,
        evidence=event.evidence,
        stage=Stage.INVESTIGATING,
        marks=m.announced(
            m.marked(marks, event.at, m.OPENED, m.at_stage(Stage.INVESTIGATING)), event.at, event.scheduled_at
        ),
        group_key=event.group_key,
        playbook_version=event.playbook_version,
        last_at=event.at,
        kind=event.kind,
        rotation=event.rotation,
    )


def _unchanged(incident: Incident, _: Any) -> Incident:
    return incident


def _mark(incident: Incident, event: AnyEvent, *names: m.MarkName) -> Incident:
    return replace(incident, marks=m.marked(incident.marks, event.at, *names))


def _response(incident: Incident, event: AnyEvent, *names: m.MarkName) -> Incident:
    """A person acted. After the acknowledgment, that is a response (C2)."""
    if event.by.person is not None and incident.acknowledged:
        names = (*names, m.RESPONDED)
    return _mark(incident, event, *names)


def _said(incident: Incident, event: AnyEvent, where: str, text: str) -> Incident:
    return replace(incident, said=Utterance(event.by.person, where, text, event.at))


def _alerts_attached(incident: Incident, event: AlertsAttached) -> Incident:
    return replace(incident, firing=event.firing, worst=event.worst, firing_by=event.by_severity, last_began=event)


def _alerts_cleared(incident: Incident, event: AlertsCleared) -> Incident:
    after = replace(incident, firing=event.firing, worst=event.worst, firing_by=event.by_severity, last_ended=event)
    return _mark(after, event, m.IMPROVED) if event.improved else after


def _severity_raised(incident: Incident, event: SeverityRaised) -> Incident:
    return replace(
        incident,
        severity=event.after,
        severity_since=event.at,
        evidence=event.evidence,
        title=event.title or incident.title,
        declined=(),
    )


def _severity_lowered(incident: Incident, event: SeverityLowered) -> Incident:
    return replace(incident, severity=event.after, severity_since=event.at)


def _component_added(incident: Incident, event: ComponentAdded) -> Incident:
    return replace(incident, components=(*incident.components, event.component))


def _spread_noticed(incident: Incident, event: SpreadNoticed) -> Incident:
    return _mark(incident, event, m.SPREAD)


def _stage_changed(incident: Incident, event: StageChanged) -> Incident:
    # Going back means that the later stages were not reached after all; else "Monitoring" would end E5 for ever.
    forgotten = m.without(incident.marks, *(m.at_stage(stage) for stage in later_than(event.after)))
    after = replace(incident, stage=event.after, marks=forgotten, window_began_at=None)
    return _response(after, event, m.at_stage(event.after))


def _acknowledged(incident: Incident, event: Acknowledged) -> Incident:
    person = event.by.person
    assert person is not None, "only a person can acknowledge"
    waiting: Pages = {key: page for key, page in incident.pages.items() if page.person != person}
    if event.takes_command:
        waiting = p.in_hand(waiting)
    responders = incident.responders if person in incident.responders else (*incident.responders, person)
    shifts = {**incident.shifts, person: event.until} if event.until else incident.shifts
    declined = tuple(each for each in incident.declined if each != person)
    after = replace(incident, responders=responders, declined=declined, pages=waiting, shifts=shifts)
    if not event.takes_command:
        return after
    # The first one to take it in hand counts: another who joins later does not start the response's time again (C2).
    return _mark(after, event, m.ANSWERED) if after.acknowledged else _mark(after, event, m.ACKNOWLEDGED, m.ANSWERED)


def _relief_asked(incident: Incident, event: ReliefAsked) -> Incident:
    shifts = {person: at for person, at in incident.shifts.items() if person != event.person}
    return _mark(replace(incident, shifts=shifts, leaving=(*incident.leaving, event.person)), event, m.RELIEF_ASKED)


def _responder_relieved(incident: Incident, event: ResponderRelieved) -> Incident:
    gone = event.person
    after = replace(
        incident,
        responders=tuple(person for person in incident.responders if person != gone),
        leaving=tuple(person for person in incident.leaving if person != gone),
        shifts={person: at for person, at in incident.shifts.items() if person != gone},
        roles={role: person for role, person in incident.roles.items() if person != gone},
        pages={key: page for key, page in incident.pages.items() if page.person != gone},
    )
    if not event.asks_again:
        return after
    # Nobody has it in hand: what asked for that asks again, and from now on.
    return replace(after, marks=m.without(after.marks, m.ACKNOWLEDGED, m.RESPONDED), asked_since=event.at)


def _acknowledgment_extended(incident: Incident, event: AcknowledgmentExtended) -> Incident:
    shifts = {person: at for person, at in incident.shifts.items() if person != event.person}
    return replace(incident, shifts=shifts | {event.person: event.until} if event.until else shifts)


def _role_assigned(incident: Incident, event: RoleAssigned) -> Incident:
    return replace(incident, roles={**incident.roles, event.role: event.person})


def _note_added(incident: Incident, event: NoteAdded) -> Incident:
    after = _said(_response(incident, event), event, "note", event.text)
    return replace(after, noted=(*after.noted, event.source)[-ROOM_NOTES_REMEMBERED:]) if event.source else after


def _room_changed(incident: Incident, event: AnyEvent) -> Incident:
    return replace(incident, room=changed(incident.room, event))


def _room_step_failed(incident: Incident, event: RoomStepFailed) -> Incident:
    undelivered = (*incident.undelivered, event.intent)[-UNDELIVERED_REMEMBERED:]
    return replace(_room_changed(incident, event), undelivered=undelivered)


def _update_posted(incident: Incident, event: UpdatePosted) -> Incident:
    after = _response(incident, event, m.UPDATED, m.updated(event.audience))
    return _said(after, event, event.audience, event.text)


def _mitigation_applied(incident: Incident, event: MitigationApplied) -> Incident:
    by_hand = replace(incident.runs, awaiting=None)
    after = replace(incident, samples_before=incident.samples, runs=by_hand)
    return _said(_response(_unjudged(after), event, m.MITIGATED), event, "mitigation", event.what)


def _unjudged(incident: Incident) -> Incident:
    """Forget the last judgement: nothing has been said of what was done now."""
    return replace(incident, marks=m.without(incident.marks, m.JUDGED))


def _mitigation_judged(incident: Incident, event: MitigationJudged) -> Incident:
    after = replace(incident, runs=r.judged(incident.runs, event.run, event.verdict))
    return _mark(after, event, m.JUDGED)


def _run(change: Callable[[r.Runs, Any], r.Runs]) -> Callable[[Incident, Any], Incident]:
    """Make the evolution of an event that is about a run. A person's part in it is a response (C2)."""
    return lambda incident, event: _response(replace(incident, runs=change(incident.runs, event)), event)


def _mitigation_ended(incident: Incident, event: MitigationEnded) -> Incident:
    after = replace(incident, runs=r.ended(incident.runs, event))
    if not r.first_change(incident.runs, event):
        return after
    before = incident.runs.by_id[event.run].samples_before or incident.samples
    return _mark(_unjudged(replace(after, samples_before=before)), event, m.MITIGATED)


def _flag_raised(incident: Incident, event: FlagRaised) -> Incident:
    return _response(incident, event, m.flagged(event.flag))


def _milestone_reached(incident: Incident, event: MilestoneReached) -> Incident:
    return _mark(incident, event, m.milestone(event.milestone))


def _level_raised(incident: Incident, event: LevelRaised) -> Incident:
    return _mark(replace(incident, level=event.level), event, m.at_level(event.level))


def _rule_answered(incident: Incident, event: StepTaken | DeadlineMissed) -> Incident:
    return _mark(incident, event, m.ruled(event.rule))


def _person_paged(incident: Incident, event: PersonPaged) -> Incident:
    return replace(incident, pages=p.paged(incident.pages, event))


def _page_repeated(incident: Incident, event: PageRepeated) -> Incident:
    return replace(incident, pages=p.repeated(incident.pages, event))


def _page_delivered(incident: Incident, event: PageDelivered) -> Incident:
    return replace(incident, pages=p.delivered(incident.pages, event))


def _page_attempt_failed(incident: Incident, event: PageAttemptFailed) -> Incident:
    return replace(incident, pages=p.moved_on(incident.pages, event))


def _page_in_vain(incident: Incident, event: PersonUnreachable | PageDeclined) -> Incident:
    """Nobody will answer this page; a row whose every page is in vain is not waited for."""
    pages = {key: page for key, page in incident.pages.items() if key != event.page}
    after = replace(incident, pages=pages)
    if isinstance(event, PageDeclined) and event.person not in incident.declined:
        after = replace(after, declined=(*incident.declined, event.person))
    if event.rule is None or any(page.rule == event.rule for page in pages.values()):
        return after
    return _mark(after, event, m.emptied(event.rule))


def _notification_failed(incident: Incident, event: NotificationFailed) -> Incident:
    return replace(incident, undelivered=(*incident.undelivered, event.intent)[-UNDELIVERED_REMEMBERED:])


def _nobody_on_call(incident: Incident, event: NobodyOnCall) -> Incident:
    return _mark(incident, event, m.emptied(event.rule))


def _nobody_reachable(incident: Incident, event: NobodyReachable) -> Incident:
    return _mark(incident, event, m.UNREACHED)


def _objectives_measured(incident: Incident, event: ObjectivesMeasured) -> Incident:
    after = replace(
        incident,
        verdict=event.verdict,
        samples=event.samples,
        measured_at=event.at,
        window_began_at=event.window_began_at,
    )
    return _mark(after, event, m.MEASURED)


def _incident_resolved(incident: Incident, event: IncidentResolved) -> Incident:
    after = replace(incident, stage=Stage.RESOLVED, pages={})
    return _mark(after, event, m.RESOLVED, m.at_stage(Stage.RESOLVED))


def _incident_reopened(incident: Incident, event: IncidentReopened) -> Incident:
    forgotten = m.without(
        incident.marks,
        m.RESOLVED,
        m.ACKNOWLEDGED,
        m.RESPONDED,
        m.SPREAD,
        *(m.at_stage(stage) for stage in later_than(Stage.INVESTIGATING)),
        *(name for name in incident.marks if name.startswith(("level.", "empty."))),
    )
    after = replace(
        incident,
        stage=Stage.INVESTIGATING,
        severity_since=event.at,
        responders=(),  # Whoever slept well since must be asked again.
        shifts={},
        leaving=(),
        declined=(),
        level=0,
        window_began_at=None,
        marks=m.marked(forgotten, event.detected_at, m.DETECTED),
    )
    return _mark(after, event, m.OPENED, m.REOPENED, m.at_stage(Stage.INVESTIGATING))


def _incident_closed(incident: Incident, event: IncidentClosed) -> Incident:
    return _mark(incident, event, m.CLOSED)


def _concluded(incident: Incident, event: Concluded) -> Incident:
    after = replace(incident, stage=Stage.RESOLVED, pages={}, outcome=event.outcome)
    return _mark(after, event, m.RESOLVED, m.CLOSED)


_EVOLUTIONS: Mapping[type, Callable[[Incident, Any], Incident]] = {
    **dict.fromkeys(CHANGING, _room_changed),
    RoomStepFailed: _room_step_failed,
    AlertsAttached: _alerts_attached,
    AlertsCleared: _alerts_cleared,
    SeverityRaised: _severity_raised,
    SeverityLowered: _severity_lowered,
    ComponentAdded: _component_added,
    SpreadNoticed: _spread_noticed,
    StageChanged: _stage_changed,
    Acknowledged: _acknowledged,
    ReliefAsked: _relief_asked,
    ResponderRelieved: _responder_relieved,
    AcknowledgmentExtended: _acknowledgment_extended,
    RoleAssigned: _role_assigned,
    NoteAdded: _note_added,
    UpdatePosted: _update_posted,
    MitigationApplied: _mitigation_applied,
    MitigationProposed: _run(r.proposed),
    MitigationApproved: _run(r.approved),
    MitigationRejected: _run(r.rejected),
    MitigationWithdrawn: _run(r.withdrawn),
    MitigationStarted: _run(r.started),
    MitigationEnded: _mitigation_ended,
    ApprovalDelegated: _run(r.delegated),
    MitigationJudged: _mitigation_judged,
    FlagRaised: _flag_raised,
    MilestoneReached: _milestone_reached,
    LevelRaised: _level_raised,
    StepTaken: _rule_answered,
    DeadlineMissed: _rule_answered,
    PersonPaged: _person_paged,
    PageRepeated: _page_repeated,
    PageDelivered: _page_delivered,
    PageAttemptFailed: _page_attempt_failed,
    PersonUnreachable: _page_in_vain,
    PageDeclined: _page_in_vain,
    NotificationFailed: _notification_failed,
    NobodyOnCall: _nobody_on_call,
    NobodyReachable: _nobody_reachable,
    ObjectivesMeasured: _objectives_measured,
    IncidentResolved: _incident_resolved,
    IncidentReopened: _incident_reopened,
    IncidentClosed: _incident_closed,
    Concluded: _concluded,
}
