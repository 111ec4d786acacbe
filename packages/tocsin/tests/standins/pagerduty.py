"""A stand-in for PagerDuty: the Events API v2 over TLS, what incidents it leads to, and the v3 webhooks about them."""

import hashlib
import hmac
import json
import ssl
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from .server import Request, Response, hang_up, never, serving
from .smtp import AUTHORITY

ROUTE = "R0123456789abcdefghijklmnopqrstu"
"""An integration key: thirty-two letters and digits."""
SIZE_MAX = 512 * 1024
SEVERITIES = ("critical", "error", "warning", "info")


@dataclass
class PagerDuty:
    base_url: str = ""
    routes: tuple[str, ...] = (ROUTE,)
    events: list[dict[str, Any]] = field(default_factory=list)
    """All that was accepted, in order."""
    incidents: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By ``dedup_key``: the first event, and the status it has come to."""
    silent: bool = False
    takes_and_hangs_up: bool = False
    """Take the event over and break off before saying so."""
    answer: Response | None = None
    """If set, what every event is answered with; nothing is taken over."""

    async def handle(self, request: Request) -> Response:
        if self.silent:
            return await never()
        if self.answer is not None:
            return self.answer
        if request.method != "POST" or request.path != "/v2/enqueue":
            return Response(404)
        if len(request.body) > SIZE_MAX:
            return Response(413)
        if not request.headers.get("content-type", "").startswith("application/json"):
            return _invalid("Content-Type must be application/json")
        try:
            event = json.loads(request.body.decode())
        except ValueError:
            return _invalid("the body is not JSON")
        faults = event_faults(event) or ([] if event["routing_key"] in self.routes else ["Invalid routing key"])
        if faults:
            return _invalid(*faults)
        answer = self._take(event)
        return hang_up() if self.takes_and_hangs_up else answer

    def _take(self, event: dict[str, Any]) -> Response:
        key = event.get("dedup_key") or uuid.uuid4().hex
        self.events.append(event)
        known, action = self.incidents.get(key), event["event_action"]
        if action == "trigger" and (known is None or known["status"] == "resolved"):
            self.incidents[key] = {**event, "status": "triggered", "id": f"Q{len(self.incidents) + 1:013d}"}
        elif known is not None and known["status"] != "resolved" and action != "trigger":
            known["status"] = {"acknowledge": "acknowledged", "resolve": "resolved"}[action]
        body = {"status": "success", "message": "Event processed", "dedup_key": key}
        return Response(202, json.dumps(body).encode(), {"content-type": "application/json"})


@asynccontextmanager
async def pagerduty() -> AsyncIterator[PagerDuty]:
    state = PagerDuty()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    async with serving(state.handle, context) as base:
        state.base_url = base
        yield state


def trusting() -> ssl.SSLContext:
    """A client's context that trusts the stand-in."""
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def _invalid(*errors: str) -> Response:
    body = {"status": "invalid event", "message": "Event object is invalid", "errors": list(errors)}
    return Response(400, json.dumps(body).encode(), {"content-type": "application/json"})


def event_faults(event: Any) -> list[str]:
    if not isinstance(event, dict):
        return ["'event' must be an object"]
    faults = []
    key = event.get("routing_key")
    if not (isinstance(key, str) and len(key) == 32 and key.isalnum()):
        faults.append("'routing_key' is invalid")
    if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
        faults.append("'event_action' is invalid (must be one of trigger, acknowledge, resolve)")
    dedup = event.get("dedup_key", "")
    if not isinstance(dedup, str) or len(dedup) > 255:
        faults.append("'dedup_key' is too long (maximum is 255 characters)")
    if event.get("event_action") == "trigger":
        return faults + _payload_faults(event.get("payload")) + _link_faults(event.get("links", []))
    return faults if dedup else [*faults, "'dedup_key' is missing or blank"]


def _payload_faults(payload: Any) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or blank"]
    faults = [f"'payload.{name}' is missing or blank" for name in ("summary", "source") if not payload.get(name)]
    if len(payload.get("summary", "")) > 1024:
        faults.append("'payload.summary' is too long (maximum is 1024 characters)")
    if payload.get("severity") not in SEVERITIES:
        faults.append("'payload.severity' is invalid (must be one of critical, error, warning, info)")
    return faults


def _link_faults(links: Any) -> list[str]:
    if not isinstance(links, list):
        return ["'links' must be an array"]
    return [f"'links[{place}].href' is missing" for place, link in enumerate(links) if not link.get("href")]


USER = "PXPGF42"


def webhook(
    event_type: str,
    dedup_key: str,
    at: str,
    *,
    user: str = USER,
    name: str = "Earline Greenholt",
    agent_type: str = "user_reference",
    **more: Any,
) -> bytes:
    """The body of a v3 webhook, as PagerDuty documents it."""
    agent = {
        "html_url": f"https://acme.pagerduty.com/users/{user}",
        "id": user,
        "self": f"https://api.pagerduty.com/users/{user}",
        "summary": name,
        "type": agent_type,
    }
    data = {
        "id": "PGR0VU2",
        "type": "incident",
        "self": "https://api.pagerduty.com/incidents/PGR0VU2",
        "html_url": "https://acme.pagerduty.com/incidents/PGR0VU2",
        "number": 2,
        "status": event_type.partition(".")[2],
        "incident_key": dedup_key,
        "created_at": "2020-04-09T15:16:27Z",
        "title": "A little bump in the road",
        "service": {"id": "PF9KMXH", "summary": "API Service", "type": "service_reference"},
        "assignees": [agent],
        "escalation_policy": {"id": "PUS0KTE", "summary": "Default", "type": "escalation_policy_reference"},
        "teams": [],
        "priority": None,
        "urgency": "high",
        "conference_bridge": None,
        "resolve_reason": None,
    }
    event = {
        "id": more.pop("id", "5ac64822-4adc-4fda-ade0-410becf0de4f"),
        "event_type": event_type,
        "resource_type": "incident",
        "occurred_at": at,
        "agent": agent,
        "client": {"name": "PagerDuty"},
        "data": data,
    }
    return json.dumps({"event": {**event, **more}}).encode()


def ping(at: str) -> bytes:
    """What PagerDuty sends when a subscription is tried out."""
    data = {"message": "Hello from your friend Pagey!", "type": "ping"}
    event = {
        "id": "01BX5ZZKBKACTAV9WEVGEMMVS0",
        "event_type": "pagey.ping",
        "resource_type": "pagey",
        "occurred_at": at,
        "agent": None,
        "client": None,
        "data": data,
    }
    return json.dumps({"event": event}).encode()


def signature(body: bytes, *secrets: str) -> str:
    """The header that PagerDuty signs with: one signature for each secret in force."""
    return ",".join(f"v1={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}" for secret in secrets)
