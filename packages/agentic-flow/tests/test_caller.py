"""The load generator's caller, against servers that behave and servers that do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agentic_flow.commands.caller import Answer, Caller, Unreachable


class Server:
    """Answers every request with the same bytes, and counts connections and bodies."""

    def __init__(self, says: bytes) -> None:
        self.says = says
        self.connections = 0
        self.heard: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length:")[2].split()[0])
                self.heard.append(await reader.readexactly(length))
                writer.write(self.says)
                if b"close" in self.says:
                    return
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def answering(says: bytes) -> AsyncIterator[tuple[Server, Caller]]:
    server = Server(says)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    caller = Caller(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/transform", timeout_s=0.5)
    try:
        yield server, caller
    finally:
        caller.close()
        listening.close()


async def test_a_connection_is_used_again() -> None:
    async with answering(b"HTTP/1.1 422 Refused\r\ncontent-LENGTH: 2\r\n\r\nno") as (server, caller):
        for body in (b"one", b"two"):
            assert await caller.send(caller.request(body)) == Answer(422, b"no")
        assert (server.connections, server.heard) == (1, [b"one", b"two"])


async def test_a_connection_that_the_server_closes_is_not_used_again() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n") as (server, caller):
        for _ in range(2):
            assert (await caller.send(caller.request(b"{}"))).status == 200
        assert server.connections == 2


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nclose",
        b"SSH-2.0-none\r\n\r\nclose",
        b"x" * 100_000,
    ],
)
async def test_what_is_no_answer_counts_as_unreachable(says: bytes) -> None:
    async with answering(says) as (_, caller):
        with pytest.raises(Unreachable):
            await caller.send(caller.request(b"{}"))


async def test_nobody_listening_counts_as_unreachable() -> None:
    async with answering(b"") as (_, caller):
        pass
    with pytest.raises(Unreachable):
        await caller.send(caller.request(b"{}"))


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "127.0.0.1:80", "http://"])
def test_only_plain_http_is_spoken(url: str) -> None:
    with pytest.raises(ValueError, match="http://"):
        Caller(url, 1.0)
