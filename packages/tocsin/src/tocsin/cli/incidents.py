"""What responders do to an incident: one command for each act, each answered with what followed and what is next."""

from typing import Any

import click

from tocsin.cli.output import Screen, clock_time
from tocsin.cli.session import INCIDENT, session, talks, text_of

_incident = click.argument("incident", type=INCIDENT)
_by = click.option("--by", metavar="PERSON", help="In whose name; a commander's token may say so.")
_reason = click.option("--reason", default=None, help="Why; the timeline keeps it.")


def act(incident: str, act: str, **body: object) -> None:
    """Do one act and show what followed."""
    answer = session().post(f"/api/v1/incidents/{incident}/{act}", body)
    screen = session().screen
    if screen.as_json:
        screen.json(answer)
    else:
        _show(screen, answer)


def _show(screen: Screen, answer: dict[str, Any]) -> None:
    view = answer["incident"]
    if not answer["events"]:
        screen.line(f"Nothing changed: {view['id']} is so already.")
    for line in answer["events"]:
        screen.line((clock_time(line["at"]), "dim"), f"  {line['text']}", (f"  {line['clause']}", "dim"))
    screen.line(("Next: ", "bold"), (view["next_action"], "bold"))


@click.command("ack")
@click.argument("incident", type=INCIDENT, required=False)
@click.option("--all", "everything", is_flag=True, help="Every incident that waits for your answer.")
@_by
@talks
def acknowledge(incident: str | None, everything: bool, by: str | None) -> None:
    """Acknowledge: say that you have it in hand (D2, C2).

    It stops the paging. The pager's link does the same.

    \b
    tocsin ack INC-42
    tocsin ack --all
    """
    if (incident is None) != everything:
        raise click.UsageError("Name an incident, or --all.")
    if incident is not None:
        act(incident, "acknowledge", by=by)
        return
    answer = session().post("/api/v1/pages/acknowledge", {"by": by})
    screen = session().screen
    if screen.as_json:
        screen.json(answer)
        return
    found = answer["incidents"]
    screen.line(f"Acknowledged: {', '.join(found)}" if found else "Nothing changed: no page waits for your answer.")
    for each in found[:1]:
        screen.line(("Next: ", "bold"), (f"tocsin show {each}", "bold"))


@click.command()
@_incident
@_reason
@_by
@talks
def decline(incident: str, reason: str | None, by: str | None) -> None:
    """Say that you cannot take it: the next is asked at once (E4).

    \b
    tocsin decline INC-42 --reason "on a plane until six"
    """
    act(incident, "decline", reason=reason, by=by)


@click.command()
@_incident
@click.argument("person", required=False)
@click.option("--to", "successor", metavar="PERSON", help="Who carries on; asked first, unless at work on it already.")
@click.option("--ladder", "asks_ladder", is_flag=True, default=None, help="If nobody does, ask from the beginning.")
@_reason
@_by
@talks
def relieve(
    incident: str,
    person: str | None,
    successor: str | None,
    asks_ladder: bool | None,
    reason: str | None,
    by: str | None,
) -> None:
    """Let a responder go, yourself if you name nobody (R4).

    Whoever leads stays in charge until another has answered.

    \b
    tocsin relieve INC-42 --to mara-lindqvist --reason "end of my night"
    tocsin relieve INC-42 lucas-ferreira
    """
    body = {"person": person, "successor": successor, "asks_ladder": asks_ladder, "reason": reason}
    act(incident, "relieve", **body, by=by)


@click.command()
@_incident
@click.argument("text")
@_by
@talks
def note(incident: str, text: str, by: str | None) -> None:
    """Write a note into the timeline. A dash reads it from the standard input.

    \b
    tocsin note INC-42 "Rolled out 1.9.1 at 13:50, errors began at 13:52"
    kubectl logs deploy/booster --tail 50 | tocsin note INC-42 -
    """
    act(incident, "note", text=text_of(text), by=by)


@click.command()
@_incident
@click.argument("name", default="")
@_by
@talks
def room(incident: str, name: str, by: str | None) -> None:
    """Give an incident a Slack channel of its own (R2).

    Grave ones get theirs by themselves. Without a name it is made of severity, component and title. A bridge that was
    given up is asked for again, too (R3).

    \b
    tocsin room INC-42
    tocsin room INC-42 sev3-slow-search
    """
    act(incident, "room", name=name, by=by)


@click.command()
@_incident
@click.argument("stage", type=click.Choice(["investigating", "identified", "monitoring"]))
@_by
@talks
def stage(incident: str, stage: str, by: str | None) -> None:
    """Move to another stage (K2). Only `tocsin resolve` leads to resolved.

    \b
    tocsin stage INC-42 identified
    """
    act(incident, "stage", stage=stage, by=by)


@click.command()
@_incident
@click.argument("severity")
@_reason
@_by
@talks
def severity(incident: str, severity: str, reason: str | None, by: str | None) -> None:
    """Raise or lower the severity by judgement (C5). Lowering needs a reason.

    \b
    tocsin severity INC-42 SEV1
    tocsin severity INC-42 SEV3 --reason "one tenant only, agreed with support"
    """
    act(incident, "severity", severity=severity, reason=reason, by=by)


@click.command()
@_incident
@click.argument("role")
@click.argument("person")
@_reason
@_by
@talks
def role(incident: str, role: str, person: str, reason: str | None, by: str | None) -> None:
    """Fill a role or hand it over (R1, R4).

    \b
    tocsin role INC-42 incident_commander mara-lindqvist --reason "end of shift"
    """
    act(incident, "role", role=role, person=person, reason=reason, by=by)


@click.command()
@_incident
@click.argument("component")
@_by
@talks
def component(incident: str, component: str, by: str | None) -> None:
    """Say that another component is affected (E1).

    Its objectives must hold too before it may be resolved (V1).

    \b
    tocsin component INC-42 agentdb
    """
    act(incident, "component", component=component, by=by)


@click.command()
@_incident
@click.argument("audience")
@click.argument("text")
@_by
@talks
def update(incident: str, audience: str, text: str, by: str | None) -> None:
    """Tell an audience how it stands (K1, K3). A dash reads the text from the standard input.

    \b
    tocsin update INC-42 stakeholders "Rolled back to 1.9.0, error rate falling. Next update 14:30 UTC."
    """
    act(incident, "update", audience=audience, text=text_of(text), by=by)


@click.command()
@_incident
@click.argument("what")
@_by
@talks
def mitigation(incident: str, what: str, by: str | None) -> None:
    """Record what was done to stop the impact (M1). Minutes later it is judged by measurement (M5).

    \b
    tocsin mitigation INC-42 "kubectl rollout undo deployment/agent-booster"
    """
    act(incident, "mitigation", what=text_of(what), by=by)


@click.command()
@_incident
@click.argument("flag")
@_reason
@_by
@talks
def flag(incident: str, flag: str, reason: str | None, by: str | None) -> None:
    """Say that something holds that calls for escalation (E1).

    `tocsin playbook show` lists the flags.

    \b
    tocsin flag INC-42 vendor --reason "provider confirms an outage on their side"
    """
    act(incident, "flag", flag=flag, reason=reason, by=by)


@click.command()
@_incident
@click.argument("level", type=click.IntRange(min=1))
@_reason
@_by
@talks
def escalate(incident: str, level: int, reason: str | None, by: str | None) -> None:
    """Call an escalation level by hand (E1, E2).

    \b
    tocsin escalate INC-42 3 --reason "need a decision on failing over the region"
    """
    act(incident, "escalate", level=level, reason=reason, by=by)


@click.command()
@_incident
@click.argument("milestone")
@click.option("--text", default=None, help="What to say of it: a link, a finding.")
@_by
@talks
def milestone(incident: str, milestone: str, text: str | None, by: str | None) -> None:
    """Report a milestone, such as the post-mortem's draft (P1). `tocsin playbook show` lists them.

    \b
    tocsin milestone INC-42 postmortem_drafted --text https://wiki.example.org/pm/42
    """
    act(incident, "milestone", milestone=milestone, text=text, by=by)


@click.command()
@_incident
@click.option("--override", "override_reason", metavar="REASON", help="Resolve unverified; the commander's act (V4).")
@_by
@talks
def resolve(incident: str, override_reason: str | None, by: str | None) -> None:
    """Declare it resolved (V1-V4). Refused until the objectives have held for the playbook's window.

    \b
    tocsin resolve INC-42
    tocsin resolve INC-42 --override "Prometheus itself is down; checked by hand"
    """
    act(incident, "resolve", override_reason=override_reason, by=by)


@click.command()
@_incident
@click.option("--reason", required=True, help="What came back; the timeline keeps it.")
@_by
@talks
def reopen(incident: str, reason: str, by: str | None) -> None:
    """Open a resolved incident again: it came back (V2).

    \b
    tocsin reopen INC-42 --reason "errors again since 15:10"
    """
    act(incident, "reopen", reason=reason, by=by)


@click.command()
@_incident
@_reason
@_by
@talks
def close(incident: str, reason: str | None, by: str | None) -> None:
    """Close a resolved incident: nothing more is owed (P1).

    Not even a post-mortem. A commander's act.

    \b
    tocsin close INC-42 --reason "published, action items are in the tracker"
    """
    act(incident, "close", reason=reason, by=by)
