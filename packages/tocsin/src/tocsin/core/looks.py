"""Which diagnostics an incident calls for, and which of them may run: what reads, and nothing else (D3, M2).

The playbook's actions that are marked for the declaration, those of the failure modes that the alert speaks for, and
what every component has: whether its targets answer, its health endpoint, its dashboard.

That nothing is changed is held three times: the lint refuses a playbook whose diagnostics could, `refusal` is asked
when one is chosen, and again of the very thing that would run.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from tocsin.core.actions import READS, RUNS, Action, ActionId, FailureMode, Rendered, TargetKind, Verb
from tocsin.core.diagnostics import Ask, Diagnostic, DiagnosticsPolicy, Fetch, Look, Reading, Run
from tocsin.core.ids import ComponentId, DiagnosticId
from tocsin.core.incident import Incident
from tocsin.core.rules import Component, Rulebook

_READINGS: Final[Mapping[Verb, Reading]] = {
    Verb.LOGS: Reading.LOGS,
    Verb.GET: Reading.WORKLOADS,
    Verb.HISTORY: Reading.CHANGES,
    Verb.HTTP_GET: Reading.PAGE,
}


def looks(incident: Incident, rules: Rulebook) -> tuple[Diagnostic, ...]:
    """Answer what an incident calls for now, each once: its components', then those of no one component."""
    wanted = {name for mode in spoken_for(incident, rules) for name in mode.diagnostics}
    chosen = (
        action
        for action in _readable(incident, rules)
        if action.at_declaration or action.id in wanted or action.id in _suspected(incident, rules)
    )
    return (*_of_components(incident, rules), *(_row(action) for action in chosen))


def all_looks(incident: Incident, rules: Rulebook) -> tuple[Diagnostic, ...]:
    """Answer everything that may be asked for by its name."""
    return (*_of_components(incident, rules), *(_row(action) for action in _readable(incident, rules)))


def spoken_for(incident: Incident, rules: Rulebook) -> tuple[FailureMode, ...]:
    """Answer the failure modes of its components that the row which set its severity speaks for."""
    return tuple(mode for mode in modes_of(incident, rules) if incident.evidence.rule in mode.thresholds)


def modes_of(incident: Incident, rules: Rulebook) -> tuple[FailureMode, ...]:
    """Answer the known failure modes of an incident's components."""
    return tuple(mode for mode in rules.failure_modes.values() if mode.component in incident.components)


def _suspected(incident: Incident, rules: Rulebook) -> set[ActionId]:
    modes = (mode for mode in modes_of(incident, rules) if mode.id in incident.suspected)
    return {name for mode in modes for name in mode.diagnostics}


def _readable(incident: Incident, rules: Rulebook) -> Iterator[Action]:
    for action in rules.actions.values():
        if action.component is not None and action.component not in incident.components:
            continue
        # What has a blank that nobody fills cannot run by itself.
        filled = all(one.default is not None or one.optional for one in action.parameters)
        if filled and not refusal(action, rules.diagnostics):
            yield action


def _row(action: Action) -> Diagnostic:
    return Diagnostic(
        id=DiagnosticId(action.id),
        title=action.title,
        component=action.component,
        way=Run(action.id),
        reading=_READINGS.get(action.verb, Reading.TEXT),
        within=action.time_limit,
        clause=action.clause,
    )


def _of_components(incident: Incident, rules: Rulebook) -> Iterator[Diagnostic]:
    for component in incident.components:
        part = rules.components.get(component)
        if part is not None:
            yield from _of_component(part, rules.diagnostics)


def _of_component(part: Component, policy: DiagnosticsPolicy) -> Iterator[Diagnostic]:
    within = policy.each_within
    if part.health_url:
        yield Diagnostic(
            _named(part.id, "health"), "Health endpoint", part.id, Fetch(part.health_url), Reading.HEALTH, within, "D3"
        )
    if part.job:
        way = Ask(f'up{{job="{part.job}"}}', part.source)
        yield Diagnostic(_named(part.id, "up"), "Targets up", part.id, way, Reading.TARGETS, within, "M2")
    if part.dashboard_url:
        yield Diagnostic(
            _named(part.id, "dashboard"), "Dashboard", part.id, Look(part.dashboard_url), Reading.TEXT, within, "D3"
        )


def _named(component: ComponentId, what: str) -> DiagnosticId:
    return DiagnosticId(f"{component}.{what}")


def refusal(action: Action | Rendered, policy: DiagnosticsPolicy) -> str:
    """Answer why something may not run as a diagnostic; empty if it may."""
    if action.changes:
        return f"{_id(action)} changes the world and needs approval"
    if action.verb in READS:
        return ""
    if action.verb not in RUNS:
        return f"{action.verb} is not among the verbs that only read"
    if begins_with_any(action.argv, policy.programs):
        return ""
    return f'"{" ".join(action.argv)}" does not begin like any program that diagnostics may run'


def begins_with_any(argv: tuple[str, ...], programs: Iterable[tuple[str, ...]]) -> bool:
    """Tell whether a command line begins as one of these."""
    return any(program and argv[: len(program)] == program for program in programs)


def _id(action: Action | Rendered) -> str:
    return action.id if isinstance(action, Action) else action.action


def fetching(row: Diagnostic, url: str) -> Rendered:
    """Answer the action that gets a web address which the playbook names outside its actions."""
    return Rendered(
        action=ActionId(row.id),
        component=row.component,
        target=TargetKind.HTTP,
        verb=Verb.HTTP_GET,
        arguments={"url": url},
        changes=False,
        time_limit_s=max(1, round(row.within.total("seconds"))),
        shown=f"curl -sS {url}",
    )
