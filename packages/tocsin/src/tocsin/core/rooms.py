"""The incident's room: what it is called, and what is decided about it (R2).

Asking for a room is an event, and what became of every step on it is one more. Which steps those events ask for, and
what stands in the room, says `tocsin.core.room_saga`.
"""

import re
import unicodedata

from tocsin.core import bridges
from tocsin.core import events as e
from tocsin.core.commands import MarkMessage, OpenRoom, Reason, RecordRoom, Refused, Situation
from tocsin.core.draft import Draft
from tocsin.core.ids import PersonId
from tocsin.core.incident import Incident
from tocsin.core.limits import NOTE_LENGTH_MAX, ROOM_NAME_MAX
from tocsin.core.narration import person_name
from tocsin.core.room import Room
from tocsin.core.room_steps import (
    WORDS,
    ArchiveRoom,
    CreateRoom,
    Invite,
    PostSummary,
    ReadMessage,
    RejoinRoom,
    UpdateSummary,
)
from tocsin.core.rules import MethodKind


def wanted_name(incident: Incident, given: Situation) -> str:
    """Make a name of severity, component and a short title: ``sev1-agent-booster-down``."""
    component = incident.components[0]
    part = given.rules.components.get(component)
    title = incident.title
    for name in (part.name if part else "", component):
        if name and title.lower().startswith(name.lower()):
            title = title[len(name) :].lstrip(" :-")
    return legal_name(f"{incident.severity} {component} {title}") or legal_name(incident.id)


def legal_name(text: str) -> str:
    """Answer what Slack takes as a name: lower case, digits and hyphens, not too long, cut between words."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "")).strip("-")
    if len(name) <= ROOM_NAME_MAX:
        return name
    cut = name[: ROOM_NAME_MAX + 1].rpartition("-")[0] or name[:ROOM_NAME_MAX]
    return cut.strip("-")


def act(draft: Draft, command: OpenRoom | MarkMessage | RecordRoom, given: Situation) -> None:
    """Decide what is asked of a room, or told of one."""
    match command:
        case OpenRoom():
            _open(draft, command, given)
        case MarkMessage():
            _mark(draft, command, given)
        case RecordRoom():
            _record(draft, command, given)


def _open(draft: Draft, command: OpenRoom, given: Situation) -> None:
    """Ask for a room by hand, and for the bridge if it was given up."""
    if draft.incident.bridge is not None:
        bridges.ask(draft, given, by=command.by)
        if given.rules.rooms is None:
            return  # The bridge is all that there is to ask for.
    if given.rules.rooms is None:
        raise Refused(
            Reason.NO_ROOMS,
            "incidents have no Slack channels of their own here: the playbook asks for none, or nothing carries Slack",
            "give the playbook a `rooms` section, and let `channels` name slack for slack",
        )
    room = draft.incident.room
    if room is not None and room.lost:  # Whoever asks again knows that it is gone.
        _ask(draft, given, command.name, command.by)
    else:
        ask(draft, given, command.name, by=command.by)


def ask(draft: Draft, given: Situation, name: str = "", *, by: e.Actor = e.TOCSIN) -> None:
    """Ask for a room, unless there is one or one is on its way."""
    incident, policy = draft.incident, given.rules.rooms
    if policy is None or incident.closed or (incident.room is not None and incident.room.wanted):
        return
    _ask(draft, given, name, by)


def _ask(draft: Draft, given: Situation, name: str, by: e.Actor) -> None:
    assert given.rules.rooms is not None, "whoever asks has looked"
    wanted = legal_name(name) or wanted_name(draft.incident, given)
    draft.add(e.RoomAsked(at=given.now, by=by, name=wanted, clause=given.rules.rooms.clause))


def _mark(draft: Draft, command: MarkMessage, given: Situation) -> None:
    """Note that a message of the room belongs into the timeline; fetching it is the outbox's business."""
    room = draft.incident.room
    if (
        room is None
        or command.message == room.summary
        or command.message in room.marked
        or source_of(room.id, command.message) in draft.incident.noted
    ):
        return
    draft.add(e.MessageMarked(at=given.now, by=command.by, message=command.message))


def source_of(room: str, message: str) -> str:
    """Answer what a message of a room is known by in the timeline."""
    return f"slack:{room}:{message}"


def _record(draft: Draft, command: RecordRoom, given: Situation) -> None:
    """Note what became of a step."""
    room = draft.incident.room
    if room is None or (not isinstance(command.step, CreateRoom) and command.step.room != room.id):
        return  # Nobody asked for it, or it was taken on a room that has been replaced since.
    if command.why:
        _failed(draft, room, command, given)
    else:
        _done(draft, room, command, given)


def lose(draft: Draft, why: str, given: Situation) -> None:
    """Note that the room takes nothing from us any more; what its audience is told goes elsewhere from now on."""
    if draft.incident.room is not None and draft.incident.room.usable:
        draft.add(e.RoomLost(at=given.now, why=why))


def _failed(draft: Draft, room: Room, command: RecordRoom, given: Situation) -> None:
    if command.intent in draft.incident.undelivered:
        return
    step = command.step
    if command.gone and not isinstance(step, RejoinRoom):
        lose(draft, command.why, given)  # It is tried again from scratch if the room is regained.
        return
    if isinstance(step, CreateRoom) and room.id:
        return
    person = step.person if isinstance(step, Invite) else None
    draft.add(
        e.RoomStepFailed(at=given.now, step=WORDS[type(step)], why=command.why, intent=command.intent, person=person)
    )


def _done(draft: Draft, room: Room, command: RecordRoom, given: Situation) -> None:
    now, found = given.now, command.found
    match command.step:
        case CreateRoom() if not room.id:
            draft.add(e.RoomOpened(at=now, room=found.id, name=found.name or room.name, url=found.url))
        case PostSummary() | UpdateSummary() if found.id and found.id != room.summary:
            draft.add(e.RoomSummarised(at=now, message=found.id))  # Posted anew if somebody had deleted it.
        case Invite(person=person) if person not in room.people:
            draft.add(e.RoomWidened(at=now, person=person))
        case RejoinRoom() if room.lost:
            draft.add(e.RoomRegained(at=now))
        case ArchiveRoom() if not room.archived:
            draft.add(e.RoomArchived(at=now))
        case ReadMessage() as step:
            _noted(draft, step, command, given)
        case _:
            pass  # A topic, an update and a pin change nothing that anything depends on.


def _noted(draft: Draft, step: ReadMessage, command: RecordRoom, given: Situation) -> None:
    source, found = source_of(step.room, step.message), command.found
    if source in draft.incident.noted:
        return
    author = by_slack_id(found.author, given)
    draft.add(
        e.NoteAdded(
            at=given.now,
            by=e.Actor(step.marked_by, via="slack"),
            text=_words(found.text),
            author=person_name(given.rules, author) if author else found.author,
            link=found.url,
            source=source,
        )
    )


def _words(text: str) -> str:
    """Answer what a message says, in as much as a note holds; pictures and the cards of other apps say nothing."""
    text = text.strip() or "a message without words; look at it in Slack"
    return text if len(text) <= NOTE_LENGTH_MAX else f"{text[: NOTE_LENGTH_MAX - 1]}…"


def by_slack_id(address: str, given: Situation) -> PersonId | None:
    """Answer whose Slack id this is."""
    for person in given.rules.people.values():
        if any(way.kind is MethodKind.SLACK and way.address == address for way in person.methods):
            return person.id
    return None
