"""Policies of the playbook that are no rows: single sets of numbers that a decision looks up."""

import msgspec
from whenever import TimeDelta

from tocsin.core.ids import Severity


class ReliefPolicy(msgspec.Struct, frozen=True):
    """An acknowledgment is good until the end of the shift of whoever gave it; then somebody on call takes over."""

    severities: tuple[Severity, ...]
    again_every: TimeDelta
    """How soon the next one is asked to take over, if nobody does."""
    clause: str


class ErrorSpike(msgspec.Struct, frozen=True):
    """When a component's error log has a spike: held against the last healthy hour before the incident (V2)."""

    times: float
    """So many times what it was then."""
    least: float
    """Entries a second that are no spike whatever it was then."""
    ends_before: TimeDelta
    """How long before the detection the healthy hour ended: what is detected has begun before."""


class WatchPolicy(msgspec.Struct, frozen=True):
    """How recovery is proven (V1, V2)."""

    holds_for: TimeDelta
    asks_every: TimeDelta
    gap_max: TimeDelta
    """A longer silence between two measurements starts the window again."""
    clause: str = "V2"
    related_alerts: int = 0
    """From how many alerts of other components on they are a spike; 0: they are not looked at."""
    errors: ErrorSpike | None = None
    """None: error logs are not looked at."""
