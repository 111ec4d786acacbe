"""Is somebody on call at every hour, and nobody in two places at once? As far as no clock is needed (O1, O2, O4)."""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Final

from whenever import Date, Instant, TimeDelta, TimeZoneNotFoundError

from tocsin.core.foresight import double_bookings
from tocsin.core.rules import OnRotation, Rotation
from tocsin.playbook import rota
from tocsin.playbook.base import WEEKDAYS
from tocsin.playbook.document import Playbook
from tocsin.playbook.lint_references import Place, everything
from tocsin.playbook.measured import ComponentDoc
from tocsin.playbook.problems import Problem
from tocsin.playbook.rota import HoursDoc, LayerDoc, RotationDoc
from tocsin.playbook.words import Act, Whom

_MINUTES_PER_DAY: Final = 24 * 60
_YEAR: Final = TimeDelta(hours=24 * 366)


def rotations(playbook: Playbook) -> Iterator[Problem]:
    """Find rotations that leave a gap, whose zone does not exist, or that nobody asks."""
    asked = _asked(playbook)
    for key, rotation in playbook.rotations.items():
        place: Place = ("rotations.yaml", "rotations", key)
        if not rotation.people:
            yield playbook.problem("rotation-gap", (*place, "people"), "nobody is ever on call here", "name people")
        if not zone_exists(rotation.zone):
            yield no_zone(playbook, (*place, "zone"), rotation.zone)
        if key not in asked:
            yield playbook.problem(
                "unused-rotation", place, "nothing ever asks who is on call here", "use it or remove it", "warning"
            )
        yield from _turns(playbook, place, rotation)
        yield from _uncovered(playbook, place, rotation)
        yield from _too_few(playbook, place, rotation)


def _asked(playbook: Playbook) -> set[str]:
    found: set[str] = set()
    for _, part, field, value in everything(playbook):
        target = value.target if isinstance(value, Whom) else None
        if isinstance(value, Act):
            target = getattr(value.consequence, "target", None)
        if isinstance(target, OnRotation):
            found.add(target.rotation)
        if isinstance(part, ComponentDoc) and field == "owner" and value:
            found.add(value)
    return found


def _turns(playbook: Playbook, place: Place, rotation: RotationDoc) -> Iterator[Problem]:
    """Find layers whose turns have no length, or two."""
    parts: list[tuple[Place, RotationDoc | LayerDoc]] = [(place, rotation)]
    parts += [((*place, "layers", number), layer) for number, layer in enumerate(rotation.layers)]
    for where, part in parts:
        if (part.shift_days is None) == (part.turn is None):
            message = "it is not said how long a turn is" if part.turn is None else "two lengths of a turn are given"
            yield playbook.problem("no-turn", where, message, 'give one of "shift_days: 7" and "turn: 12h"')
        if where != place and not part.people:
            yield playbook.problem("rotation-gap", (*where, "people"), "this layer has nobody", "name people")


def _uncovered(playbook: Playbook, place: Place, rotation: RotationDoc) -> Iterator[Problem]:
    """Find hours of the week at which no layer applies although somebody should be on call."""
    if rotation.gaps_allowed or not rotation.only or any(not layer.only for layer in rotation.layers):
        return
    covered = bytearray(7 * _MINUTES_PER_DAY)
    for hours in (*rotation.only, *(each for layer in rotation.layers for each in layer.only)):
        _cover(covered, hours)
    first = covered.find(0)
    if first >= 0:
        day = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[first // _MINUTES_PER_DAY]
        hour, minute = divmod(first % _MINUTES_PER_DAY, 60)
        message = f"nobody is on call from {day} {hour:02}:{minute:02} on"
        remedy = 'let the people below be on call at all hours, or write "gaps_allowed: true"'
        yield playbook.problem("rotation-gap", (*place, "only"), message, remedy)


def _cover(covered: bytearray, hours: HoursDoc) -> None:
    since = hours.starts_at.hour * 60 + hours.starts_at.minute
    until = hours.ends_at.hour * 60 + hours.ends_at.minute
    for day in hours.weekdays:
        start = (WEEKDAYS[day] - 1) * _MINUTES_PER_DAY + since
        for minute in range((until - since) % _MINUTES_PER_DAY or _MINUTES_PER_DAY):
            covered[(start + minute) % len(covered)] = 1


def _too_few(playbook: Playbook, place: Place, rotation: RotationDoc) -> Iterator[Problem]:
    if rotation.people and rotation.at_once > len(set(rotation.people)):
        message = (
            f"{rotation.at_once} people are to be on call at once, but only {len(set(rotation.people))} take turns"
        )
        yield playbook.problem("rotation-gap", (*place, "at_once"), message, "name more people, or ask for fewer")


def doubles(playbook: Playbook) -> Iterator[Problem]:
    """Find people whom one ladder asks twice because they are on call in two of its rotations at the same time."""
    known = {key: rota.rotation(key, doc) for key, doc in playbook.rotations.items() if _is_sound(doc)}
    for one, other in _beside_each_other(playbook, known):
        since = max(rotation.stack[0].starts_on for rotation in (one, other))
        start = _midnight(since)
        found = next(double_bookings((one, other), start, start + _YEAR), None)
        if found is not None:
            yield playbook.problem(
                "double-booking",
                ("rotations.yaml", "rotations", other.id),
                f"{found.person} is on call here and in {one.id} at the same time, "
                f"first on {found.starts_at.to_tz(one.zone).date().format_iso()}",
                "let the turns of the two begin with different people",
                "warning",
            )


def _beside_each_other(playbook: Playbook, known: dict[str, Rotation]) -> Sequence[tuple[Rotation, Rotation]]:
    """Answer the pairs of rotations that one ladder asks, each pair once."""
    pairs: dict[tuple[str, str], None] = {}
    contacts = playbook.escalation.contacts
    for ladder in playbook.escalation.ladders.values():
        targets = (contacts[rung.contact].reach.target for rung in ladder.rungs if rung.contact in contacts)
        asked = dict.fromkeys(one.rotation for one in targets if isinstance(one, OnRotation) and one.rotation in known)
        pairs |= dict.fromkeys(combinations(asked, 2))
    return [(known[one], known[other]) for one, other in pairs]


def _is_sound(doc: RotationDoc) -> bool:
    parts: tuple[RotationDoc | LayerDoc, ...] = (doc, *doc.layers)
    return zone_exists(doc.zone) and all((each.shift_days is None) != (each.turn is None) for each in parts)


def _midnight(day: Date) -> Instant:
    return Instant.from_utc(day.year, day.month, day.day)


def starts_later(playbook: Playbook, today: Date) -> Iterator[Problem]:
    """Find rotations that begin after today: until then nobody is on call."""
    for key, rotation in playbook.rotations.items():
        if rotation.starts_on > today and not rotation.gaps_allowed:
            yield playbook.problem(
                "rotation-gap",
                ("rotations.yaml", "rotations", key, "starts_on"),
                f"nobody is on call before {rotation.starts_on.format_iso()}",
                "let it start today or earlier",
            )


def zone_exists(zone: str) -> bool:
    """Tell whether there is a time zone of this name."""
    try:
        Instant.from_utc(2025, 1, 1).to_tz(zone)
    except (TimeZoneNotFoundError, ValueError):
        return False
    return True


def no_zone(playbook: Playbook, place: Place, zone: str) -> Problem:
    """Make the finding of a zone that does not exist."""
    return playbook.problem("unknown-zone", place, f'there is no time zone "{zone}"', "write one such as Europe/Berlin")


CHECKS: tuple[Callable[[Playbook], Iterator[Problem]], ...] = (rotations, doubles)
