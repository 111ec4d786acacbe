"""Instants as the database compares them: nanoseconds since 1970 UTC."""

from typing import Final

from whenever import Instant

NANOSECONDS_MAX: Final = 2**63 - 1


def nanoseconds(at: Instant) -> int:
    """Write an instant as the database compares it. Past the year 2262 all are the same: never."""
    return min(max(at.timestamp(unit="nanosecond"), -NANOSECONDS_MAX), NANOSECONDS_MAX)


def instant(at: int) -> Instant:
    """Read what `nanoseconds` wrote."""
    return Instant.from_timestamp(at, unit="nanosecond")


def maybe(at: int | None) -> Instant | None:
    """Read what `nanoseconds` wrote, or that there is none."""
    return None if at is None else instant(at)
