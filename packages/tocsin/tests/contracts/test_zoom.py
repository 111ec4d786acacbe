"""Calls in Zoom as bridges, against a stand-in that refuses what Zoom refuses: one attempt, and no call twice."""

from collections.abc import AsyncIterator

import httpx
import pytest
from msgspec.structs import replace
from whenever import TimeDelta

from tocsin.channels.rooms_port import Deferred, Found, Outcome, Rejected
from tocsin.channels.zoom import ZoomApp, ZoomBridges

from ..builders import TUESDAY_MORNING
from ..standins.server import Response
from ..standins.zoom import ACCOUNT, CLIENT, READ, SECRET, USER, WRITE, Zoom, zoom

TOPIC = "SEV1 INC-42: Agent Booster: no operation succeeds"
MARK = "INC-42.9.bridge 2026-11-24T10:00:00Z"


class Rig:
    def __init__(self, state: Zoom, http: httpx.AsyncClient) -> None:
        self.zoom = state
        self._http = http
        self.now = TUESDAY_MORNING
        state.now_s = lambda: float(self.now.timestamp())
        self.app = ZoomApp(ACCOUNT, CLIENT, SECRET, USER, state.base_url, f"{state.base_url}/v2")
        self.again()

    def again(self, **changed: str) -> None:
        """Another process, which remembers nothing."""
        self.bridges = ZoomBridges(self._http, replace(self.app, **changed), lambda: self.now, timeout_s=5)

    async def open(self, mark: str = MARK) -> Outcome:
        return await self.bridges.open(TOPIC, mark)

    def later(self, **amount: float) -> None:
        self.now = self.now + TimeDelta(**amount)  # type: ignore[arg-type]  # hours and minutes


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with zoom() as state, httpx.AsyncClient(trust_env=False) as http:
        yield Rig(state, http)


@pytest.mark.clause("R3")
async def test_a_call_is_made_that_responders_can_enter_without_a_host(rig: Rig) -> None:
    made = await rig.open()

    (meeting,) = rig.zoom.meetings
    assert isinstance(made, Found)
    assert (made.found.id, made.found.url) == (str(meeting["id"]), meeting["join_url"])
    assert "zak=" not in made.found.url, "that is the host's own way in"
    assert (meeting["topic"], meeting["type"], meeting["start_time"]) == (TOPIC, 2, "2026-11-24T10:00:00Z")
    assert meeting["settings"] == {"join_before_host": True, "jbh_time": 0, "waiting_room": False}
    assert MARK in meeting["agenda"]


@pytest.mark.parametrize("kind", ["token", "list", "make"])
async def test_a_call_is_made_once_whichever_answer_was_lost(rig: Rig, kind: str) -> None:
    rig.zoom.lost[kind] = 1
    first = await rig.open()
    rig.again()
    second, third = await rig.open(), await rig.open()

    assert isinstance(first, Deferred)
    assert isinstance(second, Found)
    assert (second, len(rig.zoom.meetings)) == (third, 1)


async def test_after_a_lost_answer_zoom_is_given_time_to_list_what_it_made(rig: Rig) -> None:
    rig.zoom.lost["make"] = 1

    assert (await rig.open()).wait == TimeDelta(seconds=30)  # type: ignore[union-attr]  # it is deferred, see above


async def test_a_call_is_found_behind_hundreds_of_others_and_none_of_those_is_taken_for_it(rig: Rig) -> None:
    others = ({"agenda": "weekly"}, {}, {"agenda": "[tocsin INC-42.9.bridge 2026-11-24T09:00:00Z]"})
    for number in range(650):
        other = {"id": number, "type": 2, "topic": TOPIC, "join_url": "", **others[number % 3]}
        rig.zoom.meetings.append(other)
    made = await rig.open()
    rig.again()
    again = await rig.open()

    assert made == again
    assert len(rig.zoom.meetings) == 651
    assert rig.zoom.calls == ["token", "list", "list", "list", "make", "token", "list", "list", "list"]


async def test_where_there_are_more_meetings_than_can_be_looked_through_a_person_is_asked(rig: Rig) -> None:
    rig.zoom.meetings += [{"id": number, "type": 2, "topic": "x", "join_url": ""} for number in range(3_001)]

    outcome = await rig.open()

    assert isinstance(outcome, Rejected)
    assert "a user of its own" in outcome.why
    assert "make" not in rig.zoom.calls


async def test_one_token_serves_until_shortly_before_its_end(rig: Rig) -> None:
    for _ in range(3):
        await rig.open()
        rig.later(minutes=27)  # The third is 54 minutes old.
    assert rig.zoom.calls.count("token") == 1
    rig.later(minutes=2)
    assert isinstance(await rig.open(), Found)
    assert rig.zoom.calls.count("token") == 2


async def test_a_token_that_zoom_takes_back_is_replaced_by_the_next_attempt(rig: Rig) -> None:
    await rig.open()
    rig.zoom.expire()

    refused, made = await rig.open("another"), await rig.open("another")

    assert isinstance(refused, Deferred)
    assert "124" in refused.why
    assert isinstance(made, Found)
    assert len(rig.zoom.meetings) == 2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"secret": "wrong"}, "TOCSIN_ZOOM_CLIENT_ID and _CLIENT_SECRET"),
        ({"client": "wrong"}, "TOCSIN_ZOOM_CLIENT_ID and _CLIENT_SECRET"),
        ({"account": "wrong"}, "TOCSIN_ZOOM_ACCOUNT_ID"),
        ({"user": "nobody@agenticflow.example"}, "TOCSIN_ZOOM_USER"),
    ],
)
async def test_what_is_set_wrongly_is_named_with_the_setting(rig: Rig, changed: dict[str, str], said: str) -> None:
    rig.again(**changed)

    outcome = await rig.open()

    assert isinstance(outcome, Rejected)
    assert said in outcome.why
    assert rig.zoom.meetings == []


@pytest.mark.parametrize("scope", [READ, WRITE])
async def test_a_missing_scope_is_named_and_helps_as_soon_as_it_is_given(rig: Rig, scope: str) -> None:
    rig.zoom.scopes.discard(scope)
    refused = await rig.open()
    rig.zoom.scopes.add(scope)

    assert isinstance(refused, Rejected)
    assert scope in refused.why
    assert isinstance(await rig.open(), Found)


@pytest.mark.parametrize("kind", ["token", "list", "make"])
async def test_zooms_rate_limit_is_heeded_for_as_long_as_it_says(rig: Rig, kind: str) -> None:
    rig.zoom.limited[kind] = 1

    assert await rig.open() == Deferred("Zoom asked to slow down", TimeDelta(seconds=20))
    assert isinstance(await rig.open(), Found)


async def test_the_hundred_calls_a_day_of_one_user_are_waited_for(rig: Rig) -> None:
    rig.zoom.made_today = 100

    assert isinstance(await rig.open(), Deferred)


async def test_what_zoom_finds_invalid_is_not_tried_again(rig: Rig) -> None:
    outcome = await rig.bridges.open("x" * 201, MARK)

    assert isinstance(outcome, Rejected)
    assert "300" in outcome.why


@pytest.mark.parametrize("answer", [Response(500), Response(200, b"<html>"), Response(503, b"", {"retry-after": "9"})])
async def test_what_passes_is_deferred(rig: Rig, answer: Response) -> None:
    rig.zoom.answer = answer
    assert isinstance(await rig.open(), Deferred)


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'{"meetings":[]}{', b'{"access_token":"a\\nb","expires_in":3600}', b"[" * 20_000]
)
async def test_an_answer_that_is_not_zooms_is_deferred(rig: Rig, body: bytes) -> None:
    rig.zoom.answer = Response(200, body)
    assert isinstance(await rig.open(), Deferred)


async def test_zoom_that_cannot_be_reached_is_deferred(rig: Rig) -> None:
    rig.again(url="http://127.0.0.1:1")
    assert isinstance(await rig.open(), Deferred)


async def test_no_secret_stands_in_an_outcome_or_in_what_is_printed(rig: Rig) -> None:
    rig.zoom.answer = Response(400, f'{{"error":"{SECRET}","reason":"{SECRET}","code":"{SECRET}"}}'.encode())

    assert SECRET not in str(await rig.open()) + repr(rig.app) + repr(rig.bridges)
