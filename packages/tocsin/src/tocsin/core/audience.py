"""Who is kept informed, of what, and where they read: the playbook's audiences and incidents' rooms (K1, K6, R2)."""

from enum import StrEnum

import msgspec
from whenever import TimeDelta

from tocsin.core.ids import AudienceId, ChannelName, Severity


class RoomPolicy(msgspec.Struct, frozen=True):
    """Which incidents get a Slack channel of their own, and when it is put away (R2, K6)."""

    severities: tuple[Severity, ...]
    archive_after: TimeDelta
    """Counted from the closing of the incident."""
    channel: ChannelName
    """What carries the messages into them."""
    clause: str = "R2"


class Announcement(StrEnum):
    """What is announced to an audience by itself."""

    DECLARED = "declared"
    ACKNOWLEDGED = "acknowledged"
    SEVERITY = "severity"
    STAGE = "stage"
    LEVEL = "level"
    MISSED = "missed"
    DIAGNOSED = "diagnosed"
    """What the diagnostics found to differ (D3)."""
    RESOLVED = "resolved"
    REOPENED = "reopened"
    UNREACHED = "unreached"
    UPDATE = "update"
    ROOM = "room"
    """The incident has a Slack channel of its own, or a call."""
    ROLE = "role"
    """A person filled a role or handed it over."""
    COMPONENT = "component"
    NOTE = "note"
    MITIGATION = "mitigation"
    """What is asked for, approved, done to the watched system, and whether it helped (M4, M5)."""


class Audience(msgspec.Struct, frozen=True):
    """Who is kept informed, and where they read (K1, K6)."""

    id: AudienceId
    name: str
    channel: ChannelName | None
    """None: nothing is sent by itself; a person posts it and says so."""
    address: str
    severities: tuple[Severity, ...]
    announces: tuple[Announcement, ...] = ()
    public: bool = False
    in_room: bool = False
    """Whether they read in the incident's own room; where there is none, at the address above."""
