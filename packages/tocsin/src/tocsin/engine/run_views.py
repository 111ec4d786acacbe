"""How a run reads: what would run to the letter, who has signed it and who may, and what became of it."""

from collections.abc import Mapping
from typing import Literal

import msgspec
from whenever import Instant

from tocsin.core.actions import ActionId, Risk
from tocsin.core.commands import Situation
from tocsin.core.ids import ComponentId, PersonId, RunId
from tocsin.core.incident import Incident
from tocsin.core.mitigation import approvers
from tocsin.core.runs import Approval, Run, RunState

Shown = Literal["waiting", "expired", "ready", "running", "ended", "rejected", "withdrawn"]

_SHOWN: Mapping[RunState, Shown] = {
    RunState.PROPOSED: "waiting",
    RunState.READY: "ready",
    RunState.STARTED: "running",
    RunState.ENDED: "ended",
    RunState.REJECTED: "rejected",
    RunState.WITHDRAWN: "withdrawn",
}


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """A run as a person needs it who is to approve it, or to know what it did."""

    id: RunId
    action: ActionId
    title: str
    component: ComponentId
    target: str
    shown: str
    """The line that does the same in a shell."""
    changes: bool
    state: Shown
    risk: Risk
    expects: str
    before: Mapping[str, str]
    """The state that was captured, and that an approval signs."""
    digest: str
    """What an approval signs: incident, run, command, target, state before and expiry."""
    needs: int
    """How many people must approve it."""
    approvals: tuple[Approval, ...]
    waits_for: tuple[PersonId, ...]
    """Whose approval it waits for."""
    asked_by: PersonId | None
    proposed_at: Instant
    expires_at: Instant
    undoes: RunId | None
    closed_by: PersonId | None
    reason: str
    started_at: Instant | None
    ended_at: Instant | None
    outcome: str
    why: str
    remedy: str
    exit_status: int | None
    output: str
    verdict: str
    """Whether it helped, once that was measured."""


def run_view(run: Run, incident: Incident, given: Situation) -> RunView:
    """Show one run."""
    lapsed = run.state is RunState.PROPOSED and not run.open_at(given.now)
    return RunView(
        id=run.id,
        action=run.rendered.action,
        title=run.title,
        component=run.component,
        target=run.rendered.target.value,
        shown=run.rendered.shown,
        changes=run.changes,
        state="expired" if lapsed else _SHOWN[run.state],
        risk=run.risk,
        expects=run.expects,
        before=run.before,
        digest=run.digest,
        needs=run.needs,
        approvals=run.approvals,
        waits_for=approvers(run, incident, given),
        asked_by=run.asked_by,
        proposed_at=run.proposed_at,
        expires_at=run.expires_at,
        undoes=run.undoes,
        closed_by=run.closed_by,
        reason=run.reason,
        started_at=run.started_at,
        ended_at=run.ended_at,
        outcome=run.outcome or "",
        why=run.why,
        remedy=run.remedy,
        exit_status=run.exit_status,
        output=run.output,
        verdict=run.verdict,
    )


def run_views(incident: Incident, given: Situation) -> tuple[RunView, ...]:
    """Show all runs of an incident, oldest first."""
    return tuple(run_view(run, incident, given) for run in incident.runs.by_id.values())


def pressing(views: tuple[RunView, ...], now: Instant) -> str:
    """Say what of the runs cannot wait, in a sentence; empty if nothing does."""
    last = next((each for each in reversed(views) if each.changes and each.state == "ended"), None)
    if last is not None and last.outcome == "unknown" and not last.verdict:
        return f"nobody knows what {last.id}, {last.title}, has done: {last.remedy}"
    first = next((each for each in views if each.state == "waiting" and each.waits_for), None)
    if first is None:
        return ""
    left = int((first.expires_at - now).total("minutes"))
    return f"approve or reject {first.id}, {first.title}: {first.waits_for[0]}, within {max(left, 1)} min"
