"""Who is reached, how, and what happens when they are not (E1–E4, D1)."""

from collections.abc import Iterable
from typing import assert_never

from whenever import Instant

from tocsin.core import bridges, errands, rooms
from tocsin.core.commands import Situation
from tocsin.core.draft import Draft
from tocsin.core.events import (
    TOCSIN,
    Actor,
    AudienceTold,
    IncidentClosed,
    LevelRaised,
    NobodyOnCall,
    NobodyReachable,
    PersonTold,
)
from tocsin.core.ids import INCIDENT_COMMANDER, PersonId, RoleName
from tocsin.core.incident import Incident
from tocsin.core.kinds import Kind
from tocsin.core.paging import page, quietest, wanted
from tocsin.core.proposing import judge
from tocsin.core.rules import (
    Announce,
    Close,
    ComponentOwner,
    Consequence,
    EmergencyContact,
    Everybody,
    InRole,
    JudgeMitigation,
    Level,
    LevelAbove,
    MethodKind,
    NextOnLadder,
    OnRotation,
    OpenABridge,
    OpenARoom,
    Page,
    RaiseLevel,
    Remind,
    Rule,
    RuleKind,
    SoundAlarm,
    Target,
    Tell,
    ThePerson,
)


def carry_out(draft: Draft, rule: Rule, consequence: Consequence, given: Situation) -> None:
    """Add the events that follow from one consequence of a row that came due."""
    match consequence:
        case Page(target, via, again):
            _page_target(draft, target, via, rule, given, again=again)
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
            judge(draft, given)
        case Close():
            _close(draft, rule, given)
        case OpenARoom():
            rooms.ask(draft, given)
        case OpenABridge():
            bridges.ask(draft, given)
        case _:
            assert_never(consequence)


def _close(draft: Draft, rule: Rule, given: Situation) -> None:
    if draft.incident.kind is not Kind.INCIDENT:
        errands.give_up(draft, rule.title, given)
    elif draft.incident.resolved:  # A milestone told too soon must not silence what is still open.
        draft.add(IncidentClosed(at=given.now, reason=rule.title))


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
    page(
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
        case NextOnLadder():
            return _next_on_ladder(incident, given)
        case LevelAbove():
            above = (level for level in given.rules.levels if level.number > incident.level)
            nearest = min(above, key=lambda level: level.number, default=None)
            return _people(nearest.target, incident, given) if nearest else ()
        case EmergencyContact():
            return () if given.rules.emergency is None else (given.rules.emergency,)
        case _:
            assert_never(target)


def _next_on_ladder(incident: Incident, given: Situation) -> tuple[PersonId, ...]:
    """Answer one person: somebody who was not asked yet, else whoever was asked longest ago; those who cannot, last."""
    asked_at = {page.person: page.paged_at for page in incident.pages.values()}
    free = (person for person in people(Everybody(), incident, given) if person not in incident.responders)
    ranked = sorted(free, key=lambda person: (person in incident.declined, asked_at.get(person, Instant.MIN)))
    return tuple(ranked[:1])


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
        case NextOnLadder():
            return "next on the ladder"
        case LevelAbove():
            return "the level above"
        case EmergencyContact():
            return "the emergency contact"
        case _:
            assert_never(target)


def _page_target(
    draft: Draft, target: Target, via: tuple[MethodKind, ...], rule: Rule, given: Situation, *, again: bool = False
) -> None:
    asked = people(target, draft.incident, given)
    if SoundAlarm() not in rule.then:  # An alarm asks even those who cannot: there is nobody else.
        asked = _able(draft, asked, target, rule, given)
    elif not asked and not isinstance(target, LevelAbove):  # Above the highest level there is none: no news.
        _nobody(draft, rule, describe(target), given)
    page(draft, asked, via, rule, rule.title, given, rule.clause, again=again)


def _able(
    draft: Draft, asked: tuple[PersonId, ...], target: Target, rule: Rule, given: Situation
) -> tuple[PersonId, ...]:
    """Answer those who have not said that they cannot. Where nobody is left, there is no answer to wait for."""
    able = tuple(person for person in asked if person not in draft.incident.declined)
    if not able:
        _nobody(draft, rule, f"{describe(target)}, who cannot take it" if asked else describe(target), given)
    return able


def _nobody(draft: Draft, rule: Rule, target: str, given: Situation) -> None:
    draft.add(NobodyOnCall(at=given.now, rule=rule.id, target=target, clause=rule.clause))


def _tell(draft: Draft, target: Target, via: tuple[MethodKind, ...], rule: Rule, text: str, given: Situation) -> None:
    asked = people(target, draft.incident, given)
    if not asked:
        draft.add(NobodyOnCall(at=given.now, rule=rule.id, target=describe(target), clause=rule.clause))
    reminder = rule.kind is not RuleKind.STEP
    for person in asked:
        known = given.rules.people.get(person)
        quiet = reminder or draft.incident.kind is not Kind.INCIDENT  # A hand-off wakes nobody.
        first = quietest(known) if quiet else wanted(known, via)
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
