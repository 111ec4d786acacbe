"""The port of the measurements: a query goes in, a figure or the reason for its absence comes out."""

from collections.abc import Mapping
from typing import Protocol

import msgspec
from whenever import Instant, TimeDelta


class Figure(msgspec.Struct, frozen=True):
    """What a query answered. No value means no data, and no data never counts as healthy."""

    value: float | None
    why: str = ""


class Series(msgspec.Struct, frozen=True):
    """One series over a span: what it is called, and its finite values in the order of time."""

    labels: Mapping[str, str]
    points: tuple[tuple[Instant, float], ...]


class History(msgspec.Struct, frozen=True):
    """What a query answered over a span. No series means no data, and ``why`` says so."""

    series: tuple[Series, ...] = ()
    why: str = ""


class Measurements(Protocol):
    """Something that can be asked how the watched system is doing."""

    async def ask(self, query: str, source: str = "", at: Instant | None = None) -> Figure:
        """Answer one number, now or as it was; ``source`` names which of several is asked."""
        ...

    async def history(self, query: str, since: Instant, until: Instant, every: TimeDelta, source: str = "") -> History:
        """Answer how it went between two instants."""
        ...

    async def probe(self, url: str) -> Figure:
        """Answer 1 if a health endpoint says it is well, 0 with the reason if not."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...
