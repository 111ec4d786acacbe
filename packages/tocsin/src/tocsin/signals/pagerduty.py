"""PagerDuty's v3 webhooks: who acknowledged, resolved or escalated there.

The signature is checked over the bytes as they came, before anything of them is read. A subscription whose secret is
being changed signs with both; one good signature is enough.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

import msgspec
from whenever import Instant

from tocsin.core.ids import IntentId
from tocsin.signals.port import Act, Answer, Forged, Unreadable

VIA: Final = "pagerduty"
SIGNATURES_MAX: Final = 10
"""Signatures looked at in one header; PagerDuty sends one, or two while a secret is being changed."""

_REMEDY: Final = "Send what a v3 webhook subscription of PagerDuty sends."
_NAME_MAX: Final = 100


class _Reference(msgspec.Struct, frozen=True):
    id: str = ""
    type: str = ""
    summary: str | None = ""
    email: str = ""


class _Incident(msgspec.Struct, frozen=True):
    incident_key: str | None = None
    assignees: tuple[_Reference, ...] = ()


class _Event(msgspec.Struct, frozen=True):
    event_type: str
    occurred_at: str
    id: str = ""
    agent: _Reference | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Body(msgspec.Struct, frozen=True):
    event: _Event


_body = msgspec.json.Decoder(_Body)
_incident = msgspec.json.Decoder(_Incident)


def verify(body: bytes, header: str, secrets: Sequence[str]) -> None:
    """Check the header ``X-PagerDuty-Signature``. Raises `Forged`."""
    given = [part.strip().removeprefix("v1=") for part in header.split(",")[:SIGNATURES_MAX] if "v1=" in part]
    good = [hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() for secret in secrets]
    # Every pair is compared, so the time it takes tells nothing.
    matches = [hmac.compare_digest(one.encode(), other.encode()) for one in given for other in good]
    if not any(matches):
        raise Forged(
            "the signature is not PagerDuty's",
            "Set TOCSIN_PAGERDUTY_WEBHOOK_SECRET to the secret that the webhook subscription was made with.",
        )


def read(body: bytes) -> Answer | None:
    """Answer what a webhook tells; nothing if it asks for nothing here. Raises `Unreadable`."""
    try:
        event = _body.decode(body).event
        at = Instant.parse_iso(event.occurred_at)
        act = _ACTS.get(event.event_type)
        agent = event.agent
        # What our own events did there comes back as well; its agent is the integration, not a person.
        if act is None or agent is None or agent.type not in ("user_reference", "user"):
            return None
        incident = _incident.decode(event.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise Unreadable(f"no webhook of PagerDuty: {error}", _REMEDY) from error
    if not incident.incident_key:
        return None
    name = (agent.summary or agent.id)[:_NAME_MAX]
    return Answer(
        via=VIA,
        id=event.id,
        act=act,
        at=at,
        who=tuple(each for each in (agent.id, agent.email) if each),
        name=name,
        page=IntentId(incident.incident_key),
        text=_said(event.event_type, name, incident),
    )


_ACTS: Final = {
    "incident.acknowledged": Act.ACKNOWLEDGE,
    "incident.resolved": Act.NOTE,  # Here it is over when its recovery is proven (V1), whatever a pager says.
    "incident.escalated": Act.NOTE,
}


def _said(event_type: str, name: str, incident: _Incident) -> str:
    if event_type == "incident.resolved":
        return f"{name} resolved the page in PagerDuty. The incident stays open until its recovery is proven (V1)."
    if event_type == "incident.escalated":
        to = ", ".join((each.summary or each.id)[:_NAME_MAX] for each in incident.assignees[:10])
        return f"{name} escalated in PagerDuty" + (f" to {to}" if to else "")
    return ""
