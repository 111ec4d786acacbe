"""What happened to an incident's room and to its bridge (R2, R3, K6).

Part of the stored format, like everything in `tocsin.core.events`.
"""

from tocsin.core.event import Event
from tocsin.core.ids import IntentId, PersonId


class RoomAsked(Event, frozen=True, kw_only=True, tag="room_asked"):
    """The incident is to have a Slack channel of its own, of this name or one made of it."""

    name: str
    clause: str = "R2"


class RoomOpened(Event, frozen=True, kw_only=True, tag="room_opened"):
    """The room is there."""

    room: str
    """What Slack calls it."""
    name: str
    url: str = ""
    clause: str = "R2"


class RoomSummarised(Event, frozen=True, kw_only=True, tag="room_summarised"):
    """The message that says how it stands is posted; from here on it is kept current."""

    message: str


class RoomWidened(Event, frozen=True, kw_only=True, tag="room_widened"):
    """Somebody was brought into the room."""

    person: PersonId


class RoomStepFailed(Event, frozen=True, kw_only=True, tag="room_step_failed"):
    """A step was given up; everything else goes on without it."""

    step: str
    why: str
    intent: IntentId
    person: PersonId | None = None
    clause: str = "R2"


class RoomLost(Event, frozen=True, kw_only=True, tag="room_lost"):
    """The room takes nothing more from us: archived by hand, or Tocsin was removed from it."""

    why: str


class RoomRegained(Event, frozen=True, kw_only=True, tag="room_regained"):
    """Tocsin is back in the room."""


class RoomArchived(Event, frozen=True, kw_only=True, tag="room_archived"):
    """The room was put away, its incident being closed."""


class MessageMarked(Event, frozen=True, kw_only=True, tag="message_marked"):
    """Somebody said that a message of the room belongs into the timeline; it is fetched."""

    message: str


class BridgeAsked(Event, frozen=True, kw_only=True, tag="bridge_asked"):
    """The incident is to have a call of its own (R3)."""

    clause: str = "R3"


class BridgeOpened(Event, frozen=True, kw_only=True, tag="bridge_opened"):
    """The call is there: this is where the responders talk."""

    url: str
    meeting: str
    """What the provider calls it."""
    clause: str = "R3"


class BridgeFailed(Event, frozen=True, kw_only=True, tag="bridge_failed"):
    """The call was given up; the playbook's own address stands for it, if it has one."""

    why: str
    intent: IntentId
    clause: str = "R3"
