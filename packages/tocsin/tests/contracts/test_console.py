"""The console channel: what stands on the screen."""

import io
import re
import threading
from collections.abc import Iterator

import pytest

from tocsin.channels.console import BLOCKS_WAITING_MAX, ConsoleChannel
from tocsin.channels.port import Accepted, Deferred, DeliveryKey, Outcome

from .channel_contract import KEY, PAGE, ChannelContract, Received, Rig


class Screen(io.StringIO):
    """A terminal that can stand still or go away."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.gone = False
        self.terminal = False

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str, /) -> int:
        if self.gone:
            raise BrokenPipeError
        self.goes_on.wait()
        return super().write(text)


class ConsoleRig(Rig):
    address = "alex"

    def __init__(self) -> None:
        self.screen = Screen()

    def channel(self, timeout_s: float = 10) -> ConsoleChannel:
        return ConsoleChannel(self.screen, timeout_s=timeout_s)

    def received(self) -> list[Received]:
        blocks = [block for block in re.split(r"(?m)^(?=(?:DRILL )?[A-Z]+ · )", self.screen.getvalue()) if block]
        return [Received(str(place), block) for place, block in enumerate(blocks)]

    def fall_silent(self) -> None:
        self.screen.goes_on.clear()

    def fail(self) -> None:
        self.screen.gone = True


async def persistently(channel: ConsoleChannel, key: DeliveryKey) -> Outcome:
    """Ask as often as the outbox would, without its patience between."""
    for _ in range(5_000):
        outcome = await channel.deliver(PAGE, "alex", key)
        if not isinstance(outcome, Deferred):
            break
    return outcome


@pytest.fixture
def rig() -> Iterator[ConsoleRig]:
    rig = ConsoleRig()
    yield rig
    rig.screen.goes_on.set()


class TestConsole(ChannelContract):
    """The console keeps the contract of all channels."""


async def test_a_page_reads_from_the_headline_down_to_the_link_that_answers_it(rig: ConsoleRig) -> None:
    await rig.channel().deliver(PAGE, "alex", KEY)

    assert rig.screen.getvalue() == (
        "PAGE · SEV1 INC-42: Agent Booster is down\n"
        "  to alex\n"
        "\n"
        "  No operation succeeds since 14:05 UTC.\n"
        "  The module does not load.\n"
        "\n"
        "  Component  Agent Booster\n"
        "  Because    0 % of operations succeed (C3)\n"
        "\n"
        "  Dashboard: https://grafana.example.org/d/booster?from=now-1h&to=now\n"
        "\n"
        "  Acknowledge: https://tocsin.example.org/ack/INC-42?p=alex&s=c2lnbmF0dXJl\n"
        "\n"
    )


async def test_only_a_terminal_gets_colour(rig: ConsoleRig) -> None:
    rig.screen.terminal = True

    await rig.channel().deliver(PAGE, "alex", KEY)

    assert rig.screen.getvalue().startswith("\x1b[1;31mPAGE · SEV1 INC-42: Agent Booster is down\x1b[0m\n")


async def test_the_receipt_counts_the_messages(rig: ConsoleRig) -> None:
    channel = rig.channel()

    receipts = [await channel.deliver(PAGE, "alex", DeliveryKey(key)) for key in ("a", "b", "a")]

    assert receipts == [Accepted("1"), Accepted("2"), Accepted("1")]


async def test_a_message_deferred_by_a_still_terminal_is_there_once_when_it_moves_again(rig: ConsoleRig) -> None:
    channel = rig.channel(timeout_s=0.02)
    rig.fall_silent()
    assert isinstance(await channel.deliver(PAGE, "alex", KEY), Deferred)
    rig.screen.goes_on.set()

    assert await persistently(channel, KEY) == Accepted("1")
    assert len(rig.received()) == 1


async def test_a_terminal_that_stands_still_does_not_fill_the_memory(rig: ConsoleRig) -> None:
    channel = rig.channel(timeout_s=0.001)
    rig.fall_silent()

    for number in range(150):
        assert isinstance(await channel.deliver(PAGE, "alex", DeliveryKey(str(number))), Deferred)

    rig.screen.goes_on.set()
    await persistently(channel, DeliveryKey("last"))
    assert len(rig.received()) <= BLOCKS_WAITING_MAX + 2


async def test_a_character_that_the_terminal_lacks_does_not_cost_the_page() -> None:
    raw = io.BytesIO()
    channel = ConsoleChannel(io.TextIOWrapper(raw, encoding="ascii"))

    assert isinstance(await channel.deliver(PAGE, "Jürgen", KEY), Accepted)
    assert b"PAGE ? SEV1 INC-42: Agent Booster is down\n  to J?rgen\n" in raw.getvalue()
