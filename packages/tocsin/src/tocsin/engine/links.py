"""Signed links: whoever was paged acknowledges by following one, without a token and without a password."""

import base64
import hashlib
import hmac

import msgspec
from whenever import Instant, TimeDelta

from tocsin.core.ids import IncidentId, PersonId
from tocsin.core.messages import Intent

DECLINES = "/cannot"
"""What a link ends in by which the same person says "I cannot"."""

_LIVES_FOR = TimeDelta(hours=24)


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """What a link allows: this person to acknowledge this incident, until then (in seconds of Unix time)."""

    incident: IncidentId
    person: PersonId
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
        return f"{self._base_url}/a/{self.token(intent.incident, intent.person, now)}"

    def code(self, of: str) -> str:
        """Answer the six figures that stand for something; nobody without the secret can."""
        mac = hmac.new(self._secret, b"tocsin-verify:" + of.encode(), hashlib.sha256).digest()
        return f"{int.from_bytes(mac[:8], 'big') % 1_000_000:06}"

    def token(self, incident: IncidentId, person: PersonId, now: Instant) -> str:
        """Answer the signed part alone."""
        grant = Grant(incident, person, int((now + _LIVES_FOR).timestamp()))
        body = msgspec.json.encode(grant)
        return f"{_text(body)}.{_text(self._signature(body))}"

    def check(self, token: str, now: Instant) -> Grant:
        """Answer what a link allows. Raises `LinkRefused`."""
        body, signature = _parts(token)
        if not hmac.compare_digest(signature, self._signature(body)):
            raise LinkRefused("this link was not made by this server")
        grant = msgspec.json.decode(body, type=Grant)
        if now.timestamp() > grant.until_s:
            raise LinkExpired("this link is too old; open the incident instead")
        return grant

    def _signature(self, body: bytes) -> bytes:
        return hmac.new(self._secret, b"tocsin-acknowledge:" + body, hashlib.sha256).digest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _parts(token: str) -> tuple[bytes, bytes]:
    try:
        body, signature = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split("."))
    except ValueError as error:
        raise LinkRefused("this link is incomplete; copy it whole") from error
    return body, signature
