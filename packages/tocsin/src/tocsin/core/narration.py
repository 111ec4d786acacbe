"""How the timeline reads: one plain line for each event, the same in the console, the terminal and the post-mortem."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from tocsin.core import events as e
from tocsin.core import run_narration
from tocsin.core.events import AnyEvent, Sample
from tocsin.core.kinds import Kind
from tocsin.core.rules import Rulebook

_ALERTS_TOLD_MAX: Final = 2
"""Alerts of one moment whose summaries stand beside their names: more would hide the names."""
_ALERT_LENGTH_MAX: Final = 160


def narrate(event: AnyEvent, rules: Rulebook) -> str:
    """Say in one line what happened."""
    return _LINES[type(event)](event, _Names(rules))


def figure(sample: Sample) -> str:
    """Say a measured figure beside its bound, in the unit a person thinks in."""
    if sample.value is None:
        return f"{sample.title}: no data ({sample.why})"
    bound = quantity(sample.bound, sample.unit)
    return f"{sample.title}: {quantity(sample.value, sample.unit)} (must be {sample.holds} {bound})"


def quantity(value: float, unit: str) -> str:
    """Write a number with its unit: seconds below one as milliseconds, shares as per cent."""
    if unit == "s" and abs(value) < 1:
        return f"{value * 1000:.3g} ms"
    if unit == "s":
        return f"{value:.3g} s"
    if unit == "1":
        return f"{value * 100:.4g} %"
    return f"{value:.6g} {unit}".rstrip()


def ordinal(number: int) -> str:
    """Write a number as a place: 2nd, 3rd, 12th."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{ending}"


def person_name(rules: Rulebook, person: str | None) -> str:
    """Answer what people call a person."""
    return _Names(rules).person(person)


def role_name(role: str) -> str:
    """Answer what people call a role: every word of a title is capital (R1)."""
    return role.replace("_", " ").title()


class _Names:
    """The names by which people call what the events name by id."""

    def __init__(self, rules: Rulebook) -> None:
        self._rules = rules

    def person(self, person: str | None) -> str:
        known = self._rules.people.get(person) if person else None  # type: ignore[call-overload]  # plain text is a person's id here.
        return known.name if known else person or "Tocsin"

    def component(self, component: str) -> str:
        known = self._rules.components.get(component)  # type: ignore[call-overload]  # as above.
        return known.name if known else component

    def rule(self, rule: Any) -> str:
        known = self._rules.rule(rule) if rule else None
        return known.title if known else str(rule or "")

    def audience(self, audience: str) -> str:
        known = self._rules.audiences.get(audience)  # type: ignore[call-overload]  # as above.
        return known.name if known else audience


def _declared(event: e.IncidentDeclared, names: _Names) -> str:
    if event.kind is not Kind.INCIDENT:
        return f"Opened the {event.kind.value}: {event.title}, {event.evidence.because}"
    component = names.component(event.component)
    return f"Declared {event.severity}: {event.title} ({component}) because {_evidence(event.evidence)}"


def _alerts(event: e.AlertsAttached | e.AlertsCleared, verb: str) -> str:
    told = verb == "fired" and event.count <= _ALERTS_TOLD_MAX  # One that is new to an old incident has no title.
    names = ", ".join(dict.fromkeys(_alert(alert) if told else alert.name for alert in event.alerts))
    more = f" and {event.count - len(event.alerts)} more" if event.count > len(event.alerts) else ""
    count = f"{event.count} alert{'s' if event.count != 1 else ''}"
    return f"{count} {verb}: {names}{more}; {event.firing} firing"


def _alert(alert: e.AlertBrief) -> str:
    summary = " ".join(alert.summary.split())
    cut = summary if len(summary) <= _ALERT_LENGTH_MAX else f"{summary[:_ALERT_LENGTH_MAX]}…"
    return f"{alert.name} ({cut})" if cut else alert.name


def _evidence(evidence: e.Evidence) -> str:
    return f"{evidence.because} (rule {evidence.rule}, {evidence.clause})"


def _paged(event: e.PersonPaged, names: _Names) -> str:
    how = " and ".join(method.kind.value for method in event.methods) or "nothing: no contact method"
    if event.quiet:
        how = f"{how}, not ringing" if event.methods else "nothing yet"
        return f"Paged {names.person(event.person)} by {how} (awake already{_more(event)}): {event.reason}"
    return f"Paged {names.person(event.person)} by {how}: {event.reason}"


def _paged_again(event: e.PageRepeated, names: _Names) -> str:
    how = " and ".join(method.kind.value for method in event.methods) or "nothing"
    if event.quiet:
        how = f"told by {how}" if event.methods else "told already"
        return f"{names.person(event.person)} is awake for something else{_more(event)}: {how}, not rung"
    return f"Asked {names.person(event.person)} for the {ordinal(event.step)} time, by {how}{_late(event)}"


def _more(event: e.PersonPaged | e.PageRepeated) -> str:
    return f", with {event.beside} other page{'s' if event.beside > 1 else ''} open" if event.beside else ""


def _late(event: e.PageRepeated | e.StepTaken) -> str:
    """Say how late it was, if somebody would notice."""
    minutes = int((event.at - event.due_at).total("minutes"))
    return f", {minutes} min late" if minutes else ""


def _told(event: e.PersonTold, names: _Names) -> str:
    how = " and ".join(method.kind.value for method in event.methods) or "nothing: no contact method"
    return f"Told {names.person(event.person)} by {how}: {event.text}"


def _acknowledged(event: e.Acknowledged, names: _Names) -> str:
    rest = "" if event.takes_command else ", who does not take command"
    return f"Acknowledged by {names.person(event.by.person)}{rest}"


def _relief_asked(event: e.ReliefAsked, names: _Names) -> str:
    person = names.person(event.person)
    follows = f"{names.person(event.successor)} is asked" if event.successor else "nobody is there to be asked"
    return f"{person} is to be relieved ({event.reason}): {follows}; {person} stays in charge until somebody answers"


def _relieved(event: e.ResponderRelieved, names: _Names) -> str:
    why = f" ({event.reason})" if event.reason else ""
    if event.asks_again:
        return f"{names.person(event.person)} was let go{why}; nobody has it in hand, and the ladder asks again"
    follows = f"; {names.person(event.successor)} carries on" if event.successor else ""
    return f"{names.person(event.person)} was relieved{why}{follows}"


def _extended(event: e.AcknowledgmentExtended, names: _Names) -> str:
    until = f" until {event.until.format_iso()[:16].replace('T', ' ')} UTC" if event.until else ""
    return f"{names.person(event.person)} is still on call{until}, and in charge"


def _assigned(event: e.RoleAssigned, names: _Names) -> str:
    role = event.role.replace("_", " ")
    before = f", taking over from {names.person(event.before)}" if event.before else ""
    return f"{names.person(event.person)} is {role}{before}"


def _attempt_failed(event: e.PageAttemptFailed, _: _Names) -> str:
    following = f"; trying {event.next.kind.value}" if event.next else ""
    return f"Page by {event.method.kind.value} failed: {event.why}{following}"


def _missed(event: e.DeadlineMissed, _: _Names) -> str:
    rounds = f", {event.rounds} times in a row" if event.rounds > 1 else ""
    return f"Missed: {event.title}{rounds}"


def _measured(event: e.ObjectivesMeasured, _: _Names) -> str:
    if event.verdict == "held":
        since = f" since {event.window_began_at.format_iso()[11:19]} UTC" if event.window_began_at else ""
        but = f"; {event.because}" if event.because else ""
        return f"All {len(event.samples)} objectives hold{since}{but}"
    what = "Objectives not met" if event.verdict == "breached" else "Objectives not measured"
    return f"{what}: {event.because}"


def _resolved(event: e.IncidentResolved, names: _Names) -> str:
    by = names.person(event.by.person)
    if event.verified:
        return f"Resolved by {by}, verified: " + "; ".join(figure(sample) for sample in event.samples)
    return f"Resolved by {by} WITHOUT verification: {event.reason}"


def _note(event: e.NoteAdded, names: _Names) -> str:
    if not event.author:
        return f"{names.person(event.by.person)}: {event.text}"
    marked = f", marked by {names.person(event.by.person)}" if event.by.person else ""
    return f"{event.author} in the Slack channel{marked}: {event.text}"


def _somebody(event: e.MessageMarked, names: _Names) -> str:
    return names.person(event.by.person) if event.by.person else "Somebody whom the playbook does not know"


def _room_step_failed(event: e.RoomStepFailed, names: _Names) -> str:
    whom = f" {names.person(event.person)}" if event.person else ""
    return f"Could not {event.step}{whom}: {event.why}"


def _concluded(event: e.Concluded, names: _Names) -> str:
    words = {"done": "Done", "missed": "Not done", "called_off": f"Called off by {names.person(event.by.person)}"}
    return words[event.outcome] + _reason(event.reason)


_BECAUSE: Mapping[str, str] = {
    "declared": "the incident was declared",
    "raised": "it grew worse",
    "reopened": "it came back",
    "spread": "another component is affected",
    "requested": "asked for",
}


def _gathering(event: e.DiagnosticsBegun, names: _Names) -> str:
    what = ", ".join(event.only) or "all diagnostics"
    by = f" by {names.person(event.by.person)}" if event.because == "requested" else ""
    return f"Gathering {what}: {_BECAUSE[event.because]}{by}"


def _gathered(event: e.DiagnosticsGathered, _: _Names) -> str:
    asked = [result for result in event.results if result.ending != "link"]
    answered = sum(result.ending == "answered" for result in asked)
    said = "; ".join(event.summary[:3]) or "nothing differs from the last healthy hour"
    return f"{answered} of {len(asked)} diagnostics answered: {said}"


def _reason(reason: str) -> str:
    return f": {reason}" if reason else ""


_LINES: Mapping[type, Callable[[Any, _Names], str]] = {
    e.IncidentDeclared: _declared,
    e.AlertsAttached: lambda v, n: _alerts(v, "fired"),
    e.AlertsCleared: lambda v, n: _alerts(v, "stopped"),
    e.SeverityRaised: lambda v, n: f"Raised from {v.before} to {v.after}: {_evidence(v.evidence)}",
    e.SeverityLowered: lambda v, n: f"Lowered from {v.before} to {v.after} by {n.person(v.by.person)}: {v.reason}",
    e.ComponentAdded: lambda v, n: f"{n.component(v.component)} is affected too",
    e.SpreadNoticed: lambda v, n: "Several components in trouble: " + ", ".join(map(n.component, v.components)),
    e.StageChanged: lambda v, n: f"{n.person(v.by.person)} moved it from {v.before.value} to {v.after.value}",
    e.Acknowledged: _acknowledged,
    e.ReliefAsked: _relief_asked,
    e.ResponderRelieved: _relieved,
    e.AcknowledgmentExtended: _extended,
    e.RoleAssigned: _assigned,
    e.NoteAdded: _note,
    e.UpdatePosted: lambda v, n: f"Update to {n.audience(v.audience)}: {v.text}",
    e.MitigationApplied: lambda v, n: f"{n.person(v.by.person)} mitigated: {v.what}",
    **run_narration.LINES,
    e.MitigationJudged: lambda v, n: run_narration.judged(v, quantity),
    e.FlagRaised: lambda v, n: f"{n.person(v.by.person)} raised the flag {v.flag}{_reason(v.reason)}",
    e.MilestoneReached: lambda v, n: f"Reached: {v.milestone.replace('_', ' ')}{_reason(v.text)}",
    e.LevelRaised: lambda v, n: f"Escalated to level {v.level}{_reason(v.reason)}",
    e.StepTaken: lambda v, n: f"Done as the playbook says: {n.rule(v.rule)}{_late(v)}",
    e.DeadlineMissed: _missed,
    e.PersonPaged: _paged,
    e.PageRepeated: _paged_again,
    e.PersonTold: _told,
    e.AudienceTold: lambda v, n: f"Announced to {n.audience(v.audience)}: {v.text}",
    e.PageDelivered: lambda v, n: f"Page handed over by {v.method.kind.value} (receipt {v.receipt})",
    e.PageAttemptFailed: _attempt_failed,
    e.PersonUnreachable: lambda v, n: f"{n.person(v.person)} cannot be reached by any contact method",
    e.PageDeclined: lambda v, n: f"{n.person(v.person)} cannot take it" + (f": {v.reason}" if v.reason else ""),
    e.NotificationFailed: lambda v, n: f"A message to {v.address} by {v.channel} was given up: {v.why}",
    e.NobodyOnCall: lambda v, n: f"Nobody to ask: {v.target} ({n.rule(v.rule)})",
    e.NobodyReachable: lambda v, n: "NOBODY ANSWERS: the whole ladder was asked in vain; everybody is paged",
    e.ObjectivesMeasured: _measured,
    e.DiagnosticsBegun: _gathering,
    e.DiagnosticsGathered: _gathered,
    e.IncidentResolved: _resolved,
    e.IncidentReopened: lambda v, n: f"Reopened: {v.reason}",
    e.Concluded: _concluded,
    e.IncidentClosed: lambda v, n: f"Closed{_reason(v.reason)}",
    e.RoomAsked: lambda v, n: f"Opening the Slack channel #{v.name}",
    e.RoomOpened: lambda v, n: f"The Slack channel is #{v.name}",
    e.RoomSummarised: lambda v, n: "The summary is posted in the Slack channel",
    e.RoomWidened: lambda v, n: f"{n.person(v.person)} was invited to the Slack channel",
    e.RoomStepFailed: _room_step_failed,
    e.RoomLost: lambda v, n: f"The Slack channel is lost to us: {v.why}; its messages go elsewhere",
    e.RoomRegained: lambda v, n: "Tocsin is back in the Slack channel",
    e.RoomArchived: lambda v, n: "The Slack channel is archived",
    e.BridgeAsked: lambda v, n: "Opening a call for the incident",
    e.BridgeOpened: lambda v, n: f"The incident bridge is {v.url}",
    e.BridgeFailed: lambda v, n: f"Could not open a call for the incident: {v.why}",
    e.MessageMarked: lambda v, n: f"{_somebody(v, n)} marked a message of the Slack channel for the timeline",
}


_CLAUSES: Mapping[type, str] = {
    e.Acknowledged: "D2",
    e.SeverityLowered: "C5",
    e.SpreadNoticed: "E1",
    e.StageChanged: "K2",
    e.UpdatePosted: "K1",
    e.MitigationApplied: "M1",
    **run_narration.CLAUSES,
    e.MitigationJudged: "M5",
    e.FlagRaised: "E1",
    e.MilestoneReached: "P1",
    e.PageRepeated: "E2",
    e.PersonUnreachable: "E4",
    e.PageDeclined: "E4",
    e.ObjectivesMeasured: "V1",
    e.RoomSummarised: "R2",
    e.RoomWidened: "R2",
    e.RoomLost: "R2",
    e.RoomRegained: "R2",
    e.RoomArchived: "R2",
    e.MessageMarked: "M4",
    e.DiagnosticsBegun: "M2",
    e.DiagnosticsGathered: "D3",
}
"""The clause that an event comes about by, where it carries none itself."""


def clause_of(event: AnyEvent) -> str:
    """Answer the clause of the playbook by which an event came about, where there is one."""
    if isinstance(event, e.IncidentDeclared | e.SeverityRaised):
        return event.evidence.clause
    if isinstance(event, e.IncidentResolved):
        return "V3" if event.verified else "V4"
    return getattr(event, "clause", "") or _CLAUSES.get(type(event), "")
