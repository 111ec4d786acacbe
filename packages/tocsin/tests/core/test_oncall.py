"""Who is on call (O1, O2, O4)."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whenever import Date, Instant, Time, TimeDelta, ZonedDateTime

from tocsin.core.ids import PersonId, RotationId
from tocsin.core.oncall import boundary, duty, next_change, on_call, on_call_until, shift_ends, shifts
from tocsin.core.rules import Override, Rotation

ANA, BEN, CLEO = PersonId("ana"), PersonId("ben"), PersonId("cleo")
WEEKLY = Rotation(RotationId("sre"), (ANA, BEN, CLEO), 7, Date(2026, 1, 5))
BERLIN = Rotation(RotationId("berlin"), (ANA, BEN), 1, Date(2026, 3, 1), Time(2, 30), "Europe/Berlin")
MIDNIGHT = Instant.from_utc(2026, 1, 5)
WEEK = TimeDelta(hours=7 * 24)
SECOND = TimeDelta(seconds=1)


def stands_in(person: PersonId, since: Instant, hours: int, rotation: Rotation = WEEKLY) -> Override:
    return Override(rotation.id, person, since, since + TimeDelta(hours=hours))


@st.composite
def rotations(draw: Any) -> Rotation:
    return Rotation(
        RotationId("any"),
        tuple(PersonId(f"p{number}") for number in range(draw(st.integers(1, 5)))),
        draw(st.integers(1, 28)),
        Date(2025, 1, 1).add(days=draw(st.integers(0, 400))),
        Time(draw(st.integers(0, 23)), draw(st.sampled_from([0, 15, 30]))),
        draw(st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])),
    )


instants = st.integers(0, 1000 * 24 * 12).map(lambda n: Instant.from_utc(2025, 1, 1) + TimeDelta(minutes=5 * n))


@st.composite
def overrides(draw: Any) -> list[Override]:
    made = []
    for number in range(draw(st.integers(0, 4))):
        since = draw(instants)
        hours = TimeDelta(hours=draw(st.integers(1, 200)))
        made.append(Override(RotationId("any"), PersonId(f"stand-in-{number}"), since, since + hours))
    return made


@pytest.mark.clause("O1")
def test_people_take_turns_week_by_week_from_monday_midnight() -> None:
    assert on_call(WEEKLY, MIDNIGHT) == ANA
    assert on_call(WEEKLY, MIDNIGHT + WEEK - SECOND) == ANA
    assert on_call(WEEKLY, MIDNIGHT + WEEK) == BEN
    assert on_call(WEEKLY, MIDNIGHT + WEEK * 2) == CLEO
    assert on_call(WEEKLY, MIDNIGHT + WEEK * 3) == ANA


@pytest.mark.clause("O4")
def test_nobody_is_on_call_before_the_first_day() -> None:
    assert on_call(WEEKLY, MIDNIGHT - SECOND) is None
    assert duty({WEEKLY.id: WEEKLY}, MIDNIGHT - SECOND) == {}


def test_nobody_is_on_call_in_an_empty_rotation() -> None:
    empty = Rotation(RotationId("empty"), (), 7, Date(2026, 1, 5))
    assert on_call(empty, MIDNIGHT) is None
    assert shifts(empty, MIDNIGHT, MIDNIGHT + WEEK) == ()
    assert next_change(empty, MIDNIGHT) is None


@pytest.mark.clause("O1")
def test_the_hand_over_keeps_its_hour_over_summer_time() -> None:
    new_york = Rotation(RotationId("ny"), (ANA, BEN), 7, Date(2026, 3, 2), Time(9), "America/New_York")
    before = ZonedDateTime(2026, 3, 9, 8, 59, tz="America/New_York").to_instant()
    after = ZonedDateTime(2026, 3, 9, 9, 0, tz="America/New_York").to_instant()
    assert (on_call(new_york, before), on_call(new_york, after)) == (ANA, BEN)


def test_a_hand_over_in_the_hour_that_is_left_out_happens_just_after_it() -> None:
    assert boundary(BERLIN, 28) == Instant.from_utc(2026, 3, 29, 1, 30)
    assert on_call(BERLIN, Instant.from_utc(2026, 3, 29, 1, 29)) != on_call(
        BERLIN, Instant.from_utc(2026, 3, 29, 1, 30)
    )


@pytest.mark.clause("O4")
def test_an_override_stands_above_the_rotation_for_its_time_only() -> None:
    swap = stands_in(CLEO, MIDNIGHT + TimeDelta(hours=10), 2)
    asked = [on_call(WEEKLY, MIDNIGHT + TimeDelta(hours=hour), [swap]) for hour in (9, 10, 11, 12)]
    assert asked == [ANA, CLEO, CLEO, ANA]


@pytest.mark.clause("O4")
def test_of_two_overrides_the_one_that_began_later_counts() -> None:
    both = [stands_in(CLEO, MIDNIGHT, 10), stands_in(BEN, MIDNIGHT + TimeDelta(hours=2), 2)]
    asked = [on_call(WEEKLY, MIDNIGHT + TimeDelta(hours=hour), both) for hour in (1, 2, 4)]
    assert asked == [CLEO, BEN, CLEO]


@pytest.mark.clause("O4")
def test_an_override_of_another_rotation_changes_nothing() -> None:
    other = Override(RotationId("other"), CLEO, MIDNIGHT, MIDNIGHT + WEEK)
    assert on_call(WEEKLY, MIDNIGHT, [other]) == ANA


@pytest.mark.clause("O4")
def test_the_next_change_is_when_somebody_else_takes_over() -> None:
    assert next_change(WEEKLY, MIDNIGHT) == MIDNIGHT + WEEK
    assert next_change(WEEKLY, MIDNIGHT - SECOND) == MIDNIGHT
    swap = stands_in(CLEO, MIDNIGHT + TimeDelta(hours=10), 2)
    assert next_change(WEEKLY, MIDNIGHT, [swap]) == swap.starts_at
    assert next_change(WEEKLY, swap.starts_at, [swap]) == swap.ends_at


@pytest.mark.clause("O4")
def test_the_next_change_skips_a_hand_over_that_an_override_covers() -> None:
    long = stands_in(CLEO, MIDNIGHT, 5 * 7 * 24)
    # After it, in the sixth week, Cleo is on call by turn: the change comes with the week after.
    assert on_call(WEEKLY, long.ends_at) == CLEO
    assert next_change(WEEKLY, MIDNIGHT, [long]) == MIDNIGHT + WEEK * 6


@pytest.mark.clause("O4")
def test_a_shift_ends_when_somebody_else_takes_over() -> None:
    swap = stands_in(CLEO, MIDNIGHT + TimeDelta(hours=10), 2)
    assert on_call_until(WEEKLY, ANA, MIDNIGHT) == MIDNIGHT + WEEK
    assert on_call_until(WEEKLY, ANA, MIDNIGHT, [swap]) == swap.starts_at
    assert on_call_until(WEEKLY, CLEO, swap.starts_at, [swap]) == swap.ends_at
    assert on_call_until(WEEKLY, BEN, MIDNIGHT) is None, "who is not on call has no shift that could end"
    on = duty({WEEKLY.id: WEEKLY}, MIDNIGHT)
    assert shift_ends({WEEKLY.id: WEEKLY}, on, MIDNIGHT) == {WEEKLY.id: {ANA: MIDNIGHT + WEEK}}


def test_one_person_alone_never_hands_over() -> None:
    alone = Rotation(RotationId("alone"), (ANA,), 7, Date(2026, 1, 5))
    assert next_change(alone, MIDNIGHT) is None


def test_a_plan_is_bounded() -> None:
    daily = Rotation(RotationId("daily"), (ANA, BEN), 1, Date(2026, 1, 5))
    assert len(shifts(daily, MIDNIGHT, MIDNIGHT + WEEK * 1000)) <= 1000


@pytest.mark.clause("O4")
@given(rotations(), instants, st.integers(1, 60 * 24), overrides())
def test_a_plan_covers_every_instant_once_and_agrees_with_who_is_on_call(
    rotation: Rotation, since: Instant, hours: int, standing: list[Override]
) -> None:
    until = since + TimeDelta(hours=hours)
    plan = shifts(rotation, since, until, standing)
    for before, after in pairwise(plan):
        assert before.ends_at <= after.starts_at, "nobody is on call twice at once"
        gap = before.ends_at < after.starts_at
        assert not gap or on_call(rotation, before.ends_at, standing) is None
    for shift in plan:
        assert shift.starts_at < shift.ends_at
        for at in (shift.starts_at, shift.starts_at + (shift.ends_at - shift.starts_at) / 2, shift.ends_at - SECOND):
            assert on_call(rotation, at, standing) == shift.person
    started = max(since, boundary(rotation, 0))
    if started < until:
        covered = sum(
            (min(s.ends_at, until) - max(s.starts_at, started)).total("seconds") for s in plan if s.ends_at > started
        )
        assert covered == (until - started).total("seconds"), "no instant after the first day is uncovered"


@given(rotations(), instants, overrides())
def test_nothing_changes_before_the_next_change(rotation: Rotation, at: Instant, standing: list[Override]) -> None:
    change = next_change(rotation, at, standing)
    holder = on_call(rotation, at, standing)
    if change is None:
        assert on_call(rotation, at + WEEK * 200, standing) == holder
        return
    assert change > at
    assert on_call(rotation, change, standing) != holder
    for shift in shifts(rotation, at, change, standing):
        assert shift.person == holder


@given(rotations(), st.integers(0, 500))
def test_hand_overs_strictly_follow_each_other(rotation: Rotation, place: int) -> None:
    assert boundary(rotation, place) < boundary(rotation, place + 1)
