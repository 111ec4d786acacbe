"""Messages to a provider that takes one JSON document per message, signed if there is a secret for it."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable

import httpx
import msgspec
from whenever import Instant

from tocsin.channels.http import Answer, post, wait
from tocsin.channels.port import Accepted, Deferred, DeliveryKey, Outcome, Rejected
from tocsin.channels.render import cut, one_line
from tocsin.core.messages import Message
from tocsin.core.outbound import AllowList

_RECEIPT_MAX = 200


class WebhookChannel:
    """Posts messages to the URLs of an allow-list.

    Every attempt carries its key as ``Idempotency-Key``. With a secret it carries ``X-Tocsin-Signature: t=…,v1=…`` too:
    the Unix time in seconds, and the hexadecimal HMAC-SHA256 of that time, a full stop and the body. A receiver
    compares the signature and refuses old times.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        allowed: Iterable[str],
        clock: Callable[[], Instant],
        secret: str = "",
        timeout_s: float = 10,
        pace: float = 50,
    ) -> None:
        self._http = http
        self._allowed = AllowList(allowed)
        self._clock = clock
        self._secret = secret.encode()
        self._timeout_s = timeout_s
        self._pace = pace

    @property
    def pace(self) -> float:
        """Messages a second."""
        return self._pace

    async def deliver(self, message: Message, address: str, key: DeliveryKey) -> Outcome:
        """Post the message once to the URL that is its address."""
        refusal = self._allowed.refusal(address)
        if refusal:
            return Rejected(why=refusal)
        content = _document(message)
        answer = await post(self._http, address, content, self._headers(content, key), self._timeout_s)
        return answer if isinstance(answer, Deferred) else _outcome(answer, key)

    async def close(self) -> None:
        """Give back connections."""
        await self._http.aclose()

    def _headers(self, content: bytes, key: DeliveryKey) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if self._secret:
            headers["X-Tocsin-Signature"] = sign(content, self._secret, self._clock())
        return headers


def sign(content: bytes, secret: bytes, at: Instant) -> str:
    """Write the signature of a body sent at an instant."""
    time = str(at.timestamp())
    mac = hmac.new(secret, time.encode() + b"." + content, hashlib.sha256).hexdigest()
    return f"t={time},v1={mac}"


def _document(message: Message) -> bytes:
    try:
        return msgspec.json.encode(message)
    except UnicodeEncodeError:  # Half surrogates, which JSON in UTF-8 cannot carry. The rest goes out as it is.
        return json.dumps(msgspec.to_builtins(message), ensure_ascii=False).encode(errors="replace")


def _outcome(answer: Answer, key: DeliveryKey) -> Outcome:
    match answer.status:
        case 200 | 201 | 202 | 204 | 409:  # 409: an earlier attempt with this key got through.
            return Accepted(receipt=cut(one_line(answer.headers.get("X-Receipt", "")), _RECEIPT_MAX) or key)
        case 429 | 503:
            return Deferred(why="asked to slow down", wait=wait(answer))
        case 408 | 425:
            return Deferred(why=f"provider gave up with {answer.status}", wait=wait(answer))
        case status if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return Deferred(why=f"provider failed with {status}", wait=wait(answer))
        case status if httpx.codes.is_redirect(status):
            return Rejected(why=f"provider redirects ({status}); give the address that it redirects to")
        case status:
            return Rejected(why=f"provider refused with {status}")
