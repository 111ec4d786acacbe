"""How the calendar looks on a terminal: one line a shift, short enough for a phone, what is unusual marked in words."""

from collections.abc import Iterable
from typing import Any

import click
from whenever import Instant, TimeZoneNotFoundError

from tocsin.cli.output import Piece, Screen, Style, clock_time
from tocsin.cli.session import session

_MARKS = {"override": "override", "swap": "swap", "away": "stands in", "calendar": "imported"}


def short(at: str, zone: str) -> str:
    """Say an instant as a calendar does: ``Mon 30 Nov 00:00``."""
    local = Instant.parse_iso(at).to_tz(zone)
    day = local.date()
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[day.month - 1]
    weekday = day.day_of_week().name.title()[:3]
    return f"{weekday} {day.day:2} {month} {local.hour:02}:{local.minute:02}"


def show_calendar(answer: dict[str, Any], zone: str) -> None:
    """Write a calendar, rotation by rotation."""
    screen = session().screen
    if screen.as_json:
        screen.json(answer)
        return
    _check(zone)
    span = f"{clock_time(answer['since'], date=True)[:10]} to {clock_time(answer['until'], date=True)[:10]}"
    screen.line((f"On call {span}", "bold"), f", times in {zone}")
    _say_what_is_not_known(screen, answer)
    rows: dict[str, list[dict[str, Any]]] = {}
    for each in (*answer["shifts"], *answer["gaps"]):
        rows.setdefault(each["rotation"], []).append(each)
    for rotation, found in rows.items():
        screen.gap()
        screen.line((answer["names"].get(rotation, rotation), "bold"), (f"  {rotation}", "dim"))
        found.sort(key=lambda each: (each["starts_at"], "missing" in each))
        screen.table(("", "", ""), [_row(each, answer["names"], zone) for each in found], indent=2)
    if not rows:
        screen.line("Nobody is on call.")


def _check(zone: str) -> None:
    try:
        Instant.from_utc(2026, 1, 1).to_tz(zone)
    except (TimeZoneNotFoundError, ValueError) as error:
        raise click.BadParameter(f'"{zone}" is no zone. Write Europe/Berlin.', param_hint="--zone") from error


def _say_what_is_not_known(screen: Screen, answer: dict[str, Any]) -> None:
    known = answer.get("known_since")
    if known is None:
        screen.line(("No playbook has been in force here yet.", "yellow"))
    elif Instant.parse_iso(known) > Instant.parse_iso(answer["since"]):
        screen.line((f"Before {clock_time(known, date=True)} UTC no playbook was in force here.", "yellow"))


def _row(each: dict[str, Any], names: dict[str, str], zone: str) -> list[Piece]:
    span = f"{short(each['starts_at'], zone)} – {short(each['ends_at'], zone)}"
    if "missing" in each:
        return [span, (f"NOBODY ({each['missing']} missing)", "bold red"), ""]
    mark = _MARKS.get(each.get("because", "turn"), "")
    instead_of = each.get("instead_of")
    said = f"{mark} for {names.get(instead_of, instead_of)}" if instead_of else mark
    style: Style = "yellow" if said else ""
    return [span, names.get(each["person"], each["person"]), (said, style)]


def show_findings(answer: dict[str, Any]) -> None:
    """Write what is wrong with the calendar."""
    screen = session().screen
    if screen.as_json:
        screen.json(answer)
        return
    until = clock_time(answer["until"], date=True)
    if not answer["findings"]:
        screen.line(("Nothing is wrong", "green"), f" until {until} UTC.")
    say_warnings(screen, answer["findings"])


def say_warnings(screen: Screen, findings: Iterable[dict[str, Any]]) -> None:
    """Write findings, each with what to do."""
    for each in findings:
        screen.line((f"{each['text'][:1].upper()}{each['text'][1:]}.", "yellow"))
        screen.line((each["remedy"], "cyan"), indent=2)


def show_load(answer: dict[str, Any]) -> None:
    """Write what the last weeks asked of everybody, the latest week first."""
    screen = session().screen
    if screen.as_json:
        screen.json(answer)
        return
    since, until = (clock_time(answer[key], date=True)[:10] for key in ("since", "until"))
    screen.line((f"Pages {since} to {until}", "bold"), ", by week, the latest first; nights on the person's own clock")
    if not answer["complete"]:
        screen.line(("There were more pages than are counted at once; ask for fewer weeks.", "yellow"))
    screen.table(
        ("", "pages", "at night", "by week", "nights", "rotations"),
        [
            [
                each["name"],
                str(each["pages"]),
                str(each["at_night"]),
                " ".join(str(week["pages"]) for week in each["weeks"]),
                " ".join(str(week["nights"]) for week in each["weeks"]),
                ", ".join(f"{name or 'not on call'} {count}" for name, count in each["rotations"].items()),
            ]
            for each in answer["people"]
        ],
        indent=2,
    )
    for warning in answer["warnings"]:
        screen.line((warning, "yellow"))


def show_feed(answer: dict[str, Any]) -> None:
    """Write a secret calendar address."""
    screen = session().screen
    screen.line("Whoever has this address sees who is on call. It is shown this once.")
    screen.line(("own shifts  ", "dim"), answer["me"], indent=2)
    screen.line(("everybody   ", "dim"), answer["all"], indent=2)
    screen.line(("one rotation", "dim"), f" {next(iter(answer['rotations'].values()), '–')}", indent=2)
    screen.line(("end it with ", "dim"), (f"tocsin oncall feed {answer['person']} --revoke", "cyan"), indent=2)
