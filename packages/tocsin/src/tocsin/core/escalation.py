"""Who is reached, how, and what happens when they are not (E1–E4, D1)."""

from collections.abc import Iterable
from typing import assert_never

from tocsin.core import marks as m
from tocsin.core.commands import RecordDelivery, Situation
from tocsin.core.draft import Draft
from tocsin.core.events import (
    TOCSIN,
    Actor,
    AudienceTold,
    IncidentClosed,
    LevelRaised,
    MitigationJudged,
    NobodyOnCall,
    NobodyReachable,
    NotificationFailed,
    PageAttemptFailed,
    PageDelivered,
    PersonPaged,
    PersonTold,
    PersonUnreachable,
)
from tocsin.core.ids import INCIDENT_COMMANDER, PageId, PersonId, RoleName
from tocsin.core.incident import Incident, OpenPage
from tocsin.core.objectives import failing
from tocsin.core.rules import (
    Announce,
    Close,
    ComponentOwner,
    Consequence,
    Everybody,
    InRole,
    JudgeMitigation,
    Level,
    Method,
    MethodKind,
    OnRotation,
    Page,
    Person,
    RaiseLevel,
    Remind,
    Rule,
    RuleKind,
    SoundAlarm,
    Target,
    Tell,
    ThePerson,
)

_RINGING = frozenset({MethodKind.PAGER, MethodKind.PHONE, MethodKind.SMS})


def carry_out(draft: Draft, rule: Rule, consequence: Consequence, given: Situation) -> None:
    """Add the events that follow from one consequence of a row that came due."""
    match consequence:
        case Page(target, via):
            _page_target(draft, target, via, rule, given)
        case Tell(target, via):
            _tell(draft, target, via, rule, rule.title, given)
        case Remind() if _left_to_the_ladder(draft.incident, given):
            pass  # Nobody has it in hand: that is the ladder's business, and whoever sleeps needs no second reason.
        case Remind():
            _tell(draft, rule.owner or Everybody(), (), rule, f"{rule.title} is overdue", given)
        case Announce(audience):
            draft.add(AudienceTold(at=given.now, audience=audience, rule=rule.id, text=rule.title))
        case RaiseLevel(number):
            raise_level(draft, number, rule, given, rule.title)
        case SoundAlarm():
            draft.add(NobodyReachable(at=given.now, rule=rule.id, clause=rule.clause))
            _page_target(draft, Everybody(), tuple(MethodKind), rule, given)
        case JudgeMitigation():
            draft.add(_judged(draft.incident, given))
        case Close():
            if draft.incident.resolved:  # A milestone told too soon must not silence what is still open.
                draft.add(IncidentClosed(at=given.now, reason=rule.title))
        case _:
            assert_never(consequence)


def _left_to_the_ladder(incident: Incident, given: Situation) -> bool:
    """Tell whether nobody has it in hand and the ladder goes on asking. One without an alarm ends some day."""
    rows = given.rules.rows.get(incident.severity, ())
    return not (incident.acknowledged or incident.resolved) and any(SoundAlarm() in row.then for row in rows)


def raise_level(
    draft: Draft, number: int, rule: Rule | None, given: Situation, reason: str, by: Actor = TOCSIN
) -> None:
    """Escalate to a level unless it is reached already, and page its people as it says."""
    level = next((level for level in given.rules.levels if level.number == number), None)
    if level is None or draft.incident.level >= number:
        return
    clause = rule.clause if rule else level.clause
    row = rule.id if rule else None
    draft.add(LevelRaised(at=given.now, by=by, level=number, rule=row, reason=reason, clause=clause))
    _page(
        draft,
        people(level.target, draft.incident, given),
        level.via,
        rule,
        _asked(level, reason),
        given,
        clause,
    )


def _asked(level: Level, reason: str) -> str:
    return f"Level {level.number}, {level.name}: {reason}" if reason else f"Level {level.number}, {level.name}"


def people(target: Target, incident: Incident, given: Situation) -> tuple[PersonId, ...]:
    """Answer whom a target means now, each person once."""
    return tuple(dict.fromkeys(_people(target, incident, given)))


def _people(target: Target, incident: Incident, given: Situation) -> Iterable[PersonId]:
    match target:
        case OnRotation(rotation):
            return given.duty.get(rotation, ())
        case ThePerson(person):
            return (person,)
        case InRole(role):
            return _in_role(role, incident)
        case ComponentOwner():
            parts = (given.rules.components.get(component) for component in incident.components)
            owners = (part.owner for part in parts if part and part.owner)
            return (person for owner in owners for person in given.duty.get(owner, ()))
        case Everybody():
            ladder = given.rules.ladder.get(incident.severity, ())
            return (person for rung in ladder for person in _people(rung, incident, given))
        case _:
            assert_never(target)


def _in_role(role: RoleName, incident: Incident) -> tuple[PersonId, ...]:
    holder = incident.roles.get(role)
    if holder is None and role == INCIDENT_COMMANDER:
        # A small incident has one responder, who is its commander in all but name (R1).
        holder = next(iter(incident.roles.values()), None)
    return () if holder is None else (holder,)


def describe(target: Target) -> str:
    """Name a target as a person would."""
    match target:
        case OnRotation(rotation):
            return f"rotation {rotation}"
        case ThePerson(person):
            return person
        case InRole(role):
            return role.replace("_", " ")
        case ComponentOwner():
            return "component owner"
        case Everybody():
            return "everybody on the ladder"
        case _:
            assert_never(target)


def _page_target(draft: Draft, target: Target, via: tuple[MethodKind, ...], rule: Rule, given: Situation) -> None:
    asked = people(target, draft.incident, given)
    if not asked:
        draft.add(NobodyOnCall(at=given.now, rule=rule.id, target=describe(target), clause=rule.clause))
    _page(draft, asked, via, rule, rule.title, given, rule.clause)


def _page(
    draft: Draft,
    asked: Iterable[PersonId],
    via: tuple[MethodKind, ...],
    rule: Rule | None,
    reason: str,
    given: Situation,
    clause: str,
) -> None:
    for person in asked:
        if person in draft.incident.responders or _just_paged(draft.incident, person, given):
            continue  # Already at work, or already ringing for another reason of the same moment.
        first, later = _methods(given.rules.people.get(person), via)
        page = PageId(f"{draft.incident.id}.{draft.incident.size + 1}")
        draft.add(
            PersonPaged(
                at=given.now,
                page=page,
                person=person,
                rule=rule.id if rule else None,
                clause=clause,
                reason=reason,
                methods=first,
                later=later,
            )
        )
        if not first:
            draft.add(PersonUnreachable(at=given.now, page=page, person=person, rule=rule.id if rule else None))


def _just_paged(incident: Incident, person: PersonId, given: Situation) -> bool:
    return any(page.person == person and page.paged_at == given.now for page in incident.pages.values())


def _methods(person: Person | None, via: tuple[MethodKind, ...]) -> tuple[tuple[Method, ...], tuple[Method, ...]]:
    """Divide a person's methods: those of the wanted kinds at once, the others one by one after them."""
    if person is None:
        return (), ()
    first = tuple(method for kind in via for method in person.methods if method.kind is kind)
    first = first or person.methods[:1]
    return first, tuple(method for method in person.methods if method not in first)


def _quietest(person: Person | None) -> tuple[Method, ...]:
    """Answer the first method that does not ring: a reminder is no page. Whoever has only ringing ones is rung."""
    if person is None:
        return ()
    return tuple(method for method in person.methods if method.kind not in _RINGING)[:1] or person.methods[:1]


def _tell(draft: Draft, target: Target, via: tuple[MethodKind, ...], rule: Rule, text: str, given: Situation) -> None:
    asked = people(target, draft.incident, given)
    if not asked:
        draft.add(NobodyOnCall(at=given.now, rule=rule.id, target=describe(target), clause=rule.clause))
    reminder = rule.kind is not RuleKind.STEP
    for person in asked:
        known = given.rules.people.get(person)
        first = _quietest(known) if reminder else _methods(known, via)[0]
        draft.add(
            PersonTold(
                at=given.now,
                person=person,
                rule=rule.id,
                clause=rule.clause,
                text=text,
                methods=first,
                reminder=reminder,
            )
        )


def record_delivery(draft: Draft, command: RecordDelivery, given: Situation) -> None:
    """Note what became of a message, and go on to the next method where it failed."""
    if command.page is None:
        if command.why:
            _notice_failed(draft, command, given)
        return
    page = draft.incident.pages.get(command.page)
    if page is None or command.method not in page.trying:
        return  # Answered in the meantime, or a receipt that came twice.
    if not command.why:
        if not page.delivered:
            draft.add(PageDelivered(at=given.now, page=page.page, method=command.method, receipt=command.receipt))
        return
    _attempt_failed(draft, page, command, given)


def _notice_failed(draft: Draft, command: RecordDelivery, given: Situation) -> None:
    """Note the failure, and say it again by the person's next method, if there is one."""
    failed = command.method
    if command.intent and command.intent in draft.incident.undelivered:
        return
    draft.add(
        NotificationFailed(
            at=given.now, address=failed.address, channel=failed.channel, why=command.why, intent=command.intent
        )
    )
    person = given.rules.people.get(command.person) if command.person else None
    if person is None or failed not in person.methods:
        return
    following = person.methods[person.methods.index(failed) + 1 :][:1]
    if following:
        draft.add(PersonTold(at=given.now, person=person.id, rule=None, text=command.text, methods=following))


def _attempt_failed(draft: Draft, page: OpenPage, command: RecordDelivery, given: Situation) -> None:
    others = [method for method in page.trying if method != command.method]
    following = page.later[0] if page.later and not others else None
    draft.add(PageAttemptFailed(at=given.now, page=page.page, method=command.method, why=command.why, next=following))
    if not others and following is None:
        draft.add(PersonUnreachable(at=given.now, page=page.page, person=page.person, rule=page.rule))


def _judged(incident: Incident, given: Situation) -> MitigationJudged:
    """Say whether fewer objectives are missed than before (M5). Figures from before the mitigation prove nothing."""
    mitigated_at, measured_at = incident.at(m.MITIGATED), incident.measured_at
    if mitigated_at is None or measured_at is None or measured_at <= mitigated_at or not incident.samples_before:
        return MitigationJudged(at=given.now, verdict="no_data", before=incident.samples_before)
    before, after = len(failing(incident.samples_before)), len(failing(incident.samples))
    verdict = "improved" if after < before else "worse" if after > before else "unchanged"
    return MitigationJudged(
        at=given.now,
        verdict=verdict,  # type: ignore[arg-type]  # mypy widens the literals of a conditional expression.
        before=incident.samples_before,
        after=incident.samples,
    )
