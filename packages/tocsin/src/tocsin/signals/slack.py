"""What Slack sends: a button pressed, a slash command, the question whether this address is ours.

Slack signs the time of a request and its body together, so an old request cannot be sent again. Both are checked over
the bytes as they came, before anything of them is read.
"""

import hashlib
import hmac
from typing import Final
from urllib.parse import parse_qsl

import msgspec
from whenever import Instant

from tocsin.core.ids import IntentId
from tocsin.core.limits import CALLBACK_AGE_MAX
from tocsin.signals.port import Act, Answer, Forged, Unreadable

VIA: Final = "slack"
BUTTONS: Final = {
    "tocsin.acknowledge": Act.ACKNOWLEDGE,
    "tocsin.decline": Act.DECLINE,
    "tocsin.escalate": Act.ESCALATE,
    "tocsin.approve": Act.APPROVE,
    "tocsin.reject": Act.REJECT,
}
"""What each button under a message says; the channel puts them there under these names, with the message as value."""

FIELDS_MAX: Final = 50
_NAME_MAX: Final = 100
_REMEDY: Final = "Send what Slack sends to an app's request URL."


class Interaction(msgspec.Struct, frozen=True):
    """A button that somebody pressed."""

    answer: Answer
    reply_url: str
    """Where Slack takes what is to be said about it; untrusted until it is held against the allow-list."""


class SlashCommand(msgspec.Struct, frozen=True):
    """A slash command that somebody typed."""

    text: str
    user: str
    channel: str
    """The id of the Slack channel in which it was typed."""
    channel_name: str
    reply_url: str


class _User(msgspec.Struct, frozen=True):
    id: str
    name: str = ""
    username: str = ""


class _Action(msgspec.Struct, frozen=True):
    action_id: str
    value: str = ""
    action_ts: str = ""


class _Payload(msgspec.Struct, frozen=True):
    type: str
    user: _User | None = None
    actions: tuple[_Action, ...] = ()
    response_url: str = ""
    trigger_id: str = ""


class _Event(msgspec.Struct, frozen=True):
    type: str
    challenge: str = ""


_payload = msgspec.json.Decoder(_Payload)
_event = msgspec.json.Decoder(_Event)


def verify(body: bytes, time: str, signature: str, secret: str, now: Instant) -> Instant:
    """Check the signature and answer when Slack signed. Raises `Forged`."""
    if not (time.isascii() and time.isdecimal() and len(time) <= 12):
        raise Forged("the request names no time", _REMEDY)
    mac = hmac.new(secret.encode(), b"v0:" + time.encode() + b":" + body, hashlib.sha256)
    if not hmac.compare_digest(f"v0={mac.hexdigest()}".encode(), signature.encode()):
        raise Forged("the signature is not Slack's", "Set TOCSIN_SLACK_SIGNING_SECRET to the app's signing secret.")
    at = Instant.from_timestamp(int(time))
    if abs((now - at).total("seconds")) > CALLBACK_AGE_MAX.total("seconds"):
        raise Forged("the request was signed too long ago", "Check this machine's clock.", stale=True)
    return at


def interaction(body: bytes, at: Instant) -> Interaction | None:
    """Answer which button of ours was pressed; nothing if none was. Raises `Unreadable`."""
    try:
        payload = _payload.decode(_form(body).get("payload", ""))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"no interaction of Slack: {error}", _REMEDY) from error
    action = next((each for each in payload.actions if each.action_id in BUTTONS), None)
    if action is None or payload.user is None or not action.value:
        return None  # A link that was followed is told too, and asks for nothing.
    answer = Answer(
        via=VIA,
        id=payload.trigger_id,
        act=BUTTONS[action.action_id],
        at=at,
        who=(payload.user.id,),
        name=(payload.user.username or payload.user.name)[:_NAME_MAX],
        page=IntentId(action.value),
    )
    return Interaction(answer, payload.response_url)


def slash_command(body: bytes) -> SlashCommand:
    """Read a slash command. Raises `Unreadable`."""
    fields = _form(body)
    if not fields.get("user_id") or not fields.get("command"):
        raise Unreadable("no slash command of Slack: user_id or command is missing", _REMEDY)
    return SlashCommand(
        text=fields.get("text", "").strip(),
        user=fields["user_id"],
        channel=fields.get("channel_id", ""),
        channel_name=fields.get("channel_name", ""),
        reply_url=fields.get("response_url", ""),
    )


def challenge(body: bytes) -> str:
    """Answer what Slack wants to hear when it asks whether an address is ours; nothing to any other event."""
    try:
        event = _event.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"no event of Slack: {error}", _REMEDY) from error
    return event.challenge if event.type == "url_verification" else ""


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict"))
    except (UnicodeDecodeError, ValueError) as error:
        raise Unreadable(f"no form of Slack: {error}", _REMEDY) from error
