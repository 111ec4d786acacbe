"""The PagerDuty channel, against a stand-in that refuses what PagerDuty refuses."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from whenever import TimeDelta

from tocsin.channels.pagerduty import PagerDutyChannel
from tocsin.channels.port import Accepted, Deferred, DeliveryKey, Rejected
from tocsin.core.ids import IntentId
from tocsin.core.messages import Fact, Link, Message, MessageKind, Settled, Settlement

from ..standins.pagerduty import ROUTE, PagerDuty, event_faults, pagerduty, trusting
from ..standins.server import Response, free_port
from .channel_contract import ACKNOWLEDGE, KEY, PAGE, Received, RemoteChannelContract, RemoteRig

OTHER_ROUTE = "R9999456789abcdefghijklmnopqrstu"


def texts(value: Any) -> list[str]:
    """Every text in an event, in order."""
    if isinstance(value, dict):
        return [text for name, each in value.items() if name != "routing_key" for text in (name, *texts(each))]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []


class PagerDutyRig(RemoteRig):
    address = "PXPGF42"
    secrets = (ROUTE,)

    def __init__(self, state: PagerDuty, closed_port: int) -> None:
        self.pagerduty = state
        self._closed = closed_port
        self._clients: list[httpx.AsyncClient] = []

    def channel(self, timeout_s: float = 10, routes: dict[str, str] | None = None) -> PagerDutyChannel:
        default = ROUTE if routes is None else ""
        return PagerDutyChannel(self._client(), routes or {}, default, self.pagerduty.base_url, timeout_s)

    def unreachable(self) -> PagerDutyChannel:
        return PagerDutyChannel(self._client(), {}, ROUTE, f"https://127.0.0.1:{self._closed}")

    def _client(self) -> httpx.AsyncClient:
        client = httpx.AsyncClient(trust_env=False, verify=trusting())
        self._clients.append(client)
        return client

    def received(self) -> list[Received]:
        return [
            Received(event["dedup_key"], "\n".join(texts(event)))
            for event in self.pagerduty.events
            if event["event_action"] == "trigger"
        ]

    def fall_silent(self) -> None:
        self.pagerduty.silent = True

    def fail(self) -> None:
        self.pagerduty.answer = Response(500, ROUTE.encode())

    def refuse(self) -> None:
        body = {"status": "invalid event", "message": "Event object is invalid", "errors": [f"no such key {ROUTE}"]}
        self.pagerduty.answer = Response(400, json.dumps(body).encode())

    def ask_to_wait(self) -> None:
        self.pagerduty.answer = Response(429, b"", {"retry-after": "120"})

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


@pytest.fixture
async def rig() -> AsyncIterator[PagerDutyRig]:
    async with pagerduty() as state:
        rig = PagerDutyRig(state, await free_port())
        yield rig
        await rig.close()


class TestPagerDuty(RemoteChannelContract):
    """PagerDuty keeps the contract of all channels."""


def settled(how: Settlement, page: str = KEY) -> Message:
    return replace(PAGE, kind=MessageKind.SETTLED, settles=Settled(IntentId(page), how, receipt=page))


@pytest.mark.clause("D1")
async def test_a_page_is_critical_and_leads_back_to_its_acknowledge_link(rig: PagerDutyRig) -> None:
    assert await rig.channel().deliver(PAGE, rig.address, KEY) == Accepted(KEY)

    (event,) = rig.pagerduty.events
    assert (event["event_action"], event["dedup_key"], event["routing_key"]) == ("trigger", KEY, ROUTE)
    assert event["payload"]["severity"] == "critical"
    assert event["payload"]["component"] == "Agent Booster"
    assert event["client_url"] == ACKNOWLEDGE


@pytest.mark.clause("D2")
@pytest.mark.parametrize(
    ("how", "status"),
    [
        (Settlement.ACKNOWLEDGED, "acknowledged"),
        (Settlement.DECLINED, "resolved"),
        (Settlement.RESOLVED, "resolved"),
    ],
)
async def test_how_a_page_was_settled_here_is_told_there(rig: PagerDutyRig, how: Settlement, status: str) -> None:
    channel = rig.channel()
    await channel.deliver(PAGE, rig.address, KEY)

    outcome = await channel.deliver(settled(how), rig.address, DeliveryKey("INC-42.9.s0"))

    assert isinstance(outcome, Accepted)
    assert [each["status"] for each in rig.pagerduty.incidents.values()] == [status]


async def test_each_address_may_have_its_own_integration_key(rig: PagerDutyRig) -> None:
    rig.pagerduty.routes = (ROUTE, OTHER_ROUTE)
    channel = rig.channel(routes={"ines-moreau": ROUTE, "tomasz@example.org": OTHER_ROUTE})

    await channel.deliver(PAGE, "ines-moreau", KEY)
    await channel.deliver(PAGE, "tomasz@example.org", DeliveryKey("other"))
    refused = await channel.deliver(PAGE, "nobody-known", DeliveryKey("third"))

    assert [event["routing_key"] for event in rig.pagerduty.events] == [ROUTE, OTHER_ROUTE]
    assert isinstance(refused, Rejected)
    assert "TOCSIN_PAGERDUTY_ROUTES" in refused.why


async def test_a_page_taken_without_an_answer_is_one_incident_when_it_is_sent_again(rig: PagerDutyRig) -> None:
    rig.pagerduty.takes_and_hangs_up = True
    assert isinstance(await rig.channel().deliver(PAGE, rig.address, KEY), Deferred)
    rig.pagerduty.takes_and_hangs_up = False

    assert isinstance(await rig.channel().deliver(PAGE, rig.address, KEY), Accepted)

    assert len(rig.pagerduty.events) == 2
    assert len(rig.pagerduty.incidents) == 1


async def test_what_it_cannot_trust_by_tls_is_not_spoken_to(rig: PagerDutyRig) -> None:
    async with httpx.AsyncClient(trust_env=False) as stranger:
        outcome = await PagerDutyChannel(stranger, {}, ROUTE, rig.pagerduty.base_url).deliver(PAGE, "x", KEY)

    assert isinstance(outcome, Deferred)
    assert rig.pagerduty.events == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Response(202, b"{}"), Deferred),
        (Response(202, b"<html>"), Deferred),
        (Response(202, json.dumps({"dedup_key": "another"}).encode()), Deferred),
        (Response(413), Rejected),
        (Response(403), Rejected),
        (Response(302, b"", {"location": "https://elsewhere.example"}), Rejected),
        (Response(408), Deferred),
        (Response(503), Deferred),
    ],
)
async def test_other_answers_are_read_for_what_they_mean(rig: PagerDutyRig, answer: Response, kind: type) -> None:
    rig.pagerduty.answer = answer

    assert isinstance(await rig.channel().deliver(PAGE, rig.address, KEY), kind)


async def test_a_limit_without_a_time_is_left_to_our_own_back_off(rig: PagerDutyRig) -> None:
    rig.pagerduty.answer = Response(429, b"", {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"})
    assert await rig.channel().deliver(PAGE, rig.address, KEY) == Deferred("PagerDuty asked to slow down", None)
    rig.pagerduty.answer = Response(429, b"", {"retry-after": "9999999999"})
    limited = await rig.channel().deliver(PAGE, rig.address, KEY)
    assert isinstance(limited, Deferred)
    assert limited.wait == TimeDelta(hours=1)


async def test_the_largest_message_stays_within_what_pagerduty_takes(rig: PagerDutyRig) -> None:
    huge = replace(
        PAGE,
        subject="x" * 5_000,
        text="é" * 2_000_000,
        facts=tuple(Fact(f"f{number}", "y" * 100_000) for number in range(500)),
        links=tuple(Link("z" * 1000, f"https://x.example/{number}") for number in range(500)),
    )

    assert isinstance(await rig.channel().deliver(huge, rig.address, KEY), Accepted)


def test_the_stand_in_refuses_what_pagerduty_refuses() -> None:
    good = {
        "routing_key": ROUTE,
        "event_action": "trigger",
        "payload": {"summary": "s", "source": "x", "severity": "info"},
    }
    assert event_faults(good) == []
    for bad in (
        [],
        {**good, "routing_key": "short"},
        {**good, "event_action": "page"},
        {**good, "payload": {**good["payload"], "severity": "SEV1"}},  # type: ignore[dict-item]
        {**good, "payload": {**good["payload"], "summary": "s" * 1025}},  # type: ignore[dict-item]
        {**good, "dedup_key": "k" * 256},
        {"routing_key": ROUTE, "event_action": "resolve"},
    ):
        assert event_faults(bad) != []
