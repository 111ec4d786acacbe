"""Keys, replies and receipts that Twilio brings back: signed, for the page that was called about (D2, E2, E4)."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from whenever import TimeDelta

from tocsin.channels.twilio import Account, SmsChannel, VoiceChannel
from tocsin.core.commands import Acknowledge, Reopen, Resolve
from tocsin.core.events import Actor, PageAttemptFailed, PageDelivered
from tocsin.core.ids import ChannelName, IncidentId, PersonId
from tocsin.core.rules import MethodKind, Rulebook
from tocsin.engine.answers import Answers, person_of

from ..builders import SEV2, Tale
from ..standins.twilio import SENDER, SID, TOKEN, Twilio, encoded, said, signature, twilio
from .providers import address_of, by_providers
from .town import Town

ON_CALL = "tomasz-zielinski"
BASE = "https://tocsin.example"


class Called(Town):
    """A town whose people are called and written to by a stand-in of Twilio."""

    def __init__(self, rules: Rulebook, state: Twilio) -> None:
        self.twilio = state
        self.client = httpx.AsyncClient(trust_env=False)
        account = Account(SID, TOKEN, SENDER, state.base_url, BASE)
        self.voice = VoiceChannel(self.client, account, timeout_s=5, pace=1000)
        self.sms = SmsChannel(self.client, account, pace=1000)
        channels = {ChannelName("voice"): self.voice, ChannelName("sms"): self.sms}
        super().__init__(_by_telephone(by_providers(rules)), channels=channels)
        self.number = address_of(rules, ON_CALL, MethodKind.PHONE)

    async def call(self, **more: Any) -> tuple[IncidentId, dict[str, list[str]]]:
        """An incident about which the one on call was called."""
        incident = await self.declared(**more)
        await self.deliver()
        return incident, [call for call in self.twilio.calls if call["To"] == [self.number]][-1]

    async def send(self, url: str, fields: dict[str, str], token: str = TOKEN, **headers: str) -> httpx.Response:
        given = {"X-Twilio-Signature": signature(url, fields, token), **headers}
        given["Content-Type"] = "application/x-www-form-urlencoded"
        return await self.ask("POST", url.removeprefix(BASE), encoded(fields), role=None, headers=given)

    async def press(self, call: dict[str, list[str]], digit: str, **more: Any) -> str:
        url = said_action(call)
        fields = {
            "CallSid": call["sid"][0],
            "To": call["To"][0],
            "From": SENDER,
            "Digits": digit,
            "CallStatus": "in-progress",
        }
        answer = await self.send(url, fields, **more)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/xml")
        return said(answer.text)

    async def reply(self, text: str, number: str = "", sid: str = "SM1") -> str:
        fields = {"MessageSid": sid, "From": number or self.number, "To": SENDER, "Body": text, "NumMedia": "0"}
        answer = await self.send(f"{BASE}/callbacks/twilio/sms", fields)
        assert answer.status_code == 200, answer.text
        return said(answer.text)

    async def report(self, call: dict[str, list[str]], status: str) -> httpx.Response:
        fields = {"CallSid": call["sid"][0], "CallStatus": status, "To": call["To"][0]}
        return await self.send(call["StatusCallback"][0], fields)

    async def view(self, incident: IncidentId) -> Any:
        return await self.get(f"/api/v1/incidents/{incident}")

    async def of(self, incident: IncidentId, kind: type) -> list[Any]:
        return [each for each in await self.store.timeline(incident) if isinstance(each, kind)]


def said_action(call: dict[str, list[str]]) -> str:
    from xml.etree import ElementTree

    gather = ElementTree.fromstring(call["Twiml"][0]).find("Gather")
    assert gather is not None
    return str(gather.get("action"))


def _by_telephone(rules: Rulebook) -> Rulebook:
    """Everybody is called first, and written to after that."""
    people = {}
    for key, one in rules.people.items():
        phone = next((each for each in one.methods if each.kind is MethodKind.PHONE), None)
        if phone is None:
            people[key] = one
            continue
        calls = replace(phone, kind=MethodKind.PAGER, channel=ChannelName("voice"))
        writes = replace(phone, kind=MethodKind.SMS, channel=ChannelName("sms"))
        people[key] = replace(one, methods=(calls, writes))
    return replace(rules, people=people)


@pytest.fixture
async def town(agentic_flow: Rulebook) -> AsyncIterator[Called]:
    async with twilio() as state:
        made = Called(agentic_flow, state)
        await made.engine.start()
        yield made
        await made.http.aclose()
        await made.client.aclose()


@pytest.mark.clause("D2", "E2")
async def test_key_1_acknowledges_for_whoever_was_called(town: Called) -> None:
    incident, call = await town.call()

    heard = await town.press(call, "1")

    assert heard == f"{incident}: You are on it."
    view = await town.view(incident)
    assert (view["acknowledged"], view["responders"]) == (True, [ON_CALL])
    (acknowledged,) = [each for each in await town.store.timeline(incident) if type(each).__name__ == "Acknowledged"]
    assert acknowledged.by == Actor(PersonId(ON_CALL), via="twilio")


@pytest.mark.clause("E4")
async def test_key_2_asks_whoever_is_next(town: Called) -> None:
    incident, call = await town.call()

    assert "whoever is next is asked" in await town.press(call, "2")

    view = await town.view(incident)
    assert not view["acknowledged"]
    assert ON_CALL not in view["waiting_for"]


async def test_another_key_is_asked_for_again(town: Called) -> None:
    incident, call = await town.call()
    for digit in ("3", "#", ""):
        assert await town.press(call, digit) == "Press 1 to take it. Press 2 if you cannot."
    assert not (await town.view(incident))["acknowledged"]


async def test_a_key_that_could_not_be_kept_is_asked_for_again(town: Called) -> None:
    incident, call = await town.call()
    town.store.fails = True
    assert (await town.press(call, "1")).startswith("It is not done")
    town.store.fails = False

    assert "You are on it" in await town.press(call, "1")
    assert (await town.view(incident))["acknowledged"]


async def test_a_forged_callback_is_refused_and_counted(town: Called) -> None:
    incident, call = await town.call()
    fields = {"CallSid": call["sid"][0], "To": call["To"][0], "Digits": "1"}
    url = said_action(call)
    attempts: list[tuple[str, dict[str, str], dict[str, str]]] = [
        (url, fields, {"token": "another token"}),
        (url, fields, {"X-Twilio-Signature": ""}),
        (url, fields, {"X-Twilio-Signature": "é"}),
        (url, fields, {"X-Twilio-Signature": signature(url.replace("https", "http"), fields)}),
        (url, {**fields, "To": "+15550100009"}, {"X-Twilio-Signature": signature(url, fields)}),
        (f"{BASE}/callbacks/twilio/sms", fields, {"X-Twilio-Signature": signature(url, fields)}),
        (call["StatusCallback"][0], fields, {"X-Twilio-Signature": ""}),
    ]
    for target, sent, more in attempts:
        answer = await town.send(target, sent, **more)
        assert (answer.status_code, answer.json()["reason"]) == (403, "callback_forged"), more
    assert town.refused("callback_forged") == len(attempts)
    assert not (await town.view(incident))["acknowledged"]
    assert (await town.ask("POST", url.removeprefix(BASE), b"\xff=1", role=None)).status_code == 400
    assert (await town.ask("POST", url.removeprefix(BASE), b"x" * 300_000, role=None)).status_code == 413


async def test_the_same_key_sent_again_changes_nothing(town: Called) -> None:
    incident, call = await town.call()
    await town.press(call, "1")
    size = (await town.view(incident))["size"]

    assert "taken already" in await town.press(call, "1")
    assert (await town.view(incident))["size"] == size
    assert town.called_back("twilio", "repeated") == 1


async def test_a_text_message_sent_again_after_a_restart_answers_no_later_page(town: Called) -> None:
    await town.call()
    assert "You are on it" in await town.reply("ack", sid="SM7")
    later, _ = await town.call(component="agentdb")
    town.site.answers = Answers(town.engine)  # Another process: what was in memory is gone.

    assert "taken already" in await town.reply("ack", sid="SM7")
    assert not (await town.view(later))["acknowledged"]
    assert "You are on it" in await town.reply("ack", sid="SM8")


async def test_a_key_under_a_page_from_before_it_was_opened_again_does_not_count(town: Called) -> None:
    incident, call = await town.call()
    somebody = Actor(PersonId("aisha-bello"))
    await town.engine.handle(incident, Acknowledge(by=somebody))
    await town.engine.handle(incident, Resolve(by=somebody, override_reason="well"))
    town.clock.passes(TimeDelta(minutes=10))
    await town.engine.handle(incident, Reopen(by=somebody, reason="it came back"))

    assert "opened again" in await town.press(call, "1")
    assert not (await town.view(incident))["acknowledged"]


async def test_a_page_or_a_number_that_is_not_ours_is_said_to_be_unknown(town: Called) -> None:
    incident, call = await town.call()
    stranger = {**call, "Twiml": [call["Twiml"][0].replace("INC-1.", "INC-9.")]}
    assert await town.press(stranger, "1") == "there is no such page here"
    assert "is nobody in the playbook" in await town.press({**call, "To": ["+15550199999"]}, "1")
    assert "is nobody in the playbook" in await town.reply("ack", "+15550199999")
    assert town.called_back("twilio", "unknown_person") == 2
    assert not (await town.view(incident))["acknowledged"]


@pytest.mark.parametrize("text", ["ack 1", "ACK INC-1", " ack #1 please", "1", "yes", "Ack.", "1 1", "ack inc 1"])
async def test_a_text_message_acknowledges(town: Called, text: str) -> None:
    incident, _ = await town.call()
    assert await town.reply(text) == f"{incident}: You are on it."
    assert (await town.view(incident))["responders"] == [ON_CALL]


@pytest.mark.parametrize("text", ["no 1", "no", "2", "cannot, I am on a train"])
async def test_a_text_message_declines(town: Called, text: str) -> None:
    incident, _ = await town.call()
    assert "whoever is next is asked" in await town.reply(text)
    assert ON_CALL not in (await town.view(incident))["waiting_for"]


@pytest.mark.parametrize("text", ["", "what is this?", "11", "💤", "acknowledgement", "3"])
async def test_a_text_message_that_is_not_understood_is_answered_with_the_words(town: Called, text: str) -> None:
    incident, _ = await town.call()
    assert await town.reply(text) == "Not understood. Reply ack 42 to take INC-42, no 42 if you cannot."
    assert not (await town.view(incident))["acknowledged"]
    assert town.called_back("twilio", "not_understood") == 1


async def test_a_text_message_that_could_mean_two_incidents_is_asked_about(town: Called) -> None:
    await town.call()
    await town.call(component="agentdb")

    assert await town.reply("ack") == "which one? Name INC-2 or INC-1"
    assert await town.reply("ack 2", sid="SM2") == "INC-2: You are on it."
    assert await town.reply("ack", sid="SM3") == "INC-1: You are on it."
    assert await town.reply("ack", sid="SM4") == "nobody asks you for an answer now"


@pytest.mark.clause("E2")
@pytest.mark.parametrize("status", ["busy", "no-answer", "failed", "canceled"])
async def test_a_call_that_nobody_takes_makes_way_for_the_next_method_at_once(town: Called, status: str) -> None:
    incident, call = await town.call()

    assert (await town.report(call, status)).status_code == 200
    await town.deliver()
    assert (await town.report(call, status)).status_code == 200, "said twice, it is said once"

    failed = [each for each in await town.of(incident, PageAttemptFailed) if each.method.address == town.number]
    assert [each.why for each in failed] == [f"Twilio: {call['sid'][0]} {status}"]
    assert [each["To"] for each in town.twilio.messages] == [[town.number]], "written to now"


async def test_a_call_that_was_taken_is_a_receipt_in_the_ledger(town: Called) -> None:
    incident, call = await town.call()
    for status in ("initiated", "in-progress", "completed", "something-new"):
        town.clock.passes(TimeDelta(seconds=1))
        assert (await town.report(call, status)).status_code == 200

    entries = (await town.get(f"/api/v1/incidents/{incident}/ledger"))["messages"]
    (mine,) = [each for each in entries if each["intent"]["address"] == town.number]
    assert [each["detail"] for each in mine["attempts"]] == [call["sid"][0], f"{call['sid'][0]} completed"]
    assert mine["state"] == "accepted"
    assert town.called_back("twilio", "arrived") == 1


async def test_a_report_about_a_message_that_is_not_ours_is_counted(town: Called) -> None:
    _, call = await town.call()
    stranger = {**call, "StatusCallback": [f"{BASE}/callbacks/twilio/status/INC-7.1.0"]}
    for status in ("busy", "completed"):
        assert (await town.report(stranger, status)).status_code == 200
    assert town.called_back("twilio", "unknown_page") == 2


@pytest.mark.clause("E2")
async def test_a_call_placed_without_an_answer_is_not_placed_again_once_twilio_tells_of_it(town: Called) -> None:
    town.twilio.takes_and_hangs_up = True
    incident, call = await town.call(severity="SEV2")
    assert await town.of(incident, PageDelivered) == []

    town.clock.passes(TimeDelta(seconds=1))
    await town.report(call, "initiated")
    town.twilio.takes_and_hangs_up = False
    for _ in range(8):
        town.clock.passes(TimeDelta(seconds=10))
        await town.deliver()

    assert len([each for each in town.twilio.calls if each["StatusCallback"] == call["StatusCallback"]]) == 1
    assert any(each.receipt.endswith("initiated") for each in await town.of(incident, PageDelivered))


async def test_without_any_word_of_twilio_a_page_is_placed_twice_at_most_by_one_method(town: Called) -> None:
    town.twilio.takes_and_hangs_up = True
    incident, _ = await town.call(severity="SEV2")
    for _ in range(8):
        town.clock.passes(TimeDelta(seconds=10))  # As long as an attempt lasts in earnest.
        await town.deliver()

    by_page: dict[str, int] = {}
    for call in town.twilio.calls:
        key = call["StatusCallback"][0]
        by_page[key] = by_page.get(key, 0) + 1
    assert max(by_page.values()) == 2
    assert await town.of(incident, PageAttemptFailed), "then the next method has its turn"


async def test_without_a_token_the_door_is_closed(town: Called) -> None:
    town.site.secrets = type(town.site.secrets)()
    answer = await town.send(f"{BASE}/callbacks/twilio/sms", {})
    assert (answer.status_code, answer.json()["reason"]) == (404, "callback_off")


def test_of_several_who_share_a_telephone_it_is_whoever_is_asked() -> None:
    tale = Tale().declare(SEV2)
    shared = next(each.address for each in tale.rules.people[tale.primary].methods if each.kind is MethodKind.PHONE)
    first = next(iter(tale.rules.people))
    assert first != tale.primary, "somebody else comes first in the playbook"
    people = dict(tale.rules.people)
    people[first] = replace(people[first], methods=people[tale.primary].methods)
    rules = replace(tale.rules, people=people)

    assert person_of(rules, "twilio", (shared,)) == first
    assert person_of(rules, "twilio", (shared,), tale.state) == tale.primary
