"""The incident's room as a saga: which steps are asked for, what is kept current, what happens when a step fails."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import events as e
from tocsin.core.commands import (
    AddNote,
    AnyCommand,
    AssignRole,
    CloseIncident,
    MarkMessage,
    OpenRoom,
    PostUpdate,
    Reason,
    RecordDelivery,
    RecordMitigation,
    RecordRoom,
    SetSeverity,
    SetStage,
)
from tocsin.core.events import Actor
from tocsin.core.ids import AudienceId, ChannelName, IntentId, PersonId, RoleName, Severity
from tocsin.core.limits import NOTE_LENGTH_MAX
from tocsin.core.room_saga import pointless, summary, topic
from tocsin.core.room_steps import (
    ArchiveRoom,
    CreateRoom,
    Invite,
    PinSummary,
    PostSummary,
    ReadMessage,
    RejoinRoom,
    RoomFound,
    RoomStep,
    SetTopic,
    UpdateSummary,
)
from tocsin.core.rooms import legal_name
from tocsin.core.rules import Method, MethodKind
from tocsin.core.stages import Stage

from ..builders import SEV1, SEV2, SEV3, TUESDAY_MORNING, SendingTale, Tale, by, minutes, slack_rulebook

ROOM = AudienceId("incident-channel")
MADE = RoomFound(id="C0ROOM001", name="sev1-agent-booster-down", url="https://slack.example/archives/C0ROOM001")

NOTHING = RoomFound()


class RoomTale(SendingTale):
    def __init__(self) -> None:
        super().__init__(TUESDAY_MORNING, slack_rulebook())

    def steps(self, kind: type | None = None) -> list[RoomStep]:
        return [each.step for each in self.sent if each.step and (kind is None or isinstance(each.step, kind))]

    def took(self, kind: type, found: RoomFound = NOTHING, *, why: str = "", gone: bool = False) -> None:
        """The newest step of a kind came to this."""
        intent = next(each for each in reversed(self.outbox) if isinstance(each.step, kind))
        assert intent.step is not None
        self.do(RecordRoom(step=intent.step, intent=intent.id, found=found, why=why, gone=gone))

    def opened(self, severity: Severity = SEV1) -> "RoomTale":
        self.declare(severity)
        self.took(CreateRoom, MADE)
        self.took(PostSummary, RoomFound(id="1.1"))
        self.sent.clear()
        return self

    def said_to(self, address: str) -> list[str]:
        return [each.message.subject for each in self.sent if each.address == address and each.step is None]


@pytest.mark.clause("R2", "K6")
@pytest.mark.parametrize(("severity", "rooms"), [(SEV1, 1), (SEV2, 1), (SEV3, 0)])
def test_a_grave_incident_asks_for_a_room_of_its_own_once(severity: Severity, rooms: int) -> None:
    tale = RoomTale()
    tale.declare(severity)
    tale.wait(30)

    assert len(tale.steps(CreateRoom)) == rooms
    assert len(tale.of(e.RoomAsked)) == rooms


@pytest.mark.clause("R2")
def test_an_incident_that_grows_grave_gets_one_and_keeps_its_name() -> None:
    tale = RoomTale()
    tale.declare(SEV3)
    tale.do(SetSeverity(by=by("mara-lindqvist"), severity=SEV2))
    tale.took(CreateRoom, MADE)
    tale.do(SetSeverity(by=by("mara-lindqvist"), severity=SEV1))

    assert len(tale.steps(CreateRoom)) == 1
    assert tale.state.room is not None
    assert tale.state.room.name == MADE.name


@pytest.mark.clause("R2")
@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("SEV1 agent-booster down", "sev1-agent-booster-down"),
        ("SEV2 agentdb Zu viele Anfragen für Köln!", "sev2-agentdb-zu-viele-anfragen-fur-koln"),
        ("SEV1 x " + "word " * 40, "sev1-x-" + "word-" * 12 + "word"),
        ("  ***  ", ""),
        ("障害", ""),
    ],
)
def test_a_name_is_made_of_lower_case_digits_and_hyphens(text: str, name: str) -> None:
    assert legal_name(text) == name


@given(st.text(max_size=300))
def test_whatever_an_incident_is_called_the_name_is_one_that_slack_takes(text: str) -> None:
    name = legal_name(text)
    assert len(name) <= 72
    assert name == "" or (set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") and name.strip("-") == name)
    assert legal_name(name) == name


@pytest.mark.clause("R2")
def test_once_it_is_there_topic_and_summary_are_asked_for_and_the_responders_invited() -> None:
    tale = RoomTale()
    tale.declare(SEV1)
    tale.sent.clear()
    tale.took(CreateRoom, MADE)

    room = MADE.id
    assert tale.steps(SetTopic) == [SetTopic(room)]
    assert tale.steps(PostSummary) == [PostSummary(room)]
    invited = {step.person for step in tale.steps(Invite) if isinstance(step, Invite)}
    assert invited == set(tale.state.roles.values())
    addresses = {step.address for step in tale.steps(Invite) if isinstance(step, Invite)}
    assert all(address.startswith("U0AF") for address in addresses)
    assert any("#sev1-agent-booster-down" in said for said in tale.said_to("#incidents"))


@pytest.mark.clause("R2")
def test_the_summary_is_pinned_once_it_is_posted() -> None:
    tale = RoomTale()
    tale.declare(SEV1)
    tale.took(CreateRoom, MADE)
    tale.took(PostSummary, RoomFound(id="1.1"))

    assert tale.steps(PinSummary) == [PinSummary(MADE.id, "1.1")]


@pytest.mark.clause("R2")
def test_topic_and_summary_are_said_anew_when_they_are_no_longer_so_and_only_then() -> None:
    tale = RoomTale().opened()
    tale.do(AddNote(by=by("mara-lindqvist"), text="looking"))
    assert tale.steps() == []

    tale.do(SetStage(by=by("mara-lindqvist"), stage=Stage.IDENTIFIED))

    assert tale.steps() == [SetTopic(MADE.id), UpdateSummary(MADE.id, "1.1")]
    assert "identified" in topic(tale.state, tale.given)


@pytest.mark.clause("R2")
def test_a_watch_that_goes_on_measuring_good_figures_does_not_write_the_summary_each_time() -> None:
    tale = RoomTale().opened()
    tale.acknowledge().monitor()
    tale.measure()
    tale.sent.clear()
    for _ in range(4):
        tale.now += minutes(0.5)
        tale.measure()

    assert tale.steps(UpdateSummary) == []


@pytest.mark.clause("R2", "R4")
def test_who_comes_to_help_is_invited_then() -> None:
    tale = RoomTale().opened()
    tale.acknowledge(PersonId("henrik-vogel"))
    tale.do(AssignRole(by=by("mara-lindqvist"), role=RoleName("communications"), person=PersonId("grace-okafor")))

    invited = [step.person for step in tale.steps(Invite) if isinstance(step, Invite)]
    assert invited == ["henrik-vogel", "grace-okafor"]


@pytest.mark.clause("M4", "K6")
def test_every_change_is_told_in_the_room_once_it_is_there_and_where_its_audience_reads_until_then() -> None:
    tale = RoomTale()
    tale.declare(SEV1)
    assert tale.said_to("#incident-room")
    tale.took(CreateRoom, MADE)
    tale.sent.clear()
    tale.acknowledge()
    tale.do(RecordMitigation(by=Actor(tale.primary), what="rolled back to 1.9.0"))
    tale.do(AddNote(by=Actor(tale.primary), text="errors are falling"))
    tale.do(AssignRole(by=by("mara-lindqvist"), role=RoleName("communications"), person=PersonId("grace-okafor")))
    tale.do(PostUpdate(by=Actor(tale.primary), audience=ROOM, text="rollback done"))
    tale.monitor()

    told = "\n".join(tale.said_to(MADE.id))
    for what in ("Acknowledged by", "rolled back to 1.9.0", "errors are falling", "Grace Okafor", "rollback done"):
        assert what in told
    assert "monitoring" in told
    assert tale.said_to("#incident-room") == []


@pytest.mark.clause("K6")
def test_what_the_room_does_not_take_is_said_where_its_audience_reads_without_one() -> None:
    tale = RoomTale().opened()
    method = Method(MethodKind.SLACK, ChannelName("slack"), MADE.id)
    for number in range(2):
        tale.do(
            RecordDelivery(
                page=None, method=method, intent=IntentId(f"i{number}"), text=f"news {number}", why="is_archived"
            )
        )

    assert tale.said_to("#incident-room") == ["news 0", "news 1"]
    assert len(tale.of(e.RoomLost)) == 1
    assert tale.steps() == [RejoinRoom(MADE.id)]

    tale.do(PostUpdate(by=Actor(tale.primary), audience=ROOM, text="and on"))
    assert tale.said_to("#incident-room")[-1] == "and on"


@pytest.mark.clause("R2")
def test_a_room_that_is_regained_is_brought_up_to_date() -> None:
    tale = RoomTale().opened()
    tale.acknowledge()
    tale.took(Invite, why="gone", gone=True)
    assert tale.state.room is not None
    assert tale.state.room.lost
    tale.sent.clear()

    tale.do(RecordRoom(step=RejoinRoom(MADE.id), intent=IntentId("x")))

    assert tale.steps(UpdateSummary) == [UpdateSummary(MADE.id, "1.1")]
    assert tale.steps(SetTopic) == [SetTopic(MADE.id)]
    assert {step.person for step in tale.steps(Invite) if isinstance(step, Invite)} >= {tale.primary}


@pytest.mark.clause("R2")
def test_somebody_whom_slack_does_not_know_keeps_nobody_else_out() -> None:
    tale = RoomTale()
    tale.declare(SEV1)
    tale.took(CreateRoom, MADE)
    tale.took(Invite, why="Slack answered user_not_found: no such person in Slack; check the address")
    tale.took(PostSummary, RoomFound(id="1.1"))

    (failed,) = tale.of(e.RoomStepFailed)
    assert isinstance(failed, e.RoomStepFailed)
    assert "user_not_found" in failed.why
    assert failed.person is not None
    assert tale.state.room is not None
    assert tale.state.room.usable


@pytest.mark.clause("R2")
def test_a_room_that_could_not_be_made_can_be_asked_for_again_by_hand() -> None:
    tale = RoomTale()
    tale.declare(SEV1)
    tale.took(CreateRoom, why="Slack answered missing_scope: give the app channels:manage")
    tale.wait(20)
    assert len(tale.steps(CreateRoom)) == 1

    tale.do(OpenRoom(by=by("mara-lindqvist"), name="Sev1 Booster!"))

    assert tale.steps(CreateRoom)[-1] == CreateRoom("sev1-booster", "1")
    assert tale.do(OpenRoom(by=by("mara-lindqvist"))) == ()


@pytest.mark.clause("R2")
def test_a_room_that_somebody_archived_can_be_replaced_by_hand() -> None:
    tale = RoomTale().opened()
    tale.acknowledge()
    tale.took(SetTopic, why="Slack answered is_archived", gone=True)
    tale.took(RejoinRoom, why="Slack answered is_archived", gone=True)
    assert tale.do(SetSeverity(by=by("mara-lindqvist"), severity=SEV2, reason="less")) != ()
    assert tale.steps(CreateRoom) == [], "not by itself: somebody wanted it gone"

    tale.do(OpenRoom(by=by("mara-lindqvist"), name="sev1-booster-again"))
    tale.took(CreateRoom, RoomFound(id="C0ROOM002", name="sev1-booster-again"))

    assert tale.state.room is not None
    assert (tale.state.room.id, tale.state.room.usable) == ("C0ROOM002", True)
    assert pointless(SetTopic(MADE.id), tale.state)
    assert tale.do(RecordRoom(step=SetTopic(MADE.id), intent=IntentId("late"), why="is_archived", gone=True)) == ()


@pytest.mark.clause("R2")
def test_without_slack_a_room_cannot_be_asked_for_and_nothing_else_is_different() -> None:
    tale = Tale()
    tale.declare(SEV1)

    assert tale.of(e.RoomAsked) == []
    tale.refused(OpenRoom(), Reason.NO_ROOMS)


@pytest.mark.clause("R2")
def test_a_marked_message_is_fetched_and_stands_in_the_timeline_once() -> None:
    tale = RoomTale().opened()
    tale.do(MarkMessage(by=by("mara-lindqvist"), message="7.7"))
    tale.do(MarkMessage(by=by("henrik-vogel"), message="7.7"))
    assert tale.steps(ReadMessage)[0] == ReadMessage(MADE.id, "7.7", PersonId("mara-lindqvist"))

    found = RoomFound(id="7.7", url="https://slack.example/p77", text="the cache is cold", author="U0AF0008")
    for step in tale.steps(ReadMessage):
        tale.do(RecordRoom(step=step, intent=IntentId("x"), found=found))

    (note,) = tale.of(e.NoteAdded)
    assert isinstance(note, e.NoteAdded)
    assert (note.text, note.author, note.link) == ("the cache is cold", "Lucas Ferreira", "https://slack.example/p77")
    assert note.by.person == "mara-lindqvist"
    assert tale.do(MarkMessage(by=by("mara-lindqvist"), message="7.7")) == ()


@pytest.mark.clause("R2")
@pytest.mark.parametrize(
    ("text", "noted"),
    [
        ("", "a message without words; look at it in Slack"),
        ("x" * 40_000, f"{'x' * (NOTE_LENGTH_MAX - 1)}…"),
    ],
)
def test_a_marked_message_is_a_note_whatever_it_says(text: str, noted: str) -> None:
    tale = RoomTale().opened()
    tale.do(MarkMessage(by=by("mara-lindqvist"), message="7.7"))
    (step,) = tale.steps(ReadMessage)
    tale.do(RecordRoom(step=step, intent=IntentId("x"), found=RoomFound(id="7.7", text=text, author="B0APP")))
    (note,) = tale.of(e.NoteAdded)
    assert isinstance(note, e.NoteAdded)
    assert note.text == noted


@pytest.mark.clause("R2")
def test_it_is_archived_some_time_after_the_closing() -> None:
    tale = RoomTale().opened()
    tale.acknowledge().monitor().hold(31)
    tale.do(_resolve())
    tale.sent.clear()
    tale.do(CloseIncident(by=by("mara-lindqvist", commands=True)))

    (archived,) = (each for each in tale.sent if isinstance(each.step, ArchiveRoom))
    assert slack_rulebook().rooms is not None
    assert archived.not_before == tale.now + slack_rulebook().rooms.archive_after  # type: ignore[union-attr]
    assert archived.give_up_at > archived.not_before


def _resolve() -> AnyCommand:
    from tocsin.core.commands import Resolve

    return Resolve(by=by("mara-lindqvist"))


def _lines(tale: RoomTale) -> Iterator[str]:
    message = summary(tale.state, tale.given)
    yield message.subject
    for fact in message.facts:
        yield f"{fact.label}: {fact.value}"
    for link in message.links:
        yield f"{link.label}: {link.url}"


@pytest.mark.clause("R2", "R3")
def test_the_summary_tells_whoever_comes_late_what_since_when_who_and_what_is_next() -> None:
    tale = RoomTale().opened()
    tale.acknowledge()
    tale.measure(good=False)

    told = "\n".join(_lines(tale))
    for what in (
        "SEV1 INC-1: Agent Booster",
        "Stage: investigating",
        "Since: 2026-11-24 10:00 UTC",
        "Incident Commander: Aisha Bello",
        "Technical Lead: Mara Lindqvist",
        "Answered: Aisha Bello",
        "3 of 3 do not hold: Agent Booster p95 latency",
        "by 10:05 UTC: Update the incident's channel every 5m",
        "Incident bridge: https://zoom.us/j/incident-bridge",
        "tocsin show INC-1",
    ):
        assert what in told, told


@given(st.text(max_size=400))
def test_no_topic_is_longer_than_slack_takes(title: str) -> None:
    tale = RoomTale()
    tale.declare(SEV1)
    long = e.SeverityRaised(
        at=tale.now, before=SEV2, after=SEV1, evidence=e.Evidence("x", "C5", "x"), title=title or "x"
    )
    from tocsin.core.incident import evolve

    assert len(topic(evolve(tale.state, long), tale.given)) <= 250
