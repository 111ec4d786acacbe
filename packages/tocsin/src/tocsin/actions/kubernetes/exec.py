"""A program inside a container, over a WebSocket with the channel protocol of Kubernetes: no terminal, no input.

Each message begins with the number of its channel. Output comes on 1 and 2; channel 3 brings, at the very end, a Status
that says how the program ended. A connection that ends without it leaves the outcome unknown.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from tocsin.actions.kubernetes.access import Access
from tocsin.actions.kubernetes.api import Lost, absent, bearer, refusal
from tocsin.actions.kubernetes.rights import MAKE_EXEC, OPEN_EXEC
from tocsin.actions.output import Output
from tocsin.actions.port import Cause, Unreachable

PROTOCOLS: Final = (Subprotocol("v5.channel.k8s.io"), Subprotocol("v4.channel.k8s.io"))

FLOOD_MAX: Final = 16 * 1024 * 1024
"""Bytes after which nobody listens any more; the program's next word then fails."""

MESSAGE_MAX: Final = 4 * 1024 * 1024
"""Bytes of one message; a cluster sends some tens of kilobytes."""

GOODBYE_WITHIN_S: Final = 0.5
"""Seconds for the closing handshake: the outcome is known by then, or will never be."""

_OUT, _ERR, _END = 1, 2, 3


class Ended:
    """How a program ended, and what it said."""

    def __init__(self, code: int | None, output: Output, why: str = "") -> None:
        self.code = code
        self.output = output
        self.why = why


async def execute(access: Access, namespace: str, pod: str, container: str, argv: tuple[str, ...]) -> Ended:
    """Run a program to its end. Raises `Unreachable` if it was not begun, `Lost` if nobody heard how it ended."""
    words = [("container", container), *(("command", word) for word in argv), ("stdout", "true"), ("stderr", "true")]
    address = f"ws{access.server.removeprefix('http')}/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/exec"
    output = Output()
    try:
        async with connect(
            f"{address}?{urlencode(words)}",
            subprotocols=PROTOCOLS,
            additional_headers=bearer(access),
            compression=None,
            max_size=MESSAGE_MAX,
            open_timeout=None,  # The action has a limit of its own around all that it does.
            close_timeout=GOODBYE_WITHIN_S,
            proxy=None,
            **_secured(access),
        ) as connection:
            return await _heard(connection, output)
    except InvalidStatus as error:
        status, body = error.response.status_code, bytes(error.response.body or b"")
        raise refusal(access, MAKE_EXEC if b"cannot create" in body else OPEN_EXEC, status, body) from None
    except (InvalidHandshake, InvalidURI) as error:
        why = f"{access.called} does not speak WebSocket for exec: {str(error)[:200]}"
        raise Unreachable(
            Cause.UNSUPPORTED, why, "exec needs Kubernetes 1.30 or later, and proxies that let it pass"
        ) from None
    except ConnectionClosed:
        raise Lost(f"the connection ended before the program did; it had said: {output.text[-500:]}") from None
    except OSError as error:
        raise absent(access, error) from None


def _secured(access: Access) -> dict[str, Any]:
    if access.tls is None:
        return {}
    return {"ssl": access.tls} | ({"server_hostname": access.server_name} if access.server_name else {})


async def _heard(connection: ClientConnection, output: Output) -> Ended:
    if connection.subprotocol is None:
        raise Unreachable(Cause.UNSUPPORTED, "the cluster chose no channel protocol", "it is too old for this exec")
    async for message in connection:
        frame = message.encode() if isinstance(message, str) else bytes(message)
        channel, said = frame[:1], frame[1:]
        if channel in (bytes([_OUT]), bytes([_ERR])):
            output.add(said)
        elif channel == bytes([_END]) and said:
            return _ended(said, output)
        if output.total > FLOOD_MAX:
            raise Lost(f"it said more than {FLOOD_MAX // 2**20} MiB, and nobody listened any more")
    raise Lost("the connection ended before the program did")


def _ended(said: bytes, output: Output) -> Ended:
    try:
        status = msgspec.json.decode(said, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Lost("how it ended could not be read") from None
    if status.get("status") == "Success":
        return Ended(0, output)
    code = next((one["message"] for one in _causes(status) if one.get("reason") == "ExitCode"), "")
    return Ended(int(code) if code.isdecimal() else None, output, str(status.get("message") or "it failed")[:500])


def _causes(status: Mapping[str, Any]) -> list[dict[str, Any]]:
    return (status.get("details") or {}).get("causes") or []
