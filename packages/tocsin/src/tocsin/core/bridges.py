"""The incident's bridge where each incident gets a call of its own: asking for it, and what became of it (R3).

Like a step on the room it is a row of the outbox, but of an outbox channel of its own: neither waits for the other,
and a bridge is made where there is no room, too. Which address stands where, says `tocsin.core.pointers`.
"""

from typing import Final

from tocsin.core import events as e
from tocsin.core.commands import RecordBridge, Situation
from tocsin.core.draft import Draft
from tocsin.core.ids import ChannelName, IntentId
from tocsin.core.incident import Incident
from tocsin.core.limits import BRIDGE_PATIENCE, BRIDGE_TOPIC_MAX, ROOM_PATIENCE
from tocsin.core.messages import Intent, Message, MessageKind
from tocsin.core.room_steps import OpenBridge
from tocsin.core.rules import Method, MethodKind

BRIDGES: Final = ChannelName("bridges")
"""The channel on which calls are counted and paced, apart from rooms and messages."""

_RANK: Final = 2
"""After pages and reminders, as the steps on rooms."""


def ask(draft: Draft, given: Situation, *, by: e.Actor = e.TOCSIN) -> None:
    """Ask for a call, unless there is one or one is on its way."""
    incident, rules = draft.incident, given.rules
    here = incident.bridge is not None and not incident.bridge.failed
    if rules.bridge_by == "url" or incident.closed or here:
        return
    draft.add(e.BridgeAsked(at=given.now, by=by, clause=rules.bridge_clause))


def record(draft: Draft, command: RecordBridge, given: Situation) -> None:
    """Note what became of it."""
    bridge, clause = draft.incident.bridge, given.rules.bridge_clause
    if bridge is None or bridge.url or command.intent in draft.incident.undelivered:
        return  # Nobody asked, or this was told before.
    if command.why:
        draft.add(e.BridgeFailed(at=given.now, why=command.why, intent=command.intent, clause=clause))
    else:
        found = command.found
        draft.add(e.BridgeOpened(at=given.now, url=found.url, meeting=found.id, clause=clause))


def intent(incident: Incident, event: e.BridgeAsked, given: Situation) -> Intent:
    """Answer the row of the outbox that asks for the call."""
    topic = f"{incident.severity} {incident.id}: {incident.title}"
    if len(topic) > BRIDGE_TOPIC_MAX:
        topic = f"{topic[: BRIDGE_TOPIC_MAX - 1]}…"
    patience = BRIDGE_PATIENCE if given.rules.bridge_url else ROOM_PATIENCE
    key = IntentId(f"{incident.id}.{incident.size}.bridge")
    return Intent(
        id=key,
        incident=incident.id,
        rank=_RANK,
        channel=BRIDGES,
        address=given.rules.bridge_by,
        message=Message(MessageKind.SUMMARY, topic, incident.id, incident.severity, topic),
        created_at=event.at,
        give_up_at=event.at + patience,
        method=Method(MethodKind.CONSOLE, BRIDGES, given.rules.bridge_by),
        # With its instant: another Tocsin of the same account has an INC-1, too, and so had the one before this.
        step=OpenBridge(f"{key} {event.at.format_iso()}"),
    )
