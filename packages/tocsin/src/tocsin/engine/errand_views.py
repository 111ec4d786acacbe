"""How a hand-off and a test page stand, as people ask for it."""

from typing import TypeVar

import msgspec
from whenever import Instant

from tocsin.core import marks as m
from tocsin.core.errands import steps
from tocsin.core.events import Acknowledged, MilestoneReached, PageDeclined
from tocsin.core.ids import IncidentId, PersonId, RotationId
from tocsin.core.kinds import INCOMING, OUTGOING, TESTED, Kind
from tocsin.engine.handler import Handler
from tocsin.engine.packets import Packet, Packets
from tocsin.store.port import LedgerEntry, Store

E = TypeVar("E")


class Step(msgspec.Struct, frozen=True):
    """A step of a hand-off's checklist."""

    name: str
    text: str
    done_at: Instant | None
    by: PersonId | None


class HandoffView(msgspec.Struct, frozen=True):
    """A hand-off: from whom to whom, what is done, and the packet."""

    id: IncidentId
    title: str
    rotation: RotationId | None
    outgoing: PersonId | None
    incoming: PersonId | None
    shift_at: Instant | None
    accepted_at: Instant | None
    outcome: str
    """Empty while it is open; then ``done``, ``missed`` or ``called_off``."""
    steps: tuple[Step, ...]
    pages_go_to: tuple[PersonId, ...]
    """Who is paged for the rotation now."""
    packet: Packet


class Tried(msgspec.Struct, frozen=True):
    """What became of a test page by one contact method."""

    kind: str
    channel: str
    address: str
    state: str
    detail: str
    """The provider's receipt, or why not."""
    tries: int
    after_s: float | None
    """How long it took until the provider had it, or until it was given up."""


class TestPageView(msgspec.Struct, frozen=True):
    """A test page: what happened by each method, and in what time."""

    __test__ = False  # Not a test of ours, whatever its name begins with.

    id: IncidentId
    person: PersonId | None
    opened_at: Instant
    outcome: str
    """Empty while an answer is waited for; then ``done``, ``missed`` or ``called_off``."""
    answered_at: Instant | None
    answered_after_s: float | None
    answered_via: str
    methods: tuple[Tried, ...]


class ErrandViews:
    """Reads errands; never writes."""

    def __init__(self, store: Store, handler: Handler) -> None:
        self._store = store
        self._handler = handler
        self._packets = Packets(store, handler)

    async def handoff(self, name: IncidentId, now: Instant) -> HandoffView | None:
        """Answer how a hand-off stands; None if there is none of that name."""
        incident = await self._handler.load(name)
        if incident is None or incident.kind is not Kind.HANDOFF:
            return None
        given = await self._handler.playbooks.situation(incident, now)
        reached = {each.milestone: each for each in await self._of(name, MilestoneReached)}
        texts = given.rules.handoffs.steps
        return HandoffView(
            id=incident.id,
            title=incident.title,
            rotation=incident.rotation,
            outgoing=incident.roles.get(OUTGOING),
            incoming=incident.roles.get(INCOMING),
            shift_at=incident.at(m.SCHEDULED),
            accepted_at=incident.at(m.ACKNOWLEDGED),
            outcome=incident.outcome,
            steps=tuple(_step(each, texts[each], reached.get(each)) for each in steps(incident, given)),
            pages_go_to=given.duty.get(incident.rotation, ()) if incident.rotation else (),
            packet=await self._packets.gather(now, incident.id),
        )

    async def test_page(self, name: IncidentId) -> TestPageView | None:
        """Answer how a test page stands; None if there is none of that name."""
        incident = await self._handler.load(name)
        if incident is None or incident.kind is not Kind.DRILL:
            return None
        person, opened_at = incident.roles.get(TESTED), incident.at(m.OPENED)
        assert opened_at is not None, "a declared timeline is opened"
        answers = [*await self._of(name, Acknowledged), *await self._of(name, PageDeclined)]
        answer = answers[0] if answers else None
        entries = [each for each in await self._store.ledger(name) if each.intent.page is not None]
        return TestPageView(
            id=incident.id,
            person=person,
            opened_at=opened_at,
            outcome=incident.outcome,
            answered_at=answer.at if answer else None,
            answered_after_s=(answer.at - opened_at).total("seconds") if answer else None,
            answered_via=answer.by.via if answer else "",
            methods=tuple(map(_tried, entries)),
        )

    async def _of(self, name: IncidentId, kind: type[E]) -> list[E]:
        return [event for event in await self._store.timeline(name) if isinstance(event, kind)]


def _step(name: str, text: str, done: MilestoneReached | None) -> Step:
    return Step(name, text, done.at if done else None, done.by.person if done else None)


def _tried(entry: LedgerEntry) -> Tried:
    last = entry.attempts[-1] if entry.attempts else None
    return Tried(
        kind=entry.intent.method.kind.value,
        channel=entry.intent.channel,
        address=entry.intent.address,
        state=entry.state,
        detail=last.detail if last else "",
        tries=len(entry.attempts),
        after_s=(last.at - entry.intent.created_at).total("seconds") if last else None,
    )
