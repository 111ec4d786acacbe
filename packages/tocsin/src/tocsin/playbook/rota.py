"""The sections about who takes turns, and what they become: rotations, layers, hours, what is found ahead, fairness."""

from typing import Annotated

import msgspec
from msgspec import Meta
from whenever import Date, Time, TimeDelta

from tocsin.core.ids import PersonId, RotationId, Severity
from tocsin.core.rules import Ahead, Fairness, Rotation
from tocsin.core.turns import Layer, Restriction, Turn
from tocsin.playbook.base import WEEKDAYS, Clause, Doc, Key, Line, Weekday
from tocsin.playbook.words import TurnWord

ShiftDays = Annotated[int, Meta(ge=1, le=366)]


class HoursDoc(Doc, frozen=True, kw_only=True):
    """Hours of some weekdays, on the wall clock of the rotation's zone; they may end on the day after."""

    weekdays: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday")
    starts_at: Time
    ends_at: Time


class LayerDoc(Doc, frozen=True, kw_only=True):
    """People who take turns above the layers before it, where it applies."""

    people: tuple[Key, ...]
    shift_days: ShiftDays | None = None
    turn: TurnWord | None = None
    starts_on: Date
    starts_at: Time = msgspec.field(default_factory=lambda: Time(0))
    only: tuple[HoursDoc, ...] = ()


class RotationDoc(Doc, frozen=True, kw_only=True):
    """People who take turns, in this order, from a first day on."""

    name: Line
    people: tuple[Key, ...]
    shift_days: ShiftDays | None = None
    """How long a turn is; or else ``turn``."""
    turn: TurnWord | None = None
    starts_on: Date
    starts_at: Time = msgspec.field(default_factory=lambda: Time(0))
    zone: str = "UTC"
    only: tuple[HoursDoc, ...] = ()
    """The hours at which these people are on call; left out: at all."""
    layers: tuple[LayerDoc, ...] = ()
    at_once: Annotated[int, Meta(ge=1, le=10)] = 1
    """How many people are on call at the same time."""
    gaps_allowed: bool = False
    """Whether there may be hours at which nobody is on call."""
    imports: bool = False
    """Whether an imported calendar stands above these people."""
    clause: Clause


class AheadDoc(Doc, frozen=True, kw_only=True):
    """How far ahead gaps, double bookings and people who cannot be reached are looked for, and how bad one is."""

    looks: TimeDelta
    severity: Key
    clause: Clause


class FairnessDoc(Doc, frozen=True, kw_only=True):
    """From how many pages and broken nights a week on one person's load is said to be too much."""

    pages_per_week: Annotated[int, Meta(ge=1)]
    nights_per_week: Annotated[int, Meta(ge=1, le=7)]
    night_begins_at: Time = msgspec.field(default_factory=lambda: Time(22))
    night_ends_at: Time = msgspec.field(default_factory=lambda: Time(7))
    severity: Key | None = None
    """Of the incident that it opens; none if it is only shown."""
    clause: Clause


class RotationsDoc(Doc, frozen=True, kw_only=True):
    """``rotations.yaml``."""

    rotations: dict[Key, RotationDoc]
    ahead: AheadDoc | None = None
    fairness: FairnessDoc | None = None


def rotation(key: str, doc: RotationDoc) -> Rotation:
    """Answer a rotation in the core's words."""
    return Rotation(
        id=RotationId(key),
        people=_people(doc.people),
        shift_days=doc.shift_days or 0,
        starts_on=doc.starts_on,
        starts_at=doc.starts_at,
        zone=doc.zone,
        clause=doc.clause,
        name=doc.name,
        turn=doc.turn.turn if doc.turn else None,
        only=_hours(doc.only),
        layers=tuple(_layer(layer) for layer in doc.layers),
        at_once=doc.at_once,
        gaps_allowed=doc.gaps_allowed,
        imports=doc.imports,
    )


def ahead(doc: AheadDoc | None) -> Ahead | None:
    """Answer how far ahead is looked."""
    return Ahead(doc.looks, Severity(doc.severity), doc.clause) if doc else None


def fairness(doc: FairnessDoc | None) -> Fairness | None:
    """Answer the limits of one person's load."""
    if doc is None:
        return None
    severity = Severity(doc.severity) if doc.severity else None
    night = Restriction(tuple(range(1, 8)), doc.night_begins_at, doc.night_ends_at)
    return Fairness(doc.pages_per_week, doc.nights_per_week, night, severity, doc.clause)


def _layer(doc: LayerDoc) -> Layer:
    turn = doc.turn.turn if doc.turn else Turn(doc.shift_days or 1)
    return Layer(_people(doc.people), turn, doc.starts_on, doc.starts_at, _hours(doc.only))


def _people(names: tuple[str, ...]) -> tuple[PersonId, ...]:
    return tuple(PersonId(name) for name in names)


def _hours(docs: tuple[HoursDoc, ...]) -> tuple[Restriction, ...]:
    return tuple(Restriction(tuple(WEEKDAYS[day] for day in doc.weekdays), doc.starts_at, doc.ends_at) for doc in docs)
