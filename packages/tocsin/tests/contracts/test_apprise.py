"""The Apprise channel, against a stand-in of ntfy that refuses what ntfy refuses: push where nothing else is there."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from tocsin.channels.apprise import AppriseChannel
from tocsin.channels.port import Accepted, Deferred, DeliveryKey, Rejected
from tocsin.core.messages import MessageKind

from ..standins.ntfy import TOKEN, Ntfy, ntfy
from ..standins.server import Response, free_port
from .channel_contract import KEY, PAGE, Received, RemoteChannelContract, RemoteRig

# Apprise loads modules of the standard library that are on their way out.
pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated and slated for removal:DeprecationWarning")


class NtfyRig(RemoteRig):
    address = "ines-phone"
    secrets = (TOKEN,)

    def __init__(self, state: Ntfy, closed_port: int) -> None:
        self.ntfy = state
        self._closed = closed_port
        self._channels: list[AppriseChannel] = []

    def channel(self, timeout_s: float = 10) -> AppriseChannel:
        return self.made({"ines-phone": self.ntfy.url()}, timeout_s)

    def unreachable(self) -> AppriseChannel:
        return self.made({"ines-phone": f"ntfy://127.0.0.1:{self._closed}/x"})

    def made(self, urls: dict[str, str], timeout_s: float = 10) -> AppriseChannel:
        channel = AppriseChannel(urls, timeout_s)
        self._channels.append(channel)
        return channel

    def received(self) -> list[Received]:
        return [
            Received(each["message"].rpartition("(")[2], f"{each['title']}\n{each['message']}")
            for each in self.ntfy.messages
        ]

    def fall_silent(self) -> None:
        self.ntfy.silent = True

    def fail(self) -> None:
        self.ntfy.answer = Response(500, TOKEN.encode())

    def refuse(self) -> None:
        self.ntfy.answer = Response(403, TOKEN.encode())

    def ask_to_wait(self) -> None:
        self.ntfy.answer = Response(429, b"", {"retry-after": "120"})

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()
            await asyncio.to_thread(channel._threads.shutdown)


@pytest.fixture
async def rig() -> AsyncIterator[NtfyRig]:
    async with ntfy() as state:
        rig = NtfyRig(state, await free_port())
        yield rig
        state.silent = False
        await rig.close()


class TestApprise(RemoteChannelContract):
    """Apprise keeps the contract of all channels, but for the one thing that it does not tell."""

    async def test_a_provider_that_asks_for_patience_is_given_it(self, rig: RemoteRig) -> None:
        rig.ask_to_wait()
        # Apprise does not pass on for how long; our own back-off decides.
        assert await rig.channel().deliver(PAGE, rig.address, KEY) == Deferred("the service failed with 429")


async def test_a_page_is_urgent_and_says_which_message_it_is(rig: NtfyRig) -> None:
    assert await rig.channel().deliver(PAGE, rig.address, KEY) == Accepted(KEY)

    (message,) = rig.ntfy.messages
    assert (message["topic"], message["title"]) == ("ines-phone", "PAGE · SEV1 INC-42: Agent Booster is down")
    assert message["message"].endswith(f"({KEY})")


async def test_one_url_may_serve_all_addresses(rig: NtfyRig) -> None:
    channel = rig.made({"*": rig.ntfy.url("{address}"), "tomasz": rig.ntfy.url("his-own")})

    for address in ("aisha-push", "tomasz"):
        assert isinstance(await channel.deliver(PAGE, address, DeliveryKey(address)), Accepted)

    assert [each["topic"] for each in rig.ntfy.messages] == ["aisha-push", "his-own"]


async def test_a_name_without_a_url_and_a_url_that_is_none_say_what_to_do(rig: NtfyRig) -> None:
    channel = rig.made({"wrong": "nothing-of-the-kind://x"})
    for address, remedy in (("nobody", "add it to TOCSIN_APPRISE_URLS"), ("wrong", "correct TOCSIN_APPRISE_URLS")):
        outcome = await channel.deliver(PAGE, address, KEY)
        assert isinstance(outcome, Rejected)
        assert remedy in outcome.why


async def test_a_long_message_stays_within_what_ntfy_takes(rig: NtfyRig) -> None:
    huge = replace(PAGE, text="x" * 50_000, kind=MessageKind.NOTICE)
    assert isinstance(await rig.channel().deliver(huge, rig.address, KEY), Accepted)


async def test_a_service_that_hangs_holds_up_nobody_else(rig: NtfyRig) -> None:
    rig.ntfy.silent = True
    channel = rig.channel(timeout_s=0.05)
    outcomes = await asyncio.gather(
        *(channel.deliver(PAGE, rig.address, DeliveryKey(str(number))) for number in range(3))
    )
    assert all(isinstance(outcome, Deferred) for outcome in outcomes)
