"""Whoever is awake already is rung once for a storm, told how much waits, and rung again if they sleep after all."""

from collections.abc import Iterable

import pytest
from whenever import Instant

from tocsin.core import events as e
from tocsin.core.commands import AnyCommand, Declare, Decline, RecordDelivery, Resolve
from tocsin.core.contact import RINGING, MethodKind, NotificationRule
from tocsin.core.events import Actor, AnyEvent, Evidence, PersonPaged
from tocsin.core.ids import IncidentId, Severity
from tocsin.core.kinds import TESTED, Kind, rows_of
from tocsin.core.notifications import intents
from tocsin.core.storm import Wakeful
from tocsin.engine.awake import engaged

from ..builders import SEV1, SEV2, SEV3, SUNDAY_NIGHT, Tale, changed, minutes, only, rulebook

PRIMARY = Tale(SUNDAY_NIGHT).primary


class Another(Tale):
    """One incident beside others, of which it is told."""

    def __init__(self, *, now: Instant = SUNDAY_NIGHT, rules: object = None, **knows: object) -> None:
        super().__init__(now, rules)  # type: ignore[arg-type]
        self.others = Wakeful(**knows)  # type: ignore[arg-type]

    @property
    def given(self):  # type: ignore[no-untyped-def]
        return changed(super().given, awake={PRIMARY: self.others})  # type: ignore[arg-type]


def page_of(tale: Tale) -> PersonPaged:
    (page,) = (event for event in tale.events if isinstance(event, PersonPaged) and event.person == PRIMARY)
    return page


def rings(events: Iterable[AnyEvent]) -> list[AnyEvent]:
    return [
        event
        for event in events
        if isinstance(event, PersonPaged | e.PageRepeated)
        and event.person == PRIMARY
        and any(method.kind in RINGING for method in event.methods)
    ]


def ago(span: float) -> Instant:
    return SUNDAY_NIGHT - minutes(span)


@pytest.mark.parametrize(
    ("other", "rang", "quiet"),
    [
        (SEV2, ago(9), True),
        (SEV1, ago(9), True),
        (SEV3, ago(9), False),
        (SEV2, ago(11), False),
    ],
    ids=["as severe", "worse", "less severe", "too long ago"],
)
def test_a_page_that_rang_a_moment_ago_for_something_as_severe_is_enough(
    other: Severity, rang: Instant, quiet: bool
) -> None:
    tale = Another(rang={other: rang}, told_at=rang, pages=1).declare(SEV2)

    page = page_of(tale)
    assert page.quiet is quiet
    assert bool(rings(tale.events)) is not quiet
    assert page.beside == 1
    assert PRIMARY in [each.person for each in tale.state.pages.values()], "it waits for an answer all the same"


@pytest.mark.parametrize(("acted", "quiet"), [(29, True), (31, False)])
def test_whoever_is_at_work_on_something_as_severe_is_told_quietly(acted: float, quiet: bool) -> None:
    tale = Another(acted={SEV2: ago(acted)}).declare(SEV2)

    page = page_of(tale)
    assert page.quiet is quiet
    if quiet:
        assert [method.kind for method in page.methods] == [MethodKind.SLACK]


@pytest.mark.clause("E4")
def test_what_whoever_is_awake_is_told_quietly_goes_by_another_quiet_way_if_the_first_fails() -> None:
    tale = Another(acted={SEV2: ago(1)}).declare(SEV2)
    page = page_of(tale)
    failed = RecordDelivery(page=page.page, method=page.methods[0], person=PRIMARY, why="Slack is down")

    (moved,) = only(tale.do(failed), e.PageAttemptFailed)

    assert isinstance(moved, e.PageAttemptFailed)
    assert moved.next is not None
    assert moved.next.kind is MethodKind.EMAIL, "and not by the phone, which stands before it"
    assert [intent.method for intent in intents(tale.state, (moved,), tale.given)] == [moved.next]
    (last,) = only(tale.do(changed(failed, method=moved.next)), e.PageAttemptFailed)  # type: ignore[arg-type]
    assert isinstance(last, e.PageAttemptFailed)
    assert last.next is None
    assert not only(tale.events, e.PersonUnreachable), "it has yet to ring"


@pytest.mark.clause("E4")
def test_the_ladder_goes_on_as_always() -> None:
    tale = Another(acted={SEV2: ago(1)}).declare(SEV2)

    tale.wait(5)

    assert tale.secondary in [event.person for event in tale.events if isinstance(event, PersonPaged)]


def test_whoever_was_told_a_moment_ago_is_told_of_all_that_came_since_in_one_message() -> None:
    tale = Another(rang={SEV2: ago(0)}, told_at=ago(0), pages=7).declare(SEV2)
    assert page_of(tale).methods == ()

    tale.others = changed(tale.others, pages=49)  # type: ignore[arg-type]
    (told,) = only(tale.wait(1), e.PageRepeated)

    assert isinstance(told, e.PageRepeated)
    assert (told.quiet, told.beside, [method.kind for method in told.methods]) == (True, 49, [MethodKind.SLACK])
    (message,) = [each.message for each in intents(tale.state, [told], tale.given) if each.person == PRIMARY]
    assert "You have 50 open pages" in message.text


def test_what_came_before_the_last_message_was_told_by_it() -> None:
    tale = Another(rang={SEV2: ago(0)}, told_at=ago(0), pages=7).declare(SEV2)
    tale.others = changed(tale.others, told_at=SUNDAY_NIGHT + minutes(1))  # type: ignore[arg-type]

    (again,) = only(tale.wait(1), e.PageRepeated)

    assert isinstance(again, e.PageRepeated)
    assert again.methods == ()


def test_whoever_sleeps_after_all_is_rung() -> None:
    tale = Another(rang={SEV2: ago(0)}, told_at=ago(0), pages=1).declare(SEV2)

    rung = rings(tale.wait(11))

    assert len(rung) == 1
    assert rung[0].at - SUNDAY_NIGHT <= minutes(11)


def test_of_several_pages_that_repeat_the_last_one_rings_for_all() -> None:
    often = (NotificationRule(by=(MethodKind.PHONE,), every=minutes(5)),)
    rules = rulebook()
    loud = changed(rules.people[PRIMARY], notify=often)  # type: ignore[arg-type]
    tale = Another(rules=changed(rules, people={**rules.people, PRIMARY: loud})).declare(SEV2)
    tale.others = Wakeful(rang={SEV2: SUNDAY_NIGHT + minutes(3)}, told_at=SUNDAY_NIGHT + minutes(3), pages=1)

    assert rings(tale.wait(5)) == []
    tale.others = Wakeful()
    assert len(rings(tale.wait(11))) == 2


def test_a_quiet_message_that_fails_makes_nobody_unreachable() -> None:
    tale = Another(acted={SEV2: ago(1)}).declare(SEV2)
    page = page_of(tale)

    events = tale.do(RecordDelivery(page=page.page, method=page.methods[0], why="Slack is down"))

    assert only(events, e.PersonUnreachable) == []
    assert page.next_at is not None


@pytest.mark.clause("E4")
def test_a_quiet_page_can_be_declined_and_acknowledged_like_any_other() -> None:
    tale = Another(acted={SEV2: ago(1)}).declare(SEV2)
    command: AnyCommand = Decline(by=Actor(PRIMARY))

    assert tale.secondary in [event.person for event in only(tale.jump(1).do(command), PersonPaged)]  # type: ignore[attr-defined]


def test_without_a_policy_every_page_rings() -> None:
    rules = changed(rulebook(), storm=None)
    tale = Another(rules=rules, rang={SEV2: ago(0)}, acted={SEV2: ago(0)}, told_at=ago(0), pages=9).declare(SEV2)

    assert not page_of(tale).quiet
    assert len(rings(tale.events)) == 1


def test_a_test_page_rings_whoever_is_awake_and_keeps_nobody_from_being_rung() -> None:
    tale = Another(rang={SEV1: ago(0)}, acted={SEV1: ago(0)}, told_at=ago(0), pages=3)
    tale.do(
        Declare(
            incident=IncidentId("TEST-1"),
            title="Test page",
            components=(),
            severity=rows_of(Kind.DRILL),
            evidence=Evidence("test-page", "D1", "asked for"),
            detected_at=tale.now,
            group_key="test-page",
            kind=Kind.DRILL,
            roles={TESTED: PRIMARY},
        )
    )

    assert not page_of(tale).quiet
    assert engaged(tale.state) == ()


def test_what_was_resolved_keeps_nobody_awake() -> None:
    tale = Tale(SUNDAY_NIGHT).declare(SEV2).acknowledge()
    assert [each.person for each in engaged(tale.state)] == [PRIMARY]

    tale.do(Resolve(by=Actor(PRIMARY, commands=True), override_reason="a false alarm"))

    assert engaged(tale.state) == ()
