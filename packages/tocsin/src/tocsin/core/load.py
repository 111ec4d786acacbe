"""How much being on call asks of each person: pages by week, and the nights that they broke.

What is counted is what the timelines say happened; nothing is estimated. A night is the person's own.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from whenever import Date, Instant, Time, TimeDelta

from tocsin.core.ids import PersonId, RotationId
from tocsin.core.oncall import Shift
from tocsin.core.rules import Fairness, Person, Rulebook

WEEK: Final = TimeDelta(hours=7 * 24)
_NIGHT: Final = (Time(22), Time(7))
"""What counts as night where the playbook sets no limits."""


class Paged(msgspec.Struct, frozen=True):
    """One page of one person."""

    person: PersonId
    at: Instant


class WeekLoad(msgspec.Struct, frozen=True):
    """What seven days asked of somebody."""

    starts_at: Instant
    pages: int
    at_night: int
    nights: int
    """Nights with at least one page."""


class PersonLoad(msgspec.Struct, frozen=True):
    """What the last weeks asked of somebody, the latest week first."""

    person: PersonId
    name: str
    zone: str
    pages: int
    at_night: int
    weeks: tuple[WeekLoad, ...]
    rotations: Mapping[str, int]
    """Pages by the rotations in which the person was on call then; the empty name: in none."""
    over: tuple[str, ...] = ()
    """The playbook's limits that the latest week went over, in words."""


def loads(
    rules: Rulebook, paged: Sequence[Paged], shifts: Iterable[Shift], until: Instant, weeks: int
) -> tuple[PersonLoad, ...]:
    """Answer the load of everybody who takes turns or was paged, the heaviest first."""
    held: dict[PersonId, list[Shift]] = {}
    for shift in shifts:
        held.setdefault(shift.person, []).append(shift)
    by_person: dict[PersonId, list[Paged]] = {person: [] for person in held}
    for page in paged:
        by_person.setdefault(page.person, []).append(page)
    found = (_load(rules, person, pages, held.get(person, ()), until, weeks) for person, pages in by_person.items())
    return tuple(sorted(found, key=lambda each: (-each.pages, each.person)))


def _load(
    rules: Rulebook, person: PersonId, pages: Sequence[Paged], held: Sequence[Shift], until: Instant, weeks: int
) -> PersonLoad:
    known = rules.people.get(person) or Person(person, person)
    table = tuple(_week(rules.fairness, known, pages, until - WEEK * (number + 1)) for number in range(weeks))
    rotations: dict[str, int] = {}
    for page in pages:
        on = [shift.rotation for shift in held if shift.starts_at <= page.at < shift.ends_at] or [RotationId("")]
        for rotation in dict.fromkeys(on):
            rotations[rotation] = rotations.get(rotation, 0) + 1
    return PersonLoad(
        person,
        known.name,
        known.zone,
        len(pages),
        sum(week.at_night for week in table),
        table,
        rotations,
        _over(rules.fairness, known, table[0]) if table else (),
    )


def _week(fairness: Fairness | None, person: Person, pages: Sequence[Paged], starts_at: Instant) -> WeekLoad:
    ours = [page for page in pages if starts_at <= page.at < starts_at + WEEK]
    nights = [night for page in ours if (night := _night_of(fairness, person, page.at)) is not None]
    return WeekLoad(starts_at, len(ours), len(nights), len(set(nights)))


def _night_of(fairness: Fairness | None, person: Person, at: Instant) -> Date | None:
    """Answer the evening of the night that an instant is in, on the person's own clock; None by day."""
    begins, ends = (fairness.night.starts_at, fairness.night.ends_at) if fairness else _NIGHT
    local = at.to_tz(person.zone)
    time, day = local.time(), local.date()
    if begins < ends:
        return day if begins <= time < ends else None
    if time >= begins:
        return day
    return day.add(days=-1) if time < ends else None


def _over(fairness: Fairness | None, person: Person, week: WeekLoad) -> tuple[str, ...]:
    if fairness is None:
        return ()
    said = []
    if week.pages > fairness.pages_per_week:
        said.append(f"{person.name} was paged {week.pages} times in seven days; the limit is {fairness.pages_per_week}")
    if week.nights > fairness.nights_per_week:
        limit = fairness.nights_per_week
        said.append(f"{person.name} was paged in {week.nights} nights of seven; the limit is {limit}")
    return tuple(said)
