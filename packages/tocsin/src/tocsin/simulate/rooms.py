"""Incidents' rooms and bridges in a simulated world: it loses answers and refuses as the scenario says.

Its faults are those of the channels ``rooms`` and ``bridges``. Names are unique, nobody is invited twice, and what an
attempt did whose answer got lost is recognised.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from whenever import Instant, TimeDelta

from tocsin.channels.rooms_port import Accepted, Deferred, DeliveryKey, Found, Gone, Outcome, Rejected
from tocsin.core.bridges import BRIDGES
from tocsin.core.ids import ChannelName, IncidentId, PersonId
from tocsin.core.messages import Message
from tocsin.core.room_saga import ROOMS
from tocsin.core.room_steps import (
    ArchiveRoom,
    CreateRoom,
    Invite,
    PinSummary,
    PostSummary,
    ReadMessage,
    RejoinRoom,
    RoomFound,
    RoomStep,
    SetTopic,
    UpdateSummary,
)
from tocsin.simulate.dice import dice
from tocsin.simulate.scenario import ChannelFault, Scenario

_SLOW_DOWN = TimeDelta(seconds=30)


@dataclass
class SimulatedRoom:
    """One room as it stands."""

    id: str
    name: str
    key: DeliveryKey
    incident: IncidentId
    topic: str = ""
    summaries: dict[DeliveryKey, Message] = field(default_factory=dict)
    pinned: set[str] = field(default_factory=set)
    people: set[PersonId] = field(default_factory=set)
    archived: bool = False


class _Weather:
    """What the scenario has in store for attempts at one provider."""

    def __init__(
        self, provider: str, channel: ChannelName, scenario: Scenario, seed: int, now: Callable[[], Instant]
    ) -> None:
        self._provider = provider
        self._channel = channel
        self._faults = tuple(fault for fault in scenario.channels if fault.channel == channel)
        self._starts_at = scenario.starts_at
        self._seed = seed
        self._now = now
        self._tries: dict[str, int] = {}

    def met(self, key: str, do: Callable[[], Outcome]) -> Outcome:
        """Answer what becomes of an attempt."""
        attempt = self._tries[key] = self._tries.get(key, 0) + 1
        for fault in self._faults_now():
            chance = dice(self._seed, self._channel, key, attempt)
            if chance.random() < fault.unreachable:
                return Deferred(f"{self._provider} is unreachable")
            if chance.random() < fault.refused:
                return Rejected(f"{self._provider} refused it")
            if chance.random() < fault.slow_down:
                return Deferred(f"{self._provider} asked to slow down (429)", _SLOW_DOWN)
            if chance.random() < fault.unsure:
                do()
                return Deferred(f"no answer from {self._provider} in time")
        return do()

    def _faults_now(self) -> Iterable[ChannelFault]:
        passed = self._now() - self._starts_at
        return (fault for fault in self._faults if fault.from_ <= passed < fault.until)


class SimulatedBridges:
    """Makes calls, or fails to."""

    pace = 1000.0

    def __init__(self, scenario: Scenario, seed: int, now: Callable[[], Instant]) -> None:
        self._weather = _Weather("Zoom", BRIDGES, scenario, seed, now)
        self.calls: list[tuple[str, str]] = []
        """Mark and topic of each, in the order in which they were made."""

    async def open(self, topic: str, mark: str) -> Outcome:
        """Try once, and meet with whatever the scenario has in store for it."""
        return self._weather.met(mark, lambda: self._do(topic, mark))

    def _do(self, topic: str, mark: str) -> Outcome:
        marks = [each for each, _ in self.calls]
        if mark not in marks:
            self.calls.append((mark, topic))
            marks.append(mark)
        number = str(marks.index(mark) + 1)
        return Found(number, found=RoomFound(id=number, url=f"https://zoom.example/j/{number}"))


class SimulatedRooms:
    """Makes and keeps rooms, or fails to."""

    pace = 1000.0

    def __init__(self, scenario: Scenario, seed: int, now: Callable[[], Instant]) -> None:
        self._weather = _Weather("Slack", ROOMS, scenario, seed, now)
        self.rooms: dict[str, SimulatedRoom] = {}

    async def take(self, step: RoomStep, message: Message, key: DeliveryKey) -> Outcome:
        """Try a step once, and meet with whatever the scenario has in store for it."""
        return self._weather.met(key, lambda: self._do(step, message, key))

    def _do(self, step: RoomStep, message: Message, key: DeliveryKey) -> Outcome:
        if isinstance(step, CreateRoom):
            return self._made(step, message, key)
        room = self.rooms[step.room]
        if room.archived:
            return Gone("Slack answered is_archived")
        match step:
            case SetTopic():
                room.topic = message.text
            case PostSummary():
                room.summaries[key] = message
                return Found(f"{room.id}:{key}", found=RoomFound(id=key))
            case UpdateSummary(_, posted):
                room.summaries[DeliveryKey(posted)] = message
            case PinSummary(_, posted):
                room.pinned.add(posted)
            case Invite(_, person):
                room.people.add(person)
            case ArchiveRoom():
                room.archived = True
            case RejoinRoom() | ReadMessage():
                pass
        return Accepted(room.id)

    def _made(self, step: CreateRoom, message: Message, key: DeliveryKey) -> Outcome:
        ours = next((room for room in self.rooms.values() if room.key == key), None)
        if ours is None:
            names = {room.name for room in self.rooms.values()}
            name = step.name if step.name not in names else f"{step.name}-{step.suffix}"
            ours = SimulatedRoom(f"C{len(self.rooms) + 1:04}", name, key, message.incident)
            self.rooms[ours.id] = ours
        return Found(ours.id, found=RoomFound(id=ours.id, name=ours.name))
