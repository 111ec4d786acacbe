"""Calls and text messages, against a stand-in that refuses what Twilio refuses."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from xml.etree import ElementTree

import httpx
import pytest
from msgspec.structs import replace
from whenever import TimeDelta

from tocsin.channels.port import Accepted, Channel, Deferred, DeliveryKey, Rejected
from tocsin.channels.twilio import (
    IN_DOUBT_OTHER,
    IN_DOUBT_PAGE,
    REMEDIES,
    SMS_MAX,
    TWIML_MAX,
    Account,
    SmsChannel,
    VoiceChannel,
    text_message,
    twiml,
)
from tocsin.core.limits import PAGE_PATIENCE, TELL_PATIENCE
from tocsin.core.messages import MessageKind

from ..standins.server import Response, free_port
from ..standins.twilio import SENDER, SID, TOKEN, Twilio, refused, said, twilio
from .channel_contract import ACKNOWLEDGE, HOSTILE, KEY, PAGE, Received, RemoteChannelContract, RemoteRig

ACCOUNT = Account(SID, TOKEN, SENDER, callbacks="https://tocsin.example.org/base")


class TwilioRig(RemoteRig):
    address = "+15550100001"
    secrets = (TOKEN,)
    brief = True
    kind: type[VoiceChannel] | type[SmsChannel]

    def __init__(self, state: Twilio, closed_port: int) -> None:
        self.twilio = state
        self._closed = closed_port
        self._clients: list[httpx.AsyncClient] = []
        self.account = replace(ACCOUNT, base_url=state.base_url)

    def channel(self, timeout_s: float = 10) -> VoiceChannel | SmsChannel:
        return self.kind(self._client(), self.account, timeout_s)

    def unreachable(self) -> Channel:
        return self.kind(self._client(), replace(self.account, base_url=f"http://127.0.0.1:{self._closed}"))

    def _client(self) -> httpx.AsyncClient:
        client = httpx.AsyncClient(trust_env=False)
        self._clients.append(client)
        return client

    def fall_silent(self) -> None:
        self.twilio.silent = True

    def fail(self) -> None:
        self.twilio.answer = Response(500, TOKEN.encode())

    def refuse(self) -> None:
        self.twilio.answer = Response(400, b'{"code":21211,"message":"no such ' + TOKEN.encode() + b'"}')

    def ask_to_wait(self) -> None:
        answer = refused(429, 20429)
        self.twilio.answer = Response(429, answer.body, {"retry-after": "120"})

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


class VoiceRig(TwilioRig):
    kind = VoiceChannel

    def received(self) -> list[Received]:
        return [Received(key_of(call), said(call["Twiml"][0])) for call in self.twilio.calls]


class SmsRig(TwilioRig):
    kind = SmsChannel

    def received(self) -> list[Received]:
        return [Received(key_of(message), message["Body"][0]) for message in self.twilio.messages]


def key_of(fields: dict[str, list[str]]) -> str:
    return urlsplit(fields["StatusCallback"][0]).path.rpartition("/")[2]


@pytest.fixture
async def voice() -> AsyncIterator[VoiceRig]:
    async with twilio() as state:
        rig = VoiceRig(state, await free_port())
        yield rig
        await rig.close()


@pytest.fixture
async def sms() -> AsyncIterator[SmsRig]:
    async with twilio() as state:
        rig = SmsRig(state, await free_port())
        yield rig
        await rig.close()


class TestVoice(RemoteChannelContract):
    """Calls keep the contract of all channels."""

    @pytest.fixture
    def rig(self, voice: VoiceRig) -> VoiceRig:
        return voice


class TestSms(RemoteChannelContract):
    """Text messages keep the contract of all channels."""

    @pytest.fixture
    def rig(self, sms: SmsRig) -> SmsRig:
        return sms


async def test_a_call_says_what_is_wrong_twice_and_waits_for_one_key(voice: VoiceRig) -> None:
    outcome = await voice.channel().deliver(PAGE, voice.address, KEY)

    assert outcome == Accepted(voice.twilio.calls[0]["sid"][0])
    (call,) = voice.twilio.calls
    heard = said(call["Twiml"][0])
    assert heard.startswith("PAGE. SEV1 INC-42: Agent Booster is down. No operation succeeds since 14:05 UTC.")
    assert heard.count("Press 1 to take it. Press 2 if you cannot.") == 2
    gathers = ElementTree.fromstring(call["Twiml"][0]).findall("Gather")
    actions = {each.get("action") for each in gathers}
    assert actions == {"https://tocsin.example.org/base/callbacks/twilio/voice/INC-42.3.0"}
    assert call["StatusCallback"] == ["https://tocsin.example.org/base/callbacks/twilio/status/INC-42.3.0"]
    assert call["StatusCallbackEvent"] == ["initiated", "answered", "completed"]
    assert "https" not in heard, "nobody writes an address down at night"


async def test_a_code_is_spelled_digit_by_digit(voice: VoiceRig) -> None:
    code = replace(PAGE, kind=MessageKind.NOTICE, subject="your code for Tocsin is 493817", text="Say 493817.")
    await voice.channel().deliver(code, voice.address, KEY)
    heard = said(voice.twilio.calls[0]["Twiml"][0])
    assert "4, 9, 3, 8, 1, 7" in heard
    assert "493817" not in heard


async def test_only_a_page_waits_for_a_key(voice: VoiceRig) -> None:
    for kind in (MessageKind.NOTICE, MessageKind.ALARM, MessageKind.REMINDER):
        await voice.channel().deliver(replace(PAGE, kind=kind), voice.address, DeliveryKey(kind.value))
    assert not any("Gather" in call["Twiml"][0] for call in voice.twilio.calls)


async def test_a_text_message_says_how_to_answer_it(sms: SmsRig) -> None:
    await sms.channel().deliver(PAGE, sms.address, KEY)

    (message,) = sms.twilio.messages
    assert message["Body"][0].splitlines() == [
        "PAGE · SEV1 INC-42: Agent Booster is down",
        "No operation succeeds since 14:05 UTC.",
        "The module does not load.",
        "Reply ack 42 to take it, no 42 if you cannot.",
        ACKNOWLEDGE,
    ]


async def test_where_twilio_cannot_reach_us_nobody_is_asked_for_keys_or_replies(voice: VoiceRig) -> None:
    voice.account = replace(voice.account, callbacks="")
    await voice.channel().deliver(PAGE, voice.address, KEY)
    await SmsChannel(voice._client(), voice.account).deliver(PAGE, voice.address, KEY)

    (call,), (message,) = voice.twilio.calls, voice.twilio.messages
    assert "Gather" not in call["Twiml"][0]
    assert "Reply" not in message["Body"][0]
    assert ACKNOWLEDGE in message["Body"][0]
    assert "StatusCallback" not in {*call, *message}


@pytest.mark.parametrize("code", sorted(REMEDIES))
async def test_what_twilio_refuses_for_good_is_rejected_with_what_to_do(sms: SmsRig, code: int) -> None:
    sms.twilio.answer = refused(400, code)

    outcome = await sms.channel().deliver(PAGE, sms.address, KEY)

    assert outcome == Rejected(f"Twilio refused with {code}: {REMEDIES[code]}")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refused(400, 21611), Deferred),
        (refused(429, 20429), Deferred),
        (refused(503, 20503), Deferred),
        (Response(201, b"{}"), Deferred),
        (Response(200, b"<html>"), Deferred),
        (Response(401, b"no"), Rejected),
        (Response(400, b'{"code":99999}'), Rejected),
        (Response(302, b"", {"location": "https://elsewhere.example"}), Rejected),
    ],
)
async def test_other_answers_are_read_for_what_they_mean(sms: SmsRig, answer: Response, kind: type) -> None:
    sms.twilio.answer = answer
    assert isinstance(await sms.channel().deliver(PAGE, sms.address, KEY), kind)


async def test_who_has_answered_stop_is_named_as_such(sms: SmsRig) -> None:
    sms.twilio.stopped = {sms.address}
    outcome = await sms.channel().deliver(PAGE, sms.address, KEY)
    assert isinstance(outcome, Rejected)
    assert "START" in outcome.why


async def test_an_attempt_without_an_answer_is_not_repeated_soon(voice: VoiceRig) -> None:
    voice.twilio.takes_and_hangs_up = True
    page = await voice.channel().deliver(PAGE, voice.address, KEY)
    notice = await voice.channel().deliver(replace(PAGE, kind=MessageKind.NOTICE), voice.address, KEY)

    assert isinstance(page, Deferred)
    assert isinstance(notice, Deferred)
    assert (page.wait, notice.wait) == (IN_DOUBT_PAGE, IN_DOUBT_OTHER)
    # An attempt lasts ten seconds at most: a third would begin after the patience of either has run out.
    assert 2 * (TimeDelta(seconds=10) + IN_DOUBT_PAGE) >= PAGE_PATIENCE
    assert 2 * (TimeDelta(seconds=10) + IN_DOUBT_OTHER) >= TELL_PATIENCE


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_is_written_stays_within_what_twilio_takes(name: str) -> None:
    text, _ = HOSTILE[name]
    huge = replace(PAGE, subject=text * 40, text=text * 40, acknowledge_url=f"https://x.example/{'y' * 2_000}")
    long_url = f"https://x.example/{'&' * 300}"
    assert len(twiml(huge, long_url)) <= TWIML_MAX
    assert len(text_message(huge, True)) <= SMS_MAX
