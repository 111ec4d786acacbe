"""Every database that was ever released can be brought to the schema that the program speaks.

`released/` holds one dump for each released version, made from a database of that version by
`sqlite3 tocsin.sqlite .dump`; a release adds its own and never changes another's.
"""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from tocsin.core.arrangements import Override
from tocsin.store import migrations
from tocsin.store.migrations import SchemaTooNew
from tocsin.store.port import Change
from tocsin.store.sqlite import SqliteStore
from tocsin.store.tables import HEAD

from ..contracts.store_values import a_note, a_signal, after, following, incident_id, opening

RELEASED = sorted((Path(__file__).parent / "released").glob("*.sql"))


@contextmanager
def writing(path: Path) -> Iterator[sa.Connection]:
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"isolation_level": None})
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        yield connection
        connection.commit()
    engine.dispose()


def schema(path: Path) -> list[tuple[str, ...]]:
    """Answer every definition in a database, however its text is laid out."""
    with closing(sqlite3.connect(path)) as reader:
        rows = reader.execute("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return sorted((kind, name, table, *_parts(" ".join(sql.split()))) for kind, name, table, sql in rows)


def _parts(sql: str) -> list[str]:
    """Answer what a definition consists of: a column that was added later stands at another place."""
    head, _, inner = sql.partition("(")
    return sorted([head.strip(), *(part.strip(" )") for part in re.split(r",\s*(?![^(]*\))", inner))])


def restored(dump: Path, path: Path) -> Path:
    with closing(sqlite3.connect(path)) as old:
        old.executescript(dump.read_text())
    return path


@pytest.fixture
async def current(tmp_path: Path) -> list[tuple[str, ...]]:
    path = tmp_path / "new.sqlite"
    await (await SqliteStore.open(path)).close()
    return schema(path)


async def test_the_migrations_lead_to_the_tables(current: list[tuple[str, ...]], tmp_path: Path) -> None:
    path = tmp_path / "migrated.sqlite"
    with writing(path) as connection:
        migrations.upgrade(connection)
    assert schema(path) == current
    assert any(name == "events" for _, name, *_ in current)


def test_the_program_speaks_the_newest_revision() -> None:
    assert migrations.__file__ is not None
    assert ScriptDirectory(str(Path(migrations.__file__).parent)).get_current_head() == HEAD


def test_there_is_a_released_database_to_try() -> None:
    assert RELEASED


@pytest.mark.parametrize("dump", RELEASED, ids=lambda dump: dump.stem)
async def test_a_released_database_is_brought_forward_with_all_it_holds(
    dump: Path, current: list[tuple[str, ...]], tmp_path: Path
) -> None:
    path = restored(dump, tmp_path / "old.sqlite")
    store = await SqliteStore.open(path)
    assert [headline.id for headline in await store.headlines()] == ["INC-2", "INC-1"]
    assert len(await store.timeline(incident_id(1))) == 2
    assert [signal.id for signal in await store.inbox(100)] == ["waiting"]
    assert [alert.name for alert in await store.alerts_of(incident_id(1))] == ["a", "b"]
    assert [entry.state for entry in await store.ledger(incident_id(1))] == ["accepted", "waiting", "dead"]
    assert [token.id for token in await store.tokens()] == ["laptop"]
    assert list(await store.beats()) == ["watchdog"]
    assert [silence.id for silence in await store.silences()] == ["rebuild"]
    (override,) = await store.arrangements(after(0))
    assert isinstance(override, Override)
    assert (override.person, override.id) == ("bo", "OVR-0000000001")
    assert [adoption.version for adoption in await store.adoptions()] == ["1"]
    assert await store.playbook("1") is not None
    await store.commit(Change(appends=(following(1, 2, a_note("goes on")), opening(3)), signals=(a_signal("new"),)))
    await store.close()
    assert schema(path) == current


async def test_who_was_paged_is_taken_out_of_the_timelines_there_are(tmp_path: Path) -> None:
    path = restored(RELEASED[0], tmp_path / "old.sqlite")
    page = '{"type":"person_paged","at":"2026-03-01T12:03:00Z","page":"p","person":"ada","rule":null}'
    with closing(sqlite3.connect(path)) as old:
        old.execute("INSERT INTO events VALUES ('INC-2', 99, ?)", (page,))
        old.execute('INSERT INTO events VALUES (\'INC-2\', 98, \'{"type":"note_added","text":"person_paged"}\')')
        old.commit()
    store = await SqliteStore.open(path)
    assert [(each.incident, each.person, each.at) for each in await store.pages(after(0), after(60), 9)] == [
        ("INC-2", "ada", after(3))
    ]
    await store.close()


async def test_a_database_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "newer.sqlite"
    await (await SqliteStore.open(path)).close()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.commit()
    for _ in range(2):  # The second time shows that the first let go of the lock.
        with pytest.raises(SchemaTooNew, match="9999"):
            await SqliteStore.open(path)


async def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "foreign.sqlite"
    with closing(sqlite3.connect(path)) as foreign:
        foreign.execute("CREATE TABLE attempts (mine)")  # In the way of the last but one group of tables.
    before = schema(path)
    with pytest.raises(sa.exc.OperationalError, match="already exists"), writing(path) as connection:
        migrations.upgrade(connection)
    assert schema(path) == before


def test_opening_a_current_database_loads_neither_alembic_nor_another_databases_dialect(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path; from tocsin.store.sqlite import SqliteStore\n"
        "async def main():\n"
        "    await (await SqliteStore.open(Path(sys.argv[1]))).close()\n"
        "asyncio.run(main())\n"
        "print([name for name in ('alembic', 'sqlalchemy.dialects.postgresql') if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "x.sqlite"], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
