"""``tocsin handoff``: what goes from one shift to the next, ticked off and accepted (O3)."""

from typing import Any

import click

from tocsin.cli.incidents import act
from tocsin.cli.output import Piece, Screen, clock_time
from tocsin.cli.session import INCIDENT, Session, session, talks, text_of

_by = click.option("--by", metavar="PERSON", help="In whose name; a commander's token may say so.")
_of = click.option("--of", "handoff", type=INCIDENT, metavar="HO", help="Which one, if several are open: HO-12.")


@click.group(invoke_without_command=True)
@click.pass_context
def handoff(ctx: click.Context) -> None:
    """Hand a shift over, and take one over (O3).

    Until the next person accepts, both are reminded and pages go to both.

    \b
    tocsin handoff list
    tocsin handoff show HO-12
    tocsin handoff tick meeting
    tocsin handoff note "agentdb-3 is slow since Friday, the vendor knows"
    tocsin handoff accept
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_handoffs)


@handoff.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that are over too.")
@talks
def list_handoffs(everything: bool = False) -> None:
    """List the hand-offs that are not over, newest first (O3).

    \b
    tocsin handoff list
    """
    now = session()
    found = now.get("/api/v1/handoffs", all=everything)["errands"]
    if now.screen.as_json:
        now.screen.json({"handoffs": found})
        return
    if not found:
        now.screen.line(("No hand-off is open.", "green"))
        return
    now.screen.table(("hand-off", "opened", "accepted", "title"), [_row(each) for each in found])


def _row(each: dict[str, Any]) -> tuple[Piece, ...]:
    accepted: Piece = ("yes", "green") if each["acknowledged"] else "over" if each["closed"] else ("not yet", "yellow")
    return ((each["id"], "bold"), clock_time(each["opened_at"], date=True), accepted, each["title"])


@handoff.command()
@click.argument("handoff", type=INCIDENT, required=False)
@talks
def show(handoff: str | None) -> None:
    """Show a hand-off: its checklist, who is paged, its packet (O3).

    \b
    tocsin handoff show HO-12
    """
    now = session()
    view = now.get(f"/api/v1/handoffs/{_which(now, handoff)}")
    if now.screen.as_json:
        now.screen.json(view)
        return
    _head(now.screen, view)
    _packet(now.screen, view["packet"])


@handoff.command()
@click.argument("step")
@_of
@_by
@talks
def tick(step: str, handoff: str | None, by: str | None) -> None:
    """Tick a step of the checklist off (O3). `tocsin handoff show` names them.

    \b
    tocsin handoff tick meeting
    """
    act(_which(session(), handoff), "milestone", milestone=step, by=by)


@handoff.command()
@_of
@_by
@talks
def accept(handoff: str | None, by: str | None) -> None:
    """Accept a hand-off: from then on pages go to you alone (O3).

    Only the next person on call can.

    \b
    tocsin handoff accept
    """
    act(_which(session(), handoff), "acknowledge", by=by)


@handoff.command()
@click.argument("text")
@_of
@_by
@talks
def note(text: str, handoff: str | None, by: str | None) -> None:
    """Add a note to the packet (O3). A dash reads it from the standard input.

    \b
    tocsin handoff note "agentdb-3 is slow since Friday, the vendor knows"
    """
    act(_which(session(), handoff), "note", text=text_of(text), by=by)


def _which(now: Session, given: str | None) -> str:
    """Answer which hand-off is meant: the given one, or the only one that is open."""
    if given is not None:
        return given if given.startswith("HO-") else given.replace("INC-", "HO-")
    found = now.get("/api/v1/handoffs")["errands"]
    if len(found) == 1:
        return str(found[0]["id"])
    names = ", ".join(each["id"] for each in found)
    raise click.UsageError(f"Say which hand-off: {names}." if found else "No hand-off is open.")


def _head(screen: Screen, view: dict[str, Any]) -> None:
    screen.line((view["id"], "bold"), "  ", (view["title"], "bold"))
    rows: list[tuple[Piece, ...]] = [
        ("shift changes", f"{clock_time(view['shift_at'], date=True)} UTC"),
        ("from", view["outgoing"] or "nobody"),
        ("to", view["incoming"] or "nobody"),
        ("accepted", _accepted(view)),
        ("pages go to", ", ".join(view["pages_go_to"]) or ("nobody", "bold red")),
    ]
    screen.table(("", ""), rows, indent=2)
    screen.gap()
    screen.line(("Checklist", "bold"))
    screen.table(("", "", ""), [_step(each) for each in view["steps"]], wide=2, indent=2)


def _accepted(view: dict[str, Any]) -> Piece:
    if view["accepted_at"]:
        return (f"{clock_time(view['accepted_at'], date=True)} UTC", "green")
    ended = {"missed": "never", "called_off": "called off"}.get(view["outcome"])
    return ended or ("not yet", "yellow")


def _step(step: dict[str, Any]) -> tuple[Piece, ...]:
    done: Piece = (f"done {clock_time(step['done_at'])}", "green") if step["done_at"] else "to do"
    return (done, (step["name"], "bold"), step["text"])


def _packet(screen: Screen, packet: dict[str, Any]) -> None:
    parts = (
        ("Open incidents", [_case(each) for each in packet["open"]]),
        ("Owed after resolution", [_case(each) for each in packet["after"]]),
        ("Incidents of the last week", [_case(each) for each in packet["lately"]]),
        (
            "Silences that end soon",
            [(each["id"], _day(each["ends_at"]), each["reason"]) for each in packet["silences"]],
        ),
        ("Overrides", [(each["rotation"], _day(each["ends_at"]), each["person"]) for each in packet["overrides"]]),
        ("Away", [(each["person"], _day(each["ends_at"]), each["reason"]) for each in packet["away"]]),
        ("Notes", [(clock_time(each["at"]), each["by"] or "", each["text"]) for each in packet["notes"]]),
    )
    for name, rows in parts:
        if rows or name == "Open incidents":
            screen.gap()
            screen.line((name, "bold"), "" if rows else ": none")
            screen.table(("", "", ""), rows, wide=2, indent=2)


def _day(at: str) -> str:
    return f"until {clock_time(at, date=True)}"


def _case(case: dict[str, Any]) -> tuple[Piece, ...]:
    owed = "".join(f"; {each['title']} ({each['owner']}, {clock_time(each['due_at'])})" for each in case["owed"][:2])
    return ((case["id"], "bold"), case["severity"], f"{case['title']}{owed}")
