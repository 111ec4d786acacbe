"""Pages: one person's answer is demanded, by one method after another and again, until it is there or cannot come.

Whom to ask is `escalation`'s business. Here it is settled how: by the person's notification rules where there are any,
else by the methods that the policy names; never by ringing in quiet hours that the severity does not break.
"""

from collections.abc import Collection, Iterable, Mapping

from whenever import Instant, TimeDelta

from tocsin.core import marks as m
from tocsin.core import rooms
from tocsin.core.commands import RecordDelivery, Situation
from tocsin.core.contact import RINGING, MethodKind, NotificationRule, kinds_between, quiet_span, ring_after
from tocsin.core.draft import Draft
from tocsin.core.events import (
    NotificationFailed,
    PageAttemptFailed,
    PageDelivered,
    PageRepeated,
    PersonPaged,
    PersonTold,
    PersonUnreachable,
)
from tocsin.core.ids import PageId, PersonId, Severity
from tocsin.core.incident import Incident
from tocsin.core.kinds import Kind
from tocsin.core.limits import STEPS_PER_PAGE_MAX
from tocsin.core.pages import OpenPage
from tocsin.core.rules import Method, Person, Rule
from tocsin.core.storm import NOT_AWAKE


def page(
    draft: Draft,
    asked: Iterable[PersonId],
    via: tuple[MethodKind, ...],
    rule: Rule | None,
    reason: str,
    given: Situation,
    clause: str,
    *,
    again: bool = False,
) -> None:
    """Page people who are not at work on it yet; ``again`` those too, for they may have fallen asleep."""
    for person in asked:
        if (person in draft.incident.responders and not again) or _just_paged(draft.incident, person, given):
            continue  # Already at work, or already ringing for another reason of the same moment.
        _page_one(draft, person, via, rule, reason, given, clause, again=again)


def _page_one(
    draft: Draft,
    person: PersonId,
    via: tuple[MethodKind, ...],
    rule: Rule | None,
    reason: str,
    given: Situation,
    clause: str,
    *,
    again: bool,
) -> None:
    known, severity = given.rules.people.get(person), draft.incident.severity
    plan = _plan(known, via, severity)
    first, later = _at_once(known, plan, severity, given)
    next_at = ring_after(plan, known.quiet, severity, given.now, given.now) if known and first else None
    may_fold = draft.incident.kind is Kind.INCIDENT and rule is not None and not again
    quiet = bool(first) and may_fold and is_awake(person, None, severity, given)
    if quiet:
        first, next_at = kept_quiet(known, None, given)
    key = PageId(f"{draft.incident.id}.{draft.incident.size + 1}")
    row = rule.id if rule else None
    draft.add(
        PersonPaged(
            at=given.now,
            page=key,
            person=person,
            rule=row,
            clause=clause,
            reason=reason,
            methods=first,
            later=() if quiet else later,
            plan=plan if next_at else (),
            next_at=next_at,
            asks=rule is not None and (m.ACKNOWLEDGED in rule.until or m.ACKNOWLEDGED in rule.ends),
            quiet=quiet,
            beside=given.awake.get(person, NOT_AWAKE).pages if given.rules.storm else 0,
        )
    )
    if not first and not quiet:
        draft.add(PersonUnreachable(at=given.now, page=key, person=person, rule=row))


def _just_paged(incident: Incident, person: PersonId, given: Situation) -> bool:
    return any(page.person == person and page.paged_at == given.now for page in incident.pages.values())


def _plan(person: Person | None, via: tuple[MethodKind, ...], severity: Severity) -> tuple[NotificationRule, ...]:
    """Answer a person's notification rules; where there are none, the policy's methods at once are the only step."""
    if person is None:
        return ()
    by = dict.fromkeys(method.kind for method in wanted(person, via))
    return person.plan(severity) or (NotificationRule(by=tuple(by)),)


def wanted(person: Person | None, via: tuple[MethodKind, ...]) -> tuple[Method, ...]:
    """Answer a person's methods of the wanted kinds, in that order; else their best one."""
    if person is None:
        return ()
    return _of_kinds(person, via) or person.methods[:1]


def _of_kinds(person: Person, kinds: Iterable[MethodKind]) -> tuple[Method, ...]:
    return tuple(method for kind in kinds for method in person.methods if method.kind is kind)


def _at_once(
    person: Person | None, plan: tuple[NotificationRule, ...], severity: Severity, given: Situation
) -> tuple[tuple[Method, ...], tuple[Method, ...]]:
    """Divide a person's methods: those tried now, and those tried one by one if they fail, the plan's later ones first.

    Where quiet hours leave nothing of the plan's first step, the best method that does not ring is tried.
    """
    if person is None:
        return (), ()
    quiet = bool(person.quiet) and quiet_span(person.quiet, severity, given.now) is not None
    usable = [method for method in person.methods if not (quiet and method.kind in RINGING)]
    kinds = [kind for rule in sorted(plan, key=lambda rule: rule.after) for kind in rule.by]
    now = [kind for rule in plan if not rule.after for kind in rule.by]
    ordered = tuple(dict.fromkeys((*(each for each in _of_kinds(person, kinds) if each in usable), *usable)))
    first = tuple(method for method in ordered if method.kind in now) or ordered[:1]
    return first, tuple(method for method in ordered if method not in first)


def quietest(person: Person | None) -> tuple[Method, ...]:
    """Answer the first method that does not ring: a reminder is no page. Whoever has only ringing ones is rung."""
    if person is None:
        return ()
    return tuple(method for method in person.methods if method.kind not in RINGING)[:1] or person.methods[:1]


def is_awake(person: PersonId, open_page: OpenPage | None, severity: Severity, given: Situation) -> bool:
    """Tell whether somebody is awake already for something as severe, so that this page need not ring.

    Of several pages that are repeated, the one that rang last goes on ringing for all of them.
    """
    policy, known = given.rules.storm, given.awake.get(person)
    if policy is None or known is None:
        return False
    rang_at = _latest(known.rang, severity, given)
    own_at = open_page.rang_at if open_page else None
    if rang_at and given.now - rang_at < policy.rang_within and (own_at is None or rang_at > own_at):
        return True
    acted_at = _latest(known.acted, severity, given)
    return acted_at is not None and given.now - acted_at < policy.acted_within


def _latest(at: Mapping[Severity, Instant], severity: Severity, given: Situation) -> Instant | None:
    return max((when for other, when in at.items() if not given.rules.worse(severity, other)), default=None)


def kept_quiet(
    person: Person | None, open_page: OpenPage | None, given: Situation
) -> tuple[tuple[Method, ...], Instant | None]:
    """Answer by what somebody who is awake is told how much waits for them, and when this page is looked at again.

    One message speaks of all their pages: a page that came before the last one is spoken of already, and one that comes
    soon after it waits for the next.
    """
    policy = given.rules.storm
    assert policy is not None, "only a policy calls somebody awake"
    if person is None:
        return (), given.now + policy.rang_within
    told_at = given.awake.get(person.id, NOT_AWAKE).told_at
    if told_at is not None and open_page is not None and told_at > open_page.paged_at:
        return (), given.now + policy.rang_within
    if told_at is not None and given.now - told_at < policy.counts_every:
        return (), told_at + policy.counts_every
    return tuple(method for method in quietest(person) if method.kind not in RINGING), given.now + policy.rang_within


def step(draft: Draft, key: PageId, given: Situation) -> None:
    """Ask somebody again whose page came to its next step."""
    open_page = draft.incident.pages.get(key)
    if open_page is None or open_page.next_at is None or open_page.next_at > given.now:
        return  # Ended, or stepped on, by what came due before it in the same moment.
    person = given.rules.people.get(open_page.person)
    is_incident = draft.incident.kind is Kind.INCIDENT
    quiet = is_incident and is_awake(open_page.person, open_page, draft.incident.severity, given)
    if not quiet:
        methods, following = _rung(person, open_page, draft.incident.severity, given)
    elif open_page.rang_at:
        methods, following = (), _rung(person, open_page, draft.incident.severity, given)[1]  # Another rings for it.
    else:
        methods, following = kept_quiet(person, open_page, given)
    draft.add(
        PageRepeated(
            at=given.now,
            page=key,
            person=open_page.person,
            step=open_page.step + 1,
            due_at=open_page.next_at,
            methods=methods,
            next_at=following if open_page.step < STEPS_PER_PAGE_MAX else None,
            quiet=quiet,
            beside=given.awake.get(open_page.person, NOT_AWAKE).pages if given.rules.storm else 0,
        )
    )


def _rung(
    person: Person | None, open_page: OpenPage, severity: Severity, given: Situation
) -> tuple[tuple[Method, ...], Instant | None]:
    """Answer the methods whose time has come since it last rang, and when the next ones come."""
    if person is None:
        return (), None
    # What was kept quiet has all its steps so far to make up for.
    last = open_page.last_at if open_page.rang_at else open_page.paged_at - TimeDelta(nanoseconds=1)
    kinds = kinds_between(open_page.plan, person.quiet, severity, open_page.paged_at, last, given.now)
    following = ring_after(open_page.plan, person.quiet, severity, open_page.paged_at, given.now)
    return _of_kinds(person, kinds), following


def record_delivery(draft: Draft, command: RecordDelivery, given: Situation) -> None:
    """Note what became of a message, and go on to the next method where it failed."""
    if command.page is None:
        if command.why:
            _notice_failed(draft, command, given)
        return
    open_page = draft.incident.pages.get(command.page)
    if open_page is None or command.method not in open_page.trying:
        return  # Answered in the meantime, or a receipt that came twice.
    if not command.why:
        if not open_page.delivered:
            draft.add(PageDelivered(at=given.now, page=open_page.page, method=command.method, receipt=command.receipt))
        return
    _attempt_failed(draft, open_page, command, given)


def _notice_failed(draft: Draft, command: RecordDelivery, given: Situation) -> None:
    """Note the failure, and say it again by the next method that suits it, if there is one."""
    failed = command.method
    if command.intent and command.intent in draft.incident.undelivered:
        return
    room = draft.incident.room
    in_room = room is not None and bool(room.id) and failed.address == room.id
    if in_room:  # First of all: what was to be said there is said elsewhere by then.
        rooms.lose(draft, command.why, given)
    draft.add(
        NotificationFailed(
            at=given.now,
            address=failed.address,
            channel=failed.channel,
            why=command.why,
            intent=command.intent,
            unsaid=command.text if in_room else "",
        )
    )
    person = given.rules.people.get(command.person) if command.person else None
    if person is None or failed not in person.methods:
        return
    following = _said_again_by(person, failed, draft.incident, given)
    if following:
        draft.add(PersonTold(at=given.now, person=person.id, rule=None, text=command.text, methods=following))


def _said_again_by(person: Person, failed: Method, incident: Incident, given: Situation) -> tuple[Method, ...]:
    """Answer the next method for what demands no answer: one that does not ring, if any is left.

    Slack's failing at night is no reason to ring for a reminder, and an errand rings nobody who can be told quietly.
    """
    later = person.methods[person.methods.index(failed) + 1 :]
    quiet = _quiet_after(person, failed)
    if quiet or (incident.kind is not Kind.INCIDENT and failed.kind not in RINGING):
        return quiet[:1]
    return _may_ring(later, person.id, incident.severity, given)[:1]


def _quiet_after(person: Person, failed: Method) -> tuple[Method, ...]:
    """Answer the methods that do not ring and stand after one that failed; so no two ever take turns."""
    place = person.methods.index(failed) if failed in person.methods else len(person.methods)
    return tuple(method for method in person.methods[place + 1 :] if method.kind not in RINGING)


def _attempt_failed(draft: Draft, open_page: OpenPage, command: RecordDelivery, given: Situation) -> None:
    others = [method for method in open_page.trying if method != command.method]
    later = _may_ring(open_page.later, open_page.person, draft.incident.severity, given)
    person = given.rules.people.get(open_page.person)
    if open_page.rang_at is None and person is not None:  # Whoever is awake has to hear of it all the same.
        later = _quiet_after(person, command.method)
    following = later[0] if later and not others else None
    draft.add(
        PageAttemptFailed(at=given.now, page=open_page.page, method=command.method, why=command.why, next=following)
    )
    # Whoever had it once has it, and what was kept quiet has yet to ring: neither is the same as not being reached.
    if not others and following is None and not open_page.delivered and open_page.rang_at:
        draft.add(PersonUnreachable(at=given.now, page=open_page.page, person=open_page.person, rule=open_page.rule))


def _may_ring(
    methods: Collection[Method], person: PersonId, severity: Severity, given: Situation
) -> tuple[Method, ...]:
    """Answer the methods that this hour allows."""
    known = given.rules.people.get(person)
    if known is None or not known.quiet or quiet_span(known.quiet, severity, given.now) is None:
        return tuple(methods)
    return tuple(method for method in methods if method.kind not in RINGING)
