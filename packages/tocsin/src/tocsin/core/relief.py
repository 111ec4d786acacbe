"""How an incident passes from one person to another without ever being nobody's (E4, R4, O3).

Somebody is let go by their own word, by a commander's, or because their shift ends. Whoever leads stays in charge until
another has answered; only if the ladder is told to ask again may the last one leave.
"""

from collections.abc import Iterable

from whenever import Instant

from tocsin.core.commands import Reason, Refused, Relieve, Situation
from tocsin.core.draft import Draft
from tocsin.core.escalation import people
from tocsin.core.events import (
    AcknowledgmentExtended,
    Actor,
    PersonTold,
    ReliefAsked,
    ResponderRelieved,
    RoleAssigned,
)
from tocsin.core.ids import PersonId, RotationId
from tocsin.core.incident import Incident
from tocsin.core.judgement import refuse_ended
from tocsin.core.paging import page, quietest
from tocsin.core.rules import ComponentOwner, NextOnLadder, OnRotation


def relieve(draft: Draft, command: Relieve, given: Situation) -> None:
    """Let somebody go, once it is settled who carries on."""
    refuse_ended(draft.incident)
    person = command.person or command.by.person
    if person is None:
        raise Refused(Reason.PERSON_MISSING, "nobody is named who is to be relieved", "name a person")
    for named in (person, command.successor):
        if named is not None and named not in given.rules.people and named not in draft.incident.responders:
            raise Refused(Reason.UNKNOWN_PERSON, f'there is no person "{named}"', "see tocsin oncall for the people")
    if not _engaged(person, draft.incident):
        return
    successor = command.successor if command.successor != person else None
    if person != given.rules.leader(draft.incident.roles):
        pass_on(draft, person, successor, command.reason, given, command.by)
    elif successor is not None and successor not in draft.incident.responders:
        _ask(draft, person, successor, command.reason, given, command.by)
    else:
        _let_leader_go(draft, person, successor, command, given)


def _engaged(person: PersonId, incident: Incident) -> bool:
    return person in incident.responders or person in incident.roles.values()


def _let_leader_go(
    draft: Draft, leader: PersonId, successor: PersonId | None, command: Relieve, given: Situation
) -> None:
    carries_on = successor or _at_work(draft.incident, leader, given)
    if carries_on is not None:
        pass_on(draft, leader, carries_on, command.reason, given, command.by)
    elif command.asks_ladder:
        draft.add(ResponderRelieved(at=given.now, by=command.by, person=leader, reason=command.reason, asks_again=True))
    else:
        raise Refused(
            Reason.LAST_IN_CHARGE,
            f"{_name(leader, given)} is the last one in charge, and nobody would have it in hand",
            "name who takes over (--to PERSON), or let the ladder ask again (--ladder)",
        )


def _at_work(incident: Incident, leader: PersonId, given: Situation) -> PersonId | None:
    """Answer who is at work beside the leader and can take command."""
    for person in incident.responders:
        known = given.rules.people.get(person)
        if person != leader and person not in incident.leaving and (known is None or known.takes_command):
            return person
    return None


def _ask(draft: Draft, person: PersonId, successor: PersonId, reason: str, given: Situation, by: Actor) -> None:
    """Ask somebody to take over; until they answer, whoever leads goes on leading."""
    if person in draft.incident.leaving and any(each.person == successor for each in draft.incident.pages.values()):
        return  # Asked already.
    why = reason or "is to be relieved"
    if person not in draft.incident.leaving:
        draft.add(ReliefAsked(at=given.now, by=by, person=person, successor=successor, reason=why, clause="R4"))
    page(draft, (successor,), (), None, f"Take over from {_name(person, given)}: {why}", given, "R4")


def pass_on(
    draft: Draft, person: PersonId, successor: PersonId | None, reason: str, given: Situation, by: Actor
) -> None:
    """Hand a person's roles to whoever carries on, let the person go, and say so to them."""
    heir = successor or given.rules.leader(draft.incident.roles)
    if heir is not None and heir != person:
        for role in [role for role, holder in draft.incident.roles.items() if holder == person]:
            draft.add(
                RoleAssigned(at=given.now, by=by, role=role, person=heir, before=person, reason=reason, clause="R4")
            )
    draft.add(ResponderRelieved(at=given.now, by=by, person=person, successor=successor, reason=reason))
    carries_on = f"{_name(successor, given)} carries on" if successor else "others carry on"
    if by.person != person:
        _tell(draft, person, f"You are relieved: {carries_on}", given)


def shift_ends(draft: Draft, person: PersonId, given: Situation) -> None:
    """Ask whoever is on call now to take over from somebody whose shift has ended."""
    policy = given.rules.relief
    if policy is None or person not in draft.incident.shifts or draft.incident.shifts[person] > given.now:
        return  # Passed on by what came due before it in the same moment.
    if _is_on_call(person, draft.incident, given):
        until = holds_until(person, draft.incident, given)
        draft.add(AcknowledgmentExtended(at=given.now, person=person, until=until, clause=policy.clause))
        return
    asked = people(NextOnLadder(), draft.incident, given)
    successor = asked[0] if asked else None
    reason = "end of shift"
    draft.add(ReliefAsked(at=given.now, person=person, successor=successor, reason=reason, clause=policy.clause))
    follows = f"{_name(successor, given)} is asked to take over" if successor else "nobody is on call to take over"
    _tell(draft, person, f"Your shift has ended: {follows}; you stay in charge until somebody has", given)
    page(draft, asked, (), None, f"Take over from {_name(person, given)}, whose shift has ended", given, policy.clause)


def holds_until(person: PersonId, incident: Incident, given: Situation) -> Instant | None:
    """Answer the end of a person's shift in the rotations that the incident's ladder asks."""
    if given.rules.relief is None:
        return None
    ends = (given.shift_ends_at(rotation, person) for rotation in _rotations(incident, given))
    return max((end for end in ends if end is not None), default=None)


def _is_on_call(person: PersonId, incident: Incident, given: Situation) -> bool:
    """Tell whether somebody's shift goes on; whoever only answers with the new one until the hand-off has none."""
    return any(
        given.shift_ends_at(rotation, person) is not None or given.duty.get(rotation, ())[:1] == (person,)
        for rotation in _rotations(incident, given)
    )


def _rotations(incident: Incident, given: Situation) -> Iterable[RotationId]:
    for target in given.rules.ladder.get(incident.severity, ()):
        if isinstance(target, OnRotation):
            yield target.rotation
        if isinstance(target, ComponentOwner):
            parts = (given.rules.components.get(component) for component in incident.components)
            yield from (part.owner for part in parts if part and part.owner)


def _tell(draft: Draft, person: PersonId, text: str, given: Situation) -> None:
    methods = quietest(given.rules.people.get(person))
    draft.add(PersonTold(at=given.now, person=person, rule=None, clause="R4", text=text, methods=methods))


def _name(person: PersonId, given: Situation) -> str:
    known = given.rules.people.get(person)
    return known.name if known else person
