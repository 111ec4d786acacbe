"""The decisions on errands: who may answer, which steps are done, when a hand-off or a drill is over (O3).

An errand is owed by its own people. What would steer an incident is refused in one, so a drill can never escalate.
"""

from collections.abc import Collection
from typing import Literal

from tocsin.core import marks as m
from tocsin.core.commands import (
    Acknowledge,
    AddNote,
    AnyCommand,
    CloseIncident,
    Decline,
    ReachMilestone,
    Reason,
    RecordDelivery,
    Refused,
    Situation,
    Tick,
)
from tocsin.core.draft import Draft
from tocsin.core.events import TOCSIN, Actor, Concluded, IncidentDeclared, RoleAssigned
from tocsin.core.ids import PersonId, RoleName
from tocsin.core.incident import Incident
from tocsin.core.kinds import ASKED, CHECKLIST, TESTED, Kind
from tocsin.core.rules import Rulebook

_TAKEN = (Acknowledge, AddNote, CloseIncident, Decline, ReachMilestone, RecordDelivery, Tick)


def refuse_unfit(incident: Incident, command: AnyCommand) -> None:
    """Refuse what makes sense in an incident only."""
    if incident.kind is not Kind.INCIDENT and not isinstance(command, _TAKEN):
        raise Refused(
            Reason.NOT_AN_INCIDENT,
            f"{incident.id} is a {incident.kind.value}, no incident",
            "acknowledge it, add a note, or close it; for anything more declare an incident",
        )


def testable(person: PersonId, rules: Rulebook) -> None:
    """Refuse to test somebody who cannot be reached at all: that is known without a test."""
    known = rules.people.get(person)
    if known is None or not known.methods:
        raise Refused(
            Reason.NO_CONTACT_METHOD,
            f"{person} has no contact method that a channel carries",
            "add one to people.yaml, and its kind to channels in playbook.yaml",
        )


def begin(draft: Draft, roles: dict[RoleName, PersonId], declared: IncidentDeclared) -> None:
    """Give those whom an errand is about their parts in it."""
    clause = declared.evidence.clause
    for role, person in roles.items():
        draft.add(RoleAssigned(at=declared.at, role=role, person=person, reason="by the playbook", clause=clause))


def refuse_stranger(incident: Incident, person: PersonId) -> None:
    """Refuse an answer from somebody who was not asked, or to what is over."""
    if incident.kind is Kind.INCIDENT:
        return
    asked = incident.roles.get(ASKED[incident.kind])
    if person != asked:
        raise Refused(
            Reason.NOT_ASKED,
            f"{incident.id} asks {asked or 'nobody'}, not {person}",
            f"let {asked or 'the person in question'} answer",
        )
    if incident.closed:
        raise Refused(
            Reason.ERRAND_OVER,
            f"{incident.id} is over: {incident.outcome.replace('_', ' ')}",
            "nothing is asked of you any more",
        )


def answered(draft: Draft, by: Actor, given: Situation) -> None:
    """Look whether an answer, or the last step, has brought an errand to its end."""
    incident = draft.incident
    if incident.closed:
        return
    if incident.kind is Kind.DRILL and incident.acknowledged:
        _conclude(draft, by, "done", "answered", given)
    elif incident.kind is Kind.HANDOFF and incident.acknowledged and m.milestone(CHECKLIST) in incident.marks:
        _conclude(draft, by, "done", "accepted, and the checklist is done", given)


def declined(draft: Draft, by: Actor, given: Situation) -> None:
    """Take "I cannot" for what it is in a drill: an answer. The person was reached."""
    incident = draft.incident
    if incident.kind is Kind.DRILL and by.person == incident.roles.get(TESTED) and not incident.closed:
        _conclude(draft, by, "done", "answered: cannot take it", given)


def steps(incident: Incident, given: Situation) -> Collection[str]:
    """Name the milestones that a person may report: the playbook's, or in a hand-off the steps of its checklist."""
    if incident.kind is Kind.INCIDENT:
        return given.rules.milestones
    return given.rules.handoffs.steps if incident.kind is Kind.HANDOFF else ()


def is_checked(incident: Incident, given: Situation) -> bool:
    """Tell whether every step of a hand-off's checklist is done."""
    names = given.rules.handoffs.steps
    return incident.kind is Kind.HANDOFF and all(m.milestone(name) in incident.marks for name in names)


def call_off(draft: Draft, by: Actor, reason: str, given: Situation) -> None:
    """End an errand that is not wanted any more."""
    if not draft.incident.closed:
        _conclude(draft, by, "called_off", reason, given)


def give_up(draft: Draft, reason: str, given: Situation) -> None:
    """End an errand that nobody brought to its end in time."""
    if not draft.incident.closed:
        _conclude(draft, TOCSIN, "missed", reason, given)


def _conclude(
    draft: Draft, by: Actor, outcome: Literal["done", "missed", "called_off"], reason: str, given: Situation
) -> None:
    draft.add(Concluded(at=given.now, by=by, outcome=outcome, reason=reason))
