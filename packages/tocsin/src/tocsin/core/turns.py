"""Turns on the wall clock: when one person hands over to the next, and at which hours a layer applies (O1, O2).

Everything here stands on the wall clock of the rotation's zone, so an hour of the day keeps its meaning all year. One
rule settles both changes of the clocks, for hand-overs and for restrictions alike: **a wall-clock time that is left out
is the moment at which the clocks change, and one that comes twice is the first of the two.** So with turns of one hour,
that of the hour that is left out is left out, and that of the hour that comes twice is two hours long. No instant is
lost or given twice: boundaries never run backwards.
"""

from collections.abc import Iterator
from enum import StrEnum

import msgspec
from whenever import Date, Instant, PlainDateTime, Time

from tocsin.core.ids import PersonId

_HOURS_PER_DAY = 24
_MONTHS_PER_YEAR = 12


class TurnUnit(StrEnum):
    """What a turn is counted in."""

    HOURS = "hours"
    DAYS = "days"
    MONTHS = "months"


class Turn(msgspec.Struct, frozen=True):
    """How long one person's turn is: ``count`` hours, days or calendar months of the wall clock."""

    count: int
    unit: TurnUnit = TurnUnit.DAYS


class Restriction(msgspec.Struct, frozen=True):
    """Hours of these weekdays. One that does not end later than it starts ends on the day after."""

    weekdays: tuple[int, ...]
    """ISO weekdays on which it starts; Monday is 1."""
    starts_at: Time
    ends_at: Time


class Layer(msgspec.Struct, frozen=True):
    """People who take turns, always or at some hours only."""

    people: tuple[PersonId, ...]
    turn: Turn
    starts_on: Date
    """The day of the first person's first turn."""
    starts_at: Time = Time(0)
    only: tuple[Restriction, ...] = ()
    """The hours at which it applies; empty: at all."""


def instant_of(local: PlainDateTime, zone: str) -> Instant:
    """Answer when a wall-clock time comes: if it is left out, when the clocks change; if it comes twice, first."""
    found = local.assume_tz(zone, disambiguation="earlier")
    if found.to_plain() == local:
        return found.to_instant()
    return _clocks_change(found.to_instant(), local.assume_tz(zone, disambiguation="later").to_instant(), zone)


def _clocks_change(before: Instant, after: Instant, zone: str) -> Instant:
    """Find the second at which the clocks change between two instants."""
    low, high = before.timestamp(), after.timestamp()
    offset = before.to_tz(zone).offset
    while high - low > 1:
        middle = (low + high) // 2
        if Instant.from_timestamp(middle).to_tz(zone).offset == offset:
            low = middle
        else:
            high = middle
    return Instant.from_timestamp(high)


def boundary(layer: Layer, zone: str, place: int) -> Instant:
    """Answer when the turn with this number begins."""
    count = place * layer.turn.count
    match layer.turn.unit:
        case TurnUnit.HOURS:
            days, hour = divmod(layer.starts_at.hour + count, _HOURS_PER_DAY)
            return instant_of(layer.starts_on.add(days=days).at(layer.starts_at.replace(hour=hour)), zone)
        case TurnUnit.DAYS:
            return instant_of(layer.starts_on.add(days=count).at(layer.starts_at), zone)
        case TurnUnit.MONTHS:
            # Counted from the first day each time: from the 31st, February's turn begins on its last day and no other.
            return instant_of(layer.starts_on.add(months=count).at(layer.starts_at), zone)


def turn_number(layer: Layer, zone: str, at: Instant) -> int | None:
    """Answer how many turns went before the one that runs at an instant; None before the first."""
    if at < boundary(layer, zone, 0):
        return None
    place = max(_guess(layer, at.to_tz(zone).to_plain()), 0)
    while boundary(layer, zone, place) > at:
        place -= 1
    while boundary(layer, zone, place + 1) <= at:
        place += 1
    return place


def _guess(layer: Layer, local: PlainDateTime) -> int:
    """Answer about how many turns have gone by on the wall clock."""
    day, began = local.date(), layer.starts_on
    match layer.turn.unit:
        case TurnUnit.HOURS:
            hours = int(day.since(began, total="days")) * _HOURS_PER_DAY + local.hour - layer.starts_at.hour
            return hours // layer.turn.count
        case TurnUnit.DAYS:
            return int(day.since(began, total="days")) // layer.turn.count
        case TurnUnit.MONTHS:
            return ((day.year - began.year) * _MONTHS_PER_YEAR + day.month - began.month) // layer.turn.count


def applies(layer: Layer, zone: str, at: Instant) -> bool:
    """Tell whether an instant is among the hours of a layer."""
    if not layer.only:
        return True
    return any(starts_at <= at < ends_at for starts_at, ends_at in _hours(layer, zone, at, at))


def edges(layer: Layer, zone: str, since: Instant, until: Instant) -> Iterator[Instant]:
    """Answer the instants between two at which a layer may speak of somebody else, in no order."""
    # One person alone never hands over; only the beginning counts.
    place = (turn_number(layer, zone, since) or 0) if len(layer.people) > 1 else 0
    while (edge := boundary(layer, zone, place)) < until:
        yield edge
        place += 1
        if len(layer.people) <= 1:
            break
    for starts_at, ends_at in _hours(layer, zone, since, until):
        yield starts_at
        yield ends_at


def _hours(layer: Layer, zone: str, since: Instant, until: Instant) -> Iterator[tuple[Instant, Instant]]:
    """Answer the spans of a layer's hours that may touch two instants or what lies between."""
    if not layer.only:
        return
    day, last = since.to_tz(zone).date().add(days=-1), until.to_tz(zone).date()
    while day <= last:
        for hours in layer.only:
            if day.day_of_week().value in hours.weekdays:
                end = day if hours.starts_at < hours.ends_at else day.add(days=1)
                yield instant_of(day.at(hours.starts_at), zone), instant_of(end.at(hours.ends_at), zone)
        day = day.add(days=1)
