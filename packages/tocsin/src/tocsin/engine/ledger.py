"""The ledger: each obligation to reach somebody, every attempt at it, the answer, and how it ended.

It is put together from two records that are written in one transaction: the timeline, which says who was to be reached
and why, and the outbox, which says what was tried. What stands in one of them alone would be an error, and shows.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec
from whenever import Instant

from tocsin.core import events as e
from tocsin.core.alert import Alert
from tocsin.core.events import AnyEvent
from tocsin.core.ids import IntentId, PageId, PersonId
from tocsin.core.messages import Intent, MessageKind
from tocsin.core.narration import clause_of
from tocsin.store.port import LedgerEntry

End = Literal["waiting", "answered", "declined", "delivered", "unreachable", "given up", "withdrawn", "over"]
"""How it ended: ``over`` is a page whose incident ended before anybody answered it."""


class Try(msgspec.Struct, frozen=True):
    """One attempt at one contact method."""

    at: Instant
    by: str
    """The kind of contact method."""
    channel: str
    address: str
    outcome: str
    detail: str
    """The provider's receipt, or why not."""
    intent: IntentId
    next_at: Instant | None


class Obligation(msgspec.Struct, frozen=True):
    """Somebody, or an audience, was to be reached."""

    at: Instant
    kind: MessageKind
    to: str
    why: str
    clause: str
    tries: tuple[Try, ...]
    end: End
    ended_at: Instant | None = None
    via: str = ""
    """Where the answer came in: by link, Slack, telephone …"""
    next_at: Instant | None = None
    """When the next attempt is due."""

    @property
    def unaccounted(self) -> bool:
        """Tell whether it waits for nothing: neither an attempt, nor an answer to one that got through."""
        reached = self.kind is MessageKind.PAGE and any(each.outcome == "accepted" for each in self.tries)
        return self.end == "waiting" and self.next_at is None and not reached


class Ledger(msgspec.Struct, frozen=True):
    """What became of every alert, every obligation to reach somebody, and every message."""

    alerts: tuple[Alert, ...]
    messages: tuple[LedgerEntry, ...]
    unaccounted: int
    obligations: tuple[Obligation, ...] = ()


def obligations(events: Sequence[AnyEvent], entries: Iterable[LedgerEntry]) -> tuple[Obligation, ...]:
    """Answer every obligation of a timeline, in the order in which they arose."""
    by_cause: dict[str, list[LedgerEntry]] = {}
    for entry in entries:
        by_cause.setdefault(_cause(entry.intent), []).append(entry)
    ends, steps = _answers(events), _steps(events)
    found = []
    for number, event in enumerate(events, 1):
        if isinstance(event, e.PersonPaged):
            found.append(_page(event, by_cause.pop(event.page, []), ends, steps))
        elif isinstance(event, e.PersonTold):
            found.append(_told(event, by_cause.pop(str(number), [])))
    said = [_said(entry) for entries in by_cause.values() for entry in entries]
    return tuple(sorted([*found, *said], key=lambda one: one.at))


def _cause(intent: Intent) -> str:
    """Name what asked for a message: a page, which may take several methods, or the event with that number."""
    if intent.page is not None:
        return intent.page
    parts = intent.id.removeprefix(f"{intent.incident}.").split(".")
    return parts[0] if intent.person is not None else intent.id


class _Answered(msgspec.Struct, frozen=True):
    end: End
    at: Instant
    via: str = ""


def _answers(events: Iterable[AnyEvent]) -> Mapping[PageId, _Answered]:
    """Answer how each page ended, as far as it has."""
    waiting: dict[PageId, PersonId] = {}
    ends: dict[PageId, _Answered] = {}
    for event in events:
        match event:
            case e.PersonPaged(page=page, person=person):
                waiting[page] = person
            case e.Acknowledged(by=by):
                for page in [page for page, person in waiting.items() if person == by.person]:
                    ends[page] = _Answered("answered", event.at, by.via)
                    del waiting[page]
            case e.PageDeclined(page=page, by=by):
                ends[page] = _Answered("declined", event.at, by.via)
                waiting.pop(page, None)
            case e.PersonUnreachable(page=page):
                ends[page] = _Answered("unreachable", event.at)
                waiting.pop(page, None)
            case e.IncidentResolved() | e.Concluded():
                ends |= {page: _Answered("over", event.at) for page in waiting}
                waiting.clear()
            case _:
                pass
    return ends


def _steps(events: Iterable[AnyEvent]) -> Mapping[PageId, Instant | None]:
    """Answer when each page comes to its next step, while it has no answer: a quiet one rings then."""
    return {event.page: event.next_at for event in events if isinstance(event, e.PersonPaged | e.PageRepeated)}


def _page(
    event: e.PersonPaged,
    entries: Sequence[LedgerEntry],
    ends: Mapping[PageId, _Answered],
    steps: Mapping[PageId, Instant | None],
) -> Obligation:
    answered = ends.get(event.page)
    kept_quiet = "; kept quiet, they are awake already" if event.quiet else ""
    return Obligation(
        at=event.at,
        kind=MessageKind.PAGE,
        to=event.person,
        why=f"{event.reason}{kept_quiet}",
        clause=clause_of(event),
        tries=_tries(entries),
        end=answered.end if answered else "waiting",
        ended_at=answered.at if answered else None,
        via=answered.via if answered else "",
        next_at=_next_at(entries) or (None if answered else steps.get(event.page)),
    )


def _told(event: e.PersonTold, entries: Sequence[LedgerEntry]) -> Obligation:
    end, ended_at = _end(entries)
    return Obligation(
        at=event.at,
        kind=MessageKind.REMINDER if event.reminder else MessageKind.NOTICE,
        to=event.person,
        why=event.text,
        clause=clause_of(event),
        tries=_tries(entries),
        end=end,
        ended_at=ended_at,
        next_at=_next_at(entries),
    )


def _said(entry: LedgerEntry) -> Obligation:
    """What an audience is told stands in the outbox alone: which event it tells is in its words."""
    intent = entry.intent
    end, ended_at = _end([entry])
    return Obligation(
        at=intent.created_at,
        kind=intent.message.kind,
        to=intent.person or intent.address,
        why=intent.message.subject,
        clause="",
        tries=_tries([entry]),
        end=end,
        ended_at=ended_at,
        next_at=entry.next_at,
    )


def _end(entries: Sequence[LedgerEntry]) -> tuple[End, Instant | None]:
    """Answer how a message ended that asks for no answer: it arrived if any of its ways did."""
    states = {entry.state for entry in entries}
    last = max((each.at for entry in entries for each in entry.attempts), default=None)
    if "accepted" in states:
        return "delivered", last
    if "waiting" in states:
        return "waiting", None
    if "withdrawn" in states:
        return "withdrawn", last
    return "given up" if entries else "unreachable", last


def _tries(entries: Iterable[LedgerEntry]) -> tuple[Try, ...]:
    found = (
        Try(
            at=each.at,
            by=entry.intent.method.kind.value,
            channel=entry.intent.channel,
            address=entry.intent.address,
            outcome=each.outcome,
            detail=each.detail,
            intent=entry.intent.id,
            next_at=each.next_at,
        )
        for entry in entries
        for each in entry.attempts
    )
    return tuple(sorted(found, key=lambda one: (one.at, one.intent)))


def _next_at(entries: Iterable[LedgerEntry]) -> Instant | None:
    return min((entry.next_at for entry in entries if entry.next_at is not None), default=None)
