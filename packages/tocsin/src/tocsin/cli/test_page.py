"""``tocsin test-page``: does a page really reach this person, by which methods, and how fast?"""

import time
from typing import Any

import click

from tocsin.cli.output import Piece, Screen, span
from tocsin.cli.session import session, talks

_ASKS_EVERY_S = 0.5


@click.command("test-page")
@click.argument("person")
@click.option("--wait", default=30.0, show_default=True, type=click.FloatRange(0, 3600), help="Seconds for an answer.")
@talks
def test_page(person: str, wait: float) -> None:
    """Send somebody a test page the real way, and say how it went.

    It goes by every contact method at once, is marked as a test, asks nobody else, and counts in no figure. Ask again
    to see how the one stands that still waits for its answer.

    \b
    tocsin test-page ines-moreau
    tocsin test-page ines-moreau --wait 120
    """
    now = session()
    view = now.post("/api/v1/test-pages", {"person": person})
    until = time.monotonic() + wait
    while _goes_on(view) and time.monotonic() < until:
        time.sleep(_ASKS_EVERY_S)
        view = now.get(f"/api/v1/test-pages/{view['id']}")
    if now.screen.as_json:
        now.screen.json(view)
    else:
        _show(now.screen, view)


def _goes_on(view: dict[str, Any]) -> bool:
    return not view["outcome"]


def _show(screen: Screen, view: dict[str, Any]) -> None:
    screen.line((view["id"], "bold"), f"  test page to {view['person']}")
    screen.table(("by", "to", "became", "after", ""), [_method(each) for each in view["methods"]], indent=2)
    if view["answered_at"]:
        via = f" by {view['answered_via']}" if view["answered_via"] else ""
        screen.line((f"Answered{via} after {span(view['answered_after_s'])}.", "bold green"))
    elif view["outcome"]:
        screen.line(("Nobody answered.", "bold red"))
    else:
        screen.line(("No answer yet.", "yellow"), f" It goes on waiting: tocsin test-page {view['person']}")


def _method(each: dict[str, Any]) -> tuple[Piece, ...]:
    state: Piece = (each["state"], "bold red") if each["state"] == "dead" else each["state"]
    after = f"{each['after_s']:.1f} s" if each["after_s"] is not None else "–"
    return (f"{each['kind']} ({each['channel']})", each["address"], state, after, each["detail"])
