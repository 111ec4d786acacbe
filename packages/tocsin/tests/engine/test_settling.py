"""When the provider of a page is told its end: never before the page, never without need, always in the end."""

import pytest
from msgspec.structs import replace
from whenever import TimeDelta

from tocsin.channels.port import Deferred, Rejected
from tocsin.core.commands import Acknowledge, Resolve
from tocsin.core.events import PageAttemptFailed
from tocsin.core.ids import ChannelName, IncidentId
from tocsin.core.messages import Message, MessageKind
from tocsin.store.memory import MemoryStore

from ..builders import TUESDAY_MORNING, by
from .conftest import RememberingChannel, Whole, rules_now
from .told import alert

INC = IncidentId("INC-1")


@pytest.fixture
async def whole() -> Whole:
    made = await Whole(MemoryStore(), rules_now(), TUESDAY_MORNING, RememberingChannel()).start()
    made.playbooks.settles = frozenset({ChannelName("console")})
    await made.alerts(alert("agent-booster.p95-major", since=TUESDAY_MORNING))
    return made


def told(whole: Whole) -> list[Message]:
    return [message for message, _, _ in whole.channel.got if message.kind is MessageKind.SETTLED]


async def answered(whole: Whole) -> None:
    incident = await whole.handler.load(INC)
    assert incident is not None
    (page,) = incident.pages.values()
    await whole.do(Acknowledge(by=by(page.person)))


async def delivered(whole: Whole) -> None:
    while (following := await whole.dispatch()) is not None and following <= whole.clock.now():
        pass


async def test_it_carries_the_providers_own_name_for_the_page(whole: Whole) -> None:
    await delivered(whole)
    await answered(whole)
    await delivered(whole)

    (message,) = told(whole)
    assert message.settles is not None
    assert message.settles.receipt == f"r-{message.settles.page}"


async def test_a_page_that_was_never_tried_is_withdrawn_and_its_provider_hears_nothing(whole: Whole) -> None:
    await answered(whole)
    for _ in range(5):
        await delivered(whole.later(seconds=2))

    assert told(whole) == []
    states = [entry.state for entry in await whole.store.ledger(INC)]
    assert states.count("withdrawn") == 2, "the page, and the word that it is settled"


async def test_a_page_that_may_have_arrived_is_settled_although_no_receipt_came(whole: Whole) -> None:
    whole.channel.answers = [Deferred("no answer in time", TimeDelta(seconds=20))]
    await delivered(whole)
    await answered(whole)
    await delivered(whole)

    (message,) = [each for each in told(whole) if each.settles]
    assert message.settles is not None
    assert message.settles.receipt == ""


async def test_the_end_waits_until_the_page_is_no_longer_under_way(whole: Whole) -> None:
    whole.channel.answers = [Deferred("no answer in time", TimeDelta(seconds=20))]
    await delivered(whole)
    await whole.do(Resolve(by=by("ines-moreau", commands=True), override_reason="false alarm"))
    await delivered(whole)
    assert told(whole) == []

    for _ in range(12):
        await delivered(whole.later(seconds=5))

    assert len(told(whole)) == 1
    assert (await whole.store.counts(whole.clock.now())).intents_waiting == 0


async def test_a_page_that_was_refused_needs_no_end_there(whole: Whole) -> None:
    whole.channel.answers = [Rejected("no such device")]
    await delivered(whole)
    assert await whole.of(PageAttemptFailed)
    await answered(whole)
    await delivered(whole)

    assert [replace(each.settles, receipt="") for each in told(whole) if each.settles] != []
    first = min(intent.intent.id for intent in await whole.store.ledger(INC))
    assert first not in [each.settles.page for each in told(whole) if each.settles]


async def test_a_settlement_that_fails_is_tried_again_and_wakes_nobody(whole: Whole) -> None:
    await delivered(whole)
    await answered(whole)
    whole.channel.answers = [Deferred("out of order")] * 9
    before = len(await whole.timeline())
    for _ in range(20):
        await delivered(whole.later(minutes=0.5))

    assert len(told(whole)) > 1
    assert (await whole.store.counts(whole.clock.now())).intents_waiting == 0
    assert len(await whole.timeline()) == before
