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
