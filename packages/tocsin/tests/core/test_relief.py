"""How an incident passes from one person to another, and is never nobody's (C2, E4, O3, R4)."""

import pytest
from whenever import Instant

from tocsin.core import events as e
from tocsin.core import marks as m
from tocsin.core.arrangements import Arranged, Override
from tocsin.core.commands import AddNote, AssignRole, Decline, Reason, Relieve, SetSeverity
from tocsin.core.events import AnyEvent, PersonPaged
from tocsin.core.ids import INCIDENT_COMMANDER, ComponentId, PersonId, RoleName, RotationId
from tocsin.core.judgement import commander

from ..builders import ENGINEERING_LEAD, PRODUCT_MANAGER, SEV1, SEV2, SEV3, SEV4, VP, Tale, by, minutes, only

LAST_HALF_HOUR_OF_THE_SHIFT = Instant.from_utc(2026, 11, 29, 23, 30)
"""A Sunday, half an hour before the rotations change hands."""


def paged(events: list[AnyEvent] | tuple[AnyEvent, ...]) -> list[PersonId]:
    return [event.person for event in events if isinstance(event, PersonPaged)]


def leader(tale: Tale) -> str:
    return commander(tale.state, tale.given)


@pytest.mark.clause("C2")
def test_whoever_acknowledged_and_fell_asleep_is_paged_again_and_then_the_next_person() -> None:
    tale = Tale().declare(SEV1).acknowledge()

    assert paged(tale.wait(9.5)) == []
    assert paged(tale.wait(0.5)) == [tale.primary]
    assert only(tale.events, e.DeadlineMissed)
    assert tale.secondary in paged(tale.wait(5))


@pytest.mark.clause("C2")
@pytest.mark.parametrize("sign", ["a note", "a second acknowledgment"])
def test_whoever_is_awake_after_all_is_followed_by_nobody(sign: str) -> None:
    tale = Tale().declare(SEV2).acknowledge()
    tale.wait(31)
    assert tale.primary in [page.person for page in tale.state.pages.values()]

    tale.do(AddNote(by=by(tale.primary), text="looking")) if sign == "a note" else tale.acknowledge()

    assert tale.secondary not in paged(tale.wait(20))
    assert leader(tale) == tale.primary


@pytest.mark.clause("R1", "D2")
def test_of_two_who_acknowledge_at_the_same_instant_both_are_recorded_and_one_leads() -> None:
    tale = Tale().declare(SEV1)
    tale.wait(5)
    tale.acknowledge(tale.secondary)
    tale.acknowledge(tale.primary)

    assert [event.by.person for event in only(tale.events, e.Acknowledged)] == [tale.secondary, tale.primary]
    assert leader(tale) == tale.secondary
    assert tale.state.responders == (tale.secondary, tale.primary)


@pytest.mark.clause("E4")
def test_i_cannot_from_everybody_is_an_alarm_at_once_that_asks_them_all_and_beyond() -> None:
    tale = Tale().declare(SEV1)
    for _ in range(10):
        for person in {page.person for page in tale.state.pages.values()} - {PRODUCT_MANAGER}:
            if not only(tale.events, e.NobodyReachable):
                tale.do(Decline(by=by(person), reason="I cannot"))

    assert only(tale.events, e.NobodyReachable), "there is no answer to wait for"
    last = [event.person for event in tale.events if isinstance(event, PersonPaged) and event.rule == "sev1.alarm"]
    assert {tale.primary, tale.secondary, ENGINEERING_LEAD, VP, PersonId("emergency-contact")} <= set(last)
    assert tale.owed()["sev1.alarm"] == tale.now + minutes(15)


@pytest.mark.clause("E4")
def test_whoever_declined_is_not_asked_by_a_later_rung_and_the_one_after_is_at_once() -> None:
    tale = Tale().declare(SEV1)
    tale.do(Decline(by=by(ENGINEERING_LEAD)))

    tale.wait(15)

    assert VP in paged(tale.events), "the third rung had nobody left to ask"
    assert paged(tale.events).count(ENGINEERING_LEAD) == 1
    worse = Tale().declare(SEV2)
    worse.do(Decline(by=by(worse.primary)))
    assert worse.primary in paged(worse.do(SetSeverity(by=by("x"), severity=SEV1, reason="worse"))), "asked anew"


@pytest.mark.clause("E4")
def test_i_cannot_of_whoever_has_it_in_hand_is_refused_because_it_asks_nobody() -> None:
    tale = Tale().declare(SEV2).acknowledge()
    tale.refused(Decline(by=by(tale.primary), reason="after all"), Reason.NOT_ASKED)
    assert tale.do(Decline(by=by(tale.secondary))) == (), "who was never asked has nothing to decline"


@pytest.mark.clause("E4")
def test_the_alarm_of_a_sev2_asks_the_level_above_and_the_emergency_contact() -> None:
    tale = Tale().declare(SEV2)
    tale.wait(29)
    assert VP not in paged(tale.events)

    events = tale.wait(1)

    assert only(events, e.NobodyReachable)
    assert {VP, PersonId("emergency-contact")} <= set(paged(events))


@pytest.mark.clause("O3", "E4")
def test_at_the_end_of_the_shift_whoever_is_on_call_then_is_asked_and_takes_over() -> None:
    tale = Tale(LAST_HALF_HOUR_OF_THE_SHIFT)
    tale.declare(SEV2).acknowledge()
    before = tale.primary
    (answered,) = only(tale.events, e.Acknowledged)
    assert isinstance(answered, e.Acknowledged)
    assert answered.until == LAST_HALF_HOUR_OF_THE_SHIFT + minutes(30), "recorded, never computed again"
    tale.do(AddNote(by=by(before), text="looking"))

    events = tale.wait(30)

    after = tale.primary
    assert after != before
    assert after in paged(events)
    assert [event.person for event in only(events, e.ReliefAsked)] == [before]
    assert any(event.person == before for event in only(events, e.PersonTold)), "both are told"
    assert leader(tale) == before, "until somebody has answered"
    assert tale.state.acknowledged

    tale.jump(3).acknowledge(after)

    assert leader(tale) == after
    assert tale.state.responders == (after,)
    relieved = tale.of(e.ResponderRelieved)
    assert [(event.person, event.successor) for event in relieved] == [(before, after)]  # type: ignore[attr-defined]


@pytest.mark.clause("O3", "E4")
def test_if_nobody_takes_over_the_next_ones_are_asked_and_the_one_before_stays_in_charge() -> None:
    tale = Tale(LAST_HALF_HOUR_OF_THE_SHIFT)
    tale.declare(SEV2).acknowledge()
    before = tale.primary
    tale.do(AddNote(by=by(before), text="looking"))
    tale.wait(30)

    assert tale.secondary in paged(tale.wait(10))
    assert ENGINEERING_LEAD in paged(tale.wait(10))
    assert tale.primary in paged(tale.wait(10)), "and around again"
    assert leader(tale) == before

    tale.acknowledge(tale.secondary)
    assert leader(tale) == tale.secondary
    assert [event for event in tale.wait(60) if isinstance(event, PersonPaged) and event.rule == "sev2.relief"] == []


@pytest.mark.clause("O3")
def test_whoever_is_still_on_call_when_the_shift_was_to_end_stays() -> None:
    tale = Tale(LAST_HALF_HOUR_OF_THE_SHIFT)
    tale.declare(SEV2).acknowledge()
    before = tale.primary
    ends_at = LAST_HALF_HOUR_OF_THE_SHIFT + minutes(30)
    tale.arranged = Arranged((Override(RotationId("sre-primary"), before, ends_at, ends_at + minutes(480)),))

    events = tale.wait(30)

    (extended,) = only(events, e.AcknowledgmentExtended)
    assert isinstance(extended, e.AcknowledgmentExtended)
    assert extended.until == ends_at + minutes(480)
    assert leader(tale) == before
    assert only(tale.wait(481), e.ReliefAsked)


@pytest.mark.clause("O3")
def test_a_secondary_who_becomes_primary_keeps_what_they_have_in_hand() -> None:
    tale = Tale(LAST_HALF_HOUR_OF_THE_SHIFT).declare(SEV2)
    tale.wait(5)
    second = tale.secondary
    tale.acknowledge(second)

    tale.wait(26)

    assert tale.primary == second
    assert only(tale.events, e.ReliefAsked) == []


@pytest.mark.clause("R4")
def test_a_responder_is_let_go_and_the_leader_carries_on() -> None:
    tale = Tale().declare(SEV1).acknowledge().acknowledge(ENGINEERING_LEAD)

    tale.do(Relieve(by=by(tale.primary), person=ENGINEERING_LEAD, reason="go to bed"))

    assert tale.state.responders == (tale.primary,)
    assert tale.state.roles[RoleName("technical_lead")] == tale.primary
    assert any(event.person == ENGINEERING_LEAD for event in only(tale.events, e.PersonTold))


@pytest.mark.clause("R4")
def test_a_leader_with_others_at_work_may_leave_to_them() -> None:
    tale = Tale().declare(SEV1).acknowledge().acknowledge(tale_secondary := Tale().secondary)

    tale.do(Relieve(by=by(tale.primary), reason="end of my night"))

    assert leader(tale) == tale_secondary
    assert tale.state.acknowledged


@pytest.mark.clause("R4")
def test_the_last_one_in_charge_cannot_leave_an_incident_to_nobody() -> None:
    tale = Tale().declare(SEV2).acknowledge()

    tale.refused(Relieve(by=by(tale.primary)), Reason.LAST_IN_CHARGE)

    assert leader(tale) == tale.primary


@pytest.mark.clause("R4")
def test_a_named_successor_is_asked_and_the_leader_stays_until_they_answer() -> None:
    tale = Tale().declare(SEV2).acknowledge()
    tale.do(AddNote(by=by(tale.primary), text="looking"))
    before = tale.primary

    events = tale.jump(1).do(Relieve(by=by(before), successor=VP, reason="I must leave"))

    assert paged(events) == [VP]
    assert leader(tale) == before
    assert tale.secondary in paged(tale.wait(10)), "if the one who was named does not answer, the ladder helps"
    tale.acknowledge(VP)
    assert leader(tale) == VP
    assert before not in tale.state.responders


@pytest.mark.clause("R4", "E4")
def test_the_last_one_may_leave_if_the_ladder_asks_again_from_its_beginning() -> None:
    tale = Tale().declare(SEV2).acknowledge()
    gone = tale.primary
    tale.wait(60)

    events = tale.do(Relieve(by=by(gone), reason="I am ill", asks_ladder=True))

    assert m.ACKNOWLEDGED not in tale.state.marks
    assert paged(events) == [gone], "the first rung is whoever is on call"
    assert tale.secondary in paged(tale.wait(5))
    assert only(tale.wait(26), e.NobodyReachable)
    assert tale.owed()


def test_letting_go_whoever_is_not_there_changes_nothing() -> None:
    tale = Tale().declare(SEV2).acknowledge()

    assert tale.do(Relieve(by=by(tale.primary), person=VP)) == ()
    tale.refused(Relieve(by=by(tale.primary), person=PersonId("nobody-we-know")), Reason.UNKNOWN_PERSON)


R1 = {
    SEV1: {
        "incident_commander": "the on-call SRE",
        "technical_lead": "the Engineering Lead",
        "communications": "the Product Manager",
        "subject_matter_expert": "the component's owner",
    },
    SEV2: {
        "incident_commander": "the on-call SRE",
        "technical_lead": "the component's owner",
        "communications": "the Engineering Lead",
    },
    SEV3: {"responder": "the on-call SRE"},
    SEV4: {"responder": "the component's owner"},
}


@pytest.mark.clause("R1")
@pytest.mark.parametrize("severity", R1)
@pytest.mark.parametrize("component", ["agent-booster", "quic-transport", "agentdb", "router"])
def test_the_team_stands_at_the_declaration_as_the_playbook_has_it(severity: str, component: str) -> None:
    tale = Tale().declare(severity, ComponentId(component))  # type: ignore[arg-type]
    owner = tale.rules.components[ComponentId(component)].owner
    assert owner is not None
    people = {
        "the on-call SRE": tale.primary,
        "the Engineering Lead": ENGINEERING_LEAD,
        "the Product Manager": PRODUCT_MANAGER,
        "the component's owner": tale.given.duty[owner][0],
    }

    assert tale.state.roles == {role: people[who] for role, who in R1[severity].items()}  # type: ignore[index]


@pytest.mark.clause("R4")
def test_a_role_is_handed_over_and_the_timeline_says_from_whom() -> None:
    tale = Tale().declare(SEV1).acknowledge()

    tale.do(AssignRole(by=by(tale.primary), role=INCIDENT_COMMANDER, person=VP, reason="bring in the VP"))

    last = tale.of(e.RoleAssigned)[-1]
    assert isinstance(last, e.RoleAssigned)
    assert (last.before, last.person, last.reason) == (tale.primary, VP, "bring in the VP")
