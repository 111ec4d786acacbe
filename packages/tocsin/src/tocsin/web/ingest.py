"""The hot path: `POST /signals/alertmanager` as plain ASGI, beside the framework instead of through it.

The framework's route handling costs more than checking, decoding and keeping an alert together, and in a storm this is
the route that counts. It answers what any other route would: the same tokens, the same limits, the same problems.
"""

from http import HTTPStatus
from typing import Final

import msgspec
from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPResponseBodyEvent, HTTPResponseStartEvent, Receive, Scope, Send

from tocsin.core.ids import SignalId
from tocsin.core.limits import BODY_MAX
from tocsin.store.codec import encode
from tocsin.store.port import Signal
from tocsin.web.auth import Role
from tocsin.web.problems import MEDIA_TYPE, BodyTooLarge, explain, headers_of
from tocsin.web.site import Site

PATH: Final = "/signals/alertmanager"
_encoder: Final = msgspec.json.Encoder()


class AcceptedAlerts(msgspec.Struct, frozen=True):
    """Alerts were kept: from here on they are Tocsin's to answer for."""

    signals: tuple[SignalId, ...]
    """The ids of what was kept; a large body becomes several."""
    alerts: int
    """How many alerts the body held."""


class ClientGone(Exception):
    """The sender hung up before the body was whole."""


class Ingest:
    """Takes alerts in; hands every other request on."""

    def __init__(self, site: Site, others: ASGIApp) -> None:
        self._site = site
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP or scope["path"] != PATH or scope["method"] != HttpMethod.POST:
            await self._others(scope, receive, send)
            return
        try:
            await self._site.tokens.allowed(_authorization(scope), Role.SENDER)
            kept = await self._site.engine.accept("alertmanager", await _body(scope, receive))
        except ClientGone:
            return
        except Exception as error:  # Whatever it was: the sender must learn that nothing was accepted.
            found = explain(error, self._site.engine.telemetry, PATH)
            await _answer(send, found.status, MEDIA_TYPE, encode(found), headers_of(found))
            return
        await _answer(send, HTTPStatus.ACCEPTED, "application/json", _encoder.encode(accepted(kept)), {})


def accepted(kept: tuple[Signal, ...]) -> AcceptedAlerts:
    """Answer what the sender is told."""
    return AcceptedAlerts(tuple([each.id for each in kept]), sum([each.alerts for each in kept]))


def _authorization(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization":
            return value.decode("latin-1")
    return ""


async def _body(scope: Scope, receive: Receive) -> bytes:
    """Read the body, but not one byte more than the limit allows for. Raises `BodyTooLarge` or `ClientGone`."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        part = message["body"]
        size += len(part)
        if size > BODY_MAX:
            raise BodyTooLarge
        parts.append(part)
        if not message["more_body"]:
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def _answer(send: Send, status: int, media_type: str, body: bytes, more: dict[str, str]) -> None:
    named = {"content-type": media_type, "content-length": str(len(body)), **more}
    headers = [(name.lower().encode(), value.encode()) for name, value in named.items()]
    start: HTTPResponseStartEvent = {"type": "http.response.start", "status": status, "headers": headers}
    rest: HTTPResponseBodyEvent = {"type": "http.response.body", "body": body, "more_body": False}
    await send(start)
    await send(rest)
