"""``tocsin contact`` and ``tocsin readiness``: is a contact method the person's own, and who can be paged now?"""

from typing import Any

import click

from tocsin.cli.output import Piece, clock_time
from tocsin.cli.session import session, talks


@click.group()
def contact() -> None:
    """Confirm contact methods by a code sent the real way (E2).

    \b
    tocsin contact verify ines-moreau phone
    tocsin contact confirm 493817
    """


@contact.command()
@click.argument("person")
@click.argument("method")
@talks
def verify(person: str, method: str) -> None:
    """Send a code to a person's contact method (E2).

    METHOD is its kind, or kind:address where there are several.

    \b
    tocsin contact verify ines-moreau phone
    tocsin contact verify ines-moreau email:ines.moreau@example.org
    """
    screen = session().screen
    sent = session().post("/api/v1/contacts/verify", {"person": person, "method": method})
    if screen.as_json:
        screen.json(sent)
        return
    until = clock_time(sent["code_until"])
    screen.line(
        f"A code is on its way by {sent['kind']} ({sent['channel']}) to {sent['address']}, good until {until} UTC."
    )
    screen.line(("Next: ", "bold"), (f"tocsin contact confirm CODE --person {sent['person']}", "cyan"))


@contact.command()
@click.argument("code")
@click.option("--person", metavar="PERSON", help="Whose; else the token's person. For others a commander's token.")
@talks
def confirm(code: str, person: str | None) -> None:
    """Say the code that arrived (E2). Five wrong ones end it.

    \b
    tocsin contact confirm 493817
    """
    screen = session().screen
    found = session().post("/api/v1/contacts/confirm", {"person": person, "code": code})
    if screen.as_json:
        screen.json(found)
    else:
        screen.line(("Confirmed", "bold green"), f": {found['kind']} {found['address']} of {found['person']}.")


@click.command()
@click.argument("person", required=False)
@talks
def readiness(person: str | None) -> None:
    """Who can be paged now, by two independent routes (E2, E4)?

    A route counts if its channel is set up and works, and the address is confirmed by a code.

    \b
    tocsin readiness
    tocsin readiness ines-moreau
    """
    screen = session().screen
    people = session().get("/api/v1/readiness")["people"]
    if person is not None:
        people = [each for each in people if each["person"] == person]
        if not people:
            raise click.UsageError(f'There is no person "{person}".')
    if screen.as_json:
        screen.json({"people": people})
        return
    screen.table(("", "", ""), [_row(each) for each in people], wide=2)
    for each in people if person is not None else ():
        screen.table(("", "", ""), [_route(route) for route in each["routes"]], wide=2, indent=2)


def _row(each: dict[str, Any]) -> tuple[Piece, ...]:
    verdict: Piece = ("ready", "green") if each["ready"] else ("not ready", "bold red")
    return ((each["person"], "bold"), verdict, each["missing"])


def _route(route: dict[str, Any]) -> tuple[Piece, ...]:
    verdict: Piece = ("relied on", "green") if not route["wrong"] else (route["wrong"], "yellow")
    return (f"{route['kind']} ({route['channel']})", route["address"], verdict)
