"""``tocsin classify``: which severity, by which row of the playbook, and why (C1-C6)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from tocsin.cli.files import compiled
from tocsin.cli.output import Piece, severity_style
from tocsin.cli.session import Failed, session, talks
from tocsin.cli.words import pairs, share

if TYPE_CHECKING:
    from tocsin.core.rules import Rulebook


@click.command()
@click.option("--component", "-c", default=None, help="What it is about.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="A label of an alert; may be repeated.")
@click.option("--all-users/--not-all-users", default=None, help="Answer of a report: every user is affected.")
@click.option("--data-lost/--no-data-lost", default=None, help="Answer of a report: data is lost.")
@click.option("--share", "share_of", metavar="SHARE", help="Answer of a report: share of operations, 30% or 0.3.")
@click.option(
    "--figure", "figures", multiple=True, metavar="ID=VALUE", help="A figure of a threshold; may be repeated."
)
@click.option("--playbook", "folder", metavar="FOLDER", help="Ask these files and no server.")
@talks
def classify(
    component: str | None,
    labels: tuple[str, ...],
    all_users: bool | None,
    data_lost: bool | None,
    share_of: str | None,
    figures: tuple[str, ...],
    folder: str | None,
) -> None:
    """Show which severity applies, and why (C1-C6).

    By which row of the playbook, and what was looked at before it. Opens nothing.
    Asks the server if one is named or a token is set, else the playbook's files.

    \b
    tocsin classify --component agent-booster --share 30%
    tocsin classify --label alertname=Down --label severity=SEV2 --label job=agentdb
    tocsin classify --component agent-booster --figure agent-booster-p95-major=0.08
    """
    given: dict[str, Any] = {"component": component}
    answers = (all_users, data_lost, share_of) != (None, None, None)
    if sum((bool(labels), answers, bool(figures))) != 1:
        raise click.UsageError("Give one of: labels of an alert, answers of a report, measured figures.")
    if labels:
        given["labels"] = pairs(labels, "--label") | ({"component": component} if component else {})
    elif answers:
        given["answers"] = {
            "component": component or "",
            "all_users": bool(all_users),
            "data_lost": bool(data_lost),
            "share": share(share_of, "--share") if share_of else None,
        }
    else:
        given["figures"] = {name: _number(value) for name, value in pairs(figures, "--figure").items()}
    now = session()
    if folder or not now.has_server:
        _show(offline(compiled(folder), given))
    else:
        _show(now.post("/api/v1/classify", given))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise click.BadParameter(f'"{text}" is no number.', param_hint="--figure") from error


def offline(rules: "Rulebook", given: Mapping[str, Any]) -> dict[str, Any]:
    """Answer from a playbook's files what the server's API would."""
    import msgspec  # noqa: PLC0415 - the way over HTTP needs none of it.

    from tocsin.core.commands import Refused  # noqa: PLC0415
    from tocsin.web.api.classify import ClassifyBody, classification  # noqa: PLC0415
    from tocsin.web.problems import Declined  # noqa: PLC0415

    body = {name: value for name, value in given.items() if value is not None}
    try:
        answer: dict[str, Any] = msgspec.to_builtins(classification(msgspec.convert(body, ClassifyBody), rules))
    except (Refused, Declined) as error:
        raise Failed(error.detail, error.remedy) from error
    return answer


def _show(answer: dict[str, Any]) -> None:
    screen = session().screen
    if screen.as_json:
        screen.json(answer)
        return
    severity = answer["severity"] or "no severity"
    screen.line((severity, severity_style(severity)), f"  {answer['component'] or 'no component'}")
    clause = f", clause {answer['clause']}" if answer["clause"] else ""
    screen.line(f"by {answer['rule']}{clause}: {answer['because']}", indent=2)
    screen.gap()
    screen.line(("Looked at, in order; the first that is met decides", "bold"))
    screen.table(("", "", "", "", ""), [_row(each) for each in answer["considered"]], indent=2)


def _row(row: dict[str, Any]) -> tuple[Piece, ...]:
    met: Piece = ("met", "bold green") if row["met"] else ("no", "dim")
    return (met, row["severity"], row["rule"], (row["clause"], "dim"), row["asks"])
