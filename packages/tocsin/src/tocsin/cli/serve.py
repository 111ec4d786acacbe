"""``tocsin serve``: one process, one loop, the engine and the web in it.

Whatever ends it, nothing is lost: what was accepted stands in the store, and what was owed is owed again at the next
start. A graceful end only spares people a second message where the first was under way; so it is bounded.
"""

from pathlib import Path

import click

from tocsin.cli.session import Failed


@click.command()
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="A TOML file with settings.")
@click.option("--host", default=None, help="The address to listen on. [default: 127.0.0.1]")
@click.option("--port", default=None, type=int, help="The port to listen on. [default: 8700]")
@click.option("--database", default=None, metavar="FILE", help="The database. [default: in your data directory]")
@click.option("--playbook", default=None, metavar="FOLDER", help="A playbook's folder, or a shipped one's name.")
def serve(config: Path | None, host: str | None, port: int | None, database: str | None, playbook: str | None) -> None:
    """Run Tocsin: take alerts in, page, keep deadlines.

    Needs no configuration. Every setting is an environment variable TOCSIN_… too: see docs/operating.md.
    SIGTERM and Ctrl-C end it gracefully; SIGHUP reads the playbook again.

    \b
    tocsin serve
    TOCSIN_PROMETHEUS_URL=http://127.0.0.1:9090 tocsin serve --playbook ./our-playbook
    """
    import gc  # noqa: PLC0415 - only this command lives long enough to care.

    from tocsin.cli.settings import SettingsError, load  # noqa: PLC0415 - `--help` needs none of it.

    try:
        settings = load(config, host=host, port=port, database=database, playbook=playbook)
    except SettingsError as error:
        raise Failed(str(error)) from error
    gc.disable()  # What is loaded now stays: looking through it again and again is a tenth of the start.
    from tocsin.cli.running import run  # noqa: PLC0415 - as above.

    raise click.exceptions.Exit(run(settings))
