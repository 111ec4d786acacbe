"""Messages by Apprise: the hundred services that have no channel of their own here, push by ntfy among them.

An address is a name, and which Apprise URL stands behind it is a setting: such URLs hold passwords and tokens, and a
playbook holds none. One name may be ``*``, whose URL has ``{address}`` where the address belongs.

Apprise is optional (``pip install tocsin[apprise]``), loaded when the first message goes out, and runs in threads: it
blocks. It says whether a service took a message and, in its log only, why not. There is no receipt and no key.
"""

import asyncio
import logging
import re
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

import msgspec

from tocsin.channels.port import Accepted, Deferred, DeliveryKey, Outcome, Rejected
from tocsin.channels.render import cut, headline, plain
from tocsin.core.messages import Message, MessageKind

ANY: Final = "*"
THREADS: Final = 8
"""Messages under way at the same time. A service that hangs holds one of them until its own time limit."""

TITLE_MAX: Final = 200
BODY_MAX: Final = 3_500
"""Characters; ntfy takes 4,096 bytes of text, most chats a little more."""

_ADDRESS = re.compile(r"[A-Za-z0-9._+@-]{1,100}")
_STATUS = re.compile(r"error=(\d{3})")
_TYPES: Final = {MessageKind.ALARM: "failure", MessageKind.PAGE: "failure", MessageKind.REMINDER: "warning"}
_AGAIN: Final = frozenset({408, 425, 429})


class Said(msgspec.Struct, frozen=True):
    """What Apprise said of one message."""

    taken: bool
    status: int | None = None
    """The status of the service's answer, if the log told one."""
    usable: bool = True
    """Whether the URL is one that Apprise knows."""


class AppriseChannel:
    """Hands messages to Apprise; the address is a name from the settings."""

    def __init__(self, urls: Mapping[str, str], timeout_s: float = 15, pace: float = 5) -> None:
        self._urls = urls
        self._timeout_s = timeout_s
        self._pace = pace
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="apprise")

    @property
    def pace(self) -> float:
        """Messages a second."""
        return self._pace

    def __repr__(self) -> str:
        """Name the addresses, and none of the URLs."""
        return f"AppriseChannel({', '.join(self._urls)})"

    async def deliver(self, message: Message, address: str, key: DeliveryKey) -> Outcome:
        """Ask Apprise once."""
        url = self._url(address)
        if url is None:
            return Rejected(why=f"no Apprise URL is set for {cut(address, 60)!a}; add it to TOCSIN_APPRISE_URLS")
        text = f"{cut(plain(message).partition(chr(10))[2].strip(), BODY_MAX)}\n({key})"
        asked = asyncio.get_running_loop().run_in_executor(
            self._threads, notify, url, cut(headline(message), TITLE_MAX), text, _TYPES.get(message.kind, "info")
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                return _outcome(await asyncio.shield(asked), key)
        except TimeoutError:
            asked.add_done_callback(lambda done: done.cancelled() or done.exception())
            # The thread goes on and may deliver yet; a thread cannot be called back.
            return Deferred(why="no answer in time")
        except ImportError:
            return Rejected(why="Apprise is not installed; pip install tocsin[apprise]")

    async def close(self) -> None:
        """Take no more messages. Those under way end by their services' own time limits."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _url(self, address: str) -> str | None:
        if not _ADDRESS.fullmatch(address):
            return None
        if address in self._urls:
            return self._urls[address]
        pattern = self._urls.get(ANY)
        return pattern.replace("{address}", quote(address, safe="")) if pattern else None


def notify(url: str, title: str, text: str, kind: str) -> Said:
    """Let Apprise send one message; blocks."""
    import apprise  # noqa: PLC0415 - optional, and half a second to load.

    # The one service itself: Apprise's own sending to many would go on in a thread whose log is nobody's.
    sender: Any = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    if sender is None:
        return Said(taken=False, usable=False)
    with _overhearing() as heard:
        taken = sender.notify(title=title, body=text, notify_type=kind, body_format="text")
    statuses = [int(found[1]) for line in heard if (found := _STATUS.search(line))]
    return Said(bool(taken), statuses[-1] if statuses else None)


@contextmanager
def _overhearing() -> Iterator[list[str]]:
    """Hear what this thread's message makes Apprise log: it tells the reason of a failure nowhere else."""
    heard: list[str] = []
    listener = _Listener(threading.get_ident(), heard)
    log = logging.getLogger("apprise")
    log.addHandler(listener)
    try:
        yield heard
    finally:
        log.removeHandler(listener)


class _Listener(logging.Handler):
    """Keeps the lines that one thread logs."""

    def __init__(self, thread: int, heard: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._thread = thread
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line, if it is this thread's."""
        if record.thread == self._thread:
            self._heard.append(record.getMessage())


def _outcome(said: Said, key: DeliveryKey) -> Outcome:
    if said.taken:
        return Accepted(receipt=key)
    if not said.usable:
        return Rejected(why="Apprise does not know such a URL; correct TOCSIN_APPRISE_URLS")
    if said.status is None:
        return Deferred(why="Apprise could not reach the service")
    if said.status >= 500 or said.status in _AGAIN:
        return Deferred(why=f"the service failed with {said.status}")
    return Rejected(why=f"the service refused with {said.status}; check the Apprise URL")
