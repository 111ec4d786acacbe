"""What would run, to the letter, and the digest that an approval of it signs (M4).

A proposal is one value: the rendered action, the state that was captured before, and until when it may begin. Whatever
changes in it changes the digest, and an approval of the one is none of the other.
"""

import hashlib
from collections.abc import Mapping

import msgspec
from whenever import Instant

from tocsin.core.actions import Action, Approvals, Rendered
from tocsin.core.commands import Reason, Refused, Situation
from tocsin.core.draft import Draft
from tocsin.core.effect import judged
from tocsin.core.event import TOCSIN, Actor, Sample
from tocsin.core.events import MitigationProposed
from tocsin.core.ids import IncidentId, RunId
from tocsin.core.looks import refusal
from tocsin.core.rendering import find, pinned, render, taking_back
from tocsin.core.rules import Rulebook
from tocsin.core.runs import Run, Runs


class _Signed(msgspec.Struct, frozen=True):
    """All that an approval stands for."""

    incident: IncidentId
    run: RunId
    action: str
    before: Mapping[str, str]
    expires_at_ns: int


def seal(incident: IncidentId, run: RunId, rendered: Rendered, before: Mapping[str, str], expires_at: Instant) -> str:
    """Answer the digest that an approval signs. The same action in another incident has another one."""
    signed = _Signed(incident, run, rendered.digest, before, expires_at.timestamp(unit="nanosecond"))
    return hashlib.sha256(msgspec.json.encode(signed, order="sorted")).hexdigest()


def rendered_for(
    rules: Rulebook, action: str, values: Mapping[str, object], before: Mapping[str, str] | None = None
) -> Rendered:
    """Render an action of the playbook, an undo with its revision named. Raises `Refused`."""
    return pinned(render(find(rules, action), values), before or {})


def no_target(rendered: Rendered) -> Refused:
    """Refuse what nothing is set up to carry out."""
    return Refused(
        Reason.NO_TARGET,
        f"no target is set up for {rendered.target.value}, which {rendered.action} is done to",
        "set one up, see docs/operating.md; or do it by hand and say so with `tocsin mitigation`",
    )


def unseen(why: str, remedy: str) -> Refused:
    """Refuse what nobody can see the state before of: nothing is approved that nobody has looked at."""
    return Refused(
        Reason.TARGET_UNREACHABLE, f"the state before cannot be captured: {why}", remedy or "look at the target itself"
    )


_PASSING = frozenset({"ready"})
"""Facts that come and go by themselves, most of all in an incident: no approval hangs on them."""


def binding(before: Mapping[str, str]) -> dict[str, str]:
    """Answer those of the captured facts that must still be so when an approved run begins."""
    return {name: value for name, value in before.items() if name not in _PASSING}


def standing(runs: Runs, rendered: Rendered, before: Mapping[str, str], now: Instant) -> bool:
    """Tell whether the same thing is asked for already, or under way."""
    waiting = (run for run in runs.by_id.values() if run.open_at(now))
    return any((run.rendered, binding(run.before)) == (rendered, binding(before)) for run in waiting)


def signatures(action: Action, rules: Rulebook) -> Approvals:
    """Answer how many people must approve an action.

    Whatever its row says: what may change the world is never done without anybody's approval, and of a program it is
    only believed that it reads if it is among those that do.
    """
    return action.approvals or (1 if refusal(action, rules.diagnostics) else 0)


def propose(
    draft: Draft,
    rendered: Rendered,
    before: Mapping[str, str],
    given: Situation,
    by: Actor = TOCSIN,
    undoes: RunId | None = None,
) -> None:
    """Put a proposal into the timeline, unless the same one stands open already."""
    runs, incident = draft.incident.runs, draft.incident.id
    if standing(runs, rendered, before, given.now):
        return
    action = find(given.rules, rendered.action)
    run = RunId(f"R{runs.count + 1}")
    expires_at = given.now + given.rules.mitigations.expires_within
    draft.add(
        MitigationProposed(
            at=given.now,
            by=by,
            run=run,
            title=action.title,
            rendered=rendered,
            before=before,
            approvals=signatures(action, given.rules),
            expires_at=expires_at,
            digest=seal(incident, run, rendered, before, expires_at),
            risk=action.risk,
            expects=action.expects,
            inverse=action.inverse,
            undoes=undoes,
        )
    )


def taken_back(rules: Rulebook, run: Run) -> Rendered | None:
    """Answer the action that restores the state from before a run; None if the playbook has none."""
    if run.inverse is None:
        return None
    try:
        inverse = find(rules, run.inverse)
        values = taking_back(find(rules, run.rendered.action), run.rendered, run.before)
        return None if values is None else render(inverse, values)
    except Refused:
        return None  # The state before lacks what the inverse needs: a person must choose.


def judge(draft: Draft, given: Situation, fresh: tuple[Sample, ...] = (), *, cut_short: bool = False) -> None:
    """Say in the timeline whether the last mitigation helped; if it did harm, have its inverse ready for approval."""
    verdict = judged(draft.incident, given.rules, given.now, fresh, cut_short=cut_short)
    draft.add(verdict)
    run = draft.incident.runs.by_id.get(verdict.run) if verdict.run else None
    if run is None or verdict.verdict != "worse" or verdict.cut_short or not run.after:
        return
    inverse = taken_back(given.rules, run)
    if inverse is not None:
        propose(draft, inverse, run.after, given, undoes=run.id)
