"""Baselines: asks how the figures and the releases of an incident's components were in the last healthy hour."""

import asyncio
from collections.abc import Iterable, Sequence

from whenever import Instant, TimeDelta

from tocsin.core import marks as m
from tocsin.core.baseline import Compared, last_healthy
from tocsin.core.diagnosis import Comparison, Releases
from tocsin.core.diagnostics import DiagnosticsPolicy
from tocsin.core.incident import Incident
from tocsin.core.objectives import sample
from tocsin.core.rules import Component, Objective, Rulebook
from tocsin.metrics.port import Measurements, Series

_POINTS_PER_STRETCH = 60
"""Points asked for over one healthy stretch: a median needs no more."""


class Baselines:
    """Compares now with then."""

    def __init__(self, measurements: Measurements | None) -> None:
        self._measurements = measurements

    async def compare(self, incident: Incident, rules: Rulebook, now: Instant) -> Comparison:
        """Answer the figures and releases of an incident's components, now and in the last healthy stretch."""
        policy = rules.diagnostics
        detected_at = incident.at(m.DETECTED) or now
        assumed = detected_at - policy.baseline.margin
        if self._measurements is None:
            return Comparison(healthy_until=assumed, why="no Prometheus is set up")
        try:
            async with asyncio.timeout(policy.within.total("seconds")):
                return await self._compared(self._measurements, incident, rules, min(detected_at, now), now)
        except TimeoutError:
            return Comparison(healthy_until=assumed, why="Prometheus did not answer in time")

    async def _compared(
        self, measurements: Measurements, incident: Incident, rules: Rulebook, detected_at: Instant, now: Instant
    ) -> Comparison:
        policy = rules.diagnostics
        parts = [rules.components[name] for name in incident.components if name in rules.components]
        wanted = [(part, objective) for part in parts for objective in part.objectives]
        figures = await asyncio.gather(*(_figure(measurements, *each, policy, detected_at) for each in wanted))
        ends = [each.healthy.until for each in figures if each.healthy]
        until = min(ends, default=detected_at - policy.baseline.margin)
        releases = await asyncio.gather(
            *(_releases(measurements, part, policy, until, now) for part in parts if part.release_query)
        )
        return Comparison(tuple(figures), tuple(releases), until, "" if ends else _why(figures))


def _why(figures: Sequence[Compared]) -> str:
    if not figures:
        return "the components have no objectives"
    unanswered = next((each.now.why for each in figures if each.now.value is None), "")
    return f"no healthy stretch was found before the detection{f' ({unanswered})' if unanswered else ''}"


async def _figure(
    measurements: Measurements, part: Component, objective: Objective, policy: DiagnosticsPolicy, detected_at: Instant
) -> Compared:
    baseline = policy.baseline
    since = detected_at - baseline.looks_back - baseline.margin - baseline.lasts
    figure, history = await asyncio.gather(
        measurements.ask(objective.query, objective.source),
        measurements.history(objective.query, since, detected_at, _step(policy), objective.source),
    )
    now = sample(part.id, objective, figure.value, figure.why)
    points = history.series[0].points if len(history.series) == 1 else ()
    return Compared(now, last_healthy(points, objective, baseline, detected_at))


async def _releases(
    measurements: Measurements, part: Component, policy: DiagnosticsPolicy, until: Instant, now: Instant
) -> Releases:
    since = until - policy.baseline.lasts
    before, current = await asyncio.gather(
        measurements.history(part.release_query, since, until, _step(policy), part.source),
        measurements.history(part.release_query, now, now, _step(policy), part.source),
    )
    label = part.release_label
    return Releases(part.id, _named(before.series, label), _named(current.series, label))


def _named(series: Iterable[Series], label: str) -> tuple[str, ...]:
    """Name the releases, the last one seen last."""
    seen = sorted((each for each in series if each.points), key=lambda each: each.points[-1][0])
    return tuple(dict.fromkeys(each.labels[label] for each in seen if label in each.labels))


def _step(policy: DiagnosticsPolicy) -> TimeDelta:
    return policy.baseline.lasts / _POINTS_PER_STRETCH
