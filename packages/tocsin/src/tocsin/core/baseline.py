"""The last healthy hour: what the figures were before the trouble, and how far they are from it now.

The hour ends where the objective last held before the detection, less a margin, because trouble begins before it is
measured. Only figures that held count; their median is what is compared with.
"""

from collections.abc import Sequence
from statistics import median

import msgspec
from whenever import Instant

from tocsin.core.diagnostics import BaselinePolicy
from tocsin.core.events import Sample
from tocsin.core.objectives import compares
from tocsin.core.rules import Objective

Point = tuple[Instant, float]


class Healthy(msgspec.Struct, frozen=True):
    """A stretch in which an objective held, and its median there."""

    since: Instant
    until: Instant
    value: float


class Compared(msgspec.Struct, frozen=True):
    """A figure as it is now, and as it was when it was well."""

    now: Sample
    healthy: Healthy | None = None

    @property
    def ratio(self) -> float | None:
        """Answer how many times the healthy figure it is now; None if there is nothing to divide."""
        if self.healthy is None or self.now.value is None or not self.healthy.value:
            return None
        return self.now.value / self.healthy.value


def last_healthy(
    points: Sequence[Point], objective: Objective, policy: BaselinePolicy, before: Instant
) -> Healthy | None:
    """Answer the last healthy stretch before an instant; None if there was none within reach."""
    held = [(at, value) for at, value in points if at < before and compares(value, objective.holds, objective.bound)]
    if not held:
        return None
    until = held[-1][0] - policy.margin
    since = until - policy.lasts
    values = [value for at, value in held if since <= at <= until]
    if not values:
        return None
    first = next(at for at, _ in held if at >= since)
    return Healthy(first, until, median(values))
