"""What goes out: a message, the intent to deliver it, and the ranks by which a page overtakes an update."""

from enum import StrEnum

import msgspec
from whenever import Instant

from tocsin.core.ids import ChannelName, IncidentId, IntentId, PageId, PersonId, RunId, Severity
from tocsin.core.room_steps import OpenBridge, RoomStep
from tocsin.core.rules import Method


class MessageKind(StrEnum):
    """What a message wants of its reader."""

    ALARM = "alarm"
    """Nobody could be reached."""
    PAGE = "page"
    """Demands one person's answer."""
    REMINDER = "reminder"
    """Something is owed and late."""
    NOTICE = "notice"
    """For one person; no answer is demanded."""
    ANNOUNCEMENT = "announcement"
    """For an audience."""
    SETTLED = "settled"
    """To a channel that keeps state: a page that it carried needs nothing more."""
    ENTRY = "entry"
    """For the incident's own room: what is new, in a line; the rest is known there."""
    SUMMARY = "summary"
    """How an incident stands: one message, kept current."""


RANKS = {
    MessageKind.ALARM: 0,
    MessageKind.PAGE: 0,
    MessageKind.REMINDER: 1,
    MessageKind.SETTLED: 1,
    MessageKind.NOTICE: 2,
    MessageKind.ANNOUNCEMENT: 3,
    MessageKind.ENTRY: 3,
    MessageKind.SUMMARY: 3,
}
"""Lower goes first. A page overtakes everything but another page."""


class Fact(msgspec.Struct, frozen=True):
    """A short labelled figure, shown as such where the channel can."""

    label: str
    value: str


class Link(msgspec.Struct, frozen=True):
    """Where to look next."""

    label: str
    url: str


class Settlement(StrEnum):
    """How a page came to need nothing more."""

    ACKNOWLEDGED = "acknowledged"
    DECLINED = "declined"
    RESOLVED = "resolved"


class Settled(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which page is settled, and how."""

    page: IntentId
    """The message that carried it."""
    how: Settlement
    receipt: str = ""
    """What the provider called that message; filled in by the dispatcher, empty if it never said."""


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is said, in parts that each channel renders as well as it can."""

    kind: MessageKind
    subject: str
    """One line that is enough by itself at three in the morning."""
    incident: IncidentId
    severity: Severity
    text: str = ""
    """Plain text, may have several lines."""
    facts: tuple[Fact, ...] = ()
    links: tuple[Link, ...] = ()
    acknowledge_url: str = ""
    """Filled in by the dispatcher when an answer is asked for: signed, for one person and one incident."""
    decline_url: str = ""
    """By which the same person says "I cannot"; filled in with the other."""
    settles: Settled | None = None
    drill: bool = False
    """It is a test, and must say so wherever it arrives."""
    verifies: str = ""
    """Of a message that brings a code: what the code is made of. The dispatcher writes it in; it is kept nowhere."""
    decides: str = ""
    """What waits for this person's approval, as it would run: the message is answered by yes or no (M4)."""
    asks: bool = False
    """An answer is asked for although it is no page: a hand-off to be accepted."""


class Asked(msgspec.Struct, frozen=True):
    """A run that waits for somebody's approval, and exactly what would be approved."""

    run: RunId
    digest: str
    expires_at: Instant


class Intent(msgspec.Struct, frozen=True):
    """One message to one address: a row of the outbox."""

    id: IntentId
    incident: IncidentId
    rank: int
    channel: ChannelName
    address: str
    message: Message
    created_at: Instant
    give_up_at: Instant
    """After this the method is taken as failed and the next one is tried."""
    method: Method
    page: PageId | None = None
    person: PersonId | None = None
    approval: Asked | None = None
    """What waits for this person's approval: the message carries the link to it."""
    step: RoomStep | OpenBridge | None = None
    """What is to be done to the incident's room or bridge with the message; None: the message is delivered."""
    not_before: Instant | None = None
    """When it is due, if that is later than when it arose."""
