"""The port of the signals: bytes as sent go in, observations come out.

A decoder is a pure function. What it cannot read it refuses with `Unreadable`, naming the place and the remedy, before
anything is accepted; after that nothing a sender wrote can get lost.
"""

from typing import Protocol

from tocsin.core.alert import Observation


class Unreadable(Exception):
    """The body is not what the route takes. ``remedy`` tells the sender what to send."""

    def __init__(self, detail: str, remedy: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy


class Decoder(Protocol):
    """Reads one kind of signal."""

    def split(self, body: bytes) -> tuple[tuple[bytes, int], ...]:
        """Check a body as sent and cut it into parts small enough for one step of the intake.

        Each part comes with the number of observations in it. Raises `Unreadable`.
        """
        ...

    def observations(self, part: bytes) -> tuple[Observation, ...]:
        """Read one part that `split` made."""
        ...
