"""Decide: a command and the situation go in, what follows from them comes out as events.

The `match` below is the only branch over commands. After the command's own events, whatever the playbook's rows make
due at this very instant is added by the same `_tick` that the engine calls later: declaring a SEV1 pages people because
a row says "after opened, within 0", not because declaring knows about paging.

Deciding twice changes nothing: a command that asks for what is already so yields no events.
"""

from typing import assert_never

from tocsin.core import bridges, errands, gathering, judgement, mitigation, paging, relief, reporting, rooms
from tocsin.core.commands import (
    Acknowledge,
    AddComponent,
    AddNote,
    AnyCommand,
    ApproveMitigation,
    AssignRole,
    AttachAlerts,
    CancelMitigation,
    CloseIncident,
    Declare,
    Decline,
    DelegateApproval,
    Diagnose,
    Escalate,
    MarkMessage,
    NoticeSpread,
    OpenRoom,
    PostUpdate,
    ProposeMitigation,
    RaiseFlag,
    ReachMilestone,
    Reason,
    RecordBridge,
    RecordDelivery,
    RecordDiagnostics,
    RecordMeasurement,
    RecordMitigation,
    RecordRoom,
    RecordRunEnded,
    RecordRunStarted,
    Refused,
    RejectMitigation,
    Relieve,
    Reopen,
    Resolve,
    SetSeverity,
    SetStage,
    Situation,
    Tick,
)
from tocsin.core.deadlines import Deadline, due, rounds_passed
from tocsin.core.draft import Draft
from tocsin.core.escalation import carry_out
from tocsin.core.events import AnyEvent, DeadlineMissed, IncidentDeclared, StepTaken
from tocsin.core.ids import ComponentId
from tocsin.core.incident import Incident, evolve
from tocsin.core.kinds import Kind, rows_of
from tocsin.core.limits import PASSES_PER_TICK, TITLE_LENGTH_MAX
from tocsin.core.rules import RuleKind


def decide(incident: Incident | None, command: AnyCommand, given: Situation) -> tuple[AnyEvent, ...]:
    """Name the events that follow from a command; none, if it asks for what is already so. Raises `Refused`."""
    if isinstance(command, Declare):
        return _declare(incident, command, given)
    if incident is None:
        raise Refused(Reason.NOT_DECLARED, "there is no such incident", "list the incidents and check the id")
    errands.refuse_unfit(incident, command)
    draft = Draft(incident)
    _act(draft, command, given)
    _tick(draft, given)
    gathering.begin_as_called_for(draft, given)
    return tuple(draft.events)


def _act(draft: Draft, command: AnyCommand, given: Situation) -> None:  # noqa: PLR0912, PLR0915 - the one branch.
    match command:
        case Tick():
            pass  # Every decision ends with what is due; a tick is only that.
        case AttachAlerts():
            judgement.attach_alerts(draft, command, given)
        case NoticeSpread():
            judgement.notice_spread(draft, command, given)
        case SetSeverity():
            judgement.set_severity(draft, command, given)
        case RecordMeasurement():
            judgement.record_measurement(draft, command, given)
        case Resolve():
            judgement.resolve(draft, command, given)
        case Reopen():
            judgement.reopen(draft, command, given)
        case CloseIncident():
            judgement.close(draft, command, given)
        case Acknowledge():
            reporting.acknowledge(draft, command, given)
        case Decline():
            reporting.decline(draft, command, given)
        case Relieve():
            relief.relieve(draft, command, given)
        case SetStage():
            reporting.set_stage(draft, command, given)
        case AssignRole():
            reporting.assign_role(draft, command, given)
        case AddNote():
            reporting.add_note(draft, command, given)
        case AddComponent():
            reporting.add_component(draft, command, given)
        case PostUpdate():
            reporting.post_update(draft, command, given)
        case RecordMitigation():
            reporting.record_mitigation(draft, command, given)
        case ProposeMitigation() | ApproveMitigation() | RejectMitigation() | CancelMitigation():
            mitigation.act(draft, command, given)
        case DelegateApproval() | RecordRunStarted() | RecordRunEnded():
            mitigation.act(draft, command, given)
        case RaiseFlag():
            reporting.raise_flag(draft, command, given)
        case Escalate():
            reporting.escalate(draft, command, given)
        case ReachMilestone():
            reporting.reach_milestone(draft, command, given)
        case Diagnose() | RecordDiagnostics():
            gathering.act(draft, command, given)
        case RecordDelivery():
            paging.record_delivery(draft, command, given)
        case OpenRoom() | MarkMessage() | RecordRoom():
            rooms.act(draft, command, given)
        case RecordBridge():
            bridges.record(draft, command, given)
        case Declare():
            raise AssertionError("declared above")
        case _:
            assert_never(command)


def _declare(incident: Incident | None, command: Declare, given: Situation) -> tuple[AnyEvent, ...]:
    if incident is not None:
        return ()  # The id is the shell's and new, so this is the same declaration sent twice.
    is_incident = command.kind is Kind.INCIDENT
    if is_incident:
        judgement.known_severity(command.severity, given)
    reporting.known_text("title", command.title, TITLE_LENGTH_MAX)
    declared = IncidentDeclared(
        at=given.now,
        by=command.by,
        incident=command.incident,
        title=command.title.strip(),
        component=command.components[0] if command.components else ComponentId(""),
        severity=command.severity if is_incident else rows_of(command.kind),
        evidence=command.evidence,
        detected_at=min(command.detected_at, given.now),
        group_key=command.group_key,
        playbook_version=given.rules.version,
        description=command.description,
        kind=command.kind,
        rotation=command.rotation,
        scheduled_at=command.scheduled_at,
    )
    draft = Draft(evolve(None, declared))
    for component in command.components[1:]:
        reporting.add_component(draft, AddComponent(by=command.by, component=component), given)
    errands.begin(draft, dict(command.roles), declared)
    judgement.fill_roles(draft, given)
    if command.room:
        rooms.ask(draft, given, command.room, by=command.by)
    _tick(draft, given)
    gathering.begin(draft, "declared", given)
    return (declared, *draft.events)


def _tick(draft: Draft, given: Situation) -> None:
    """Answer what is due, and what the answers make due, until nothing is; bounded, the rest comes with the next."""
    for _ in range(PASSES_PER_TICK):
        owed = due(given.rules, draft.incident, given.now)
        if not owed:
            return
        for deadline in owed:
            _answer(draft, deadline, given)


def _answer(draft: Draft, deadline: Deadline, given: Situation) -> None:
    rule = deadline.rule
    if deadline.page is not None:
        paging.step(draft, deadline.page, given)
        return
    if deadline.shift_of is not None:
        relief.shift_ends(draft, deadline.shift_of, given)
        return
    if rule.kind is RuleKind.STEP:
        draft.add(StepTaken(at=given.now, rule=rule.id, clause=rule.clause, due_at=deadline.due_at))
    else:
        draft.add(_missed(deadline, given))
    for consequence in rule.then:
        carry_out(draft, rule, consequence, given)


def _missed(deadline: Deadline, given: Situation) -> DeadlineMissed:
    rule, due_at, rounds = deadline.rule, deadline.due_at, 1
    if rule.every is not None:
        # After a long sleep a cadence is missed once, for its last round, and says how many went by.
        slept = rounds_passed(due_at, given.now, rule.every)
        due_at, rounds = due_at + rule.every * slept, slept + 1
    return DeadlineMissed(
        at=given.now, rule=rule.id, clause=rule.clause, title=rule.title, due_at=due_at, rounds=rounds
    )
