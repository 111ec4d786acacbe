"""``tocsin playbook``: check a playbook, show it, write its schema and the rules that Prometheus needs of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from tocsin.cli.files import chosen, compiled
from tocsin.cli.output import Screen
from tocsin.cli.session import Failed, answers, session

if TYPE_CHECKING:
    from tocsin.playbook.problems import Problem

_folder = click.argument("folder", required=False)


@click.group()
def playbook() -> None:
    """Check, show and use a playbook's files.

    FOLDER is a playbook's folder or a shipped one's name (agentic-flow, minimal); without it, TOCSIN_PLAYBOOK.
    """


@playbook.command()
@_folder
@answers
def check(folder: str | None) -> None:
    """Say all that is wrong with a playbook (Q2).

    Each finding with its line and its remedy. Exit status 1 if there are errors.

    \b
    tocsin playbook check ./our-playbook
    """
    path = chosen(folder)
    problems = found_in(path)
    errors = sum(problem.severity == "error" for problem in problems)
    screen = session().screen
    if screen.as_json:
        screen.json({"playbook": str(path), "errors": errors, "problems": problems})
    else:
        _report(screen, path, problems, errors)
    if errors:
        raise click.exceptions.Exit(1)


def found_in(folder: Path) -> "list[Problem]":
    """Answer everything that is wrong with a playbook's files, today's dates included."""
    from tocsin.engine.clock import SystemClock  # noqa: PLC0415 - `--help` needs none of it.
    from tocsin.playbook.lint import lint  # noqa: PLC0415
    from tocsin.playbook.load import load  # noqa: PLC0415
    from tocsin.playbook.problems import PlaybookErrors  # noqa: PLC0415

    try:
        return lint(load(folder), today=SystemClock().now().to_tz("UTC").date())
    except PlaybookErrors as error:
        return error.problems


def _report(screen: Screen, folder: Path, problems: "list[Problem]", errors: int) -> None:
    for problem in problems:
        where = f"{problem.file}:{problem.line}" if problem.line else problem.file
        key = f" {problem.key}:" if problem.key else ""
        style: Any = "bold red" if problem.severity == "error" else "yellow"
        screen.line(f"{where}:{key} ", (problem.severity, style), f": {problem.message} — {problem.remedy}")
    if problems:
        screen.gap()
    warnings = len(problems) - errors
    if errors:
        screen.line((f"{_count(errors, 'error')}, {_count(warnings, 'warning')}: {folder} cannot be used", "bold red"))
    else:
        screen.line(("usable", "green"), f": {folder}, {_count(warnings, 'warning')}")


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


@playbook.command()
@answers
def schema() -> None:
    """Write the JSON Schema of a playbook's files.

    For editors that check while one types.

    \b
    tocsin playbook schema > playbook.schema.json
    """
    from tocsin.playbook.schema import json_schema  # noqa: PLC0415 - as above.

    session().screen.text(msgspec.json.format(msgspec.json.encode(json_schema()), indent=2).decode())


@playbook.command()
@_folder
@click.option(
    "--speed", default=1.0, show_default=True, type=click.FloatRange(0, min_open=True), help="Divides durations."
)
@click.option("--component", "-c", "components", multiple=True, help="Only this component; may be repeated.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write here, not to the output.")
@answers
def rules(folder: str | None, speed: float, components: tuple[str, ...], output: Path | None) -> None:
    """Write the rule file for Prometheus (C3, C4).

    Its alerts are the playbook's thresholds and error budgets.

    \b
    tocsin playbook rules --output /etc/prometheus/tocsin.yaml
    """
    from tocsin.playbook.prometheus import rule_file  # noqa: PLC0415 - as above.

    book = compiled(folder, speed)
    for name in components:
        if name not in book.components:
            raise Failed(f'the playbook has no component "{name}"', f"It has {', '.join(book.components)}.")
    text = rule_file(book, components or None)
    screen = session().screen
    if output is not None:
        try:
            output.write_text(text, encoding="utf8")
        except OSError as error:
            raise Failed(
                f"{output} cannot be written: {error.strerror}", "Name a file in a folder that is there."
            ) from error
    if screen.as_json:
        screen.json({"playbook": book.version, "output": output and str(output), "rules": None if output else text})
    elif output is None:
        screen.text(text)
    else:
        screen.line(f"wrote {output}: the rules of {book.id} {book.version}")


@playbook.command("show")
@_folder
@answers
def show_playbook(folder: str | None) -> None:
    """Show what a playbook asks (C1, C2, E1, O1).

    Severities and targets, components, the ladder, who takes turns, audiences, flags, milestones.

    \b
    tocsin playbook show
    tocsin playbook show minimal
    """
    from tocsin.cli import rulebook  # noqa: PLC0415 - as above.

    book = compiled(folder)
    screen = session().screen
    if screen.as_json:
        screen.json(rulebook.summary(book))
    else:
        rulebook.write(screen, book)
