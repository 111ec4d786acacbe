"""The port of the channels: a message goes in, what became of it comes out.

An adapter makes exactly one attempt and never raises for what the world does: a refusal, a time-out and a full queue
are outcomes. Retrying, the next contact method and the next person are the outbox's and the core's business.
"""

from typing import NewType, Protocol

import msgspec
from whenever import TimeDelta

from tocsin.core.messages import Message, MessageKind

DeliveryKey = NewType("DeliveryKey", str)
"""The same for every attempt at one message, so that a provider which can will deliver it once."""


class Accepted(msgspec.Struct, frozen=True, tag="accepted"):
    """The provider took it over; ``receipt`` is what it calls it."""

    receipt: str


class Deferred(msgspec.Struct, frozen=True, tag="deferred"):
    """Not now, or perhaps: ask again, after ``wait`` if the provider said so. It may have been delivered."""

    why: str
    wait: TimeDelta | None = None


class Rejected(msgspec.Struct, frozen=True, tag="rejected"):
    """Never: asking again would fail the same way."""

    why: str


Outcome = Accepted | Deferred | Rejected


class Channel(Protocol):
    """Something that carries messages to addresses.

    One whose provider keeps state of a page says so by an attribute ``settles`` that is true. It is then told how each
    page was settled, by a message of the kind ``settled``.

    One whose provider knows no keys, and for which the same message twice is a telephone that rings twice, says by a
    method ``in_doubt(kind)`` how long to wait after an attempt of which nobody heard the end.
    """

    @property
    def pace(self) -> float:
        """How many messages a second the provider takes at most."""
        ...

    async def deliver(self, message: Message, address: str, key: DeliveryKey) -> Outcome:
        """Make one attempt."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


def in_doubt(carrier: object, kind: MessageKind) -> TimeDelta:
    """Answer how long to wait after an attempt of which nobody heard the end: not at all, if a repeat is harmless."""
    asked = getattr(carrier, "in_doubt", None)
    wait: TimeDelta = asked(kind) if asked else TimeDelta.ZERO
    return wait
