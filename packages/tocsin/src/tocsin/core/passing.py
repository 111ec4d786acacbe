"""How an incident stands after it passed from one person to another: a part of its fold."""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from tocsin.core import marks as m
from tocsin.core.relief_events import AcknowledgmentExtended, ReliefAsked, ResponderRelieved

if TYPE_CHECKING:
    from tocsin.core.incident import Incident


def relief_asked(incident: "Incident", event: ReliefAsked) -> "Incident":
    """Answer the incident after somebody was asked to take over."""
    shifts = {person: at for person, at in incident.shifts.items() if person != event.person}
    marks = m.marked(incident.marks, event.at, m.RELIEF_ASKED)
    return replace(incident, shifts=shifts, leaving=(*incident.leaving, event.person), marks=marks)


def responder_relieved(incident: "Incident", event: ResponderRelieved) -> "Incident":
    """Answer the incident after a responder was let go."""
    gone = event.person
    after = replace(
        incident,
        responders=tuple(person for person in incident.responders if person != gone),
        leaving=tuple(person for person in incident.leaving if person != gone),
        acted={person: at for person, at in incident.acted.items() if person != gone},
        shifts={person: at for person, at in incident.shifts.items() if person != gone},
        roles={role: person for role, person in incident.roles.items() if person != gone},
        pages={key: page for key, page in incident.pages.items() if page.person != gone},
    )
    if not event.asks_again:
        return after
    # Nobody has it in hand: what asked for that asks again, and from now on.
    return replace(after, marks=m.without(after.marks, m.ACKNOWLEDGED, m.RESPONDED), asked_since=event.at)


def acknowledgment_extended(incident: "Incident", event: AcknowledgmentExtended) -> "Incident":
    """Answer the incident after a shift turned out to go on."""
    shifts = {person: at for person, at in incident.shifts.items() if person != event.person}
    return replace(incident, shifts=shifts | {event.person: event.until} if event.until else shifts)
