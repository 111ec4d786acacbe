"""``tocsin watch``: one incident on one screen until it is resolved; through a pipe, its timeline as it grows."""

import time
from typing import Any, Final

import click

from tocsin.cli.mitigate import runs_table
from tocsin.cli.output import Piece, Screen, Style, clock_time, countdown, severity_style
from tocsin.cli.session import INCIDENT, Session, session, talks

_DUE: Final = 4
_LINES: Final = 6
_RUNS: Final = 5
_PAGE: Final = 200
_QUIET: Final = {"step_taken", "page_delivered", "objectives_measured"}


@click.command()
@click.argument("incident", type=INCIDENT)
@click.option("--every", default=2.0, show_default=True, type=click.FloatRange(0.2, 3600), help="Seconds.")
@talks
def watch(incident: str, every: float) -> None:
    """Watch an incident until it is resolved (V1, V2).

    Stage, figures against objectives, what is due, what runs. On a terminal one screen, shown again and again; through
    a pipe the timeline as it grows, with --json a line each.

    \b
    tocsin watch INC-42
    """
    now = session()
    try:
        _screenful(now, incident, every) if now.screen.is_terminal and not now.as_json else _roll(now, incident, every)
    except KeyboardInterrupt:
        now.screen.gap()


def _screenful(now: Session, incident: str, every_s: float) -> None:
    path = f"/api/v1/incidents/{incident}"
    while True:
        view, owed = now.get(path), now.get(f"{path}/deadlines")["deadlines"]
        lines = now.get(f"{path}/timeline", after=max(0, view["size"] - _PAGE), limit=_PAGE)["events"]
        now.screen.refresh()
        picture(now.screen, view, owed, lines)
        if view["resolved_at"]:
            return
        time.sleep(every_s)


def picture(screen: Screen, view: dict[str, Any], owed: list[dict[str, Any]], lines: list[dict[str, Any]]) -> None:
    """Show how an incident stands, in at most a screenful of 80 columns."""
    severity = view["severity"]
    held = f"  held since {clock_time(view['window_began_at'])}" if view["window_began_at"] else ""
    screen.line((view["id"], "bold"), "  ", (severity, severity_style(severity)), "  ", (view["title"], "bold"))
    screen.line(f"{view['stage']}, {view['commander'] or 'nobody'} commands, {view['firing']} alerts firing{held}")
    screen.line(("Next: ", "bold"), (view["next_action"], "bold"))
    if view["samples"]:
        screen.gap()
        screen.line((f"measured {clock_time(view['proof']['measured_at'])} UTC", "dim"))
        screen.table(("", ""), [_figure(sample) for sample in view["samples"]], wide=1)
    if view["runs"]:
        screen.gap()
        runs_table(screen, view["runs"][-_RUNS:])
    ours = [each for each in owed if each["owner"] != "Tocsin"][:_DUE]
    if ours:
        screen.gap()
        screen.table(("", "", ""), [_owed(each) for each in ours], wide=1, indent=2)
    told = [line for line in lines if line["event"]["type"] not in _QUIET][-_LINES:]
    if told:
        screen.gap()
        screen.table(("", ""), [((clock_time(line["at"]), "dim"), line["text"]) for line in told], indent=2)


def _figure(sample: dict[str, Any]) -> tuple[Piece, ...]:
    import msgspec  # noqa: PLC0415 - only what is measured needs it.

    from tocsin.core.events import Sample  # noqa: PLC0415
    from tocsin.core.narration import figure  # noqa: PLC0415
    from tocsin.core.objectives import holds  # noqa: PLC0415

    read = msgspec.convert(sample, Sample)
    good = holds(read)
    word: Style = "green" if good else "bold red"
    return (("holds" if good else "misses", word), figure(read))


def _owed(due: dict[str, Any]) -> tuple[Piece, ...]:
    late: Style = "bold red" if due["in_s"] < 0 else ""
    return ((countdown(due["in_s"]), late), due["title"], due["owner"])


def _roll(now: Session, incident: str, every_s: float) -> None:
    path, told = f"/api/v1/incidents/{incident}", 0
    while True:
        view = now.get(path)
        while told < view["size"]:
            lines = now.get(f"{path}/timeline", after=told, limit=_PAGE)["events"]
            told += len(lines)
            for line in lines:
                _say(now.screen, line)
        if view["resolved_at"]:
            return
        time.sleep(every_s)


def _say(screen: Screen, line: dict[str, Any]) -> None:
    if screen.as_json:
        screen.json(line)
    elif line["event"]["type"] not in _QUIET:
        screen.line(clock_time(line["at"]), f"  {line['clause']:<3}", f"  {line['text']}")
