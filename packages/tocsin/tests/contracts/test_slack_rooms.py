"""Slack channels as rooms, against a stand-in that refuses what Slack refuses: one step, one attempt, nothing twice."""

from collections.abc import AsyncIterator

import httpx
import pytest
from whenever import TimeDelta

from tocsin.channels.rooms_port import Accepted, Deferred, DeliveryKey, Found, Gone, Outcome, Rejected
from tocsin.channels.slack_rooms import SlackRooms
from tocsin.core.ids import IncidentId, PersonId, Severity
from tocsin.core.messages import Fact, Link, Message, MessageKind
from tocsin.core.room_steps import (
    ArchiveRoom,
    CreateRoom,
    Invite,
    PinSummary,
    PostSummary,
    ReadMessage,
    RejoinRoom,
    RoomStep,
    SetTopic,
    UpdateSummary,
)

from ..standins.server import Response
from ..standins.slack import TOKEN, Slack, slack
from ..standins.slack_workspace import BOT

KEY = DeliveryKey("INC-42.6.create")
MAKE = CreateRoom("sev1-agent-booster-down", "42")
SUMMARY = Message(
    MessageKind.SUMMARY,
    "SEV1 INC-42: Agent Booster: no operation succeeds",
    IncidentId("INC-42"),
    Severity("SEV1"),
    facts=(Fact("Stage", "investigating"),),
    links=(Link("Incident bridge", "https://zoom.us/j/incident-bridge"),),
)
ANA = PersonId("ana")


class Rig:
    def __init__(self, state: Slack, http: httpx.AsyncClient) -> None:
        self.slack = state
        self.workspace = state.workspace
        self.workspace.users |= {"U0ANA", "U0BEN"}
        self._http = http
        self.again()

    def again(self) -> None:
        """Another process, which remembers nothing."""
        self.rooms = SlackRooms(self._http, TOKEN, self.slack.base_url, timeout_s=2)

    async def take(self, step: RoomStep, message: Message = SUMMARY, key: str = KEY) -> Outcome:
        return await self.rooms.take(step, message, DeliveryKey(key))

    async def room(self) -> str:
        made = await self.take(MAKE)
        assert isinstance(made, Found)
        return made.found.id


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with slack() as state, httpx.AsyncClient(trust_env=False) as http:
        yield Rig(state, http)


async def test_a_room_is_made_under_its_name_and_marked_as_ours(rig: Rig) -> None:
    made = await rig.take(MAKE)

    assert isinstance(made, Found)
    channel = rig.workspace.named("sev1-agent-booster-down")
    assert (made.found.id, made.found.name) == (channel.id, channel.name)
    assert made.found.url == f"https://agentic.slack.example/archives/{channel.id}"
    assert KEY in channel.purpose
    assert not channel.is_private


@pytest.mark.parametrize("method", ["conversations.create", "conversations.setPurpose", "users.conversations"])
async def test_a_room_is_made_once_whichever_answer_was_lost(rig: Rig, method: str) -> None:
    rig.slack.lost[method] = 1
    if method == "users.conversations":
        rig.slack.lost["conversations.create"] = 1
    rig.workspace.page = 2
    for number in range(5):
        rig.workspace.add(f"old-{number}", BOT, purpose="another's")
    outcomes = []
    for _ in range(3):
        outcomes.append(await rig.take(MAKE))
        rig.again()

    assert isinstance(outcomes[0], Deferred)
    assert isinstance(outcomes[-1], Found)
    assert [each.name for each in rig.workspace.channels.values() if each.name.startswith("sev1")] == [MAKE.name]
    assert KEY in rig.workspace.named(MAKE.name).purpose


@pytest.mark.parametrize("archived", [False, True])
async def test_a_name_that_somebody_else_has_gets_the_incidents_number(rig: Rig, archived: bool) -> None:
    rig.workspace.add(MAKE.name, "U0SOMEBODY", is_archived=archived)

    made = await rig.take(MAKE)

    assert isinstance(made, Found)
    assert made.found.name == f"{MAKE.name}-42"


async def test_a_room_of_another_incident_of_ours_is_not_taken_for_this_ones(rig: Rig) -> None:
    await rig.take(MAKE, key="INC-7.6.create")
    made = await rig.take(MAKE)

    assert isinstance(made, Found)
    assert made.found.name == f"{MAKE.name}-42"


async def test_when_every_name_is_taken_a_person_is_asked_for_another(rig: Rig) -> None:
    for name in (MAKE.name, f"{MAKE.name}-42", f"{MAKE.name}-42-2", f"{MAKE.name}-42-3"):
        rig.workspace.add(name)

    outcome = await rig.take(MAKE)

    assert isinstance(outcome, Rejected)
    assert "open the room by hand with another" in outcome.why


async def test_the_summary_is_posted_once_though_its_answer_was_lost_and_is_pinned_once(rig: Rig) -> None:
    room = await rig.room()
    rig.slack.lost["chat.postMessage"] = 1
    assert isinstance(await rig.take(PostSummary(room), key="s"), Deferred)
    rig.again()
    posted = await rig.take(PostSummary(room), key="s")
    assert isinstance(posted, Found)
    for _ in range(2):
        assert isinstance(await rig.take(PinSummary(room, posted.found.id)), Accepted)

    assert [each["ts"] for each in rig.slack.messages] == [posted.found.id]
    assert rig.workspace.channels[room].pins == [posted.found.id]


async def test_without_the_scope_to_look_back_the_summary_is_posted_all_the_same(rig: Rig) -> None:
    room = await rig.room()
    rig.slack.scopes.discard("channels:history")

    assert isinstance(await rig.take(PostSummary(room), key="s"), Found)


async def test_the_summary_is_written_anew_in_place_and_posted_anew_if_somebody_deleted_it(rig: Rig) -> None:
    room = await rig.room()
    posted = await rig.take(PostSummary(room), key="s")
    assert isinstance(posted, Found)
    newer = Message(MessageKind.SUMMARY, "SEV1 INC-42: mitigated", IncidentId("INC-42"), Severity("SEV1"))

    assert await rig.take(UpdateSummary(room, posted.found.id), newer) == Accepted(posted.found.id)
    assert "mitigated" in rig.slack.messages[0]["text"]
    assert rig.slack.messages[0]["metadata"]["event_payload"]["key"] == "s"

    rig.slack.messages.clear()
    again = await rig.take(UpdateSummary(room, posted.found.id), newer, key="u")
    assert isinstance(again, Found)
    assert again.found.id == rig.slack.messages[0]["ts"]


async def test_whoever_is_in_already_counts_as_invited_and_whom_slack_does_not_know_is_said_so(rig: Rig) -> None:
    room = await rig.room()
    for address in ("U0ANA", "U0ANA", BOT):
        assert isinstance(await rig.take(Invite(room, ANA, address)), Accepted)

    stranger = await rig.take(Invite(room, ANA, "U0GONE"))
    malformed = await rig.take(Invite(room, ANA, "@ana.l"))

    assert "user_not_found" in str(stranger)
    assert "member id" in str(malformed)
    assert rig.workspace.channels[room].members == {BOT, "U0ANA"}


async def test_the_topic_is_set(rig: Rig) -> None:
    room = await rig.room()
    words = Message(
        MessageKind.SUMMARY, "x", IncidentId("INC-42"), Severity("SEV1"), "SEV1 · investigating" + "x" * 300
    )

    assert isinstance(await rig.take(SetTopic(room), words), Accepted)
    assert rig.workspace.channels[room].topic.startswith("SEV1 · investigating")


@pytest.mark.parametrize("how", ["archived", "removed", "deleted"])
async def test_a_room_that_takes_nothing_any_more_is_gone(rig: Rig, how: str) -> None:
    room = await rig.room()
    channel = rig.workspace.channels[room]
    if how == "archived":
        channel.is_archived = True
    elif how == "removed":
        channel.members.discard(BOT)
    else:
        del rig.workspace.channels[room]

    for step in (SetTopic(room), PostSummary(room), Invite(room, ANA, "U0ANA")):
        assert isinstance(await rig.take(step), Gone)
    back = await rig.take(RejoinRoom(room))

    assert isinstance(back, Accepted if how == "removed" else Rejected)


async def test_archiving_twice_is_archiving_once(rig: Rig) -> None:
    room = await rig.room()
    for _ in range(2):
        assert isinstance(await rig.take(ArchiveRoom(room)), Accepted)
    assert rig.workspace.channels[room].is_archived


async def test_a_marked_message_is_read_with_its_author_and_permanent_address(rig: Rig) -> None:
    room = await rig.room()
    said = {"channel": room, "ts": "1700000000.000900", "text": "the cache is cold", "user": "U0ANA"}
    rig.slack.messages.append(said)

    read = await rig.take(ReadMessage(room, "1700000000.000900"))
    missing = await rig.take(ReadMessage(room, "1700000000.000901"))

    assert isinstance(read, Found)
    assert (read.found.text, read.found.author) == ("the cache is cold", "U0ANA")
    assert read.found.url.endswith("p1700000000000900")
    assert isinstance(missing, Rejected)


STEPS = [
    (MAKE, "conversations.create"),
    (SetTopic("C0ROOM001"), "conversations.setTopic"),
    (PostSummary("C0ROOM001"), "chat.postMessage"),
    (UpdateSummary("C0ROOM001", "1"), "chat.update"),
    (PinSummary("C0ROOM001", "1"), "pins.add"),
    (Invite("C0ROOM001", ANA, "U0ANA"), "conversations.invite"),
    (ArchiveRoom("C0ROOM001"), "conversations.archive"),
]


@pytest.mark.parametrize(("step", "method"), STEPS, ids=[method for _, method in STEPS])
async def test_slacks_rate_limit_is_heeded_for_as_long_as_it_says(rig: Rig, step: RoomStep, method: str) -> None:
    if not isinstance(step, CreateRoom):
        await rig.room()
    rig.slack.limited[method] = 1

    assert await rig.take(step, key="k") == Deferred("Slack asked to slow down", TimeDelta(seconds=30))


@pytest.mark.parametrize(("step", "method"), STEPS, ids=[method for _, method in STEPS])
async def test_a_missing_scope_is_named(rig: Rig, step: RoomStep, method: str) -> None:
    await rig.room()
    from ..standins.slack_workspace import SCOPES

    rig.slack.scopes.discard(SCOPES[method])
    outcome = await rig.take(step, key="k")

    assert isinstance(outcome, Rejected)
    assert outcome.why == f"Slack answered missing_scope: give the app {SCOPES[method]}"


@pytest.mark.parametrize(
    "answer", [Response(500), Response(200, b"<html>"), Response(200, b'{"ok":false,"error":"fatal_error"}')]
)
async def test_what_passes_is_deferred(rig: Rig, answer: Response) -> None:
    rig.slack.answer = answer

    assert isinstance(await rig.take(MAKE), Deferred)


async def test_no_secret_stands_in_an_outcome(rig: Rig) -> None:
    rig.slack.answer = Response(200, b'{"ok":false,"error":"missing_scope","needed":"<b>xoxb-1234-stand-in</b>"}')

    assert TOKEN not in str(await rig.take(MAKE))
