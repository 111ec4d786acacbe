"""Rotations and arrangements of every kind, for properties: any zone, instants near both changes of the clocks."""

from typing import Any

from hypothesis import strategies as st
from whenever import Date, Instant, Time, TimeDelta

from tocsin.core.arrangements import Arranged, Assignment, Away, Override, Sheet
from tocsin.core.ids import PersonId, RotationId
from tocsin.core.rules import Rotation
from tocsin.core.turns import Layer, Restriction, Turn, TurnUnit

ANY = RotationId("any")
ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"),
    *("Asia/Kathmandu", "America/Havana", "Antarctica/Troll"),
)

_CHANGES = (
    *(Instant.from_utc(2026, 3, 29, 1), Instant.from_utc(2026, 10, 25, 1)),
    *(Instant.from_utc(2026, 3, 8, 7), Instant.from_utc(2026, 11, 1, 6), Instant.from_utc(2026, 4, 4, 15)),
)
_EPOCH = Instant.from_utc(2025, 1, 1)

anytime = st.integers(0, 1000 * 24 * 12).map(lambda n: _EPOCH + TimeDelta(minutes=5 * n))
near_a_change = st.builds(
    lambda change, minutes: change + TimeDelta(minutes=minutes), st.sampled_from(_CHANGES), st.integers(-2000, 2000)
)
instants = anytime | near_a_change
people = st.integers(0, 4).map(lambda number: PersonId(f"p{number}"))
turns = st.one_of(
    st.integers(1, 36).map(lambda count: Turn(count, TurnUnit.HOURS)),
    st.integers(1, 28).map(Turn),
    st.integers(1, 3).map(lambda count: Turn(count, TurnUnit.MONTHS)),
)
clock_times = st.builds(Time, st.integers(0, 23), st.sampled_from([0, 15, 30]))
hours = st.builds(
    Restriction, st.sets(st.integers(1, 7), min_size=1).map(lambda days: tuple(sorted(days))), clock_times, clock_times
)


def _layers(restricted: bool, least: int = 0) -> st.SearchStrategy[Layer]:
    return st.builds(
        Layer,
        st.lists(people, min_size=least, max_size=4, unique=True).map(tuple),
        turns,
        st.integers(0, 400).map(lambda days: Date(2025, 1, 1).add(days=days)),
        clock_times,
        st.lists(hours, max_size=2).map(tuple) if restricted else st.just(()),
    )


@st.composite
def rotations(draw: Any, restricted: bool = True) -> Rotation:
    """A rotation with layers, double cover, an import; without restrictions, somebody is always on call."""
    lowest = draw(_layers(restricted, 0 if restricted else 1))
    return Rotation(
        ANY,
        lowest.people,
        1,
        lowest.starts_on,
        lowest.starts_at,
        draw(st.sampled_from(ZONES)),
        turn=lowest.turn,
        only=lowest.only,
        layers=tuple(draw(st.lists(_layers(True), max_size=2))),
        at_once=draw(st.integers(1, 2)),
        imports=draw(st.booleans()),
    )


@st.composite
def arranged(draw: Any) -> Arranged:
    """Overrides, absences and an imported calendar, some of them withdrawn."""
    overrides = [_override(draw) for _ in range(draw(st.integers(0, 3)))]
    away = [Away(draw(people), *_span(draw), **_made(draw)) for _ in range(draw(st.integers(0, 3)))]
    shifts = [Assignment(draw(people), *_span(draw)) for _ in range(draw(st.integers(0, 3)))]
    return Arranged(tuple(overrides), tuple(away), {ANY: Sheet.of(shifts)} if shifts else {})


def _override(draw: Any) -> Override:
    return Override(ANY, draw(people), *_span(draw), instead_of=draw(st.none() | people), **_made(draw))


def _span(draw: Any) -> tuple[Instant, Instant]:
    since = draw(instants)
    return since, since + TimeDelta(minutes=draw(st.integers(1, 200 * 60)))


def _made(draw: Any) -> dict[str, Any]:
    return {
        "created_at": draw(st.none() | instants),
        "withdrawn_at": draw(st.none() | instants),
    }
