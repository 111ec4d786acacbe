"""From an incident's room into its timeline: messages marked 📌, and what is typed there."""

import json
from collections.abc import AsyncIterator

import pytest

from tocsin.core import events as e
from tocsin.core.commands import RecordRoom
from tocsin.core.ids import IncidentId, IntentId
from tocsin.core.room_steps import CreateRoom, PostSummary, ReadMessage, RoomFound
from tocsin.core.rules import Rulebook

from ..standins.slack import slack
from .test_slack_callbacks import ON_CALL, Chatting

INC = IncidentId("INC-1")
ROOM = "C0ROOM001"
TS = "1700000099.000001"


class InRoom(Chatting):
    """A town with one incident whose room is there."""

    async def open(self) -> None:
        await self.type("create sev1-agent-booster-down")
        made = RoomFound(id=ROOM, name="sev1-agent-booster-down", url="https://slack.example/archives/C0ROOM001")
        await self.did(CreateRoom("sev1-agent-booster-down", "1"), made)
        await self.did(PostSummary(ROOM), RoomFound(id="1.1"))

    async def did(self, step: CreateRoom | PostSummary | ReadMessage, found: RoomFound) -> None:
        await self.engine.handle(INC, RecordRoom(step=step, intent=IntentId("x"), found=found))

    async def mark(self, *, user: str = "", ts: str = TS, channel: str = ROOM, pinned: bool = False) -> int:
        item = {"type": "message", "channel": channel, "ts": ts}
        event = {"type": "reaction_added", "reaction": "pushpin", "user": user or self.user, "item": item}
        if pinned:
            item = {"type": "message", "channel": channel, "message": {"ts": ts}}
            event = {"type": "pin_added", "channel_id": channel, "user": user or self.user, "item": item}
        body = json.dumps({"type": "event_callback", "event_id": "Ev1", "event": event}).encode()
        answer = await self.send("events", body, **{"Content-Type": "application/json"})
        return int(answer.status_code)

    async def of(self, kind: type) -> list[e.AnyEvent]:
        return [event for event in await self.store.timeline(INC) if isinstance(event, kind)]

    async def steps(self) -> list[object]:
        return [
            entry.intent.step for entry in await self.store.ledger(INC) if isinstance(entry.intent.step, ReadMessage)
        ]


@pytest.fixture
async def town(agentic_flow: Rulebook) -> AsyncIterator[InRoom]:
    async with slack() as state:
        made = InRoom(agentic_flow, state)
        await made.engine.start()
        await made.open()
        yield made
        await made.http.aclose()
        await made.client.aclose()


@pytest.mark.clause("R2")
async def test_an_incident_created_by_its_name_has_a_room_of_that_name(town: InRoom) -> None:
    (asked,) = await town.of(e.RoomAsked)
    assert isinstance(asked, e.RoomAsked)
    assert asked.name == "sev1-agent-booster-down"
    view = await town.view(INC)
    assert view["room"]["id"] == ROOM
    assert view["bridge_url"].startswith("https://zoom.us/")


async def test_a_message_marked_in_the_room_is_asked_for_once_however_often_and_by_whomever(town: InRoom) -> None:
    for pinned in (False, True, False):
        assert await town.mark(pinned=pinned) == 200
    assert await town.mark(user="U0STRANGER") == 200

    assert await town.steps() == [ReadMessage(ROOM, TS, ON_CALL)]
    found = RoomFound(id=TS, url="https://slack.example/p1", text="the cache is cold", author="U0STRANGER")
    await town.did(ReadMessage(ROOM, TS, None), found)
    lines = (await town.get(f"/api/v1/incidents/{INC}/timeline"))["events"]
    (note,) = [line for line in lines if line["event"]["type"] == "note_added"]
    assert note["text"] == "U0STRANGER in the Slack channel: the cache is cold"
    assert note["event"]["link"] == "https://slack.example/p1"


async def test_our_own_pinned_summary_and_other_slack_channels_are_left_alone(town: InRoom) -> None:
    assert await town.mark(ts="1.1", pinned=True) == 200
    assert await town.mark(channel="C0LUNCH") == 200

    assert await town.steps() == []


async def test_what_is_typed_in_a_room_means_its_incident_though_others_are_open(town: InRoom) -> None:
    await town.type("create sev2-agentdb-slow")

    assert await town.type("note we roll back", channel=ROOM, name="sev1-agent-booster-down") == "*INC-1*: Noted."
    said = await town.type("update rolling back", channel=ROOM, name="sev1-agent-booster-down")
    assert said == "*INC-1*: told the incident's channel."
    assert "2 incidents are open" in await town.type("note hello", channel="C0LUNCH", name="lunch")


async def test_an_event_that_could_not_be_kept_is_refused_so_that_slack_tells_it_again(town: InRoom) -> None:
    town.store.fails = True
    assert await town.mark() == 503

    town.store.fails = False
    assert await town.mark() == 200
    assert len(await town.steps()) == 1
