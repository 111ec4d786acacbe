"""``tocsin silence``: keep matching alerts from opening incidents for a while, with an author, a reason and an end."""

import re
from typing import Any

import click

from tocsin.cli.output import Screen, clock_time
from tocsin.cli.session import session, talks
from tocsin.cli.words import duration, instant

_MATCHER = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_:]*)\s*(=~|!~|!=|=)(.*)", re.DOTALL)


@click.group()
def silence() -> None:
    """Keep alerts quiet for a while, with a reason and an end."""


@silence.command()
@click.argument("matchers", nargs=-1, required=True, metavar="MATCHER...")
@click.option("--for", "lasts", metavar="SPAN", help="How long: 90m, 1h30m, 2d.")
@click.option("--until", "until", metavar="TIME", help="Or until when: 2026-11-24T06:00Z.")
@click.option("--from", "since", metavar="TIME", help="Beginning later than now.")
@click.option("--maintenance", is_flag=True, help="A maintenance window: planned work, not noise.")
@click.option("--reason", required=True, help="Why; it stands beside every alert that it covers.")
@talks
def add(
    matchers: tuple[str, ...], lasts: str | None, until: str | None, since: str | None, maintenance: bool, reason: str
) -> None:
    """Silence the alerts that all the matchers fit.

    A MATCHER is label=value, label!=value, label=~regex or label!~regex. The alerts are still taken in and kept;
    when it ends, those that still fire open incidents.

    \b
    tocsin silence add component=agentdb --for 2h --maintenance --reason "index rebuild"
    tocsin silence add alertname=~Latency.* region=eu --until 2026-11-24T06:00Z --reason "known, PM-12"
    """
    if (lasts is None) == (until is None):
        raise click.UsageError("Say when it ends: one of --for and --until.")
    body: dict[str, object] = {
        "matchers": [matcher(text) for text in matchers],
        "starts_at": instant(since, "--from").format_iso() if since else None,
        "ends_at": instant(until, "--until").format_iso() if until else None,
        "for": duration(lasts, "--for").format_iso() if lasts else None,
        "kind": "maintenance" if maintenance else "silence",
        "reason": reason,
    }
    kept = session().post("/api/v1/silences", body)
    screen = session().screen
    if screen.as_json:
        screen.json(kept)
    else:
        screen.line((kept["id"], "bold"), f"  {_matched(kept)}  until {clock_time(kept['ends_at'], date=True)} UTC")
        screen.line((f"tocsin silence end {kept['id']}", "cyan"), indent=2)


@silence.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that are over, too.")
@talks
def list_silences(everything: bool) -> None:
    """List the silences that are not over.

    \b
    tocsin silence list
    """
    found = session().get("/api/v1/silences", all=everything or None)["silences"]
    screen = session().screen
    if screen.as_json:
        screen.json({"silences": found})
    elif not found:
        screen.line("No silence.")
    else:
        for each in found:
            _show(screen, each)


@silence.command()
@click.argument("silence_id", metavar="ID")
@talks
def end(silence_id: str) -> None:
    """End a silence early. Alerts that still fire open incidents within a minute.

    \b
    tocsin silence end SIL-0f3a9c1b22
    """
    answer = session().delete(f"/api/v1/silences/{silence_id}")
    screen = session().screen
    if screen.as_json:
        screen.json(answer or {"ended": silence_id})
    else:
        screen.line(f"{silence_id} has ended.")


def matcher(text: str) -> dict[str, object]:
    """Read one matcher, as Alertmanager writes them; quotes around the value are taken off."""
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise click.BadParameter(f'"{text}" is no matcher. Write label=value or label=~regex.', param_hint="MATCHER")
    label, sign, value = found[1], found[2], found[3].strip()
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    return {"label": label, "value": value, "is_regex": "~" in sign, "is_equal": not sign.startswith("!")}


def _matched(kept: dict[str, Any]) -> str:
    return " ".join(_written(each) for each in kept["matchers"])


def _written(each: dict[str, Any]) -> str:
    sign = ("=" if each.get("is_equal", True) else "!") + ("~" if each.get("is_regex") else "")
    return f"{each['label']}{'!=' if sign == '!' else sign}{each['value']}"


def _show(screen: Screen, kept: dict[str, Any]) -> None:
    since, until = clock_time(kept["starts_at"], date=True), clock_time(_end(kept), date=True)
    screen.line((kept["id"], "bold"), f"  {kept['kind']} by {kept['author']}, {since} to {until} UTC")
    screen.line(_matched(kept), indent=2)
    screen.line((kept["reason"], "dim"), indent=2)


def _end(kept: dict[str, Any]) -> str:
    """Answer when it ends or has ended."""
    return str(kept.get("ended_early_at") or kept["ends_at"])
