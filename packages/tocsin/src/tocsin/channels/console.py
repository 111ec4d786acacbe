"""Messages on a terminal or in a log: what one would like to read at three in the morning, and nothing that blinks.

A terminal can stop taking text (Ctrl-S, a pager, a full pipe), and writing to it then blocks. That must stop one
channel, not the bell: a thread of its own writes, and what it has not written in time is deferred.
"""

import asyncio
import threading
from collections import OrderedDict
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Final, TextIO

from tocsin.channels.port import Accepted, Deferred, DeliveryKey, Outcome
from tocsin.channels.render import one_line, plain
from tocsin.core.messages import Message, MessageKind

BLOCKS_WAITING_MAX: Final = 100
"""Messages handed to the writer and not yet written. A terminal that stands still must not fill the memory."""

KEYS_REMEMBERED: Final = 1_000
"""Messages remembered, so that one asked for twice is written once. A repeat comes within minutes."""

_COLOURS: Final = {
    MessageKind.ALARM: "\x1b[1;97;41m",
    MessageKind.PAGE: "\x1b[1;31m",
    MessageKind.REMINDER: "\x1b[1;33m",
    MessageKind.NOTICE: "\x1b[1m",
    MessageKind.ANNOUNCEMENT: "\x1b[1m",
    MessageKind.SETTLED: "\x1b[1m",
}
_PLAIN: Final = "\x1b[0m"


class ConsoleChannel:
    """Writes each message as a block of lines to a text stream; the address names whom it is for."""

    def __init__(self, stream: TextIO, colour: bool | None = None, timeout_s: float = 5, pace: float = 100) -> None:
        self._stream = stream
        self._colour = stream.isatty() if colour is None else colour
        self._timeout_s = timeout_s
        self._pace = pace
        self._written: OrderedDict[DeliveryKey, Future[int]] = OrderedDict()
        self._waiting: SimpleQueue[tuple[str, Future[int]] | None] = SimpleQueue()
        self._writer: threading.Thread | None = None

    @property
    def pace(self) -> float:
        """Messages a second."""
        return self._pace

    async def deliver(self, message: Message, address: str, key: DeliveryKey) -> Outcome:
        """Write the message, unless it stands there already."""
        if key not in self._written and self._waiting.qsize() >= BLOCKS_WAITING_MAX:
            return Deferred(why="the terminal takes no text")
        block = self._written.get(key) or self._write(message, address, key)
        try:
            async with asyncio.timeout(self._timeout_s):
                count = await asyncio.shield(asyncio.wrap_future(block))
        except TimeoutError:
            return Deferred(why="the terminal takes no text")
        except (OSError, ValueError) as error:  # ValueError: the stream has been closed.
            self._written.pop(key, None)
            return Deferred(why=f"the terminal is gone: {type(error).__name__}")
        return Accepted(receipt=str(count))

    async def close(self) -> None:
        """Let the writer finish. The stream belongs to whoever gave it."""
        self._waiting.put(None)
        self._writer = None

    def _write(self, message: Message, address: str, key: DeliveryKey) -> "Future[int]":
        block: Future[int] = Future()
        block.set_running_or_notify_cancel()  # From here on nobody can call it back.
        self._written[key] = block
        while len(self._written) > KEYS_REMEMBERED:
            self._written.popitem(last=False)
        if self._writer is None:
            self._writer = threading.Thread(target=self._serve, name="console", daemon=True)
            self._writer.start()
        self._waiting.put((self._block(message, address), block))
        return block

    def _block(self, message: Message, address: str) -> str:
        first, _, rest = plain(message).partition("\n")
        shown = f"{_COLOURS[message.kind]}{first}{_PLAIN}" if self._colour else first
        to = [f"to {one_line(address)}"] if address else []
        # Indented, so that no line of an alert's text can pass for a headline.
        lines = (f"  {line}" if line else "" for line in (*to, *rest.split("\n")))
        return "\n".join((shown, *lines)).rstrip() + "\n\n"

    def _serve(self) -> None:
        count = 0
        while (work := self._waiting.get()) is not None:
            text, block = work
            try:
                self._stream.write(_encodable(text, self._stream))
                self._stream.flush()
            except (OSError, ValueError) as error:
                block.set_exception(error)
            else:
                count += 1
                block.set_result(count)


def _encodable(text: str, stream: TextIO) -> str:
    """Replace what the stream's character set lacks: a page with a question mark in it beats none."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)
