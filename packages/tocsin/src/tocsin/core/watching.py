"""The watch: what must hold beside the objectives, and how far the proof has come (V1, V2).

An error log and the alerts of other components have no objective of their own. They are measured all the same: against
what the last healthy hour was like, and against how many the playbook calls a spike. So a figure for each of them
stands beside the objectives, breaks the window like one, and is told with the resolution (V3).
"""

from collections.abc import Iterable
from typing import Literal

import msgspec
from whenever import Instant

from tocsin.core.alert import Alert
from tocsin.core.commands import Situation
from tocsin.core.events import Sample
from tocsin.core.ids import ComponentId
from tocsin.core.incident import Incident
from tocsin.core.judgement import unproven
from tocsin.core.objectives import holds
from tocsin.core.policies import ErrorSpike
from tocsin.core.rules import Component, Rulebook
from tocsin.core.stages import Stage

RELATED = "related-alerts"
ERRORS = "errors"

State = Literal["not_begun", "no_data", "broken", "holding", "proven", "resolved"]


class Progress(msgspec.Struct, frozen=True):
    """How far the proof of recovery has come."""

    state: State
    began_at: Instant | None
    """Since when everything has held; absent if it does not hold now."""
    held_for_s: float
    holds_for_s: float
    """How long it must hold."""
    remaining_s: float | None
    """How much longer, if nothing breaks it; absent while nothing holds."""
    measured_at: Instant | None
    missing: str
    """What is still missing, in words; empty once it is proven."""


def progress(incident: Incident, given: Situation) -> Progress:
    """Answer how far the proof has come."""
    policy, missing = given.rules.watch, "" if incident.resolved else unproven(incident, given)
    needed = policy.holds_for.total("seconds")
    began_at = incident.window_began_at
    until = incident.measured_at or given.now
    held = max(0.0, (until - began_at).total("seconds")) if began_at else 0.0
    return Progress(
        state=_state(incident, missing, given),
        began_at=began_at,
        held_for_s=held,
        holds_for_s=needed,
        remaining_s=max(0.0, needed - held) if began_at and not incident.resolved else None,
        measured_at=incident.measured_at,
        missing=missing,
    )


def _state(incident: Incident, missing: str, given: Situation) -> State:
    if incident.resolved:
        return "resolved"
    if incident.stage is not Stage.MONITORING:
        return "not_begun"
    if not missing:
        return "proven"
    fresh = incident.measured_at is not None and given.now - incident.measured_at <= given.rules.watch.gap_max
    if not fresh or incident.verdict == "no_data":
        return "no_data"
    return "holding" if incident.window_began_at is not None else "broken"


def related(alerts: Iterable[Alert], incident: Incident, rules: Rulebook) -> tuple[Alert, ...]:
    """Answer those alerts that speak of other components, are more than a warning, and were not silenced."""
    mildest = rules.severities[-1].id
    return tuple(
        alert
        for alert in alerts
        if alert.component not in incident.components and alert.incident is not None and alert.severity != mildest
    )


def related_sample(component: ComponentId, alerts: tuple[Alert, ...], most: int) -> Sample:
    """Make the evidence that other components are quiet, or are not."""
    names = ", ".join(dict.fromkeys(f"{alert.name} ({alert.component})" for alert in alerts))
    return Sample(
        objective=RELATED,
        component=component,
        title="alerts of other components since it holds",
        value=float(len(alerts)),
        holds="<",
        bound=float(most),
        why=names if len(alerts) >= most else "",
    )


def errors_sample(
    component: Component, policy: ErrorSpike, now: float | None, before: float | None, why: str
) -> Sample:
    """Make the evidence that a component's error log is what it is like in a healthy hour, or is not."""
    bound = max(policy.least, (before or 0.0) * policy.times)
    one = Sample(
        objective=f"{component.id}.{ERRORS}",
        component=component.id,
        title=f"{component.name} error logs",
        value=now,
        holds="<=",
        bound=bound,
        unit="/s",
        why=why,
    )
    if now is None or holds(one):
        return one
    usual = "unknown" if before is None else f"{before:.3g} /s"
    return msgspec.structs.replace(one, why=f"{now:.3g} /s, in a healthy hour {usual}")


def is_check(sample: Sample) -> bool:
    """Tell whether a sample is one of the watch's own, and no service objective."""
    return sample.objective == RELATED or sample.objective.endswith(f".{ERRORS}")
