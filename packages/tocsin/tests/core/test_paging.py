"""How one person is asked: by their own rules, again while there is no answer, and quietly in their quiet hours."""

from typing import Any

import pytest
from whenever import Instant, Time, TimeDelta

from tocsin.core import events as e
from tocsin.core.commands import Decline, RecordDelivery, Resolve, SetSeverity, Tick
from tocsin.core.contact import MethodKind, NotificationRule, QuietHours
from tocsin.core.events import AnyEvent, PersonPaged
from tocsin.core.ids import IntentId, PersonId
from tocsin.core.rules import Method, Rulebook

from ..builders import (
    ENGINEERING_LEAD,
    SEV1,
    SEV2,
    SEV3,
    SUNDAY_NIGHT,
    TUESDAY_MORNING,
    Tale,
    by,
    changed,
    minutes,
    only,
    rulebook,
)

PRIMARY = Tale(SUNDAY_NIGHT).primary
PUSH, SLACK, PHONE, PAGER, EMAIL = (
    MethodKind.PUSH,
    MethodKind.SLACK,
    MethodKind.PHONE,
    MethodKind.PAGER,
    MethodKind.EMAIL,
)
GENTLE_THEN_LOUD = (
    NotificationRule(by=(PUSH, SLACK)),
    NotificationRule(by=(PHONE,), after=minutes(2), every=minutes(5)),
)
NIGHT = QuietHours(Time(22), Time(7), "UTC", (SEV1,))


def told(person: PersonId = PRIMARY, *, without: tuple[MethodKind, ...] = (), **wishes: object) -> Rulebook:
    """Answer the shipped playbook in which one person has a push method too, and these wishes."""
    rules = rulebook()
    known = rules.people[person]
    push = Method(PUSH, known.methods[0].channel, f"{person}-device")
    methods = tuple(method for method in (*known.methods, push) if method.kind not in without)
    people = {**rules.people, person: changed(known, methods=methods, **wishes)}  # type: ignore[arg-type]
    return changed(rules, people=people)


def kinds(event: AnyEvent) -> list[MethodKind]:
    assert isinstance(event, PersonPaged | e.PageRepeated)
    return [method.kind for method in event.methods]


def asked(tale: Tale, person: PersonId = PRIMARY) -> list[tuple[float, list[MethodKind]]]:
    """Answer when and how somebody was asked, in minutes from the first time."""
    found = [event for event in tale.events if isinstance(event, PersonPaged | e.PageRepeated)]
    return [
        ((event.at - tale.events[0].at).total("minutes"), kinds(event)) for event in found if event.person == person
    ]


@pytest.mark.clause("E2")
def test_push_and_slack_at_once_the_phone_after_two_minutes_and_again_every_five() -> None:
    tale = Tale(SUNDAY_NIGHT, told(notify=GENTLE_THEN_LOUD)).declare(SEV2)

    tale.wait(13)

    assert asked(tale) == [(0, [PUSH, SLACK]), (2, [PHONE]), (7, [PHONE]), (12, [PHONE])]
    assert tale.secondary in [event.person for event in tale.events if isinstance(event, PersonPaged)], "as always"


@pytest.mark.clause("E2")
def test_the_next_step_of_a_page_is_a_deadline_like_any_other() -> None:
    tale = Tale(SUNDAY_NIGHT, told(notify=GENTLE_THEN_LOUD)).declare(SEV2)
    (page,) = tale.state.pages

    assert tale.owed()[f"page.{page}"] == tale.now + minutes(2)
    tale.wait(2)
    assert tale.owed()[f"page.{page}"] == tale.now + minutes(5)
    (again,) = tale.of(e.PageRepeated)
    assert isinstance(again, e.PageRepeated)
    assert (again.step, again.due_at, again.at) == (2, tale.now, tale.now)


@pytest.mark.clause("E2")
@pytest.mark.parametrize("ends", ["answered", "declined", "taken by another", "resolved"])
def test_a_page_that_has_its_end_asks_no_more(ends: str) -> None:
    tale = Tale(SUNDAY_NIGHT, told(notify=GENTLE_THEN_LOUD)).declare(SEV2)
    tale.wait(3)
    match ends:
        case "answered":
            tale.acknowledge()
        case "declined":
            tale.do(Decline(by=by(PRIMARY)))
        case "taken by another":
            tale.acknowledge(tale.secondary)
        case _:
            tale.acknowledge().monitor().hold(31)
            tale.do(Resolve(by=by(PRIMARY)))
    assert [due for due in tale.owed() if due.startswith("page.")] == []


def test_early_and_doubled_ticks_ask_nobody_and_a_late_one_asks_once() -> None:
    tale = Tale(SUNDAY_NIGHT, told(notify=GENTLE_THEN_LOUD)).declare(SEV2)

    assert only(tale.jump(1.5).do(Tick()), e.PageRepeated) == []
    (late,) = only(tale.jump(18.25).do(Tick()), e.PageRepeated)

    assert isinstance(late, e.PageRepeated)
    assert late.due_at == late.at - minutes(17.75)
    assert only(tale.do(Tick()), e.PageRepeated) == []
    assert tale.owed()[f"page.{late.page}"] == tale.events[0].at + minutes(22), "the rhythm counts from the page"


def test_rules_for_one_severity_leave_the_others_as_the_policy_has_them() -> None:
    loud = (NotificationRule(by=(PHONE,), every=minutes(1), severities=(SEV1,)),)
    rules = told(notify=loud)

    assert asked(Tale(SUNDAY_NIGHT, rules).declare(SEV2)) == [(0, [PAGER])]
    tale = Tale(SUNDAY_NIGHT, rules).declare(SEV1)
    tale.wait(2)
    assert asked(tale) == [(0, [PHONE]), (1, [PHONE]), (2, [PHONE])]


@pytest.mark.clause("E4")
def test_methods_that_fail_go_on_to_those_of_the_later_steps_first() -> None:
    tale = Tale(SUNDAY_NIGHT, told(notify=GENTLE_THEN_LOUD)).declare(SEV2)
    (page,) = tale.state.pages.values()

    for method in page.trying:
        tale.do(RecordDelivery(page=page.page, method=method, why="refused"))

    failed = tale.of(e.PageAttemptFailed)[-1]
    assert isinstance(failed, e.PageAttemptFailed)
    assert failed.next is not None
    assert failed.next.kind is PHONE


def test_a_step_that_fails_after_the_page_was_delivered_does_not_make_anybody_unreachable() -> None:
    rules = told(notify=(NotificationRule(by=(PAGER,), every=minutes(5)),), without=(SLACK, PHONE, EMAIL, PUSH))
    tale = Tale(SUNDAY_NIGHT, rules).declare(SEV2)
    (page,) = tale.state.pages.values()
    tale.do(RecordDelivery(page=page.page, method=page.trying[0], receipt="r"))
    tale.wait(5)

    tale.do(RecordDelivery(page=page.page, method=page.trying[0], why="busy"))

    assert only(tale.events, e.PersonUnreachable) == []
    tale.wait(5)
    assert [at for at, _ in asked(tale)] == [0, 5, 10]


def test_in_quiet_hours_a_page_goes_by_what_does_not_ring_and_rings_when_they_are_over() -> None:
    at = Instant.from_utc(2026, 11, 22, 6, 58)
    tale = Tale(at, told(notify=GENTLE_THEN_LOUD, quiet=(NIGHT,))).declare(SEV2)

    tale.wait(8)

    assert asked(tale) == [(0, [PUSH, SLACK]), (2, [PHONE]), (7, [PHONE])]
    early = Tale(SUNDAY_NIGHT, told(notify=GENTLE_THEN_LOUD, quiet=(NIGHT,))).declare(SEV2)
    early.wait(4 * 60 + 1)
    rang = [at for at, how in asked(early) if PHONE in how]
    assert rang[0] == 4 * 60, "three in the morning: the phone waits until seven"


def test_quiet_hours_never_silence_the_worst() -> None:
    tale = Tale(SUNDAY_NIGHT, told(quiet=(NIGHT,))).declare(SEV1)

    assert asked(tale) == [(0, [PAGER])]


def test_an_incident_that_grows_worse_at_night_rings_at_once() -> None:
    tale = Tale(SUNDAY_NIGHT, told(quiet=(NIGHT,))).declare(SEV2)
    assert asked(tale) == [(0, [SLACK])]

    tale.jump(1).do(SetSeverity(by=by("mara-lindqvist"), severity=SEV1, reason="all of it is down"))

    assert asked(tale) == [(0, [SLACK]), (1, [PAGER])]


@pytest.mark.clause("E4")
def test_whoever_can_only_be_rung_and_must_not_be_is_followed_by_the_next_at_once() -> None:
    rules = told(quiet=(NIGHT,), without=(SLACK, EMAIL, PUSH))
    tale = Tale(SUNDAY_NIGHT, rules).declare(SEV2)

    assert only(tale.events, e.PersonUnreachable)
    assert tale.secondary in [event.person for event in tale.events if isinstance(event, PersonPaged)]


def test_a_later_page_to_the_same_person_takes_over_the_ringing() -> None:
    rules = told(ENGINEERING_LEAD, notify=(NotificationRule(by=(PHONE,), every=minutes(4)),))
    tale = Tale(SUNDAY_NIGHT, rules).declare(SEV1)
    tale.wait(17)

    rang = [at for at, _ in asked(tale, ENGINEERING_LEAD)]

    assert rang == [0, 4, 8, 12, 15], "the third rung pages her anew, and from then on that page rings"
    tale.wait(2)
    assert [at for at, _ in asked(tale, ENGINEERING_LEAD)] == [*rang, 19]


def test_an_alarm_that_sounds_for_a_day_leaves_no_more_pages_than_reasons() -> None:
    tale = Tale(TUESDAY_MORNING).declare(SEV1)
    tale.wait(24 * 60)

    assert len(tale.of(PersonPaged)) > 400
    assert len(tale.state.pages) < 25


def test_ringing_has_an_end() -> None:
    rules = told(ENGINEERING_LEAD, notify=(NotificationRule(by=(PHONE,), every=minutes(1)),))
    tale = Tale(TUESDAY_MORNING, rules).declare(SEV1).acknowledge()
    tale.wait(TimeDelta(hours=20))

    assert len(only(tale.events, e.PageRepeated)) == 100


def said_again(failed: MethodKind, *, quiet: tuple[QuietHours, ...] = (), **wishes: Any) -> list[MethodKind]:
    """Answer by what a notice is said again that could not be delivered."""
    tale = Tale(SUNDAY_NIGHT, told(quiet=quiet, **wishes)).declare(SEV3)
    method = next(each for each in tale.rules.people[PRIMARY].methods if each.kind is failed)
    gone = RecordDelivery(page=None, method=method, person=PRIMARY, intent=IntentId("x"), text="look", why="down")
    events = [event for event in tale.do(gone) if isinstance(event, e.PersonTold)]
    return [method.kind for event in events for method in event.methods]


@pytest.mark.clause("E3")
def test_what_demands_no_answer_is_said_again_by_what_does_not_ring_and_never_rings_in_quiet_hours() -> None:
    assert said_again(SLACK) == [EMAIL], "not by the phone, which stands before it"
    assert said_again(SLACK, without=(EMAIL, PUSH)) == [PHONE], "nothing else is left"
    assert said_again(SLACK, without=(EMAIL, PUSH), quiet=(NIGHT,)) == []
