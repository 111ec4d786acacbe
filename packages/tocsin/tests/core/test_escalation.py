"""Who is asked when nobody answers, and when time passes after somebody did (E1–E5, D1)."""

import pytest

from tocsin.core import events as e
from tocsin.core.commands import (
    AddComponent,
    Decline,
    Escalate,
    NoticeSpread,
    RaiseFlag,
    RecordDelivery,
    Reopen,
    Resolve,
    SetSeverity,
    Tick,
)
from tocsin.core.events import AnyEvent, PersonPaged
from tocsin.core.ids import ComponentId, PersonId, RuleId
from tocsin.core.marks import emptied
from tocsin.core.rules import MethodKind
from tocsin.core.stages import Stage

from ..builders import (
    CTO,
    ENGINEERING_LEAD,
    PRODUCT_MANAGER,
    SEV1,
    SEV2,
    SEV3,
    SEV4,
    SUNDAY_NIGHT,
    VP,
    Tale,
    by,
    changed,
    minutes,
    only,
    rulebook,
)

MARA = by("mara-lindqvist")


def paged(events: list[AnyEvent] | tuple[AnyEvent, ...]) -> list[PersonId]:
    return [event.person for event in events if isinstance(event, PersonPaged)]


@pytest.mark.clause("E3", "D1")
def test_a_sev1_pages_the_on_call_sre_the_engineering_lead_and_the_product_manager_at_once() -> None:
    tale = Tale().declare(SEV1)

    assert sorted(paged(tale.events)) == sorted([tale.primary, ENGINEERING_LEAD, PRODUCT_MANAGER])


@pytest.mark.clause("E3", "D1")
def test_a_sev2_pages_the_on_call_sre_and_tells_the_engineering_lead() -> None:
    tale = Tale().declare(SEV2)

    assert paged(tale.events) == [tale.primary]
    told = [event.person for event in tale.events if isinstance(event, e.PersonTold)]
    assert told == [ENGINEERING_LEAD]


@pytest.mark.clause("E3", "D1")
@pytest.mark.parametrize("severity", [SEV3, SEV4])
def test_a_lesser_incident_tells_and_does_not_page(severity: str) -> None:
    tale = Tale().declare(severity)  # type: ignore[arg-type]

    assert paged(tale.events) == []
    told = [event for event in tale.events if isinstance(event, e.PersonTold)]
    assert told
    assert all(method.kind is MethodKind.SLACK for event in told for method in event.methods)


@pytest.mark.clause("E4")
def test_whoever_cannot_take_it_is_followed_at_once_by_the_next() -> None:
    tale = Tale().declare(SEV2)

    events = tale.jump(1).do(Decline(by=by(tale.primary), reason="on a plane"))

    assert [event.reason for event in events if isinstance(event, e.PageDeclined)] == ["on a plane"]
    assert paged(events) == [tale.secondary]
    assert tale.do(Decline(by=by(tale.primary))) == (), "said twice, it is said once"


@pytest.mark.clause("E2", "E4")
def test_without_an_answer_the_ladder_is_asked_rung_by_rung_and_then_everybody() -> None:
    tale = Tale(SUNDAY_NIGHT).declare(SEV1)

    assert tale.secondary in paged(tale.wait(5))
    assert ENGINEERING_LEAD in paged(tale.wait(10))
    assert VP in paged(tale.wait(15))
    assert CTO in paged(tale.wait(30))
    assert tale.state.level == 4
    assert only(tale.wait(60), e.NobodyReachable)


@pytest.mark.clause("E4")
def test_the_alarm_sounds_again_and_again_until_somebody_answers() -> None:
    tale = Tale(SUNDAY_NIGHT).declare(SEV1)
    tale.wait(120)
    assert len(only(tale.wait(60), e.NobodyReachable)) == 4

    tale.acknowledge()

    assert only(tale.wait(60), e.NobodyReachable) == []


@pytest.mark.clause("E4")
def test_with_nobody_on_call_the_next_rung_is_asked_at_once() -> None:
    tale = Tale(SUNDAY_NIGHT)
    tale.nobody_on_call = True
    tale.declare(SEV1)
    tale.do(Tick())

    assert only(tale.events, e.NobodyOnCall)
    assert ENGINEERING_LEAD in paged(tale.events)
    assert VP not in paged(tale.events), "the Engineering Lead has her fifteen minutes"


@pytest.mark.clause("E4")
def test_a_ladder_of_people_without_any_method_ends_in_the_alarm_and_never_in_silence() -> None:
    rules = rulebook()
    people = {key: changed(person, methods=()) for key, person in rules.people.items()}  # type: ignore[arg-type]
    tale = Tale(SUNDAY_NIGHT, changed(rules, people=people)).declare(SEV1)
    tale.wait(1)

    assert only(tale.events, e.PersonUnreachable)
    assert only(tale.events, e.NobodyReachable)
    assert tale.owed()


@pytest.mark.clause("E4")
def test_page_methods_fail_one_after_another_and_then_the_next_person_is_asked() -> None:
    tale = Tale(SUNDAY_NIGHT).declare(SEV2)
    (page,) = (event for event in tale.events if isinstance(event, PersonPaged))
    methods = (*page.methods, *page.later)
    assert len(methods) > 2

    for method, following in zip(methods, [*methods[1:], None], strict=True):
        events = tale.do(RecordDelivery(page=page.page, method=method, why="refused"))
        (failed,) = (event for event in events if isinstance(event, e.PageAttemptFailed))
        assert failed.next == following

    assert only(tale.events, e.PersonUnreachable)
    assert emptied(RuleId("sev2.ladder.1")) in tale.state.marks
    assert tale.secondary in paged(tale.events), "there is no answer to wait for"


def test_a_receipt_that_comes_twice_is_noted_once() -> None:
    tale = Tale().declare(SEV2)
    (page,) = (event for event in tale.events if isinstance(event, PersonPaged))
    receipt = RecordDelivery(page=page.page, method=page.methods[0], receipt="r1")

    assert only(tale.do(receipt), e.PageDelivered)
    assert tale.jump(1).do(receipt) == ()


def test_a_failure_told_after_the_answer_asks_nobody_else() -> None:
    tale = Tale().declare(SEV2)
    (page,) = (event for event in tale.events if isinstance(event, PersonPaged))
    tale.acknowledge()

    assert tale.do(RecordDelivery(page=page.page, method=page.methods[0], why="late")) == ()


@pytest.mark.clause("E1")
def test_a_sev1_goes_on_escalating_after_the_acknowledgment() -> None:
    tale = Tale().declare(SEV1).acknowledge()
    assert tale.state.level == 2

    tale.wait(119)
    assert tale.state.level == 2
    assert VP in paged(tale.wait(1))
    assert CTO in paged(tale.wait(120))
    assert tale.state.level == 4


@pytest.mark.clause("E1", "E5")
def test_a_sev2_that_does_not_improve_for_an_hour_calls_the_engineering_lead() -> None:
    tale = Tale().declare(SEV2).acknowledge()

    assert ENGINEERING_LEAD not in paged(tale.wait(59))
    assert ENGINEERING_LEAD in paged(tale.wait(1))


@pytest.mark.clause("E5")
def test_reaching_monitoring_or_a_lower_measured_severity_counts_as_improving() -> None:
    tale = Tale().declare(SEV2).acknowledge()
    tale.wait(50)
    tale.monitor()
    tale.wait(20)
    assert tale.state.level == 1

    other = Tale().declare(SEV2).acknowledge()
    other.fire("a", "b", firing=2, worst=SEV2)
    other.wait(50)
    other.clear("a", firing=1, worst=SEV3)
    other.wait(20)
    assert other.state.level == 1
    assert ENGINEERING_LEAD in paged(other.wait(40)), "the next hour began when it improved"


@pytest.mark.clause("E5")
def test_fewer_alerts_that_are_as_bad_are_no_improvement() -> None:
    tale = Tale().declare(SEV2).acknowledge()
    tale.fire("a", "b", firing=2, worst=SEV2)
    tale.wait(50)
    tale.clear("a", firing=1, worst=SEV2)
    assert ENGINEERING_LEAD in paged(tale.wait(10))


@pytest.mark.clause("E1")
@pytest.mark.parametrize(("flag", "level"), [("architecture", 2), ("vendor", 3), ("resources", 3), ("legal", 4)])
def test_a_flag_set_by_hand_calls_its_level_at_once(flag: str, level: int) -> None:
    tale = Tale().declare(SEV1).acknowledge()

    tale.do(RaiseFlag(by=MARA, flag=flag))

    assert tale.state.level == max(level, 2)


@pytest.mark.clause("E1")
def test_several_components_in_trouble_call_the_vp() -> None:
    tale = Tale().declare(SEV1).acknowledge()

    events = tale.do(NoticeSpread(components=(ComponentId("agent-booster"), ComponentId("agentdb"))))

    assert VP in paged(events)
    assert tale.state.level == 3


@pytest.mark.clause("E1")
def test_a_level_called_by_hand_is_paged_once() -> None:
    tale = Tale().declare(SEV2).acknowledge()

    assert paged(tale.do(Escalate(by=MARA, level=3, reason="a vendor is needed"))) == [VP]


@pytest.mark.clause("E4")
def test_opened_again_everybody_is_asked_anew_even_who_answered_before() -> None:
    tale = Tale().declare(SEV2).acknowledge()
    tale.do(Resolve(by=by("x", commands=True), override_reason="it looks good"))
    tale.jump(30)

    events = tale.do(Reopen(by=MARA, reason="it is back"))

    assert paged(events) == [tale.primary]
    assert tale.secondary in paged(tale.wait(5))


def test_growing_worse_owes_what_the_worse_severity_asks_from_then_on() -> None:
    tale = Tale().declare(SEV3).acknowledge()
    tale.wait(40)

    events = tale.do(SetSeverity(by=MARA, severity=SEV1, reason="nothing works"))

    assert PRODUCT_MANAGER in paged(events)
    assert tale.owed()["sev1.update.incident-channel"] == tale.now + minutes(5)


def test_nobody_is_paged_twice_for_one_moment() -> None:
    tale = Tale().declare(SEV1)
    before = paged(tale.events)

    assert len(before) == len(set(before))


def test_adding_a_component_does_not_page_by_itself() -> None:
    tale = Tale().declare(SEV1).acknowledge()

    assert paged(tale.do(AddComponent(by=MARA, component=ComponentId("agentdb")))) == []
    assert tale.state.stage is Stage.INVESTIGATING


@pytest.mark.clause("E4", "K1")
def test_a_sev4_whose_ladder_ended_in_vain_is_not_forgotten_but_told_again_every_day() -> None:
    tale = Tale().declare(SEV4)
    tale.wait(24 * 60 - 1)

    for _ in range(3):
        assert only(tale.wait(24 * 60), e.PersonTold)


@pytest.mark.clause("E4")
def test_while_the_ladder_of_a_sev1_asks_nobody_is_woken_by_reminders() -> None:
    tale = Tale(SUNDAY_NIGHT).declare(SEV1)

    assert only(tale.wait(90), e.PersonTold) == []
