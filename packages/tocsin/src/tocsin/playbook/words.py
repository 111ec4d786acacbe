"""The small words of a playbook: durations, whom to reach, what to do. Text in, values of the core out.

An author writes ``1h30m``, ``3 business days``, ``8h or next business day``, ``rotation sre-primary`` and
``page person ana by phone, slack``. Each word has one grammar, one parser and one pattern for the JSON Schema.
"""

import re
from typing import Final

from whenever import TimeDelta

from tocsin.core.ids import AudienceId, PersonId, RoleName, RotationId
from tocsin.core.rules import (
    Announce,
    Clockwork,
    Close,
    ComponentOwner,
    Consequence,
    EmergencyContact,
    Everybody,
    InRole,
    JudgeMitigation,
    LevelAbove,
    MethodKind,
    NextOnLadder,
    OnRotation,
    Page,
    RaiseLevel,
    Remind,
    SoundAlarm,
    Target,
    Tell,
    ThePerson,
)
from tocsin.core.turns import Turn, TurnUnit

_SECONDS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PLAIN_ACTS: Final[dict[str, Consequence]] = {
    "remind": Remind(),
    "sound": SoundAlarm(),
    "judge": JudgeMitigation(),
    "close": Close(),
}
_PLAIN_TARGETS: Final[dict[str, Target]] = {
    "everybody": Everybody(),
    "next on ladder": NextOnLadder(),
    "level above": LevelAbove(),
    "emergency contact": EmergencyContact(),
}
_ID: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_KINDS: Final = "|".join(kind.value for kind in MethodKind)

DURATION_PATTERN: Final = r"(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?"
ALLOWANCE_PATTERN: Final = rf"(\d+ business days?|(?=\d){DURATION_PATTERN}( or next business day)?)"
WHOM_PATTERN: Final = (
    rf"(rotation {_ID}|person {_ID}|role {_ID}|component owner|everybody|next on ladder|level above|emergency contact)"
)
ACT_PATTERN: Final = (
    rf"((page|page again|tell) {WHOM_PATTERN}( by ({_KINDS})(, ?({_KINDS}))*)?"
    rf"|announce {_ID}|raise level \d+|remind|sound alarm|judge mitigation|close)"
)
TURN_PATTERN: Final = r"(\d{1,4}[hdw]|\d{1,2} months?)"
_TURNS: Final = {
    "h": (1, TurnUnit.HOURS),
    "d": (1, TurnUnit.DAYS),
    "w": (7, TurnUnit.DAYS),
    "month": (1, TurnUnit.MONTHS),
}
_TURN_MAX: Final = {TurnUnit.HOURS: 24 * 366, TurnUnit.DAYS: 366, TurnUnit.MONTHS: 12}
_DURATION_MAX: Final = TimeDelta(hours=24 * 366)
"""A year: what is longer is a mistake, and arithmetic on it may leave the calendar."""


class Allowance:
    """How long something may take, and by which clock."""

    __slots__ = ("business_days", "clockwork", "wall")

    def __init__(self, wall: TimeDelta, clockwork: Clockwork, business_days: int = 0) -> None:
        self.wall = wall
        self.clockwork = clockwork
        self.business_days = business_days

    def within(self, business_day: TimeDelta) -> TimeDelta:
        """Answer the time it allows, given how long one business day is."""
        return business_day * self.business_days if self.business_days else self.wall


class TurnWord:
    """How long a turn is."""

    __slots__ = ("turn",)

    def __init__(self, turn: Turn) -> None:
        self.turn = turn


class Whom:
    """Whom to reach."""

    __slots__ = ("target",)

    def __init__(self, target: Target) -> None:
        self.target = target


class Plain:
    """A value as text, whether it was written as a text, a whole number, or true or false."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Act:
    """What to do."""

    __slots__ = ("consequence",)

    def __init__(self, consequence: Consequence) -> None:
        self.consequence = consequence


def duration(text: str) -> TimeDelta:
    """Read ``1h30m``. Raises ValueError."""
    found = re.fullmatch(DURATION_PATTERN, text)
    if not text or found is None:
        raise ValueError(f'"{text}" is not a duration; write one like 30s, 5m, 1h30m, 2d or 1w')
    parts = [(int(part[:-1]), part[-1]) for part in found.groups() if part]
    seconds = sum(number * _SECONDS[unit] for number, unit in parts)
    if seconds > _DURATION_MAX.total("seconds"):
        raise ValueError(f'"{text}" is longer than a year')
    return TimeDelta(seconds=seconds)


def plain(value: object) -> Plain:
    """Read ``6``, ``true`` or ``4Gi``. Raises ValueError."""
    if isinstance(value, bool):
        return Plain("true" if value else "false")
    if isinstance(value, str | int):
        return Plain(str(value))
    raise ValueError(f"expected a text or a whole number, found {value!r}; put it in quotes")


def allowance(text: str) -> Allowance:
    """Read ``5m``, ``3 business days`` or ``8h or next business day``. Raises ValueError."""
    days = re.fullmatch(r"(\d+) business days?", text)
    if days is not None:
        if not 1 <= int(days[1]) <= 366:
            raise ValueError(f'"{text}" is not between 1 and 366 business days')
        return Allowance(TimeDelta.ZERO, Clockwork.BUSINESS, int(days[1]))
    plain, moved, rest = text.partition(" or next business day")
    if rest:
        raise ValueError(f'"{text}" is not an allowance; write 5m, 3 business days, or 8h or next business day')
    return Allowance(duration(plain), Clockwork.NEXT_DAY if moved else Clockwork.WALL)


def turn(text: str) -> TurnWord:
    """Read ``12h``, ``7d``, ``2w`` or ``3 months``. Raises ValueError."""
    found = re.fullmatch(TURN_PATTERN, text)
    if found is None:
        raise ValueError(f'"{text}" is no length of a turn; write one like 12h, 7d, 2w or 1 month')
    number, unit = int(re.match(r"\d+", text)[0]), text.lstrip("0123456789 ")  # type: ignore[index]  # the pattern has it.
    size, counted = _TURNS[unit.rstrip("s")]
    if not 1 <= number * size <= _TURN_MAX[counted]:
        raise ValueError(f'"{text}" is no length of a turn; write one between an hour and a year')
    return TurnWord(Turn(number * size, counted))


def whom(text: str) -> Whom:
    """Read ``rotation sre-primary``, ``person ana``, ``role communications`` … Raises ValueError."""
    if re.fullmatch(WHOM_PATTERN, text) is None:
        raise ValueError(
            f'"{text}" names nobody; write "rotation ID", "person ID", "role NAME", "component owner", "everybody", '
            f'"next on ladder", "level above" or "emergency contact"'
        )
    kind, _, name = text.partition(" ")
    match kind:
        case "rotation":
            return Whom(OnRotation(RotationId(name)))
        case "person":
            return Whom(ThePerson(PersonId(name)))
        case "role":
            return Whom(InRole(RoleName(name)))
        case "component":
            return Whom(ComponentOwner())
        case _:
            return Whom(_PLAIN_TARGETS[text])


def act(text: str) -> Act:
    """Read ``page rotation sre-primary by pager``, ``announce incidents``, ``remind`` … Raises ValueError."""
    if re.fullmatch(ACT_PATTERN, text) is None:
        raise ValueError(
            f'"{text}" is nothing that can be done; write "page WHOM by KIND, KIND", "page again WHOM", '
            f'"tell WHOM by KIND", "announce AUDIENCE", "raise level N", "remind", "sound alarm", '
            f'"judge mitigation" or "close"'
        )
    verb, _, rest = text.partition(" ")
    match verb:
        case "page" | "tell":
            again = rest.startswith("again ")
            reached, _, by = rest.removeprefix("again ").partition(" by ")
            via = tuple(MethodKind(kind.strip()) for kind in by.split(",") if kind.strip())
            target = whom(reached).target
            return Act(Page(target, via, again) if verb == "page" else Tell(target, via))
        case "announce":
            return Act(Announce(AudienceId(rest)))
        case "raise":
            return Act(RaiseLevel(int(rest.removeprefix("level "))))
        case _:
            return Act(_PLAIN_ACTS[verb])


def spoken(span: TimeDelta) -> str:
    """Write a duration as an author would: ``1h30m``."""
    seconds = round(span.total("seconds"))
    words = []
    for unit, size in _SECONDS.items():
        number, seconds = divmod(seconds, size)
        if number:
            words.append(f"{number}{unit}")
    return "".join(words) or "0s"
