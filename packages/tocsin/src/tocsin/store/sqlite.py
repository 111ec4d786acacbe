"""The embedded store: one SQLite file, one thread that writes it, a few connections that only read.

Exactly one connection writes and checkpoints, because SQLite before 3.51.3 can damage a write-ahead log that two
connections write or checkpoint at once; the others are opened read-only, and a lock file keeps other processes out.
Every commit is flushed to the disk before it is answered (``synchronous=FULL``); see `store.writer` for how that is
made fast. Questions run in a small pool of threads, so the event loop never waits for the disk.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError
from whenever import Instant

from tocsin.core.actions import ActionId
from tocsin.core.alert import Alert, Silence
from tocsin.core.arrangements import Arrangement, Imported
from tocsin.core.events import AnyEvent
from tocsin.core.gathering import Gathering
from tocsin.core.ids import AlertFingerprint, ComponentId, Digest, GatheringId, IncidentId, IntentId, SignalId
from tocsin.core.kinds import Kind
from tocsin.core.messages import Intent
from tocsin.core.suggestions import Record
from tocsin.core.verification import Verification
from tocsin.store import migrations, queries, rota, runs, trust
from tocsin.store.lock import LockFile
from tocsin.store.port import (
    Adoption,
    Attachment,
    Beat,
    Change,
    Claimed,
    Counts,
    Headline,
    LedgerEntry,
    PageRecord,
    PlaybookVersion,
    Signal,
    SignalRecord,
    StoreUnavailable,
    Token,
    Unaccounted,
)
from tocsin.store.run_rows import RunRow
from tocsin.store.writer import Writer
from tocsin.store.writes import Claim, Rows

T = TypeVar("T")

READERS: Final = 3
"""Questions answered at the same time. More threads than cores would only wait for one another."""

CHECKPOINT_PAGES: Final = 4_000
"""Pages (4 KB) of the log after which it is written back: rarely enough not to be felt, soon enough to stay small."""

LOCKED_FOR_S: Final = 2.0
"""How long to wait while something outside, such as a backup, holds the database."""


class SqliteStore:
    """`Store` in one file. Make it with `open`."""

    def __init__(self, lock: LockFile, writing: sa.Connection, reading: sa.Engine) -> None:
        self._lock = lock
        self._reading = reading
        self._writer = Writer(writing)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="tocsin-store-reader")
        self._closed = False

    @classmethod
    async def open(cls, path: Path, *, locked_for_s: float = LOCKED_FOR_S) -> "SqliteStore":
        """Open a database for this process alone; make it or bring its schema forward where needed.

        Raises `StoreInUse`, `SchemaTooNew`, or `StoreUnavailable` if the file cannot be used.
        """
        return cls(*await asyncio.to_thread(_prepare, path, locked_for_s))

    async def close(self) -> None:
        """Finish what is queued, then let go of the file. Closing twice does nothing more."""
        if self._closed:
            return
        self._closed = True
        # Readers first: the last connection to close writes the log back, and that must be the writer's.
        await asyncio.to_thread(self._readers.shutdown)
        self._reading.dispose()
        await self._writer.close()
        self._lock.release()

    async def commit(self, change: Change) -> None:
        """Keep a change, durably."""
        await self._writer.submit(Rows.of(change))

    async def claim(
        self, now: Instant, lease_until: Instant, limit: int, busy: Mapping[str, int]
    ) -> tuple[tuple[Intent, int], ...]:
        """Lease messages that are due, lowest rank first, then oldest."""
        leased = await self._writer.submit(Claim(now, lease_until, limit, dict(busy)))
        return tuple((queries.intent_from(body), attempts) for body, attempts in leased)

    async def abandoned(self) -> tuple[Claimed, ...]:
        """Answer what others had in hand. The lock says that this process is alone, so they are dead."""
        return await self._ask(queries.abandoned)

    async def timeline(self, incident: IncidentId, after: int = 0, limit: int | None = None) -> tuple[AnyEvent, ...]:
        """Answer an incident's events after the first ``after``."""
        return await self._ask(queries.timeline, incident, after, limit)

    async def headline(self, incident: IncidentId) -> Headline | None:
        """Answer an incident's headline."""
        return await self._ask(queries.headline, incident)

    async def headlines(
        self,
        *,
        open_only: bool = False,
        before: IncidentId | None = None,
        limit: int = 100,
        kind: Kind = Kind.INCIDENT,
    ) -> tuple[Headline, ...]:
        """List incidents, or errands of a kind, newest first."""
        return await self._ask(queries.headlines, open_only, before, limit, kind)

    async def latest_of_group(self, group_keys: Sequence[str]) -> Mapping[str, Headline]:
        """Answer the newest incident of each group."""
        return await self._ask(queries.latest_of_group, group_keys)

    async def due(self, now: Instant, limit: int) -> tuple[IncidentId, ...]:
        """Answer incidents whose next wake-up has come, longest due first."""
        return await self._ask(queries.due, now, limit)

    async def next_due_at(self) -> Instant | None:
        """Answer when the next incident wants to be woken."""
        return await self._ask(queries.next_due_at)

    async def last_number(self, kind: Kind = Kind.INCIDENT) -> int:
        """Answer the highest number given to one of a kind."""
        return await self._ask(queries.last_number, kind)

    async def inbox(self, limit_alerts: int) -> tuple[Signal, ...]:
        """Answer the oldest signals not yet handled."""
        return await self._ask(queries.inbox, limit_alerts)

    async def signal(self, signal: SignalId) -> SignalRecord | None:
        """Answer what became of a signal."""
        return await self._ask(queries.signal, signal)

    async def alerts(self, fingerprints: Sequence[AlertFingerprint]) -> Mapping[AlertFingerprint, Alert]:
        """Answer what is known of these alerts."""
        return await self._ask(queries.alerts, fingerprints)

    async def alerts_of(self, incident: IncidentId, limit: int = 1000) -> tuple[Alert, ...]:
        """Answer an incident's alerts, firing ones first, then the newest."""
        return await self._ask(queries.alerts_of, incident, limit)

    async def alerts_since(self, since: Instant, limit: int) -> tuple[Alert, ...]:
        """Answer alerts that began at or after an instant, the first ones first."""
        return await self._ask(queries.alerts_since, since, limit)

    async def alerts_to_recheck(self, now: Instant, limit: int) -> tuple[Alert, ...]:
        """Answer alerts whose ``recheck_at`` has come, longest due first."""
        return await self._ask(queries.alerts_to_recheck, now, limit)

    async def next_recheck_at(self) -> Instant | None:
        """Answer when the next alert must be looked at again."""
        return await self._ask(queries.next_recheck_at)

    async def next_delivery_at(self) -> Instant | None:
        """Answer when the next message wants to be delivered, or the next lease runs out."""
        return await self._ask(queries.next_delivery_at)

    async def ledger(self, incident: IncidentId) -> tuple[LedgerEntry, ...]:
        """Answer every obligation to reach somebody in an incident, in the order in which they arose."""
        return await self._ask(queries.ledger, incident)

    async def obligation(self, intent: IntentId) -> LedgerEntry | None:
        """Answer one obligation to reach somebody, as the ledger has it."""
        return await self._ask(queries.obligation, intent)

    async def verifications(self) -> tuple[Verification, ...]:
        """Answer what is known of contact methods that were to be confirmed."""
        return await self._ask(trust.verifications)

    async def heard(self, key: str) -> bool:
        """Tell whether an answer by way of a provider counted before."""
        return await self._ask(trust.heard, key)

    async def given_up(self, limit: int) -> tuple[LedgerEntry, ...]:
        """Answer the newest dead letters."""
        return await self._ask(trust.given_up, limit)

    async def unaccounted(self, limit: int = 100) -> Unaccounted:
        """Name what nobody owes."""
        return await self._ask(queries.unaccounted, limit)

    async def silences(self, ending_after: Instant | None = None) -> tuple[Silence, ...]:
        """Answer silences and maintenance windows; all, or those not over by an instant."""
        return await self._ask(queries.silences, ending_after)

    async def tokens(self) -> tuple[Token, ...]:
        """Answer all tokens, revoked ones too."""
        return await self._ask(queries.tokens)

    async def beats(self) -> Mapping[str, Beat]:
        """Answer the last sign of life of every heartbeat."""
        return await self._ask(queries.beats)

    async def playbook(self, version: str) -> PlaybookVersion | None:
        """Answer a version of the playbook as it was first kept."""
        return await self._ask(queries.playbook, version)

    async def arrangements(self, ending_after: Instant | None = None) -> tuple[Arrangement, ...]:
        """Answer overrides, absences and swaps: all, or those not over by an instant."""
        return await self._ask(rota.arrangements, ending_after)

    async def imports(self, since: Instant | None = None) -> tuple[Imported, ...]:
        """Answer imported calendars: all, or of each rotation what counted at an instant or later."""
        return await self._ask(rota.imports, since)

    async def adoptions(self) -> tuple[Adoption, ...]:
        """Answer which version of the playbook was in force from when on."""
        return await self._ask(rota.adoptions)

    async def pages(self, since: Instant, until: Instant, limit: int) -> tuple[PageRecord, ...]:
        """Answer the pages from one instant to before another, oldest first."""
        return await self._ask(rota.pages, since, until, limit)

    async def gatherings(self, limit: int, besides: Collection[GatheringId] = ()) -> tuple[Gathering, ...]:
        """Answer runs of diagnostics that are owed, lowest rank first, then in order of arrival."""
        return await self._ask(queries.gatherings, limit, besides)

    async def attachment(self, digest: Digest) -> Attachment | None:
        """Answer an output by its digest."""
        return await self._ask(queries.attachment, digest)

    async def runs_due(self, now: Instant, limit: int) -> tuple[RunRow, ...]:
        """Answer runs that may begin and runs whose lease is over, longest due first."""
        return await self._ask(runs.due, now, limit)

    async def next_run_at(self) -> Instant | None:
        """Answer when the next run may begin or the next lease is over."""
        return await self._ask(runs.next_at)

    async def helped(self, components: Collection[ComponentId]) -> Mapping[ActionId, Record]:
        """Count, by action, what was judged on these components and what had helped."""
        return await self._ask(runs.helped, components)

    async def counts(self, now: Instant) -> Counts:
        """Count what the metrics show."""
        return await self._ask(queries.counts, now)

    async def _ask(self, question: Callable[..., T], *about: Any) -> T:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._answer, question, about)

    def _answer(self, question: Callable[..., T], about: Sequence[Any]) -> T:
        try:
            with self._reading.connect() as connection:
                try:
                    return question(connection, *about)
                except DatabaseError:
                    connection.invalidate()  # The next question gets a connection without a past.
                    raise
        except DatabaseError as error:
            raise StoreUnavailable(f"the database refused to read: {error.orig}") from error


def _prepare(path: Path, locked_for_s: float) -> tuple[LockFile, sa.Connection, sa.Engine]:
    """Take the lock, give the database the current schema, and open the connections."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = LockFile(path)
    try:
        return lock, *_connect(path, locked_for_s)
    except DatabaseError as error:
        lock.release()
        raise StoreUnavailable(f"cannot use {path} as a database: {error.orig}") from error
    except BaseException:
        lock.release()
        raise


def _connect(path: Path, locked_for_s: float) -> tuple[sa.Connection, sa.Engine]:
    writing = _engine(path, _WRITER, "BEGIN IMMEDIATE", locked_for_s, poolclass=sa.NullPool).connect()
    try:
        with writing.begin():
            migrations.prepare(writing)
        reading = _engine(path, _READER, "BEGIN", locked_for_s, mode="ro", poolclass=sa.QueuePool, pool_size=READERS)
        # One reader is connected from the beginning. While it is, the writer can be renewed on a full disk: the log
        # and its index are then not removed with the old connection, nor have to be made anew for the next.
        with reading.connect() as connection:
            queries.next_due_at(connection)
    except BaseException:
        writing.close()
        raise
    return writing, reading


_WRITER: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}",
    "PRAGMA cache_size=-32000",
    "PRAGMA temp_store=MEMORY",
)
_READER: Final = (
    "PRAGMA query_only=ON",
    "PRAGMA wal_autocheckpoint=0",
    "PRAGMA cache_size=-8000",
    "PRAGMA temp_store=MEMORY",
)


def _engine(
    path: Path, pragmas: Sequence[str], begin: str, locked_for_s: float, *, mode: str = "rwc", **options: Any
) -> sa.Engine:
    """Make an engine whose transactions begin as told, and not whenever Python's driver thinks fit."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode={mode}",
            uri=True,
            timeout=locked_for_s,
            isolation_level=None,
            check_same_thread=False,
        )
        with closing(connection.cursor()) as cursor:
            for pragma in pragmas:
                cursor.execute(pragma)
        return connection

    engine = sa.create_engine("sqlite://", creator=connect, **options)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine
