"""A server that is told to stop: what is under way may end, nothing holds it for ever, and nothing is lost by that."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from whenever import TimeDelta

from tocsin.channels.port import DeliveryKey, Outcome
from tocsin.core.ids import ChannelName, IncidentId
from tocsin.core.limits import (
    DELIVERIES_END_WITHIN,
    RUNS_END_WITHIN,
    STEPS_END_WITHIN,
    STOPS_WITHIN,
)
from tocsin.core.messages import Message, MessageKind
from tocsin.engine.serve import Patience
from tocsin.store.port import LedgerEntry, Signal

from ..web.town import FailingStore, Town
from .conftest import CONSOLE, RememberingChannel, rules_now

INC = IncidentId("INC-1")
AT_ONCE = Patience(steps=TimeDelta.ZERO, deliveries=TimeDelta.ZERO)
AS_LONG_AS_IT_TAKES = Patience(steps=TimeDelta(hours=1), deliveries=TimeDelta(hours=1))
KINDS = tuple(ChannelName(name) for name in ("console", "pager", "phone", "slack", "email"))


class SlowChannel(RememberingChannel):
    """Takes a message over only when it is let; ``stubborn``: not even then if it is broken off."""

    def __init__(self, *, stubborn: bool = False) -> None:
        super().__init__()
        self.heard = asyncio.Event()
        self.lets = asyncio.Event()
        self.broken_off = asyncio.Event()
        self._stubborn = stubborn

    async def deliver(self, message: Message, address: str, key: DeliveryKey) -> Outcome:
        outcome = await super().deliver(message, address, key)
        if message.kind is MessageKind.PAGE:
            self.heard.set()
        while not self.lets.is_set():
            try:
                await self.lets.wait()
            except asyncio.CancelledError:
                self.broken_off.set()
                if not self._stubborn:
                    raise
        return outcome


class StuckStore(FailingStore):
    """Answers the intake never."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def inbox(self, limit_alerts: int) -> Sequence[Signal]:  # type: ignore[override]
        self.asked.set()
        await asyncio.Event().wait()
        return ()


@asynccontextmanager
async def running(town: Town, patience: Patience) -> AsyncIterator[None]:
    """Run a whole engine; it was told to stop when this is left, and has ended."""
    town.engine._patience = patience
    await town.engine.start()
    engine = asyncio.create_task(town.engine.run())
    yield
    town.engine.stop()
    await engine


def town_with(channel: RememberingChannel, store: FailingStore | None = None) -> Town:
    return Town(rules_now(), store, dict.fromkeys((CONSOLE, *KINDS), channel))


async def entries(town: Town) -> list[LedgerEntry]:
    return [each for each in await town.store.ledger(INC) if each.intent.message.kind is MessageKind.PAGE]


async def test_an_attempt_under_way_is_waited_for_and_its_receipt_kept() -> None:
    channel = SlowChannel()
    town = town_with(channel)
    async with running(town, AS_LONG_AS_IT_TAKES):
        await town.declared()
        await channel.heard.wait()
        town.engine.stop()
        channel.lets.set()

    assert await town.store.abandoned() == ()
    assert "accepted" in {entry.state for entry in await entries(town)}


@pytest.mark.parametrize("stubborn", [False, True])
async def test_a_channel_that_never_answers_does_not_keep_it_and_the_page_leaves_at_the_next_start(
    stubborn: bool,
) -> None:
    channel = SlowChannel(stubborn=stubborn)
    town = town_with(channel)
    async with running(town, AT_ONCE):
        await town.declared()
        await channel.heard.wait()
    unanswered = {claimed.intent.id for claimed in await town.store.abandoned()}
    assert unanswered >= {key for message, _, key in channel.got if message.kind is MessageKind.PAGE}

    channel.lets.set()
    again = RememberingChannel()
    after = town_with(again, town.store)
    after.clock.at = town.clock.at + TimeDelta(seconds=2)
    await after.engine.start()
    await after.deliver()
    assert {key for _, _, key in again.got} >= unanswered
    assert (await after.store.counts(after.clock.at)).unaccounted == 0


async def test_asked_twice_it_breaks_off_what_it_waits_for() -> None:
    channel = SlowChannel()
    town = town_with(channel)
    await town.engine.start()
    engine = asyncio.create_task(town.engine.run())
    await town.declared()
    await channel.heard.wait()
    engine.cancel()
    await channel.broken_off.wait()

    await asyncio.wait([engine])
    assert engine.cancelled()
    assert await town.store.abandoned()


async def test_receipts_that_wait_for_their_turn_in_an_incident_do_not_keep_it() -> None:
    channel = SlowChannel()
    town = town_with(channel)
    await town.engine.start()
    await town.declared()
    async with town.engine.handler.holding((INC,)), running(town, AT_ONCE):
        await channel.heard.wait()
        channel.lets.set()

    assert await town.store.abandoned(), "taken by the provider, and not written down: sent again under the same key"


async def test_a_step_that_does_not_end_does_not_keep_it() -> None:
    store = StuckStore()
    town = town_with(RememberingChannel(), store)
    async with running(town, AT_ONCE):
        await store.asked.wait()


def test_all_that_a_stop_waits_for_fits_into_the_time_after_which_it_ends() -> None:
    one_after_the_other = STEPS_END_WITHIN + max(RUNS_END_WITHIN, DELIVERIES_END_WITHIN)
    assert one_after_the_other < STOPS_WITHIN < TimeDelta(seconds=30), "Kubernetes kills then"
