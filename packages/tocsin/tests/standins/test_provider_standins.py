"""The stand-ins of providers, checked with the providers' own libraries."""

import asyncio
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pagerduty as client
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tocsin.signals.port import Forged
from tocsin.signals.twilio import verify

from .pagerduty import ROUTE, PagerDuty, pagerduty
from .smtp import AUTHORITY
from .twilio import SENDER, SID, TOKEN, Twilio, twilio


@pytest.fixture
def authority(tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    return str(path)


async def test_pagerdutys_own_client_triggers_acknowledges_and_resolves(
    authority: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority)
    async with pagerduty() as state:
        key = await asyncio.to_thread(_life, state)

    assert [event["event_action"] for event in state.events] == ["trigger", "acknowledge", "resolve"]
    assert state.incidents[key]["status"] == "resolved"


def _life(state: PagerDuty) -> str:
    with closing(client.EventsApiV2Client(ROUTE, base_url=state.base_url)) as events:
        key: str = events.trigger("Agent Booster is down", "agent-booster", dedup_key="INC-42.3.0")
        events.acknowledge(key)
        events.resolve(key)
        return key


async def test_pagerdutys_own_client_is_refused_with_another_key(
    authority: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority)
    async with pagerduty() as state:
        with (
            closing(client.EventsApiV2Client("R" + "9" * 31, base_url=state.base_url)) as events,
            pytest.raises(client.Error),
        ):
            await asyncio.to_thread(events.trigger, "x", "y")
    assert state.events == []


def _client(state: Twilio, token: str = TOKEN) -> Client:
    made = Client(SID, token, http_client=TwilioHttpClient(pool_connections=False))  # A pool would be left open.
    made.api.base_url = state.base_url
    return made


async def test_twilios_own_client_calls_and_writes() -> None:
    async with twilio() as state:
        made = _client(state)
        call = await asyncio.to_thread(
            made.calls.create, to="+15550100001", from_=SENDER, twiml="<Response><Say>hello</Say></Response>"
        )
        message = await asyncio.to_thread(made.messages.create, to="+15550100001", from_=SENDER, body="hello")

    assert (call.sid, message.sid) == (state.calls[0]["sid"][0], state.messages[0]["sid"][0])


async def test_twilios_own_client_is_refused_as_twilio_refuses() -> None:
    async def code(**arguments: Any) -> int:
        token = arguments.pop("token", TOKEN)
        with pytest.raises(TwilioRestException) as refused:
            await asyncio.to_thread(_client(state, token).messages.create, **arguments)
        return int(refused.value.code)

    good = {"to": "+15550100001", "from_": SENDER, "body": "hello"}
    async with twilio() as state:
        state.stopped = {"+15550100002"}
        assert await code(**good, token="x") == 20003
        assert await code(**{**good, "to": "12345"}) == 21211
        assert await code(**{**good, "from_": "+15550100001"}) == 21606
        assert await code(**{**good, "to": "+15550100002"}) == 21610
        assert await code(**{**good, "body": "x" * 1601}) == 21617
        assert state.messages == []


def test_twilios_own_signature_is_accepted_and_any_other_refused() -> None:
    validator = RequestValidator(TOKEN)
    url = "https://tocsin.example/base/callbacks/twilio/voice/INC-42.3.0?x=1"
    for fields in ({}, {"Digits": "1", "To": "+1555", "Überschrift": "ä ö+&="}, json.loads('{"a":"1","B":"2"}')):
        good = validator.compute_signature(url, fields)
        verify(url, fields, good, TOKEN)
        for wrong in (good[:-2] + "A=", "", good + "x"):
            assert not validator.validate(url, fields, wrong)
            with pytest.raises(Forged):
                verify(url, fields, wrong, TOKEN)
