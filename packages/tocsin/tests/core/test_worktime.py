"""Business time (C2, P1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whenever import Date, Instant, Time, TimeDelta, ZonedDateTime

from tocsin.core.ids import RuleId, Severity
from tocsin.core.marks import OPENED
from tocsin.core.rules import BusinessCalendar, Clockwork, Rule, RuleKind
from tocsin.core.worktime import counted, day_length, due_at, moved

BERLIN = BusinessCalendar(zone="Europe/Berlin", holidays=(Date(2026, 5, 1), Date(2026, 12, 25)))
NIGHT_SHOP = BusinessCalendar(zone="Europe/Berlin", opens_at=Time(1), closes_at=Time(4), weekdays=(6, 7))
NEVER_OPEN = BusinessCalendar(weekdays=())


def berlin(text: str) -> Instant:
    return ZonedDateTime.parse_iso(f"{text}[Europe/Berlin]").to_instant()


instants = st.integers(0, 900 * 24 * 60).map(lambda n: Instant.from_utc(2025, 1, 1) + TimeDelta(minutes=n))
allowances = st.integers(0, 12_000).map(lambda n: TimeDelta(minutes=n))
calendars = st.sampled_from([BERLIN, NIGHT_SHOP, BusinessCalendar(), BusinessCalendar(zone="America/New_York")])


def open_seconds(calendar: BusinessCalendar, since: Instant, until: Instant) -> float:
    """Count business time the slow way: every day between the two, one by one."""
    day, seconds = since.to_tz(calendar.zone).date(), 0.0
    while day <= until.to_tz(calendar.zone).date():
        if day.day_of_week().value in calendar.weekdays and day not in calendar.holidays:
            opens = day.at(calendar.opens_at).assume_tz(calendar.zone, disambiguation="compatible").to_instant()
            closes = day.at(calendar.closes_at).assume_tz(calendar.zone, disambiguation="compatible").to_instant()
            overlap = min(closes, until) - max(opens, since)
            seconds += max(0.0, overlap.total("seconds"))
        day = day.next_day()
    return seconds


@pytest.mark.clause("P1")
def test_three_business_days_are_the_same_hour_three_business_days_later() -> None:
    assert counted(BERLIN, berlin("2026-06-01T10:00"), day_length(BERLIN) * 3) == berlin("2026-06-04T10:00")


@pytest.mark.clause("P1")
def test_three_business_days_from_a_friday_leave_the_weekend_out() -> None:
    assert counted(BERLIN, berlin("2026-06-05T10:00"), day_length(BERLIN) * 3) == berlin("2026-06-10T10:00")


@pytest.mark.clause("P1")
def test_three_business_days_from_a_night_end_with_the_third_day() -> None:
    assert counted(BERLIN, berlin("2026-06-01T20:00"), day_length(BERLIN) * 3) == berlin("2026-06-04T17:00")


@pytest.mark.clause("P1")
def test_a_holiday_is_no_business_day() -> None:
    # The first of May 2026 is a Friday.
    assert counted(BERLIN, berlin("2026-04-30T10:00"), day_length(BERLIN)) == berlin("2026-05-04T10:00")


@pytest.mark.clause("P1")
def test_business_time_keeps_its_hour_when_summer_time_begins() -> None:
    assert counted(BERLIN, berlin("2026-03-27T10:00"), day_length(BERLIN)) == berlin("2026-03-30T10:00")


def test_the_hour_that_summer_time_leaves_out_is_not_counted() -> None:
    # On 29 March 2026 there is no time between two and three: this shop is open for two hours that night, not three.
    assert counted(NIGHT_SHOP, berlin("2026-03-29T00:00"), TimeDelta(hours=3)) == berlin("2026-04-04T02:00")


@pytest.mark.clause("C2")
@pytest.mark.parametrize(
    ("due", "moved_to"),
    [
        ("2026-06-01T16:59", "2026-06-01T16:59"),
        ("2026-06-01T17:00", "2026-06-01T17:00"),
        ("2026-06-01T17:01", "2026-06-02T17:00"),
        ("2026-06-02T03:00", "2026-06-02T17:00"),
        ("2026-06-05T20:00", "2026-06-08T17:00"),
        ("2026-06-07T12:00", "2026-06-08T17:00"),
        ("2026-04-30T18:00", "2026-05-04T17:00"),
        ("2026-03-28T12:00", "2026-03-30T17:00"),
    ],
)
def test_a_deadline_outside_business_hours_moves_to_the_end_of_the_next_business_day(due: str, moved_to: str) -> None:
    assert moved(BERLIN, berlin(due)) == berlin(moved_to)


def test_a_calendar_without_business_days_holds_nothing_back() -> None:
    noon = Instant.from_utc(2026, 6, 1, 12)
    assert moved(NEVER_OPEN, noon) == noon
    assert counted(NEVER_OPEN, noon, TimeDelta(hours=8)) == noon + TimeDelta(hours=8)


@given(calendars, instants, allowances)
def test_exactly_the_allowance_of_business_time_lies_between_start_and_deadline(
    calendar: BusinessCalendar, start: Instant, allowance: TimeDelta
) -> None:
    due = counted(calendar, start, allowance)
    assert due >= start
    assert open_seconds(calendar, start, due) == allowance.total("seconds")


@given(calendars, instants, allowances, allowances)
def test_a_longer_allowance_is_never_due_sooner(
    calendar: BusinessCalendar, start: Instant, one: TimeDelta, other: TimeDelta
) -> None:
    assert counted(calendar, start, min(one, other)) <= counted(calendar, start, max(one, other))


@given(calendars, instants)
def test_a_moved_deadline_lies_in_business_hours_and_moves_no_further(calendar: BusinessCalendar, due: Instant) -> None:
    once = moved(calendar, due)
    assert once >= due
    assert moved(calendar, once) == once
    assert once == due or open_seconds(calendar, due, once) <= day_length(calendar).total("seconds")
    local = once.to_tz(calendar.zone)
    assert calendar.opens_at <= local.time() <= calendar.closes_at
    assert local.date().day_of_week().value in calendar.weekdays
    assert local.date() not in calendar.holidays


@pytest.mark.parametrize(
    ("clockwork", "due"),
    [
        (Clockwork.WALL, "2026-06-06T01:00"),
        (Clockwork.BUSINESS, "2026-06-08T17:00"),
        (Clockwork.NEXT_DAY, "2026-06-08T17:00"),
    ],
)
def test_a_row_is_due_by_its_own_clock(clockwork: Clockwork, due: str) -> None:
    row = Rule(
        RuleId("row"), "C2", "a row", Severity("SEV3"), RuleKind.TARGET, OPENED, TimeDelta(hours=8), clockwork=clockwork
    )
    assert due_at(row, berlin("2026-06-05T17:00"), BERLIN) == berlin(due)
