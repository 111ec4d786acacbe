"""What Twilio calls back with: a key that was pressed, a text message that came back, what became of either.

Twilio signs the address that it calls together with the fields of the form, so the form is taken apart, within bounds,
before it can be checked; nothing is made of its fields until it has been.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from tocsin.core.ids import IncidentId, IntentId
from tocsin.signals.port import Act, Answer, Forged, Unreadable

VIA: Final = "twilio"
FIELDS_MAX: Final = 200
"""Fields of one form. Twilio sends about thirty."""

_REPLY = re.compile(r"\s*([a-z]+|[12])(?:[\s,:.#]+(?:inc\s*-?\s*)?#?(\d{1,9}))?\b", re.IGNORECASE)
_WORDS: Final = {
    **dict.fromkeys(("ack", "acknowledge", "yes", "ok", "1"), Act.ACKNOWLEDGE),
    **dict.fromkeys(("no", "cannot", "decline", "2"), Act.DECLINE),
}
_KEYS: Final = {"1": Act.ACKNOWLEDGE, "2": Act.DECLINE}

Fields = Mapping[str, str]


class Came(StrEnum):
    """What became of a call or a text message."""

    UNDER_WAY = "under_way"
    """Twilio has it in hand: it will not be lost any more."""
    ARRIVED = "arrived"
    FAILED = "failed"


class Report(msgspec.Struct, frozen=True):
    """What Twilio reports of one call or text message."""

    came: Came
    status: str
    sid: str


def form(body: bytes) -> Fields:
    """Take a form apart. Raises `Unreadable`."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except (UnicodeDecodeError, ValueError) as error:
        raise Unreadable(f"no form of Twilio: {error}", "Send what Twilio sends.") from error
    return dict(pairs)


def verify(url: str, fields: Fields, signature: str, token: str) -> None:
    """Check the header ``X-Twilio-Signature``. Raises `Forged`."""
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    mac = hmac.new(token.encode(), signed.encode(), hashlib.sha1)
    if not hmac.compare_digest(base64.b64encode(mac.digest()), signature.encode()):
        raise Forged(
            "the signature is not Twilio's",
            "Set TOCSIN_TWILIO_AUTH_TOKEN, and TOCSIN_BASE_URL to the very address that Twilio calls.",
        )


def pressed(fields: Fields, page: str) -> Answer | None:
    """Answer what a key under a page says; nothing if it says nothing."""
    act = _KEYS.get(fields.get("Digits", ""))
    if act is None:
        return None
    return Answer(
        via=VIA,
        id=f"{fields.get('CallSid', '')}.{fields['Digits']}",
        act=act,
        who=(fields.get("To", ""),),
        name=fields.get("To", ""),
        page=IntentId(page),
    )


def replied(fields: Fields) -> Answer | None:
    """Answer what a text message says; nothing if we do not understand it."""
    words = _REPLY.match(fields.get("Body", ""))
    act = _WORDS.get(words[1].lower()) if words else None
    if act is None or words is None:
        return None
    return Answer(
        via=VIA,
        id=fields.get("MessageSid", ""),
        act=act,
        who=(fields.get("From", ""),),
        name=fields.get("From", ""),
        incident=IncidentId(f"INC-{words[2]}") if words[2] else None,
    )


_STATUSES: Final = {
    **dict.fromkeys(("delivered", "read", "completed"), Came.ARRIVED),
    **dict.fromkeys(("undelivered", "failed", "busy", "no-answer", "canceled"), Came.FAILED),
    **dict.fromkeys(
        ("accepted", "queued", "sending", "sent", "initiated", "ringing", "in-progress", "answered"), Came.UNDER_WAY
    ),
}


def reported(fields: Fields) -> Report | None:
    """Answer what became of a call or a text message; nothing if the word is new to us."""
    status = fields.get("MessageStatus") or fields.get("CallStatus") or ""
    came = _STATUSES.get(status)
    sid = fields.get("MessageSid") or fields.get("CallSid") or ""
    error = fields.get("ErrorCode", "")
    known = error if error.isascii() and error.isdecimal() and len(error) < 9 else ""
    return None if came is None else Report(came, f"{status} {known}".strip(), sid[:64])
