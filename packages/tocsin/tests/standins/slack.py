"""A stand-in for Slack: speaks the published Web API, as far as Tocsin calls it, refuses what Slack refuses, and
sends what Slack sends when somebody presses a button or types a command.

One thing it does is seen rather than published: a repeated ``client_msg_id`` is answered with the first message.
"""

import json
import re
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from .server import Request, Response, never, serving
from .slack_workspace import ONLY_FORMS, SCOPES, Refused, Workspace

TOKEN = "xoxb-1234-stand-in"
SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
URL = re.compile(r"https?://[^\s<>]+")


@dataclass
class Slack:
    base_url: str = ""
    channels: dict[str, str] = field(default_factory=lambda: {"C0INCIDENTS": "incidents", "C0SEV1": "sev1-down"})
    messages: list[dict[str, Any]] = field(default_factory=list)
    """What was posted: the arguments, with ``ts``."""
    replies: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """What was said at reply addresses."""
    silent: bool = False
    answer: Response | None = None
    """If set, what every call is answered with; nothing is posted."""
    clock: Callable[[], float] | None = None
    """If set, more than one message a second into one channel is refused by it."""
    limited: dict[str, int] = field(default_factory=dict)
    """How many of the next calls of a method are told to come later."""
    lost: dict[str, int] = field(default_factory=dict)
    """How many of the next calls of a method are carried out, and their answers lost on the way."""
    scopes: set[str] = field(default_factory=lambda: set(SCOPES.values()))
    calls: list[str] = field(default_factory=list)
    """The methods that were called, in order."""
    heard: Callable[[str], None] = lambda _: None
    """Called with each method once it is carried out."""
    workspace: Workspace = field(init=False)
    _posted_at: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workspace = Workspace(self.messages)

    async def handle(self, request: Request) -> Response:
        if self.silent:
            return await never()
        if self.answer is not None:
            return self.answer
        if request.method == "POST" and request.path.startswith("/actions/"):
            return self._reply(request)
        path, _, query = request.path.partition("?")
        method = path.removeprefix("/api/")
        if method not in SCOPES:
            return _refused("unknown_method")
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token != TOKEN:
            return _refused("invalid_auth" if token else "not_authed")
        self.calls.append(method)
        if SCOPES[method] not in self.scopes:
            provided = ",".join(sorted(self.scopes))
            return _json({"ok": False, "error": "missing_scope", "needed": SCOPES[method], "provided": provided})
        if _counted(self.limited, method):
            body = json.dumps({"ok": False, "error": "ratelimited"}).encode()
            return Response(429, body, {"retry-after": "30", "content-type": "application/json"})
        arguments = _arguments(request, query, method)
        if isinstance(arguments, str):
            return _refused(arguments)
        answer = self._answered(method, arguments)
        self.heard(method)
        if _counted(self.lost, method):
            raise ConnectionResetError
        return answer

    def _answered(self, method: str, arguments: dict[str, Any]) -> Response:
        if method == "chat.postMessage":
            return self._post(arguments)
        try:
            if method == "chat.update" and arguments.get("channel") not in self.workspace.channels:
                return self._update(arguments)
            faults = block_faults(arguments.get("blocks", []))
            if faults:
                return _refused("invalid_blocks", faults)
            return _json({"ok": True, **self.workspace.call(method, arguments)})
        except Refused as refusal:
            return _json({"ok": False, "error": refusal.error, **refusal.more})

    def _reply(self, request: Request) -> Response:
        """Take a reply at a ``response_url``: five of them, for half an hour."""
        said = json.loads(request.body.decode())
        if said.get("response_type") not in ("ephemeral", "in_channel") or not said.get("text"):
            return Response(400, b"invalid_payload")
        if sum(path == request.path for path, _ in self.replies) >= 5:
            return Response(404, b"used_url")
        self.replies.append((request.path, said))
        return Response(200, b"ok")

    def _update(self, arguments: dict[str, Any]) -> Response:
        if not isinstance(arguments.get("ts"), str):
            return _refused("invalid_arguments")
        error = _argument_error(arguments)
        if error:
            return _refused(error)
        if arguments["channel"] not in self.channels:
            return _refused("channel_not_found")  # An update takes the id of a channel, never its name.
        faults = block_faults(arguments.get("blocks", []))
        if faults:
            return _refused("invalid_blocks", faults)
        place = next((n for n, each in enumerate(self.messages) if each["ts"] == arguments["ts"]), None)
        if place is None:
            return _refused("message_not_found")
        self.messages[place] = {**self.messages[place], **arguments}
        return _json({"ok": True, "channel": arguments["channel"], "ts": arguments["ts"], "text": arguments["text"]})

    def _post(self, arguments: dict[str, Any]) -> Response:
        error = _argument_error(arguments)
        if error:
            return _refused(error)
        channel = self._channel(arguments["channel"])
        if channel is None:
            return _refused("channel_not_found")
        try:
            self.workspace.postable(channel)
        except Refused as refusal:
            return _refused(refusal.error)
        faults = block_faults(arguments.get("blocks", []))
        if faults:
            return _refused("invalid_blocks", faults)
        repeated = self._same(arguments.get("client_msg_id"))
        if repeated is None and self._too_fast(channel):
            body = json.dumps({"ok": False, "error": "ratelimited"}).encode()
            return Response(429, body, {"retry-after": "1", "content-type": "application/json"})
        message = repeated or {**arguments, "channel": channel, "ts": f"1700000000.{len(self.messages) + 1:06d}"}
        if repeated is None:
            self.messages.append(message)
        return _json({"ok": True, "channel": channel, "ts": message["ts"], "message": {"text": message.get("text")}})

    def _channel(self, named: str) -> str | None:
        if named in self.channels or named in self.workspace.channels:
            return named
        return next((id_ for id_, name in self.channels.items() if name == named.removeprefix("#")), None)

    def _same(self, client_msg_id: str | None) -> dict[str, Any] | None:
        same = (each for each in self.messages if each.get("client_msg_id") == client_msg_id)
        return next(same, None) if client_msg_id else None

    def _too_fast(self, channel: str) -> bool:
        if self.clock is None:
            return False
        now = self.clock()
        if now - self._posted_at.get(channel, -1) < 1:
            return True
        self._posted_at[channel] = now
        return False


@asynccontextmanager
async def slack() -> AsyncIterator[Slack]:
    state = Slack()
    async with serving(state.handle) as base:
        state.base_url = f"{base}/api"
        yield state


def _counted(times: dict[str, int], method: str) -> bool:
    left = times.get(method, 0)
    times[method] = max(0, left - 1)
    return left > 0


def _arguments(request: Request, query: str, method: str) -> dict[str, Any] | str:
    """The arguments of a call, wherever Slack looks for them; or how it refuses what it finds."""
    given = dict(parse_qsl(query))
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/json") and method not in ONLY_FORMS:
        try:
            found = json.loads(request.body.decode())
        except ValueError:
            return "invalid_json"
        return {**given, **found} if isinstance(found, dict) else "json_not_object"
    if kind.startswith("application/x-www-form-urlencoded"):
        return {**given, **dict(parse_qsl(request.body.decode()))}
    return "invalid_form_data" if method == "chat.postMessage" else given


def _json(value: Any) -> Response:
    return Response(200, json.dumps(value).encode(), {"content-type": "application/json; charset=utf-8"})


def _refused(error: str, faults: list[str] | None = None) -> Response:
    if faults is None:
        return _json({"ok": False, "error": error})
    said = {"messages": [f"[ERROR] {each}" for each in faults]}
    return _json({"ok": False, "error": error, "errors": faults, "response_metadata": said})


def _argument_error(arguments: dict[str, Any]) -> str | None:
    if not isinstance(arguments.get("channel"), str) or not arguments["channel"]:
        return "invalid_arguments"
    text, blocks = arguments.get("text", ""), arguments.get("blocks")
    if not text and not blocks:
        return "no_text"
    if len(text) > 40_000:
        return "msg_too_long"
    if blocks is not None and not isinstance(blocks, list):
        return "invalid_blocks_format"
    if len(json.dumps(blocks or [], ensure_ascii=False)) > 50_000:
        return "msg_blocks_too_long"
    metadata = arguments.get("metadata")
    if metadata is not None and set(metadata) != {"event_type", "event_payload"}:
        return "invalid_metadata_format"
    if arguments.get("client_msg_id"):
        try:
            uuid.UUID(arguments["client_msg_id"])
        except ValueError:
            return "invalid_arguments"
    return None


def block_faults(blocks: list[Any]) -> list[str]:
    faults = [] if len(blocks) <= 50 else ["no more than 50 items allowed [json-pointer:/blocks]"]
    for place, block in enumerate(blocks):
        at = f"/blocks/{place}"
        check = _CHECKS.get(block.get("type")) if isinstance(block, dict) else None
        faults += check(block, at) if check else [f"unsupported type [json-pointer:{at}]"]
    return faults


def _header(block: dict[str, Any], at: str) -> list[str]:
    return _known(block, {"text"}, at) + _text(block.get("text"), 150, f"{at}/text", {"plain_text"})


def _section(block: dict[str, Any], at: str) -> list[str]:
    faults = _known(block, {"text", "fields"}, at)
    fields = block.get("fields")
    if "text" not in block and not fields:
        return [*faults, f"missing required field: text or fields [json-pointer:{at}]"]
    if "text" in block:
        faults += _text(block["text"], 3000, f"{at}/text")
    if fields is not None and not 1 <= len(fields) <= 10:
        faults.append(f"must have 1 to 10 items [json-pointer:{at}/fields]")
    for place, each in enumerate(fields or []):
        faults += _text(each, 2000, f"{at}/fields/{place}")
    return faults


def _actions(block: dict[str, Any], at: str) -> list[str]:
    elements = block.get("elements", [])
    faults = _known(block, {"elements"}, at)
    if not 1 <= len(elements) <= 25:
        faults.append(f"must have 1 to 25 items [json-pointer:{at}/elements]")
    for place, button in enumerate(elements):
        here = f"{at}/elements/{place}"
        if button.get("type") != "button":
            faults.append(f"unsupported type [json-pointer:{here}]")
        faults += _known(button, {"text", "action_id", "url", "value", "style", "confirm"}, here)
        faults += _text(button.get("text"), 75, f"{here}/text", {"plain_text"})
        if len(button.get("value", "")) > 2000 or len(button.get("action_id", "")) > 255:
            faults.append(f"must be less than 2001 characters [json-pointer:{here}/value]")
        faults += _confirm(button["confirm"], f"{here}/confirm") if "confirm" in button else []
        url = button.get("url", "https://x")
        if len(url) > 3000 or not URL.fullmatch(url):
            faults.append(f"invalid url [json-pointer:{here}/url]")
        if button.get("style", "primary") not in ("primary", "danger"):
            faults.append(f"must be primary or danger [json-pointer:{here}/style]")
    return faults


def _confirm(confirm: dict[str, Any], at: str) -> list[str]:
    faults = _known(confirm, {"title", "text", "confirm", "deny", "style"}, at)
    for name, most in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
        faults += _text(confirm.get(name), most, f"{at}/{name}", {"plain_text"})
    return faults


def pressed(
    message: dict[str, Any], action: str, user: str, response_url: str, trigger: str = "13345224609.8"
) -> bytes:
    """What Slack sends when somebody presses a button of a message, or follows its link."""
    buttons = [each for block in message["blocks"] for each in block.get("elements", []) if each["type"] == "button"]
    button = next(each for each in buttons if each["action_id"] == action)
    payload = {
        "type": "block_actions",
        "user": {"id": user, "username": "ines", "name": "ines", "team_id": "T9TK3CUKW"},
        "api_app_id": "AABA1ABCD",
        "token": "deprecated",
        "container": {"type": "message", "message_ts": message["ts"], "channel_id": message["channel"]},
        "trigger_id": trigger,
        "team": {"id": "T9TK3CUKW", "domain": "example"},
        "channel": {"id": message["channel"], "name": "directmessage"},
        "message": {"type": "message", "ts": message["ts"], "text": message["text"], "blocks": message["blocks"]},
        "response_url": response_url,
        "actions": [
            {
                "action_id": action,
                "block_id": "Kv+",
                "text": button["text"],
                "type": "button",
                "action_ts": "1548426417.840180",
                **({"value": button["value"]} if "value" in button else {}),
            }
        ],
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


def typed(text: str, user: str, response_url: str, channel: str = "C0INCIDENTS", name: str = "incidents") -> bytes:
    """What Slack sends when somebody types a slash command."""
    fields = {
        "token": "deprecated",
        "team_id": "T0001",
        "team_domain": "example",
        "channel_id": channel,
        "channel_name": name,
        "user_id": user,
        "user_name": "ines",
        "command": "/incident",
        "text": text,
        "api_app_id": "A123456",
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": "13345224609.738474920.8088930838d88f008e0",
    }
    return urlencode(fields).encode()


def _context(block: dict[str, Any], at: str) -> list[str]:
    elements = block.get("elements", [])
    faults = _known(block, {"elements"}, at)
    if not 1 <= len(elements) <= 10:
        faults.append(f"must have 1 to 10 items [json-pointer:{at}/elements]")
    return faults + [fault for each in elements for fault in _text(each, 3000, f"{at}/elements")]


_CHECKS: dict[Any, Callable[[dict[str, Any], str], list[str]]] = {
    "header": _header,
    "section": _section,
    "actions": _actions,
    "context": _context,
    "divider": lambda block, at: _known(block, set(), at),
}


def _known(block: dict[str, Any], names: set[str], at: str) -> list[str]:
    more = set(block) - names - {"type", "block_id"}
    return [f"no more properties allowed: {name} [json-pointer:{at}]" for name in sorted(more)]


def _text(value: Any, most: int, at: str, kinds: set[str] | None = None) -> list[str]:
    if not isinstance(value, dict) or value.get("type") not in (kinds or {"plain_text", "mrkdwn"}):
        return [f"failed to match all allowed schemas [json-pointer:{at}]"]
    allowed = {"type", "text", "verbatim"} if value["type"] == "mrkdwn" else {"type", "text", "emoji"}
    faults = [f"no more properties allowed [json-pointer:{at}]"] if set(value) - allowed else []
    text = value.get("text")
    if not isinstance(text, str) or not text:
        return [*faults, f"must be more than 0 characters [json-pointer:{at}/text]"]
    return (
        faults if len(text) <= most else [*faults, f"must be less than {most + 1} characters [json-pointer:{at}/text]"]
    )
