"""A call of the incident's own through the whole engine, against a Zoom that refuses what Zoom refuses."""

from collections.abc import AsyncIterator

import httpx
import pytest
from msgspec.structs import replace
from whenever import TimeDelta

from tocsin.channels.rooms_port import Bridges
from tocsin.channels.zoom import ZoomApp, ZoomBridges
from tocsin.core import events as e
from tocsin.core.bridges import BRIDGES
from tocsin.core.commands import OpenRoom
from tocsin.core.ids import IncidentId
from tocsin.core.incident import Incident
from tocsin.core.limits import DELIVERY_LEASE
from tocsin.core.pointers import bridge
from tocsin.core.rules import Rulebook
from tocsin.store.memory import MemoryStore

from ..builders import by, zoom_rulebook
from ..standins.slack import Slack
from ..standins.slack_workspace import BOT
from ..standins.zoom import ACCOUNT, CLIENT, SECRET, USER, Zoom, zoom
from .test_rooms import FALLBACK, DyingStore, House, furnished, rules

TEMPLATE = "https://meet.example/{incident}"


def book(url: str = "") -> Rulebook:
    made = zoom_rulebook(url)
    return replace(rules(), rows=made.rows, bridge_url=made.bridge_url, bridge_by=made.bridge_by)


class Town(House):
    """A house whose calls are made by a stand-in for Zoom."""

    def __init__(self, state: Slack, calls: Zoom, http: httpx.AsyncClient, store: MemoryStore, rules: Rulebook) -> None:
        self.zoom = calls
        super().__init__(state, http, store, rules)

    def bridges(self) -> Bridges | None:
        self.zoom.now_s = lambda: float(self.clock.at.timestamp())
        app = ZoomApp(ACCOUNT, CLIENT, SECRET, USER, self.zoom.base_url, f"{self.zoom.base_url}/v2")
        return ZoomBridges(self.http, app, self.clock.now)

    def reborn(self) -> "Town":
        town = Town(self.slack, self.zoom, self.http, self.store, self.playbooks.current)
        town.clock.at = self.clock.at
        return town

    async def incident(self) -> Incident:
        found = await self.handler.load(IncidentId("INC-1"))
        assert found is not None
        return found

    async def address(self) -> str:
        return bridge(await self.incident(), self.playbooks.current)

    @property
    def summary(self) -> str:
        """What the pinned message says now."""
        (room,) = (each for each in self.slack.workspace.channels.values() if each.creator == BOT)
        return str([each["blocks"] for each in self.slack.messages if each["ts"] in room.pins])

    @property
    def call(self) -> str:
        (meeting,) = self.zoom.meetings
        return str(meeting["join_url"])


@pytest.fixture
async def state() -> AsyncIterator[Slack]:
    async with furnished() as made:
        yield made


@pytest.fixture
async def town(state: Slack) -> AsyncIterator[Town]:
    async with zoom() as calls, httpx.AsyncClient(trust_env=False) as http:
        made = Town(state, calls, http, DyingStore(), book())
        await made.start()
        yield made


@pytest.mark.clause("R3")
async def test_a_grave_incident_gets_a_call_whose_link_stands_in_its_room(town: Town) -> None:
    await town.declare()
    await town.deliver()

    assert await town.address() == town.call
    assert town.call in town.summary
    assert len(await town.of(e.BridgeOpened)) == 1
    assert any(town.call in str(each) for each in town.slack.messages if each["channel"] == FALLBACK), "not there yet"
    assert await town.unaccounted() == 0


@pytest.mark.clause("R3")
async def test_while_zoom_is_down_the_room_goes_on_without_a_call_and_the_link_comes_later(town: Town) -> None:
    town.zoom.limited = {"token": 3, "make": 1}
    await town.declare()
    await town.deliver(0.5)
    (room,) = (each for each in town.slack.workspace.channels.values() if each.creator == BOT)
    assert (bool(room.topic), len(room.pins), len(room.members)) == (True, 1, 5)
    assert await town.address() == ""
    assert "Incident bridge" not in town.summary

    await town.deliver(4)
    assert await town.address() == town.call
    assert town.call in town.summary
    assert any(f"📞 The incident bridge is {town.call}" in text for text in town.texts(room.id))
    assert await town.of(e.BridgeFailed) == []


@pytest.mark.parametrize("kind", ["token", "list", "make"])
async def test_a_call_is_made_once_though_the_process_dies_as_soon_as_zoom_has_answered(town: Town, kind: str) -> None:
    store = town.store
    assert isinstance(store, DyingStore)
    await town.declare()
    died: list[str] = []

    def die(heard: str) -> None:
        if heard == kind and not died:
            died.append(heard)
            store.dies_at = store.writes

    town.zoom.heard = die
    town.zoom.lost[kind] = 1
    await town.deliver(0.5)
    store.dies_at = None
    reborn = town.reborn()
    reborn.later(minutes=2)
    await reborn.deliver(4)

    assert died == [kind]
    assert await reborn.address() == reborn.call
    assert len(await reborn.of(e.BridgeOpened)) == 1
    assert await reborn.of(e.BridgeFailed) == []


@pytest.mark.parametrize("place", range(2, 24, 3))
async def test_wherever_the_process_dies_there_is_one_call_in_the_end(town: Town, place: int) -> None:
    store = town.store
    assert isinstance(store, DyingStore)
    await town.declare()
    store.dies_at = store.writes + place - 1
    await town.deliver(1)
    store.dies_at = None
    reborn = town.reborn()
    reborn.later(minutes=2)
    await reborn.deliver(4)

    assert await reborn.address() == reborn.call
    assert reborn.call in reborn.summary
    assert len(await reborn.of(e.BridgeOpened)) == 1


@pytest.mark.clause("R3")
async def test_what_zoom_refuses_for_good_is_said_with_its_remedy_and_the_playbooks_address_is_used(
    state: Slack,
) -> None:
    async with zoom() as calls, httpx.AsyncClient(trust_env=False) as http:
        calls.users.clear()
        town = Town(state, calls, http, MemoryStore(), book(TEMPLATE))
        await town.start()
        await town.declare()
        await town.deliver()
        (failed,) = await town.of(e.BridgeFailed)

        assert isinstance(failed, e.BridgeFailed)
        assert "TOCSIN_ZOOM_USER" in failed.why
        assert "https://meet.example/inc-1" in town.summary

        calls.users.add(USER)
        await town.do(OpenRoom(by=by("mara-lindqvist")))
        await town.deliver()
        assert town.call in town.summary


@pytest.mark.clause("R3")
async def test_without_zoom_the_timeline_says_how_to_get_calls_and_everything_else_works(state: Slack) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        house = House(state, http, MemoryStore(), book(TEMPLATE))
        await house.start()
        await house.declare()
        await house.deliver()

    (failed,) = await house.of(e.BridgeFailed)
    assert isinstance(failed, e.BridgeFailed)
    assert "TOCSIN_ZOOM_ACCOUNT_ID" in failed.why
    (summary,) = (each for each in state.messages if each["text"].startswith("NOW"))
    assert "https://meet.example/inc-1" in str(summary["blocks"])
    assert len(await house.of(e.RoomSummarised)) == 1


@pytest.mark.clause("R3")
async def test_a_start_leaves_zoom_the_time_to_list_what_a_killed_server_may_have_made(town: Town) -> None:
    await town.declare()
    at = town.clock.at
    await town.store.claim(at, at + DELIVERY_LEASE, 100, {})

    reborn = town.reborn()
    await reborn.dispatcher.take_back(at)

    early = await reborn.store.claim(at + TimeDelta(seconds=29), at + DELIVERY_LEASE, 100, {})
    late = await reborn.store.claim(at + TimeDelta(seconds=31), at + DELIVERY_LEASE, 100, {})
    assert early
    assert [intent.channel for intent, _ in late] == [BRIDGES]
