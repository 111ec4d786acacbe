"""The decisions that weigh evidence: how severe, whether it holds, whether it may be called resolved (C5, V1–V4)."""

from whenever import Instant

from tocsin.core import errands
from tocsin.core import marks as m
from tocsin.core.commands import (
    AttachAlerts,
    CloseIncident,
    NoticeSpread,
    Reason,
    RecordMeasurement,
    Refused,
    Reopen,
    Resolve,
    SetSeverity,
    Situation,
)
from tocsin.core.deadlines import deadlines
from tocsin.core.draft import Draft
from tocsin.core.escalation import people
from tocsin.core.events import (
    Actor,
    AlertBrief,
    AlertsAttached,
    AlertsCleared,
    Evidence,
    IncidentClosed,
    IncidentReopened,
    IncidentResolved,
    ObjectivesMeasured,
    RoleAssigned,
    SeverityLowered,
    SeverityRaised,
    SpreadNoticed,
    Verdict,
)
from tocsin.core.ids import ComponentId, PersonId, Severity
from tocsin.core.incident import Incident
from tocsin.core.kinds import Kind
from tocsin.core.limits import SAMPLES_PER_MEASUREMENT
from tocsin.core.objectives import failing, verdict
from tocsin.core.rules import JudgeMitigation
from tocsin.core.stages import Stage


def known_severity(severity: Severity, given: Situation) -> None:
    """Refuse a severity that the playbook does not have."""
    names = [definition.id for definition in given.rules.severities]
    if severity not in names:
        raise Refused(
            Reason.UNKNOWN_SEVERITY, f'there is no severity "{severity}"', f"choose one of {', '.join(names)}"
        )


def attach_alerts(draft: Draft, command: AttachAlerts, given: Situation) -> None:
    """Note which alerts began and stopped; what fires anew may raise the severity or open the incident again."""
    _alerts_began(draft, command, given)
    _alerts_ended(draft, command, given)


def _alerts_began(draft: Draft, command: AttachAlerts, given: Situation) -> None:
    if not command.began_count or _told_already(draft.incident.last_began, command.began, command.began_count, command):
        return
    if draft.incident.resolved and not draft.incident.closed:
        began_at = command.detected_at or given.now
        _reopen(draft, "an alert fires again", began_at, command.by, given)
    draft.add(
        AlertsAttached(
            at=given.now,
            by=command.by,
            alerts=command.began,
            count=command.began_count,
            firing=command.firing,
            worst=command.worst,
            by_severity=command.by_severity,
        )
    )
    shows, evidence = command.shows, command.evidence
    if shows and evidence and given.rules.worse(shows, draft.incident.severity):
        _raise(draft, shows, evidence, command.by, given, command.title)


def _alerts_ended(draft: Draft, command: AttachAlerts, given: Situation) -> None:
    if not command.ended_count or _told_already(draft.incident.last_ended, command.ended, command.ended_count, command):
        return
    before, after = draft.incident.worst, command.worst
    improved = before is not None and (after is None or given.rules.worse(before, after))
    draft.add(
        AlertsCleared(
            at=given.now,
            by=command.by,
            alerts=command.ended,
            count=command.ended_count,
            firing=command.firing,
            worst=after,
            by_severity=command.by_severity,
            improved=improved,
        )
    )


def _told_already(
    last: AlertsAttached | AlertsCleared | None, alerts: tuple[AlertBrief, ...], count: int, command: AttachAlerts
) -> bool:
    """Tell whether this is what was told last. One firing of one alert begins and ends once, so it is the same news."""
    return last is not None and (last.alerts, last.count, last.firing, last.worst) == (
        alerts,
        count,
        command.firing,
        command.worst,
    )


def notice_spread(draft: Draft, command: NoticeSpread, given: Situation) -> None:
    """Note that several components are in trouble at once, the first time they are (E1)."""
    enough = len(set(command.components)) >= given.rules.several_components
    if enough and m.SPREAD not in draft.incident.marks and not draft.incident.resolved:
        draft.add(SpreadNoticed(at=given.now, by=command.by, components=command.components))


def set_severity(draft: Draft, command: SetSeverity, given: Situation) -> None:
    """Raise or lower by a person's judgement; lowering is theirs alone and needs a reason (C5)."""
    known_severity(command.severity, given)
    refuse_ended(draft.incident)
    before = draft.incident.severity
    if command.severity == before:
        return
    if given.rules.worse(command.severity, before):
        because = command.reason or f"judged by {command.by.person or command.by.via}"
        _raise(draft, command.severity, Evidence("person", "C5", because), command.by, given)
        return
    if not command.reason.strip():
        raise Refused(
            Reason.REASON_MISSING,
            f"lowering from {before} to {command.severity} needs a reason (C5)",
            "say why it is less severe than measured",
        )
    draft.add(
        SeverityLowered(at=given.now, by=command.by, before=before, after=command.severity, reason=command.reason)
    )
    fill_roles(draft, given)


def _raise(draft: Draft, severity: Severity, evidence: Evidence, by: Actor, given: Situation, title: str = "") -> None:
    before = draft.incident.severity
    draft.add(SeverityRaised(at=given.now, by=by, before=before, after=severity, evidence=evidence, title=title))
    fill_roles(draft, given)


def fill_roles(draft: Draft, given: Situation) -> None:
    """Fill the roles that the severity asks for and nobody holds yet (R1). Who leads already goes on leading."""
    for role, target in given.rules.roles.get(draft.incident.severity, {}).items():
        if role in draft.incident.roles:
            continue
        leads = _leader(draft.incident, given) if role in given.rules.commanders else None
        asked = (leads,) if leads else people(target, draft.incident, given)
        if asked:
            draft.add(RoleAssigned(at=given.now, role=role, person=asked[0], reason="by the playbook"))


def _leader(incident: Incident, given: Situation) -> PersonId | None:
    held = (incident.roles.get(role) for role in given.rules.commanders)
    return next((person for person in held if person in incident.responders), None)


def record_measurement(draft: Draft, command: RecordMeasurement, given: Situation) -> None:
    """Keep what was measured where it is evidence: in the watch, after a mitigation, and when the verdict turns."""
    incident = draft.incident
    if incident.resolved or not command.samples:
        return
    found, because = _found(command, incident, given)
    watching = incident.stage is Stage.MONITORING
    began_at = _window(incident, found, given) if watching else None
    if not (watching or _awaits_judgement(incident, given) or found != incident.verdict):
        return
    if (incident.measured_at, incident.samples, incident.verdict) == (given.now, command.samples, found):
        return  # The same measurement told twice.
    draft.add(
        ObjectivesMeasured(
            at=given.now,
            by=command.by,
            verdict=found,
            samples=command.samples[:SAMPLES_PER_MEASUREMENT],
            because=because,
            window_began_at=began_at,
        )
    )


def _found(command: RecordMeasurement, incident: Incident, given: Situation) -> tuple[Verdict, str]:
    found, unmeasured = verdict(command.samples), _unmeasured(command, incident, given)
    if found == "held" and unmeasured:
        return "no_data", f"nothing was measured of {', '.join(unmeasured)}"
    if found == "held" and _alerts_speak_against(incident, given):
        return "breached", f"{incident.firing} of its alerts still fire"
    if found == "held" and _fired_meanwhile(incident, given):
        return found, "an alert came and went since the last measurement, so it counts from now"
    return found, ", ".join(one.title for one in failing(command.samples))


def _unmeasured(command: RecordMeasurement, incident: Incident, given: Situation) -> list[ComponentId]:
    """Answer the affected components without a figure: that the others hold says nothing of them (V1)."""
    measured = {sample.component for sample in command.samples}
    return [name for name in incident.components if name in given.rules.components and name not in measured]


def _alerts_speak_against(incident: Incident, given: Situation) -> bool:
    """Tell whether alerts fire that are more than a warning: the mildest severity violates no objective (C1, C4)."""
    mildest = given.rules.severities[-1].id
    only_warnings = incident.worst == mildest and incident.severity != mildest
    return incident.firing > 0 and not only_warnings


def _fired_meanwhile(incident: Incident, given: Situation) -> bool:
    """Tell whether alerts began since the last measurement, though they may be over: a blip is a breach, too (V2)."""
    last, measured_at = incident.last_began, incident.measured_at
    if last is None or measured_at is None or last.at <= measured_at or incident.window_began_at is None:
        return False
    return last.worst != given.rules.severities[-1].id


def _window(incident: Incident, found: Verdict, given: Situation) -> Instant | None:
    """Answer since when the objectives hold. A breach, missing data or a gap starts the window again (V2)."""
    if found != "held":
        return None
    unbroken = incident.measured_at is not None and given.now - incident.measured_at <= given.rules.watch.gap_max
    unbroken = unbroken and not _fired_meanwhile(incident, given)
    return incident.window_began_at if unbroken and incident.window_began_at else given.now


def _awaits_judgement(incident: Incident, given: Situation) -> bool:
    return m.MITIGATED in incident.marks and any(
        JudgeMitigation() in deadline.rule.then for deadline in deadlines(given.rules, incident)
    )


def resolve(draft: Draft, command: Resolve, given: Situation) -> None:
    """Declare resolved what has been proven (V1–V3), or what the commander answers for with a reason (V4)."""
    incident = draft.incident
    if incident.resolved:
        return
    missing = unproven(incident, given)
    if missing and not command.override_reason.strip():
        watches = incident.stage is Stage.MONITORING
        first = (
            f"see how far it is: tocsin watch {incident.id}"
            if watches
            else "move to monitoring: the watch begins there"
        )
        raise Refused(
            Reason.NOT_VERIFIED,
            f"recovery is not proven: {missing}",
            f"{first}; or let the Incident Commander override with a reason (V4)",
        )
    if missing and not is_commander(command.by, incident, given):
        raise Refused(
            Reason.NOT_COMMANDER,
            f"recovery is not proven ({missing}), and only the Incident Commander may resolve all the same (V4)",
            f"ask {commander(incident, given) or 'the Incident Commander'}, or take the role over first",
        )
    draft.add(
        IncidentResolved(
            at=given.now,
            by=command.by,
            verified=not missing,
            reason=command.override_reason.strip() if missing else "",
            samples=incident.samples,
            held_since=None if missing else incident.window_began_at,
        )
    )


def unproven(incident: Incident, given: Situation) -> str:
    """Say what is still missing before the incident may be called resolved; empty if nothing is (V1, V2)."""
    policy = given.rules.watch
    if incident.stage is not Stage.MONITORING:
        return f"the watch begins in stage monitoring, and this is {incident.stage.value}"
    if incident.measured_at is None or given.now - incident.measured_at > policy.gap_max:
        return "there is no fresh measurement of the objectives"
    if _alerts_speak_against(incident, given):
        return f"{incident.firing} of its alerts still fire"
    if incident.verdict != "held" or incident.window_began_at is None:
        return _short_of(incident)
    if _fired_meanwhile(incident, given):
        return "an alert came and went since the last measurement"
    held_for = incident.measured_at - incident.window_began_at
    if held_for < policy.holds_for:
        return (
            f"the objectives have held for {held_for.total('seconds'):.0f} s "
            f"of {policy.holds_for.total('seconds'):.0f} s"
        )
    return ""


def _short_of(incident: Incident) -> str:
    if incident.verdict == "held":
        return "the watch begins again with the next measurement: something was changed, or is affected as well"
    short = failing(incident.samples)
    missed = "; ".join(f"{one.title}: {one.why or one.value}" for one in short)
    return missed or "the objectives do not hold, or were not measured"


def commander(incident: Incident, given: Situation) -> str:
    """Name who leads the incident; empty if nobody does."""
    held = (incident.roles.get(role) for role in given.rules.commanders)
    return next((person for person in held if person), "")


def is_commander(by: Actor, incident: Incident, given: Situation) -> bool:
    """Tell whether somebody acts with the Incident Commander's authority."""
    return by.commands or (by.person is not None and by.person == commander(incident, given))


def reopen(draft: Draft, command: Reopen, given: Situation) -> None:
    """Open a resolved incident again; everybody is asked anew."""
    if draft.incident.closed:
        raise Refused(Reason.INCIDENT_CLOSED, "the incident is closed", "declare a new one and name this one in it")
    if not draft.incident.resolved:
        return
    if not command.reason.strip():
        raise Refused(Reason.REASON_MISSING, "opening again needs a reason", "say what came back")
    _reopen(draft, command.reason.strip(), given.now, command.by, given)


def _reopen(draft: Draft, reason: str, detected_at: Instant, by: Actor, given: Situation) -> None:
    detected_at = min(detected_at, given.now)
    draft.add(IncidentReopened(at=given.now, by=by, reason=reason, detected_at=detected_at))
    fill_roles(draft, given)


def close(draft: Draft, command: CloseIncident, given: Situation) -> None:
    """Close a resolved incident by hand."""
    if draft.incident.closed:
        return
    if draft.incident.kind is not Kind.INCIDENT:
        errands.call_off(draft, command.by, command.reason, given)
        return
    if not draft.incident.resolved:
        raise Refused(Reason.NOT_RESOLVED, "an open incident cannot be closed", "resolve it first")
    draft.add(IncidentClosed(at=given.now, by=command.by, reason=command.reason))


def refuse_ended(incident: Incident) -> None:
    """Refuse what makes sense in an open incident only."""
    if incident.closed:
        raise Refused(Reason.INCIDENT_CLOSED, "the incident is closed", "declare a new one and name this one in it")
    if incident.resolved:
        raise Refused(Reason.INCIDENT_RESOLVED, "the incident is resolved", "reopen it if it came back")
