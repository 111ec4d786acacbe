"""The decisions about runs: who may ask, who may approve, and whether what was approved may still begin (M3, M4).

An approval is a person's signature under one exact command, its target, the state before and an expiry. It counts only
while that person commands, so it is looked at again in the very decision that lets the run begin: a role handed over, a
changed state or a minute too many in between, and nothing is done.
"""

from collections.abc import Iterator
from typing import assert_never

from tocsin.core.commands import (
    ApproveMitigation,
    CancelMitigation,
    DelegateApproval,
    ProposeMitigation,
    Reason,
    RecordRunEnded,
    RecordRunStarted,
    Refused,
    RejectMitigation,
    Situation,
)
from tocsin.core.draft import Draft
from tocsin.core.effect import awaits_judgement
from tocsin.core.event import Actor
from tocsin.core.events import (
    ApprovalDelegated,
    MitigationApproved,
    MitigationEnded,
    MitigationRejected,
    MitigationStarted,
    MitigationWithdrawn,
)
from tocsin.core.ids import PersonId, RunId
from tocsin.core.incident import Incident
from tocsin.core.judgement import commander, refuse_ended
from tocsin.core.limits import PROPOSALS_OPEN_MAX
from tocsin.core.proposing import binding, judge, propose, rendered_for, standing
from tocsin.core.rendering import find
from tocsin.core.run_events import Authority
from tocsin.core.runs import UNDER_WAY, Run, RunState

_TWO = 2

RunCommand = (
    ProposeMitigation
    | ApproveMitigation
    | RejectMitigation
    | CancelMitigation
    | DelegateApproval
    | RecordRunStarted
    | RecordRunEnded
)


def act(draft: Draft, command: RunCommand, given: Situation) -> None:
    """Decide a command that is about a run."""
    match command:
        case ProposeMitigation():
            propose_mitigation(draft, command, given)
        case ApproveMitigation():
            approve(draft, command, given)
        case RejectMitigation():
            reject(draft, command, given)
        case CancelMitigation():
            cancel(draft, command, given)
        case DelegateApproval():
            delegate(draft, command, given)
        case RecordRunStarted():
            record_run_started(draft, command, given)
        case RecordRunEnded():
            record_run_ended(draft, command, given)
        case _:
            assert_never(command)


def propose_mitigation(draft: Draft, command: ProposeMitigation, given: Situation) -> None:
    """Take down what somebody wants done, exactly as it would run."""
    incident = draft.incident
    refuse_ended(incident)
    action = find(given.rules, command.action)
    if action.component is not None and action.component not in incident.components:
        raise Refused(
            Reason.OTHER_COMPONENT,
            f"{action.id} is done to {action.component}, which is not affected in {incident.id}",
            f"say so first: tocsin component {incident.id} {action.component}",
        )
    rendered = rendered_for(given.rules, command.action, command.values, command.before)
    if not standing(incident.runs, rendered, command.before, given.now):
        _refuse_too_many(incident, given)
    propose(draft, rendered, command.before, given, command.by)


def _refuse_too_many(incident: Incident, given: Situation) -> None:
    waiting = [run.id for run in incident.runs.by_id.values() if run.open_at(given.now)]
    if len(waiting) >= PROPOSALS_OPEN_MAX:
        raise Refused(
            Reason.TOO_MANY_PROPOSALS,
            f"{len(waiting)} actions wait in {incident.id} already",
            f"decide on some first: tocsin approve {incident.id} {waiting[0]}, or tocsin reject",
        )


def approve(draft: Draft, command: ApproveMitigation, given: Situation) -> None:
    """Sign exactly what was shown. The last signature that is needed lets it begin."""
    incident, run = draft.incident, _known(draft.incident, command.run)
    person = _person(command.by)
    if command.digest != run.digest:
        raise Refused(
            Reason.COMMAND_CHANGED,
            f"what was approved is not what {run.id} would run",
            f"look at it again and approve what you see: tocsin approve {incident.id} {run.id}",
        )
    if person in run.people and run.open_at(given.now):
        return  # Signed already: agreement, not a mistake.
    _refuse_complete(incident, run)
    refuse_ended(incident)
    _refuse_over(incident, run, given)
    authority = _authority(person, run, incident, given)
    _refuse_busy(incident, run)
    draft.add(
        MitigationApproved(
            at=given.now,
            by=command.by,
            run=run.id,
            digest=run.digest,
            authority=authority,
            complete=_complete(run, authority),
        )
    )


def _refuse_complete(incident: Incident, run: Run) -> None:
    """Tell whoever comes too late that it needs nobody any more: they must not believe that it runs on their word."""
    if run.state in UNDER_WAY:
        by = f"was approved by {', '.join(run.people)}" if run.people else "needs nobody's approval"
        raise Refused(Reason.RUN_BEGUN, f"{run.id} {by} and goes on", f"see how it ends: tocsin watch {incident.id}")


def _complete(run: Run, authority: Authority) -> bool:
    held = (authority, *(approval.authority for approval in run.approvals))
    return len(held) >= run.needs and any(each != "second" for each in held)


def _known(incident: Incident, key: RunId) -> Run:
    run = incident.runs.by_id.get(key)
    if run is None:
        known = ", ".join(incident.runs.by_id) or "none yet"
        raise Refused(
            Reason.UNKNOWN_RUN, f'{incident.id} has no run "{key[:40]}"', f"choose one of those there are: {known}"
        )
    return run


def _person(by: Actor) -> PersonId:
    if by.person is None:
        raise Refused(
            Reason.PERSON_MISSING,
            "an approval is one person's signature, and nobody is named",
            "use a token that names a person (tocsin token create --person NAME), or the link in the message",
        )
    return by.person


def _refuse_over(incident: Incident, run: Run, given: Situation) -> None:
    again = f"ask for it anew: tocsin mitigate {incident.id} {run.rendered.action}"
    if run.state is RunState.ENDED:
        raise Refused(Reason.APPROVAL_USED, f"{run.id} has had its one go: {run.outcome or 'over'}", again)
    if run.state in (RunState.REJECTED, RunState.WITHDRAWN):
        because = f": {run.reason}" if run.reason else ""
        raise Refused(
            Reason.RUN_CLOSED, f"{run.id} was {run.state.value} by {run.closed_by or 'Tocsin'}{because}", again
        )
    if not run.open_at(given.now):
        until = run.expires_at.format_iso()[11:19]
        raise Refused(Reason.APPROVAL_EXPIRED, f"{run.id} could be approved until {until} UTC", again)


def _refuse_busy(incident: Incident, run: Run) -> None:
    """Refuse a second change of one component within this incident; the store knows of the other incidents."""
    holder = next((each for each in incident.runs.by_id.values() if each.holds == run.component), None)
    if run.changes and holder is not None:
        raise Refused(
            Reason.BUSY,
            f"{holder.id} is changing {run.component} now",
            f"see how it ends, then approve {run.id}; one mitigation at a time",
        )


def authority_of(person: PersonId, run: Run, incident: Incident, given: Situation) -> Authority | None:
    """Answer as what somebody may sign a run now; None if they may not."""
    leader, delegate = commander(incident, given), incident.runs.delegate
    if person == leader:
        return "commander"
    if delegate is not None and (delegate.person, delegate.named_by) == (person, leader):
        return "delegate"
    engaged = person in incident.responders or person in incident.roles.values()
    return "second" if run.needs >= _TWO and engaged else None


def _authority(person: PersonId, run: Run, incident: Incident, given: Situation) -> Authority:
    found = authority_of(person, run, incident, given)
    if found is None:
        leader = commander(incident, given)
        remedy = (
            f"ask {leader}, who commands, or whom they name: tocsin delegate {incident.id} {person}"
            if leader
            else f"nobody commands yet; take it in hand first: tocsin ack {incident.id}"
        )
        raise Refused(
            Reason.NOT_COMMANDER, f"only the Incident Commander may approve, and {person} is not (M4)", remedy
        )
    return found


def approvers(run: Run, incident: Incident, given: Situation) -> tuple[PersonId, ...]:
    """Answer whose signature a run waits for: the commander's or the delegate's first, then another's."""
    if run.state is not RunState.PROPOSED or not run.open_at(given.now) or incident.resolved:
        return ()
    leader, delegate = commander(incident, given), incident.runs.delegate
    named = delegate.person if delegate and delegate.named_by == leader else None
    leading = [PersonId(person) for person in (leader, named) if person]
    if any(approval.authority != "second" for approval in run.approvals):
        leading = []
    others = (*incident.roles.values(), *incident.responders) if run.needs >= _TWO else ()
    return tuple(person for person in dict.fromkeys((*leading, *others)) if person not in run.people)


def reject(draft: Draft, command: RejectMitigation, given: Situation) -> None:
    """Say no: whoever might say yes."""
    incident, run = draft.incident, _known(draft.incident, command.run)
    person = _person(command.by)
    if run.state is RunState.REJECTED:
        return
    _refuse_begun(run)
    _refuse_over(incident, run, given)
    _authority(person, run, incident, given)
    draft.add(MitigationRejected(at=given.now, by=command.by, run=run.id, reason=command.reason.strip()))


def cancel(draft: Draft, command: CancelMitigation, given: Situation) -> None:
    """Take back what has not begun: whoever asked for it, or whoever commands."""
    incident, run = draft.incident, _known(draft.incident, command.run)
    if run.state is RunState.WITHDRAWN:
        return
    _refuse_begun(run)
    _refuse_over(incident, run, given)
    own = command.by.person is not None and command.by.person == run.asked_by
    if not (own or command.by.commands or (command.by.person and command.by.person == commander(incident, given))):
        raise Refused(
            Reason.NOT_COMMANDER,
            f"{run.id} was asked for by {run.asked_by or 'Tocsin'}; only they or the commander take it back",
            f"say why not to them, or reject it if you may: tocsin reject {incident.id} {run.id}",
        )
    draft.add(MitigationWithdrawn(at=given.now, by=command.by, run=run.id, reason=command.reason.strip()))


def _refuse_begun(run: Run) -> None:
    if run.state is RunState.STARTED:
        raise Refused(
            Reason.RUN_BEGUN,
            f"{run.id} is being done; it cannot be called back",
            "see how it ends; its inverse can be asked for then",
        )


def delegate(draft: Draft, command: DelegateApproval, given: Situation) -> None:
    """Name who approves in the commander's stead: the commander's own act, and it ends with their command."""
    incident = draft.incident
    refuse_ended(incident)
    person = _person(command.by)
    if person != commander(incident, given):
        raise Refused(
            Reason.NOT_COMMANDER,
            f"only the Incident Commander names a delegate, and {person} is not (M4)",
            f"ask {commander(incident, given) or 'for somebody to take command'}",
        )
    if command.person is not None and command.person not in given.rules.people:
        names = ", ".join(sorted(given.rules.people))
        raise Refused(Reason.UNKNOWN_PERSON, f'there is no person "{command.person}"', f"choose one of {names}")
    known = incident.runs.delegate
    if (known.person if known else None, known.named_by if known else person) != (command.person, person):
        draft.add(ApprovalDelegated(at=given.now, by=command.by, person=command.person))


def record_run_started(draft: Draft, command: RecordRunStarted, given: Situation) -> None:
    """Let a run begin, if what was approved is what is so now; else say why nothing was done."""
    run = draft.incident.runs.by_id.get(command.run)
    if run is None or run.state is not RunState.READY:
        return  # Somebody else has begun it. It is never begun twice.
    against = next(_speaks_against(run, command, draft.incident, given), None)
    if against is not None:
        why, remedy = against
        draft.add(MitigationEnded(at=given.now, by=command.by, run=run.id, outcome="not_run", why=why, remedy=remedy))
        return
    if run.changes and awaits_judgement(draft.incident):
        judge(draft, given, command.samples, cut_short=True)
    draft.add(
        MitigationStarted(
            at=given.now,
            by=command.by,
            run=run.id,
            shown=run.rendered.shown,
            approved_by=run.people,
            rehearsed=command.rehearsed,
            samples=command.samples,
        )
    )


def _speaks_against(
    run: Run, command: RecordRunStarted, incident: Incident, given: Situation
) -> Iterator[tuple[str, str]]:
    """Answer what keeps a run from beginning, with what to do about it."""
    again = f"ask for it anew: tocsin mitigate {incident.id} {run.rendered.action}"
    if incident.resolved:
        yield "the incident was resolved meanwhile", "reopen it if it came back"
    if given.now >= run.expires_at:
        yield f"its approval ended at {run.expires_at.format_iso()[11:19]} UTC, before it could begin", again
    lost = [one.person for one in run.approvals if not _still_holds(one.person, one.authority, run, incident, given)]
    if lost or (run.needs and not _signed(run)):
        leader = commander(incident, given) or "nobody"
        yield f"{', '.join(lost) or 'nobody'} approved it and may no longer: {leader} commands now", again
    if not _as_the_playbook_says(run, given):
        yield "it is no longer what the playbook of this incident says", again
    if command.problem:
        yield command.problem, command.remedy or again
    if run.changes and binding(command.before) != binding(run.before):
        yield f"the state has changed since it was approved: {_differences(run, command)}", again


def _signed(run: Run) -> bool:
    return len(set(run.people)) >= run.needs and any(each.authority != "second" for each in run.approvals)


def _still_holds(person: PersonId, authority: Authority, run: Run, incident: Incident, given: Situation) -> bool:
    now = authority_of(person, run, incident, given)
    return now is not None and (authority == "second" or now != "second")


def _as_the_playbook_says(run: Run, given: Situation) -> bool:
    try:
        now = rendered_for(given.rules, run.rendered.action, run.rendered.parameters, run.before)
    except Refused:
        return False
    return now.digest == run.rendered.digest


def _differences(run: Run, command: RecordRunStarted) -> str:
    was, now = binding(run.before), binding(command.before)
    names = [name for name in sorted({*was, *now}) if was.get(name) != now.get(name)]
    return "; ".join(f"{name} was {was.get(name, 'absent')}, is {now.get(name, 'absent')}" for name in names)


def record_run_ended(draft: Draft, command: RecordRunEnded, given: Situation) -> None:
    """Take down what became of a run. What nobody knew may be known later; what is known stays."""
    run = draft.incident.runs.by_id.get(command.run)
    if run is None:
        return
    late = run.state is RunState.ENDED and run.outcome == "unknown" and command.outcome != "unknown"
    if run.state is not RunState.STARTED and not late:
        return
    draft.add(
        MitigationEnded(
            at=given.now,
            by=command.by,
            run=run.id,
            outcome=command.outcome,
            why=command.why,
            remedy=command.remedy,
            exit_status=command.exit_status,
            output=command.output,
            output_digest=command.output_digest,
            output_bytes=command.output_bytes,
            after=command.after,
        )
    )
