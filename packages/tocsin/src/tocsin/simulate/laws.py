"""The laws: what must hold after every write, whatever happened before it. A broken law is a bug, never bad luck.

Each law is one small function that answers what is broken, in words. They know nothing of how the engine works: they
look at what was kept, and at what the world has seen.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from whenever import Instant, TimeDelta

from tocsin.core import events as e
from tocsin.core import marks as m
from tocsin.core.commands import AnyCommand, Refused, Situation
from tocsin.core.deadlines import deadlines
from tocsin.core.decide import decide
from tocsin.core.events import AnyEvent
from tocsin.core.gathering import Gathering
from tocsin.core.ids import IncidentId
from tocsin.core.incident import Incident, evolve, fold
from tocsin.core.kinds import ASKED, TESTED, Kind
from tocsin.core.limits import STEPS_PER_PAGE_MAX
from tocsin.core.messages import Intent
from tocsin.core.mitigation import authority_of
from tocsin.core.objectives import holds
from tocsin.core.rules import Remind, Rule, Rulebook, RuleKind, SoundAlarm
from tocsin.core.runs import Run, RunState
from tocsin.core.stages import Stage
from tocsin.engine.handler import headline
from tocsin.store.port import Append

BROKEN_MAX: Final = 20
"""Broken laws that are told. What follows from the first one rarely adds to it."""


class Laws:
    """Looks on, and remembers what was broken."""

    def __init__(self, starts_at: Instant) -> None:
        self.broken: list[str] = []
        self._at = starts_at

    def watch(self, at: Instant) -> None:
        """Take note of the time, for the words of what is found."""
        self._at = at

    def found(self, broken: Iterable[str]) -> None:
        """Take note of what a law found broken."""
        for each in broken:
            if len(self.broken) < BROKEN_MAX:
                self.broken.append(f"{self._at.format_iso()} {each}")


def time_goes_forward(incident: IncidentId, last_at: Instant, events: Sequence[AnyEvent]) -> Iterator[str]:
    """No event of a timeline is dated before the one ahead of it."""
    for event in events:
        if event.at < last_at:
            yield f"{incident}: {type(event).__name__} at {event.at} follows an event at {last_at}"
        last_at = max(last_at, event.at)


def headline_is_true(append: Append, incident: Incident, given: Situation) -> Iterator[str]:
    """What is kept for lists and wake-ups is what the timeline says."""
    true = headline(incident, given)
    if append.headline != true:
        yield f"{incident.id}: the headline says {append.headline}, the timeline {true}"


def something_is_owed(append: Append) -> Iterator[str]:
    """An open incident always owes something by an instant."""
    if append.headline.resolved_at is None and append.headline.next_due_at is None:
        yield f"{append.headline.id} is open and owes nothing: nobody would ever look at it again"


def pages_have_intents(append: Append, intents: Sequence[Intent]) -> Iterator[str]:
    """Whoever is paged is sent a message by each of the methods, in the same write."""
    sent = {(intent.page, intent.method) for intent in intents}
    unreachable = {event.page for event in append.events if isinstance(event, e.PersonUnreachable)}
    for event in append.events:
        if not isinstance(event, e.PersonPaged):
            continue
        if event.quiet and not event.next_at:
            yield f"{event.page}: {event.person} was not rung and never will be"
        if not event.methods and not event.quiet and event.page not in unreachable:
            yield f"{event.page}: {event.person} was paged by no method and is not called unreachable"
        yield from (
            f"{event.page}: nothing is sent by {method.kind.value}"
            for method in event.methods
            if (event.page, method) not in sent
        )


def resolutions_are_earned(incident: Incident, events: Sequence[AnyEvent], rules: Rulebook) -> Iterator[str]:
    """A resolution is verified, by samples that hold since long enough, or overridden with a reason (V1–V4)."""
    for event in events:
        if not isinstance(event, e.IncidentResolved):
            continue
        if not event.verified:
            if not event.reason.strip():
                yield f"{incident.id} was resolved unverified and without a reason"
            continue
        if not event.samples or not all(holds(sample) for sample in event.samples):
            yield f"{incident.id} was called verified on samples that do not hold"
        if event.held_since is None or event.at - event.held_since < rules.watch.holds_for:
            yield f"{incident.id} was called verified before the window was over"


def nothing_is_decided_twice(
    before: Incident | None, incident: Incident, commands: Sequence[AnyCommand], given: Situation
) -> Iterator[str]:
    """A command that was carried out yields nothing when it comes again at the same instant."""
    for command in commands:
        try:
            again = decide(incident, command, given)
        except Refused as refusal:
            again = ()
            if before is not None and not incident.resolved:
                yield f"{incident.id}: {type(command).__name__} was taken and then refused: {refusal}"
        if again:
            yield f"{incident.id}: {type(command).__name__} again yields {[type(event).__name__ for event in again]}"


def unanswered_goes_on(incident: Incident, rules: Rulebook) -> Iterator[str]:
    """While nobody has acknowledged, the next rung or the alarm comes in bounded time (E4)."""
    rows = rules.rows.get(incident.severity, ())
    if incident.resolved or incident.acknowledged or incident.kind is not Kind.INCIDENT:
        return
    if not any(SoundAlarm() in row.then for row in rows):
        if not any(Remind() in each.rule.then for each in deadlines(rules, incident)):
            yield f"{incident.id} has no acknowledgment, its ladder no alarm, and nobody is reminded"
        return
    longest = max(max(row.within, row.every or TimeDelta.ZERO) for row in rows if _asks(row))
    coming = min((each.due_at for each in deadlines(rules, incident) if _asks(each.rule)), default=None)
    if coming is None or coming > incident.last_at + longest:
        yield f"{incident.id} has no acknowledgment, and nobody is asked before {coming}"


def pages_go_on(incident: Incident) -> Iterator[str]:
    """A page without an answer is asked again as long as its person's rules say so, and never without an end (E2, E4).

    Of one person's pages the latest is the one that goes on; one that asked for an acknowledgment stops with it.
    """
    latest = {page.person: page.page for page in incident.pages.values()}
    for page in incident.pages.values():
        if page.step > STEPS_PER_PAGE_MAX + 1:
            yield f"{page.page}: {page.person} was asked {page.step} times"
        ended = page.step > STEPS_PER_PAGE_MAX or (page.asks and m.ANSWERED in incident.marks)
        goes_on = page.rang_at is None or any(rule.every for rule in page.plan)
        if latest[page.person] == page.page and goes_on and not ended and page.next_at is None:
            yield f"{page.page}: {page.person} has not answered, and is never asked again"


def somebody_is_in_charge(incident: Incident, rules: Rulebook) -> Iterator[str]:
    """What was taken in hand stays in somebody's hands until it is resolved, or is asked for again (R4, O3)."""
    if incident.acknowledged and not incident.resolved and not (incident.responders or rules.leader(incident.roles)):
        yield f"{incident.id} was acknowledged, and nobody has it in hand"


def _asks(row: Rule) -> bool:
    return row.kind is RuleKind.STEP and (m.ACKNOWLEDGED in row.until or m.ACKNOWLEDGED in row.ends)


def drills_ask_one_person(incident: Incident, events: Sequence[AnyEvent]) -> Iterator[str]:
    """A drill pages and tells nobody but its person, and never escalates."""
    if incident.kind is not Kind.DRILL:
        return
    person = incident.roles.get(TESTED)
    for event in events:
        if isinstance(event, e.PersonPaged | e.PersonTold) and event.person != person:
            yield f"{incident.id} is a drill for {person} and asked {event.person}"
        if isinstance(event, e.LevelRaised | e.NobodyReachable | e.SeverityRaised):
            yield f"{incident.id} is a drill and escalated: {type(event).__name__}"


def errands_are_answered_by_their_own(incident: Incident, events: Sequence[AnyEvent]) -> Iterator[str]:
    """Nobody but whom an errand asks can accept it; and it ends as done only if they did (O3)."""
    if incident.kind is Kind.INCIDENT:
        return
    asked = incident.roles.get(ASKED[incident.kind])
    for event in events:
        if isinstance(event, e.Acknowledged) and event.by.person != asked:
            yield f"{incident.id} asks {asked} and was acknowledged by {event.by.person}"
        is_done = isinstance(event, e.Concluded) and event.outcome == "done"
        if is_done and incident.kind is Kind.HANDOFF and asked not in incident.responders:
            yield f"{incident.id} ended as done, and {asked} never accepted it"


def folds_are_one(incident: Incident, timeline: Sequence[AnyEvent]) -> Iterator[str]:
    """Folding all events at once is the same as folding them as they came."""
    if fold(None, timeline) != incident:
        yield f"{incident.id} folded at once differs from what it was folded to step by step"


def versions_count(incident: Incident, append: Append) -> Iterator[str]:
    """A timeline only grows, and by what was decided on it as it stood."""
    if incident.size != append.expected + len(append.events):
        yield f"{incident.id} has {incident.size} events after a write on {append.expected}"


def accounted(unaccounted: int) -> Iterator[str]:
    """Every alert has an incident or a named suppression; every message has an end or a next attempt."""
    if unaccounted:
        yield f"{unaccounted} obligations are owed by nobody"


def looked_at(owed: Sequence[Gathering]) -> Iterator[str]:
    """When all is quiet no diagnostics are owed any more, whatever died in the middle of gathering them."""
    for gathering in owed:
        yield f"the diagnostics {gathering.id} are owed still"


def firing_is_counted(incidents: Iterable[Incident], attached: Mapping[IncidentId, int]) -> Iterator[str]:
    """An incident knows how many of its alerts fire: a wrong count would hold its resolution up, or let it pass."""
    for incident in incidents:
        if incident.firing != attached.get(incident.id, 0):
            yield f"{incident.id} counts {incident.firing} firing alerts; there are {attached.get(incident.id, 0)}"


def nothing_is_overdue(name: str, next_at: Instant | None, now: Instant) -> Iterator[str]:
    """When all is quiet, nothing that was due is left undone."""
    if next_at is not None and next_at <= now:
        yield f"all is quiet at {now}, but the {name} had something to do at {next_at}"


def runs_are_lawful(before: Incident | None, events: Sequence[AnyEvent], given: Situation) -> Iterator[str]:
    """Nothing that changes the world begins without a valid approval, or twice, or beside another change (M4)."""
    incident = before
    for event in events:
        if isinstance(event, e.MitigationStarted) and incident is not None:
            run = incident.runs.by_id.get(event.run)
            if run is None or run.state is not RunState.READY:
                yield f"{incident.id} {event.run} began and was {run.state.value if run else 'never asked for'}"
            elif run.changes:
                yield from _unapproved(run, incident, event.at, given)
                others = [each.id for each in incident.runs.by_id.values() if each.holds == run.holds and each != run]
                yield from (f"{incident.id} {run.id} began while {other} was under way" for other in others)
        incident = evolve(incident, event)


def _unapproved(run: Run, incident: Incident, at: Instant, given: Situation) -> Iterator[str]:
    signed = {each.person: authority_of(each.person, run, incident, given) for each in run.approvals}
    if at >= run.expires_at:
        yield f"{incident.id} {run.id} began after its approval had ended"
    if len(signed) < max(run.needs, 1) or not set(signed.values()) & {"commander", "delegate"}:
        yield f"{incident.id} {run.id} began on the approval of {signed or 'nobody'}"


def stage_of_watch(incident: Incident) -> Iterator[str]:
    """No watch runs but in stage monitoring (V2)."""
    if incident.window_began_at is not None and incident.stage not in (Stage.MONITORING, Stage.RESOLVED):
        yield f"{incident.id} is watched in stage {incident.stage.value}"
