"""Signed links: whoever was paged acknowledges by following one, without a token and without a password.

A link that asks for an approval names the person, the run, what exactly would be approved and until when. It is of no
use for anything else: each kind of link is signed in its own name.
"""

import base64
import hashlib
import hmac

import msgspec
from whenever import Instant, TimeDelta

from tocsin.core.ids import IncidentId, PersonId, RunId
from tocsin.core.messages import Asked, Intent

DECLINES = "#reason"
"""What a link ends in that leads to the place on its page where the same person says "I cannot"."""

_LIVES_FOR = TimeDelta(hours=24)
_ACKNOWLEDGES = b"tocsin-acknowledge:"
_APPROVES = b"tocsin-approve:"


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """What a link allows: this person to acknowledge this incident, until then (in seconds of Unix time)."""

    incident: IncidentId
    person: PersonId
    until_s: int


class ApprovalGrant(msgspec.Struct, frozen=True, array_like=True):
    """What a link allows: this person to approve or reject exactly this, until then (in seconds of Unix time)."""

    incident: IncidentId
    run: RunId
    person: PersonId
    digest: str
    until_s: int


class LinkRefused(Exception):
    """The link is forged or too old."""


class LinkExpired(LinkRefused):
    """The link was ours and is too old."""


class Links:
    """Signs and checks links with a secret that never leaves the server."""

    def __init__(self, secret: bytes, base_url: str) -> None:
        self._secret = secret
        self._base_url = base_url.rstrip("/")

    @property
    def base_url(self) -> str:
        """Answer where people reach this server."""
        return self._base_url

    def sign(self, intent: Intent, now: Instant) -> str:
        """Answer the link by which the receiver of a page acknowledges it; empty if nobody is named."""
        if intent.person is None:
            return ""
        if intent.approval is not None:
            return f"{self._base_url}/p/{self.approval_token(intent.incident, intent.person, intent.approval)}"
        return f"{self._base_url}/a/{self.token(intent.incident, intent.person, now)}"

    def code(self, of: str) -> str:
        """Answer the six figures that stand for something; nobody without the secret can."""
        mac = hmac.new(self._secret, b"tocsin-verify:" + of.encode(), hashlib.sha256).digest()
        return f"{int.from_bytes(mac[:8], 'big') % 1_000_000:06}"

    def token(self, incident: IncidentId, person: PersonId, now: Instant) -> str:
        """Answer the signed part alone."""
        grant = Grant(incident, person, int((now + _LIVES_FOR).timestamp()))
        return self._signed(msgspec.json.encode(grant), _ACKNOWLEDGES)

    def approval_token(self, incident: IncidentId, person: PersonId, asked: Asked) -> str:
        """Answer the signed part of the link by which somebody approves a run."""
        grant = ApprovalGrant(incident, asked.run, person, asked.digest, int(asked.expires_at.timestamp()))
        return self._signed(msgspec.json.encode(grant), _APPROVES)

    def check(self, token: str, now: Instant) -> Grant:
        """Answer what a link allows. Raises `LinkRefused`."""
        grant = msgspec.json.decode(self._opened(token, _ACKNOWLEDGES), type=Grant)
        if now.timestamp() > grant.until_s:
            raise LinkExpired("this link is too old; open the incident instead")
        return grant

    def check_approval(self, token: str, now: Instant) -> ApprovalGrant:
        """Answer what a link lets somebody approve. Raises `LinkRefused`."""
        grant = msgspec.json.decode(self._opened(token, _APPROVES), type=ApprovalGrant)
        if now.timestamp() > grant.until_s:
            raise LinkExpired("what this link was about could be approved until a while ago; it must be asked for anew")
        return grant

    def _signed(self, body: bytes, purpose: bytes) -> str:
        return f"{_text(body)}.{_text(self._signature(body, purpose))}"

    def _opened(self, token: str, purpose: bytes) -> bytes:
        body, signature = _parts(token)
        if not hmac.compare_digest(signature, self._signature(body, purpose)):
            raise LinkRefused("this link was not made by this server")
        return body

    def _signature(self, body: bytes, purpose: bytes) -> bytes:
        return hmac.new(self._secret, purpose + body, hashlib.sha256).digest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _parts(token: str) -> tuple[bytes, bytes]:
    try:
        body, signature = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split("."))
    except ValueError as error:
        raise LinkRefused("this link is incomplete; copy it whole") from error
    return body, signature
