"""``tocsin simulate``: the playbook at work in virtual time."""

from pathlib import Path

import click

from tocsin.cli.files import chosen
from tocsin.cli.session import answers, session


@click.command()
@click.argument("scenario")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same story.")
@click.option("--runs", default=1, show_default=True, type=click.IntRange(1), help="Many runs give distributions.")
@click.option("--playbook", "folder", metavar="FOLDER", help="Another playbook than TOCSIN_PLAYBOOK.")
@click.option("--crash-at", default="", metavar="POINTS", help="Kill and restart it there: before:93,receipt:2.")
@answers
def simulate(scenario: str, seed: int, runs: int, folder: str | None, crash_at: str) -> None:
    """Play a scenario in virtual time (C2, E1-E4).

    Who is woken when, which targets are kept and missed.

    SCENARIO is a shipped scenario's name or a file. An unknown name lists the shipped ones.
    Exit status 1 means that a law of the engine was broken.

    \b
    tocsin simulate sunday-night-nobody
    tocsin simulate rough-weather --runs 100 --seed 7 --json
    """
    from tocsin.simulate.command import command  # noqa: PLC0415 - the simulation is the largest part of Tocsin.

    path: Path = chosen(folder)
    answer = command(scenario, seed, runs, session().as_json, path, crash_at)
    click.echo(answer.text, nl=not answer.text.endswith("\n"), err=answer.code == click.UsageError.exit_code)
    raise click.exceptions.Exit(answer.code)
