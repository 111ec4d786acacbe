"""The messages that carried an incident's pages: who took one over may have to be told how it ended."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from tocsin.core.events import Acknowledged, AnyEvent, IncidentResolved
from tocsin.core.ids import IncidentId, IntentId, PageId, PersonId, intent_id
from tocsin.core.limits import SENT_REMEMBERED
from tocsin.core.page_events import PageAttemptFailed, PageDeclined, PageRepeated, PersonPaged
from tocsin.core.rules import Method


class Sent(msgspec.Struct, frozen=True):
    """A message that carried a page."""

    intent: IntentId
    page: PageId
    person: PersonId
    method: Method
    answered: bool = False


def sent_after(sent: tuple[Sent, ...], event: AnyEvent, incident: IncidentId, number: int) -> tuple[Sent, ...]:
    """Answer the messages after one more event, the incident's ``number``th."""
    follow = _EVOLUTIONS.get(type(event))
    return sent if follow is None else follow(sent, event, incident, number)[-SENT_REMEMBERED:]


def unanswered(sent: tuple[Sent, ...], person: PersonId | None) -> tuple[Sent, ...]:
    """Answer the messages that a person has not answered yet."""
    return tuple(each for each in sent if each.person == person and not each.answered)


def _paged(sent: tuple[Sent, ...], event: PersonPaged, incident: IncidentId, number: int) -> tuple[Sent, ...]:
    return (*sent, *_messages(event.page, event.person, event.methods, incident, number))


def _repeated(sent: tuple[Sent, ...], event: PageRepeated, incident: IncidentId, number: int) -> tuple[Sent, ...]:
    return (*sent, *_messages(event.page, event.person, event.methods, incident, number))


def _failed(sent: tuple[Sent, ...], event: PageAttemptFailed, incident: IncidentId, number: int) -> tuple[Sent, ...]:
    person = _person(sent, event.page)
    if person is None or event.next is None:
        return sent
    return (*sent, *_messages(event.page, person, (event.next,), incident, number))


def _messages(
    page: PageId, person: PersonId, methods: tuple[Method, ...], incident: IncidentId, number: int
) -> tuple[Sent, ...]:
    return tuple(Sent(intent_id(incident, number, place), page, person, method) for place, method in enumerate(methods))


def _person(sent: tuple[Sent, ...], page: PageId) -> PersonId | None:
    return next((each.person for each in sent if each.page == page), None)


def _answered(sent: tuple[Sent, ...], event: Acknowledged | PageDeclined, _: IncidentId, __: int) -> tuple[Sent, ...]:
    person = event.person if isinstance(event, PageDeclined) else event.by.person
    return tuple(replace(each, answered=True) if each.person == person else each for each in sent)


def _resolved(_: tuple[Sent, ...], __: IncidentResolved, ___: IncidentId, ____: int) -> tuple[Sent, ...]:
    return ()


_EVOLUTIONS: Mapping[type, Callable[[tuple[Sent, ...], Any, IncidentId, int], tuple[Sent, ...]]] = {
    PersonPaged: _paged,
    PageRepeated: _repeated,
    PageAttemptFailed: _failed,
    Acknowledged: _answered,
    PageDeclined: _answered,
    IncidentResolved: _resolved,
}
