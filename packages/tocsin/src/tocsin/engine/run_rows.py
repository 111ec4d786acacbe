"""What the store keeps of runs beside the timeline: who holds a component, what is owed, what helped (M4, M5)."""

from collections.abc import Iterable, Iterator
from typing import Literal

from whenever import Instant

from tocsin.core.events import (
    AnyEvent,
    MitigationApproved,
    MitigationEnded,
    MitigationJudged,
    MitigationProposed,
    MitigationRejected,
    MitigationStarted,
    MitigationWithdrawn,
)
from tocsin.core.ids import RunId
from tocsin.core.incident import Incident
from tocsin.core.limits import RUN_LEASE
from tocsin.core.runs import Run, RunState
from tocsin.store.port import RunRow

_ABOUT_A_RUN = (
    MitigationProposed
    | MitigationApproved
    | MitigationRejected
    | MitigationWithdrawn
    | MitigationStarted
    | MitigationEnded
    | MitigationJudged
)


def rows(incident: Incident, events: Iterable[AnyEvent]) -> Iterator[RunRow]:
    """Answer the rows of the runs that these events are about. One that still waits for approval has none."""
    touched: dict[RunId, None] = {}
    for event in events:
        if isinstance(event, _ABOUT_A_RUN) and event.run is not None:
            touched[event.run] = None
    runs = (incident.runs.by_id.get(key) for key in touched)
    return (_row(incident, run) for run in runs if run is not None and run.state is not RunState.PROPOSED)


def _row(incident: Incident, run: Run) -> RunRow:
    state, next_at = _owed(run, incident.last_at)
    return RunRow(
        incident=incident.id,
        run=run.id,
        component=run.component,
        action=run.rendered.action,
        holds=run.holds,
        state=state,
        next_at=next_at,
        verdict=run.verdict,
    )


def _owed(run: Run, now: Instant) -> tuple[Literal["ready", "started", "over"], Instant | None]:
    match run.state:
        case RunState.READY:
            return "ready", now
        case RunState.STARTED:
            return "started", now + RUN_LEASE
        case _:
            return "over", None
