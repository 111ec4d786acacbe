"""The one thread that writes, and group commit.

Callers queue; the thread takes all that is queued, up to a bound, and makes it durable in one transaction. While that
is written to the disk the next group gathers by itself: the busier the store, the larger its groups, and a lone caller
waits for nobody. Whatever the database refuses is answered to all of the group with `StoreUnavailable`, and the next
group begins on a new connection: there is nothing to repair by hand after a full disk.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, InternalError, OperationalError

from tocsin.store.port import StoreUnavailable
from tocsin.store.writes import Claim, Rows, claim, write

Work: TypeAlias = Rows | Claim

GROUP_CHANGES_MAX: Final = 1024
"""Changes in one transaction. More would not be faster, only later."""

GROUP_SIZE_MAX: Final = 16 * 1024
"""Kilobytes, roughly, in one transaction: about as much as is written between two checkpoints."""

WAITING_MAX: Final = 20_000
"""Changes that may wait for the disk. Beyond that a sender is better told to come again than kept waiting."""


@dataclass(frozen=True, slots=True)
class _Job:
    work: Work
    answer: "asyncio.Future[Any]"


class Writer:
    """Writes what it is given in the order in which it is given it."""

    def __init__(self, connection: sa.Connection) -> None:
        self._engine = connection.engine
        self._connection: sa.Connection | None = connection
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._waiting = 0
        self._closing = False
        self._thread = Thread(target=self._run, name="tocsin-store-writer", daemon=True)
        self._thread.start()

    async def submit(self, work: Work) -> Any:
        """Write, and answer when it is durable. Raises `Conflict` or `StoreUnavailable`."""
        if self._closing:
            raise StoreUnavailable("the store is closed")
        if self._waiting >= WAITING_MAX:
            raise StoreUnavailable(f"{self._waiting} changes wait for the disk already")
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._waiting += 1
        self._queue.put(_Job(work, answer))
        return await answer

    async def close(self) -> None:
        """Write what is queued, then stop."""
        if not self._closing:
            self._closing = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        open_for_more = True
        while open_for_more:
            group, open_for_more = self._take()
            if group:
                outcomes = self._write([job.work for job in group])
                self._answer(group, outcomes)
        self._disconnect()

    def _take(self) -> tuple[list[_Job], bool]:
        """Take what is queued, at least one; and tell whether there can be more."""
        group: list[_Job] = []
        size = 0
        job = self._queue.get()
        while job is not None:
            group.append(job)
            size += job.work.size
            if len(group) >= GROUP_CHANGES_MAX or size >= GROUP_SIZE_MAX:
                return group, True
            try:
                job = self._queue.get_nowait()
            except Empty:
                return group, True
        return group, False

    def _answer(self, group: Sequence[_Job], outcomes: Sequence[Any]) -> None:
        with suppress(RuntimeError):  # The loop is closed: nobody is left to be told.
            self._loop.call_soon_threadsafe(self._settle, group, outcomes)

    def _settle(self, group: Sequence[_Job], outcomes: Sequence[Any]) -> None:
        self._waiting -= len(group)
        for job, outcome in zip(group, outcomes, strict=True):
            if job.answer.done():
                continue  # Its caller was cancelled, which does not undo what was kept.
            if isinstance(outcome, Exception):
                job.answer.set_exception(outcome)
            else:
                job.answer.set_result(outcome)

    def _write(self, works: Sequence[Work]) -> Sequence[Any]:
        """Write a group durably; answer for each what came of it, an exception included."""
        try:
            try:
                return self._transact(works, apart=False)
            except Exception as error:
                if _is_the_databases(error):
                    raise
                # One of them cannot be written. Each by itself, its neighbours need not suffer for it.
                return self._transact(works, apart=True)
        except Exception as error:  # Whatever it is, the thread must live on, on a connection without a past.
            self._disconnect()
            return [StoreUnavailable(f"the database refused to write: {_cause(error)}") for _ in works]

    def _transact(self, works: Sequence[Work], *, apart: bool) -> list[Any]:
        outcomes: list[Any] = []
        connection = self._connected()
        with connection.begin():
            for part in _parts(works, apart=apart):
                if isinstance(part, list):
                    write(connection, part)
                    outcomes.extend(None for _ in part)
                else:
                    outcomes.append(_write_apart(connection, part))
        return outcomes

    def _connected(self) -> sa.Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()


def _parts(works: Sequence[Work], *, apart: bool) -> Iterator[list[Rows] | Work]:
    """Put neighbours together that cannot fail by themselves, and keep the order."""
    for together, run in groupby(works, key=lambda work: isinstance(work, Rows) and not work.may_fail):
        if together and not apart:
            yield [work for work in run if isinstance(work, Rows)]
        else:
            yield from run


def _write_apart(connection: sa.Connection, work: Work) -> Any:
    """Write one piece of work so that it can be undone without its neighbours."""
    try:
        with connection.begin_nested():
            if isinstance(work, Claim):
                return claim(connection, work)
            return write(connection, [work])
    except Exception as error:
        if _is_the_databases(error):
            raise
        return error


def _is_the_databases(error: Exception) -> bool:
    """Tell whether the disk or the database is to blame, rather than what was to be written."""
    # A damaged file is reported as the bare `DatabaseError`, whose other subclasses blame the statement.
    return isinstance(error, OperationalError | InternalError) or type(error) is DatabaseError


def _cause(error: Exception) -> str:
    return str(error.orig) if isinstance(error, DatabaseError) else repr(error)
