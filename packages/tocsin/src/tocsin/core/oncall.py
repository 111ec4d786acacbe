"""Who is on call: rotations laid over the calendar, with overrides on top (O1, O2, O4).

A rotation's shifts follow each other without end from its first day on. Each hand-over happens at a wall-clock time of
the rotation's zone, so it keeps its hour when summer time begins, and the shift before it is an hour shorter. The
boundaries are computed one by one and strictly increase, so at every instant after the first exactly one person is on
call. An override stands above the rotation; of two that overlap, the one that began later counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec
from whenever import Instant

from tocsin.core.ids import PersonId, RotationId
from tocsin.core.rules import Duty, Override, Rotation, ShiftEnds

SHIFTS_MAX: Final = 1_000
"""Shifts answered at once: a year of daily shifts with overrides. A longer plan is asked for in parts."""


class Shift(msgspec.Struct, frozen=True):
    """One person's uninterrupted time on call."""

    rotation: RotationId
    person: PersonId
    starts_at: Instant
    ends_at: Instant
    overridden: bool = False
    """Whether the person stands in for somebody."""


def on_call(rotation: Rotation, at: Instant, overrides: Iterable[Override] = ()) -> PersonId | None:
    """Answer who is on call in a rotation at an instant; nobody before its first day or if it is empty."""
    override = _override(rotation, at, overrides)
    if override is not None:
        return override.person
    place = shift_number(rotation, at)
    return None if place is None else rotation.people[place % len(rotation.people)]


def duty(rotations: Mapping[RotationId, Rotation], at: Instant, overrides: Iterable[Override] = ()) -> Duty:
    """Answer who is on call in each rotation at an instant. A rotation that nobody is on call in is left out."""
    known = tuple(overrides)
    asked = ((key, on_call(rotation, at, known)) for key, rotation in rotations.items())
    return {key: (person,) for key, person in asked if person is not None}


def shift_number(rotation: Rotation, at: Instant) -> int | None:
    """Answer how many shifts went before the one that runs at an instant; None if none runs."""
    if not rotation.people or at < boundary(rotation, 0):
        return None
    days = int(at.to_tz(rotation.zone).date().since(rotation.starts_on, total="days"))
    place = days // rotation.shift_days
    # The hour of the hand-over may not have come yet on the day itself.
    return place if boundary(rotation, place) <= at else place - 1


def boundary(rotation: Rotation, place: int) -> Instant:
    """Answer when the shift with this number begins."""
    day = rotation.starts_on.add(days=place * rotation.shift_days)
    # An hour that the clocks leave out is read as the one after it, one that comes twice as the first.
    return day.at(rotation.starts_at).assume_tz(rotation.zone, disambiguation="compatible").to_instant()


def shifts(rotation: Rotation, since: Instant, until: Instant, overrides: Iterable[Override] = ()) -> tuple[Shift, ...]:
    """Answer who is on call when between two instants, in order, at most `SHIFTS_MAX` shifts."""
    ours = tuple(one for one in overrides if one.rotation == rotation.id)
    cuts = _cuts(rotation, since, until, ours)
    plan: list[Shift] = []
    for starts_at, ends_at in pairwise(cuts):
        person = on_call(rotation, starts_at, ours)
        if person is None:
            continue
        shift = Shift(
            rotation.id, person, starts_at, ends_at, overridden=_override(rotation, starts_at, ours) is not None
        )
        plan.append(shift)
    return tuple(plan[:SHIFTS_MAX])


def next_change(rotation: Rotation, at: Instant, overrides: Iterable[Override] = ()) -> Instant | None:
    """Answer when somebody else takes over; None if that never happens."""
    ours = tuple(one for one in overrides if one.rotation == rotation.id)
    now = on_call(rotation, at, ours)
    edges = {edge for one in ours for edge in (one.starts_at, one.ends_at)}
    edges |= set(_next_boundaries(rotation, at, len(rotation.people) + 1))
    for edge in list(edges):
        edges |= set(_next_boundaries(rotation, edge, len(rotation.people) + 1))
    return next((edge for edge in sorted(edges) if edge > at and on_call(rotation, edge, ours) != now), None)


def on_call_until(
    rotation: Rotation, person: PersonId, at: Instant, overrides: Iterable[Override] = ()
) -> Instant | None:
    """Answer until when a person who is on call in a rotation at an instant stays so without a break.

    None if the person is not on call there then, or if nobody ever takes over.
    """
    known = tuple(overrides)
    return next_change(rotation, at, known) if on_call(rotation, at, known) == person else None


def shift_ends(
    rotations: Mapping[RotationId, Rotation], on: Duty, at: Instant, overrides: Iterable[Override] = ()
) -> ShiftEnds:
    """Answer until when each person who is on call at an instant stays so; who never hands over is left out."""
    known = tuple(overrides)
    return {
        rotation: {
            person: ends_at
            for person in people
            if (ends_at := on_call_until(rotations[rotation], person, at, known)) is not None
        }
        for rotation, people in on.items()
    }


def _next_boundaries(rotation: Rotation, at: Instant, count: int) -> list[Instant]:
    place = shift_number(rotation, at)
    first = 0 if place is None else place + 1
    return [boundary(rotation, first + step) for step in range(count)]


def _cuts(rotation: Rotation, since: Instant, until: Instant, overrides: Sequence[Override]) -> list[Instant]:
    """Answer every instant at which the person on call may change, both ends included."""
    cuts = {since, until} | {edge for one in overrides for edge in (one.starts_at, one.ends_at)}
    place = (shift_number(rotation, since) if rotation.people else None) or 0
    for step in range(SHIFTS_MAX):
        edge = boundary(rotation, place + step)
        if edge >= until or not rotation.people:
            break
        cuts.add(edge)
    return sorted(cut for cut in cuts if since <= cut <= until)


def _override(rotation: Rotation, at: Instant, overrides: Iterable[Override]) -> Override | None:
    standing = [one for one in overrides if one.rotation == rotation.id and one.starts_at <= at < one.ends_at]
    return max(standing, key=lambda one: one.starts_at, default=None)
