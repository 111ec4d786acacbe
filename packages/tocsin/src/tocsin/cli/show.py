"""``tocsin list`` and ``tocsin show``: how it stands, what to do next, what is due, what happened."""

import sys
import time
from collections.abc import Callable
from typing import Any, Final

import click
from whenever import Instant

from tocsin.cli.output import Piece, Screen, Style, clock_time, countdown, severity_style, span
from tocsin.cli.session import INCIDENT, Session, session, talks
from tocsin.engine.clock import SystemClock

LINES: Final = 15
"""Entries of the timeline that are shown unless more are asked for: with the rest, a screenful."""

_TOLD_BY_OTHERS = {"step_taken", "page_delivered", "diagnostics_begun"}
"""Kinds of entries that only say again what the entry beside them says; ``--all`` shows them too."""

DUE_SHOWN: Final = 6
_PAGE: Final = 200


@click.command("list")
@click.option("--all", "everything", is_flag=True, help="Resolved ones too.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="At most so many.")
@talks
def list_incidents(everything: bool, limit: int) -> None:
    """List the open incidents, newest first, with what is due.

    With --all the resolved ones too.

    \b
    tocsin list
    tocsin list --all --json
    """
    now = session()
    found = _headlines(now, None if everything else True, limit)
    if now.screen.as_json:
        now.screen.json({"incidents": found})
        return
    if not found:
        now.screen.line("No incident." if everything else ("No open incident.", "green"))
        return
    at = SystemClock().now()
    now.screen.table(("incident", "", "stage", "age", "next", "title"), [_row(each, at) for each in found])


def _headlines(now: Session, is_open: bool | None, limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    before = None
    while len(found) < limit:
        page = now.get("/api/v1/incidents", open=is_open, before=before, limit=min(_PAGE, limit - len(found)))
        found += page["incidents"]
        before = page["next"]
        if before is None:
            break
    return found


def _row(headline: dict[str, Any], at: Instant) -> tuple[Piece, ...]:
    severity = headline["severity"]
    opened = Instant.parse_iso(headline["opened_at"])
    return (
        (headline["id"], "bold"),
        (severity, severity_style(severity)),
        headline["stage"],
        span((at - opened).total("seconds")),
        _owed(headline, at),
        headline["title"],
    )


def _owed(headline: dict[str, Any], at: Instant) -> Piece:
    if headline["resolved_at"] is None and not headline["acknowledged"]:
        return ("not acknowledged", "bold red")
    if headline["next_due_at"] is None:
        return "–"
    return countdown((Instant.parse_iso(headline["next_due_at"]) - at).total("seconds"))


@click.command()
@click.argument("incident", type=INCIDENT)
@click.option(
    "--last", "count", default=LINES, show_default=True, type=click.IntRange(0), help="Entries of the timeline."
)
@click.option("--all", "everything", is_flag=True, help="The whole timeline and everything due.")
@click.option("--ledger", is_flag=True, help="What became of every alert and every message.")
@click.option("--watch", is_flag=True, help="Show it again every few seconds until Ctrl-C.")
@click.option(
    "--every", default=2.0, show_default=True, type=click.FloatRange(0.5, 3600), help="Seconds, with --watch."
)
@talks
def show(incident: str, count: int, everything: bool, ledger: bool, watch: bool, every: float) -> None:
    """Show an incident, and what to do next.

    Who has it, what is due by which clause, what was missed, what happened.

    \b
    tocsin show INC-42
    tocsin show INC-42 --watch
    tocsin show INC-42 --ledger
    """
    now = session()

    def picture() -> None:
        if ledger:
            _show_ledger(now, incident)
        else:
            _show_incident(now, incident, None if everything else count)

    if not watch:
        picture()
        return
    if now.as_json or not sys.stdout.isatty():
        raise click.UsageError("--watch needs a terminal and no --json.")
    _watch(now.screen, picture, every)


def _watch(screen: Screen, picture: Callable[[], None], every_s: float) -> None:
    try:
        while True:
            screen.refresh()
            picture()
            time.sleep(every_s)
    except KeyboardInterrupt:
        screen.gap()


def _show_incident(now: Session, incident: str, count: int | None) -> None:
    path = f"/api/v1/incidents/{incident}"
    view = now.get(path)
    owed = now.get(f"{path}/deadlines")
    lines = _timeline(now, path, 0 if count is None else max(0, view["size"] - count))
    if now.screen.as_json:
        now.screen.json({"incident": view, **owed, "timeline": lines})
        return
    _head(now.screen, view)
    _objectives(now.screen, view)
    _asked_for(now.screen, view)
    _due(now.screen, owed, count is None)
    if count is not None:
        lines = [line for line in lines if line["event"]["type"] not in _TOLD_BY_OTHERS]
    if lines:
        _happened(now.screen, view, lines)


def _timeline(now: Session, path: str, after: int) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    following: int | None = after
    while following is not None:
        page = now.get(f"{path}/timeline", after=following, limit=_PAGE)
        lines += page["events"]
        following = page["next"]
    return lines


def _head(screen: Screen, view: dict[str, Any]) -> None:
    severity = view["severity"]
    screen.line((view["id"], "bold"), "  ", (severity, severity_style(severity)), "  ", (view["title"], "bold"))
    screen.line(("Next: ", "bold"), (view["next_action"], "bold"))
    if view["resolved_at"] is None and not view["acknowledged"]:
        screen.line((f"tocsin ack {view['id']}", "cyan"), indent=2)
    elif view["resolvable"]:
        screen.line((f"tocsin resolve {view['id']}", "cyan"), indent=2)
    screen.gap()
    rows: list[tuple[Piece, ...]] = [("stage", _stage(view))]
    rows.append(("because", f"{view['because']}  {view['clause']}"))
    rows += _differs(view)
    rows.append(("components", ", ".join(view["components"]) or "–"))
    rows.append(("level", f"{view['level']}" if view["level"] else "none yet"))
    if view["waiting_for"]:
        rows.append((("no answer", "bold red"), (", ".join(view["waiting_for"]), "bold red")))
    rows += [(role.replace("_", " "), person) for role, person in view["roles"].items()]
    if not view["roles"]:
        rows.append(("commander", view["commander"] or ("nobody", "bold red")))
    others = [person for person in view["responders"] if person not in view["roles"].values()]
    if others:
        rows.append(("responders", ", ".join(others)))
    if view["room"]:
        rows.append(("slack", _room(view["room"])))
    if view["bridge_url"]:
        rows.append(("bridge", view["bridge_url"]))
    said = (view["bridge_url"], view["room"]["url"] if view["room"] else "")
    rows += [("look at", f"{link['label']}: {link['url']}") for link in view["links"] if link["url"] not in said]
    rows.append(("alerts", f"{view['firing']} firing"))
    if view["unproven"]:
        rows.append(("unproven", view["unproven"]))
    if view["proof"]["state"] in ("holding", "proven"):
        rows.append(("watch", _proof(view["proof"])))
    screen.table(("", ""), rows, indent=2)


def _proof(proof: dict[str, Any]) -> str:
    held, needed = span(proof["held_for_s"]), span(proof["holds_for_s"])
    since = f"everything has held since {clock_time(proof['began_at'])} UTC"
    return f"{since}, {held} of {needed}" if proof["remaining_s"] else f"{since}: proven"


def _room(room: dict[str, Any]) -> str:
    states = {"failed": "could not be opened", "archived": "archived", "lost": "lost to us: see the timeline"}
    state = next((words for key, words in states.items() if room[key]), "" if room["id"] else "being opened")
    return f"#{room['name']}  {state or room['url']}".rstrip()


def _differs(view: dict[str, Any]) -> list[tuple[Piece, ...]]:
    """Say what the diagnostics found, in a line; the rest is one command away."""
    if not view["summary"]:
        return [("diagnostics", "being gathered")] if view["gathering"] else []
    more = len(view["summary"]) - 1
    rest = f"; {more} more: tocsin diagnose {view['id']} --last" if more else ""
    return [("differs", f"{view['summary'][0]}{rest}")]


def _stage(view: dict[str, Any]) -> str:
    if view["closed"]:
        return "closed"
    opened = clock_time(view["opened_at"], date=True)
    resolved = f", resolved {clock_time(view['resolved_at'], date=True)}" if view["resolved_at"] else ""
    return f"{view['stage']}, opened {opened}{resolved} UTC"


def _objectives(screen: Screen, view: dict[str, Any]) -> None:
    if not view["samples"]:
        return
    screen.gap()
    # A figure is of its instant: while nothing answers, the last ones must not look like those of now.
    measured_at = view["proof"]["measured_at"]
    screen.line(("Objectives", "bold"), f", measured {clock_time(measured_at)} UTC" if measured_at else "")
    rows = [_sample(sample) for sample in view["samples"]]
    screen.table(("", "", ""), rows, wide=1, indent=2)


def _sample(sample: dict[str, Any]) -> tuple[Piece, ...]:
    import msgspec  # noqa: PLC0415

    from tocsin.core.events import Sample  # noqa: PLC0415 - only an incident that is measured needs it.
    from tocsin.core.narration import figure  # noqa: PLC0415
    from tocsin.core.objectives import holds  # noqa: PLC0415
    from tocsin.store.codec import dec_hook  # noqa: PLC0415

    read: Sample = msgspec.convert(sample, Sample, dec_hook=dec_hook)
    verdict: Piece = ("holds", "green") if holds(read) else ("does not hold", "bold red")
    return (read.component, figure(read), verdict)


def _asked_for(screen: Screen, view: dict[str, Any]) -> None:
    """Show the runs, and what is to be typed about the first that waits."""
    if not view["runs"]:
        return
    from tocsin.cli.mitigate import runs_table  # noqa: PLC0415 - most incidents are over without one.

    screen.gap()
    screen.line(("Mitigations", "bold"))
    runs_table(screen, view["runs"])
    waiting = next((run for run in view["runs"] if run["state"] == "waiting"), None)
    if waiting is not None:
        screen.line((f"tocsin approve {view['id']} {waiting['id']}", "cyan"), indent=2)


def _due(screen: Screen, owed: dict[str, Any], everything: bool) -> None:
    deadlines = owed["deadlines"]
    # Of what Tocsin itself owes, only whom it asks again matters to somebody who looks.
    ours = [each for each in deadlines if everything or each["owner"] != "Tocsin" or each["rule"].startswith("page.")]
    shown = ours if everything else ours[:DUE_SHOWN]
    missed = [each for each in owed["promises"] if each["state"] == "missed"]
    if shown:
        screen.gap()
        screen.line(("Due", "bold"))
        screen.table(("", "", "", ""), [_deadline(each) for each in shown], wide=2, indent=2)
        if len(shown) < len(deadlines):
            screen.line((f"and {len(deadlines) - len(shown)} more; --all shows them", "dim"), indent=2)
    if missed:
        screen.gap()
        screen.line(("Missed", "bold"))
        screen.table(("", "", ""), [_promise(each) for each in missed], wide=2, indent=2)


def _deadline(due: dict[str, Any]) -> tuple[Piece, ...]:
    late = due["in_s"] < 0
    style: Style = "bold red" if late else ""
    return ((countdown(due["in_s"]), style), (due["clause"], "dim"), due["title"], due["owner"])


def _promise(promise: dict[str, Any]) -> tuple[Piece, ...]:
    rounds = promise.get("rounds") or 0
    what = f"{promise['title']}, {rounds} times" if rounds > 1 else promise["title"]
    when = f"due {clock_time(promise['due_at'])}"
    if promise["met_at"]:
        when += f", done {clock_time(promise['met_at'])}"
    return (when, (promise["clause"], "dim"), what)


def _happened(screen: Screen, view: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    screen.gap()
    left_out = view["size"] - len(lines)
    screen.line(("Timeline, UTC", "bold"), (f"  {left_out} more; --all shows them" if left_out > 0 else "", "dim"))
    screen.table(("", "", ""), [_line(line) for line in lines], indent=2)


def _line(line: dict[str, Any]) -> tuple[Piece, ...]:
    return ((clock_time(line["at"]), "dim"), (line["clause"], "dim"), line["text"])


def _show_ledger(now: Session, incident: str) -> None:
    ledger = now.get(f"/api/v1/incidents/{incident}/ledger")
    screen = now.screen
    if screen.as_json:
        screen.json(ledger)
        return
    screen.line((f"{incident}: what became of every alert and message", "bold"))
    unaccounted = ledger["unaccounted"]
    screen.line((f"unaccounted: {unaccounted}", "bold red" if unaccounted else "green"), indent=2)
    screen.gap()
    screen.table(("alert", "", "severity", "by", "became"), [_alert(each) for each in ledger["alerts"]], indent=2)
    screen.gap()
    screen.table(
        ("at", "to", "by", "became", "tries", "message"), [_message(each) for each in ledger["messages"]], indent=2
    )


def _alert(alert: dict[str, Any]) -> tuple[Piece, ...]:
    name = alert["labels"].get("alertname") or alert["fingerprint"]
    return (name, alert["status"], alert["severity"], alert["rule"], alert["disposition"])


def _message(entry: dict[str, Any]) -> tuple[Piece, ...]:
    intent = entry["intent"]
    state: Piece = (entry["state"], "bold red") if entry["state"] == "dead" else entry["state"]
    to = intent.get("person") or intent["address"]
    return (
        clock_time(intent["created_at"]),
        to,
        intent["channel"],
        state,
        str(len(entry["attempts"])),
        intent["message"]["subject"],
    )
