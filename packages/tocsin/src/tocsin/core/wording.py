"""How an event is announced: in full where many incidents are spoken of, in a line in the incident's own room."""

from collections.abc import Iterator, Mapping
from typing import Final

from tocsin.core import events as e
from tocsin.core.commands import Situation
from tocsin.core.deadlines import deadlines
from tocsin.core.events import AnyEvent, Sample
from tocsin.core.incident import Incident
from tocsin.core.limits import SUMMARY_LINES_SAID
from tocsin.core.narration import narrate, person_name, quantity
from tocsin.core.watching import is_check

_SIGNS: Final[Mapping[type, str]] = {
    e.Acknowledged: "🙋",
    e.SeverityRaised: "🚨",
    e.SeverityLowered: "🔽",
    e.StageChanged: "🔍",
    e.LevelRaised: "📣",
    e.DeadlineMissed: "⏰",
    e.IncidentReopened: "🚨",
    e.RoleAssigned: "👤",
    e.ComponentAdded: "🧩",
    e.NoteAdded: "📝",
    e.MitigationApplied: "🔧",
    e.MitigationProposed: "🙏",
    e.MitigationApproved: "👍",
    e.MitigationRejected: "👎",
    e.MitigationStarted: "🔧",
    e.MitigationEnded: "🔧",
    e.MitigationJudged: "📈",
    e.DiagnosticsBegun: "🔎",
    e.BridgeOpened: "📞",
}
"""By which a line is found again when a long channel is skimmed."""

_OUTPUT_LINES: Final = 12
"""Lines of an action's output that are said to an audience: its end. The timeline has more of it."""


def subject(incident: Incident) -> str:
    """Name an incident in one line that is enough by itself."""
    return f"{incident.severity} {incident.id}: {incident.title}"


def headline(incident: Incident, event: AnyEvent, given: Situation) -> str:
    """Say an event where many incidents are spoken of."""
    match event:
        case e.IncidentDeclared():
            return f"🚨 {subject(incident)} - investigating"
        case e.Acknowledged():
            who = person_name(given.rules, event.by.person)
            return f"🚨 {subject(incident)} - {incident.stage.value} (acknowledged by {who})"
        case e.IncidentResolved():
            return "\n".join(_resolution(incident, event, given))
        case e.MitigationEnded(output=str() as output) if output.strip():
            return f"{subject(incident)}: {narrate(event, given.rules)}\n{_end_of(output)}"
        case e.DiagnosticsGathered():
            return "\n".join((f"🔎 {subject(incident)}: diagnostics", *_differences(event)))
        case e.NobodyReachable():
            return f"🔕 {subject(incident)}: NOBODY ANSWERS. Whoever reads this: take it."
        case _:
            return f"{subject(incident)}: {narrate(event, given.rules)}"


def entry(incident: Incident, event: AnyEvent, given: Situation) -> str:
    """Say an event in the incident's own room, where everybody knows which one it is."""
    if isinstance(event, e.IncidentResolved | e.NobodyReachable):
        return headline(incident, event, given)
    if isinstance(event, e.DiagnosticsGathered):
        return "\n".join(("🔎 What differs from the last healthy hour", *_differences(event)))
    line = f"{_SIGNS.get(type(event), '•')} {narrate(event, given.rules)}"
    shown = isinstance(event, e.MitigationEnded) and event.output.strip()
    return f"{line}\n{_end_of(shown)}" if shown else line


def _differences(event: e.DiagnosticsGathered) -> Iterator[str]:
    lines = event.summary[:SUMMARY_LINES_SAID] or ("nothing differs from the last healthy hour",)
    yield from (f"• {line}" for line in lines)


def _end_of(output: str) -> str:
    return "\n".join(output.strip().splitlines()[-_OUTPUT_LINES:])


def _resolution(incident: Incident, event: e.IncidentResolved, given: Situation) -> Iterator[str]:
    """Declare the resolution as the playbook words it, with the measured figures beside their objectives (V3)."""
    parts = (given.rules.components.get(component) for component in incident.components)
    names = [part.name for part in parts if part] or list(incident.components)
    if event.verified:
        yield f"✅ {incident.severity} RESOLVED: {', '.join(names)} restored to normal operation. ({incident.id})"
    else:
        yield f"⚠️ {incident.severity} RESOLVED WITHOUT PROOF: {', '.join(names)}. ({incident.id})"
        yield f"{person_name(given.rules, event.by.person)} answers for it: {event.reason}"
    yield from (_figure(sample, names) for sample in event.samples)
    owed = next((each for each in deadlines(given.rules, incident) if each.rule.owner is not None), None)
    if owed is not None:
        yield f"Next: {owed.rule.title} by {owed.due_at.format_iso()[:16].replace('T', ' ')} UTC."


def _figure(sample: Sample, names: list[str]) -> str:
    title = sample.title.removeprefix(f"{names[0]} ") if len(names) == 1 else sample.title
    if sample.value is None:
        return f"{title}: no data ({sample.why})"
    if not sample.unit and sample.holds == "==":
        return f"{title}: {'yes' if sample.value == sample.bound else f'NO ({sample.why})'}"
    bound = "limit" if is_check(sample) else "SLO"
    limit = quantity(sample.bound, sample.unit)
    return f"{title}: {quantity(sample.value, sample.unit)} ({bound}: {sample.holds} {limit})"
