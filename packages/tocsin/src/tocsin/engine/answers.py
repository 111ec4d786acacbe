"""Answers by way of providers: who it was, which incident is meant, and the command that it comes to (D2, E4).

The web has checked the signature; here it is decided whether the answer counts. Whatever does not count is counted, and
where there is an incident to write it into, its timeline says so: somebody may believe that they have answered.
"""

from collections.abc import Iterable
from contextlib import suppress
from enum import StrEnum
from typing import Final

import msgspec
from whenever import Instant

from tocsin.core import marks as m
from tocsin.core.commands import (
    Acknowledge,
    AddNote,
    AnyCommand,
    ApproveMitigation,
    Decline,
    Escalate,
    Refused,
    RejectMitigation,
)
from tocsin.core.events import Actor
from tocsin.core.ids import IncidentId, PersonId
from tocsin.core.incident import Incident
from tocsin.core.limits import INCIDENTS_WATCHED
from tocsin.core.messages import Asked
from tocsin.core.rules import JOINS, Method, MethodKind, Rulebook
from tocsin.engine.serve import Engine
from tocsin.signals.port import Act, Answer
from tocsin.store.port import Change, Heard, StoreUnavailable

_KINDS: Final = {
    "pagerduty": frozenset({MethodKind.PAGER, MethodKind.EMAIL}),
    "slack": frozenset({MethodKind.SLACK}),
    "twilio": frozenset({MethodKind.PHONE, MethodKind.SMS}),
}
"""By which contact methods a provider's people are known here."""

NAMED_MAX: Final = 5
"""Incidents named in an answer that asks which one is meant."""

KEY_MAX: Final = 200
"""Characters of an answer's id that are remembered; Twilio's have thirty-four."""


class Result(StrEnum):
    """What became of an answer: a closed list, because each is a metric label."""

    DONE = "done"
    ALREADY_SO = "already_so"
    REPEATED = "repeated"
    STALE = "stale"
    UNKNOWN_PAGE = "unknown_page"
    UNKNOWN_PERSON = "unknown_person"
    REFUSED = "refused"


_KEPT: Final = frozenset({Result.DONE, Result.ALREADY_SO})
"""What is remembered: whoever was refused may try again."""


class Taken(msgspec.Struct, frozen=True):
    """What became of an answer, in words for whoever gave it."""

    result: Result
    said: str
    incident: IncidentId | None = None
    person: PersonId | None = None


class Answers:
    """Takes answers by way of providers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def take(self, answer: Answer) -> Taken:
        """Carry an answer out, if it counts. Raises `StoreUnavailable` if nothing could be kept."""
        key = f"{answer.via}:{answer.id}"[:KEY_MAX]
        if answer.id and await self._engine.store.heard(key):
            return self._counted(answer, Taken(Result.REPEATED, "this was taken already", answer.incident))
        taken = await self._take(answer)
        if answer.id and taken.result in _KEPT:
            await self._remember(key)
        return self._counted(answer, taken)

    async def _take(self, answer: Answer) -> Taken:
        page = await self._engine.store.obligation(answer.page) if answer.page else None
        if page is None and answer.page is None and answer.incident is None:
            return await self._unnamed(answer)
        named = page.intent.incident if page else answer.incident
        incident = await self._engine.handler.load(named) if named else None
        if incident is None:
            return Taken(Result.UNKNOWN_PAGE, "there is no such page here")
        # Who does not say when it was answered is believed for pages that were sent since.
        given_at = answer.at or (page.intent.created_at if page else None)
        if _before_it_was_reopened(given_at, incident):
            return Taken(
                Result.STALE, f"{incident.id} was opened again after that; answer the newest page", incident.id
            )
        if answer.act is Act.NOTE:
            return await self._do(answer, incident, AddNote(by=Actor(via=answer.via), text=answer.text), None)
        person = person_of(self._engine.playbooks.current, answer.via, answer.who, incident)
        if person is None:
            return await self._stranger(answer, incident)
        asked = page.intent.approval if page else None
        if answer.act in (Act.APPROVE, Act.REJECT) and asked is None:
            return Taken(Result.UNKNOWN_PAGE, "nothing waits for an approval under this message", incident.id, person)
        return await self._do(answer, incident, command(answer, person, incident, asked), person)

    async def _unnamed(self, answer: Answer) -> Taken:
        """Take an answer that names nothing: it means the one incident in which its person is being asked."""
        person = person_of(self._engine.playbooks.current, answer.via, answer.who)
        if person is None:
            return Taken(Result.UNKNOWN_PERSON, f"{answer.name} is nobody in the playbook")
        asked = await self._asked(person)
        if len(asked) == 1:
            return await self._take(msgspec.structs.replace(answer, incident=asked[0].id))
        if not asked:
            return Taken(Result.UNKNOWN_PAGE, "nobody asks you for an answer now", person=person)
        names = " or ".join(each.id for each in asked[:NAMED_MAX])
        return Taken(Result.UNKNOWN_PAGE, f"which one? Name {names}", person=person)

    async def _asked(self, person: PersonId) -> list[Incident]:
        """Answer the open incidents in which a person's answer is waited for, newest first."""
        headlines = await self._engine.store.headlines(open_only=True, limit=INCIDENTS_WATCHED)
        loaded = [await self._engine.handler.load(each.id) for each in headlines]
        return [each for each in loaded if each and any(page.person == person for page in each.pages.values())]

    async def _do(self, answer: Answer, incident: Incident, command: AnyCommand, person: PersonId | None) -> Taken:
        try:
            events = await self._engine.handle(incident.id, command)
        except Refused as refusal:
            said = f"{refusal.detail}; {refusal.remedy}" if refusal.remedy else refusal.detail
            return Taken(Result.REFUSED, said, incident.id, person)
        return Taken(Result.DONE if events else Result.ALREADY_SO, _DONE[answer.act], incident.id, person)

    async def _stranger(self, answer: Answer, incident: Incident) -> Taken:
        """Say in the timeline that somebody answered whom the playbook does not know: it does not count."""
        who = " / ".join((answer.name, *(each for each in answer.who if each != answer.name))).strip(" /")
        said = f"{who} is nobody in the playbook; add the address to their contact methods in people.yaml"
        text = f"Not counted: {answer.act.value} by way of {answer.via}. {said}."
        await self._do(answer, incident, AddNote(by=Actor(via=answer.via), text=text), None)
        return Taken(Result.UNKNOWN_PERSON, said, incident.id)

    async def _remember(self, key: str) -> None:
        """Keep that an answer counted: text messages are signed without their time, and valid for ever."""
        with suppress(StoreUnavailable):  # It is done; to say otherwise would have it done again.
            await self._engine.store.commit(Change(heard=(Heard(key, self._engine.clock.now()),)))

    def _counted(self, answer: Answer, taken: Taken) -> Taken:
        self._engine.telemetry.callbacks.labels(answer.via, taken.result.value).inc()
        return taken


_DONE: Final = {
    Act.ACKNOWLEDGE: "You are on it.",
    Act.DECLINE: "Understood: whoever is next is asked.",
    Act.ESCALATE: "The next level is called.",
    Act.NOTE: "Noted.",
    Act.APPROVE: "Approved. Its output comes into the incident's channel.",
    Act.REJECT: "Rejected: nothing is done.",
}


def _before_it_was_reopened(given_at: Instant | None, incident: Incident) -> bool:
    reopened_at = incident.at(m.REOPENED)
    return reopened_at is not None and given_at is not None and given_at < reopened_at


def command(answer: Answer, person: PersonId, incident: Incident, asked: Asked | None = None) -> AnyCommand:
    """Answer the command that a person's answer comes to.

    An approval is of what the message asked for: exactly that run and digest, whatever may wait by now (M4).
    """
    by = Actor(person=person, via=answer.via)
    match answer.act:
        case Act.ACKNOWLEDGE:
            return Acknowledge(by=by)
        case Act.DECLINE:
            return Decline(by=by, reason=answer.text)
        case Act.ESCALATE:
            return Escalate(by=by, level=incident.level + 1, reason=answer.text)
        case Act.NOTE:
            return AddNote(by=by, text=answer.text)
        case Act.APPROVE:
            assert asked is not None, "asked for by the caller"
            return ApproveMitigation(by=by, run=asked.run, digest=asked.digest)
        case Act.REJECT:
            assert asked is not None, "asked for by the caller"
            return RejectMitigation(by=by, run=asked.run)


def person_of(rules: Rulebook, via: str, who: Iterable[str], incident: Incident | None = None) -> PersonId | None:
    """Answer whose address this is. Of several who share one, whoever is being asked; a telephone may be a team's."""
    asked = {_plain(address) for address in who}
    found = [
        person.id
        for person in rules.people.values()
        if any(_known_by(method, via) and _plain(method.address) in asked for method in person.methods)
    ]
    waiting = {page.person for page in incident.pages.values()} if incident else set()
    return next((person for person in found if person in waiting), next(iter(found), None))


def _known_by(method: Method, via: str) -> bool:
    return method.kind in _KINDS.get(via, ()) or via in method.channel.split(JOINS)


def _plain(address: str) -> str:
    return address.removeprefix("@").casefold()
