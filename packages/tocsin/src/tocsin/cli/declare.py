"""``tocsin declare``: a person opens an incident, and answers the playbook's questions if need be (C6)."""

import sys
from contextlib import suppress
from typing import Any

import click

from tocsin.cli.output import Screen, severity_style
from tocsin.cli.session import Failed, Session, session, talks, text_of
from tocsin.cli.words import share

_LOOKED_THROUGH = 200
_NAMED = 3


@click.command()
@click.argument("title", required=False)
@click.option("--component", "-c", "components", multiple=True, help="What is affected; the first one gives the group.")
@click.option("--severity", help="Set it yourself instead of answering the questions.")
@click.option("--all-users/--not-all-users", default=None, help="Is every user affected?")
@click.option("--data-lost/--no-data-lost", default=None, help="Is data lost or corrupted?")
@click.option("--share", "share_of", metavar="SHARE", help="Share of operations affected: 30% or 0.3.")
@click.option("--description", help="More about it; a dash reads the standard input.")
@click.option("--room", metavar="NAME", help="Open a Slack channel of this name, whatever the severity (R2).")
@click.option("--by", metavar="PERSON", help="In whose name; a commander's token may say so.")
@talks
def declare(
    title: str | None,
    components: tuple[str, ...],
    severity: str | None,
    all_users: bool | None,
    data_lost: bool | None,
    share_of: str | None,
    description: str | None,
    room: str | None,
    by: str | None,
) -> None:
    """Declare an incident that no alert has seen (C6).

    It pages at once.
    On a terminal it asks for what is missing. Without a severity the playbook's questions set it.

    \b
    tocsin declare "Agent Booster is down" --component agent-booster --all-users
    tocsin declare "Search looks wrong" -c reasoningbank --share 10%
    """
    now = session()
    asks = sys.stdin.isatty() and sys.stdout.isatty() and not now.as_json
    fraction = share(share_of, "--share") if share_of else None
    book = now.get("/api/v1/playbook") if asks and not (title and components and severity) else None
    if book:
        title = title or click.prompt("What is wrong, in a line")
        components = components or (_asked_component(now.screen, book),)
        if severity is None and all_users is None and data_lost is None and fraction is None:
            all_users, data_lost, fraction = _asked_questions()
    if not title:
        raise click.UsageError("Say in a line what is wrong: tocsin declare TITLE --component COMPONENT.")
    if not components:
        raise click.UsageError("Name what is affected with --component; `tocsin playbook show` lists the components.")
    body: dict[str, object] = {
        "title": title,
        "component": components[0],
        "components": list(components[1:]) or None,
        "severity": severity,
        "all_users": all_users,
        "data_lost": data_lost,
        "share": fraction,
        "description": text_of(description) if description else None,
        "room": room,
        "by": by,
    }
    _show(now, now.post("/api/v1/incidents", body))


def _asked_component(screen: Screen, book: dict[str, Any]) -> str:
    """Let a person choose by number; typing an id at three in the morning goes wrong."""
    components = book["components"]
    if not components:
        raise Failed("the playbook names no component")
    screen.line("What is affected?")
    for number, component in enumerate(components, 1):
        screen.line((f"{number:>3}", "bold"), f"  {component['name']}", indent=0)
    place = click.prompt("Number", type=click.IntRange(1, len(components)))
    return str(components[place - 1]["id"])


def _asked_questions() -> tuple[bool, bool, float | None]:
    """Ask what C6 asks. The share is asked only where the other answers do not decide."""
    all_users = click.confirm("Are all users affected?", default=False)
    data_lost = click.confirm("Is data lost or corrupted?", default=False)
    if all_users or data_lost:
        return all_users, data_lost, None
    told = click.prompt("Share of operations affected, such as 30% (Enter: unknown)", default="", show_default=False)
    return False, False, share(told, "share") if told.strip() else None


def _others(now: Session, view: dict[str, Any]) -> list[dict[str, Any]]:
    """Answer the open incidents that may be the same one, newest first: somebody may be at work on it already."""
    recent: list[dict[str, Any]] = []
    with suppress(Failed):  # It is declared; to fail now would have it declared again.
        recent = now.get("/api/v1/incidents", open=True, limit=_LOOKED_THROUGH)["incidents"]
    alike = (each for each in recent if set(each["components"]) & set(view["components"]))
    return [each for each in alike if each["id"] != view["id"]][:_NAMED]


def _show(now: Session, view: dict[str, Any]) -> None:
    screen = now.screen
    if screen.as_json:
        screen.json(view)
        return
    screen.line((view["id"], "bold"), "  ", (view["severity"], severity_style(view["severity"])), f"  {view['title']}")
    screen.line((f"because {view['because']}  {view['clause']}", "dim"), indent=2)
    if view["waiting_for"]:
        screen.line(f"paged: {', '.join(view['waiting_for'])}", indent=2)
    for other in _others(now, view):
        screen.line((f"{other['id']} is open for the same component: tocsin show {other['id']}", "yellow"), indent=2)
    screen.line(("Next: ", "bold"), (view["next_action"], "bold"))
    screen.line((f"tocsin ack {view['id']}", "cyan"), indent=2)
