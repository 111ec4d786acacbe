"""How far an incident's room and its bridge have come: the part of the fold that their events make."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from tocsin.core.ids import PersonId
from tocsin.core.limits import ROOM_NOTES_REMEMBERED
from tocsin.core.room_events import (
    BridgeAsked,
    BridgeFailed,
    BridgeOpened,
    MessageMarked,
    RoomArchived,
    RoomAsked,
    RoomLost,
    RoomOpened,
    RoomRegained,
    RoomStepFailed,
    RoomSummarised,
    RoomWidened,
)


class Room(msgspec.Struct, frozen=True):
    """The Slack channel of one incident."""

    name: str
    id: str = ""
    """What Slack calls it; empty until it is made."""
    url: str = ""
    summary: str = ""
    """The pinned message; empty until it is posted."""
    people: tuple[PersonId, ...] = ()
    """Who was brought in."""
    marked: tuple[str, ...] = ()
    """Messages in it that were marked for the timeline."""
    failed: bool = False
    """It could not be made."""
    lost: bool = False
    archived: bool = False

    @property
    def usable(self) -> bool:
        """Tell whether something can be said there."""
        return bool(self.id) and not self.lost and not self.archived

    @property
    def wanted(self) -> bool:
        """Tell whether it is there or on its way."""
        return not self.failed and not self.archived


def _opened(room: Room, event: RoomOpened) -> Room:
    return replace(room, id=event.room, name=event.name, url=event.url, failed=False)


def _step_failed(room: Room, _: RoomStepFailed) -> Room:
    return room if room.id else replace(room, failed=True)


_CHANGES: Mapping[type, Callable[[Room, Any], Room]] = {
    RoomOpened: _opened,
    RoomSummarised: lambda room, event: replace(room, summary=event.message),
    RoomWidened: lambda room, event: replace(room, people=(*room.people, event.person)),
    RoomStepFailed: _step_failed,
    RoomLost: lambda room, _: replace(room, lost=True),
    RoomRegained: lambda room, _: replace(room, lost=False),
    RoomArchived: lambda room, _: replace(room, archived=True),
    MessageMarked: lambda room, event: replace(room, marked=(*room.marked, event.message)[-ROOM_NOTES_REMEMBERED:]),
}

CHANGING = (RoomAsked, *_CHANGES)
"""The events that make a room what it is."""


def changed(room: Room | None, event: object) -> Room | None:
    """Answer the room after one more event."""
    if isinstance(event, RoomAsked):
        return Room(event.name)
    change = _CHANGES.get(type(event))
    return room if room is None or change is None else change(room, event)


class Bridge(msgspec.Struct, frozen=True):
    """The call of one incident, made for it."""

    url: str = ""
    """Empty until it is made."""
    failed: bool = False
    """It was given up."""


def bridged(bridge: Bridge | None, event: BridgeAsked | BridgeOpened | BridgeFailed) -> Bridge:
    """Answer the bridge after one more event."""
    match event:
        case BridgeAsked():
            return Bridge()
        case BridgeOpened():
            return Bridge(event.url)
        case BridgeFailed():
            return replace(bridge or Bridge(), failed=True)
