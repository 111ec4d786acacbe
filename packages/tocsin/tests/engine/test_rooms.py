"""An incident's room through the whole engine, against a Slack that refuses what Slack refuses, and over deaths."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from msgspec.structs import replace
from whenever import TimeDelta

from tocsin.channels.rooms_port import Bridges
from tocsin.channels.slack import SlackChannel
from tocsin.channels.slack_rooms import SlackRooms
from tocsin.core import events as e
from tocsin.core.commands import (
    Acknowledge,
    CloseIncident,
    Declare,
    MarkMessage,
    PostUpdate,
    Resolve,
    SetStage,
)
from tocsin.core.events import Actor, Evidence
from tocsin.core.ids import AudienceId, ChannelName, IncidentId, PersonId
from tocsin.core.rules import Rulebook
from tocsin.core.stages import Stage
from tocsin.engine.clock import Chance
from tocsin.engine.dispatcher import Dispatcher
from tocsin.store.memory import MemoryStore
from tocsin.store.port import Change, StoreUnavailable

from ..builders import BOOSTER, SEV1, TUESDAY_MORNING, by, slack_rulebook
from ..standins.slack import TOKEN, Slack, slack
from ..standins.slack_workspace import BOT
from .conftest import CONSOLE, RememberingChannel, Whole, _link

MARA = PersonId("mara-lindqvist")
FALLBACK = "C0FALLBACK"


class DyingStore(MemoryStore):
    """A disk that is gone from a given write on, until somebody starts anew."""

    def __init__(self) -> None:
        super().__init__()
        self.dies_at: int | None = None
        self.writes = 0

    async def commit(self, change: Change) -> None:
        self.writes += 1
        if self.dies_at is not None and self.writes >= self.dies_at:
            raise StoreUnavailable("the machine is off")
        await super().commit(change)


def rules() -> Rulebook:
    book = slack_rulebook()
    audiences = {
        key: replace(each, address=FALLBACK) if each.in_room else replace(each, channel=None, announces=())
        for key, each in book.audiences.items()
    }
    people = {
        key: replace(each, methods=tuple(m for m in each.methods if m.kind == "slack" or m.channel == CONSOLE))
        for key, each in book.people.items()
    }
    return replace(
        book, next_review_on=book.next_review_on.replace(year=2030), audiences=audiences, people=people, heartbeats={}
    )


class House(Whole):
    """An engine whose Slack is a stand-in; people's own messages go elsewhere."""

    def __init__(self, state: Slack, http: httpx.AsyncClient, store: MemoryStore, book: Rulebook) -> None:
        super().__init__(store, book, TUESDAY_MORNING, RememberingChannel())
        self.slack = state
        self.http = http
        rooms = SlackRooms(http, TOKEN, state.base_url, timeout_s=2, pace=1000)
        channels = {CONSOLE: self.channel, ChannelName("slack"): SlackChannel(http, TOKEN, state.base_url, 2, 1000)}
        self.dispatcher = Dispatcher(
            store, self.handler, channels, _link, self.clock, Chance(3), self.telemetry, rooms, self.bridges()
        )

    def bridges(self) -> Bridges | None:
        """What makes calls."""
        return None

    def reborn(self) -> "House":
        """Another process over the same disk."""
        house = House(self.slack, self.http, self.store, self.playbooks.current)
        house.clock.at = self.clock.at
        return house

    async def declare(self) -> None:
        await self.do(
            Declare(
                incident=IncidentId("INC-1"),
                title="Agent Booster: no operation succeeds",
                components=(BOOSTER,),
                severity=SEV1,
                evidence=Evidence("agent-booster.down", "C3", "0 % of operations succeed"),
                detected_at=self.clock.at,
                group_key=BOOSTER,
            )
        )

    async def deliver(self, minutes: float = 3) -> None:
        """Let the outbox work, in steps of five seconds, for so long."""
        until = self.clock.at + TimeDelta(seconds=minutes * 60)
        while True:
            for _ in range(40):
                following = await self.dispatch()
                if following is None or following > self.clock.at:
                    break
            if self.clock.at >= until:
                return
            self.later(seconds=5)

    def texts(self, channel: str) -> list[str]:
        return [each["text"] for each in self.slack.messages if each["channel"] == channel]


@asynccontextmanager
async def furnished() -> AsyncIterator[Slack]:
    """A workspace in which everybody of the playbook is."""
    async with slack() as made:
        made.channels = {FALLBACK: "incident-room"}
        made.workspace.users |= {f"U0AF{number:04}" for number in range(30)}
        # Whoever is told by Slack is told in a conversation of their own.
        made.channels |= {user: user for user in made.workspace.users}
        yield made


@pytest.fixture
async def state() -> AsyncIterator[Slack]:
    async with furnished() as made:
        yield made


@pytest.fixture
async def house(state: Slack) -> AsyncIterator[House]:
    async with httpx.AsyncClient(trust_env=False) as http:
        made = House(state, http, DyingStore(), rules())
        await made.start()
        yield made


@pytest.mark.clause("R2", "R3", "K6")
async def test_a_grave_incident_gets_its_room_with_topic_people_and_a_pinned_summary(house: House) -> None:
    await house.declare()
    await house.deliver()

    room = house.slack.workspace.named("sev1-agent-booster-no-operation-succeeds")
    incident = await house.handler.load(IncidentId("INC-1"))
    assert incident is not None
    assert room.topic.startswith("SEV1 · investigating · commander: Aisha Bello · INC-1")
    people = house.playbooks.current.people
    invited = {way.address for who in incident.roles.values() for way in people[who].methods if way.kind == "slack"}
    assert room.members == {BOT, *invited}
    (summary,) = (each for each in house.slack.messages if each["ts"] in room.pins)
    assert summary["text"] == "NOW · SEV1 INC-1: Agent Booster: no operation succeeds"
    assert "zoom.us" in str(summary["blocks"])
    assert await house.unaccounted() == 0


@pytest.mark.clause("M4")
async def test_the_room_is_kept_current_and_every_change_is_told_in_it(house: House) -> None:
    await house.declare()
    await house.deliver()
    await house.do(Acknowledge(by=Actor(PersonId("aisha-bello"))))
    await house.do(SetStage(by=Actor(PersonId("aisha-bello")), stage=Stage.IDENTIFIED))
    await house.do(PostUpdate(by=Actor(MARA), audience=AudienceId("incident-channel"), text="Rolling back to 1.9.0"))
    await house.deliver()

    room = house.slack.workspace.named("sev1-agent-booster-no-operation-succeeds")
    assert "identified" in room.topic
    (summary,) = (each for each in house.slack.messages if each["ts"] in room.pins)
    assert "identified" in str(summary["blocks"])
    told = "\n".join(house.texts(room.id))
    assert "SEV1 INC-1 · 🙋 Acknowledged by Aisha Bello" in told
    assert "Rolling back to 1.9.0" in told
    assert house.texts(FALLBACK)[0].startswith("UPDATE · 🚨 SEV1 INC-1"), "before the room was there"


async def test_what_has_not_changed_is_not_said_again(house: House) -> None:
    await house.declare()
    await house.deliver()
    house.slack.calls.clear()
    await house.deliver(2)

    assert "conversations.setTopic" not in house.slack.calls
    assert house.slack.workspace.topics_set == 1


@pytest.mark.parametrize("place", range(2, 24))
async def test_wherever_the_process_dies_the_room_is_finished_and_nothing_is_done_twice(
    house: House, place: int
) -> None:
    store = house.store
    assert isinstance(store, DyingStore)
    await house.declare()
    store.dies_at = store.writes + place - 1  # Whatever was done outside by then is not written down.
    await house.deliver(1)
    store.dies_at = None
    reborn = house.reborn().later(minutes=2)
    await reborn.deliver(4)

    (room,) = (each for each in house.slack.workspace.channels.values() if each.creator == BOT)
    assert room.name == "sev1-agent-booster-no-operation-succeeds"
    assert len(room.pins) == 1
    summaries = [each for each in house.slack.messages if each["text"].startswith("NOW")]
    assert len(summaries) == 1
    assert len(room.members) == 5
    assert len(await reborn.of(e.RoomOpened)) == 1
    assert len(await reborn.of(e.RoomSummarised)) == 1
    assert await reborn.of(e.RoomStepFailed) == []


@pytest.mark.parametrize(
    "method",
    ["conversations.create", "conversations.setTopic", "chat.postMessage", "pins.add", "conversations.invite"],
)
async def test_slack_that_asks_to_slow_down_is_waited_for_and_everything_is_done(house: House, method: str) -> None:
    house.slack.limited[method] = 2
    await house.declare()
    await house.deliver(4)

    (room,) = (each for each in house.slack.workspace.channels.values() if each.creator == BOT)
    assert (bool(room.topic), len(room.pins), len(room.members)) == (True, 1, 5)


@pytest.mark.clause("K6")
async def test_after_somebody_archives_the_room_everything_is_said_where_its_audience_reads_without_one(
    house: House,
) -> None:
    await house.declare()
    await house.deliver()
    room = house.slack.workspace.named("sev1-agent-booster-no-operation-succeeds")
    room.is_archived = True
    await house.do(PostUpdate(by=Actor(MARA), audience=AudienceId("incident-channel"), text="Rolling back"))
    await house.deliver()
    await house.do(PostUpdate(by=Actor(MARA), audience=AudienceId("incident-channel"), text="Rolled back"))
    await house.deliver()

    assert [text for text in house.texts(FALLBACK) if "Roll" in text] == [
        "UPDATE SEV1 · Rolling back",
        "UPDATE SEV1 · Rolled back",
    ]
    assert len(await house.of(e.RoomLost)) == 1
    (failed,) = await house.of(e.RoomStepFailed)
    assert isinstance(failed, e.RoomStepFailed)
    assert "is_archived" in failed.why


async def test_an_app_that_was_removed_from_the_room_comes_back_and_brings_it_up_to_date(house: House) -> None:
    await house.declare()
    await house.deliver()
    room = house.slack.workspace.named("sev1-agent-booster-no-operation-succeeds")
    room.members.discard(BOT)
    await house.do(SetStage(by=Actor(MARA), stage=Stage.IDENTIFIED))
    await house.deliver()

    assert BOT in room.members
    assert "identified" in room.topic
    assert any("identified" in text for text in house.texts(FALLBACK)), "what was missed meanwhile"
    assert len(await house.of(e.RoomRegained)) == 1


async def test_somebody_whom_slack_does_not_know_is_named_and_the_rest_goes_on(house: House) -> None:
    house.slack.workspace.users.discard("U0AF0004")
    await house.declare()
    await house.deliver()

    (failed,) = await house.of(e.RoomStepFailed)
    assert isinstance(failed, e.RoomStepFailed)
    assert (failed.person, "user_not_found" in failed.why) == (MARA, True)
    (room,) = (each for each in house.slack.workspace.channels.values() if each.creator == BOT)
    assert len(room.members) == 4


async def test_a_message_marked_for_the_timeline_is_fetched_with_its_author_and_address(house: House) -> None:
    await house.declare()
    await house.deliver()
    (room,) = (each for each in house.slack.workspace.channels.values() if each.creator == BOT)
    house.slack.messages.append(
        {"channel": room.id, "ts": "1700000099.000001", "text": "the cache is cold", "user": "U0AF0008"}
    )
    for who in ("mara-lindqvist", "henrik-vogel"):
        await house.do(MarkMessage(by=by(who), message="1700000099.000001"))
    await house.deliver()

    (note,) = await house.of(e.NoteAdded)
    assert isinstance(note, e.NoteAdded)
    assert (note.text, note.author) == ("the cache is cold", "Lucas Ferreira")
    assert note.link.startswith("https://agentic.slack.example/archives/")
    assert len([text for text in house.texts(room.id) if "cache" in text]) == 1, "it was said there already"


async def test_it_is_archived_when_its_time_has_come_and_not_before(house: House) -> None:
    await house.declare()
    await house.deliver()
    commander = Actor(MARA, commands=True)
    await house.do(Resolve(by=commander, override_reason="a drill"))
    await house.do(CloseIncident(by=commander))
    await house.deliver()
    (room,) = (each for each in house.slack.workspace.channels.values() if each.creator == BOT)
    assert "closed" in room.topic
    assert not room.is_archived

    house.later(minutes=14 * 24 * 60)
    await house.reborn().deliver()
    assert room.is_archived
    assert await house.unaccounted() == 0


@pytest.mark.clause("R2")
async def test_without_a_token_the_timeline_says_how_to_get_a_room_and_everything_else_works(whole: Whole) -> None:
    book = rules()
    without = Whole(MemoryStore(), book, TUESDAY_MORNING, RememberingChannel())
    await without.start()
    await House.declare(without)  # type: ignore[arg-type]
    await without.dispatch()
    await without.dispatch()

    (failed,) = await without.of(e.RoomStepFailed)
    assert isinstance(failed, e.RoomStepFailed)
    assert "TOCSIN_SLACK_TOKEN" in failed.why
    assert any("INC-1" in subject for subject in without.channel.subjects)
