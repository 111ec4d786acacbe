"""How a component is measured: objectives, thresholds, warnings and burn rates as PromQL.

**Latency.** A histogram knows its counts only at its edges. ``histogram_quantile`` guesses inside a bucket, and
above the last finite edge it answers that edge, so ``p95 > 50 ms`` could never be seen on a histogram that ends at
50 ms. Every alert on a latency is therefore asked in the form that is exact on the edge: p95 is above 50 ms when,
and only when, more than 5 % of the operations took longer than 50 ms. Its bound is that share. Objectives, which
people read as figures, keep ``histogram_quantile``: the edge itself is never guessed, so it agrees at the bound.

**Warnings** say that so much of a limit is used up: 75 % of "at most 5 % slower than 5 ms" is "3.75 % slower than
5 ms". Asking for p95 > 3.75 ms instead would guess between the edges at 1 and 5 ms and raise false alarms.

**Nothing happening is not failing.** All alerts divide by the traffic; without any they answer no number, and no
number breaches nothing. Whoever reports nothing at all is found by ``up``.
"""

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec
from whenever import TimeDelta

from tocsin.core.ids import ComponentId, Severity
from tocsin.core.rules import Comparison, ErrorLog, Objective, Threshold
from tocsin.playbook.measured import BurnDoc, ClassificationDoc, ComponentDoc, ObjectiveDoc, ThresholdDoc
from tocsin.playbook.words import spoken

SCRAPES_PER_WINDOW: Final = 4
"""A rate over fewer scrapes than this falls silent as soon as one of them is lost."""


class Pace(msgspec.Struct, frozen=True):
    """How fast time is taken to pass, and how short a rate window may become by that."""

    speed: float
    scrape_every: TimeDelta

    def window(self, span: TimeDelta) -> str:
        """Write a rate window in whole seconds, never under four scrapes long."""
        least = self.scrape_every.total("seconds") * SCRAPES_PER_WINDOW
        return spoken(TimeDelta(seconds=math.ceil(max(span.total("seconds") / self.speed, least))))

    def lasts(self, span: TimeDelta) -> TimeDelta:
        """Answer how long an alert must last: whole seconds, at least one unless it was none."""
        return TimeDelta(seconds=math.ceil(span.total("seconds") / self.speed))


def objectives(doc: ComponentDoc, speed: float) -> tuple[Objective, ...]:
    """Answer the objectives that recovery is proven by."""
    pace = Pace(speed, doc.scrape_every)
    return tuple(_objective(doc, one, pace) for one in doc.objectives if one.verify)


def _objective(doc: ComponentDoc, one: ObjectiveDoc, pace: Pace) -> Objective:
    window = pace.window(one.window or doc.window)
    if one.latency_of is None:
        query = (one.query or "").replace("$window", window)
    else:
        query = f"histogram_quantile({one.quantile}, sum by (le) (rate({one.latency_of}_bucket[{window}])))"
    return Objective(
        id=f"{doc.id}.{one.id}",
        title=f"{doc.name} {one.title}",
        query=query,
        holds=one.holds,
        bound=one.bound,
        unit=one.unit,
        clause=one.clause,
        source=one.source or doc.source,
    )


def error_log(doc: ComponentDoc, baseline: TimeDelta, speed: float) -> ErrorLog | None:
    """Answer how a component's error log is measured; None if the playbook does not say."""
    if doc.errors is None:
        return None
    now = Pace(speed, doc.scrape_every).window(doc.window)
    # A healthy hour is as long as it is, however fast a demonstration runs: it is past already.
    usual = Pace(1.0, doc.scrape_every).window(baseline)
    return ErrorLog(doc.errors.replace("$window", now), doc.errors.replace("$window", usual), doc.source)


def thresholds(doc: ComponentDoc, table: ClassificationDoc, speed: float) -> tuple[Threshold, ...]:
    """Answer every row of the classification table that one component can breach, its own first."""
    pace = Pace(speed, doc.scrape_every)
    return (
        *(_threshold(doc, one, pace) for one in doc.thresholds),
        *_silence(doc, table, pace),
        *_burning(doc, table, pace),
        *_warnings(doc, table, pace),
        *_regions(doc, table, pace),
    )


def _threshold(doc: ComponentDoc, one: ThresholdDoc, pace: Pace) -> Threshold:
    window = pace.window(one.window or doc.window)
    query, breached, bound, unit = (one.query or "").replace("$window", window), one.is_breached, one.bound, one.unit
    if one.latency_of is not None:
        query, breached, bound, unit = _slower(one.latency_of, one.bound, window), ">", _rest(one.quantile), "1"
    return _made(doc, one.id, one.title, query, breached, bound, one.severity, pace.lasts(one.lasts), one.clause, unit)


def _slower(histogram: str, bound: float, window: str) -> str:
    """Write the share of operations that took longer than an edge."""
    return f"1 - sum(rate({histogram}_bucket{{{_edge(bound)}}}[{window}])) / sum(rate({histogram}_count[{window}]))"


def _edge(bound: float) -> str:
    # Some clients write the edge of two seconds as 2, others as 2.0.
    return f'le=~"{bound:.0f}([.]0)?"' if bound == int(bound) else f'le="{bound}"'


def _rest(quantile: float, part: float = 1.0) -> float:
    """Answer what a quantile leaves over, without the noise of binary fractions: 0.95 leaves 0.05."""
    return float((1 - Decimal(str(quantile))) * Decimal(str(part)))


def _made(
    doc: ComponentDoc,
    name: str,
    title: str,
    query: str,
    breached: Comparison,
    bound: float,
    severity: str,
    lasts: TimeDelta,
    clause: str,
    unit: str = "1",
) -> Threshold:
    return Threshold(
        id=f"{doc.id}.{name}",
        clause=clause,
        component=ComponentId(doc.id),
        severity=Severity(severity),
        title=f"{doc.name}: {title}",
        query=query,
        is_breached=breached,
        bound=bound,
        unit=unit,
        lasts=lasts,
    )


def _silence(doc: ComponentDoc, table: ClassificationDoc, pace: Pace) -> Iterator[Threshold]:
    """A component that no scrape reaches is down; one of several silent targets, or none at all, is a gap (C4)."""
    if not doc.job:
        return
    down, gap = table.unreachable, table.monitoring_gap
    if down is not None:
        yield _made(
            doc, "unreachable", "no instance answers a scrape", f'max(up{{job="{doc.job}"}})', "==", 0.0,
            down.severity, pace.lasts(down.lasts), down.clause,
        )  # fmt: skip
    silent = f'count(up{{job="{doc.job}"}} == 0) or sum(absent(up{{job="{doc.job}"}}))'
    yield _made(
        doc, "gap", "a target reports nothing", silent, ">", 0.0, gap.severity, pace.lasts(gap.lasts), gap.clause,
        "{target}",
    )  # fmt: skip


def _burning(doc: ComponentDoc, table: ClassificationDoc, pace: Pace) -> Iterator[Threshold]:
    for one in table.burn_rates if doc.budget else ():
        title = f"error budget burns {one.rate:g} times too fast ({one.title})"
        query = _burn(doc, one, pace)
        yield _made(doc, f"burn.{one.id}", title, query, ">", one.rate, one.severity, TimeDelta.ZERO, one.clause)


def _burn(doc: ComponentDoc, one: BurnDoc, pace: Pace) -> str:
    """Write the burn rate: the lower of the long window's, which is sure, and the short one's, which forgets soon."""
    assert doc.budget is not None
    short = max(one.short, pace.scrape_every * SCRAPES_PER_WINDOW * pace.speed)
    long = max(one.long, short * 2)
    ratios = [
        f"({doc.budget.failed}) / ({doc.budget.total})".replace("$window", pace.window(span)) for span in (long, short)
    ]
    return f"(({ratios[0]}) < ({ratios[1]}) or ({ratios[1]})) / {_rest(doc.budget.target)}"


def _warnings(doc: ComponentDoc, table: ClassificationDoc, pace: Pace) -> Iterator[Threshold]:
    warning = table.warning
    for one in doc.objectives if warning else ():
        limit = _limit(doc, one, warning.at, pace) if warning and one.warns and one.verify else None
        if warning is not None and limit is not None:
            query, breached, bound, unit = limit
            title = f"{one.title}: {warning.at:.0%} of the limit used"
            yield _made(
                doc, f"warning.{one.id}", title, query, breached, bound,
                warning.severity, pace.lasts(warning.lasts), warning.clause, unit,
            )  # fmt: skip


def _limit(doc: ComponentDoc, one: ObjectiveDoc, at: float, pace: Pace) -> tuple[str, Comparison, float, str] | None:
    """Answer the measurement that shows so much of an objective's limit used; None where that has no meaning."""
    window = pace.window(one.window or doc.window)
    if one.latency_of is not None:
        return _slower(one.latency_of, one.bound, window), ">", _rest(one.quantile, at), "1"
    query = (one.query or "").replace("$window", window)
    if one.holds in ("<", "<="):
        return query, ">", float(Decimal(str(one.bound)) * Decimal(str(at))), one.unit
    if one.holds in (">", ">=") and one.unit == "1" and one.bound < 1:
        return query, "<", 1 - _rest(one.bound, at), one.unit
    return None


def _regions(doc: ComponentDoc, table: ClassificationDoc, pace: Pace) -> Iterator[Threshold]:
    """Of several regions exactly one misses a latency objective (C4)."""
    region = table.one_region
    for one in doc.objectives if region else ():
        if region is None or one.latency_of is None or not one.verify:
            continue
        name, window, by = one.latency_of, pace.window(one.window or doc.window), f"sum by ({region.label})"
        slow = (
            f"count(1 - {by} (rate({name}_bucket{{{_edge(one.bound)}}}[{window}]))"
            f" / {by} (rate({name}_count[{window}])) > {_rest(one.quantile)})"
        )
        several = f'count(count by ({region.label}) ({name}_count{{{region.label}!=""}})) > 1'
        yield _made(
            doc, f"region.{one.id}", f"{one.title} missed in a single {region.label}", f"{slow} and {several}",
            "==", 1.0, region.severity, pace.lasts(region.lasts), region.clause, f"{{{region.label}}}",
        )  # fmt: skip
