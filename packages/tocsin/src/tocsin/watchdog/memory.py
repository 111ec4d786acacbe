"""What the watchdog remembers, in a small database of its own: how it stands, what was said, what was answered."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from whenever import Instant

from tocsin.store.codec import decoder, encode
from tocsin.watchdog.judge import State

SENT_KEPT: Final = 1_000
"""Messages whose fate is remembered."""

_LOCKED_FOR_S: Final = 5.0
_state: Final = decoder(State)


class Sent(msgspec.Struct, frozen=True):
    """One message to one address, and what became of it."""

    at: Instant
    subject: str
    channel: str
    address: str
    outcome: str
    detail: str


_sent: Final = decoder(Sent)


class Memory:
    """One SQLite file. The watchdog and whoever answers it open it each for themselves."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, timeout=_LOCKED_FOR_S, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE IF NOT EXISTS state (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT)")
        self._connection.execute("CREATE TABLE IF NOT EXISTS sent (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)")

    def state(self) -> State:
        """Answer how it stood last."""
        row = self._connection.execute("SELECT body FROM state").fetchone()
        found: State = _state.decode(row[0]) if row else State()
        return found

    def change(self, change: Callable[[State], State]) -> State:
        """Change how it stands, whoever else does so at the same time; answer how it stands then."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            after = change(self.state())
            self._connection.execute("INSERT OR REPLACE INTO state VALUES (1, ?)", (encode(after).decode(),))
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        return after

    def sent(self, sent: Sent) -> None:
        """Keep what became of a message."""
        self._connection.execute("INSERT INTO sent (body) VALUES (?)", (encode(sent).decode(),))
        self._connection.execute("DELETE FROM sent WHERE seq <= (SELECT max(seq) FROM sent) - ?", (SENT_KEPT,))

    def last_sent(self, limit: int) -> tuple[Sent, ...]:
        """Answer what was sent last, newest first."""
        rows = self._connection.execute("SELECT body FROM sent ORDER BY seq DESC LIMIT ?", (limit,))
        return tuple(_sent.decode(body) for (body,) in rows)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
