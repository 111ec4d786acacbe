"""Channels that deliver, lose, double, delay, refuse and ask to slow down, as the scenario says.

Each kind of contact (pager, phone, Slack …) has a channel of its own here, whatever carries it in production: a
scenario must be able to break one of them alone.
"""

from collections.abc import Callable, Iterable
from typing import Final

from msgspec.structs import replace
from whenever import Instant, TimeDelta

from tocsin.channels.port import Accepted, Deferred, DeliveryKey, Outcome, Rejected
from tocsin.core.audience import Audience
from tocsin.core.ids import ChannelName
from tocsin.core.messages import Intent, Message
from tocsin.core.rules import Method, MethodKind, Person, Rulebook
from tocsin.simulate.dice import dice
from tocsin.simulate.people import People
from tocsin.simulate.scenario import ChannelFault, Scenario

_SLOW_DOWN: Final = TimeDelta(seconds=30)
_PACE: Final = 1000.0
"""Messages a second: a provider is not what these simulations are about."""


def rerouted(rules: Rulebook) -> Rulebook:
    """Give each kind of contact a channel named like it."""
    people = {key: _rerouted(person) for key, person in rules.people.items()}
    audiences = {key: replace(each, channel=_audience_channel(each)) for key, each in rules.audiences.items()}
    return replace(rules, people=people, audiences=audiences)


def _rerouted(person: Person) -> Person:
    methods = tuple(Method(way.kind, ChannelName(way.kind.value), way.address) for way in person.methods)
    return replace(person, methods=methods)


def _audience_channel(audience: Audience) -> ChannelName | None:
    if audience.channel is None:
        return None
    kinds = {"#": MethodKind.SLACK, "@": MethodKind.EMAIL}
    return next((ChannelName(kind.value) for sign, kind in kinds.items() if sign in audience.address), audience.channel)


def channel_names(rules: Rulebook) -> tuple[ChannelName, ...]:
    """Name every channel that a rulebook sends by."""
    ways = (way.channel for person in rules.people.values() for way in person.methods)
    read = (audience.channel for audience in rules.audiences.values() if audience.channel)
    return tuple(dict.fromkeys((*ways, *read)))


def sign_link(intent: Intent, _: Instant) -> str:
    """Make the link of a page; simulated people do not follow it, they act."""
    return f"simulated:{intent.id}"


class SimulatedChannel:
    """Carries messages to simulated people, or fails to."""

    pace = _PACE

    def __init__(
        self,
        name: ChannelName,
        rules: Rulebook,
        scenario: Scenario,
        people: People,
        seed: int,
        now: Callable[[], Instant],
    ) -> None:
        self._name = name
        self._readers = {
            way.address: (person.id, way.kind)
            for person in rules.people.values()
            for way in person.methods
            if way.channel == name
        }
        self._faults = tuple(fault for fault in scenario.channels if fault.channel in (name, "*"))
        self._starts_at = scenario.starts_at
        self._people = people
        self._seed = seed
        self._now = now
        self._tries: dict[DeliveryKey, int] = {}

    async def deliver(self, message: Message, address: str, key: DeliveryKey) -> Outcome:
        """Make one attempt, and meet with whatever the scenario has in store for it."""
        attempt = self._tries[key] = self._tries.get(key, 0) + 1
        for fault in self._faults_now():
            outcome = self._met(fault, message, address, key, attempt)
            if outcome is not None:
                return outcome
        self._arrive(message, address, key, TimeDelta.ZERO)
        return Accepted(f"{self._name}-{key}")

    async def close(self) -> None:
        """Nothing to give back."""

    def _faults_now(self) -> Iterable[ChannelFault]:
        passed = self._now() - self._starts_at
        return (fault for fault in self._faults if fault.from_ <= passed < fault.until)

    def _met(
        self, fault: ChannelFault, message: Message, address: str, key: DeliveryKey, attempt: int
    ) -> Outcome | None:
        chance = dice(self._seed, self._name, key, attempt)
        if chance.random() < fault.unreachable:
            return Deferred(f"{self._name} is unreachable")
        if chance.random() < fault.refused:
            return Rejected(f"{self._name} refused it")
        if chance.random() < fault.slow_down:
            return Deferred(f"{self._name} asked to slow down (429)", _SLOW_DOWN)
        delay = fault.delayed.drawn(self._seed, self._name, key, attempt, "delay")
        if chance.random() < fault.unsure:
            self._arrive(message, address, key, delay)
            return Deferred(f"no answer from {self._name} in time")
        receipt = Accepted(f"{self._name}-{key}")
        if chance.random() < fault.lost:
            return receipt
        if chance.random() < fault.doubled:
            self._arrive(message, address, key, delay)
        self._arrive(message, address, key, delay)
        return receipt

    def _arrive(self, message: Message, address: str, key: DeliveryKey, delay: TimeDelta) -> None:
        reader = self._readers.get(address)
        if reader is not None:
            person, kind = reader
            self._people.hear(person, kind, message, key, self._now() + delay)
