"""The port of the signals: bytes as sent go in, observations come out.

A decoder is a pure function. What it cannot read it refuses with `Unreadable`, naming the place and the remedy, before
anything is accepted; after that nothing a sender wrote can get lost.
"""

from enum import StrEnum
from typing import Protocol

import msgspec
from whenever import Instant

from tocsin.core.alert import Observation
from tocsin.core.ids import IncidentId, IntentId


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


class Forged(Exception):
    """Nobody who holds the secret has signed this, or it is too old to be believed. Nothing of it was read."""

    def __init__(self, detail: str, remedy: str, *, stale: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy
        self.stale = stale


class Act(StrEnum):
    """What an answer by way of a provider says."""

    ACKNOWLEDGE = "acknowledge"
    DECLINE = "decline"
    ESCALATE = "escalate"
    NOTE = "note"
    APPROVE = "approve"
    REJECT = "reject"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody answered by way of a provider, or what the provider itself reports of a page."""

    via: str
    """The provider: ``pagerduty``, ``slack``, ``twilio``."""
    id: str
    """By which the same answer sent twice is known; empty if the provider gives none."""
    act: Act
    at: Instant | None = None
    """When it was given, by the provider's clock; None if it does not say."""
    who: tuple[str, ...] = ()
    """The addresses by which the provider knows the person."""
    name: str = ""
    """What the provider calls the person."""
    page: IntentId | None = None
    """The message that is answered."""
    incident: IncidentId | None = None
    """The incident that is meant, where no message says so."""
    text: str = ""
