"""Every command: right from a prepared state, refused with a reason and a remedy where it cannot be, once only."""

import pytest

from tocsin.core import events as e
from tocsin.core.commands import (
    Acknowledge,
    AddComponent,
    AddNote,
    AnyCommand,
    AssignRole,
    AttachAlerts,
    CloseIncident,
    Escalate,
    NoticeSpread,
    PostUpdate,
    RaiseFlag,
    ReachMilestone,
    Reason,
    RecordDelivery,
    RecordMeasurement,
    RecordMitigation,
    Reopen,
    Resolve,
    SetSeverity,
    SetStage,
    Tick,
)
from tocsin.core.decide import decide
from tocsin.core.events import Actor
from tocsin.core.ids import AudienceId, ComponentId, IntentId, PersonId, RoleName, Severity
from tocsin.core.rules import Method, MethodKind
from tocsin.core.stages import Stage

from ..builders import BOOSTER, ENGINEERING_LEAD, PRODUCT_MANAGER, SEV1, SEV2, SEV3, Tale, by, only, samples

MARA = by("mara-lindqvist")
METHOD = Method(MethodKind.SLACK, "console", "#room")  # type: ignore[arg-type]

EVERY: tuple[tuple[AnyCommand, type], ...] = (
    (Acknowledge(by=MARA), e.Acknowledged),
    (SetSeverity(by=MARA, severity=SEV1, reason="it is all of them"), e.SeverityRaised),
    (SetSeverity(by=MARA, severity=SEV3, reason="a handful of users"), e.SeverityLowered),
    (SetStage(by=MARA, stage=Stage.IDENTIFIED), e.StageChanged),
    (AssignRole(by=MARA, role=RoleName("communications"), person=PRODUCT_MANAGER), e.RoleAssigned),
    (AddNote(by=MARA, text="looking"), e.NoteAdded),
    (AddComponent(by=MARA, component=ComponentId("agentdb")), e.ComponentAdded),
    (PostUpdate(by=MARA, audience=AudienceId("stakeholders"), text="we know"), e.UpdatePosted),
    (RecordMitigation(by=MARA, what="rolled back"), e.MitigationApplied),
    (RaiseFlag(by=MARA, flag="architecture"), e.FlagRaised),
    (Escalate(by=MARA, level=3, reason="we need a vendor"), e.LevelRaised),
    (ReachMilestone(by=MARA, milestone="postmortem_drafted"), e.MilestoneReached),
    (NoticeSpread(components=(BOOSTER, ComponentId("agentdb"))), e.SpreadNoticed),
    (RecordMeasurement(samples=samples()), e.ObjectivesMeasured),
    (RecordDelivery(page=None, method=METHOD, intent=IntentId("x"), why="gone"), e.NotificationFailed),
    (Resolve(by=by("x", commands=True), override_reason="false alarm"), e.IncidentResolved),
)


@pytest.mark.parametrize(("command", "event"), EVERY, ids=lambda value: type(value).__name__)
def test_each_command_does_what_it_says_and_only_once(command: AnyCommand, event: type) -> None:
    tale = Tale().declare(SEV2)

    assert len(only(tale.do(command), event)) == 1


@pytest.mark.parametrize("command", [command for command, _ in EVERY] + [Tick(), Reopen(reason="x"), CloseIncident()])
def test_nothing_can_be_done_to_an_incident_that_was_not_declared(command: AnyCommand) -> None:
    Tale().refused(command, Reason.NOT_DECLARED)


def test_the_same_declaration_sent_twice_is_one_incident() -> None:
    tale = Tale().declare()

    assert len(tale.of(e.IncidentDeclared)) == 1


@pytest.mark.clause("C1")
def test_a_severity_that_the_playbook_does_not_have_is_refused() -> None:
    tale = Tale().declare()

    tale.refused(SetSeverity(by=MARA, severity=Severity("SEV9")), Reason.UNKNOWN_SEVERITY)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (Acknowledge(), Reason.PERSON_MISSING),
        (SetStage(by=MARA, stage=Stage.RESOLVED), Reason.STAGE_NOT_REACHABLE),
        (AssignRole(by=MARA, role=RoleName("king"), person=ENGINEERING_LEAD), Reason.UNKNOWN_ROLE),
        (AssignRole(by=MARA, role=RoleName("communications"), person=PersonId("nobody")), Reason.UNKNOWN_PERSON),
        (AddNote(by=MARA, text="  "), Reason.TEXT_MISSING),
        (AddNote(by=MARA, text="x" * 30_000), Reason.TEXT_TOO_LONG),
        (AddComponent(by=MARA, component=ComponentId("nothing")), Reason.UNKNOWN_COMPONENT),
        (PostUpdate(by=MARA, audience=AudienceId("nobody"), text="x"), Reason.UNKNOWN_AUDIENCE),
        (RecordMitigation(by=MARA, what=""), Reason.TEXT_MISSING),
        (RaiseFlag(by=MARA, flag="bored"), Reason.UNKNOWN_FLAG),
        (Escalate(by=MARA, level=9), Reason.UNKNOWN_LEVEL),
        (ReachMilestone(by=MARA, milestone="party"), Reason.UNKNOWN_MILESTONE),
        (CloseIncident(by=MARA), Reason.NOT_RESOLVED),
    ],
    ids=lambda value: value.value if isinstance(value, Reason) else type(value).__name__,
)
def test_what_cannot_be_is_refused_with_a_reason_and_a_remedy(command: AnyCommand, reason: Reason) -> None:
    Tale().declare().refused(command, reason)


def test_after_the_end_only_what_makes_sense_then_is_taken() -> None:
    tale = Tale().declare()
    tale.do(Resolve(by=by("x", commands=True), override_reason="false alarm"))

    tale.refused(Acknowledge(by=MARA), Reason.INCIDENT_RESOLVED)
    tale.refused(SetStage(by=MARA, stage=Stage.MONITORING), Reason.INCIDENT_RESOLVED)
    assert tale.do(AddNote(by=MARA, text="for the post-mortem"))
    tale.refused(Reopen(by=MARA, reason=" "), Reason.REASON_MISSING)
    tale.do(CloseIncident(by=MARA, reason="done"))
    tale.refused(Reopen(by=MARA, reason="it is back"), Reason.INCIDENT_CLOSED)
    tale.refused(RecordMitigation(by=MARA, what="x"), Reason.INCIDENT_CLOSED)


@pytest.mark.clause("D2")
def test_a_second_tap_on_the_phone_is_agreement_and_not_a_mistake() -> None:
    tale = Tale().declare().acknowledge()

    assert tale.jump(1).do(Acknowledge(by=Actor(tale.primary))) == ()


@pytest.mark.clause("R1")
def test_whoever_answers_first_leads_until_the_leader_is_at_work() -> None:
    tale = Tale().declare()
    assert tale.state.roles[RoleName("incident_commander")] == tale.primary

    tale.acknowledge(tale.secondary)
    assert tale.state.roles[RoleName("incident_commander")] == tale.secondary

    tale.acknowledge(tale.primary)
    assert tale.state.roles[RoleName("incident_commander")] == tale.secondary


@pytest.mark.clause("E3", "R1")
def test_the_product_manager_answers_a_page_but_the_incident_still_waits_for_its_commander() -> None:
    tale = Tale().declare().acknowledge(PRODUCT_MANAGER)

    assert not tale.state.acknowledged
    assert any(isinstance(event, e.PersonPaged) and event.person == tale.secondary for event in tale.wait(5))


@pytest.mark.clause("C2")
def test_a_second_responder_does_not_start_the_time_for_a_first_response_again() -> None:
    tale = Tale().declare().acknowledge()
    due = tale.owed()["sev1.first-response"]

    tale.jump(4).acknowledge(ENGINEERING_LEAD)

    assert tale.owed()["sev1.first-response"] == due


@pytest.mark.clause("R4")
def test_a_role_is_handed_over_and_the_timeline_says_from_whom() -> None:
    tale = Tale().declare()
    handed = AssignRole(by=MARA, role=RoleName("incident_commander"), person=ENGINEERING_LEAD, reason="shift ends")

    (event,) = only(tale.do(handed), e.RoleAssigned)

    assert isinstance(event, e.RoleAssigned)
    assert event.before == tale.primary


def test_the_same_words_within_a_minute_are_one_note_and_later_they_are_two() -> None:
    tale = Tale().declare()
    note = AddNote(by=MARA, text="still looking")
    tale.do(note)
    tale.jump(0.5)
    assert tale.do(note) == ()
    tale.jump(2)
    assert only(tale.do(note), e.NoteAdded)


def test_alerts_told_twice_are_in_the_timeline_once() -> None:
    tale = Tale().declare()
    tale.fire("a", "b", firing=2, worst=SEV1)
    tale.clear("a", firing=1, worst=SEV1)
    tale.clear("b")

    assert len(tale.of(e.AlertsAttached)) == 1
    assert len(tale.of(e.AlertsCleared)) == 2


def test_a_notice_that_failed_is_said_again_by_the_next_method_once() -> None:
    tale = Tale().declare(SEV3)
    person = tale.rules.people[tale.primary]
    failed = RecordDelivery(
        page=None, method=person.methods[0], person=person.id, intent=IntentId("INC-1.3.0"), text="look", why="refused"
    )

    events = tale.do(failed)

    assert [type(event) for event in events] == [e.NotificationFailed, e.PersonTold]
    assert isinstance(events[1], e.PersonTold)
    assert events[1].methods == person.methods[1:2]
    assert tale.jump(1).do(failed) == ()


def test_attach_alerts_that_says_nothing_does_nothing() -> None:
    assert Tale().declare().do(AttachAlerts()) == ()


def test_deciding_does_not_depend_on_anything_but_what_it_is_given() -> None:
    tale = Tale().declare()
    command = Acknowledge(by=MARA)

    assert decide(tale.state, command, tale.given) == decide(tale.state, command, tale.given)
