"""Which severity, by which row of the playbook, and why (C1–C6)."""

from collections.abc import Mapping

from tocsin.core.alert import Answers, Classified
from tocsin.core.events import Evidence
from tocsin.core.ids import ComponentId, Severity
from tocsin.core.objectives import compares
from tocsin.core.rules import LabelRule, ReportRule, Rulebook, Threshold

UNASSIGNED = ComponentId("unassigned")
"""The component of an alert that names none we know. It is paged for like any other."""

THRESHOLD_LABEL = "tocsin_rule"
"""The label by which an alert made from the playbook's own thresholds names its row."""


def classify_alert(rules: Rulebook, labels: Mapping[str, str], annotations: Mapping[str, str]) -> Classified:
    """Classify an alert: by the threshold that made it, by its labels, by its severity label, or by the fallback."""
    component = component_of(rules, labels)
    table = rules.classification
    threshold = table.thresholds.get(labels.get(THRESHOLD_LABEL, ""))
    if threshold is not None:
        because = annotations.get("summary") or threshold.title
        return Classified(threshold.component, threshold.severity, Evidence(threshold.id, threshold.clause, because))
    for row in table.labels:
        if all(_label_matches(labels.get(name, ""), wanted) for name, wanted in row.when.items()):
            return Classified(component, row.severity, Evidence(row.id, row.clause, _shown(row, labels)))
    named = labels.get("severity", "")
    if any(definition.id == named for definition in rules.severities):
        clause, because = labels.get("clause") or "C1", f'label severity="{named}"'
        return Classified(component, Severity(named), Evidence("severity-label", clause, because))
    because = f'no row speaks of alert "{labels.get("alertname", "?")}"'
    return Classified(component, table.fallback, Evidence("fallback", "C1", because))


def classify_report(rules: Rulebook, labels: Mapping[str, str], answers: Answers) -> Classified:
    """Classify a person's report by the answers to the playbook's questions (C6)."""
    component = component_of(rules, labels)
    for row in rules.classification.reports:
        if _answers_meet(row, answers):
            return Classified(component, row.severity, Evidence(row.id, row.clause, _told(answers)))
    fallback = rules.classification.fallback
    return Classified(component, fallback, Evidence("fallback", "C6", _told(answers)))


def classify_measurement(
    rules: Rulebook, component: ComponentId, figures: Mapping[str, float]
) -> tuple[tuple[Threshold, float], ...]:
    """Answer the thresholds that measured figures breach, worst severity first; figures are keyed by threshold id."""
    breached = [
        (threshold, figures[threshold.id])
        for threshold in rules.classification.thresholds.values()
        if threshold.component == component
        and threshold.id in figures
        and compares(figures[threshold.id], threshold.is_breached, threshold.bound)
    ]
    return tuple(sorted(breached, key=lambda pair: rules.rank(pair[0].severity)))


def component_of(rules: Rulebook, labels: Mapping[str, str]) -> ComponentId:
    """Find the component that labels speak of: by id, by name or by scrape job."""
    named = labels.get("component", "")
    if named in rules.components:
        return ComponentId(named)
    for component in rules.components.values():
        if named and named.casefold() == component.name.casefold():
            return component.id
        if component.job and component.job == labels.get("job"):
            return component.id
    return UNASSIGNED


def _label_matches(value: str, wanted: str) -> bool:
    return value.startswith(wanted[:-1]) if wanted.endswith("*") else value == wanted


def _shown(row: LabelRule, labels: Mapping[str, str]) -> str:
    return ", ".join(f'{name}="{labels.get(name, "")}"' for name in row.when)


def _answers_meet(row: ReportRule, answers: Answers) -> bool:
    if row.all_users is not None and row.all_users != answers.all_users:
        return False
    if row.data_lost is not None and row.data_lost != answers.data_lost:
        return False
    return row.share_above is None or (answers.share is not None and answers.share > row.share_above)


def _told(answers: Answers) -> str:
    share = "unknown" if answers.share is None else f"{answers.share:.0%}"
    return f"all users: {_yes(answers.all_users)}, data lost: {_yes(answers.data_lost)}, operations affected: {share}"


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"
