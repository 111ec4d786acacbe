"""``tocsin db``: the database itself."""

import asyncio

import click

from tocsin.cli.session import answers, session


@click.group()
def db() -> None:
    """Look after the database."""


@db.command()
@click.option("--database", metavar="FILE", help="Else TOCSIN_DATABASE, else the one in your data directory.")
@answers
def upgrade(database: str | None) -> None:
    """Bring the database's schema forward to this version's. The server must be stopped; make a backup first.

    `tocsin serve` does the same when it starts. This is for doing it before, and seeing that it works.

    \b
    tocsin db upgrade --database /var/lib/tocsin/tocsin.db
    """
    from tocsin.cli.wiring import database_of, held_store, schema_of  # noqa: PLC0415 - `--help` needs none of it.

    path = database_of(database)
    before = schema_of(path)

    async def prepare() -> None:
        async with held_store(database):
            pass  # Opening is what brings it forward.

    asyncio.run(prepare())
    after = schema_of(path)
    screen = session().screen
    if screen.as_json:
        screen.json({"database": str(path), "before": before, "after": after})
    elif before == after:
        screen.line(f"{path} has schema {after} already.")
    else:
        screen.line(f"{path}: schema {after}, {'new' if before is None else f'from {before}'}.")
