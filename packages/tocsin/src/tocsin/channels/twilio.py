"""Telephone calls and text messages by Twilio.

A call says what is wrong and waits for one key; a text message says how to answer it. Both come back to us as signed
callbacks, and so does what became of them.

Twilio takes no idempotency key. A request without an answer may be ringing already, so the next attempt waits longer
than usual: meanwhile Twilio's own callback about the first one, which carries our key, ends the matter if it got
through. The same holds of a request that was under way when we were killed.
"""

import base64
import re
from typing import Final
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

import httpx
import msgspec
from msgspec.structs import replace
from whenever import TimeDelta

from tocsin.channels.http import Answer, post, wait
from tocsin.channels.port import Accepted, Deferred, DeliveryKey, Outcome, Rejected
from tocsin.channels.render import body, cut, headline, one_line
from tocsin.core.messages import Message, MessageKind
from tocsin.core.outbound import is_web_url

SUBJECT_MAX: Final = 200
TEXT_MAX: Final = 300
"""Characters of what is said and written: as much as somebody half asleep takes in, and two or three text messages."""

SMS_MAX: Final = 1_600
TWIML_MAX: Final = 4_000
"""Characters that Twilio takes of a text message, and of instructions sent along with a call."""

RINGS_FOR_S: Final = 25
"""Seconds a telephone rings: shorter than most voicemail waits. A page is tried again, or by the next method."""

KEY_WITHIN_S: Final = 8

IN_DOUBT_PAGE: Final = TimeDelta(seconds=30)
IN_DOUBT_OTHER: Final = TimeDelta(minutes=5)
"""How long to wait after an attempt without an answer. With a page's patience of a minute and a notice's of ten
minutes that makes two messages at most."""

_NUMBER = re.compile(r"\+[0-9]{7,15}")
_UNSPEAKABLE = re.compile("[\ufffe\uffff]")
"""What XML cannot carry, and no control character is."""

_CODE = re.compile(r"(?<![\w.+-])[0-9]{6}(?![\w-])")
"""A code to be written down: said as one number, nobody could."""

RETRYABLE: Final = frozenset({20429, 20500, 20503, 21611, 30001})
REMEDIES: Final = {
    20003: "Twilio does not know us; check the account SID and the auth token",
    20404: "there is no such account; check the account SID",
    21210: "the sender is not verified; verify TOCSIN_TWILIO_FROM with Twilio",
    21211: "it is no telephone number that can be reached; correct the contact method",
    21212: "the sender is no number of ours; correct TOCSIN_TWILIO_FROM",
    21214: "the number cannot be reached; correct the contact method",
    21215: "calls to that country are not allowed; allow them in Twilio's voice geographic permissions",
    21216: "Twilio does not call that number; give another",
    21217: "it is no telephone number; correct the contact method",
    21219: "the number is not verified, as a trial account needs",
    21408: "text messages to that country are not allowed; allow them in Twilio's messaging geographic permissions",
    21606: "the sender cannot send text messages; correct TOCSIN_TWILIO_FROM",
    21608: "the number is not verified, as a trial account needs",
    21609: "the address for callbacks is not one that Twilio can call; correct TOCSIN_BASE_URL",
    21610: "the person has answered STOP; they must answer START to get text messages again",
    21612: "Twilio has no way to that number from the sender; give another",
    21614: "it is no mobile number; correct the contact method",
    21617: "the message is too long",
}
"""What to do about each error that Twilio documents for what we send."""


class Account(msgspec.Struct, frozen=True):
    """Who we are to Twilio."""

    sid: str
    token: str
    sender: str
    """The number that calls, in the form +15550100123."""
    base_url: str = "https://api.twilio.com"
    callbacks: str = ""
    """Where Twilio reaches us; empty if it cannot. Then nobody can answer by a key or a reply, and a link must do."""

    def __repr__(self) -> str:
        return f"Account({self.base_url})"


class _Twilio:
    """What calls and text messages have in common."""

    _resource = ""
    _events: tuple[str, ...] = ()

    def __init__(self, http: httpx.AsyncClient, account: Account, timeout_s: float = 10, pace: float = 1) -> None:
        self._http = http
        self._account = account
        self._url = f"{account.base_url.rstrip('/')}/2010-04-01/Accounts/{quote(account.sid)}/{self._resource}.json"
        self._timeout_s = timeout_s
        self._pace = pace

    @property
    def pace(self) -> float:
        """Messages a second: what Twilio sends from one number."""
        return self._pace

    async def deliver(self, message: Message, address: str, key: DeliveryKey) -> Outcome:
        """Ask Twilio once."""
        if not _NUMBER.fullmatch(address):
            return Rejected(why="the address is no telephone number such as +15550100123")
        fields = [("To", address), ("From", self._account.sender), *self._content(message, key)]
        if self._account.callbacks:
            fields += [("StatusCallback", self._callback("status", key)), ("StatusCallbackMethod", "POST")]
            fields += [("StatusCallbackEvent", event) for event in self._events]
        answer = await post(self._http, self._url, urlencode(fields).encode(), self._headers(), self._timeout_s)
        if isinstance(answer, Deferred):
            return replace(answer, wait=self.in_doubt(message.kind))
        return _outcome(answer)

    def in_doubt(self, kind: MessageKind) -> TimeDelta:
        """Answer how long to leave Twilio the time to call back about an attempt that may have got through."""
        return IN_DOUBT_PAGE if kind is MessageKind.PAGE else IN_DOUBT_OTHER

    async def close(self) -> None:
        """Give back connections."""
        await self._http.aclose()

    def _content(self, message: Message, key: DeliveryKey) -> list[tuple[str, str]]:
        raise NotImplementedError

    def _callback(self, what: str, key: str) -> str:
        return f"{self._account.callbacks.rstrip('/')}/callbacks/twilio/{what}/{quote(key, safe='')}"

    def _headers(self) -> dict[str, str]:
        login = base64.b64encode(f"{self._account.sid}:{self._account.token}".encode()).decode()
        return {"Authorization": f"Basic {login}", "Content-Type": "application/x-www-form-urlencoded"}


class VoiceChannel(_Twilio):
    """Calls a person, says what is wrong, and waits for one key."""

    _resource = "Calls"
    _events = ("initiated", "answered", "completed")

    def _content(self, message: Message, key: DeliveryKey) -> list[tuple[str, str]]:
        answers = message.kind is MessageKind.PAGE and bool(self._account.callbacks)
        return [
            ("Twiml", twiml(message, self._callback("voice", key) if answers else "")),
            ("Timeout", str(RINGS_FOR_S)),
        ]


class SmsChannel(_Twilio):
    """Sends a text message that can be answered."""

    _resource = "Messages"

    def _content(self, message: Message, key: DeliveryKey) -> list[tuple[str, str]]:
        return [("Body", text_message(message, bool(self._account.callbacks)))]


def twiml(message: Message, answered_at: str) -> str:
    """Write what the voice says, twice over, and where the key that is pressed goes."""
    subject, text = _spoken(headline(message), SUBJECT_MAX), _spoken(body(message), TEXT_MAX)
    full = _say(f"{subject.rstrip('.')}. {text}" if text else subject)
    # Characters that must be written as entities count five times; then it is said once, or in fewer words.
    ways = (_instructions(full, answered_at, 2), _instructions(full, answered_at, 1))
    short = _instructions(_say(subject), answered_at, 1)
    return next((each for each in ways if len(each) <= TWIML_MAX), short)


def _instructions(said: str, answered_at: str, times: int) -> str:
    if not answered_at:
        return f"<Response>{said * times}</Response>"
    once = gather(answered_at, f"{said}{_say('Press 1 to take it. Press 2 if you cannot.')}")
    return f"<Response>{once * times}{_say('No key was pressed. The next way to reach you is tried.')}</Response>"


def gather(answered_at: str, inner: str) -> str:
    """Write instructions that wait for one key."""
    target = escape(answered_at, {'"': "&quot;"})
    return f'<Gather numDigits="1" timeout="{KEY_WITHIN_S}" method="POST" action="{target}">{inner}</Gather>'


def _say(text: str) -> str:
    return f"<Say>{escape(text)}</Say>"


def _spoken(text: str, most: int) -> str:
    spelled = _CODE.sub(lambda found: ", ".join(found[0]), _UNSPEAKABLE.sub("", one_line(text)))
    return cut(spelled, most).replace(" · ", ". ").strip()


def text_message(message: Message, can_be_answered: bool) -> str:
    """Write a text message: what is wrong, and how to answer."""
    number = message.incident.rpartition("-")[2]
    parts = [cut(headline(message), SUBJECT_MAX), cut(body(message), TEXT_MAX)]
    if message.kind is MessageKind.PAGE and can_be_answered:
        parts.append(f"Reply ack {number} to take it, no {number} if you cannot.")
    if is_web_url(message.acknowledge_url):
        parts.append(message.acknowledge_url)
    written = "\n".join(part for part in parts if part)
    return written if len(written) <= SMS_MAX else cut("\n".join(parts[:-1]), SMS_MAX)


class _Said(msgspec.Struct, frozen=True):
    sid: str = ""
    code: int | None = None


def _outcome(answer: Answer) -> Outcome:
    said = _said(answer)
    code = said.code if said else None
    match answer.status:
        case 200 | 201 if said is not None and said.sid:
            return Accepted(receipt=cut(one_line(said.sid), 64))
        case 200 | 201:
            return Deferred(why="Twilio answered something that is not its protocol", wait=IN_DOUBT_PAGE)
        case 429:
            return Deferred(why="Twilio asked to slow down", wait=wait(answer))
        case status if status >= httpx.codes.INTERNAL_SERVER_ERROR or code in RETRYABLE:
            return Deferred(why=f"Twilio failed with {code or status}", wait=wait(answer))
        case status:
            remedy = REMEDIES.get(code or 0, "look the code up in Twilio's list of errors")
            return Rejected(why=f"Twilio refused with {code or status}: {remedy}")


def _said(answer: Answer) -> _Said | None:
    try:
        return msgspec.json.decode(answer.body, type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
