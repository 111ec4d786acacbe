"""Several providers for one contact method: if one does not take a message, the next is asked in the same attempt.

A playbook names them together (``phone: [voice, apprise]``), and the name of such a channel is theirs joined by ``+``.
Who failed is left alone for a while, longer each time; `after` is all there is to that. When all are being left alone,
all are asked: a page is never withheld because of what we remember.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace
from whenever import Instant, TimeDelta

from tocsin.channels.port import Accepted, Channel, Deferred, DeliveryKey, Outcome, Rejected, in_doubt
from tocsin.core.ids import ChannelName
from tocsin.core.messages import Message, MessageKind
from tocsin.core.rules import JOINS

REST_FIRST: Final = TimeDelta(seconds=30)
REST_MAX: Final = TimeDelta(minutes=10)
"""How long a provider that failed is left alone: at first, and at most. A provider's outage lasts minutes to hours."""

PROVIDERS_MAX: Final = 3
"""Providers asked in one attempt. Each may use up its whole time limit, and the lease of a delivery covers three."""


class Health(msgspec.Struct, frozen=True):
    """What is remembered of a provider."""

    failures: int = 0
    """In a row."""
    rests_until: Instant | None = None

    def rests(self, now: Instant) -> bool:
        """Tell whether it is left alone now."""
        return self.rests_until is not None and now < self.rests_until


def after(health: Health, outcome: Outcome, now: Instant) -> Health:
    """Answer what to remember of a provider after an outcome.

    A refusal is about the message or the address: it says that the provider is well.
    """
    if not isinstance(outcome, Deferred):
        return Health()
    grown: TimeDelta = min(REST_FIRST * 2 ** min(health.failures, 16), REST_MAX)
    return Health(health.failures + 1, now + max(grown, outcome.wait or TimeDelta.ZERO))


def order(names: Sequence[ChannelName], healths: Mapping[ChannelName, Health], now: Instant) -> tuple[ChannelName, ...]:
    """Answer whom to ask, in turn: the well ones as the playbook has them, then those that are left alone."""
    well = [name for name in names if not healths.get(name, Health()).rests(now)]
    return (*well, *(name for name in names if name not in well))[:PROVIDERS_MAX]


class FailoverChannel:
    """Asks one provider after another until one takes the message; its receipt names who did."""

    def __init__(
        self, channels: Mapping[ChannelName, Channel], healths: dict[ChannelName, Health], clock: Callable[[], Instant]
    ) -> None:
        self._channels = channels
        self._healths = healths
        self._clock = clock

    @property
    def pace(self) -> float:
        """Messages a second."""
        return min(channel.pace for channel in self._channels.values())

    @property
    def settles(self) -> bool:
        """Tell whether any of the providers keeps state of a page."""
        return any(settles(channel) for channel in self._channels.values())

    def in_doubt(self, kind: MessageKind) -> TimeDelta:
        """Answer how long to wait after an attempt without an end: any of the providers may have been asked last."""
        return max(in_doubt(channel, kind) for channel in self._channels.values())

    async def deliver(self, message: Message, address: str, key: DeliveryKey) -> Outcome:
        """Ask the providers in turn."""
        if message.settles is not None:
            return await self._settle(message, address, key)
        failed: list[tuple[ChannelName, Outcome]] = []
        for name in order(tuple(self._channels), self._healths, self._clock()):
            outcome = await self._channels[name].deliver(message, address, key)
            self._healths[name] = after(self._healths.get(name, Health()), outcome, self._clock())
            if isinstance(outcome, Accepted):
                return Accepted(receipt=f"{name}: {outcome.receipt}")
            failed.append((name, outcome))
        return _together(failed)

    async def close(self) -> None:
        """Do nothing: the providers' channels belong to whoever gave them."""

    async def _settle(self, message: Message, address: str, key: DeliveryKey) -> Outcome:
        """Tell the provider that took the page; all that keep state, if it is not known who did."""
        assert message.settles is not None
        took, _, receipt = message.settles.receipt.partition(": ")
        told = replace(message, settles=replace(message.settles, receipt=receipt))
        names = [name for name, channel in self._channels.items() if settles(channel) and took in ("", name)]
        done = [(name, await self._channels[name].deliver(told, address, key)) for name in names]
        failed = [(name, outcome) for name, outcome in done if not isinstance(outcome, Accepted)]
        return _together(failed) if failed else Accepted(receipt=", ".join(names) or "nobody keeps state of it")


def _together(failed: Sequence[tuple[ChannelName, Outcome]]) -> Outcome:
    """Sum up: worth another attempt if one of them is, and then as soon as the first of them is."""
    why = "; ".join(f"{name}: {each.why}" for name, each in failed if not isinstance(each, Accepted))
    deferred = [each for _, each in failed if isinstance(each, Deferred)]
    if not deferred:
        return Rejected(why=why)
    waits = [each.wait for each in deferred]
    return Deferred(why=why, wait=None if None in waits else min(wait for wait in waits if wait))


def settles(channel: Channel) -> bool:
    """Tell whether a channel's provider keeps state of a page."""
    return bool(getattr(channel, "settles", False))


class ChannelTable(Mapping[ChannelName, Channel]):
    """All channels by name; those joined of several are made when they are first asked for."""

    def __init__(self, channels: Mapping[ChannelName, Channel], clock: Callable[[], Instant]) -> None:
        self._channels = dict(channels)
        self._joined: dict[ChannelName, FailoverChannel] = {}
        self._healths: dict[ChannelName, Health] = {}
        self._clock = clock

    def __getitem__(self, name: ChannelName) -> Channel:
        """Answer a channel. One of several providers has those of them that are set up."""
        if JOINS not in name:
            return self._channels[name]
        if name not in self._joined:
            parts = [ChannelName(part) for part in name.split(JOINS)]
            there = {part: self._channels[part] for part in parts if part in self._channels}
            if not there:
                raise KeyError(name)
            self._joined[name] = FailoverChannel(there, self._healths, self._clock)
        return self._joined[name]

    def __iter__(self) -> Iterator[ChannelName]:
        """Name the channels that are set up, and those joined of several that were asked for."""
        return iter((*self._channels, *self._joined))

    def __len__(self) -> int:
        """Count what `__iter__` names."""
        return len(self._channels) + len(self._joined)

    @property
    def settling(self) -> "Settling":
        """Answer the names of the channels that keep state of a page, as a question."""
        return Settling(self)


class Settling:
    """The names of those channels that keep state of a page."""

    def __init__(self, table: ChannelTable) -> None:
        self._table = table

    def __contains__(self, name: object) -> bool:
        """Tell whether this channel is one."""
        found = self._table.get(name)  # type: ignore[call-overload]  # any name may be asked about.
        return found is not None and settles(found)
