"""Business time: allowances that count only while the office is open, and deadlines that wait for it (C2, P1).

A business day is the span from opening to closing on a weekday that is no holiday. One business day of allowance is as
long as that span, so "3 business days" from Monday at ten is Thursday at ten. Days are laid out on the wall clock of
the calendar's zone and turned into instants one by one, so an office keeps its hours over a change to summer time.
"""

from collections.abc import Iterator
from typing import Final, assert_never

from whenever import Date, Instant, TimeDelta

from tocsin.core.rules import BusinessCalendar, Clockwork, Rule

DAYS_SEARCHED_MAX: Final = 3_660
"""Days looked at for business time. A calendar that has none in ten years has none."""


def due_at(rule: Rule, base: Instant, calendar: BusinessCalendar) -> Instant:
    """Answer when a row is due whose allowance begins at ``base``."""
    match rule.clockwork:
        case Clockwork.WALL:
            return base + rule.within
        case Clockwork.BUSINESS:
            return counted(calendar, base, rule.within)
        case Clockwork.NEXT_DAY:
            return moved(calendar, base + rule.within)
        case _:
            assert_never(rule.clockwork)


def moved(calendar: BusinessCalendar, due: Instant) -> Instant:
    """Move a deadline that falls outside business hours to the end of the business day that comes next (C2).

    Early on a business day, before it opens, that same day is the next one.
    """
    for opens_at, closes_at in _business_days(calendar, due):
        return due if opens_at <= due else closes_at
    return due  # There is no business day to wait for: rather early than never.


def counted(calendar: BusinessCalendar, start: Instant, allowance: TimeDelta) -> Instant:
    """Answer when so much business time has passed since ``start`` (P1)."""
    left = allowance
    if left <= TimeDelta.ZERO:
        return start
    for opens_at, closes_at in _business_days(calendar, start):
        begins_at = max(opens_at, start)
        if begins_at + left <= closes_at:
            return begins_at + left
        left -= closes_at - begins_at
    return start + allowance  # No business time at all: rather early than never.


def day_length(calendar: BusinessCalendar) -> TimeDelta:
    """Answer how much business time one business day has."""
    opens, closes = calendar.opens_at, calendar.closes_at
    return TimeDelta(
        hours=closes.hour - opens.hour,
        minutes=closes.minute - opens.minute,
        seconds=closes.second - opens.second,
    )


def _business_days(calendar: BusinessCalendar, since: Instant) -> Iterator[tuple[Instant, Instant]]:
    """Yield the business days that close after an instant, soonest first, each as opening and closing."""
    day = since.to_tz(calendar.zone).date()
    for _ in range(DAYS_SEARCHED_MAX):
        if day.day_of_week().value in calendar.weekdays and day not in calendar.holidays:
            span = _on(calendar, day)
            if span[0] < span[1] and since <= span[1]:
                yield span
        day = day.next_day()


def _on(calendar: BusinessCalendar, day: Date) -> tuple[Instant, Instant]:
    # An hour that does not exist that day is read as the one after it, one that comes twice as the first.
    opens = day.at(calendar.opens_at).assume_tz(calendar.zone, disambiguation="compatible")
    closes = day.at(calendar.closes_at).assume_tz(calendar.zone, disambiguation="compatible")
    return opens.to_instant(), closes.to_instant()
