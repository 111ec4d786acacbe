"""Who is on call: rotations laid over the calendar, with what people arranged on top (O1, O2, O4).

A rotation is a stack of layers; at each instant the highest layer that applies says whose turn it is. Whoever is away
is passed over for the next of the same layer, then for the layers below. An imported calendar stands above the layers,
overrides above everything; of two that overlap, the one that began later counts. All of that is a question about one
instant (`posts`); a plan is the same question asked at every instant at which the answer may change, so the two cannot
disagree.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import islice, pairwise
from typing import Final

import msgspec
from whenever import Instant, TimeDelta

from tocsin.core import turns
from tocsin.core.arrangements import NOTHING, Arranged, Override
from tocsin.core.ids import PersonId, RotationId
from tocsin.core.rules import Duty, Rotation, ShiftEnds
from tocsin.core.turns import Layer

SHIFTS_MAX: Final = 1_000
"""Shifts answered at once: a year of daily shifts with overrides. A longer plan is asked for in parts."""

_LOOKS_AHEAD: Final = tuple(TimeDelta(hours=24 * days) for days in (2, 9, 32, 100, 400, 800))
"""How far the next change is looked for, in steps. What does not change in two years is taken never to."""


class Because(StrEnum):
    """Why somebody is on call."""

    TURN = "turn"
    AWAY = "away"
    """Whose turn it is, is away."""
    OVERRIDE = "override"
    SWAP = "swap"
    CALENDAR = "calendar"
    """An imported calendar says so."""


class Post(msgspec.Struct, frozen=True):
    """One person's place in a rotation at an instant."""

    person: PersonId
    because: Because
    key: str
    """What makes it the same shift as a moment before: the layer and its turn, or the arrangement."""
    instead_of: PersonId | None = None


class Shift(msgspec.Struct, frozen=True):
    """One person's uninterrupted time on call."""

    rotation: RotationId
    person: PersonId
    starts_at: Instant
    ends_at: Instant
    because: Because = Because.TURN
    instead_of: PersonId | None = None
    key: str = ""


class Gap(msgspec.Struct, frozen=True):
    """A time in which fewer people are on call than were promised."""

    rotation: RotationId
    starts_at: Instant
    ends_at: Instant
    missing: int


class Plan(msgspec.Struct, frozen=True):
    """Who is on call when between two instants, and where somebody is missing."""

    shifts: tuple[Shift, ...]
    gaps: tuple[Gap, ...]
    until: Instant
    """As far as it goes: less than was asked for, if there were too many shifts."""


def posts(rotation: Rotation, at: Instant, arranged: Arranged = NOTHING) -> tuple[Post, ...]:
    """Answer who is on call in a rotation at an instant, the first one first, and why."""
    absent = frozenset(each.person for each in arranged.away if each.holds(at))
    found = list(islice(_in_turn(rotation, at, arranged, absent), rotation.at_once))
    for override in _standing(rotation, at, arranged, absent):
        found = _replaced(found, override)
    if found and len(found) < rotation.at_once:
        taken = {post.person for post in found} | {post.instead_of for post in found}
        more = (post for post in _in_turn(rotation, at, arranged, absent) if post.person not in taken)
        found += islice(more, rotation.at_once - len(found))
    return tuple(found)


def on_call(rotation: Rotation, at: Instant, arranged: Arranged = NOTHING) -> PersonId | None:
    """Answer who is on call first in a rotation at an instant; None if nobody is."""
    return next((post.person for post in posts(rotation, at, arranged)), None)


def duty(rotations: Mapping[RotationId, Rotation], at: Instant, arranged: Arranged = NOTHING) -> Duty:
    """Answer who is on call in each rotation at an instant. A rotation that nobody is on call in is left out."""
    asked = ((key, _people(rotation, at, arranged)) for key, rotation in rotations.items())
    return {key: people for key, people in asked if people}


def next_change(rotation: Rotation, at: Instant, arranged: Arranged = NOTHING) -> Instant | None:
    """Answer when other people are on call than at an instant; None if that never happens."""
    now = _people(rotation, at, arranged)
    return next(
        (edge for edge in _edges_after(rotation, at, arranged) if _people(rotation, edge, arranged) != now), None
    )


def on_call_until(rotation: Rotation, person: PersonId, at: Instant, arranged: Arranged = NOTHING) -> Instant | None:
    """Answer until when a person who is on call in a rotation at an instant stays so without a break.

    None if the person is not on call there then, or if nobody ever takes over.
    """
    if person not in _people(rotation, at, arranged):
        return None
    edges = _edges_after(rotation, at, arranged)
    return next((edge for edge in edges if person not in _people(rotation, edge, arranged)), None)


def shift_ends(
    rotations: Mapping[RotationId, Rotation], on: Duty, at: Instant, arranged: Arranged = NOTHING
) -> ShiftEnds:
    """Answer until when each person who is on call at an instant stays so; who never hands over is left out."""
    return {
        rotation: {
            person: ends_at
            for person in people
            if (ends_at := on_call_until(rotations[rotation], person, at, arranged)) is not None
        }
        for rotation, people in on.items()
    }


def plan(rotation: Rotation, since: Instant, until: Instant, arranged: Arranged = NOTHING) -> Plan:
    """Answer who is on call when between two instants, at most about `SHIFTS_MAX` shifts."""
    cuts = cuts_between(rotation, since, until, arranged)[: SHIFTS_MAX + 1]
    running: dict[PersonId, Shift] = {}
    shifts: list[Shift] = []
    gaps: list[Gap] = []
    for starts_at, ends_at in pairwise(cuts):
        found = posts(rotation, starts_at, arranged)
        kept: dict[PersonId, Shift] = {}
        for post in found:
            before = running.get(post.person)
            same = before is not None and before.key == post.key and before.because == post.because
            since_then = before.starts_at if before is not None and same else starts_at
            kept[post.person] = Shift(
                rotation.id, post.person, since_then, ends_at, post.because, post.instead_of, post.key
            )
        shifts += (shift for person, shift in running.items() if not _goes_on(shift, kept.get(person)))
        running = kept
        _note_gap(gaps, rotation, starts_at, ends_at, len(found))
    shifts += running.values()
    shifts.sort(key=lambda shift: shift.starts_at)
    return Plan(tuple(shifts), tuple(gaps), cuts[-1] if cuts else until)


def shifts(rotation: Rotation, since: Instant, until: Instant, arranged: Arranged = NOTHING) -> tuple[Shift, ...]:
    """Answer who is on call when between two instants, in order, at most about `SHIFTS_MAX` shifts."""
    return plan(rotation, since, until, arranged).shifts


def holds_throughout(
    rotation: Rotation, person: PersonId, since: Instant, until: Instant, arranged: Arranged = NOTHING
) -> bool:
    """Tell whether a person is on call in a rotation during the whole of a span."""
    ends_at = on_call_until(rotation, person, since, arranged)
    return person in _people(rotation, since, arranged) and (ends_at is None or ends_at >= until)


def cuts_between(rotation: Rotation, since: Instant, until: Instant, arranged: Arranged = NOTHING) -> list[Instant]:
    """Answer every instant at which the people on call may change, both ends included, in order."""
    if since >= until:
        return []
    return sorted({since, until} | {edge for edge in _edges(rotation, since, until, arranged) if since < edge < until})


def _people(rotation: Rotation, at: Instant, arranged: Arranged) -> tuple[PersonId, ...]:
    return tuple(post.person for post in posts(rotation, at, arranged))


def _in_turn(rotation: Rotation, at: Instant, arranged: Arranged, absent: Collection[PersonId]) -> Iterator[Post]:
    """Answer everybody who could be on call at an instant, whose turn it is first, each once."""
    seen: set[PersonId] = set()
    for post in _candidates(rotation, at, arranged, absent):
        if post.person not in seen:
            seen.add(post.person)
            yield post


def _candidates(rotation: Rotation, at: Instant, arranged: Arranged, absent: Collection[PersonId]) -> Iterator[Post]:
    sheet = arranged.imported.get(rotation.id) if rotation.imports else None
    if sheet is not None:
        yield from (Post(one, Because.CALENDAR, "calendar") for one in sheet.at(at) if one not in absent)
    stack = rotation.stack
    for number in range(len(stack) - 1, -1, -1):
        layer = stack[number]
        place = turns.turn_number(layer, rotation.zone, at) if layer.people else None
        if place is not None and turns.applies(layer, rotation.zone, at):
            yield from _of_layer(layer, f"{number}.{place}", place, absent)


def _of_layer(layer: Layer, key: str, place: int, absent: Collection[PersonId]) -> Iterator[Post]:
    """Answer a layer's people from whose turn it is on; whoever comes after one who is away stands in."""
    away: PersonId | None = None
    first = place % len(layer.people)
    for person in (*layer.people[first:], *layer.people[:first]):
        if person in absent:
            away = away or person
        else:
            yield Post(person, Because.AWAY if away else Because.TURN, key, away)
            away = None


def _standing(rotation: Rotation, at: Instant, arranged: Arranged, absent: Collection[PersonId]) -> Sequence[Override]:
    """Answer the overrides in force, the one that counts most last."""
    ours = (each for each in arranged.overrides if each.rotation == rotation.id and each.holds(at))
    standing = [each for each in ours if each.person not in absent or _promised(each, arranged, at)]
    return sorted(standing, key=lambda each: (each.starts_at, each.created_at or each.starts_at))


def _promised(override: Override, arranged: Arranged, at: Instant) -> bool:
    """Tell whether somebody said that they stand in after they had said that they are away."""
    away = [each for each in arranged.away if each.person == override.person and each.holds(at)]
    said_at = override.created_at
    return said_at is not None and all(each.created_at is not None and each.created_at <= said_at for each in away)


def _replaced(found: Sequence[Post], override: Override) -> list[Post]:
    """Put the stand-in where the one they stand in for is; the first place if that one is not there."""
    named = (place for place, post in enumerate(found) if post.person == override.instead_of)
    place = next(named, 0)
    because = Because.SWAP if override.swap else Because.OVERRIDE
    before = found[place].person if found else override.instead_of
    if before == override.person:
        return list(found)
    stand_in = Post(override.person, because, override.id or f"override {override.starts_at}", before)
    placed = [*found[:place], stand_in, *found[place + 1 :]]
    return [post for post in placed if post is stand_in or post.person != override.person]


def _edges_after(rotation: Rotation, at: Instant, arranged: Arranged) -> Iterator[Instant]:
    """Answer the instants after one at which the people on call may change, in order, as they are asked for."""
    since = at
    for ahead in _LOOKS_AHEAD:
        until = at + ahead
        yield from sorted({edge for edge in _edges(rotation, since, until, arranged) if since < edge <= until})
        since = until
    # What begins later still: a rotation announced long before, an arrangement of the far future.
    starts = {turns.boundary(layer, rotation.zone, 0) for layer in rotation.stack if layer.people}
    later = {edge for edge in (*starts, *_arranged_edges(rotation, arranged)) if edge > since}
    yield from sorted(later)


def _edges(rotation: Rotation, since: Instant, until: Instant, arranged: Arranged) -> Iterator[Instant]:
    for layer in rotation.stack:
        if layer.people:
            yield from turns.edges(layer, rotation.zone, since, until + TimeDelta(seconds=1))
    yield from _arranged_edges(rotation, arranged)


def _arranged_edges(rotation: Rotation, arranged: Arranged) -> Iterable[Instant]:
    for override in arranged.overrides:
        if override.rotation == rotation.id:
            yield from (override.starts_at, override.over_at)
    for away in arranged.away:
        yield from (away.starts_at, away.over_at)
    if rotation.imports and rotation.id in arranged.imported:
        yield from arranged.imported[rotation.id].cuts


def _goes_on(before: Shift, after: Shift | None) -> bool:
    return after is not None and after.starts_at == before.starts_at


def _note_gap(gaps: list[Gap], rotation: Rotation, starts_at: Instant, ends_at: Instant, found: int) -> None:
    missing = rotation.at_once - found
    if missing <= 0:
        return
    if gaps and gaps[-1].ends_at == starts_at and gaps[-1].missing == missing:
        gaps[-1] = Gap(rotation.id, gaps[-1].starts_at, ends_at, missing)
    else:
        gaps.append(Gap(rotation.id, starts_at, ends_at, missing))
