"""An approval is bound to the commander, to the exact command, to the state before and to an hour (M3, M4)."""

import pytest
from msgspec.structs import replace

from tocsin.core import events as e
from tocsin.core import marks as m
from tocsin.core.commands import (
    AddComponent,
    ApproveMitigation,
    AssignRole,
    CancelMitigation,
    DelegateApproval,
    ProposeMitigation,
    Reason,
    RecordRunEnded,
    RecordRunStarted,
    RejectMitigation,
    Resolve,
)
from tocsin.core.decide import decide
from tocsin.core.events import Actor
from tocsin.core.ids import INCIDENT_COMMANDER, ComponentId, PersonId, RunId
from tocsin.core.incident import fold
from tocsin.core.messages import Asked, MessageKind
from tocsin.core.notifications import intents
from tocsin.core.runs import RunState

from ..arms import BEFORE, DB_SCALE, LOGS, REINDEX, RESTART, SCALE, UNDO, WIPE, ArmedTale, armed
from ..builders import by, changed, only

JAMAL = PersonId("jamal-haddad")
MARA = PersonId("mara-lindqvist")
R1 = RunId("R1")


def hands_over(tale: ArmedTale, to: PersonId) -> None:
    tale.do(AssignRole(by=tale.leader, role=INCIDENT_COMMANDER, person=to))


@pytest.mark.clause("M3")
def test_a_proposal_says_to_the_letter_what_would_run_with_the_revision_named() -> None:
    tale = ArmedTale.led()
    run = tale.propose(UNDO)
    assert run.rendered.shown == "kubectl rollout undo deployment/agent-booster --to-revision=1 -n agentic-flow"
    assert run.state is RunState.PROPOSED
    assert run.asked_by == JAMAL
    assert run.expires_at - run.proposed_at == armed().mitigations.expires_within
    assert m.RESPONDED in tale.state.marks


@pytest.mark.clause("M3")
def test_what_the_incidents_playbook_does_not_have_cannot_be_asked_for() -> None:
    tale = ArmedTale.led()
    tale.refused(ProposeMitigation(by=by("x"), action="agent-booster.format-disk"), Reason.UNKNOWN_ACTION)
    tale.refused(ProposeMitigation(by=by("x"), action=UNDO, values={"namespace": "x"}), Reason.UNKNOWN_PARAMETER)
    tale.refused(ProposeMitigation(by=by("x"), action=SCALE, values={"replicas": "-1"}), Reason.BAD_PARAMETER)
    tale.refused(ProposeMitigation(by=by("x"), action=DB_SCALE), Reason.OTHER_COMPONENT)


@pytest.mark.clause("M3")
def test_an_incident_keeps_the_actions_of_the_version_it_was_opened_under() -> None:
    tale = ArmedTale(rules=changed(armed(), actions={}))
    tale.declare().acknowledge()
    tale.refused(ProposeMitigation(by=by("x"), action=UNDO), Reason.UNKNOWN_ACTION)


@pytest.mark.clause("M4")
def test_the_commander_approves_and_it_runs_once() -> None:
    tale = ArmedTale.led()
    tale.propose(UNDO)
    (approved,) = only(tale.approve(), e.MitigationApproved)
    assert approved == e.MitigationApproved(
        at=tale.now, by=tale.leader, run=R1, digest=tale.run().digest, authority="commander", complete=True
    )
    (started,) = only(tale.begin(), e.MitigationStarted)
    assert isinstance(started, e.MitigationStarted)
    assert started.approved_by == (tale.primary,)
    assert started.shown == tale.run().rendered.shown
    assert only(tale.end(output="rolled back", exit_status=0), e.MitigationEnded)
    assert tale.run().outcome == "succeeded"
    assert tale.state.at(m.MITIGATED) == tale.now


@pytest.mark.clause("M4")
def test_nobody_but_the_commander_may_approve_whatever_their_token_may() -> None:
    tale = ArmedTale.led()
    tale.propose(UNDO)
    for other in (by("jamal-haddad"), by("mara-lindqvist", commands=True), by("stranger")):
        tale.refused(tale.approval(by=other), Reason.NOT_COMMANDER)
    tale.refused(tale.approval(by=Actor(None, "api", commands=True)), Reason.PERSON_MISSING)


@pytest.mark.clause("M4")
def test_while_nobody_commands_nobody_approves() -> None:
    tale = ArmedTale()
    tale.nobody_on_call = True
    tale.declare()
    tale.propose(UNDO)
    tale.refused(tale.approval(by=by("jamal-haddad")), Reason.NOT_COMMANDER)


@pytest.mark.clause("M4")
def test_an_approver_who_lost_the_role_in_between_has_approved_nothing() -> None:
    tale = ArmedTale.led()
    tale.propose(UNDO)
    tale.approve()
    hands_over(tale, MARA)
    (ended,) = only(tale.begin(), e.MitigationEnded)
    assert isinstance(ended, e.MitigationEnded)
    assert ended.outcome == "not_run"
    assert "mara-lindqvist commands now" in ended.why
    assert tale.begin() == (), "it is not tried again by itself"
    assert m.MITIGATED not in tale.state.marks


@pytest.mark.clause("M4")
def test_an_approval_ends_with_its_hour_before_and_after_it_was_given() -> None:
    tale = ArmedTale.led()
    tale.propose(UNDO)
    tale.propose(SCALE)
    tale.approve("R2")
    tale.jump(15)
    tale.refused(tale.approval(), Reason.APPROVAL_EXPIRED)
    (ended,) = only(tale.begin("R2"), e.MitigationEnded)
    assert isinstance(ended, e.MitigationEnded)
    assert ended.outcome == "not_run"
    assert "approval ended" in ended.why


@pytest.mark.clause("M4")
def test_whoever_comes_too_late_to_approve_is_not_told_that_they_have() -> None:
    tale = ArmedTale.led()
    tale.propose(UNDO)
    tale.approve()
    assert tale.approve() == (), "the one who has approved it agrees with themselves"
    for late in (by("jamal-haddad"), by("stranger")):
        tale.refused(tale.approval(by=late), Reason.RUN_BEGUN)
    tale.begin()
    tale.refused(tale.approval(by=by("jamal-haddad")), Reason.RUN_BEGUN)


@pytest.mark.clause("M4")
def test_the_same_approval_is_good_for_one_go() -> None:
    tale = ArmedTale.led()
    tale.carried_out(UNDO)
    tale.refused(tale.approval(), Reason.APPROVAL_USED)
    assert tale.begin() == ()
    assert tale.end(outcome="failed") == ()


@pytest.mark.clause("M4")
def test_a_changed_parameter_is_another_command_and_needs_an_approval_of_its_own() -> None:
    tale = ArmedTale.led()
    six, nine = tale.propose(SCALE, replicas=6), tale.propose(SCALE, replicas=9)
    assert six.digest != nine.digest
    tale.refused(ApproveMitigation(by=tale.leader, run=nine.id, digest=six.digest), Reason.COMMAND_CHANGED)


@pytest.mark.clause("M4")
def test_an_approval_of_one_incident_is_none_of_another() -> None:
    one, other = ArmedTale.led(), ArmedTale.led()
    other.incident = replace(other.state, id="INC-2")
    assert one.propose(UNDO).digest != other.propose(UNDO).digest


@pytest.mark.clause("M4")
def test_an_approval_is_of_one_state_before_and_of_one_hour() -> None:
    tale, other = ArmedTale.led(), ArmedTale.led()
    assert tale.propose(UNDO).digest != other.propose(UNDO, before=BEFORE | {"image": "booster:1.9.2"}).digest
    later = ArmedTale.led()
    later.jump(1)
    assert tale.run().digest != later.propose(UNDO).digest


@pytest.mark.clause("M4")
def test_a_state_that_changed_since_it_was_approved_keeps_it_from_running() -> None:
    tale = ArmedTale.led()
    tale.propose(UNDO)
    tale.approve()
    (ended,) = only(tale.begin(before=BEFORE | {"revision": "3"}), e.MitigationEnded)
    assert isinstance(ended, e.MitigationEnded)
    assert "revision was 2, is 3" in ended.why


@pytest.mark.clause("M4")
def test_what_the_dry_run_finds_wrong_is_not_run() -> None:
    tale = ArmedTale.led()
    tale.propose(UNDO)
    tale.approve()
    (ended,) = only(tale.begin(problem="the dry run failed: quota exceeded"), e.MitigationEnded)
    assert isinstance(ended, e.MitigationEnded)
    assert (ended.outcome, ended.why) == ("not_run", "the dry run failed: quota exceeded")


@pytest.mark.clause("M4")
def test_two_different_people_for_what_the_playbook_marks_destructive() -> None:
    tale = ArmedTale.led()
    tale.propose(WIPE)
    jamal = tale.joins("jamal-haddad")

    (first,) = only(tale.approve(), e.MitigationApproved)
    assert isinstance(first, e.MitigationApproved)
    assert not first.complete
    assert tale.approve() == (), "the same person twice is one person"
    assert tale.run().state is RunState.PROPOSED
    tale.refused(tale.approval(by=by("stranger")), Reason.NOT_COMMANDER)

    (second,) = only(tale.approve(by=jamal), e.MitigationApproved)
    assert isinstance(second, e.MitigationApproved)
    assert (second.authority, second.complete) == ("second", True)
    assert only(tale.begin(), e.MitigationStarted)


@pytest.mark.clause("M4")
def test_of_two_people_one_must_command() -> None:
    tale = ArmedTale.led()
    tale.propose(WIPE)
    jamal, mara = tale.joins("jamal-haddad"), tale.joins("mara-lindqvist")
    tale.approve(by=jamal)
    tale.approve(by=mara)
    assert tale.run().state is RunState.PROPOSED
    tale.approve()
    assert tale.run().state is RunState.READY


@pytest.mark.clause("M4")
def test_a_commander_who_handed_over_does_not_count_as_the_second_of_two() -> None:
    tale = ArmedTale.led()
    tale.propose(WIPE)
    jamal = tale.joins("jamal-haddad")
    tale.approve()
    tale.approve(by=jamal)
    assert tale.run().state is RunState.READY
    hands_over(tale, MARA)
    (ended,) = only(tale.begin(), e.MitigationEnded)
    assert isinstance(ended, e.MitigationEnded)
    assert (ended.outcome, tale.primary in ended.why) == ("not_run", True)


@pytest.mark.clause("M4")
def test_signatures_are_counted_again_when_it_begins() -> None:
    tale = ArmedTale.led()
    run = tale.propose(WIPE)
    alone = e.MitigationApproved(
        at=tale.now, by=tale.leader, run=run.id, digest=run.digest, authority="commander", complete=True
    )
    tale.incident = fold(tale.state, (alone,))
    assert tale.run().state is RunState.READY, "as a timeline might say that somebody edited"
    assert only(tale.begin(), e.MitigationEnded)


@pytest.mark.clause("M4")
def test_the_delegate_approves_while_whoever_named_them_commands() -> None:
    tale = ArmedTale.led()
    tale.refused(DelegateApproval(by=by("mara-lindqvist", commands=True), person=MARA), Reason.NOT_COMMANDER)
    tale.do(DelegateApproval(by=tale.leader, person=JAMAL))
    tale.propose(UNDO)
    (approved,) = only(tale.approve(by=by("jamal-haddad")), e.MitigationApproved)
    assert isinstance(approved, e.MitigationApproved)
    assert approved.authority == "delegate"

    hands_over(tale, MARA)
    (ended,) = only(tale.begin(), e.MitigationEnded)
    assert isinstance(ended, e.MitigationEnded)
    assert ended.outcome == "not_run", "the delegation ended with the command of whoever gave it"


@pytest.mark.clause("M4")
def test_a_delegation_can_be_taken_back() -> None:
    tale = ArmedTale.led()
    tale.do(DelegateApproval(by=tale.leader, person=JAMAL))
    tale.do(DelegateApproval(by=tale.leader, person=None))
    tale.propose(UNDO)
    tale.refused(tale.approval(by=by("jamal-haddad")), Reason.NOT_COMMANDER)
    tale.refused(DelegateApproval(by=tale.leader, person=PersonId("nobody-known")), Reason.UNKNOWN_PERSON)


@pytest.mark.clause("M4")
def test_what_only_reads_needs_nobodys_approval_and_what_changes_always_one() -> None:
    tale = ArmedTale.led()
    assert tale.propose(LOGS).state is RunState.READY
    assert tale.propose(REINDEX).needs == 1, "whatever its row says"
    assert only(tale.begin("R1", before={"revision": "9"}), e.MitigationStarted), "reading needs no unchanged state"
    tale.end("R1")
    assert m.MITIGATED not in tale.state.marks


@pytest.mark.clause("M4")
def test_a_program_is_not_believed_that_it_reads_unless_the_playbook_vouches_for_it() -> None:
    claims = replace(armed().actions[REINDEX], changes=False)
    actions = {**armed().actions, REINDEX: claims}
    tale = ArmedTale(rules=changed(armed(), actions=actions))
    tale.declare().acknowledge()
    assert tale.propose(REINDEX).needs == 1

    vouched = replace(armed().diagnostics, programs=(("npx", "reindex"),))
    tale = ArmedTale(rules=changed(armed(), actions=actions, diagnostics=vouched))
    tale.declare().acknowledge()
    assert tale.propose(REINDEX).state is RunState.READY


@pytest.mark.clause("V2")
def test_what_is_carried_out_in_the_watch_starts_its_window_again() -> None:
    tale = ArmedTale.led()
    tale.monitor().hold(29)
    assert tale.state.window_began_at is not None
    tale.carried_out(RESTART)
    assert tale.state.window_began_at is None
    tale.measure()
    assert tale.state.window_began_at == tale.now


@pytest.mark.clause("M4")
def test_one_mitigation_at_a_time() -> None:
    tale = ArmedTale.led()
    tale.propose(UNDO)
    tale.propose(SCALE)
    tale.approve("R1")
    tale.refused(tale.approval("R2"), Reason.BUSY)
    tale.begin("R1")
    tale.refused(tale.approval("R2"), Reason.BUSY)
    tale.end("R1")
    assert tale.approve("R2")


def test_asked_for_twice_it_is_one_proposal() -> None:
    tale = ArmedTale.led()
    tale.propose(SCALE)
    tale.propose(SCALE, by=by("mara-lindqvist"))
    assert tale.state.runs.count == 1
    tale.jump(16)
    tale.propose(SCALE)
    assert tale.state.runs.count == 2, "what has expired is asked for anew"


def test_only_so_many_proposals_wait_at_once() -> None:
    tale = ArmedTale.led()
    for replicas in range(20):
        tale.propose(SCALE, replicas=replicas)
    command = ProposeMitigation(by=by("jamal-haddad"), action=UNDO, before=BEFORE)
    tale.refused(command, Reason.TOO_MANY_PROPOSALS)


@pytest.mark.clause("M4")
def test_a_no_is_final_and_needs_the_authority_of_a_yes() -> None:
    tale = ArmedTale.led()
    tale.propose(UNDO)
    tale.refused(RejectMitigation(by=by("jamal-haddad"), run=R1), Reason.NOT_COMMANDER)
    tale.do(RejectMitigation(by=tale.leader, run=R1, reason="the schema has changed"))
    tale.refused(tale.approval(), Reason.RUN_CLOSED)
    tale.refused(RejectMitigation(by=tale.leader, run=RunId("R9")), Reason.UNKNOWN_RUN)


def test_whoever_asked_takes_it_back_until_it_begins() -> None:
    tale = ArmedTale.led()
    tale.propose(UNDO)
    tale.refused(CancelMitigation(by=by("mara-lindqvist"), run=R1), Reason.NOT_COMMANDER)
    tale.approve()
    tale.do(CancelMitigation(by=by("jamal-haddad"), run=R1, reason="wrong revision"))
    assert tale.begin() == ()
    tale.refused(tale.approval(), Reason.RUN_CLOSED)

    tale.propose(SCALE)
    tale.approve("R2")
    tale.begin("R2")
    tale.refused(CancelMitigation(by=tale.leader, run=RunId("R2")), Reason.RUN_BEGUN)


@pytest.mark.clause("M4")
def test_what_nobody_heard_the_end_of_is_unknown_and_never_run_again_by_itself() -> None:
    tale = ArmedTale.led()
    tale.propose(UNDO)
    tale.approve()
    tale.begin()
    (ended,) = only(tale.end(outcome="unknown", why="the server was ended", remedy="look"), e.MitigationEnded)
    assert isinstance(ended, e.MitigationEnded)
    assert tale.state.at(m.MITIGATED) == tale.now, "it may have changed the world, so it is judged"
    assert tale.begin() == ()
    tale.refused(tale.approval(), Reason.APPROVAL_USED)

    tale.jump(1)
    mitigated_at = tale.state.at(m.MITIGATED)
    assert tale.end(outcome="succeeded"), "better news may come late"
    assert tale.run().outcome == "succeeded"
    assert tale.state.at(m.MITIGATED) == mitigated_at
    assert tale.end(outcome="failed") == (), "what is known stays"


def test_a_resolved_incident_lets_nothing_begin() -> None:
    tale = ArmedTale.led()
    tale.propose(UNDO)
    tale.propose(SCALE)
    tale.approve("R1")
    tale.do(Resolve(by=tale.leader, override_reason="false alarm"))
    tale.refused(tale.approval("R2"), Reason.INCIDENT_RESOLVED)
    tale.refused(ProposeMitigation(by=tale.leader, action=LOGS), Reason.INCIDENT_RESOLVED)
    (ended,) = only(tale.begin("R1"), e.MitigationEnded)
    assert isinstance(ended, e.MitigationEnded)
    assert ended.why == "the incident was resolved meanwhile"


def test_a_row_that_was_changed_under_a_run_keeps_it_from_running() -> None:
    tale = ArmedTale.led()
    tale.propose(UNDO)
    tale.approve()
    tale.rules = changed(armed(), actions={UNDO: replace(armed().actions[UNDO], workload="deployment/other")})
    (ended,) = only(tale.begin(), e.MitigationEnded)
    assert isinstance(ended, e.MitigationEnded)
    assert "no longer what the playbook" in ended.why


@pytest.mark.clause("M4")
def test_the_commander_is_told_with_a_way_to_answer_and_the_channel_hears_of_all_of_it() -> None:
    tale = ArmedTale.led()
    before = tale.state
    events = decide(before, ProposeMitigation(by=by("jamal-haddad"), action=UNDO, before=BEFORE), tale.given)
    (asked,) = [intent for intent in intents(before, events, tale.given) if intent.approval]
    assert (asked.person, asked.message.kind) == (tale.primary, MessageKind.NOTICE)
    run = next(event for event in events if isinstance(event, e.MitigationProposed))
    assert asked.approval == Asked(R1, run.digest, run.expires_at)
    assert "--to-revision=1" in asked.message.text
    own = decide(before, ProposeMitigation(by=tale.leader, action=UNDO, before=BEFORE), tale.given)
    assert not [intent for intent in intents(before, own, tale.given) if intent.approval], (
        "they know what they asked for"
    )


def test_unknown_runs_are_nothing_to_record() -> None:
    tale = ArmedTale.led()
    assert decide(tale.state, RecordRunStarted(run=R1), tale.given) == ()
    assert decide(tale.state, RecordRunEnded(run=R1, outcome="failed"), tale.given) == ()


def test_the_oldest_runs_that_are_over_are_forgotten() -> None:
    tale = ArmedTale.led()
    for replicas in range(70):
        run = tale.propose(SCALE, replicas=replicas % 20)
        tale.do(CancelMitigation(by=by("jamal-haddad"), run=run.id))
    assert len(tale.state.runs.by_id) == 64
    assert tale.state.runs.count == 70


def test_other_components_of_the_incident_are_free_meanwhile() -> None:
    tale = ArmedTale.led()
    tale.propose(UNDO)
    tale.approve()
    tale.do(AddComponent(by=tale.leader, component=ComponentId("agentdb")))
    tale.propose(DB_SCALE)
    assert tale.approve("R2")
