"""A small HTTP server for the stand-ins: in the test's own event loop, on a free port, gone when the test ends."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NoReturn

import h11


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


@dataclass
class Response:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    dripping: bool = False
    """Send the body byte by byte, each well within anybody's patience."""
    unfinished: bool = False
    """Promise more than there is, and fall silent after it."""


Handler = Callable[[Request], Awaitable[Response]]


async def never() -> Response:
    """Answer nothing, ever."""
    await asyncio.Event().wait()
    raise AssertionError("an event that nobody sets was set")


def hang_up() -> NoReturn:
    """Break the connection off without an answer."""
    raise ConnectionResetError("the stand-in has hung up")


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve until left, in clear or over TLS; answer the base URL."""
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await _converse(handler, reader, writer)
        except (ConnectionError, asyncio.CancelledError, h11.RemoteProtocolError):
            pass  # The client has left, or the test is over.
        finally:
            writer.close()
            connections.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def free_port() -> int:
    """Answer a port on which nobody listens."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


async def _converse(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection = h11.Connection(h11.SERVER)
    while (request := await _request(connection, reader)) is not None:
        response = await handler(request)
        length = len(response.body) + response.unfinished
        headers = {"content-length": str(length), **response.headers}
        writer.write(connection.send(h11.Response(status_code=response.status, headers=list(headers.items()))) or b"")
        await _send(response, connection, writer)
        writer.write(connection.send(h11.EndOfMessage()) or b"")
        await writer.drain()
        if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
            return
        connection.start_next_cycle()


async def _send(response: Response, connection: h11.Connection, writer: asyncio.StreamWriter) -> None:
    size = 1 if response.dripping else max(1, len(response.body))
    for start in range(0, len(response.body), size):
        writer.write(connection.send(h11.Data(data=response.body[start : start + size])) or b"")
        await writer.drain()
        if response.dripping:
            await asyncio.sleep(0.01)
    if response.unfinished:
        await never()


async def _request(connection: h11.Connection, reader: asyncio.StreamReader) -> Request | None:
    request: Request | None = None
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Request):
            headers = {name.decode().lower(): value.decode() for name, value in event.headers}
            request = Request(event.method.decode(), event.target.decode(), headers, b"")
        elif isinstance(event, h11.Data) and request is not None:
            request.body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return request
        else:
            return None
