"""Several providers for one method: the contract of all channels, and the memory of who failed."""

from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from whenever import Instant, TimeDelta

from tocsin.channels.failover import (
    PROVIDERS_MAX,
    REST_FIRST,
    REST_MAX,
    ChannelTable,
    FailoverChannel,
    Health,
    after,
    order,
)
from tocsin.channels.port import Accepted, Channel, Deferred, DeliveryKey, Outcome, Rejected, in_doubt
from tocsin.channels.twilio import IN_DOUBT_PAGE, RINGS_FOR_S, Account, VoiceChannel
from tocsin.channels.webhook import WebhookChannel
from tocsin.core.ids import ChannelName, IntentId
from tocsin.core.limits import DELIVERY_LEASE
from tocsin.core.messages import Message, MessageKind, Settled, Settlement

from ..standins.receiver import Receiver, receiving
from ..standins.server import Response, free_port
from .channel_contract import KEY, PAGE, ChannelContract, Received, Rig

NOON = Instant.from_utc(2026, 1, 31, hour=12)
FIRST, SECOND, THIRD = (ChannelName(name) for name in ("first", "second", "third"))


class TwoRig(Rig):
    """Two receivers of webhooks that stand in for each other."""

    for_people = False

    def __init__(self, first: Receiver, second: Receiver, closed_port: int) -> None:
        self.first = first
        self.second = second
        self.address = first.url
        self.now = NOON
        self._closed = closed_port
        self._clients: list[httpx.AsyncClient] = []
        self.table: ChannelTable | None = None

    def channel(self, timeout_s: float = 10) -> Channel:
        channels = {
            FIRST: Redirected(self._webhook(self.first.url, timeout_s), self.first.url),
            SECOND: Redirected(self._webhook(self.second.url, timeout_s), self.second.url),
        }
        self.table = self.table or ChannelTable(channels, lambda: self.now)
        return self.table[ChannelName("first+second")]

    def _webhook(self, url: str, timeout_s: float) -> WebhookChannel:
        client = httpx.AsyncClient(trust_env=False)
        self._clients.append(client)
        return WebhookChannel(client, [url], lambda: self.now, timeout_s=timeout_s)

    def received(self) -> list[Received]:
        both = {**self.first.messages, **self.second.messages}
        return [Received(key, "\n".join(_texts(message))) for key, message in both.items()]

    def fall_silent(self) -> None:
        self.first.silent = self.second.silent = True

    def fail(self) -> None:
        self.first.answer = self.second.answer = Response(500)

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [str(value)] + (["drill"] if value is True else [])


class Redirected:
    """Posts everything to one receiver, as a provider does that is told a telephone number."""

    def __init__(self, inner: WebhookChannel, url: str) -> None:
        self._inner = inner
        self._url = url
        self.pace = inner.pace

    async def deliver(self, message: Message, address: str, key: DeliveryKey) -> Outcome:
        return await self._inner.deliver(message, self._url, key)

    async def close(self) -> None:
        await self._inner.close()


@pytest.fixture
async def rig() -> AsyncIterator[TwoRig]:
    async with receiving() as first, receiving() as second:
        rig = TwoRig(first, second, await free_port())
        yield rig
        await rig.close()


class TestFailover(ChannelContract):
    """Several providers together keep the contract of all channels."""


async def test_the_receipt_names_the_provider_that_took_it(rig: TwoRig) -> None:
    assert await rig.channel().deliver(PAGE, "x", KEY) == Accepted("first: r-1")
    rig.first.answer = Response(500)
    assert await rig.channel().deliver(PAGE, "x", DeliveryKey("other")) == Accepted("second: r-1")


async def test_what_one_refuses_and_the_other_may_still_take_is_worth_another_attempt(rig: TwoRig) -> None:
    rig.first.answer, rig.second.answer = Response(422), Response(503)
    assert isinstance(await rig.channel().deliver(PAGE, "x", KEY), Deferred)
    rig.second.answer = Response(422)
    assert isinstance(await rig.channel().deliver(PAGE, "x", KEY), Rejected)


async def test_a_provider_that_failed_is_left_alone_for_a_while_and_then_asked_again(rig: TwoRig) -> None:
    rig.first.answer = Response(503)
    channel = rig.channel()
    for number in range(5):
        await channel.deliver(PAGE, "x", DeliveryKey(f"INC-1.{number}.0"))
    assert len(rig.first.requests) == 1

    rig.first.answer = None
    rig.now += REST_FIRST
    outcome = await channel.deliver(PAGE, "x", DeliveryKey("later"))

    assert outcome == Accepted("first: r-1")


async def test_a_refusal_by_one_is_not_the_end_but_does_not_make_it_unwell(rig: TwoRig) -> None:
    rig.first.answer = Response(400)
    assert isinstance(await rig.channel().deliver(PAGE, "x", KEY), Accepted)
    assert isinstance(await rig.channel().deliver(PAGE, "x", DeliveryKey("other")), Accepted)
    assert len(rig.first.requests) == 2

    rig.second.answer = Response(400)
    refused = await rig.channel().deliver(PAGE, "x", DeliveryKey("third"))
    assert isinstance(refused, Rejected)
    assert refused.why == "first: provider refused with 400; second: provider refused with 400"


async def test_when_all_are_left_alone_all_are_asked(rig: TwoRig) -> None:
    rig.fail()
    channel = rig.channel()
    assert isinstance(await channel.deliver(PAGE, "x", KEY), Deferred)
    rig.first.answer = rig.second.answer = None

    assert isinstance(await channel.deliver(PAGE, "x", KEY), Accepted)


async def test_patience_is_asked_for_only_if_all_of_them_ask(rig: TwoRig) -> None:
    rig.first.answer = Response(429, headers={"retry-after": "300"})
    rig.second.answer = Response(429, headers={"retry-after": "60"})
    both = await rig.channel().deliver(PAGE, "x", KEY)
    assert isinstance(both, Deferred)
    assert both.wait == TimeDelta(seconds=60)

    rig.second.answer = Response(500)
    one = await rig.channel().deliver(PAGE, "x", KEY)
    assert isinstance(one, Deferred)
    assert one.wait is None


class Counting:
    """Keeps state of a page, and says what it was told."""

    pace = 7.0
    settles = True

    def __init__(self) -> None:
        self.told: list[Settled | None] = []

    async def deliver(self, message: Message, address: str, key: DeliveryKey) -> Outcome:
        self.told.append(message.settles)
        return Accepted("done")

    async def close(self) -> None:
        pass


async def test_the_end_of_a_page_is_told_to_the_provider_that_took_it() -> None:
    one, other, plain = Counting(), Counting(), Counting()
    plain.settles = False
    channel = FailoverChannel({FIRST: one, SECOND: other, THIRD: plain}, {}, lambda: NOON)
    end = replace(PAGE, kind=MessageKind.SETTLED, settles=Settled(IntentId(KEY), Settlement.RESOLVED, "second: S-7"))

    assert channel.settles
    await channel.deliver(end, "x", KEY)
    assert (one.told, [each and each.receipt for each in other.told], plain.told) == ([], ["S-7"], [])

    unknown = replace(end, settles=Settled(IntentId(KEY), Settlement.RESOLVED))
    await channel.deliver(unknown, "x", KEY)
    assert (len(one.told), len(other.told), plain.told) == (1, 2, [])


def test_a_table_knows_joined_channels_whose_parts_are_there() -> None:
    table = ChannelTable({FIRST: Counting(), SECOND: Counting()}, lambda: NOON)

    joined = table[ChannelName("first+second")]
    assert joined is table.get(ChannelName("first+second"))
    assert joined.pace == 7.0
    assert ChannelName("first+second") in table.settling
    assert ChannelName("nobody") not in table.settling
    assert isinstance(table.get(ChannelName("first+absent")), FailoverChannel)
    assert table.get(ChannelName("absent+gone")) is None
    assert table.get(ChannelName("absent")) is None
    assert list(table) == [FIRST, SECOND, "first+second", "first+absent"]


OUTCOMES = st.one_of(
    st.just(Accepted("r")),
    st.just(Rejected("no")),
    st.just(Deferred("not now")),
    st.integers(1, 10_000).map(lambda s: Deferred("slow down", TimeDelta(seconds=s))),
)


@given(st.lists(st.tuples(OUTCOMES, st.integers(0, 2_000)), max_size=30))
def test_whoever_failed_last_rests_longer_each_time_and_never_for_ever(story: list[tuple[Outcome, int]]) -> None:
    health, now = Health(), NOON
    for outcome, passes in story:
        before, health = health, after(health, outcome, now)
        if isinstance(outcome, Deferred):
            assert health.failures == before.failures + 1
            assert health.rests_until is not None
            least = min(REST_FIRST * 2 ** min(before.failures, 16), REST_MAX)
            assert health.rests_until == now + max(least, outcome.wait or TimeDelta.ZERO)
        else:
            assert health == Health()
        now += TimeDelta(seconds=passes)


@given(st.lists(st.integers(-100, 100), min_size=1, max_size=6))
def test_everybody_is_asked_the_well_ones_first_in_the_playbooks_order(rests: list[int]) -> None:
    names = [ChannelName(f"p{place}") for place in range(len(rests))]
    healths = {name: Health(1, NOON + TimeDelta(seconds=rest)) for name, rest in zip(names, rests, strict=True) if rest}
    asked = order(names, healths, NOON)

    assert len(asked) == min(len(names), PROVIDERS_MAX)
    assert sorted(asked, key=lambda name: (healths.get(name, Health()).rests(NOON), names.index(name))) == list(asked)


async def test_after_an_attempt_without_an_end_the_most_careful_of_them_says_how_long_to_wait(
    rig: TwoRig,
) -> None:
    keyed = rig.channel()
    telephone = VoiceChannel(httpx.AsyncClient(), Account("AC1", "token", "+15550100123"))
    both = FailoverChannel({FIRST: keyed, SECOND: telephone}, {}, lambda: NOON)

    assert in_doubt(keyed, MessageKind.PAGE) == TimeDelta.ZERO
    assert in_doubt(both, MessageKind.PAGE) == in_doubt(telephone, MessageKind.PAGE) == IN_DOUBT_PAGE
    assert TimeDelta(seconds=RINGS_FOR_S) <= IN_DOUBT_PAGE, "a telephone may ring as long"
    await telephone.close()


def test_one_attempt_by_all_of_them_ends_within_its_lease() -> None:
    assert TimeDelta(seconds=10) * PROVIDERS_MAX < DELIVERY_LEASE
