"""What to say about a server that does not do its work: a pure function of what was seen and what was said before.

A trouble must last before it is an alarm, because a restart takes seconds and is nothing to be woken for. An alarm is
repeated until somebody answers it or all is well; what an answer covers is the troubles of that moment, no later ones.
"""

from enum import StrEnum

import msgspec
from msgspec.structs import replace
from whenever import Instant, TimeDelta


class Trouble(StrEnum):
    """What can be wrong with a server, seen from outside."""

    UNREACHABLE = "unreachable"
    STRANGER = "stranger"
    """Something answers, and it is not Tocsin."""
    UNWELL = "unwell"
    """It says itself that it cannot work."""
    HEARTBEAT = "heartbeat"
    """It answers, and its engine has not proven for too long that it steps and commits."""
    DRIFT = "drift"
    """Its clock is not ours."""
    TOKEN = "token"  # noqa: S105 - a name, no secret.
    """It does not let us see its figures."""
    LAG = "lag"
    """Something has waited for too long."""
    UNACCOUNTED = "unaccounted"
    """Something is owed by nobody."""


class Finding(msgspec.Struct, frozen=True):
    """One trouble, in words that are enough by themselves."""

    trouble: Trouble
    words: str


class Limits(msgspec.Struct, frozen=True):
    """What is too much."""

    late: TimeDelta = TimeDelta(seconds=60)
    """How old the server's heartbeat may be, and how long a trouble must last before it is an alarm."""
    lag: TimeDelta = TimeDelta(seconds=120)
    drift: TimeDelta = TimeDelta(seconds=10)
    unaccounted: int = 0
    again_every: TimeDelta = TimeDelta(minutes=5)


class State(msgspec.Struct, frozen=True):
    """What the watchdog knows and has said. It survives a restart of the watchdog."""

    unwell_since: Instant | None = None
    findings: tuple[Finding, ...] = ()
    alarmed_at: Instant | None = None
    alarms: int = 0
    """How many were sent since it is unwell."""
    answered_at: Instant | None = None
    answered_by: str = ""
    answered_for: tuple[Trouble, ...] = ()
    well_since: Instant | None = None
    looked_at: Instant | None = None


class Say(msgspec.Struct, frozen=True):
    """Something to be said now."""

    well: bool
    subject: str
    text: str
    number: int
    """Which of its kind since it is unwell: makes the key by which a provider knows a repeat."""


def judged(state: State, findings: tuple[Finding, ...], now: Instant, limits: Limits) -> tuple[State, Say | None]:
    """Answer how it stands after one look, and what is to be said. What is said counts once `said` was told of it."""
    if not findings:
        return _well(state, now)
    since = state.unwell_since or now
    state = replace(state, unwell_since=since, findings=findings, well_since=None, looked_at=now)
    if now - since < limits.late or not _due(state, now, limits):
        return state, None
    return state, _alarm(state, now)


def said(state: State, say: Say, now: Instant) -> State:
    """Answer the state after a channel took something over. What nobody took is said again at the next look."""
    if say.well:
        return State(well_since=state.well_since or now, looked_at=now)
    return replace(state, alarmed_at=now, alarms=state.alarms + 1)


def answered(state: State, by: str, now: Instant) -> State:
    """Answer the state after somebody said: I know."""
    known = tuple(finding.trouble for finding in state.findings)
    return replace(state, answered_at=now, answered_by=by, answered_for=known)


def _due(state: State, now: Instant, limits: Limits) -> bool:
    if {finding.trouble for finding in state.findings} <= set(state.answered_for):
        return False
    if state.alarmed_at is None or (state.answered_at is not None and state.alarmed_at <= state.answered_at):
        return True  # The first of all, or the first of what the answer did not cover.
    return now - state.alarmed_at >= limits.again_every


def _well(state: State, now: Instant) -> tuple[State, Say | None]:
    after = replace(state, findings=(), well_since=state.well_since or now, looked_at=now)
    if state.alarmed_at is None or state.unwell_since is None:
        return State(well_since=after.well_since, looked_at=now), None
    span = _span(now - state.unwell_since)
    text = f"It was unwell since {_clock(state.unwell_since)}."
    return after, Say(True, f"Tocsin is well again, after {span}", text, state.alarms)


def _alarm(state: State, now: Instant) -> Say:
    assert state.unwell_since is not None, "an alarm has a beginning"
    first = state.findings[0]
    text = "\n".join(
        (
            *(finding.words for finding in state.findings),
            f"Unwell since {_clock(state.unwell_since)}, {_span(now - state.unwell_since)} ago.",
            "Pages may not go out. Look at the server; say `tocsin watchdog answer` where the watchdog runs.",
        )
    )
    return Say(False, f"Tocsin does not work: {first.words}", text, state.alarms + 1)


def _clock(at: Instant) -> str:
    return f"{at.format_iso()[11:16]} UTC"


def _span(span: TimeDelta) -> str:
    minutes, seconds = divmod(int(span.total("seconds")), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min" if minutes else f"{seconds} s"
