"""From the outbox to a provider: order, retries, the next method, the next person, dead letters, leases (E2, E4)."""

import asyncio

import pytest
from whenever import TimeDelta

from tocsin.channels.port import Deferred, DeliveryKey, Outcome, Rejected
from tocsin.core import events as e
from tocsin.core.commands import Acknowledge, PostUpdate, Resolve
from tocsin.core.events import Actor
from tocsin.core.ids import AudienceId, IncidentId
from tocsin.core.limits import DELIVERY_LEASE, NOTICE_PATIENCE, PAGE_PATIENCE
from tocsin.core.messages import Message, MessageKind
from tocsin.store.memory import MemoryStore

from ..builders import TUESDAY_MORNING, by
from .conftest import RememberingChannel, Whole, rules_now
from .told import alert

NOW = TUESDAY_MORNING
SEV2_ALERT = "agent-booster.p95-major"


async def delivered(whole: Whole) -> None:
    while (following := await whole.dispatch()) is not None and following <= whole.clock.now():
        pass


async def test_a_page_overtakes_an_update(whole: Whole) -> None:
    narrow = RememberingChannel(pace=1)
    other = await Whole(whole.store, whole.playbooks.current, NOW, narrow).start()
    await other.alerts(alert(SEV2_ALERT, since=NOW))
    await other.do(PostUpdate(by=by("x"), audience=AudienceId("stakeholders"), text="we know"))

    await other.dispatch()

    assert [message.kind for message, _, _ in narrow.got] == [MessageKind.PAGE]


async def test_a_page_carries_a_link_to_acknowledge_and_a_receipt_comes_back(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    await delivered(whole)

    pages = [message for message, _, _ in whole.channel.got if message.kind is MessageKind.PAGE]
    assert len(pages) == 1
    assert pages[0].acknowledge_url.startswith("https://tocsin.example/a/")
    assert await whole.of(e.PageDelivered)
    assert await whole.dispatch() is None or (await whole.store.counts(NOW)).intents_waiting == 0


@pytest.mark.clause("E2")
async def test_a_method_that_refuses_makes_way_for_the_next_one(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    whole.channel.answers = [Rejected("no such device")]
    await delivered(whole)

    (failed,) = await whole.of(e.PageAttemptFailed)
    assert isinstance(failed, e.PageAttemptFailed)
    assert failed.next is not None
    assert failed.next != failed.method
    assert await whole.of(e.PageDelivered), "the next method got through"


@pytest.mark.clause("E4")
async def test_when_every_method_fails_the_next_person_is_paged_at_once(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    (page,) = (event for event in await whole.timeline() if isinstance(event, e.PersonPaged))

    for _ in (*page.methods, *page.later):
        whole.channel.answers = [Rejected("gone")]
        await whole.dispatch()

    people = [event.person for event in await whole.timeline() if isinstance(event, e.PersonPaged)]
    assert len(set(people)) == 2
    assert await whole.of(e.PersonUnreachable)


async def test_a_provider_that_does_not_answer_is_asked_again_and_then_given_up(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    whole.channel.answers = [Deferred("no answer in time")] * 500
    following = await whole.dispatch()
    while not await whole.of(e.PageAttemptFailed):
        assert following is not None
        whole.clock.at = max(whole.clock.at, following)
        following = await whole.dispatch()

    assert whole.clock.at - NOW <= PAGE_PATIENCE
    assert len({key for _, _, key in whole.channel.got}) < len(whole.channel.got), "the same key was used again"


async def test_a_provider_that_asks_to_slow_down_is_obeyed(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    whole.channel.answers = [Deferred("429", TimeDelta(seconds=30))]
    await delivered(whole)

    following = await whole.store.next_delivery_at()

    assert following is not None
    assert following >= NOW + TimeDelta(seconds=30)


async def test_a_notice_that_nobody_delivers_lies_among_the_dead_letters(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    await delivered(whole)
    await whole.do(PostUpdate(by=by("x"), audience=AudienceId("stakeholders"), text="we know"))
    whole.channel.answers = [Deferred("down")] * 2000
    while (following := await whole.dispatch()) is not None and following < NOW + NOTICE_PATIENCE + TimeDelta(hours=1):
        whole.clock.at = max(whole.clock.at, following)

    (failed,) = await whole.of(e.NotificationFailed)
    assert isinstance(failed, e.NotificationFailed)
    dead = [entry for entry in await whole.store.ledger(IncidentId("INC-1")) if entry.state == "dead"]
    assert failed.intent in [entry.intent.id for entry in dead]
    assert (await whole.store.counts(whole.clock.at)).dead_letters == len(dead)
    assert await whole.unaccounted() == 0


async def test_a_dispatcher_that_died_leaves_its_message_to_the_next_one_with_the_same_key(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    claimed = await whole.store.claim(NOW, NOW + DELIVERY_LEASE, 100, {})
    await whole.dispatch()
    assert whole.channel.got == [], "they belong to somebody else"

    whole.clock.at += DELIVERY_LEASE
    await delivered(whole)

    assert {key for _, _, key in whole.channel.got} >= {intent.id for intent, _ in claimed}


class HeldChannel(RememberingChannel):
    """A provider that takes every message and lets its answer wait."""

    def __init__(self) -> None:
        super().__init__()
        self.answered = asyncio.Event()

    async def deliver(self, message: Message, address: str, key: DeliveryKey) -> Outcome:
        outcome = await super().deliver(message, address, key)
        await self.answered.wait()
        return outcome


async def test_an_attempt_under_way_is_nobody_elses_before_its_lease_is_over(whole: Whole) -> None:
    slow = HeldChannel()
    first = await Whole(whole.store, whole.playbooks.current, NOW, slow).start()
    await first.alerts(alert(SEV2_ALERT, since=NOW))
    await first.dispatcher.step(NOW)

    whole.clock.at = NOW + DELIVERY_LEASE - TimeDelta(seconds=1)
    await whole.dispatch()
    assert whole.channel.got == []

    whole.clock.at = NOW + DELIVERY_LEASE
    await delivered(whole)
    assert {key for _, _, key in whole.channel.got} >= {key for _, _, key in slow.got}
    slow.answered.set()
    await first.dispatcher.settle()


async def test_what_a_provider_refused_together_is_not_tried_again_together(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    whole.channel.answers = [Deferred("503")] * 100
    await whole.dispatch()

    again_at = [entry.next_at for entry in await whole.store.ledger(IncidentId("INC-1"))]
    assert len(again_at) > 1
    assert len(set(again_at)) == len(again_at)


async def test_a_page_answered_while_it_waited_is_withdrawn(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    (page,) = (event for event in await whole.timeline() if isinstance(event, e.PersonPaged))
    await whole.do(Acknowledge(by=Actor(page.person)))
    await delivered(whole)

    assert not [message for message, _, _ in whole.channel.got if message.kind is MessageKind.PAGE]
    states = {entry.state for entry in await whole.store.ledger(IncidentId("INC-1")) if entry.intent.page}
    assert states == {"withdrawn"}


async def test_a_page_of_a_resolved_incident_is_withdrawn(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    await whole.do(Resolve(by=by("x", commands=True), override_reason="false alarm"))
    await delivered(whole)

    assert not [message for message, _, _ in whole.channel.got if message.kind is MessageKind.PAGE]


async def test_a_channel_that_breaks_its_promise_costs_no_page(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    whole.channel.answers = [RuntimeError("a bug")]
    await delivered(whole)
    assert not await whole.of(e.PageDelivered)

    following = await whole.store.next_delivery_at()
    assert following is not None
    whole.clock.at = following
    await delivered(whole)

    assert await whole.of(e.PageDelivered)


async def test_a_channel_that_is_not_configured_counts_as_a_method_that_failed() -> None:
    whole = await Whole(MemoryStore(), rules_now(), NOW, RememberingChannel()).start()
    whole.dispatcher._channels = {}  # A playbook that names a channel this server does not have.
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    for _ in range(8):
        await whole.dispatch()

    assert await whole.of(e.PersonUnreachable)
    assert await whole.unaccounted() == 0


async def test_a_clock_set_back_does_not_stop_the_channels(whole: Whole) -> None:
    narrow = RememberingChannel(pace=2)
    other = await Whole(whole.store, whole.playbooks.current, NOW, narrow).start()
    await other.alerts(alert("agent-booster.down", since=NOW))
    await other.dispatch()
    before = len(narrow.got)
    other.clock.at -= TimeDelta(minutes=10)
    await other.do(PostUpdate(by=by("x"), audience=AudienceId("stakeholders"), text="we know"))
    await other.dispatch()
    other.clock.at += TimeDelta(minutes=10, seconds=2)
    await other.dispatch()

    assert len(narrow.got) == before + 2


async def test_an_accepted_message_is_not_sent_again(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    await delivered(whole)
    count = len(whole.channel.got)
    other = await whole.later(minutes=1).again().start()
    await other.dispatch()

    assert len(whole.channel.got) == count
