"""Which days a repeated event falls on: the part of RFC 5545's ``RRULE`` that shifts are written in.

A rule is walked day by day between two bounds, so a rule that never fits ends as soon as one that always does, and the
million repetitions of a mistyped one are never made.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

import msgspec

_DAYS: Final = {name: number for number, name in enumerate(("MO", "TU", "WE", "TH", "FR", "SA", "SU"))}
_KNOWN: Final = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "WKST"}
_FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY")
_INTERVAL_MAX: Final = 1_000


class Repetition(msgspec.Struct, frozen=True):
    """A rule by which an event is repeated."""

    frequency: str
    interval: int = 1
    count: int | None = None
    week_days: tuple[tuple[int, int], ...] = ()
    """Which of them in the month (0: each, -1: the last), and the day of the week, Monday 0."""
    month_days: tuple[int, ...] = ()
    week_begins: int = 0

    def days(self, first: date, last: date) -> Iterator[date]:
        """Answer the days on which it falls, from the first event's day on."""
        found, day = 0, first
        while day <= last and (self.count is None or found < self.count):
            if self._falls_on(day, first):
                found += 1
                yield day
            day += timedelta(days=1)

    def _falls_on(self, day: date, first: date) -> bool:
        match self.frequency:
            case "DAILY":
                return (day - first).days % self.interval == 0 and self._is_listed(day)
            case "WEEKLY":
                weeks = (self._week(day) - self._week(first)).days // 7
                listed = self.week_days or ((0, first.weekday()),)
                return weeks % self.interval == 0 and any(day.weekday() == weekday for _, weekday in listed)
            case _:
                months = (day.year - first.year) * 12 + day.month - first.month
                plain = not self.week_days and not self.month_days
                return months % self.interval == 0 and (day.day == first.day if plain else self._is_listed(day))

    def _week(self, day: date) -> date:
        return day - timedelta(days=(day.weekday() - self.week_begins) % 7)

    def _is_listed(self, day: date) -> bool:
        length = _month_length(day)
        by_day = not self.week_days or any(_fits(day, length, *each) for each in self.week_days)
        by_month_day = not self.month_days or day.day in self.month_days or day.day - length - 1 in self.month_days
        return by_day and by_month_day


def _fits(day: date, length: int, place: int, weekday: int) -> bool:
    if day.weekday() != weekday:
        return False
    from_front, from_back = (day.day - 1) // 7 + 1, -((length - day.day) // 7 + 1)
    return place in (0, from_front, from_back)


def _month_length(day: date) -> int:
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return (following - timedelta(days=1)).day


def repetition(rule: Mapping[str, Sequence[Any]]) -> Repetition:
    """Read the parts of a rule. Raises ValueError with what is not understood."""
    parts = {str(name).upper(): list(values) for name, values in rule.items()}
    strange = sorted(set(parts) - _KNOWN)
    if strange:
        raise ValueError(f"{strange[0]} is not understood; understood are {', '.join(sorted(_KNOWN))}")
    frequency = str(parts.get("FREQ", [""])[0]).upper()
    if frequency not in _FREQUENCIES:
        raise ValueError(f"FREQ={frequency} is not understood; write one of {', '.join(_FREQUENCIES)}")
    count = int(parts["COUNT"][0]) if "COUNT" in parts else None
    if count is not None and count < 1:
        raise ValueError(f"COUNT={count} is not at least 1")
    return Repetition(
        frequency,
        _within("INTERVAL", int(parts.get("INTERVAL", [1])[0]), 1, _INTERVAL_MAX),
        count,
        # Each once: a list of a hundred thousand Sundays would be gone through for every day of ten years.
        tuple(dict.fromkeys(_week_day(str(each), frequency) for each in parts.get("BYDAY", []))),
        tuple(dict.fromkeys(_month_day(int(each)) for each in parts.get("BYMONTHDAY", []))),
        _week_day(str(parts.get("WKST", ["MO"])[0]), "WEEKLY")[1],
    )


def _within(name: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise ValueError(f"{name}={value} is not between {least} and {most}")
    return value


def _week_day(text: str, frequency: str) -> tuple[int, int]:
    place, name = text[:-2], text[-2:].upper()
    if name not in _DAYS or (place and frequency != "MONTHLY"):
        raise ValueError(f"BYDAY={text} is not understood here; write MO, or with FREQ=MONTHLY 1MO or -1FR")
    return _within("BYDAY", int(place or 0), -5, 5), _DAYS[name]


def _month_day(number: int) -> int:
    if number == 0:
        raise ValueError("BYMONTHDAY=0 is no day of a month")
    return _within("BYMONTHDAY", number, -31, 31)
