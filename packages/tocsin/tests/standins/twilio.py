"""A stand-in for Twilio: takes calls and text messages as its REST API documents, and calls back as it does."""

import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode
from xml.etree import ElementTree

from twilio.request_validator import RequestValidator

from .server import Request, Response, hang_up, never, serving

SID = "AC" + "0123456789abcdef" * 2
TOKEN = "f2ca1bb6c7e907d06dafe4687e579fce"
SENDER = "+15550100999"
NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
CALL_EVENTS = {"initiated", "ringing", "answered", "completed"}
VERBS = {"Response", "Say", "Gather", "Message", "Pause", "Hangup"}


@dataclass
class Twilio:
    base_url: str = ""
    senders: tuple[str, ...] = (SENDER,)
    stopped: set[str] = field(default_factory=set)
    """Numbers that answered STOP."""
    calls: list[dict[str, list[str]]] = field(default_factory=list)
    messages: list[dict[str, list[str]]] = field(default_factory=list)
    silent: bool = False
    takes_and_hangs_up: bool = False
    answer: Response | None = None
    """If set, what every request is answered with; nothing is taken over."""

    async def handle(self, request: Request) -> Response:
        if self.silent:
            return await never()
        if self.answer is not None:
            return self.answer
        found = re.fullmatch(r"/2010-04-01/Accounts/(\w+)/(Calls|Messages)\.json", request.path)
        if found is None or request.method != "POST":
            return refused(404, 20404)
        login = base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {login}" or found[1] != SID:
            return refused(401, 20003)
        if request.headers.get("content-type") != "application/x-www-form-urlencoded":
            return refused(400, 12300)
        fields = parse_qs(request.body.decode(), keep_blank_values=True)
        fault = self._fault(fields, found[2])
        if fault:
            return refused(400, fault)
        answer = self._take(fields, found[2])
        return hang_up() if self.takes_and_hangs_up else answer

    def _take(self, fields: dict[str, list[str]], resource: str) -> Response:
        kept, prefix = (self.calls, "CA") if resource == "Calls" else (self.messages, "SM")
        sid = f"{prefix}{len(kept) + 1:032x}"
        kept.append({**fields, "sid": [sid]})
        return Response(201, json.dumps({"sid": sid, "status": "queued"}).encode())

    def _fault(self, fields: dict[str, list[str]], resource: str) -> int | None:
        to, sender = fields.get("To", [""])[0], fields.get("From", [""])[0]
        if sender not in self.senders:
            return 21606 if resource == "Messages" else 21210
        if not NUMBER.fullmatch(to):
            return 21211
        callbacks = fields.get("StatusCallback", ["https://x"])[0]
        if not callbacks.startswith(("https://", "http://")):
            return 21609
        return self._message_fault(fields, to) if resource == "Messages" else _call_fault(fields)

    def _message_fault(self, fields: dict[str, list[str]], to: str) -> int | None:
        text = fields.get("Body", [""])[0]
        if to in self.stopped:
            return 21610
        if not text:
            return 21602
        return 21617 if len(text) > 1600 else None


def _call_fault(fields: dict[str, list[str]]) -> int | None:
    instructions = fields.get("Twiml", [""])[0]
    if not instructions:
        return 21205
    if len(instructions) > 4000 or not twiml_is_valid(instructions):
        return 12100
    return None if set(fields.get("StatusCallbackEvent", [])) <= CALL_EVENTS else 21626


def twiml_is_valid(instructions: str) -> bool:
    try:
        root = ElementTree.fromstring(instructions)
    except ElementTree.ParseError:
        return False
    return root.tag == "Response" and all(each.tag in VERBS for each in root.iter())


def said(instructions: str) -> str:
    """What a person hears of instructions."""
    return "\n".join(
        each.text or "" for each in ElementTree.fromstring(instructions).iter() if each.tag in ("Say", "Message")
    )


def refused(status: int, code: int) -> Response:
    body = {"code": code, "message": "no", "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": status}
    return Response(status, json.dumps(body).encode())


def signature(url: str, fields: dict[str, str], token: str = TOKEN) -> str:
    """What Twilio's own library signs a callback with."""
    computed: str = RequestValidator(token).compute_signature(url, fields)
    return computed


def encoded(fields: dict[str, str]) -> bytes:
    return urlencode(fields).encode()


@asynccontextmanager
async def twilio() -> AsyncIterator[Twilio]:
    state = Twilio()
    async with serving(state.handle) as base:
        state.base_url = base
        yield state
