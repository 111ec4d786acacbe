"""``tocsin ledger``: who was to be reached, what was tried, what they answered, and how each of it ended."""

from typing import Any

import click

from tocsin.cli.output import Piece, Screen, clock_time
from tocsin.cli.session import INCIDENT, Failed, session, talks

_BAD = {"given up", "unreachable"}
_GOOD = {"answered", "delivered"}


@click.command()
@click.argument("incident", type=INCIDENT, required=False)
@click.option("--unaccounted", is_flag=True, help="Only what nobody owes, in all of Tocsin; there must be none.")
@talks
def ledger(incident: str | None, unaccounted: bool) -> None:
    """Prove what became of every page and every message (E4).

    For each obligation to reach somebody: every attempt with its channel, the provider's receipt and the instant, the
    person's answer, and how it ended. The same for test pages (TEST-3) and hand-offs (HO-12).

    \b
    tocsin ledger INC-42
    tocsin ledger INC-42 --json
    tocsin ledger --unaccounted
    """
    if unaccounted and incident is None:
        _unaccounted()
    elif incident is not None and not unaccounted:
        _ledger(incident)
    else:
        raise click.UsageError("Name one incident, or give --unaccounted alone.")


def _ledger(incident: str) -> None:
    screen = session().screen
    found = session().get(f"/api/v1/incidents/{incident}/ledger")
    if screen.as_json:
        screen.json(found)
        return
    owed = found["obligations"]
    screen.line((f"{incident}: {len(owed)} obligation{'s' if len(owed) != 1 else ''} to reach somebody", "bold"))
    for each in owed:
        _obligation(screen, each)
    screen.gap()
    count = found["unaccounted"]
    screen.line((f"unaccounted: {count}", "bold red" if count else "green"))


def _obligation(screen: Screen, each: dict[str, Any]) -> None:
    screen.gap()
    screen.line(
        (clock_time(each["at"]), "dim"),
        f"  {each['kind']} to ",
        (each["to"], "bold"),
        (f"  {each['clause']}" if each["clause"] else "", "dim"),
    )
    screen.line(each["why"].splitlines()[0] if each["why"] else "", indent=10)
    screen.table(("", "", "", ""), [_try(one) for one in each["tries"]], wide=3, indent=10)
    screen.line(*_end(each), indent=10)


def _try(one: dict[str, Any]) -> tuple[Piece, ...]:
    outcome: Piece = (one["outcome"], "green") if one["outcome"] == "accepted" else (one["outcome"], "yellow")
    detail = f"receipt {one['detail']}" if one["outcome"] == "accepted" else one["detail"]
    return ((clock_time(one["at"]), "dim"), f"{one['by']} ({one['channel']})", outcome, detail)


def _end(each: dict[str, Any]) -> tuple[Piece, ...]:
    end = each["end"]
    style: Piece = (end, "bold red") if end in _BAD else (end, "green") if end in _GOOD else (end, "bold")
    at = f" {clock_time(each['ended_at'])}" if each["ended_at"] else ""
    via = f" by {each['via']}" if each["via"] else ""
    if end == "waiting" and each["kind"] == "page" and not each["next_at"]:
        return ("=> ", ("waiting for an answer", "bold"))
    following = f", next attempt {clock_time(each['next_at'])}" if each["next_at"] else ""
    return ("=> ", style, f"{via}{at}{following}")


def _unaccounted() -> None:
    screen = session().screen
    found = session().get("/api/v1/unaccounted")
    named = [(what, name) for what in ("alerts", "timelines", "messages") for name in found[what]]
    if screen.as_json:
        screen.json(found)
    elif not named:
        screen.line(("Everything is accounted for.", "green"))
    else:
        screen.table(("", ""), [((what, "bold red"), name) for what, name in named])
    if named:
        raise Failed(f"{len(named)} obligations are owed by nobody", "This is a fault of Tocsin: please report it.")
