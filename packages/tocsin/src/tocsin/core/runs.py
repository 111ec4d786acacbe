"""Runs: what was asked for in an incident, how far it has come, and who has signed it. Folded from the timeline.

One small function for each event; `core.incident` calls them. What may happen to a run next, `core.mitigation` decides.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum

import msgspec
from msgspec.structs import replace
from whenever import Instant

from tocsin.core.actions import ActionId, Rendered, Risk
from tocsin.core.event import Sample
from tocsin.core.ids import ComponentId, PersonId, RunId
from tocsin.core.limits import RUNS_REMEMBERED
from tocsin.core.run_events import (
    ApprovalDelegated,
    Authority,
    MitigationApproved,
    MitigationEnded,
    MitigationProposed,
    MitigationRejected,
    MitigationStarted,
    MitigationWithdrawn,
    Outcome,
)


class RunState(StrEnum):
    """How far a run has come."""

    PROPOSED = "proposed"
    """It waits for approval."""
    READY = "ready"
    """It may begin, and will."""
    STARTED = "started"
    ENDED = "ended"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


UNDER_WAY = frozenset({RunState.READY, RunState.STARTED})
"""What nobody may cross: from the last signature to the end."""


class Approval(msgspec.Struct, frozen=True):
    """One signature."""

    person: PersonId
    authority: Authority
    at: Instant


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One action, asked for in an incident."""

    id: RunId
    title: str
    rendered: Rendered
    before: Mapping[str, str]
    """The state that was captured when it was asked for, and that was approved."""
    needs: int
    """How many people must approve it."""
    proposed_at: Instant
    expires_at: Instant
    digest: str
    asked_by: PersonId | None = None
    risk: Risk = "low"
    expects: str = ""
    inverse: ActionId | None = None
    undoes: RunId | None = None
    state: RunState = RunState.PROPOSED
    approvals: tuple[Approval, ...] = ()
    closed_by: PersonId | None = None
    """Who rejected or withdrew it."""
    reason: str = ""
    started_at: Instant | None = None
    ended_at: Instant | None = None
    outcome: Outcome | None = None
    why: str = ""
    remedy: str = ""
    exit_status: int | None = None
    output: str = ""
    after: Mapping[str, str] = {}
    samples_before: tuple[Sample, ...] = ()
    verdict: str = ""
    """What the measurements said of it (M5)."""

    @property
    def component(self) -> ComponentId:
        """Answer what it is done to; of an action of no one component, itself."""
        return self.rendered.component or ComponentId(self.rendered.action)

    @property
    def changes(self) -> bool:
        """Tell whether it changes the world."""
        return self.rendered.changes

    @property
    def holds(self) -> ComponentId | None:
        """Answer the component that nobody else may change meanwhile."""
        return self.component if self.changes and self.state in UNDER_WAY else None

    @property
    def people(self) -> tuple[PersonId, ...]:
        """Answer who has signed it."""
        return tuple(approval.person for approval in self.approvals)

    def open_at(self, now: Instant) -> bool:
        """Tell whether it still may come to something: it is under way, or waits and has not expired."""
        return self.state in UNDER_WAY or (self.state is RunState.PROPOSED and now < self.expires_at)


class Delegate(msgspec.Struct, frozen=True):
    """Who approves in the commander's stead: for as long as whoever named them commands."""

    person: PersonId
    named_by: PersonId | None


class Runs(msgspec.Struct, frozen=True):
    """All runs of an incident, oldest first."""

    by_id: Mapping[RunId, Run] = {}
    count: int = 0
    """How many there ever were."""
    delegate: Delegate | None = None
    awaiting: RunId | None = None
    """The run that the measurements have yet to judge."""


def proposed(runs: Runs, event: MitigationProposed) -> Runs:
    """Take note of what is asked for. What needs nobody's approval is ready."""
    run = Run(
        id=event.run,
        title=event.title,
        rendered=event.rendered,
        before=event.before,
        needs=event.approvals,
        proposed_at=event.at,
        expires_at=event.expires_at,
        digest=event.digest,
        asked_by=event.by.person,
        risk=event.risk,
        expects=event.expects,
        inverse=event.inverse,
        undoes=event.undoes,
        state=RunState.PROPOSED if event.approvals else RunState.READY,
    )
    return replace(runs, by_id=_remembered({**runs.by_id, run.id: run}), count=runs.count + 1)


def _remembered(by_id: Mapping[RunId, Run]) -> Mapping[RunId, Run]:
    """Forget the oldest that are over: the timeline has them."""
    spare = len(by_id) - RUNS_REMEMBERED
    over = [run.id for run in by_id.values() if run.state not in UNDER_WAY][: max(spare, 0)]
    return {key: run for key, run in by_id.items() if key not in over}


def approved(runs: Runs, event: MitigationApproved) -> Runs:
    """Take note of a signature."""
    person = event.by.person
    assert person is not None, "only a person approves"
    state = RunState.READY if event.complete else RunState.PROPOSED

    def signed(run: Run) -> Run:
        return replace(run, state=state, approvals=(*run.approvals, Approval(person, event.authority, event.at)))

    return _with(runs, event.run, signed)


def rejected(runs: Runs, event: MitigationRejected) -> Runs:
    """Take note of a no."""
    return _closed(runs, event, RunState.REJECTED)


def withdrawn(runs: Runs, event: MitigationWithdrawn) -> Runs:
    """Take note that it was taken back."""
    return _closed(runs, event, RunState.WITHDRAWN)


def _closed(runs: Runs, event: MitigationRejected | MitigationWithdrawn, state: RunState) -> Runs:
    return _with(runs, event.run, lambda run: replace(run, state=state, closed_by=event.by.person, reason=event.reason))


def started(runs: Runs, event: MitigationStarted) -> Runs:
    """Take note that it is being done."""
    return _with(
        runs,
        event.run,
        lambda run: replace(run, state=RunState.STARTED, started_at=event.at, samples_before=event.samples),
    )


def ended(runs: Runs, event: MitigationEnded) -> Runs:
    """Take note of what became of it. What may have changed the world is judged."""
    after = _with(
        runs,
        event.run,
        lambda run: replace(
            run,
            state=RunState.ENDED,
            ended_at=event.at,
            outcome=event.outcome,
            why=event.why,
            remedy=event.remedy,
            exit_status=event.exit_status,
            output=event.output,
            after=event.after,
        ),
    )
    return replace(after, awaiting=event.run) if first_change(runs, event) else after


def first_change(runs: Runs, event: MitigationEnded) -> bool:
    """Tell whether this is when a run changed the world, or may have; what is heard later of it is not."""
    run = runs.by_id.get(event.run)
    return run is not None and run.changes and run.state is RunState.STARTED and event.outcome != "not_run"


def judged(runs: Runs, run: RunId | None, verdict: str) -> Runs:
    """Take note of what the measurements said."""
    after = replace(runs, awaiting=None)
    return after if run is None else _with(after, run, lambda known: replace(known, verdict=verdict))


def delegated(runs: Runs, event: ApprovalDelegated) -> Runs:
    """Take note of who approves in the commander's stead."""
    delegate = Delegate(event.person, event.by.person) if event.person else None
    return replace(runs, delegate=delegate)


def _with(runs: Runs, key: RunId, change: Callable[[Run], Run]) -> Runs:
    run = runs.by_id.get(key)
    return runs if run is None else replace(runs, by_id={**runs.by_id, key: change(run)})
