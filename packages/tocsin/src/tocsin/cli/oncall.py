"""``tocsin oncall``: who is on call (O1, O2, O4), from a server or from a playbook's files alone."""

from typing import Any

import click
from whenever import Instant

from tocsin.cli.files import compiled
from tocsin.cli.output import clock_time
from tocsin.cli.session import session, talks
from tocsin.cli.words import instant
from tocsin.engine.clock import SystemClock


@click.command()
@click.option(
    "--at", "at", metavar="TIME", help="Another instant: 2026-11-24T03:00Z, or with an offset such as +01:00."
)
@click.option(
    "--playbook", "folder", metavar="FOLDER", help="Ask these files instead of a server. Overrides are unknown."
)
@talks
def oncall(at: str | None, folder: str | None) -> None:
    """Who is on call, now or at any time (O4).

    \b
    tocsin oncall
    tocsin oncall --at 2026-11-24T03:00Z
    tocsin oncall --playbook ./our-playbook --at 2027-01-01T00:00Z
    """
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


def _show(answer: dict[str, Any]) -> None:
    screen = session().screen
    if screen.as_json:
        screen.json(answer)
        return
    screen.line((f"On call at {clock_time(answer['at'], date=True)} UTC", "bold"))
    screen.table(
        ("", "", ""),
        [
            ((row["person_name"], "" if row["person"] else "bold red"), row["name"], (row["person"] or "", "dim"))
            for row in answer["oncall"]
        ],
        indent=2,
    )
