"""``tocsin diagnose``: gather what the diagnostics say, and show it: what differs first, then each with its answer."""

import time
from typing import Any, Final

import click

from tocsin.cli.output import Piece, Screen, clock_time, span
from tocsin.cli.session import INCIDENT, Failed, Session, session, talks

PATIENCE_S: Final = 180.0
"""How long the command waits. The playbook gives the diagnostics two minutes, and others may be looked at first."""

ASKS_EVERY_S: Final = 0.5

_ENDED: Final[dict[str, Piece]] = {
    "answered": ("ok", "green"),
    "link": "–",
    "failed": ("failed", "bold red"),
    "timed_out": ("no answer", "bold red"),
    "unavailable": ("unreachable", "yellow"),
    "refused": ("not allowed", "yellow"),
}


@click.command()
@click.argument("incident", type=INCIDENT)
@click.option("--only", multiple=True, metavar="NAME", help="Only this one, such as agent-booster.logs; repeatable.")
@click.option("--last", is_flag=True, help="Show what was gathered last; gather nothing.")
@click.option("--full", is_flag=True, help="With the outputs.")
@click.option("--by", metavar="PERSON", help="In whose name; a commander's token may say so.")
@talks
def diagnose(incident: str, only: tuple[str, ...], last: bool, full: bool, by: str | None) -> None:
    """Gather diagnostics now, and show what differs (M2, D3).

    What differs from the last healthy hour comes first. Nothing is changed by looking.

    \b
    tocsin diagnose INC-42
    tocsin diagnose INC-42 --only agent-booster.logs --full
    tocsin diagnose INC-42 --last
    """
    now = session()
    run = _last(now, incident) if last else _gathered(now, incident, only, by)
    digests = [each["digest"] for each in run["results"] if each.get("digest")] if full else []
    outputs = {digest: now.text(f"/api/v1/attachments/{digest}") for digest in digests}
    if now.screen.as_json:
        now.screen.json({**run, "outputs": outputs} if full else run)
        return
    _show(now.screen, run, outputs)


def _last(now: Session, incident: str) -> dict[str, Any]:
    runs = _runs(now, incident)
    ended = next((run for run in runs if run["ended_at"]), None)
    if ended is None:
        what = "is under way still" if runs else "was never begun"
        raise Failed(f"nothing was gathered for {incident}: it {what}", f"Gather now: tocsin diagnose {incident}")
    return ended


def _gathered(now: Session, incident: str, only: tuple[str, ...], by: str | None) -> dict[str, Any]:
    """Ask for it and wait. If the same is being gathered already, that is waited for."""
    before = {run["gathering"] for run in _runs(now, incident) if run["ended_at"]}
    now.post(f"/api/v1/incidents/{incident}/diagnose", {"only": list(only), "by": by})
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        fresh = [run for run in _runs(now, incident) if run["gathering"] not in before]
        if fresh and all(run["ended_at"] for run in fresh):
            return fresh[0]
        time.sleep(ASKS_EVERY_S)
    raise Failed(
        f"the diagnostics of {incident} have not ended within {PATIENCE_S:.0f} s",
        f"They go on. Look again: tocsin diagnose {incident} --last",
    )


def _runs(now: Session, incident: str) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = now.get(f"/api/v1/incidents/{incident}/diagnostics")["runs"]
    return runs


def _show(screen: Screen, run: dict[str, Any], outputs: dict[str, str]) -> None:
    answered = [each for each in run["results"] if each["ending"] == "answered"]
    asked = [each for each in run["results"] if each["ending"] != "link"]
    at = clock_time(run["ended_at"])
    screen.line((f"{len(answered)} of {len(asked)} diagnostics answered", "bold"), (f"  {at} UTC", "dim"))
    for place, line in enumerate(run["summary"]):
        screen.line((f"• {line}", "bold" if place == 0 else ""), indent=2)
    if not run["summary"]:
        screen.line(("Nothing differs from the last healthy hour.", "green"), indent=2)
    for each in run["results"]:
        screen.gap()
        _show_one(screen, each)
        for line in outputs.get(each.get("digest") or "", "").splitlines():
            screen.line((line, "dim"), indent=4)


def _show_one(screen: Screen, result: dict[str, Any]) -> None:
    took = result.get("took_s", 0.0)
    timed = f"  {took:.1f} s" if took < 60 else f"  {span(took)}"
    ended = _ENDED.get(result["ending"], result["ending"])
    screen.line((result["title"], "bold"), "  ", ended, (timed if result["ending"] != "link" else "", "dim"))
    if result.get("said"):
        screen.line(result["said"], indent=2)
    if result.get("line") and result["ending"] != "link":
        screen.line((f"$ {result['line']}", "dim"), indent=2)
