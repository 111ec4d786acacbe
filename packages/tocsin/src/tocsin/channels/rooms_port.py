"""The ports of the incidents' rooms and bridges: one step goes in, what became of it comes out.

As with a channel, an adapter tries once and never raises for what the world does. A step that was done before, by an
attempt whose answer was lost, is recognised and accepted: nothing is made, posted or invited twice.
"""

from typing import Protocol

from tocsin.channels.port import Accepted, Deferred, DeliveryKey, Outcome, Rejected
from tocsin.core.messages import Message
from tocsin.core.room_steps import RoomFound, RoomStep

__all__ = ["Accepted", "Bridges", "Deferred", "DeliveryKey", "Found", "Gone", "Outcome", "Rejected", "Rooms"]


class Found(Accepted, frozen=True, tag="found"):
    """The step is done, and this came of it."""

    found: RoomFound = RoomFound()


class Gone(Rejected, frozen=True, tag="gone"):
    """The room takes nothing from us any more: it is archived, or we were removed from it."""


class Rooms(Protocol):
    """Something that has rooms for incidents."""

    @property
    def pace(self) -> float:
        """How many steps a second the provider takes at most."""
        ...

    async def take(self, step: RoomStep, message: Message, key: DeliveryKey) -> Outcome:
        """Try a step once; ``message`` is what is said in taking it."""
        ...


class Bridges(Protocol):
    """Something that makes calls for incidents to talk in (R3)."""

    @property
    def pace(self) -> float:
        """How many calls a second the provider makes at most."""
        ...

    async def open(self, topic: str, mark: str) -> Outcome:
        """Try once to make the call with this mark, or find it if an earlier attempt made it: `Found`, with its URL."""
        ...
