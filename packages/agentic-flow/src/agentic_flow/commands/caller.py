"""A light caller of one HTTP path: prepared requests over kept connections, and no more of HTTP than that takes.

A load generator must not take the processor from the service it shares it with; a full HTTP client takes about as long
for a request as the service does for the edit.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

_MOST_HEAD_BYTES = 16 * 1024  # The head of an answer; ours have some two hundred bytes.
_MOST_BODY_BYTES = 64 * 1024 * 1024  # Far above any answer of ours.
_MOST_IDLE = 32  # Connections kept for the next request.


class Unreachable(Exception):
    """No answer came: nobody listens, the connection broke, it took too long, or it is no HTTP."""


@dataclass(frozen=True)
class Answer:
    """A status and a body."""

    status: int
    body: bytes


@dataclass(frozen=True, eq=False)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def usable(self) -> bool:
        return not self.reader.at_eof() and not self.writer.is_closing()


class Caller:
    """Posts documents to one URL."""

    def __init__(self, url: str, timeout_s: float) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"{url!r} is not an http:// address")
        self._host, self._port = parts.hostname, parts.port or 80
        self._path, self._netloc = parts.path or "/", parts.netloc
        self._timeout_s = timeout_s
        self._idle: list[_Connection] = []

    def request(self, body: bytes) -> bytes:
        """Prepare a request, to be sent any number of times."""
        head = (
            f"POST {self._path} HTTP/1.1\r\nHost: {self._netloc}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def send(self, request: bytes) -> Answer:
        """Send a prepared request and wait for its answer."""
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(self._timeout_s):
                connection = await self._connection()
                connection.writer.write(request)
                answer, keep = await _read(connection.reader)
        except (OSError, ValueError, EOFError, asyncio.LimitOverrunError, TimeoutError) as error:
            self._drop(connection)
            raise Unreachable(str(error) or type(error).__name__) from None
        if keep and len(self._idle) < _MOST_IDLE:
            self._idle.append(connection)
        else:
            self._drop(connection)
        return answer

    def close(self) -> None:
        """Close what is kept."""
        while self._idle:
            self._drop(self._idle.pop())

    async def _connection(self) -> _Connection:
        while self._idle:
            kept = self._idle.pop()
            if kept.usable:
                return kept
            self._drop(kept)
        return _Connection(*await asyncio.open_connection(self._host, self._port, limit=_MOST_HEAD_BYTES))

    def _drop(self, connection: _Connection | None) -> None:
        if connection is not None:
            connection.writer.close()


async def _read(reader: asyncio.StreamReader) -> tuple[Answer, bool]:
    """Read one answer; say also whether the connection may be used again."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(fields.get("content-length", "-1"))
    if not 0 <= length <= _MOST_BODY_BYTES:
        raise ValueError("the answer does not say how long it is")
    body = await reader.readexactly(length)
    return Answer(int(first.split(" ")[1]), body), fields.get("connection", "").lower() != "close"
