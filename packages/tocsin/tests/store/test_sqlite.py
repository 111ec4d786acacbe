"""What only a store in a file can get wrong: power cuts, full disks, other processes, and too many commits."""

import asyncio
import contextlib
import resource
import signal as signals
import sqlite3
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tocsin.core.ids import IncidentId, SignalId
from tocsin.core.kinds import Kind
from tocsin.store import queries
from tocsin.store.lock import StoreInUse
from tocsin.store.port import Change, StoreUnavailable
from tocsin.store.sqlite import SqliteStore
from tocsin.store.writer import Writer
from tocsin.store.writes import Rows

from ..contracts.store_values import NOON, a_note, a_signal, after, an_intent, following, incident_id, opening

WRITER = Path(__file__).with_name("write_until_killed.py")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tocsin.sqlite"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(path, locked_for_s=0.01)
    yield opened
    await opened.close()


async def test_every_acknowledged_change_survives_kill_9(path: Path) -> None:
    acknowledged = _write_and_kill(path, after_lines=400)
    reopened = await SqliteStore.open(path)
    for line in acknowledged:
        kind, _, name = line.partition(" ")
        if kind == "signal":
            assert await reopened.signal(SignalId(name)) is not None, line
        else:
            events = await reopened.timeline(incident_id(1), after=int(name) - 1, limit=1)
            assert events[0] == (a_note(name) if int(name) > 1 else opening(1).events[0]), line
    headline = await reopened.headline(incident_id(1))
    assert headline is not None
    assert len(await reopened.timeline(incident_id(1))) == int(headline.title), "kept half of a change"
    assert (await reopened.counts(NOON)).unaccounted == 0
    await reopened.close()
    assert {line.partition(" ")[0] for line in acknowledged} == {"signal", "event"}


def _write_and_kill(path: Path, *, after_lines: int) -> list[str]:
    """Run a writer, kill it in the middle of its work, and answer all that it had been promised."""
    with subprocess.Popen([sys.executable, WRITER, path], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        lines = [next(writer.stdout) for _ in range(after_lines)]
        writer.kill()
        lines.extend(writer.stdout)
    assert writer.returncode == -signals.SIGKILL
    return [line.strip() for line in lines if line.endswith("\n")]


async def test_a_second_process_is_refused_with_the_file_and_the_remedy(store: SqliteStore, path: Path) -> None:
    with pytest.raises(StoreInUse, match=r"tocsin\.sqlite is in use by process \d+.*Stop that process"):
        await SqliteStore.open(path)
    other = _write(path)
    assert other.returncode != 0
    assert "StoreInUse" in other.stderr
    await store.commit(Change(signals=(a_signal("still ours"),)))


def _write(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, WRITER, path], capture_output=True, text=True, check=False)


async def test_after_closing_another_may_open(path: Path) -> None:
    for name in ("first", "second"):
        store = await SqliteStore.open(path)
        await store.commit(Change(signals=(a_signal(name),)))
        await store.close()
        await store.close()
    store = await SqliteStore.open(path)
    assert [signal.id for signal in await store.inbox(10)] == ["first", "second"]
    await store.close()


async def test_when_the_disk_is_full_nothing_is_promised_and_later_all_is_well(store: SqliteStore, path: Path) -> None:
    await store.commit(Change(signals=(a_signal("before"),)))
    with _no_file_larger_than(4096):
        refused = [Change(signals=(a_signal(str(n), body=bytes(100_000)),)) for n in range(3)]
        answers = await asyncio.gather(*map(store.commit, refused), return_exceptions=True)
        assert [type(answer) for answer in answers] == [StoreUnavailable] * 3
        assert [signal.id for signal in await store.inbox(10)] == ["before"]
    await store.commit(Change(signals=(a_signal("after", body=bytes(100_000)),)))
    assert [signal.id for signal in await store.inbox(10)] == ["before", "after"]
    await store.close()
    assert _integrity(path) == "ok"


@contextlib.contextmanager
def _no_file_larger_than(size: int) -> Iterator[None]:
    """Let the system refuse to let any file of this process grow beyond a size, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_while_something_else_holds_the_file_the_store_is_unavailable(store: SqliteStore, path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            await store.commit(Change(signals=(a_signal("too early"),)))
        with pytest.raises(StoreUnavailable, match="locked"):
            await store.claim(NOON, NOON, 1, {})
        assert await store.inbox(10) == ()
        other.execute("ROLLBACK")
    await store.commit(Change(signals=(a_signal("now"),)))
    assert await store.inbox(10) == (a_signal("now"),)


async def test_after_a_refusal_the_writer_goes_on_with_a_new_connection(path: Path) -> None:
    await (await SqliteStore.open(path)).close()
    options = {"check_same_thread": False, "isolation_level": None}
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool, connect_args=options)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    made: list[object] = []
    sa.event.listen(engine, "connect", lambda connection, _record: made.append(connection))
    connection = engine.connect()
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute("BEGIN")  # As a rollback that failed would leave it.
    writer = Writer(connection)
    with pytest.raises(StoreUnavailable, match="within a transaction"):
        await writer.submit(Rows.of(Change(signals=(a_signal("lost"),))))
    for name in ("kept", "too"):
        await writer.submit(Rows.of(Change(signals=(a_signal(name),))))
    await writer.close()
    assert len(made) == 2
    reopened = await SqliteStore.open(path)
    assert [signal.id for signal in await reopened.inbox(10)] == ["kept", "too"]
    await reopened.close()


@pytest.fixture
def minutes(tmp_path: Path) -> Path:
    """Answer a file that is no database."""
    file = tmp_path / "minutes.txt"
    file.write_bytes(b"minutes of the last meeting\n" * 100)
    return file


async def test_a_file_that_is_no_database_is_refused_by_name(minutes: Path) -> None:
    for _ in range(2):  # The second time shows that the first let go of the lock.
        with pytest.raises(StoreUnavailable, match=r"minutes\.txt as a database: file is not a database"):
            await SqliteStore.open(minutes)


async def test_commits_made_at_once_share_one_transaction(store: SqliteStore, path: Path) -> None:
    for n in range(5):
        await store.commit(Change(signals=(a_signal(f"alone {n}"),)))
    before = _transactions(path)
    assert before >= 5
    await asyncio.gather(*(store.commit(Change(signals=(a_signal(str(n)),))) for n in range(300)))
    # The first may go alone; what gathers while it is written goes together.
    assert 1 <= _transactions(path) - before <= 10
    assert len(await store.inbox(1000)) == 305


def _transactions(path: Path) -> int:
    """Count commits in the write-ahead log: the frames that name the size of the database after them."""
    log = Path(f"{path}-wal").read_bytes()
    _magic, _format, page_size = struct.unpack_from(">III", log)
    salts = log[16:24]
    frames = range(32, len(log) - 24, 24 + page_size)
    return sum(struct.unpack_from(">I", log, at + 4)[0] > 0 and log[at + 8 : at + 16] == salts for at in frames)


async def test_a_change_that_cannot_be_written_fails_alone(store: SqliteStore) -> None:
    names = ["one", "\ud800", "two"]  # The middle one is no Unicode text, whatever its sender believes.
    answers = await asyncio.gather(
        *(store.commit(Change(signals=(a_signal(name),))) for name in names), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [type(None), UnicodeEncodeError, type(None)]
    assert [signal.id for signal in await store.inbox(10)] == ["one", "two"]


async def test_what_was_claimed_by_a_process_that_is_gone_is_known_to_the_next(path: Path) -> None:
    first = await SqliteStore.open(path)
    await first.commit(Change(intents=(an_intent("in hand"), an_intent("untouched"))))
    await first.claim(after(1), after(2), 1, {})
    await first.close()
    second = await SqliteStore.open(path)
    assert [(each.intent.id, each.claimed_at) for each in await second.abandoned()] == [("in hand", after(1))]
    await second.close()


async def test_closing_finishes_what_is_queued(path: Path) -> None:
    store = await SqliteStore.open(path)
    queued = [asyncio.create_task(store.commit(Change(signals=(a_signal(str(n)),)))) for n in range(50)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*queued)
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.commit(Change(signals=(a_signal("late"),)))
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.inbox(1)
    reopened = await SqliteStore.open(path)
    assert len(await reopened.inbox(100)) == 50
    await reopened.close()


async def test_a_caller_who_goes_away_disturbs_nobody(store: SqliteStore) -> None:
    impatient = asyncio.create_task(store.commit(Change(signals=(a_signal("impatient"),))))
    patient = asyncio.create_task(store.commit(Change(signals=(a_signal("patient"),))))
    await asyncio.sleep(0)
    impatient.cancel()
    await patient
    with pytest.raises(asyncio.CancelledError):
        await impatient
    assert [signal.id for signal in await store.inbox(10)] == ["impatient", "patient"]


async def test_a_claim_sees_what_was_committed_just_before_it(store: SqliteStore) -> None:
    changes = [asyncio.create_task(store.commit(Change(intents=(an_intent(str(n)),)))) for n in range(5)]
    leased = await asyncio.create_task(store.claim(NOON, NOON, 10, {}))
    await asyncio.gather(*changes)
    assert [intent.id for intent, _ in leased] == list("01234")


async def test_the_timeline_stands_as_text_that_a_person_can_read(store: SqliteStore, path: Path) -> None:
    await store.commit(Change(appends=(opening(1), following(1, 1, a_note("restarted the pod")))))
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
        found = reader.execute("SELECT body ->> 'text' FROM events WHERE incident = 'INC-1' AND number = 2")
        assert found.fetchone() == ("restarted the pod",)


@pytest.mark.parametrize("before", [None, incident_id(2)])
async def test_open_incidents_are_listed_without_sorting_all_that_there_are(
    store: SqliteStore, path: Path, before: IncidentId | None
) -> None:
    await store.commit(Change(appends=(opening(1), opening(2))))
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
        engine = sa.create_engine("sqlite://", creator=lambda: reader)
        with engine.connect() as connection:
            asked: list[tuple[str, object]] = []
            sa.event.listen(engine, "before_cursor_execute", lambda *args: asked.append((args[2], args[3])))
            queries.headlines(connection, True, before, 10, Kind.INCIDENT)
            statement, parameters = asked[0]
            plan = reader.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()  # type: ignore[arg-type]
    steps = [row[-1] for row in plan]
    assert not [step for step in steps if "TEMP B-TREE" in step], steps


def _integrity(path: Path) -> str:
    with contextlib.closing(sqlite3.connect(path)) as reader:
        answer: str = reader.execute("PRAGMA integrity_check").fetchone()[0]
    return answer


async def test_a_message_that_waits_for_no_instant_is_counted_and_named(store: SqliteStore, path: Path) -> None:
    await store.commit(Change(appends=(opening(1),), intents=(an_intent("INC-1.1.0"),)))
    assert (await store.counts(NOON)).unaccounted == 0
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE intents SET next_at = NULL")
    assert (await store.counts(NOON)).unaccounted == 1
    assert (await store.unaccounted()).messages == ("INC-1.1.0",)
