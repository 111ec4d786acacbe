"""What Slack's Events API tells of a Slack channel: that a message was marked 📌, by the reaction or by pinning it.

The decoder knows nothing of rooms: whether the Slack channel is one, and whose, is asked by whoever called it.
"""

from typing import Final

import msgspec

from tocsin.signals.port import Unreadable

PIN: Final = "pushpin"
"""What Slack calls 📌."""

_REMEDY: Final = "Send what Slack sends to an app's event subscriptions."


class Marked(msgspec.Struct, frozen=True):
    """Somebody marked a message."""

    channel: str
    message: str
    """What Slack calls it: its time."""
    user: str
    """Who marked it."""


class _Message(msgspec.Struct, frozen=True):
    ts: str = ""


class _Item(msgspec.Struct, frozen=True):
    type: str = ""
    channel: str = ""
    ts: str = ""
    message: _Message = _Message()


class _Event(msgspec.Struct, frozen=True):
    type: str = ""
    user: str = ""
    reaction: str = ""
    channel_id: str = ""
    item: _Item = _Item()


class _Envelope(msgspec.Struct, frozen=True):
    type: str
    event: _Event = _Event()


_envelope = msgspec.json.Decoder(_Envelope)


def marked(body: bytes) -> Marked | None:
    """Answer which message was marked by whom; None for every other event. Raises `Unreadable`."""
    try:
        envelope = _envelope.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"no event of Slack: {error}", _REMEDY) from error
    event = envelope.event
    if envelope.type != "event_callback" or event.item.type != "message":
        return None
    match event.type:
        case "reaction_added" if event.reaction == PIN:
            found = Marked(event.item.channel, event.item.ts, event.user)
        case "pin_added":
            found = Marked(event.channel_id or event.item.channel, event.item.message.ts, event.user)
        case _:
            return None
    return found if found.channel and found.message else None
