"""What happened to a run: one action of the playbook, asked for in an incident, approved, carried out (M3, M4).

Part of the stored format; see `core.events`.
"""

from collections.abc import Mapping
from typing import Literal

from whenever import Instant

from tocsin.core.actions import ActionId, Rendered, Risk
from tocsin.core.event import Event, Sample
from tocsin.core.ids import PersonId, RunId

Outcome = Literal["succeeded", "failed", "unknown", "not_run"]
"""``unknown``: it was begun and nobody heard how it ended. ``not_run``: it was refused before anything was done."""

Authority = Literal["commander", "delegate", "second"]
"""As what somebody approved: ``second`` is the other person of two, who need not command."""


class MitigationProposed(Event, frozen=True, kw_only=True, tag="mitigation_proposed"):
    """Somebody asked for an action of the playbook; this, to the letter, is what would run."""

    run: RunId
    title: str
    rendered: Rendered
    before: Mapping[str, str] = {}
    """The state that was captured when it was asked for."""
    approvals: int = 0
    """How many people must approve it; none for what only reads."""
    expires_at: Instant
    digest: str
    """What an approval signs: incident, run, command, target, state before and expiry."""
    risk: Risk = "low"
    expects: str = ""
    inverse: ActionId | None = None
    undoes: RunId | None = None
    """The run that this takes back."""


class MitigationApproved(Event, frozen=True, kw_only=True, tag="mitigation_approved"):
    """Somebody who may signed exactly this."""

    run: RunId
    digest: str
    authority: Authority = "commander"
    complete: bool = True
    """Whether it may run now; else another person must approve as well."""


class MitigationRejected(Event, frozen=True, kw_only=True, tag="mitigation_rejected"):
    """Somebody who might have approved it said no."""

    run: RunId
    reason: str = ""


class MitigationWithdrawn(Event, frozen=True, kw_only=True, tag="mitigation_withdrawn"):
    """It was taken back before it began."""

    run: RunId
    reason: str = ""


class MitigationStarted(Event, frozen=True, kw_only=True, tag="mitigation_started"):
    """It is being done. This was durable before anything was."""

    run: RunId
    shown: str
    approved_by: tuple[PersonId, ...] = ()
    rehearsed: str = ""
    """What the dry run said, where the target has one."""
    samples: tuple[Sample, ...] = ()
    """What the objectives measured right before (M5)."""


class MitigationEnded(Event, frozen=True, kw_only=True, tag="mitigation_ended"):
    """What became of it."""

    run: RunId
    outcome: Outcome
    why: str = ""
    """Why it was not run, or why nobody knows."""
    remedy: str = ""
    exit_status: int | None = None
    output: str = ""
    """The beginning and the end of what it said, redacted."""
    output_digest: str = ""
    """SHA-256 of all that was heard of it, redacted."""
    output_bytes: int = 0
    after: Mapping[str, str] = {}
    """The state after, as far as it is known."""


class ApprovalDelegated(Event, frozen=True, kw_only=True, tag="approval_delegated"):
    """The commander named somebody who approves in their stead, or took that back."""

    person: PersonId | None = None
