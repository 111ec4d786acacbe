"""The Slack channel, against a stand-in that refuses what Slack refuses."""

import html
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from whenever import TimeDelta

from tocsin.channels.port import Accepted, Deferred, DeliveryKey, Rejected
from tocsin.channels.slack import SlackChannel
from tocsin.channels.slack_blocks import blocks, cut_escaped, escaped
from tocsin.core.ids import IntentId
from tocsin.core.messages import Fact, Link, Message, MessageKind, Settled, Settlement

from ..standins.server import Response, free_port
from ..standins.slack import TOKEN, Slack, block_faults, slack
from .channel_contract import ACKNOWLEDGE, HOSTILE, KEY, PAGE, Received, RemoteChannelContract, RemoteRig


def texts(value: Any) -> list[str]:
    """Every text and address in a message, in order."""
    if isinstance(value, dict):
        own = [value[name] for name in ("text", "url") if isinstance(value.get(name), str)]
        return own + [text for each in value.values() if isinstance(each, dict | list) for text in texts(each)]
    return [text for each in value for text in texts(each)] if isinstance(value, list) else []


def control_sequences(value: Any) -> list[str]:
    """What Slack obeys in a text: everything between angle brackets."""
    return [found for text in texts(value) for found in re.findall("<(.*?)>", text, re.DOTALL)]


class SlackRig(RemoteRig):
    address = "#incidents"
    secrets = (TOKEN,)

    def __init__(self, state: Slack, closed_port: int) -> None:
        self.slack = state
        self._closed = closed_port
        self._clients: list[httpx.AsyncClient] = []
        self.token = TOKEN

    def channel(self, timeout_s: float = 10) -> SlackChannel:
        return self._channel(self.slack.base_url, timeout_s)

    def unreachable(self) -> SlackChannel:
        return self._channel(f"http://127.0.0.1:{self._closed}", 10)

    def _channel(self, base_url: str, timeout_s: float) -> SlackChannel:
        client = httpx.AsyncClient(trust_env=False)
        self._clients.append(client)
        return SlackChannel(client, self.token, base_url, timeout_s)

    def received(self) -> list[Received]:
        return [
            Received(each["metadata"]["event_payload"]["key"], html.unescape("\n".join(texts(each))))
            for each in self.slack.messages
        ]

    def fall_silent(self) -> None:
        self.slack.silent = True

    def fail(self) -> None:
        self.slack.answer = answered(False, error="internal_error")

    def refuse(self) -> None:
        self.slack.answer = answered(False, error="channel_not_found", needed=TOKEN)

    def ask_to_wait(self) -> None:
        self.slack.answer = Response(429, b'{"ok":false,"error":"ratelimited"}', {"retry-after": "120"})

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


def answered(ok: bool, **more: str) -> Response:
    return Response(200, json.dumps({"ok": ok, **more}).encode())


@pytest.fixture
async def rig() -> AsyncIterator[SlackRig]:
    async with slack() as state:
        rig = SlackRig(state, await free_port())
        yield rig
        await rig.close()


class TestSlack(RemoteChannelContract):
    """Slack keeps the contract of all channels."""


async def test_the_receipt_names_channel_and_message_as_slack_does(rig: SlackRig) -> None:
    assert await rig.channel().deliver(PAGE, "#incidents", KEY) == Accepted("C0INCIDENTS:1700000000.000001")


async def test_a_page_has_a_button_that_leads_to_its_signed_link(rig: SlackRig) -> None:
    await rig.channel().deliver(PAGE, "C0SEV1", KEY)

    (posted,) = rig.slack.messages
    (button,) = (each for block in posted["blocks"] for each in block.get("elements", []))
    assert (button["text"]["text"], button["url"]) == ("Acknowledge", ACKNOWLEDGE)
    assert posted["text"] == "PAGE · SEV1 INC-42: Agent Booster is down"
    assert not posted["unfurl_links"]  # A preview would open the acknowledge link.


async def test_a_repeat_is_told_by_its_client_message_id_and_found_by_its_metadata(rig: SlackRig) -> None:
    channel = rig.channel()

    receipts = {str(await channel.deliver(PAGE, "C0SEV1", KEY)) for _ in range(3)}
    await channel.deliver(PAGE, "C0SEV1", DeliveryKey("other"))

    assert len(receipts) == 1
    first, other = rig.slack.messages
    assert first["client_msg_id"] != other["client_msg_id"]
    assert first["metadata"]["event_payload"] == {"key": KEY, "incident": "INC-42"}


async def test_alert_text_becomes_neither_mention_nor_link(rig: SlackRig) -> None:
    evil = HOSTILE["Slack markup"][0]
    link = Link("a|b> <!here>", "https://x.example/a|b>c<d&e")
    message = replace(PAGE, subject=evil, text=f"x\n{evil}", facts=(Fact(evil, evil),), links=(link,))

    await rig.channel().deliver(message, "C0SEV1", KEY)

    (posted,) = rig.slack.messages
    assert control_sequences(posted) == ["https://x.example/a%7Cb%3Ec%3Cd&amp;e|a|b&gt; &lt;!here&gt;"]
    assert (posted["parse"], posted["link_names"]) == ("none", False)


@pytest.mark.parametrize(
    "error", ["ratelimited", "internal_error", "service_unavailable", "fatal_error", "request_timeout"]
)
async def test_an_error_that_passes_is_deferred(rig: SlackRig, error: str) -> None:
    rig.slack.answer = answered(False, error=error)

    assert await rig.channel().deliver(PAGE, "C0SEV1", KEY) == Deferred(f"Slack answered {error}")


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        ("channel_not_found", "invite the app"),
        ("invalid_auth", "make a new one"),
        ("not_in_channel", "invite it"),
        ("missing_scope", "chat:write"),
        ("some_error_of_next_year", "Slack answered some_error_of_next_year"),
        ("<b>xoxb-1234-stand-in</b>", "Slack answered an unreadable error"),
    ],
)
async def test_an_error_that_stays_is_rejected_with_what_to_do(rig: SlackRig, error: str, remedy: str) -> None:
    rig.slack.answer = answered(False, error=error)

    outcome = await rig.channel().deliver(PAGE, "C0SEV1", KEY)

    assert isinstance(outcome, Rejected)
    assert remedy in outcome.why


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"ok":"yes"}', b"\xff", b'{"x":' + b"[" * 60_000])
async def test_an_answer_that_is_not_slacks_is_deferred(rig: SlackRig, body: bytes) -> None:
    rig.slack.answer = Response(200, body)

    assert isinstance(await rig.channel().deliver(PAGE, "C0SEV1", KEY), Deferred)


async def test_a_wrong_token_and_an_unknown_channel_are_rejected_by_slack_itself(rig: SlackRig) -> None:
    unknown = await rig.channel().deliver(PAGE, "#nowhere", KEY)
    rig.token = "xoxb-wrong"
    stranger = await rig.channel().deliver(PAGE, "#incidents", KEY)

    assert "channel_not_found" in str(unknown)
    assert "invalid_auth" in str(stranger)


async def test_a_second_message_within_a_second_is_deferred_for_as_long_as_slack_says(rig: SlackRig) -> None:
    rig.slack.clock = lambda: 0.5
    channel = rig.channel()

    assert isinstance(await channel.deliver(PAGE, "C0SEV1", DeliveryKey("a")), Accepted)
    outcome = await channel.deliver(PAGE, "C0SEV1", DeliveryKey("b"))

    assert outcome == Deferred("Slack asked to slow down", TimeDelta(seconds=1))
    assert channel.pace <= 1


words = st.text(st.sampled_from("ab &<>\n|`*_\u202e\x00🚨ü"), max_size=9_000)


@pytest.mark.parametrize("text", ["a" * 8_000, "&" * 1_500, "line\n" * 1_200, "🚨" * 5_000, "ab<\n" * 700])
def test_a_text_that_fits_three_sections_loses_nothing_but_line_ends_between_them(text: str) -> None:
    laid_out = blocks(replace(PAGE, text=text, facts=(), links=(), acknowledge_url=""))

    shown = [html.unescape(block["text"]["text"]) for block in laid_out if block["type"] == "section"]
    assert "".join(shown).replace("\n", "") == text.replace("\n", "")
    assert 1 < len(shown) <= 3


@settings(deadline=None)
@example("x" * 200, "x" * 20_000, [("x" * 200, "x" * 5_000)] * 15)
@example("&" * 200, "&" * 20_000, [("&" * 200, "&" * 5_000)] * 15)
@given(words, words, st.lists(st.tuples(words, words), max_size=15))
def test_no_message_is_laid_out_beyond_what_slack_takes(subject: str, text: str, pairs: list[tuple[str, str]]) -> None:
    facts = tuple(Fact(label, value) for label, value in pairs)
    links = tuple(Link(label, f"https://x.example/{'y' * len(value)}") for label, value in pairs)

    laid_out = blocks(replace(PAGE, subject=subject, text=text, facts=facts, links=links))

    assert block_faults(laid_out) == []
    assert all(found.startswith("https://x.example/") for found in control_sequences(laid_out))


@settings(deadline=None)
@given(words, st.integers(2, 60))
def test_escaped_text_is_never_cut_through_an_entity(text: str, most: int) -> None:
    shown = cut_escaped(text, most)

    assert len(shown) <= most
    assert text.startswith(html.unescape(shown).removesuffix("…"))
    assert shown == escaped(text) or shown.endswith("…")


def buttons(posted: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for block in posted["blocks"] if block["type"] == "actions" for each in block["elements"]]


async def answering(rig: SlackRig) -> tuple[SlackChannel, dict[str, Any], Message]:
    """A channel whose pages have buttons, such a page, and the word that it is settled."""
    channel = SlackChannel(httpx.AsyncClient(trust_env=False), TOKEN, rig.slack.base_url, answers=True)
    rig._clients.append(channel._http)
    outcome = await channel.deliver(PAGE, "#incidents", KEY)
    assert isinstance(outcome, Accepted)
    settled = Settled(IntentId(KEY), Settlement.ACKNOWLEDGED, outcome.receipt)
    (posted,) = rig.slack.messages
    return channel, posted, replace(PAGE, kind=MessageKind.SETTLED, settles=settled, acknowledge_url="")


async def test_where_slack_brings_answers_back_a_page_has_buttons_and_the_link_as_well(rig: SlackRig) -> None:
    _, posted, _ = await answering(rig)

    assert [each["text"]["text"] for each in buttons(posted)] == ["Acknowledge", "I cannot", "Escalate", "Open"]
    assert [each.get("value") for each in buttons(posted)] == [KEY, KEY, KEY, None]
    assert buttons(posted)[-1]["url"] == ACKNOWLEDGE
    assert "confirm" in buttons(posted)[2], "calling the next level wakes people"


@pytest.mark.clause("D2")
async def test_a_settled_page_says_how_and_has_no_buttons(rig: SlackRig) -> None:
    channel, _, settled = await answering(rig)

    assert isinstance(await channel.deliver(settled, "#incidents", DeliveryKey("INC-42.9.s0")), Accepted)

    (posted,) = rig.slack.messages
    assert buttons(posted) == []
    assert posted["text"] == "ACKNOWLEDGED · SEV1 INC-42: Agent Booster is down"


async def test_a_page_that_is_no_longer_there_or_never_was_has_no_buttons_to_take_off(rig: SlackRig) -> None:
    channel, _, settled = await answering(rig)
    rig.slack.messages.clear()
    assert isinstance(await channel.deliver(settled, "#incidents", KEY), Accepted)

    unknown = replace(settled, settles=Settled(IntentId(KEY), Settlement.RESOLVED))
    assert isinstance(await channel.deliver(unknown, "#incidents", KEY), Accepted)
    rig.slack.answer = Response(503)
    assert isinstance(await channel.deliver(settled, "#incidents", KEY), Deferred)


async def test_only_pages_have_buttons_that_answer(rig: SlackRig) -> None:
    channel, _, _ = await answering(rig)
    for kind in (MessageKind.ALARM, MessageKind.NOTICE, MessageKind.REMINDER, MessageKind.ANNOUNCEMENT):
        bare = replace(PAGE, kind=kind, acknowledge_url="")
        await channel.deliver(bare, "C0SEV1", DeliveryKey(kind.value))
        assert buttons(rig.slack.messages[-1]) == []
