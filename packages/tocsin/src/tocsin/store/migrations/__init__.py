"""How a database gets the schema that this program speaks: forward only, all or nothing.

A new database is made from the tables themselves; a test proves that the migrations lead to the same. Alembic is loaded
only when an older database has to be brought forward, because loading it takes longer than everything else at a start.
"""

from pathlib import Path

import sqlalchemy as sa

from tocsin.store.tables import HEAD, metadata, schema_version


class SchemaTooNew(Exception):
    """A newer program has written this database, and this one cannot know what its columns mean."""


def prepare(connection: sa.Connection) -> None:
    """Give a database the current schema, inside the transaction under way. Raises `SchemaTooNew`."""
    stored = stored_revision(connection)
    if stored is None:
        metadata.create_all(connection, checkfirst=False)
        connection.execute(sa.insert(schema_version).values(version_num=HEAD))
    elif stored > HEAD:
        raise SchemaTooNew(
            f"the database has schema {stored}, but this program knows {HEAD} at most. "
            "Start the version of Tocsin that wrote it, or a newer one."
        )
    elif stored < HEAD:
        upgrade(connection)


def stored_revision(connection: sa.Connection) -> str | None:
    """Answer the revision of a database's schema; None if it is new."""
    if not sa.inspect(connection).has_table(schema_version.name):
        return None
    return connection.scalar(sa.select(schema_version.c.version_num))


def upgrade(connection: sa.Connection, revision: str = HEAD) -> None:
    """Run the migrations up to a revision, inside the transaction under way."""
    from alembic import command  # noqa: PLC0415 - see above: a start without a migration must not pay for it.
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    command.upgrade(config, revision)
