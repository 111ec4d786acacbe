"""Can each component be measured, do its queries parse, and are its bounds in an order that makes sense?"""

import re
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import promql_parser
from whenever import TimeDelta

from tocsin.playbook.document import Playbook
from tocsin.playbook.indicators import SCRAPES_PER_WINDOW
from tocsin.playbook.lint_references import Place
from tocsin.playbook.measured import ComponentDoc, ObjectiveDoc, ThresholdDoc
from tocsin.playbook.problems import Problem
from tocsin.playbook.words import spoken

_LOWER, _HIGHER = ("<", "<="), (">", ">=")


def components(playbook: Playbook) -> Iterator[Problem]:
    """Find components whose recovery nothing proves, that nobody owns, or that nothing measures."""
    if not playbook.components:
        yield Problem("components", 0, "", "there is no component", "add components/NAME.yaml", "error", "no-component")
    for file, doc in playbook.components.items():
        if not any(objective.verify for objective in doc.objectives):
            yield playbook.problem(
                "no-objective",
                (file, "objectives"),
                f"{doc.name} has no objective to verify, so no recovery could ever be proven",
                "add an objective with a query",
            )
        if doc.owner is None:
            yield playbook.problem("no-owner", (file,), f"nobody owns {doc.name}", 'add "owner: ROTATION"', "warning")
        if not doc.thresholds:
            yield playbook.problem(
                "no-threshold", (file,), f"no measurement of {doc.name} means a severity", "add thresholds", "warning"
            )


def queries(playbook: Playbook) -> Iterator[Problem]:
    """Find PromQL that does not parse or answers no number, and indicators given twice or not at all."""
    for file, doc in playbook.components.items():
        for place, text in _written(file, doc):
            yield from _query(playbook, place, text)
        for place, one in _indicators(file, doc):
            if (one.query is None) == (one.latency_of is None):
                yield playbook.problem(
                    "no-query", place, "give either query or latency_of, and not both", "remove or add one of them"
                )
            if one.latency_of is not None and one.bound <= 0:
                yield playbook.problem("bad-bound", (*place, "bound"), "a latency is above 0", "write it in seconds")
            if one.latency_of is not None and not _looks_up(one):
                yield playbook.problem(
                    "bad-bound", place, "a latency is good when it is low", 'write holds "<" or is_breached ">"'
                )


def _indicators(file: str, doc: ComponentDoc) -> Iterator[tuple[Place, ObjectiveDoc | ThresholdDoc]]:
    for number, objective in enumerate(doc.objectives):
        yield (file, "objectives", number), objective
    for number, threshold in enumerate(doc.thresholds):
        yield (file, "thresholds", number), threshold


def _looks_up(one: ObjectiveDoc | ThresholdDoc) -> bool:
    return one.holds in _LOWER if isinstance(one, ObjectiveDoc) else one.is_breached in _HIGHER


def _written(file: str, doc: ComponentDoc) -> Iterator[tuple[Place, str]]:
    for place, one in _indicators(file, doc):
        if one.query is not None:
            yield (*place, "query"), one.query
    if doc.budget is not None:
        yield (file, "budget", "failed"), doc.budget.failed
        yield (file, "budget", "total"), doc.budget.total
    if doc.release is not None:
        yield (file, "release", "query"), doc.release.query


def _query(playbook: Playbook, place: Place, text: str) -> Iterator[Problem]:
    filled = text.replace("$window", "5m")
    unknown = re.search(r"\$\w*", filled)
    if unknown:
        yield playbook.problem(
            "promql", place, f'"{unknown[0]}" stands for nothing', "$window is the only word that is filled in"
        )
        return
    try:
        parsed: Any = promql_parser.parse(filled)
    except ValueError as error:
        why = str(error).splitlines()[0]
        yield playbook.problem("promql", place, f"this is not PromQL: {why}", "try it in Prometheus, $window as 5m")
        return
    if isinstance(parsed, promql_parser.MatrixSelector | promql_parser.StringLiteral):
        yield playbook.problem(
            "promql", place, "this answers a series or a text, not a number", "wrap it, as in sum(rate(…[$window]))"
        )


def windows(playbook: Playbook) -> Iterator[Problem]:
    """Find rate windows so short that a lost scrape silences them."""
    for file, doc in playbook.components.items():
        least = doc.scrape_every * SCRAPES_PER_WINDOW
        places: list[tuple[Place, TimeDelta | None]] = [((file, "window"), doc.window)]
        places += [((*place, "window"), one.window) for place, one in _indicators(file, doc)]
        for place, window in places:
            if window is not None and window < least:
                yield playbook.problem(
                    "short-window",
                    place,
                    f"{spoken(window)} is under {SCRAPES_PER_WINDOW} scrapes, so {spoken(least)} is taken",
                    f"write {spoken(least)} or more",
                    "warning",
                )


def order(playbook: Playbook) -> Iterator[Problem]:
    """Find thresholds by which a milder severity would take more than a worse one."""
    ranks = {severity.id: number for number, severity in enumerate(playbook.severities)}
    for file, doc in playbook.components.items():
        for (_, one), (number, other) in combinations(enumerate(doc.thresholds), 2):
            if _indicator(one) != _indicator(other) or {one.severity, other.severity} - ranks.keys():
                continue
            gap = ranks[one.severity] - ranks[other.severity]
            if gap and _is_inverted(*((one, other) if gap < 0 else (other, one))):
                yield playbook.problem(
                    "threshold-order",
                    (file, "thresholds", number, "bound"),
                    f"{one.id} ({one.severity} {one.is_breached} {one.bound:g}) and {other.id} ({other.severity} "
                    f"{other.is_breached} {other.bound:g}) are the wrong way round",
                    "give the worse severity the bound that is harder to reach",
                )


def _is_inverted(worse: ThresholdDoc, milder: ThresholdDoc) -> bool:
    if worse.is_breached in _HIGHER and milder.is_breached in _HIGHER:
        return worse.bound <= milder.bound
    if worse.is_breached in _LOWER and milder.is_breached in _LOWER:
        return worse.bound >= milder.bound
    return False


def _indicator(one: ObjectiveDoc | ThresholdDoc) -> tuple[str, float]:
    if one.latency_of is not None:
        return one.latency_of, one.quantile
    return re.sub(r"\s+", "", one.query or ""), 0.0


def looser(playbook: Playbook) -> Iterator[Problem]:
    """Find objectives that would call healthy what a threshold calls an incident."""
    for file, doc in playbook.components.items():
        for number, objective in enumerate(doc.objectives):
            for threshold in doc.thresholds:
                if _indicator(objective) == _indicator(threshold) and _is_looser(objective, threshold):
                    yield playbook.problem(
                        "loose-objective",
                        (file, "objectives", number, "bound"),
                        f"{objective.id} still holds at {objective.bound:g}, where {threshold.id} already is a "
                        f"{threshold.severity} (from {threshold.bound:g})",
                        "tighten the objective or move the threshold",
                    )


def _is_looser(objective: ObjectiveDoc, threshold: ThresholdDoc) -> bool:
    if objective.holds in _LOWER and threshold.is_breached in _HIGHER:
        return objective.bound > threshold.bound
    if objective.holds in _HIGHER and threshold.is_breached in _LOWER:
        return objective.bound < threshold.bound
    return False


def error_logs(playbook: Playbook) -> Iterator[Problem]:
    """Find error logs that are measured and never looked at: the watch does not say what a spike of them is."""
    for file, doc in playbook.components.items():
        if doc.errors is not None and playbook.about.watch.errors is None:
            message = "nothing says what a spike of this error log is, so it is not looked at"
            remedy = "give playbook.yaml watch.errors, such as {times: 3, least: 0.1}"
            yield playbook.problem("unwatched-errors", (file, "errors"), message, remedy, "warning")


CHECKS: tuple[Callable[[Playbook], Iterator[Problem]], ...] = (components, queries, windows, order, looser, error_logs)
