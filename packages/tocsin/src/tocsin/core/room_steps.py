"""What can be done to an incident's room. Each step is a row of the outbox of its own: finished, or tried again, alone.

A *room* is the Slack channel of one incident. A step names what is to be done; what is said in doing it (the topic, the
summary) is the message of the same intent.
"""

import msgspec

from tocsin.core.ids import PersonId


class CreateRoom(msgspec.Struct, frozen=True, tag="create"):
    """Make the room. If the name is taken by another, it is made with ``suffix`` at its end."""

    name: str
    suffix: str


class SetTopic(msgspec.Struct, frozen=True, tag="topic"):
    """Say above the room how it stands: the message's text."""

    room: str


class PostSummary(msgspec.Struct, frozen=True, tag="summary"):
    """Post the message that is kept current and pinned."""

    room: str


class UpdateSummary(msgspec.Struct, frozen=True, tag="update"):
    """Write the pinned message anew."""

    room: str
    message: str


class PinSummary(msgspec.Struct, frozen=True, tag="pin"):
    """Pin the summary, so that whoever comes late finds it first."""

    room: str
    message: str


class Invite(msgspec.Struct, frozen=True, tag="invite"):
    """Bring one person in."""

    room: str
    person: PersonId
    address: str


class RejoinRoom(msgspec.Struct, frozen=True, tag="rejoin"):
    """Come back into a room that Tocsin was removed from."""

    room: str


class ReadMessage(msgspec.Struct, frozen=True, tag="read"):
    """Fetch a message that somebody marked for the timeline, and its permanent address."""

    room: str
    message: str
    marked_by: PersonId | None = None


class ArchiveRoom(msgspec.Struct, frozen=True, tag="archive"):
    """Put the room away; it can still be read."""

    room: str


RoomStep = (
    CreateRoom | SetTopic | PostSummary | UpdateSummary | PinSummary | Invite | RejoinRoom | ReadMessage | ArchiveRoom
)


class OpenBridge(msgspec.Struct, frozen=True, tag="bridge"):
    """Make a call for the incident. No step on its room: it is made where there is no room, too."""

    mark: str
    """By which the call is known again after an answer was lost: no other call anywhere carries it."""


class RoomFound(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a step that was done brought to light."""

    id: str = ""
    """Of the room that was made, or of the message that was posted."""
    name: str = ""
    """What the room is called in the end."""
    url: str = ""
    """Of the room, or of the message that was read."""
    text: str = ""
    """What the message says that was read."""
    author: str = ""
    """Who wrote it, as Slack knows them."""


WORDS = {
    CreateRoom: "open the Slack channel",
    SetTopic: "set the topic",
    PostSummary: "post the summary",
    UpdateSummary: "update the summary",
    PinSummary: "pin the summary",
    Invite: "invite",
    RejoinRoom: "come back into the Slack channel",
    ReadMessage: "read the marked message",
    ArchiveRoom: "archive the Slack channel",
}
"""What each step is called where people read of it."""
