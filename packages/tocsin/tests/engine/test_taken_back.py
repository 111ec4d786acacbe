"""A server that is killed while it pages: the next start takes up at once what the dead one had in hand (E2)."""

import asyncio
from itertools import pairwise

import pytest
from whenever import Instant, TimeDelta

from tocsin.channels.port import DeliveryKey, Outcome
from tocsin.core.commands import Acknowledge
from tocsin.core.ids import ChannelName, IncidentId
from tocsin.core.limits import BACKOFF_MAX, DELIVERY_LEASE, PAGE_PATIENCE
from tocsin.core.messages import Message, MessageKind
from tocsin.store.memory import MemoryStore
from tocsin.store.port import LedgerEntry

from ..builders import TUESDAY_MORNING, by
from .conftest import RememberingChannel, Whole, rules_now
from .told import alert

NOW = TUESDAY_MORNING
INC = IncidentId("INC-1")
RINGS_AGAIN_AFTER = TimeDelta(seconds=30)


class SilentChannel(RememberingChannel):
    """Hears every message, and answers none while it is told to be silent."""

    def __init__(self) -> None:
        super().__init__()
        self.silent = True
        self.heard = asyncio.Event()

    async def deliver(self, message: Message, address: str, key: DeliveryKey) -> Outcome:
        if self.silent:
            self.got.append((message, address, key))
            self.heard.set()
            await asyncio.Event().wait()
        return await super().deliver(message, address, key)


class Telephone(SilentChannel):
    """Knows no keys: the same message twice is a telephone that rings twice."""

    def in_doubt(self, kind: MessageKind) -> TimeDelta:
        return RINGS_AGAIN_AFTER if kind is MessageKind.PAGE else TimeDelta.ZERO


async def paging(channel: SilentChannel) -> Whole:
    """Answer a server that has asked the channel for a page, and is killed before there is an answer."""
    whole = await Whole(MemoryStore(), rules_now(), NOW, channel).start()
    await whole.alerts(alert("agent-booster.p95-major", since=NOW))
    return await killed(whole, channel)


async def killed(whole: Whole, channel: SilentChannel) -> Whole:
    channel.heard.clear()
    await whole.dispatcher.step(whole.clock.now())
    await channel.heard.wait()
    under_way = tuple(whole.dispatcher._under_way)
    for task in under_way:
        task.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)
    return whole


async def delivered(whole: Whole) -> None:
    while (following := await whole.dispatch()) is not None and following <= whole.clock.now():
        pass


def pages(channel: RememberingChannel) -> list[DeliveryKey]:
    return [key for message, _, key in channel.got if message.kind is MessageKind.PAGE]


async def page_of(whole: Whole) -> LedgerEntry:
    entries = await whole.store.ledger(INC)
    return next(entry for entry in entries if entry.intent.message.kind is MessageKind.PAGE)


@pytest.mark.clause("E2")
async def test_what_was_in_hand_at_the_kill_leaves_at_the_next_start_and_not_when_its_lease_is_over() -> None:
    channel = SilentChannel()
    dead = await paging(channel)
    in_hand = {claimed.intent.id for claimed in await dead.store.abandoned()}

    channel.got.clear()
    channel.silent = False
    whole = await dead.later(seconds=2).again().start()
    await delivered(whole)

    assert whole.clock.now() < NOW + DELIVERY_LEASE
    assert {key for _, _, key in channel.got} >= in_hand, "all of it, under the same keys"
    assert len(pages(channel)) == 1
    assert await whole.unaccounted() == 0


@pytest.mark.clause("E2")
async def test_the_ledger_has_the_attempt_of_which_nobody_heard_the_end() -> None:
    channel = SilentChannel()
    dead = await paging(channel)
    channel.silent = False
    whole = await dead.later(seconds=2).again().start()
    await delivered(whole)

    unheard, answered = (await page_of(whole)).attempts
    assert (unheard.at, unheard.outcome) == (NOW, "deferred")
    assert "nobody heard" in unheard.detail
    assert (answered.at, answered.outcome) == (NOW + TimeDelta(seconds=2), "accepted")


async def test_after_a_long_absence_it_is_tried_once_more_although_its_time_is_over() -> None:
    channel = SilentChannel()
    dead = await paging(channel)
    channel.silent = False
    whole = await dead.later(seconds=PAGE_PATIENCE.total("seconds") * 20).again().start()
    await delivered(whole)

    first, *later = pages(channel)
    assert later.count(first) == 1
    assert (await page_of(whole)).state == "accepted"


async def test_a_telephone_that_may_be_ringing_is_left_the_time_to_be_answered() -> None:
    telephone = Telephone()
    dead = await paging(telephone)
    telephone.silent = False
    whole = await dead.later(seconds=2).again().start()
    await delivered(whole)
    assert len(pages(telephone)) == 1, "the first call may still ring"

    whole.clock.at = NOW + RINGS_AGAIN_AFTER
    await delivered(whole)
    assert len(pages(telephone)) == 2


async def test_a_telephone_that_was_answered_meanwhile_does_not_ring_again() -> None:
    telephone = Telephone()
    dead = await paging(telephone)
    telephone.silent = False
    whole = await dead.later(seconds=2).again().start()
    incident = await whole.handler.load(INC)
    assert incident is not None
    (page,) = incident.pages.values()
    await whole.do(Acknowledge(by=by(page.person)))
    await delivered(whole.later(minutes=1))

    assert len(pages(telephone)) == 1


async def test_a_server_that_dies_again_and_again_does_not_page_at_every_start() -> None:
    channel = SilentChannel()
    whole = await paging(channel)
    left_at = [whole.clock.now()]
    for _ in range(6):
        whole = await whole.later(seconds=1).again().start()
        again_at = (await page_of(whole)).next_at
        assert again_at is not None
        whole.clock.at = max(whole.clock.at, again_at)
        await killed(whole, channel)
        left_at.append(whole.clock.now())

    assert len(set(pages(channel))) == 1
    waited = [later - before for before, later in pairwise(left_at)]
    assert waited[-1] > waited[0] * 8, waited
    assert waited[-1] <= BACKOFF_MAX * 1.5


async def test_a_clock_set_back_before_the_start_delays_nothing() -> None:
    channel = SilentChannel()
    dead = await paging(channel)
    channel.silent = False
    whole = await dead.later(minutes=-30).again().start()
    await delivered(whole.later(seconds=2))

    assert len(pages(channel)) == 2


async def test_the_provider_of_a_page_that_may_have_arrived_hears_how_it_ended() -> None:
    channel = SilentChannel()
    dead = await paging(channel)
    channel.silent = False
    whole = dead.later(seconds=2).again()
    whole.playbooks.settles = frozenset({ChannelName("console")})
    await whole.start()
    incident = await whole.handler.load(INC)
    assert incident is not None
    (page,) = incident.pages.values()
    await whole.do(Acknowledge(by=by(page.person)))
    await delivered(whole.later(seconds=2))

    assert len(pages(channel)) == 1, "answered, so it is not sent again"
    assert [message for message, _, _ in channel.got if message.kind is MessageKind.SETTLED]


async def test_where_nothing_was_in_hand_a_start_writes_nothing(whole: Whole) -> None:
    at: Instant = whole.clock.now()
    await whole.alerts(alert("agent-booster.p95-major", since=NOW))
    before = await whole.store.ledger(INC)

    await whole.dispatcher.take_back(at)

    assert await whole.store.ledger(INC) == before
