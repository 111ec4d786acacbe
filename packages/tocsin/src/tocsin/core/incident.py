"""The incident: a fold over its timeline. Nothing else is its truth.

`evolve` takes one event, `fold` takes many. Each event type has one small function below; the table at the end is the
only branch. What a deadline or a decision needs is kept, what only a reader needs stays in the timeline.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace
from whenever import Instant

from tocsin.core import events as e
from tocsin.core import marks as m
from tocsin.core import pages as p
from tocsin.core import runs as r
from tocsin.core.actions import FailureModeId
from tocsin.core.diagnosed import Diagnosed
from tocsin.core.ids import ComponentId, IncidentId, IntentId, PersonId, RoleName, RotationId, Severity
from tocsin.core.kinds import Kind
from tocsin.core.limits import ROOM_NOTES_REMEMBERED, UNDELIVERED_REMEMBERED
from tocsin.core.pages import Pages
from tocsin.core.room import CHANGING, Bridge, Room, bridged, changed
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
    evidence: e.Evidence
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
    acted: Mapping[PersonId, Instant] = {}
    """When each responder last did something in it."""
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
    verdict: e.Verdict | None = None
    samples: tuple[e.Sample, ...] = ()
    samples_before: tuple[e.Sample, ...] = ()
    """What was measured last before the last mitigation (M5)."""
    runs: r.Runs = r.Runs()
    """What of the playbook's actions was asked for, approved and done (M3, M4)."""
    window_began_at: Instant | None = None
    measured_at: Instant | None = None
    said: Utterance | None = None
    last_began: e.AlertsAttached | None = None
    last_ended: e.AlertsCleared | None = None
    undelivered: tuple[IntentId, ...] = ()
    """The notices given up last, by which a failure told twice is known."""
    room: Room | None = None
    """The incident's own Slack channel, as far as it has come."""
    bridge: Bridge | None = None
    """The incident's own call, as far as it has come; None: none was asked for."""
    noted: tuple[str, ...] = ()
    """The messages of the room that stand in the timeline already."""
    kind: Kind = Kind.INCIDENT
    rotation: RotationId | None = None
    """Of a hand-off: whose shift changes."""
    outcome: str = ""
    """Of an errand that is over: how it ended."""
    diagnosed: Diagnosed = Diagnosed()
    """What its diagnostics said, and which are under way."""

    @property
    def suspected(self) -> tuple[FailureModeId, ...]:
        """Answer the failure modes of the playbook that its diagnostics recognised, the likeliest first."""
        return self.diagnosed.suspected

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


def fold(incident: Incident | None, events: Iterable[e.AnyEvent]) -> Incident | None:
    """Answer the incident after more events."""
    for event in events:
        incident = evolve(incident, event)
    return incident


def evolve(incident: Incident | None, event: e.AnyEvent) -> Incident:
    """Answer the incident after one more event."""
    if isinstance(event, e.IncidentDeclared):
        assert incident is None, "an incident is declared once"
        return _declared(event)
    assert incident is not None, "a timeline begins with its declaration"
    grown = _EVOLUTIONS.get(type(event), _unchanged)(incident, event)
    size, last_at, person = incident.size + 1, max(incident.last_at, event.at), event.by.person
    sent = sent_after(incident.sent, event, incident.id, size)
    if person is None or person not in grown.responders:
        return replace(grown, size=size, last_at=last_at, sent=sent)
    return replace(grown, size=size, last_at=last_at, sent=sent, acted={**grown.acted, person: event.at})


def _declared(event: e.IncidentDeclared) -> Incident:
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


def _mark(incident: Incident, event: e.AnyEvent, *names: m.MarkName) -> Incident:
    return replace(incident, marks=m.marked(incident.marks, event.at, *names))


def _response(incident: Incident, event: e.AnyEvent, *names: m.MarkName) -> Incident:
    """A person acted. After the acknowledgment, that is a response (C2)."""
    if event.by.person is not None and incident.acknowledged:
        names = (*names, m.RESPONDED)
    return _mark(incident, event, *names)


def _said(incident: Incident, event: e.AnyEvent, where: str, text: str) -> Incident:
    return replace(incident, said=Utterance(event.by.person, where, text, event.at))


def _alerts_attached(incident: Incident, event: e.AlertsAttached) -> Incident:
    return replace(incident, firing=event.firing, worst=event.worst, firing_by=event.by_severity, last_began=event)


def _alerts_cleared(incident: Incident, event: e.AlertsCleared) -> Incident:
    after = replace(incident, firing=event.firing, worst=event.worst, firing_by=event.by_severity, last_ended=event)
    return _mark(after, event, m.IMPROVED) if event.improved else after


def _severity_raised(incident: Incident, event: e.SeverityRaised) -> Incident:
    return replace(
        incident,
        severity=event.after,
        severity_since=event.at,
        evidence=event.evidence,
        title=event.title or incident.title,
        declined=(),
    )


def _severity_lowered(incident: Incident, event: e.SeverityLowered) -> Incident:
    return replace(incident, severity=event.after, severity_since=event.at)


def _component_added(incident: Incident, event: e.ComponentAdded) -> Incident:
    # What was proven was proven of the others: the watch must see all of them hold together (V1).
    return replace(incident, components=(*incident.components, event.component), window_began_at=None)


def _spread_noticed(incident: Incident, event: e.SpreadNoticed) -> Incident:
    return _mark(incident, event, m.SPREAD)


def _stage_changed(incident: Incident, event: e.StageChanged) -> Incident:
    # Going back means that the later stages were not reached after all; else "Monitoring" would end E5 for ever.
    forgotten = m.without(incident.marks, *(m.at_stage(stage) for stage in later_than(event.after)))
    after = replace(incident, stage=event.after, marks=forgotten, window_began_at=None)
    return _response(after, event, m.at_stage(event.after))


def _acknowledged(incident: Incident, event: e.Acknowledged) -> Incident:
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


def _relief_asked(incident: Incident, event: e.ReliefAsked) -> Incident:
    shifts = {person: at for person, at in incident.shifts.items() if person != event.person}
    return _mark(replace(incident, shifts=shifts, leaving=(*incident.leaving, event.person)), event, m.RELIEF_ASKED)


def _responder_relieved(incident: Incident, event: e.ResponderRelieved) -> Incident:
    gone = event.person
    after = replace(
        incident,
        responders=tuple(person for person in incident.responders if person != gone),
        leaving=tuple(person for person in incident.leaving if person != gone),
        acted={person: at for person, at in incident.acted.items() if person != gone},
        shifts={person: at for person, at in incident.shifts.items() if person != gone},
        roles={role: person for role, person in incident.roles.items() if person != gone},
        pages={key: page for key, page in incident.pages.items() if page.person != gone},
    )
    if not event.asks_again:
        return after
    # Nobody has it in hand: what asked for that asks again, and from now on.
    return replace(after, marks=m.without(after.marks, m.ACKNOWLEDGED, m.RESPONDED), asked_since=event.at)


def _acknowledgment_extended(incident: Incident, event: e.AcknowledgmentExtended) -> Incident:
    shifts = {person: at for person, at in incident.shifts.items() if person != event.person}
    return replace(incident, shifts=shifts | {event.person: event.until} if event.until else shifts)


def _role_assigned(incident: Incident, event: e.RoleAssigned) -> Incident:
    return replace(incident, roles={**incident.roles, event.role: event.person})


def _note_added(incident: Incident, event: e.NoteAdded) -> Incident:
    after = _said(_response(incident, event), event, "note", event.text)
    return replace(after, noted=(*after.noted, event.source)[-ROOM_NOTES_REMEMBERED:]) if event.source else after


def _room_changed(incident: Incident, event: e.AnyEvent) -> Incident:
    return replace(incident, room=changed(incident.room, event))


def _room_step_failed(incident: Incident, event: e.RoomStepFailed) -> Incident:
    undelivered = (*incident.undelivered, event.intent)[-UNDELIVERED_REMEMBERED:]
    return replace(_room_changed(incident, event), undelivered=undelivered)


def _bridged(incident: Incident, event: e.BridgeAsked | e.BridgeOpened | e.BridgeFailed) -> Incident:
    return replace(incident, bridge=bridged(incident.bridge, event))


def _bridge_failed(incident: Incident, event: e.BridgeFailed) -> Incident:
    undelivered = (*incident.undelivered, event.intent)[-UNDELIVERED_REMEMBERED:]
    return replace(_bridged(incident, event), undelivered=undelivered)


def _update_posted(incident: Incident, event: e.UpdatePosted) -> Incident:
    after = _response(incident, event, m.UPDATED, m.updated(event.audience))
    return _said(after, event, event.audience, event.text)


def _mitigation_applied(incident: Incident, event: e.MitigationApplied) -> Incident:
    by_hand = replace(incident.runs, awaiting=None)
    after = replace(incident, samples_before=incident.samples, runs=by_hand, window_began_at=None)
    return _said(_response(_unjudged(after), event, m.MITIGATED), event, "mitigation", event.what)


def _unjudged(incident: Incident) -> Incident:
    """Forget the last judgement: nothing has been said of what was done now."""
    return replace(incident, marks=m.without(incident.marks, m.JUDGED))


def _mitigation_judged(incident: Incident, event: e.MitigationJudged) -> Incident:
    after = replace(incident, runs=r.judged(incident.runs, event.run, event.verdict))
    return _mark(after, event, m.JUDGED)


def _run(change: Callable[[r.Runs, Any], r.Runs]) -> Callable[[Incident, Any], Incident]:
    """Make the evolution of an event that is about a run. A person's part in it is a response (C2)."""
    return lambda incident, event: _response(replace(incident, runs=change(incident.runs, event)), event)


def _mitigation_ended(incident: Incident, event: e.MitigationEnded) -> Incident:
    after = replace(incident, runs=r.ended(incident.runs, event))
    if not r.first_change(incident.runs, event):
        return after
    before = incident.runs.by_id[event.run].samples_before or incident.samples
    # The watch is over what is there after the last mitigation: what held before it proves nothing of it (V2).
    return _mark(_unjudged(replace(after, samples_before=before, window_began_at=None)), event, m.MITIGATED)


def _flag_raised(incident: Incident, event: e.FlagRaised) -> Incident:
    return _response(incident, event, m.flagged(event.flag))


def _milestone_reached(incident: Incident, event: e.MilestoneReached) -> Incident:
    return _mark(incident, event, m.milestone(event.milestone))


def _level_raised(incident: Incident, event: e.LevelRaised) -> Incident:
    return _mark(replace(incident, level=event.level), event, m.at_level(event.level))


def _rule_answered(incident: Incident, event: e.StepTaken | e.DeadlineMissed) -> Incident:
    return _mark(incident, event, m.ruled(event.rule))


def _person_paged(incident: Incident, event: e.PersonPaged) -> Incident:
    return replace(incident, pages=p.paged(incident.pages, event))


def _page_repeated(incident: Incident, event: e.PageRepeated) -> Incident:
    return replace(incident, pages=p.repeated(incident.pages, event))


def _page_delivered(incident: Incident, event: e.PageDelivered) -> Incident:
    return replace(incident, pages=p.delivered(incident.pages, event))


def _page_attempt_failed(incident: Incident, event: e.PageAttemptFailed) -> Incident:
    return replace(incident, pages=p.moved_on(incident.pages, event))


def _page_in_vain(incident: Incident, event: e.PersonUnreachable | e.PageDeclined) -> Incident:
    """Nobody will answer this page; a row whose every page is in vain is not waited for."""
    pages = {key: page for key, page in incident.pages.items() if key != event.page}
    after = replace(incident, pages=pages)
    if isinstance(event, e.PageDeclined) and event.person not in incident.declined:
        after = replace(after, declined=(*incident.declined, event.person))
    if event.rule is None or any(page.rule == event.rule for page in pages.values()):
        return after
    return _mark(after, event, m.emptied(event.rule))


def _notification_failed(incident: Incident, event: e.NotificationFailed) -> Incident:
    return replace(incident, undelivered=(*incident.undelivered, event.intent)[-UNDELIVERED_REMEMBERED:])


def _nobody_on_call(incident: Incident, event: e.NobodyOnCall) -> Incident:
    return _mark(incident, event, m.emptied(event.rule))


def _nobody_reachable(incident: Incident, event: e.NobodyReachable) -> Incident:
    return _mark(incident, event, m.UNREACHED)


def _objectives_measured(incident: Incident, event: e.ObjectivesMeasured) -> Incident:
    after = replace(
        incident,
        verdict=event.verdict,
        samples=event.samples,
        measured_at=event.at,
        window_began_at=event.window_began_at,
    )
    return _mark(after, event, m.MEASURED)


def _diagnostics_begun(incident: Incident, event: e.DiagnosticsBegun) -> Incident:
    return _response(replace(incident, diagnosed=incident.diagnosed.begun(event)), event)


def _diagnostics_gathered(incident: Incident, event: e.DiagnosticsGathered) -> Incident:
    after = replace(incident, diagnosed=incident.diagnosed.gathered(event))
    return _mark(after, event, m.DIAGNOSED) if event.answered else after


def _incident_resolved(incident: Incident, event: e.IncidentResolved) -> Incident:
    after = replace(incident, stage=Stage.RESOLVED, pages={})
    return _mark(after, event, m.RESOLVED, m.at_stage(Stage.RESOLVED))


def _incident_reopened(incident: Incident, event: e.IncidentReopened) -> Incident:
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
        acted={},
        shifts={},
        leaving=(),
        declined=(),
        level=0,
        window_began_at=None,
        marks=m.marked(forgotten, event.detected_at, m.DETECTED),
    )
    return _mark(after, event, m.OPENED, m.REOPENED, m.at_stage(Stage.INVESTIGATING))


def _incident_closed(incident: Incident, event: e.IncidentClosed) -> Incident:
    return _mark(incident, event, m.CLOSED)


def _concluded(incident: Incident, event: e.Concluded) -> Incident:
    after = replace(incident, stage=Stage.RESOLVED, pages={}, outcome=event.outcome)
    return _mark(after, event, m.RESOLVED, m.CLOSED)


_EVOLUTIONS: Mapping[type, Callable[[Incident, Any], Incident]] = {
    **dict.fromkeys(CHANGING, _room_changed),
    e.RoomStepFailed: _room_step_failed,
    e.BridgeAsked: _bridged,
    e.BridgeOpened: _bridged,
    e.BridgeFailed: _bridge_failed,
    e.AlertsAttached: _alerts_attached,
    e.AlertsCleared: _alerts_cleared,
    e.SeverityRaised: _severity_raised,
    e.SeverityLowered: _severity_lowered,
    e.ComponentAdded: _component_added,
    e.SpreadNoticed: _spread_noticed,
    e.StageChanged: _stage_changed,
    e.Acknowledged: _acknowledged,
    e.ReliefAsked: _relief_asked,
    e.ResponderRelieved: _responder_relieved,
    e.AcknowledgmentExtended: _acknowledgment_extended,
    e.RoleAssigned: _role_assigned,
    e.NoteAdded: _note_added,
    e.UpdatePosted: _update_posted,
    e.MitigationApplied: _mitigation_applied,
    e.MitigationProposed: _run(r.proposed),
    e.MitigationApproved: _run(r.approved),
    e.MitigationRejected: _run(r.rejected),
    e.MitigationWithdrawn: _run(r.withdrawn),
    e.MitigationStarted: _run(r.started),
    e.MitigationEnded: _mitigation_ended,
    e.ApprovalDelegated: _run(r.delegated),
    e.MitigationJudged: _mitigation_judged,
    e.FlagRaised: _flag_raised,
    e.MilestoneReached: _milestone_reached,
    e.LevelRaised: _level_raised,
    e.StepTaken: _rule_answered,
    e.DeadlineMissed: _rule_answered,
    e.PersonPaged: _person_paged,
    e.PageRepeated: _page_repeated,
    e.PageDelivered: _page_delivered,
    e.PageAttemptFailed: _page_attempt_failed,
    e.PersonUnreachable: _page_in_vain,
    e.PageDeclined: _page_in_vain,
    e.NotificationFailed: _notification_failed,
    e.NobodyOnCall: _nobody_on_call,
    e.NobodyReachable: _nobody_reachable,
    e.ObjectivesMeasured: _objectives_measured,
    e.DiagnosticsBegun: _diagnostics_begun,
    e.DiagnosticsGathered: _diagnostics_gathered,
    e.IncidentResolved: _incident_resolved,
    e.IncidentReopened: _incident_reopened,
    e.IncidentClosed: _incident_closed,
    e.Concluded: _concluded,
}
