"""Which severity something would get, by which row of the playbook, and what was considered before it (C1–C6)."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, post
from msgspec import Meta

from tocsin.core.alert import Answers, Classified
from tocsin.core.classify import (
    UNASSIGNED,
    classify_alert,
    classify_measurement,
    classify_report,
    component_of,
)
from tocsin.core.ids import ComponentId, Severity
from tocsin.core.limits import LABEL_LENGTH_MAX, LABELS_MAX
from tocsin.core.rules import LabelRule, ReportRule, Rulebook, Threshold
from tocsin.web.auth import Role
from tocsin.web.bodies import Body, Name, did_you_mean, taken
from tocsin.web.problems import Declined, Fault
from tocsin.web.site import TheSite, known_component, says

_Label = Annotated[str, Meta(max_length=LABEL_LENGTH_MAX)]
_NOTHING: Final = "none"


class AnswersBody(Body, frozen=True, kw_only=True):
    """What a person answers who reports (C6)."""

    component: Name = ""
    all_users: bool = False
    data_lost: bool = False
    share: Annotated[float, Meta(ge=0, le=1)] | None = None
    """Share of operations affected, 0 to 1."""


class ClassifyBody(Body, frozen=True, kw_only=True):
    """Exactly one of: the labels of an alert, the answers of a report, measured figures."""

    labels: Annotated[dict[Name, _Label], Meta(max_length=LABELS_MAX)] | None = None
    answers: AnswersBody | None = None
    figures: Annotated[dict[Name, float], Meta(max_length=LABELS_MAX)] | None = None
    """By the id of the threshold that they are held against."""
    component: Name | None = None


class Considered(msgspec.Struct, frozen=True):
    """A row of the playbook that was looked at."""

    rule: str
    clause: str
    severity: Severity
    asks: str
    """What the row asks for."""
    met: bool


class Classification(msgspec.Struct, frozen=True):
    """Which severity, by which row, and why."""

    component: ComponentId
    severity: Severity
    """Empty if the figures breach no threshold."""
    rule: str
    clause: str
    because: str
    considered: tuple[Considered, ...]
    """In the order in which they were looked at; the first that is met decides."""


@post("/classify", status_code=HTTPStatus.OK, opt=says(Role.VIEWER, takes=ClassifyBody))
async def classify(request: Request[Any, Any, Any], site: TheSite) -> Classification:
    """Say which severity something would get, and why. Nothing is opened."""
    return classification(await taken(request, ClassifyBody), site.rules)


def classification(body: ClassifyBody, rules: Rulebook) -> Classification:
    """Say which severity something would get, and why. Raises `Declined` or `Refused`."""
    match body.labels, body.answers, body.figures:
        case dict() as labels, None, None:
            return _by_labels({"component": body.component, **labels} if body.component else labels, rules)
        case None, AnswersBody() as answers, None:
            return _by_answers(answers, body.component or answers.component, rules)
        case None, None, dict() as figures:
            return _by_figures(figures, body.component, rules)
    detail = "exactly one of labels, answers and figures is needed"
    raise Declined(HTTPStatus.UNPROCESSABLE_ENTITY, Fault.UNKNOWN_ANSWERS, detail, "Send one of the three.", "$")


def _by_labels(labels: Mapping[str, str], rules: Rulebook) -> Classification:
    found = classify_alert(rules, labels, {})
    threshold = rules.classification.thresholds.get(found.evidence.rule)
    if threshold is not None:
        return _answer(found, (_threshold(threshold, met=True),))
    rows = rules.classification.labels
    considered = _until(found.evidence.rule, ((row.id, _label_row(row, found.evidence.rule)) for row in rows))
    return _answer(found, considered)


def _by_answers(answers: AnswersBody, component: str, rules: Rulebook) -> Classification:
    if component and component_of(rules, {"component": component}) == UNASSIGNED:
        known_component(component, rules)
    given = Answers(answers.all_users, answers.data_lost, answers.share)
    found = classify_report(rules, {"component": component}, given)
    rows = rules.classification.reports
    considered = _until(found.evidence.rule, ((row.id, _report_row(row, found.evidence.rule)) for row in rows))
    return _answer(found, considered)


def _by_figures(figures: Mapping[str, float], component: str | None, rules: Rulebook) -> Classification:
    thresholds = [_known_threshold(name, component, rules) for name in figures]
    named = dict.fromkeys([ComponentId(component)] if component else [each.component for each in thresholds])
    if len(named) != 1:
        detail = "these figures are not of one component"
        remedy = "Ask for one component at a time."
        raise Declined(HTTPStatus.UNPROCESSABLE_ENTITY, Fault.UNKNOWN_ANSWERS, detail, remedy, "$.figures")
    about = known_component(next(iter(named)), rules)
    values = {each.id: value for each, value in zip(thresholds, figures.values(), strict=True)}
    breached = classify_measurement(rules, about, values)
    ids = {threshold.id for threshold, _ in breached}
    in_order = sorted(thresholds, key=lambda each: rules.rank(each.severity))
    considered = tuple(_threshold(each, met=each.id in ids) for each in in_order)
    if not breached:
        return Classification(about, Severity(""), _NOTHING, "", "no threshold is breached", considered)
    worst, value = breached[0]
    because = f"{worst.title}: {value:g} {worst.is_breached} {worst.bound:g} {worst.unit}".strip()
    return Classification(about, worst.severity, worst.id, worst.clause, because, considered)


def _known_threshold(name: str, component: str | None, rules: Rulebook) -> Threshold:
    thresholds = rules.classification.thresholds
    found = thresholds.get(name) or thresholds.get(f"{component}.{name}") or thresholds.get(f"{component}-{name}")
    if found is None or (component and found.component != component):
        ours = [each.id for each in thresholds.values() if component in (None, each.component)]
        remedy = did_you_mean(name, ours, "the thresholds are")
        detail = f'there is no threshold "{name}"' + (f" of {component}" if component else "")
        raise Declined(HTTPStatus.UNPROCESSABLE_ENTITY, Fault.UNKNOWN_THRESHOLD, detail, remedy, "$.figures")
    return found


def _until(rule: str, rows: Iterable[tuple[str, Considered]]) -> tuple[Considered, ...]:
    """Answer the rows up to the one that decided; all of them if none of them did."""
    seen: list[Considered] = []
    for name, row in rows:
        seen.append(row)
        if name == rule:
            break
    return tuple(seen)


def _answer(found: Classified, considered: tuple[Considered, ...]) -> Classification:
    evidence = found.evidence
    if not any(row.met for row in considered):
        last = Considered(evidence.rule, evidence.clause, found.severity, evidence.because, met=True)
        considered = (*considered, last)
    return Classification(found.component, found.severity, evidence.rule, evidence.clause, evidence.because, considered)


def _threshold(row: Threshold, *, met: bool) -> Considered:
    asks = f"{row.title} ({row.is_breached} {row.bound:g} {row.unit}".rstrip() + ")"
    return Considered(row.id, row.clause, row.severity, asks, met)


def _label_row(row: LabelRule, decided: str) -> Considered:
    asks = ", ".join(f'{name}="{value}"' for name, value in row.when.items())
    return Considered(row.id, row.clause, row.severity, asks, met=row.id == decided)


def _report_row(row: ReportRule, decided: str) -> Considered:
    asked = (("all users", row.all_users), ("data lost", row.data_lost))
    asks = [f"{name}: {'yes' if wanted else 'no'}" for name, wanted in asked if wanted is not None]
    if row.share_above is not None:
        asks.append(f"more than {row.share_above:.0%} of operations")
    return Considered(row.id, row.clause, row.severity, ", ".join(asks) or "anything", met=row.id == decided)
