"""``tocsin oncall``: who was, is and will be on call (O1, O2, O4), from a server or from a playbook's files alone."""

from pathlib import Path
from typing import Any, Final

import click
from whenever import Instant, TimeDelta

from tocsin.cli import rota
from tocsin.cli.files import compiled
from tocsin.cli.output import clock_time
from tocsin.cli.session import Failed, session, talks
from tocsin.cli.words import instant
from tocsin.engine.clock import SystemClock

_WEEK: Final = TimeDelta(hours=24 * 7)
_zone = click.option("--zone", default="UTC", metavar="ZONE", help="Show times on the clock of this zone.")
_rotation = click.option("--rotation", metavar="ROTATION", help="Only this rotation.")
_person = click.option("--person", metavar="PERSON", help="Only this person's shifts.")


@click.group(invoke_without_command=True)
@click.option(
    "--at", "at", metavar="TIME", help="Another instant: 2026-11-24T03:00Z, or with an offset such as +01:00."
)
@click.option(
    "--playbook", "folder", metavar="FOLDER", help="Ask these files instead of a server. Overrides are unknown."
)
@talks
@click.pass_context
def oncall(ctx: click.Context, at: str | None, folder: str | None) -> None:
    """Who is on call, now or at any time (O4).

    \b
    tocsin oncall
    tocsin oncall --at 2026-11-24T03:00Z
    tocsin oncall --playbook ./our-playbook --at 2027-01-01T00:00Z
    """
    if ctx.invoked_subcommand is not None:
        return
    given = instant(at, "--at") if at else None
    answer = offline(folder, given) if folder else session().get("/api/v1/oncall", at=given and given.format_iso())
    _show(answer)


def offline(folder: str | None, at: Instant | None) -> dict[str, Any]:
    """Answer from a playbook's files what the server's API would, without its overrides."""
    from tocsin.core.oncall import duty  # noqa: PLC0415 - a server is asked more often.
    from tocsin.core.rules import first  # noqa: PLC0415

    rules = compiled(folder)
    asked = at or SystemClock().now()
    now_on = duty(rules.rotations, asked)
    on = {rotation: first(now_on, rotation) for rotation in rules.rotations}
    rows = [
        {
            "rotation": rotation.id,
            "name": rotation.name or rotation.id,
            "person": (person := on[rotation.id]),
            "person_name": rules.people[person].name if person else "nobody",
        }
        for rotation in rules.rotations.values()
    ]
    return {"at": asked.format_iso(), "oncall": rows}


@oncall.command()
@click.option("--weeks", type=click.IntRange(1, 106), default=8, show_default=True, help="How far ahead.")
@click.option("--from", "since", metavar="TIME", help="Beginning at another instant than now.")
@_rotation
@_person
@_zone
@talks
def calendar(weeks: int, since: str | None, rotation: str | None, person: str | None, zone: str) -> None:
    """Who will be on call when, overrides, swaps and gaps marked (O4).

    \b
    tocsin oncall calendar --weeks 8
    tocsin oncall calendar --person ines-moreau --zone Europe/Paris
    """
    begins_at = instant(since, "--from") if since else SystemClock().now()
    rota.show_calendar(_asked(begins_at, begins_at + _WEEK * weeks, rotation, person), zone)


@oncall.command()
@click.option("--weeks", type=click.IntRange(1, 106), default=4, show_default=True, help="How far back.")
@click.option("--until", metavar="TIME", help="Ending at another instant than now.")
@_rotation
@_person
@_zone
@talks
def history(weeks: int, until: str | None, rotation: str | None, person: str | None, zone: str) -> None:
    """Who was on call when, by the playbook in force then (O4).

    \b
    tocsin oncall history --weeks 4
    tocsin oncall history --until 2026-03-01T00:00Z --rotation sre-primary
    """
    ends_at = instant(until, "--until") if until else SystemClock().now()
    rota.show_calendar(_asked(ends_at - _WEEK * weeks, ends_at, rotation, person), zone)


def _asked(since: Instant, until: Instant, rotation: str | None, person: str | None) -> dict[str, Any]:
    # Outward: what began within this very second belongs to it.
    since, until = since.round("second", mode="floor"), until.round("second", mode="ceil")
    span = {"since": since.format_iso(), "until": until.format_iso()}
    answer: dict[str, Any] = session().get("/api/v1/oncall/calendar", **span, rotation=rotation, person=person)
    return answer


@oncall.command()
@click.option("--until", metavar="TIME", help="How far to look; else as the playbook says.")
@talks
def check(until: str | None) -> None:
    """What is wrong with the coming shifts (O4).

    Gaps, double bookings, people without a working contact method. Exit status 1 if anything is wrong.

    \b
    tocsin oncall check
    """
    ends_at = instant(until, "--until").format_iso() if until else None
    answer = session().get("/api/v1/oncall/findings", until=ends_at)
    rota.show_findings(answer)
    if answer["findings"]:
        raise click.exceptions.Exit(1)


@oncall.command()
@click.option("--weeks", type=click.IntRange(1, 53), default=4, show_default=True, help="How many weeks back.")
@talks
def load(weeks: int) -> None:
    """How often all were paged: by week, at night, by rotation (O4).

    \b
    tocsin oncall load --weeks 4
    """
    rota.show_load(session().get("/api/v1/oncall/load", weeks=weeks))


@oncall.command()
@click.argument("person", required=False)
@click.option("--revoke", is_flag=True, help="Make every address of this person worthless instead.")
@talks
def feed(person: str | None, revoke: bool) -> None:
    """Make a secret address for calendar programs (O4). It is shown once.

    \b
    tocsin oncall feed ines-moreau
    tocsin oncall feed ines-moreau --revoke
    """
    screen = session().screen
    if revoke:
        if person is None:
            raise click.UsageError("Say whose addresses: tocsin oncall feed PERSON --revoke")
        answer = session().delete(f"/api/v1/oncall/feeds/{person}")
    else:
        answer = session().post("/api/v1/oncall/feeds", {"person": person})
    if screen.as_json:
        screen.json(answer)
    elif revoke:
        screen.line(f"Addresses of {person} that open nothing any more: {answer['revoked']}.")
    else:
        rota.show_feed(answer)


@oncall.command("import")
@click.argument("rotation")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@talks
def import_calendar(rotation: str, file: Path) -> None:
    """Import a calendar as a rotation's shifts (O4).

    It takes the place of the one imported last.

    The playbook must allow it with "imports: true". An event is somebody's by its attendee or its summary: an id, a
    name or an e-mail address of people.yaml. Where the calendar names nobody, the rotation's people take their turns.

    \b
    tocsin oncall import sre-primary duty.ics
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Failed(f"{file} cannot be read: {error.strerror}") from error
    path = f"/api/v1/oncall/imports/{rotation}"
    answer = session().send(path, content, "text/calendar", source=file.name)
    screen = session().screen
    if screen.as_json:
        screen.json(answer)
    else:
        ends = clock_time(answer["ends_at"], date=True)
        screen.line((f"{answer['shifts']} shifts", "bold"), f" of {rotation} until {ends} UTC")
        screen.line((f"tocsin oncall calendar --rotation {rotation}", "cyan"), indent=2)


def _show(answer: dict[str, Any]) -> None:
    screen = session().screen
    if screen.as_json:
        screen.json(answer)
        return
    screen.line((f"On call at {clock_time(answer['at'], date=True)} UTC", "bold"))
    if not answer.get("known", True):
        screen.line(("No playbook was in force here then; this is what the one in force now says.", "yellow"))
    screen.table(
        ("", "", "", ""),
        [
            (
                (row["person_name"], "" if row["person"] else "bold red"),
                row["name"],
                (row["person"] or "", "dim"),
                (_until(row), "dim"),
            )
            for row in answer["oncall"]
        ],
        indent=2,
    )


def _until(row: dict[str, Any]) -> str:
    ends_at = row.get("ends_at")
    stands_in = f", for {row['instead_of']}" if row.get("instead_of") else ""
    return f"until {rota.short(ends_at, 'UTC')}{stands_in}" if ends_at else stands_in.lstrip(", ")
