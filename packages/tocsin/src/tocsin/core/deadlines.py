"""Deadlines: the playbook's rows laid over an incident. The idea on which everything else stands.

A row says: after this mark, within so long, until that mark, somebody brings it about; if not, this follows. Laid over
an incident's marks it is a deadline, or nothing. There are no timers: whatever is due can be computed again from the
timeline at any time, so a restart forgets nothing and a wake-up may be early, late or doubled.
"""

from collections.abc import Iterable

import msgspec
from whenever import Instant, TimeDelta

from tocsin.core import marks as m
from tocsin.core.ids import PageId, PersonId, RuleId
from tocsin.core.incident import Incident
from tocsin.core.pages import OpenPage
from tocsin.core.rules import Rule, Rulebook, RuleKind
from tocsin.core.worktime import due_at


class Deadline(msgspec.Struct, frozen=True):
    """What is owed by when."""

    rule: Rule
    due_at: Instant
    since: Instant
    """From when the allowance counts."""
    page: PageId | None = None
    """Set if it is the next step of a page that has no answer."""
    shift_of: PersonId | None = None
    """Set if it is the end of the shift of whoever has the incident in hand."""


def deadlines(rules: Rulebook, incident: Incident) -> tuple[Deadline, ...]:
    """Answer all that is owed in an incident, soonest first."""
    return _sorted((*_laid(rules, incident), *_steps(rules, incident)))


def due(rules: Rulebook, incident: Incident, now: Instant) -> tuple[Deadline, ...]:
    """Answer what is owed by now, soonest first."""
    laid = [each for each in _laid(rules, incident) if each.due_at <= now]
    return _sorted((*laid, *_steps(rules, incident, by=now)))


def next_due_at(rules: Rulebook, incident: Incident) -> Instant | None:
    """Answer when the incident wants to be woken."""
    laid = [each.due_at for each in _laid(rules, incident)]
    return min((*laid, *(page.next_at for page in _stepping(incident) if page.next_at)), default=None)


def _laid(rules: Rulebook, incident: Incident) -> list[Deadline]:
    """Answer what the playbook's rows and the end of a shift make owed."""
    if incident.closed:
        return []
    marks = incident.marks
    rows = rules.rows.get(incident.severity, ())
    # Most rows begin with a mark that is not set; asking that first halves the cost of what every decision does twice.
    laid = [lay(rules, rule, incident) for rule in rows if rule.after in marks]
    if incident.shifts:
        laid.append(_shift_end(rules, incident))
    return [deadline for deadline in laid if deadline]


def _stepping(incident: Incident) -> Iterable[OpenPage]:
    """Answer the pages that have a next step. There may be a thousand, and a decision on each."""
    return () if incident.closed else (page for page in incident.pages.values() if page.next_at)


def _steps(rules: Rulebook, incident: Incident, by: Instant | None = None) -> list[Deadline]:
    """Answer the next steps of pages, all of them or those due by an instant."""
    pages = _stepping(incident)
    return [_step(rules, incident, page) for page in pages if page.next_at and (by is None or page.next_at <= by)]


def _sorted(owed: Iterable[Deadline]) -> tuple[Deadline, ...]:
    return tuple(sorted(owed, key=_by_time))


def _step(rules: Rulebook, incident: Incident, page: OpenPage) -> Deadline:
    """Answer a page's next step as a deadline like any other; Tocsin itself owes it."""
    assert page.next_at is not None
    known = rules.people.get(page.person)
    row = Rule(
        id=RuleId(f"page.{page.page}"),
        clause="E2",
        title=f"Ask {known.name if known else page.person} again",
        severity=incident.severity,
        kind=RuleKind.STEP,
        after=m.OPENED,
        within=page.next_at - page.last_at,
    )
    return Deadline(row, page.next_at, page.last_at, page.page)


def _shift_end(rules: Rulebook, incident: Incident) -> Deadline | None:
    """Answer when the acknowledgment of whoever leads runs out, if it does (E4, O3)."""
    policy, leader = rules.relief, rules.leader(incident.roles)
    until = incident.shifts.get(leader) if leader else None
    if policy is None or leader is None or until is None or incident.resolved:
        return None
    if incident.severity not in policy.severities:
        return None
    known = rules.people.get(leader)
    row = Rule(
        id=RuleId(f"shift.{leader}"),
        clause=policy.clause,
        title=f"The shift of {known.name if known else leader} ends; somebody else takes over",
        severity=incident.severity,
        kind=RuleKind.STEP,
        after=m.ACKNOWLEDGED,
        within=TimeDelta.ZERO,
    )
    return Deadline(row, until, until, shift_of=leader)


def _by_time(deadline: Deadline) -> tuple[Instant, str]:
    return deadline.due_at, deadline.rule.id


def lay(rules: Rulebook, rule: Rule, incident: Incident) -> Deadline | None:
    """Lay one row over an incident."""
    began = incident.marks.get(rule.after)
    if began is None:
        return None
    start, anew_at = began.last, _anew_at(rule, incident)
    # What was done ahead of a scheduled instant counts, from its announcement on: that is what it was announced for.
    counts_from = began.first if rule.after == m.SCHEDULED else start
    if _latest(incident, rule.ends, counts_from) is not None:
        return None
    if rule.after.startswith("rule.") and start < anew_at:
        return None  # A rung from before it was reopened or changed its severity; the ladder has begun anew since.
    # An incident that grew worse owes what the worse severity asks, but from the moment at which it grew worse.
    since = max(start, anew_at)
    met_at = _latest(incident, rule.until, counts_from)
    answered_at = incident.at(m.ruled(rule.id))
    if rule.every is None:
        if met_at is not None or (answered_at is not None and answered_at >= since):
            return None
        return Deadline(rule, _due_at(rules, rule, incident, since), since)
    return Deadline(rule, _next_round(rules, rule, incident, since, met_at, answered_at), since)


def _anew_at(rule: Rule, incident: Incident) -> Instant:
    """Answer from when a row counts at the earliest. What asks for an acknowledgment begins anew when none is left."""
    asked_since = incident.asked_since
    if asked_since is None or not (m.ACKNOWLEDGED in rule.until or m.ACKNOWLEDGED in rule.ends):
        return incident.severity_since
    return max(incident.severity_since, asked_since)


def met_at(rule: Rule, incident: Incident) -> Instant | None:
    """Answer when a row was fulfilled, if it was."""
    mark = incident.marks.get(rule.after)
    if mark is None:
        return None
    return _latest(incident, rule.until, mark.first if rule.after == m.SCHEDULED else mark.last)


def _latest(incident: Incident, names: tuple[m.MarkName, ...], start: Instant) -> Instant | None:
    latest: Instant | None = None
    for name in names:
        mark = incident.marks.get(name)
        if mark is not None and mark.last >= start and (latest is None or mark.last > latest):
            latest = mark.last
    return latest


def _due_at(rules: Rulebook, rule: Rule, incident: Incident, since: Instant) -> Instant:
    if rule.after.startswith("rule."):
        emptied_at = incident.at(m.MarkName(f"empty.{rule.after.removeprefix('rule.')}"))
        if emptied_at is not None and emptied_at >= since:
            return emptied_at  # The rung before reached nobody: there is no answer to wait for.
    return due_at(rule, since, rules.calendar)


def _next_round(
    rules: Rulebook,
    rule: Rule,
    incident: Incident,
    since: Instant,
    met: Instant | None,
    answered: Instant | None,
) -> Instant:
    assert rule.every is not None
    first = _due_at(rules, rule, incident, since) if met is None or met < since else met + rule.every
    if answered is None or answered < first:
        return first
    return first + rule.every * (rounds_passed(first, answered, rule.every) + 1)


def rounds_passed(first: Instant, now: Instant, every: TimeDelta) -> int:
    """Count the whole rounds between the first time something was due and now."""
    return int((now - first) / every)
