"""The steps on incidents' rooms and bridges: one after another within a room, said as things stand when they are taken.

The outbox promises no order, and what is kept current must not be overwritten by what was current before. So a step
waits for the one before it, and takes its words from the incident as it is by then.
"""

import asyncio
from collections.abc import Mapping
from weakref import WeakValueDictionary

from tocsin.channels.rooms_port import Accepted, Bridges, DeliveryKey, Found, Gone, Outcome, Rejected, Rooms
from tocsin.core.bridges import BRIDGES
from tocsin.core.commands import RecordBridge, RecordRoom
from tocsin.core.ids import ChannelName, IncidentId
from tocsin.core.messages import Intent, Message
from tocsin.core.room_saga import ROOMS, content, pointless
from tocsin.core.room_steps import OpenBridge, PostSummary, RoomFound, RoomStep, SetTopic, UpdateSummary
from tocsin.engine.clock import Clock
from tocsin.engine.handler import Handler

_SAID_REMEMBERED = 2_000
"""Topics and summaries that are known to stand as they should. One forgotten is said once more, and does no harm."""


Spot = tuple[IncidentId, type]
"""Something in a room that is kept current."""


class RoomSteps:
    """Takes steps where rooms are set up; says how to set them up where they are not."""

    def __init__(self, handler: Handler, rooms: Rooms | None, bridges: Bridges | None, clock: Clock) -> None:
        self._handler = handler
        self._rooms = rooms
        self._bridges = bridges
        self._clock = clock
        self._locks: WeakValueDictionary[IncidentId, asyncio.Lock] = WeakValueDictionary()
        self._said: dict[Spot, Message] = {}

    @property
    def paces(self) -> Mapping[ChannelName, float]:
        """Answer how many steps a second may be taken."""
        parts = {ROOMS: self._rooms, BRIDGES: self._bridges}
        return {name: part.pace if part else 1000.0 for name, part in parts.items()}

    def carrier(self, intent: Intent) -> Rooms | Bridges | None:
        """Answer by whom a step is taken."""
        return self._bridges if isinstance(intent.step, OpenBridge) else self._rooms

    async def take(self, intent: Intent) -> Outcome | None:
        """Try a step once; None if it is pointless by now."""
        step = intent.step
        assert step is not None, "only a step is taken"
        if isinstance(step, OpenBridge):
            return await self._open(intent, step)
        lock = self._locks.setdefault(intent.incident, asyncio.Lock())
        async with lock:
            incident = await self._handler.load(intent.incident)
            if incident is None or pointless(step, incident):
                return None
            if self._rooms is None:
                return Rejected("Slack is not set up here; set TOCSIN_SLACK_TOKEN")
            given = await self._handler.playbooks.situation(incident, self._clock.now())
            message = content(step, intent.message, incident, given)
            if self._said.get(_spot(intent.incident, step)) == message:
                return None  # It stands there already, word for word.
            outcome = await self._rooms.take(step, message, DeliveryKey(intent.id))
            if isinstance(outcome, Accepted) and isinstance(step, SetTopic | PostSummary | UpdateSummary):
                self._remember(_spot(intent.incident, step), message)
            return outcome

    async def _open(self, intent: Intent, step: OpenBridge) -> Outcome | None:
        incident = await self._handler.load(intent.incident)
        if incident is None or incident.bridge is None or incident.bridge.url:
            return None
        if self._bridges is None:
            return Rejected("Zoom is not set up here; set TOCSIN_ZOOM_ACCOUNT_ID, _CLIENT_ID, _CLIENT_SECRET and _USER")
        return await self._bridges.open(intent.message.text, step.mark)

    def _remember(self, spot: Spot, message: Message) -> None:
        self._said.pop(spot, None)
        self._said[spot] = message
        if len(self._said) > _SAID_REMEMBERED:
            del self._said[next(iter(self._said))]


def record(intent: Intent, outcome: Outcome | None, why: str) -> RecordRoom | RecordBridge:
    """Answer the command that tells the incident what became of a step; ``why`` is set when it was given up."""
    assert intent.step is not None, "only a step is recorded"
    found = outcome.found if isinstance(outcome, Found) else RoomFound()
    if isinstance(intent.step, OpenBridge):
        return RecordBridge(intent=intent.id, found=found, why=why)
    return RecordRoom(step=intent.step, intent=intent.id, found=found, why=why, gone=isinstance(outcome, Gone))


def _spot(incident: IncidentId, step: RoomStep) -> Spot:
    """Answer what a step writes on: the topic, the summary, or nothing that is kept current."""
    kind = UpdateSummary if isinstance(step, PostSummary) else type(step)
    return incident, kind
