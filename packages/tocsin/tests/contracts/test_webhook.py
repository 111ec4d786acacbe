"""The webhook channel, against a receiver of its own."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from whenever import Instant, TimeDelta

from tocsin.channels.port import Accepted, Deferred, DeliveryKey, Rejected
from tocsin.channels.webhook import WebhookChannel

from ..standins.receiver import Receiver, receiving
from ..standins.server import Response, free_port
from .channel_contract import KEY, PAGE, Received, RemoteChannelContract, RemoteRig

NOW = Instant.from_utc(2026, 1, 31, hour=14, minute=5)
SECRET = "whsec-3am"


class WebhookRig(RemoteRig):
    secrets = (SECRET,)
    for_people = False

    def __init__(self, receiver: Receiver, closed_port: int) -> None:
        self.receiver = receiver
        self.address = receiver.url
        self._closed = f"http://127.0.0.1:{closed_port}"
        self._clients: list[httpx.AsyncClient] = []

    def channel(self, timeout_s: float = 10) -> WebhookChannel:
        client = httpx.AsyncClient(trust_env=False)
        self._clients.append(client)
        allowed = (self.receiver.url.removesuffix("/tocsin"), self._closed)
        return WebhookChannel(client, allowed, lambda: NOW, SECRET, timeout_s)

    def unreachable(self) -> WebhookChannel:
        self.address = f"{self._closed}/hooks"
        return self.channel()

    def received(self) -> list[Received]:
        return [Received(key, _read(message)) for key, message in self.receiver.messages.items()]

    def fall_silent(self) -> None:
        self.receiver.silent = True

    def fail(self) -> None:
        self.receiver.answer = Response(500)

    def refuse(self) -> None:
        self.receiver.answer = Response(403, SECRET.encode(), {"x-receipt": SECRET})

    def ask_to_wait(self) -> None:
        self.receiver.answer = Response(429, headers={"retry-after": "120"})

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


def _read(value: object) -> str:
    """All the values of a document, as a program reads them."""
    if isinstance(value, dict):
        named = [name for name, each in value.items() if each is True]
        return "\n".join([*named, *(_read(each) for each in value.values())])
    return "\n".join(_read(each) for each in value) if isinstance(value, list) else str(value)


@pytest.fixture
async def rig() -> AsyncIterator[WebhookRig]:
    async with receiving() as receiver:
        rig = WebhookRig(receiver, await free_port())
        yield rig
        await rig.close()


class TestWebhook(RemoteChannelContract):
    """The webhook keeps the contract of all channels."""


async def test_the_document_carries_the_message_as_it_is(rig: WebhookRig) -> None:
    await rig.channel().deliver(PAGE, rig.address, KEY)

    document = json.loads(rig.receiver.requests[0].body)
    assert document["kind"] == "page"
    assert document["text"] == PAGE.text
    assert document["facts"][0] == {"label": "Component", "value": "Agent Booster"}


async def test_a_receiver_can_check_the_signature_with_nothing_but_the_secret(rig: WebhookRig) -> None:
    await rig.channel().deliver(PAGE, rig.address, KEY)

    (request,) = rig.receiver.requests
    time, signature = (part.partition("=")[2] for part in request.headers["x-tocsin-signature"].split(","))
    expected = hmac.new(SECRET.encode(), f"{time}.".encode() + request.body, hashlib.sha256).hexdigest()
    assert time == "1769868300"
    assert hmac.compare_digest(signature, expected)


async def test_the_receipt_is_what_the_receiver_calls_it_and_after_a_lost_answer_the_key(rig: WebhookRig) -> None:
    channel = rig.channel()

    assert await channel.deliver(PAGE, rig.address, KEY) == Accepted("r-1")
    assert await channel.deliver(PAGE, rig.address, KEY) == Accepted(KEY)


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://hooks.example.org/",
        "http://127.0.0.1:1/hooks/x",
        "http://127.0.0.1@evil.example/hooks/",
    ],
)
async def test_an_address_that_is_not_on_the_list_is_never_called(rig: WebhookRig, address: str) -> None:
    outcome = await rig.channel().deliver(PAGE, address, KEY)

    assert isinstance(outcome, Rejected)
    assert rig.receiver.requests == []


async def test_a_redirect_is_not_followed(rig: WebhookRig) -> None:
    rig.receiver.answer = Response(307, headers={"location": rig.receiver.url})

    outcome = await rig.channel().deliver(PAGE, rig.address, KEY)

    assert isinstance(outcome, Rejected)
    assert len(rig.receiver.requests) == 1


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("120", TimeDelta(minutes=2)),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("²", None),
        ("-5", None),
        ("99999999999999999999", TimeDelta(hours=1)),
    ],
)
async def test_whatever_stands_in_retry_after_is_survived(rig: WebhookRig, said: str, wait: TimeDelta | None) -> None:
    rig.receiver.answer = Response(503, headers={"retry-after": said}) if said.isascii() else Response(503)

    assert await rig.channel().deliver(PAGE, rig.address, KEY) == Deferred("asked to slow down", wait)


async def test_an_answer_without_end_is_read_no_further_than_its_beginning(rig: WebhookRig) -> None:
    rig.receiver.answer = Response(200, b"x" * 1_000_000, unfinished=True)

    assert isinstance(await rig.channel().deliver(PAGE, rig.address, DeliveryKey("k")), Accepted)


async def test_an_answer_that_comes_in_drops_is_not_waited_for(rig: WebhookRig) -> None:
    rig.receiver.answer = Response(200, b"x" * 100, dripping=True)

    assert await rig.channel(timeout_s=0.1).deliver(PAGE, rig.address, KEY) == Deferred("no answer in time")
