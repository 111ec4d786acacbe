"""``tocsin override``, ``swap`` and ``away``: what people arrange between them beside the playbook (O4)."""

from typing import Any

import click

from tocsin.cli import rota
from tocsin.cli.session import session, talks
from tocsin.cli.words import duration, instant
from tocsin.engine.clock import SystemClock

_since = click.option("--from", "since", metavar="TIME", help="Beginning later than now.")
_until = click.option("--until", metavar="TIME", help="When it ends: 2026-11-24T18:00Z.")
_lasts = click.option("--for", "lasts", metavar="SPAN", help="Or how long it lasts: 90m, 8h, 14d.")
_reason = click.option("--reason", default="", help="Why; it stands beside the arrangement.")
_all = click.option("--all", "everything", is_flag=True, help="Those that are over or were withdrawn, too.")


@click.group()
def override() -> None:
    """Let somebody stand in for a rotation for a while."""


@override.command("add")
@click.argument("rotation")
@click.argument("person")
@_since
@_until
@_lasts
@click.option("--instead-of", metavar="PERSON", help="Whose place, where several are on call at once.")
@_reason
@click.option("--by", metavar="PERSON", help="In whose name; needs the role commander.")
@talks
def add_override(
    rotation: str,
    person: str,
    since: str | None,
    until: str | None,
    lasts: str | None,
    instead_of: str | None,
    reason: str,
    by: str | None,
) -> None:
    """Let PERSON stand in for ROTATION, from now or later on (O4).

    "Take my shift until six" is an override.

    \b
    tocsin override add sre-primary daniel-kerr --until 2026-11-24T18:00Z --reason "dentist"
    tocsin override add sre-primary daniel-kerr --from 2026-12-24T00:00Z --for 2d
    """
    body = {
        "rotation": rotation,
        "person": person,
        "instead_of": instead_of,
        "reason": reason,
        "by": by,
        **_span(since, until, lasts),
    }
    _kept(session().post("/api/v1/overrides", body), "override")


@override.command("remove")
@click.argument("override_id", metavar="ID")
@talks
def remove_override(override_id: str) -> None:
    """Withdraw an override; of an accepted swap both sides (O4).

    \b
    tocsin override remove OVR-0f3a9c1b22
    """
    _kept(session().delete(f"/api/v1/overrides/{override_id}"), "override", "withdrawn")


@override.command("list")
@_all
@talks
def list_overrides(everything: bool) -> None:
    """List the overrides that are not over (O4).

    \b
    tocsin override list
    """
    _list(session().get("/api/v1/overrides", all=everything or None)["overrides"], "override")


@click.group()
def swap() -> None:
    """Ask somebody to take a shift (O4). It counts once they accept."""


@swap.command()
@click.argument("rotation")
@click.argument("other", metavar="PERSON")
@_since
@_until
@_lasts
@click.option("--takes", metavar="ROTATION", help="Take one of their shifts in return, in this rotation…")
@click.option("--takes-from", metavar="TIME", help="…from then on…")
@click.option("--takes-until", metavar="TIME", help="…until then.")
@click.option("--asked-by", metavar="PERSON", help="Whose shift it is; else yours.")
@_reason
@talks
def ask(
    rotation: str,
    other: str,
    since: str | None,
    until: str | None,
    lasts: str | None,
    takes: str | None,
    takes_from: str | None,
    takes_until: str | None,
    asked_by: str | None,
    reason: str,
) -> None:
    """Ask PERSON to take your shift, or to swap it for theirs (O4).

    \b
    tocsin swap ask sre-primary daniel-kerr --until 2026-11-24T18:00Z --reason "dentist"
    tocsin swap ask sre-primary daniel-kerr --from 2026-12-21T00:00Z --for 7d \\
        --takes sre-primary --takes-from 2026-12-28T00:00Z --takes-until 2027-01-04T00:00Z
    """
    back: dict[str, object] | None = None
    if takes or takes_from or takes_until:
        if takes_until is None:
            raise click.UsageError("Say until when you take theirs: --takes-until.")
        back = {"rotation": takes or rotation, "ends_at": instant(takes_until, "--takes-until").format_iso()}
        if takes_from:
            back["starts_at"] = instant(takes_from, "--takes-from").format_iso()
    body = {
        "rotation": rotation,
        "other": other,
        "takes": back,
        "asked_by": asked_by,
        "reason": reason,
        **_span(since, until, lasts),
    }
    _kept(session().post("/api/v1/swaps", body), "swap")


@swap.command()
@click.argument("swap_id", metavar="ID")
@click.option("--by", metavar="PERSON", help="In whose name; needs the role commander.")
@talks
def accept(swap_id: str, by: str | None) -> None:
    """Accept a swap: from now on it counts (O4).

    \b
    tocsin swap accept SWAP-0f3a9c1b22
    """
    _kept(session().post(f"/api/v1/swaps/{swap_id}/accept", {"by": by}), "swap", "accepted")


@swap.command()
@click.argument("swap_id", metavar="ID")
@click.option("--by", metavar="PERSON", help="In whose name; needs the role commander.")
@talks
def decline(swap_id: str, by: str | None) -> None:
    """Decline a swap; nothing changes (O4).

    \b
    tocsin swap decline SWAP-0f3a9c1b22
    """
    _kept(session().post(f"/api/v1/swaps/{swap_id}/decline", {"by": by}), "swap", "declined")


@swap.command("remove")
@click.argument("swap_id", metavar="ID")
@talks
def remove_swap(swap_id: str) -> None:
    """Withdraw a swap, and what it became if it was accepted (O4).

    \b
    tocsin swap remove SWAP-0f3a9c1b22
    """
    _kept(session().delete(f"/api/v1/swaps/{swap_id}"), "swap", "withdrawn")


@swap.command("list")
@_all
@talks
def list_swaps(everything: bool) -> None:
    """List the swaps that are not over (O4).

    \b
    tocsin swap list
    """
    _list(session().get("/api/v1/swaps", all=everything or None)["swaps"], "swap")


@click.group()
def away() -> None:
    """Be away: whoever is next in each rotation stands in."""


@away.command("add")
@click.argument("person", required=False)
@_since
@_until
@_lasts
@_reason
@talks
def add_absence(person: str | None, since: str | None, until: str | None, lasts: str | None, reason: str) -> None:
    """Let PERSON, or you, be away (O4).

    \b
    tocsin away add ines-moreau --from 2026-12-21T00:00Z --for 14d --reason "holidays"
    """
    body = {"person": person, "reason": reason, **_span(since, until, lasts)}
    _kept(session().post("/api/v1/away", body), "away")


@away.command("remove")
@click.argument("away_id", metavar="ID")
@talks
def remove_absence(away_id: str) -> None:
    """Withdraw an absence: the person is back (O4).

    \b
    tocsin away remove AWAY-0f3a9c1b22
    """
    _kept(session().delete(f"/api/v1/away/{away_id}"), "away", "withdrawn")


@away.command("list")
@_all
@talks
def list_absences(everything: bool) -> None:
    """List who is away, or will be (O4).

    \b
    tocsin away list
    """
    _list(session().get("/api/v1/away", all=everything or None)["away"], "away")


def _span(since: str | None, until: str | None, lasts: str | None) -> dict[str, object]:
    if (until is None) == (lasts is None):
        raise click.UsageError("Say when it ends: one of --until and --for.")
    starts_at = instant(since, "--from") if since else None
    if until is not None:
        ends_at = instant(until, "--until")
    else:
        ends_at = (starts_at or SystemClock().now()) + duration(lasts or "", "--for")
    return {"starts_at": starts_at and starts_at.format_iso(), "ends_at": ends_at.round("second").format_iso()}


def _kept(answer: dict[str, Any], noun: str, done: str = "") -> None:
    screen = session().screen
    if screen.as_json:
        screen.json(answer)
        return
    for each in answer["kept"]:
        _show(each, done if each["id"].startswith(_PREFIXES[noun]) else "")
    first = answer["kept"][0]["id"]
    if not done and noun == "swap":
        screen.line(("Nothing changes before it is accepted: ", ""), (f"tocsin swap accept {first}", "cyan"), indent=2)
    elif not done:
        screen.line((f"tocsin {noun} remove {first}", "cyan"), indent=2)
    rota.say_warnings(screen, answer["warnings"])


_PREFIXES = {"override": "OVR-", "swap": "SWAP-", "away": "AWAY-"}


def _list(found: list[dict[str, Any]], noun: str) -> None:
    screen = session().screen
    if screen.as_json:
        screen.json({noun if noun == "away" else f"{noun}s": found})
    elif not found:
        screen.line("Nobody is away." if noun == "away" else f"No {noun}.")
    else:
        for each in found:
            _show(each, "")


def _show(each: dict[str, Any], done: str) -> None:
    screen = session().screen
    state = done or _state(each)
    screen.line((each["id"], "bold"), f"  {_said(each)}", (f"  {state}" if state else "", "yellow"))
    whose = f"by {each['author']}" if each.get("author") else ""
    reason = f": {each['reason']}" if each.get("reason") else ""
    if whose or reason:
        screen.line((f"{whose}{reason}", "dim"), indent=2)


def _state(each: dict[str, Any]) -> str:
    if each.get("withdrawn_at"):
        return "withdrawn"
    if each["type"] == "swap":
        return {None: "waits for an answer", True: "accepted", False: "declined"}[each.get("accepted")]
    return ""


def _said(each: dict[str, Any]) -> str:
    if each["type"] == "swap":
        back = each.get("takes")
        against = f", against {back['rotation']} {_when(back)}" if back else ""
        gives = each["gives"]
        return f"{each['other']} takes {gives['rotation']} of {each['asked_by']} {_when(gives)}{against}"
    if each["type"] == "away":
        return f"{each['person']} is away {_when(each)}"
    instead_of = f" for {each['instead_of']}" if each.get("instead_of") else ""
    return f"{each['person']} stands in at {each['rotation']}{instead_of} {_when(each)}"


def _when(each: dict[str, Any]) -> str:
    return f"{rota.short(each['starts_at'], 'UTC')} – {rota.short(each['ends_at'], 'UTC')} UTC"
