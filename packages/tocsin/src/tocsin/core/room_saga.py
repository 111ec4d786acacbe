"""What stands in an incident's room, and which steps follow from what happened (R2, R3, K6, M4).

A saga without a memory of its own. An event asks for a step; the step is a row of the outbox; what became of it comes
back as `RecordRoom` and is an event again, from which the next step follows. What is kept current (topic, summary) is
derived from the incident before and after, so a restart in the middle finds everything where it was.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, assert_never

from whenever import Instant

from tocsin.core import events as e
from tocsin.core.commands import Situation
from tocsin.core.deadlines import deadlines
from tocsin.core.events import AnyEvent
from tocsin.core.ids import ChannelName, IntentId, PersonId
from tocsin.core.incident import Incident, evolve
from tocsin.core.judgement import commander
from tocsin.core.limits import ROOM_PATIENCE, ROOM_TOPIC_MAX
from tocsin.core.marks import DETECTED
from tocsin.core.messages import Fact, Intent, Message, MessageKind
from tocsin.core.narration import person_name, role_name
from tocsin.core.objectives import failing
from tocsin.core.pointers import links
from tocsin.core.room_steps import (
    WORDS,
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
from tocsin.core.rooms import source_of
from tocsin.core.rules import Method, MethodKind

ROOMS: Final = ChannelName("rooms")
"""The channel on which steps are counted and paced, apart from the messages."""

_DUE_SHOWN: Final = 3
_RANK: Final = 2
"""After pages and reminders, ahead of announcements: those want to be said in the room."""


def topic(incident: Incident, given: Situation) -> str:
    """Say above the room how it stands: severity, stage, commander."""
    leader = commander(incident, given)
    who = person_name(given.rules, leader) if leader else "nobody"
    stage = "closed" if incident.closed else incident.stage.value
    whole = f"{incident.severity} · {stage} · commander: {who} · {incident.id} {incident.title}"
    return whole if len(whole) <= ROOM_TOPIC_MAX else f"{whole[: ROOM_TOPIC_MAX - 1]}…"


def summary(incident: Incident, given: Situation) -> Message:
    """Say all that whoever comes in late must know, in one message."""
    return Message(
        kind=MessageKind.SUMMARY,
        subject=f"{incident.severity} {incident.id}: {incident.title}",
        incident=incident.id,
        severity=incident.severity,
        text=incident.description,
        facts=tuple(_facts(incident, given)),
        links=tuple(links(incident, given.rules, in_room=True)),
    )


def _facts(incident: Incident, given: Situation) -> Iterator[Fact]:
    detected_at = incident.at(DETECTED)
    yield Fact("Stage", "closed" if incident.closed else incident.stage.value)
    if detected_at is not None:
        yield Fact("Since", _clock(detected_at, date=True))
    yield Fact("Because", f"{incident.evidence.because} ({incident.evidence.clause})")
    roles = [f"{role_name(role)}: {person_name(given.rules, person)}" for role, person in incident.roles.items()]
    yield Fact("Roles", "\n".join(roles) or "nobody yet")
    if not incident.resolved:
        yield Fact("Answered", ", ".join(person_name(given.rules, each) for each in incident.responders) or "nobody")
    yield Fact("Objectives", _objectives(incident))
    due = "\n".join(_due(incident, given))
    if due:
        yield Fact("Next", due)
    yield Fact("In a terminal", f"tocsin show {incident.id}")


def _objectives(incident: Incident) -> str:
    """Say which objectives do not hold. Without the figures: they change with every measurement, this must not."""
    if not incident.samples:
        return "not measured"
    short = [one.title for one in failing(incident.samples)]
    if short:
        return f"{len(short)} of {len(incident.samples)} do not hold: {', '.join(short)}"
    since = f" since {_clock(incident.window_began_at)}" if incident.window_began_at else ""
    return f"all {len(incident.samples)} hold{since}"


def _due(incident: Incident, given: Situation) -> Iterator[str]:
    owed = [each for each in deadlines(given.rules, incident) if each.rule.owner is not None]
    for each in owed[:_DUE_SHOWN]:
        near = each.due_at - given.now
        yield f"by {_clock(each.due_at, date=near.total('hours') > 12)}: {each.rule.title}"


def _clock(at: Instant, *, date: bool = False) -> str:
    text = at.format_iso()
    return f"{text[:10]} {text[11:16]} UTC" if date else f"{text[11:16]} UTC"


def content(step: RoomStep, message: Message, incident: Incident, given: Situation) -> Message:
    """Answer what is to be said now in taking a step: what is kept current is not what it was when it was asked for."""
    match step:
        case SetTopic():
            return _plain(incident, topic(incident, given))
        case PostSummary() | UpdateSummary():
            return summary(incident, given)
        case _:
            return message


def pointless(step: RoomStep, incident: Incident) -> bool:
    """Tell whether a step has been overtaken by what happened since it was asked for."""
    room = incident.room
    if room is None or (not isinstance(step, CreateRoom) and step.room != room.id):
        return True  # A room that has been replaced needs nothing more.
    match step:
        case CreateRoom():
            return bool(room.id)
        case RejoinRoom():
            return not room.lost
        case ReadMessage():
            return source_of(step.room, step.message) in incident.noted
        case PostSummary():
            return bool(room.summary) or not room.usable
        case Invite():
            return step.person in room.people or not room.usable
        case SetTopic() | UpdateSummary() | PinSummary() | ArchiveRoom():
            return not room.usable
        case _:
            assert_never(step)


def steps(before: Incident | None, events: Sequence[AnyEvent], given: Situation) -> Iterator[Intent]:
    """Answer the steps that follow from these events, given the incident before them."""
    if (before is None or before.room is None) and not any(isinstance(event, e.RoomAsked) for event in events):
        return  # Most incidents have no room, and every decision passes here.
    incident = before
    for event in events:
        incident = evolve(incident, event)
        for step in _follow(incident, event, given):
            yield _intent(incident, step, event.at, given)
    if incident is not None and before is not None:
        yield from _refreshed(before, incident, given)


def _follow(incident: Incident, event: AnyEvent, given: Situation) -> Iterable[RoomStep]:
    room = incident.room
    if room is None:
        return ()
    match event:
        case e.RoomAsked():
            return (CreateRoom(room.name, incident.id.rpartition("-")[2].lower()),)
        case e.RoomOpened():
            return (SetTopic(room.id), PostSummary(room.id), *_invitations(incident, (), given))
        case e.RoomSummarised():
            # Something may have happened while it was posted; if nothing did, this says the same and is not sent.
            return (PinSummary(room.id, event.message), UpdateSummary(room.id, event.message))
        case e.RoomLost():
            return (RejoinRoom(room.id),)
        case e.RoomRegained():
            again = UpdateSummary(room.id, room.summary) if room.summary else PostSummary(room.id)
            return (SetTopic(room.id), again, *_invitations(incident, (), given))
        case e.MessageMarked():
            return (ReadMessage(room.id, event.message, event.by.person),)
        case e.IncidentClosed() if room.usable:
            return (ArchiveRoom(room.id),)
        case _:
            return ()


def _refreshed(before: Incident, after: Incident, given: Situation) -> Iterator[Intent]:
    """Answer what must be said anew because it is no longer so, and whom to bring in because they have come to help."""
    room = after.room
    if room is None or not room.usable or before.room is None or not before.room.usable:
        return
    if topic(before, given) != topic(after, given):
        yield _intent(after, SetTopic(room.id), after.last_at, given)
    if room.summary and before.room.summary and summary(before, given) != summary(after, given):
        yield _intent(after, UpdateSummary(room.id, room.summary), after.last_at, given)
    for step in _invitations(after, engaged(before), given):
        yield _intent(after, step, after.last_at, given)


def engaged(incident: Incident) -> tuple[PersonId, ...]:
    """Answer whoever has a role or has answered."""
    return tuple(dict.fromkeys((*incident.roles.values(), *incident.responders)))


def _invitations(incident: Incident, known: Sequence[PersonId], given: Situation) -> Iterator[Invite]:
    room = incident.room
    assert room is not None, "whoever asks has a room"
    for person in engaged(incident):
        if person in known or person in room.people:
            continue
        address = _slack_address(person, given)
        if address:
            yield Invite(room.id, person, address)


def _slack_address(person: PersonId, given: Situation) -> str:
    known = given.rules.people.get(person)
    ways = known.methods if known else ()
    return next((way.address for way in ways if way.kind is MethodKind.SLACK), "")


def _intent(incident: Incident, step: RoomStep, at: Instant, given: Situation) -> Intent:
    policy = given.rules.rooms
    later = at + policy.archive_after if policy and isinstance(step, ArchiveRoom) else None
    person = step.person if isinstance(step, Invite) else None
    name = f"{type(step).__struct_config__.tag}{f'-{person}' if person else ''}"
    said = _plain(incident, _spoken(step, incident, given))
    return Intent(
        id=IntentId(f"{incident.id}.{incident.size}.{name}"),
        incident=incident.id,
        rank=_RANK,
        channel=ROOMS,
        address=incident.room.name if incident.room else "",
        message=content(step, said, incident, given),
        created_at=at,
        give_up_at=(later or at) + ROOM_PATIENCE,
        method=Method(MethodKind.SLACK, ROOMS, step.address if isinstance(step, Invite) else ""),
        person=person,
        step=step,
        not_before=later,
    )


def _spoken(step: RoomStep, incident: Incident, given: Situation) -> str:
    """Say what a step is for, as the ledger shows it and Slack keeps it."""
    if isinstance(step, CreateRoom):
        return f"{incident.severity} {incident.id}: {incident.title}"
    words = WORDS[type(step)]
    return f"{words} {person_name(given.rules, step.person)}" if isinstance(step, Invite) else words


def _plain(incident: Incident, text: str) -> Message:
    return Message(MessageKind.SUMMARY, text, incident.id, incident.severity, text)
