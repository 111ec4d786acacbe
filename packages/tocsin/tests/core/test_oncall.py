"""Who is on call (O1, O2, O4)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from whenever import Date, Instant, Time, TimeDelta, ZonedDateTime

from tocsin.core.arrangements import Arranged, Assignment, Away, Override, Sheet
from tocsin.core.ids import ArrangementId, PersonId, RotationId
from tocsin.core.oncall import (
    Because,
    cuts_between,
    duty,
    holds_throughout,
    next_change,
    on_call,
    on_call_until,
    plan,
    posts,
    shift_ends,
    shifts,
)
from tocsin.core.rules import Rotation
from tocsin.core.turns import Layer, Restriction, Turn, TurnUnit, boundary, instant_of, turn_number

from .calendars import arranged, instants, rotations

ANA, BEN, CLEO, DORA = (PersonId(name) for name in ("ana", "ben", "cleo", "dora"))
WEEKLY = Rotation(RotationId("sre"), (ANA, BEN, CLEO), 7, Date(2026, 1, 5))
BERLIN = Rotation(RotationId("berlin"), (ANA, BEN), 1, Date(2026, 3, 1), Time(2, 30), "Europe/Berlin")
HOURLY = replace(BERLIN, starts_at=Time(0), people=(ANA, BEN, CLEO), turn=Turn(1, TurnUnit.HOURS))
OFFICE = (Restriction((1, 2, 3, 4, 5), Time(9), Time(17)),)
MIDNIGHT = Instant.from_utc(2026, 1, 5)
WEEK = TimeDelta(hours=7 * 24)
HOUR = TimeDelta(hours=1)
SECOND = TimeDelta(seconds=1)
SUMMER = Instant.from_utc(2026, 3, 29, 1)
"""When the clocks of Berlin are put forward: from two to three."""
WINTER = Instant.from_utc(2026, 10, 25, 1)
"""When they are put back: from three to two."""


def stands_in(person: PersonId, since: Instant, hours: int, rotation: Rotation = WEEKLY) -> Override:
    return Override(rotation.id, person, since, since + TimeDelta(hours=hours))


def by(*overrides: Override) -> Arranged:
    return Arranged(overrides)


def away(person: PersonId, since: Instant, hours: int) -> Arranged:
    return Arranged(away=(Away(person, since, since + TimeDelta(hours=hours)),))


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


@pytest.mark.clause("O1")
def test_a_hand_over_in_the_hour_that_is_left_out_happens_when_the_clocks_change() -> None:
    assert boundary(BERLIN.stack[0], BERLIN.zone, 28) == SUMMER
    assert on_call(BERLIN, SUMMER - SECOND) != on_call(BERLIN, SUMMER)


@pytest.mark.clause("O1")
def test_a_hand_over_in_the_hour_that_comes_twice_happens_the_first_time() -> None:
    first = WINTER - TimeDelta(minutes=30)
    assert boundary(BERLIN.stack[0], BERLIN.zone, 238) == first
    assert on_call(BERLIN, first - SECOND) != on_call(BERLIN, first) == on_call(BERLIN, first + HOUR)


@pytest.mark.clause("O1")
def test_of_hourly_turns_the_hour_left_out_is_nobodys_and_the_hour_that_comes_twice_makes_a_long_turn() -> None:
    over_summer = shifts(HOURLY, SUMMER - HOUR * 2, SUMMER + HOUR * 2)
    assert [shift.ends_at - shift.starts_at for shift in over_summer] == [HOUR] * 4
    assert [shift.person for shift in over_summer] == [ANA, BEN, ANA, BEN], "the turn at two was Cleo's"

    over_winter = shifts(HOURLY, WINTER - HOUR * 2, WINTER + HOUR * 2)
    assert [shift.ends_at - shift.starts_at for shift in over_winter] == [HOUR, HOUR * 2, HOUR]


@pytest.mark.clause("O1")
def test_monthly_turns_begin_on_the_same_day_or_the_last_one_there_is() -> None:
    monthly = replace(WEEKLY, starts_on=Date(2026, 1, 31), turn=Turn(1, TurnUnit.MONTHS))
    edges = [boundary(monthly.stack[0], "UTC", place) for place in range(4)]
    assert edges == [Instant.from_utc(2026, month, day) for month, day in ((1, 31), (2, 28), (3, 31), (4, 30))]
    assert [on_call(monthly, edge) for edge in edges] == [ANA, BEN, CLEO, ANA]


def test_clocks_that_skip_a_whole_day_lose_nobody() -> None:
    apia = Rotation(RotationId("apia"), (ANA, BEN, CLEO), 1, Date(2011, 12, 28), Time(0), "Pacific/Apia")
    skip = Instant.from_utc(2011, 12, 30, 10)
    for turn in (Turn(1), Turn(6, TurnUnit.HOURS)):
        over = shifts(replace(apia, turn=turn), skip - WEEK / 7, skip + WEEK / 7)
        assert all(before.ends_at == after.starts_at for before, after in pairwise(over))


@pytest.mark.clause("O4")
def test_a_later_layer_stands_above_an_earlier_one_in_its_hours_only() -> None:
    office = Layer((DORA,), Turn(7), Date(2026, 1, 5), only=OFFICE)
    layered = replace(WEEKLY, layers=(office,))
    asked = [on_call(layered, MIDNIGHT + HOUR * hour) for hour in (8, 9, 16, 17, 5 * 24 + 12)]
    assert asked == [ANA, DORA, DORA, ANA, ANA], "on Saturday there is no office"
    assert next_change(layered, MIDNIGHT) == MIDNIGHT + HOUR * 9


@pytest.mark.clause("O4")
def test_hours_over_midnight_end_on_the_day_after() -> None:
    nights = replace(WEEKLY, only=(Restriction((5,), Time(22), Time(6)),))
    friday = MIDNIGHT + HOUR * 24 * 4
    asked = [on_call(nights, friday + HOUR * hour) for hour in (21, 22, 29, 30)]
    assert asked == [None, ANA, ANA, None]


@pytest.mark.clause("O4")
def test_outside_the_hours_of_every_layer_nobody_is_on_call_and_that_is_a_gap() -> None:
    office = replace(WEEKLY, only=OFFICE)
    whole = plan(office, MIDNIGHT, MIDNIGHT + WEEK)
    assert len(whole.shifts) == 5
    assert whole.gaps[-1].starts_at == MIDNIGHT + HOUR * (4 * 24 + 17)
    assert whole.gaps[-1].ends_at == MIDNIGHT + WEEK


@pytest.mark.clause("O4")
def test_as_many_people_are_on_call_at_once_as_the_playbook_says() -> None:
    pair = replace(WEEKLY, at_once=2)
    assert duty({pair.id: pair}, MIDNIGHT) == {pair.id: (ANA, BEN)}
    assert duty({pair.id: pair}, MIDNIGHT + WEEK * 2) == {pair.id: (CLEO, ANA)}
    assert on_call_until(pair, BEN, MIDNIGHT) == MIDNIGHT + WEEK * 2, "second this week, first the next"


@pytest.mark.clause("O4")
def test_whoever_stands_in_takes_one_place_and_a_double_one_is_filled_by_the_next() -> None:
    pair = replace(WEEKLY, at_once=2)
    for_ben = replace(stands_in(DORA, MIDNIGHT, 5), instead_of=BEN)
    assert duty({pair.id: pair}, MIDNIGHT, by(for_ben)) == {pair.id: (ANA, DORA)}
    assert duty({pair.id: pair}, MIDNIGHT, by(replace(for_ben, person=ANA))) == {pair.id: (ANA, CLEO)}


@pytest.mark.clause("O4")
def test_an_override_stands_above_the_rotation_for_its_time_only() -> None:
    swap = stands_in(CLEO, MIDNIGHT + TimeDelta(hours=10), 2)
    asked = [on_call(WEEKLY, MIDNIGHT + TimeDelta(hours=hour), by(swap)) for hour in (9, 10, 11, 12)]
    assert asked == [ANA, CLEO, CLEO, ANA]


@pytest.mark.clause("O4")
def test_of_two_overrides_the_one_that_began_later_counts() -> None:
    both = by(stands_in(CLEO, MIDNIGHT, 10), stands_in(BEN, MIDNIGHT + TimeDelta(hours=2), 2))
    asked = [on_call(WEEKLY, MIDNIGHT + TimeDelta(hours=hour), both) for hour in (1, 2, 4)]
    assert asked == [CLEO, BEN, CLEO]


@pytest.mark.clause("O4")
def test_an_override_that_was_withdrawn_counts_until_then() -> None:
    withdrawn = replace(stands_in(CLEO, MIDNIGHT, 10), withdrawn_at=MIDNIGHT + HOUR * 3)
    assert [on_call(WEEKLY, MIDNIGHT + HOUR * hour, by(withdrawn)) for hour in (2, 3)] == [CLEO, ANA]


@pytest.mark.clause("O4")
def test_an_override_of_another_rotation_changes_nothing() -> None:
    other = Override(RotationId("other"), CLEO, MIDNIGHT, MIDNIGHT + WEEK)
    assert on_call(WEEKLY, MIDNIGHT, by(other)) == ANA


@pytest.mark.clause("O4")
def test_the_next_of_the_rotation_who_is_there_stands_in_for_whoever_is_away() -> None:
    assert on_call(WEEKLY, MIDNIGHT, away(ANA, MIDNIGHT, 5)) == BEN
    both = Arranged(away=(*away(ANA, MIDNIGHT, 5).away, *away(BEN, MIDNIGHT, 5).away))
    (post,) = posts(WEEKLY, MIDNIGHT, both)
    assert (post.person, post.because, post.instead_of) == (CLEO, Because.AWAY, ANA)
    assert on_call(WEEKLY, MIDNIGHT + HOUR * 5, both) == ANA


@pytest.mark.clause("O4")
def test_if_all_are_away_that_is_a_gap() -> None:
    everybody = Arranged(away=tuple(Away(one, MIDNIGHT, MIDNIGHT + HOUR) for one in WEEKLY.people))
    whole = plan(WEEKLY, MIDNIGHT - HOUR + WEEK * 0, MIDNIGHT + HOUR * 2, everybody)
    assert [(gap.starts_at, gap.ends_at) for gap in whole.gaps][-1] == (MIDNIGHT - HOUR, MIDNIGHT + HOUR)
    assert [shift.starts_at for shift in whole.shifts] == [MIDNIGHT + HOUR]


@pytest.mark.clause("O4")
def test_a_stand_in_who_goes_away_afterwards_is_not_asked_but_one_who_promised_after_that_is() -> None:
    leave = Away(CLEO, MIDNIGHT, MIDNIGHT + WEEK, created_at=MIDNIGHT - HOUR * 5)
    for made_at, expected in ((MIDNIGHT - HOUR * 9, ANA), (MIDNIGHT - HOUR, CLEO)):
        promise = replace(stands_in(CLEO, MIDNIGHT, 3), created_at=made_at)
        assert on_call(WEEKLY, MIDNIGHT, Arranged((promise,), (leave,))) == expected


@pytest.mark.clause("O4")
def test_an_imported_calendar_stands_above_the_turns_where_the_playbook_lets_it() -> None:
    sheet = Sheet.of([Assignment(DORA, MIDNIGHT + HOUR, MIDNIGHT + HOUR * 3)])
    known = Arranged(imported={WEEKLY.id: sheet})
    assert on_call(WEEKLY, MIDNIGHT + HOUR, known) == ANA
    imports = replace(WEEKLY, imports=True)
    assert [on_call(imports, MIDNIGHT + HOUR * hour, known) for hour in (0, 1, 2, 3)] == [ANA, DORA, DORA, ANA]


@pytest.mark.clause("O4")
def test_somebody_the_playbook_does_not_know_any_more_is_not_asked() -> None:
    left = by(stands_in(DORA, MIDNIGHT, 5))
    assert on_call(WEEKLY, MIDNIGHT, left) == DORA
    assert on_call(WEEKLY, MIDNIGHT, left.known_to(WEEKLY.people)) == ANA


@pytest.mark.clause("O4")
def test_the_next_change_is_when_somebody_else_takes_over() -> None:
    assert next_change(WEEKLY, MIDNIGHT) == MIDNIGHT + WEEK
    assert next_change(WEEKLY, MIDNIGHT - SECOND) == MIDNIGHT
    swap = stands_in(CLEO, MIDNIGHT + TimeDelta(hours=10), 2)
    assert next_change(WEEKLY, MIDNIGHT, by(swap)) == swap.starts_at
    assert next_change(WEEKLY, swap.starts_at, by(swap)) == swap.ends_at


@pytest.mark.clause("O4")
def test_the_next_change_skips_a_hand_over_that_an_override_covers() -> None:
    long = stands_in(CLEO, MIDNIGHT, 5 * 7 * 24)
    # After it, in the sixth week, Cleo is on call by turn: the change comes with the week after.
    assert on_call(WEEKLY, long.ends_at) == CLEO
    assert next_change(WEEKLY, MIDNIGHT, by(long)) == MIDNIGHT + WEEK * 6


@pytest.mark.clause("O4")
def test_a_shift_ends_when_somebody_else_takes_over() -> None:
    swap = stands_in(CLEO, MIDNIGHT + TimeDelta(hours=10), 2)
    assert on_call_until(WEEKLY, ANA, MIDNIGHT) == MIDNIGHT + WEEK
    assert on_call_until(WEEKLY, ANA, MIDNIGHT, by(swap)) == swap.starts_at
    assert on_call_until(WEEKLY, CLEO, swap.starts_at, by(swap)) == swap.ends_at
    assert on_call_until(WEEKLY, BEN, MIDNIGHT) is None, "who is not on call has no shift that could end"
    on = duty({WEEKLY.id: WEEKLY}, MIDNIGHT)
    assert shift_ends({WEEKLY.id: WEEKLY}, on, MIDNIGHT) == {WEEKLY.id: {ANA: MIDNIGHT + WEEK}}


def test_one_person_alone_never_hands_over() -> None:
    alone = Rotation(RotationId("alone"), (ANA,), 7, Date(2026, 1, 5))
    assert next_change(alone, MIDNIGHT) is None
    assert holds_throughout(alone, ANA, MIDNIGHT, MIDNIGHT + WEEK * 100)


def test_a_rotation_that_begins_in_ten_years_changes_then() -> None:
    later = replace(WEEKLY, starts_on=Date(2036, 1, 7))
    assert next_change(later, MIDNIGHT) == Instant.from_utc(2036, 1, 7)


def test_a_plan_is_bounded_and_says_how_far_it_goes() -> None:
    daily = Rotation(RotationId("daily"), (ANA, BEN), 1, Date(2026, 1, 5))
    whole = plan(daily, MIDNIGHT, MIDNIGHT + WEEK * 1000)
    assert len(whole.shifts) == 1000
    assert whole.until == MIDNIGHT + TimeDelta(hours=24 * 1000)


@pytest.mark.clause("O4")
@given(rotations(), instants, st.integers(1, 30 * 24), arranged())
def test_a_plan_promises_at_every_instant_what_is_then_so(
    rotation: Rotation, since: Instant, hours: int, known: Arranged
) -> None:
    whole = plan(rotation, since, since + TimeDelta(hours=hours), known)
    edges = sorted({since, whole.until} | {edge for each in (*whole.shifts, *whole.gaps) for edge in _ends(each)})
    for starts_at, ends_at in pairwise(edges):
        for at in {starts_at, starts_at + (ends_at - starts_at) / 2, max(ends_at - SECOND, starts_at)}:
            planned = [shift.person for shift in whole.shifts if shift.starts_at <= at < shift.ends_at]
            missing = sum(gap.missing for gap in whole.gaps if gap.starts_at <= at < gap.ends_at)
            assert sorted(planned) == sorted(duty({rotation.id: rotation}, at, known).get(rotation.id, ()))
            assert len(set(planned)) == len(planned), "nobody is on call twice"
            assert len(planned) + missing == rotation.at_once, "exactly the promised number, or a gap that is told"


def _ends(each: object) -> tuple[Instant, Instant]:
    return each.starts_at, each.ends_at  # type: ignore[attr-defined]  # shifts and gaps alike.


@pytest.mark.clause("O4")
@given(rotations(restricted=False), st.integers(-366, 366), st.integers(0, 24 * 60 - 1))
def test_a_year_ahead_and_a_year_back_no_instant_is_uncovered_or_covered_twice(
    rotation: Rotation, day: int, minute: int
) -> None:
    today = boundary(rotation.stack[0], rotation.zone, 0) + TimeDelta(hours=24 * 366)
    at = today + TimeDelta(hours=24 * day, minutes=minute)
    people = [post.person for post in posts(rotation, at)]
    promised = min(rotation.at_once, len({one for layer in rotation.stack for one in layer.people}))
    assert len(people) == len(set(people)) >= min(promised, len(rotation.people))


@given(rotations(), instants, arranged())
def test_nothing_changes_before_the_next_change(rotation: Rotation, at: Instant, known: Arranged) -> None:
    change = next_change(rotation, at, known)
    holders = [post.person for post in posts(rotation, at, known)]
    if change is None:
        assert [post.person for post in posts(rotation, at + WEEK * 110, known)] == holders
        return
    assert change > at
    assert [post.person for post in posts(rotation, change, known)] != holders
    for cut in cuts_between(rotation, at, change, known)[:-1][:50]:
        assert [post.person for post in posts(rotation, cut, known)] == holders


@given(rotations(), instants, st.integers(0, 3 * 24 * 60))
def test_turns_follow_each_other_and_an_instant_belongs_to_the_turn_around_it(
    rotation: Rotation, near: Instant, minutes: int
) -> None:
    layer, at = rotation.stack[-1], near + TimeDelta(minutes=minutes)
    place = turn_number(layer, rotation.zone, at)
    if place is None:
        assert at < boundary(layer, rotation.zone, 0)
        return
    assert boundary(layer, rotation.zone, place) <= at < boundary(layer, rotation.zone, place + 1)
    if place:
        assert boundary(layer, rotation.zone, place - 1) <= boundary(layer, rotation.zone, place)


@given(st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "Antarctica/Troll", "America/Havana"]), instants)
def test_wall_clock_times_never_run_backwards(zone: str, at: Instant) -> None:
    local = at.to_tz(zone).to_plain()
    resolved = [instant_of(local.add(minutes=5 * step, naive_arithmetic_ok=True), zone) for step in range(60)]
    assert resolved == sorted(resolved)


def test_an_arrangement_says_when_it_is_over() -> None:
    leave = Away(ANA, MIDNIGHT, MIDNIGHT + HOUR, ArrangementId("AWAY-1"), withdrawn_at=MIDNIGHT - HOUR)
    assert not leave.holds(MIDNIGHT)
