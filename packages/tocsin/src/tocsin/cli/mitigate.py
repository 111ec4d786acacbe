"""What could be done, and having it done: suggestions, proposals, approvals (M3, M4).

Before anybody signs anything, they see to the letter what would run, on what, in which state it was found.
"""

import sys
import time
from collections.abc import Mapping
from typing import Any, Final

import click

from tocsin.cli.output import Piece, Screen, Style, clock_time
from tocsin.cli.session import INCIDENT, Failed, Session, session, talks

RISKS: Final[Mapping[str, Style]] = {"low": "", "medium": "yellow", "high": "bold red"}
STATES: Final[Mapping[str, Style]] = {"waiting": "bold", "running": "bold", "rejected": "dim", "withdrawn": "dim"}
OUTCOMES: Final[Mapping[str, Style]] = {
    "succeeded": "green",
    "failed": "bold red",
    "unknown": "bold red",
    "not_run": "yellow",
}
_LOOKS_EVERY_S: Final = 0.4
_OUTPUT_LINES: Final = 40

_incident = click.argument("incident", type=INCIDENT)
_run = click.argument("run", metavar="RUN")
_reason = click.option("--reason", default="", help="Why; the timeline keeps it.")


@click.command()
@_incident
@click.option("--all", "everything", is_flag=True, help="What only reads too.")
@talks
def actions(incident: str, everything: bool) -> None:
    """Show what could be done, the likeliest to help first (M3).

    What fits the failure that is seen comes first; among those, what helped before on this component.

    \b
    tocsin actions INC-42
    tocsin mitigate INC-42 agent-booster.undo
    """
    now = session()
    offered = now.get(f"/api/v1/incidents/{incident}/actions")["actions"]
    if now.screen.as_json:
        now.screen.json({"actions": offered})
        return
    shown = [each for each in offered if everything or each["changes"]]
    if not shown:
        now.screen.line("The playbook has no mitigation for this; --all shows what looks.")
    for place, each in enumerate(shown, start=1):
        _offer(now.screen, place, each)


def _offer(screen: Screen, place: int, action: dict[str, Any]) -> None:
    record = action["record"]
    helped = f"helped {record['helped']} of {record['tried']} times" if record["tried"] else "not tried before"
    fits = f"for: {'; '.join(action['fits'])}" if action["fits"] else ""
    people = {0: "no approval", 1: "1 approval", 2: "2 approvals"}[action["approvals"]]
    screen.line((f"{place}. {action['action']}", "bold"), f"  {action['title']}")
    screen.line((f"{action['risk']} risk", RISKS[action["risk"]]), f", {people}, {helped}", indent=3)
    if action["expects"]:
        screen.line(f"expected: {action['expects']}", indent=3)
    if fits:
        screen.line((fits, "green"), indent=3)
    if action["shown"]:
        screen.line((action["shown"], "cyan"), indent=3)
    for parameter in action["parameters"]:
        screen.line((f"{parameter['name']}={_takes(parameter)}", "dim"), indent=3)


def _takes(parameter: dict[str, Any]) -> str:
    default = f", {parameter['default']} if left out" if parameter.get("default") else ""
    bounds = [f"from {parameter['minimum']}" if parameter.get("minimum") else ""]
    bounds.append(f"to {parameter['maximum']}" if parameter.get("maximum") else "")
    choices = "|".join(parameter.get("choices") or ())
    return " ".join(word for word in (choices or parameter["kind"], *bounds) if word) + default


@click.command()
@_incident
@click.argument("action")
@click.argument("values", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--dry-run", is_flag=True, help="Only look: what would run, and what the target says to it.")
@click.option("--by", metavar="PERSON", help="In whose name; a commander's token may say so.")
@talks
def mitigate(incident: str, action: str, values: tuple[str, ...], dry_run: bool, by: str | None) -> None:
    """Ask for an action of the playbook (M3). It runs when the commander has approved it (M4).

    What only reads runs at once. "undo" is enough where one component of the incident has it.

    \b
    tocsin mitigate INC-42 undo --dry-run
    tocsin mitigate INC-42 agent-booster.scale replicas=6
    """
    now = session()
    path = f"/api/v1/incidents/{incident}"
    named = _named(now, path, action)
    body = {"action": named, "values": _values(values), "dry_run": dry_run, "by": by}
    answer = now.post(f"{path}/mitigations", body)
    if now.screen.as_json:
        now.screen.json(answer)
    elif dry_run:
        _rehearsal(now.screen, answer["rehearsal"])
    elif answer["run"]["state"] in ("ready", "running"):
        _follow(now, incident, answer["run"]["id"])
    else:
        _proposal(now.screen, incident, answer["run"])


def _named(now: Session, path: str, action: str) -> str:
    """Answer an action's full name; the last part is enough if it is the only one."""
    if "." in action:
        return action
    known = [each["action"] for each in now.get(f"{path}/actions")["actions"]]
    found = [each for each in known if each.rpartition(".")[2] == action]
    if len(found) == 1:
        return str(found[0])
    choices = ", ".join(found or known)
    raise Failed(f'"{action}" is {"several actions" if found else "no action"} here', f"Name one of {choices}.")


def _values(given: tuple[str, ...]) -> dict[str, str | None]:
    values: dict[str, str | None] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise click.UsageError(f'"{each}" is no value. Write it as name=value; name= alone leaves it out.')
        values[name] = value or None
    return values


def _rehearsal(screen: Screen, tried: dict[str, Any]) -> None:
    screen.line(("Would run: ", "bold"), (tried["shown"], "cyan"))
    _state(screen, tried["before"])
    style: Style = "green" if tried["status"] == "succeeded" else "bold red"
    screen.line("Dry run: ", (tried["status"], style))
    _output(screen, tried["output"])
    if tried["remedy"]:
        screen.line(tried["remedy"], indent=2)


def _proposal(screen: Screen, incident: str, run: dict[str, Any]) -> None:
    describe(screen, run)
    screen.line(("Next: ", "bold"), (f"{_waits(run)}: ", "bold"), (f"tocsin approve {incident} {run['id']}", "cyan"))


def _waits(run: dict[str, Any]) -> str:
    asked = ", ".join(run["waits_for"]) or "nobody, for nobody commands"
    return f"it waits for {asked}, until {clock_time(run['expires_at'])} UTC"


def describe(screen: Screen, run: dict[str, Any]) -> None:
    """Show to the letter what would run, on what, and in which state that was found."""
    asked = run["asked_by"] or "Tocsin"
    undoes = f", takes {run['undoes']} back" if run["undoes"] else ""
    screen.line((f"{run['id']}  {run['title']}", "bold"), f"  asked for by {asked}{undoes}")
    screen.line((run["shown"], "cyan"), indent=2)
    rows: list[tuple[Piece, ...]] = [
        ("target", f"{run['target']}, {run['component']}"),
        ("risk", (run["risk"], RISKS[run["risk"]])),
    ]
    if run["expects"]:
        rows.append(("expected", run["expects"]))
    rows.append(("approvals", f"{len(run['approvals'])} of {run['needs']}" + _signed(run)))
    rows.append(("good until", f"{clock_time(run['expires_at'])} UTC"))
    rows.append(("signs", run["digest"][:16] + "…"))
    screen.table(("", ""), rows, indent=2)
    _state(screen, run["before"])


def _signed(run: dict[str, Any]) -> str:
    people = ", ".join(f"{each['person']} ({each['authority']})" for each in run["approvals"])
    return f": {people}" if people else ""


def _state(screen: Screen, before: dict[str, str]) -> None:
    if before:
        screen.line(("state before: ", "dim"), "; ".join(f"{name} {value}" for name, value in before.items()), indent=2)


def _output(screen: Screen, output: str) -> None:
    for line in output.strip().splitlines()[-_OUTPUT_LINES:]:
        screen.line((line, "dim"), indent=2)


@click.command()
@_incident
@_run
@click.option("--yes", is_flag=True, help="Do not ask; what it is now is what is approved.")
@click.option("--digest", default="", help="Approve only if this is what would run: the digest that was shown.")
@click.option("--no-wait", is_flag=True, help="Do not wait for its end.")
@talks
def approve(incident: str, run: str, yes: bool, digest: str, no_wait: bool) -> None:
    """Approve what waits, as commander or their delegate (M4).

    Shows exactly what will run and asks. The token must be your own: nobody signs for another.

    \b
    tocsin approve INC-42 R1
    """
    now = session()
    found = _found(now, incident, run)
    if not now.screen.as_json:
        describe(now.screen, found)
    if not yes and not digest:
        _confirm(now, found)
    path = f"/api/v1/incidents/{incident}/mitigations/{found['id']}/approve"
    answer = now.post(path, {"digest": digest or found["digest"]})
    after = next(each for each in answer["incident"]["runs"] if each["id"] == found["id"])
    if after["state"] == "waiting" or no_wait:
        _told(now, answer, _waits(after) if after["state"] == "waiting" else "")
    else:
        _follow(now, incident, found["id"])


def _found(now: Session, incident: str, run: str) -> dict[str, Any]:
    found: dict[str, Any] = now.get(f"/api/v1/incidents/{incident}/mitigations/{run.upper()}")
    return found


def _confirm(now: Session, run: dict[str, Any]) -> None:
    if now.screen.as_json or not sys.stdin.isatty():
        raise Failed(
            f"{run['id']} was not approved: there is no terminal to ask at",
            f"Look at what it is, then give --digest {run['digest']}",
        )
    if not click.confirm(f"Approve {run['id']}?", default=False):
        raise Failed(f"{run['id']} was not approved", "Say no for good with `tocsin reject`.")


def _told(now: Session, answer: dict[str, Any], then: str = "") -> None:
    if now.screen.as_json:
        now.screen.json(answer)
        return
    if not answer["events"]:
        now.screen.line("Nothing changed: it is so already.")
    for line in answer["events"]:
        now.screen.line((clock_time(line["at"]), "dim"), f"  {line['text']}", (f"  {line['clause']}", "dim"))
    now.screen.line(("Next: ", "bold"), (then or answer["incident"]["next_action"], "bold"))


def _follow(now: Session, incident: str, run: str) -> None:
    """Wait for the end of a run and say what became of it. Leaving does not end it."""
    said = ""
    try:
        while True:
            found = _found(now, incident, run)
            if found["state"] not in ("ready", "running"):
                break
            if found["state"] != said and not now.screen.as_json:
                said = found["state"]
                words = {"ready": "looking at the state once more", "running": "running"}
                now.screen.line((f"{run}: {words[said]} …", "dim"))
            time.sleep(_LOOKS_EVERY_S)
    except KeyboardInterrupt:
        now.screen.line(f"It goes on without you: tocsin watch {incident}")
        return
    if now.screen.as_json:
        now.screen.json(found)
    else:
        _outcome(now.screen, found)
    if found["outcome"] in ("failed", "unknown", "not_run"):
        raise click.exceptions.Exit(1)


def _outcome(screen: Screen, run: dict[str, Any]) -> None:
    _output(screen, run["output"])
    outcome = run["outcome"] or run["state"]
    status = f", exit status {run['exit_status']}" if run["exit_status"] is not None else ""
    why = f": {run['why']}" if run["why"] else ""
    screen.line((f"{run['id']} {outcome.replace('_', ' ')}{status}{why}", OUTCOMES.get(outcome, "")))
    if run["remedy"]:
        screen.line(run["remedy"], indent=2)
    if outcome == "succeeded" and run["changes"]:
        screen.line("The objectives say in a few minutes whether it helped (M5).", indent=2)


@click.command()
@_incident
@_run
@_reason
@talks
def reject(incident: str, run: str, reason: str) -> None:
    """Say no to what waits for approval (M4).

    Who may approve it may reject it.

    \b
    tocsin reject INC-42 R1 --reason "the schema has changed since"
    """
    now = session()
    _told(now, now.post(f"/api/v1/incidents/{incident}/mitigations/{run.upper()}/reject", {"reason": reason}))


@click.command()
@_incident
@_run
@_reason
@talks
def withdraw(incident: str, run: str, reason: str) -> None:
    """Take back what you asked for, if it has not begun (M4).

    \b
    tocsin withdraw INC-42 R1 --reason "meant the other deployment"
    """
    now = session()
    _told(now, now.post(f"/api/v1/incidents/{incident}/mitigations/{run.upper()}/cancel", {"reason": reason}))


@click.command()
@_incident
@click.argument("person", required=False)
@click.option("--nobody", is_flag=True, help="Take the delegation back.")
@talks
def delegate(incident: str, person: str | None, nobody: bool) -> None:
    """Let somebody approve in your stead while you command (M4).

    It ends when you hand the command over.

    \b
    tocsin delegate INC-42 mara-lindqvist
    tocsin delegate INC-42 --nobody
    """
    if (person is None) is not nobody:
        raise click.UsageError("Name one person, or give --nobody.")
    now = session()
    _told(now, now.post(f"/api/v1/incidents/{incident}/delegate", {"person": person}))


def runs_table(screen: Screen, runs: list[dict[str, Any]]) -> None:
    """Show runs in a few columns: what each is, how far it has come, what it waits for or did."""
    rows = [(_id(run), _state_of(run), run["title"], _came_to(run)) for run in runs]
    screen.table(("", "", "", ""), rows, wide=3, indent=2)


def _id(run: dict[str, Any]) -> Piece:
    return (run["id"], "bold")


def _state_of(run: dict[str, Any]) -> Piece:
    word = run["outcome"] if run["state"] == "ended" else run["state"]
    return (word.replace("_", " "), OUTCOMES.get(word) or STATES.get(word, ""))


def _came_to(run: dict[str, Any]) -> str:
    if run["state"] == "waiting":
        return f"for {', '.join(run['waits_for']) or 'a commander'}, until {clock_time(run['expires_at'])}"
    if run["state"] == "ended":
        return run["verdict"] or run["why"] or "not judged yet"
    return str(run["reason"] or run["why"])
