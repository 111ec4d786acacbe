"""Do the objectives hold? (V1, V2). What was not measured does not hold."""

import operator
from collections.abc import Callable, Mapping

from tocsin.core.events import Sample, Verdict
from tocsin.core.ids import ComponentId
from tocsin.core.rules import Component, Objective

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def compares(value: float, comparison: str, bound: float) -> bool:
    """Tell whether a value stands to a bound as the comparison says."""
    return _COMPARE[comparison](value, bound)


def sample(component: ComponentId, objective: Objective, value: float | None, why: str = "") -> Sample:
    """Make the evidence of one measurement."""
    return Sample(
        objective=objective.id,
        component=component,
        title=objective.title,
        value=value,
        holds=objective.holds,
        bound=objective.bound,
        unit=objective.unit,
        why=why,
    )


def health_objective(component: Component) -> Objective:
    """Answer the objective that every component with a health endpoint has: it answers (V1)."""
    return Objective(
        id=f"{component.id}.health",
        title=f"{component.name} health endpoint answers",
        query=component.health_url,
        holds="==",
        bound=1.0,
        clause="V1",
    )


def holds(one: Sample) -> bool:
    """Tell whether a sample is within its objective. No data is not."""
    return one.value is not None and compares(one.value, one.holds, one.bound)


def verdict(samples: tuple[Sample, ...]) -> Verdict:
    """Sum samples up: all hold, one is breached, or something could not be measured."""
    if any(one.value is not None and not holds(one) for one in samples):
        return "breached"
    return "held" if samples and all(holds(one) for one in samples) else "no_data"


def failing(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """Answer the samples that do not hold, missing ones included."""
    return tuple(one for one in samples if not holds(one))


def shortfall(one: Sample) -> float:
    """Say how far a sample is from its bound, in parts of the bound; 0 or less if it holds."""
    if one.value is None:
        return float("inf")
    distance = one.value - one.bound if one.holds in ("<", "<=", "==") else one.bound - one.value
    return distance / abs(one.bound) if one.bound else distance
