"""What is said to whom because something happened: events in, intents out.

An intent is written in the same transaction as the event that caused it. Its id is made of the event's place in the
timeline, so the same event can never ask for two different deliveries.
"""

from collections.abc import Iterable
from itertools import chain

from msgspec.structs import replace

from tocsin.core import bridges, room_saga
from tocsin.core import events as e
from tocsin.core.audience import Announcement, Audience
from tocsin.core.commands import Situation
from tocsin.core.events import AnyEvent
from tocsin.core.ids import IntentId, PersonId, intent_id
from tocsin.core.incident import Incident, evolve
from tocsin.core.judgement import commander
from tocsin.core.kinds import INCOMING, Kind
from tocsin.core.limits import NOTICE_PATIENCE, PAGE_PATIENCE, TELL_PATIENCE
from tocsin.core.messages import RANKS, Asked, Fact, Intent, Message, MessageKind, Settled, Settlement
from tocsin.core.mitigation import approvers
from tocsin.core.narration import narrate, ordinal
from tocsin.core.paging import quietest
from tocsin.core.pointers import links
from tocsin.core.rules import Method, MethodKind
from tocsin.core.sent import Sent, unanswered
from tocsin.core.wording import entry, headline, subject

_ANNOUNCED = {
    e.IncidentDeclared: Announcement.DECLARED,
    e.Acknowledged: Announcement.ACKNOWLEDGED,
    e.SeverityRaised: Announcement.SEVERITY,
    e.SeverityLowered: Announcement.SEVERITY,
    e.StageChanged: Announcement.STAGE,
    e.LevelRaised: Announcement.LEVEL,
    e.DeadlineMissed: Announcement.MISSED,
    e.IncidentResolved: Announcement.RESOLVED,
    e.IncidentReopened: Announcement.REOPENED,
    e.NobodyReachable: Announcement.UNREACHED,
    e.RoomOpened: Announcement.ROOM,
    e.BridgeOpened: Announcement.ROOM,
    e.RoleAssigned: Announcement.ROLE,
    e.ComponentAdded: Announcement.COMPONENT,
    e.NoteAdded: Announcement.NOTE,
    e.MitigationApplied: Announcement.MITIGATION,
    e.MitigationProposed: Announcement.MITIGATION,
    e.MitigationApproved: Announcement.MITIGATION,
    e.MitigationRejected: Announcement.MITIGATION,
    e.MitigationWithdrawn: Announcement.MITIGATION,
    e.MitigationStarted: Announcement.MITIGATION,
    e.MitigationEnded: Announcement.MITIGATION,
    e.MitigationJudged: Announcement.MITIGATION,
    e.ApprovalDelegated: Announcement.MITIGATION,
    e.DiagnosticsGathered: Announcement.DIAGNOSED,
}

_NO_NEWS_BY_ITSELF = (e.RoleAssigned, e.ComponentAdded)
"""What is told of only if a person did it; else it goes with something that is told."""


def intents(incident: Incident | None, events: Iterable[AnyEvent], given: Situation) -> tuple[Intent, ...]:
    """Answer every message that these events ask for, given the incident before them."""
    result: list[Intent] = []
    first, events = incident, tuple(events)
    for event in events:
        before, incident = incident, evolve(incident, event)
        result.extend(_intents(incident, event, given))
        if before is not None:
            result.extend(_settled(before, incident, event, given))
    result.extend(room_saga.steps(first, events, given))
    return tuple(result)


def _intents(incident: Incident, event: AnyEvent, given: Situation) -> Iterable[Intent]:
    match event:
        case e.PersonPaged():
            kind = MessageKind.PAGE
            message = _message(kind, incident, subject(incident), event.reason + _count(event), given)
            return _to_person(incident, event, event.methods, event.person, message)
        case e.PageRepeated():
            kind = MessageKind.PAGE
            message = _message(kind, incident, subject(incident), _again(incident, event), given)
            return _to_person(incident, event, event.methods, event.person, message)
        case e.PageAttemptFailed(next=Method() as method):
            page = incident.pages.get(event.page)
            reason = f"{event.method.kind.value} failed ({event.why}); asking by {method.kind.value}"
            message = _message(MessageKind.PAGE, incident, subject(incident), reason, given)
            return _to_person(incident, event, (method,), page.person if page else None, message)
        case e.PersonTold():
            kind = MessageKind.REMINDER if event.reminder else MessageKind.NOTICE
            message = _message(kind, incident, f"{subject(incident)}: {event.text}", _told(incident, event), given)
            if event.person == incident.roles.get(INCOMING) and not incident.acknowledged:
                message = replace(message, asks=True)
            return _to_person(incident, event, event.methods, event.person, message)
        case e.AudienceTold():
            audience = given.rules.audiences.get(event.audience)
            return _to_audiences(
                (audience,) if audience else (), incident, event, headline(incident, event, given), given
            )
        case e.MitigationProposed() | e.MitigationApproved(complete=False):
            return chain(_announced(incident, event, given), _asked(incident, event, given))
        case e.UpdatePosted():
            audience = given.rules.audiences.get(event.audience)
            return _to_audiences((audience,) if audience else (), incident, event, event.text, given)
        case e.BridgeAsked():
            return (bridges.intent(incident, event, given),)
        case e.NotificationFailed() if event.unsaid:
            audiences = (each for each in given.rules.audiences.values() if each.in_room)
            return _to_audiences(audiences, incident, event, event.unsaid, given)
        case _:
            return _announced(incident, event, given)


def _again(incident: Incident, event: e.PageRepeated) -> str:
    page = incident.pages.get(event.page)
    waited = int((event.at - page.paged_at).total("minutes")) if page else 0
    return f"No answer for {waited} min; asking for the {ordinal(event.step)} time{_count(event)}"


def _count(event: e.PersonPaged | e.PageRepeated) -> str:
    """Say how much waits for whoever is paged, if this is not all."""
    return f"\nYou have {event.beside + 1} open pages; one link answers them all." if event.beside else ""


def _announced(incident: Incident, event: AnyEvent, given: Situation) -> Iterable[Intent]:
    what = _ANNOUNCED.get(type(event))
    if what is None or (isinstance(event, _NO_NEWS_BY_ITSELF) and event.by.person is None):
        return ()
    if isinstance(event, e.NoteAdded) and event.source:
        return ()  # It was said in the room.
    audiences = (
        audience
        for audience in given.rules.audiences.values()
        if _hears(audience, what, event) and incident.severity in audience.severities
    )
    return _to_audiences(audiences, incident, event, headline(incident, event, given), given)


def _hears(audience: Audience, what: Announcement, event: AnyEvent) -> bool:
    """Tell whether an audience is told of an event. Of a call, who reads in the room always is, the public never."""
    if isinstance(event, e.BridgeOpened):
        return not audience.public and (audience.in_room or what in audience.announces)
    return what in audience.announces


def _asked(
    incident: Incident, event: e.MitigationProposed | e.MitigationApproved, given: Situation
) -> Iterable[Intent]:
    """Tell those whose approval is waited for, quietly: they are at work on it."""
    run = incident.runs.by_id[event.run]
    text = (
        f"{run.id}, {run.title}, waits for approval: {run.rendered.shown}\n"
        f"{run.risk} risk; expected: {run.expects or 'nothing said'}\n"
        f"tocsin approve {incident.id} {run.id}"
    )
    message = _message(MessageKind.NOTICE, incident, f"{subject(incident)}: {run.id} waits for approval", text, given)
    message = replace(message, decides=run.rendered.shown)
    asked = Asked(run.id, run.digest, run.expires_at)
    for place, person in enumerate(approvers(run, incident, given)):
        if person != event.by.person:
            methods = quietest(given.rules.people.get(person))
            for intent in _to_person(incident, event, methods, person, message):
                yield replace(intent, id=IntentId(f"{intent.id}.{place}"), approval=asked)


def _to_person(
    incident: Incident, event: AnyEvent, methods: Iterable[Method], person: PersonId | None, message: Message
) -> Iterable[Intent]:
    page = getattr(event, "page", None)
    patience = PAGE_PATIENCE if message.kind is MessageKind.PAGE else TELL_PATIENCE
    for place, method in enumerate(methods):
        yield Intent(
            id=intent_id(incident.id, incident.size, place),
            incident=incident.id,
            rank=RANKS[message.kind],
            channel=method.channel,
            address=method.address,
            message=message,
            created_at=event.at,
            give_up_at=event.at + patience,
            method=method,
            page=page,
            person=person,
        )


def _to_audiences(
    audiences: Iterable[Audience], incident: Incident, event: AnyEvent, text: str, given: Situation
) -> Iterable[Intent]:
    alarm = isinstance(event, e.NobodyReachable)
    kind = MessageKind.ALARM if alarm else MessageKind.ANNOUNCEMENT
    message = _message(kind, incident, text.splitlines()[0], text, given)
    for place, audience in enumerate(audiences):
        method = _reads_at(audience, incident, given)
        if method is None:
            continue  # A person posts it there by hand and says so.
        in_room = method.kind is MethodKind.SLACK
        said = replace(message, links=()) if audience.public else message  # They let in where responders work.
        yield Intent(
            id=intent_id(incident.id, incident.size, f"a{place}"),
            incident=incident.id,
            rank=RANKS[kind],
            channel=method.channel,
            address=method.address,
            message=_entry(incident, event, text, given) if in_room else said,
            created_at=event.at,
            give_up_at=event.at + NOTICE_PATIENCE,
            method=method,
        )


def _settled(before: Incident, after: Incident, event: AnyEvent, given: Situation) -> Iterable[Intent]:
    """Tell those channels that keep state of a page how it ended, so that nothing rings on elsewhere (D2)."""
    match event:
        case e.Acknowledged():
            how, over = Settlement.ACKNOWLEDGED, unanswered(before.sent, event.by.person)
        case e.PageDeclined():
            how, over = Settlement.DECLINED, unanswered(before.sent, event.person)
        case e.IncidentResolved() | e.Concluded():
            how, over = Settlement.RESOLVED, before.sent
        case _:
            return ()
    told = [sent for sent in over if sent.method.channel in given.settles]
    return _settlements(after, event, told, how, given) if told else ()


def _settlements(
    incident: Incident, event: AnyEvent, told: Iterable[Sent], how: Settlement, given: Situation
) -> Iterable[Intent]:
    message = _message(MessageKind.SETTLED, incident, subject(incident), narrate(event, given.rules), given)
    for place, sent in enumerate(told):
        yield Intent(
            id=intent_id(incident.id, incident.size, f"s{place}"),
            incident=incident.id,
            rank=RANKS[message.kind],
            channel=sent.method.channel,
            address=sent.method.address,
            message=replace(message, settles=Settled(sent.intent, how)),
            created_at=event.at,
            give_up_at=event.at + NOTICE_PATIENCE,
            method=sent.method,
        )


def _reads_at(audience: Audience, incident: Incident, given: Situation) -> Method | None:
    """Answer where an audience reads now: in the incident's room once it is there, if it is theirs."""
    room, policy = incident.room, given.rules.rooms
    if audience.in_room and room is not None and room.usable and policy is not None:
        return Method(MethodKind.SLACK, policy.channel, room.id)
    return Method(MethodKind.CONSOLE, audience.channel, audience.address) if audience.channel else None


def _entry(incident: Incident, event: AnyEvent, text: str, given: Situation) -> Message:
    """Say in the room what is new; the rest stands in its pinned summary."""
    words = text if isinstance(event, e.UpdatePosted) else entry(incident, event, given)
    return Message(MessageKind.ENTRY, words.splitlines()[0], incident.id, incident.severity, words)


def _message(kind: MessageKind, incident: Incident, subject: str, text: str, given: Situation) -> Message:
    return Message(
        kind=kind,
        subject=subject,
        incident=incident.id,
        severity=incident.severity,
        text=text,
        facts=tuple(_facts(incident, given)),
        links=tuple(links(incident, given.rules)),
        drill=incident.kind is Kind.DRILL,
    )


def _told(incident: Incident, event: e.PersonTold) -> str:
    """Answer what a person is told; with the first word about a hand-off comes its packet (O3)."""
    first = incident.kind is Kind.HANDOFF and not event.reminder
    return f"{event.text}\n\n{incident.description}" if first and incident.description else event.text


def _facts(incident: Incident, given: Situation) -> Iterable[Fact]:
    if incident.kind is not Kind.INCIDENT:
        yield from _facts_of_errand(incident, given)
        return
    names = (given.rules.components.get(component) for component in incident.components)
    yield Fact("Component", ", ".join(part.name for part in names if part) or ", ".join(incident.components))
    yield Fact("Stage", incident.stage.value)
    yield Fact("Because", f"{incident.evidence.because} ({incident.evidence.clause})")
    if incident.diagnosed.summary:
        yield Fact("Differs", incident.diagnosed.summary[0])
    leader = commander(incident, given)
    if leader:
        known = given.rules.people.get(leader)  # type: ignore[call-overload]  # a commander is a person's id.
        yield Fact("Commander", known.name if known else leader)


def _facts_of_errand(incident: Incident, given: Situation) -> Iterable[Fact]:
    for role, person in incident.roles.items():
        known = given.rules.people.get(person)
        yield Fact(role.replace("_", " ").capitalize(), known.name if known else person)
    yield Fact("Because", f"{incident.evidence.because} ({incident.evidence.clause})")
