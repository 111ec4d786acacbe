"""The way of every command: fold the timeline, decide, write events, wake-up and messages in one transaction.

If somebody else wrote to the same incident first, nothing is kept and the decision is made anew on what they wrote. A
decision is a pure function, so making it twice costs nothing but time.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from weakref import WeakValueDictionary

import msgspec
from whenever import Instant

from tocsin.core import marks as m
from tocsin.core.commands import AnyCommand, Reason, RecordDelivery, Refused, Situation, Tick
from tocsin.core.deadlines import next_due_at
from tocsin.core.decide import decide
from tocsin.core.events import AnyEvent
from tocsin.core.gathering import gatherings
from tocsin.core.ids import IncidentId
from tocsin.core.incident import Incident, fold
from tocsin.core.judgement import commander
from tocsin.core.kinds import Kind
from tocsin.core.limits import CONFLICTS_MAX, INCIDENTS_CACHED
from tocsin.core.messages import Intent
from tocsin.core.notifications import intents
from tocsin.engine.awake import Wakefulness, engaged, is_unreached
from tocsin.engine.playbooks import Playbooks
from tocsin.engine.run_rows import rows
from tocsin.engine.telemetry import Telemetry
from tocsin.store.port import Append, Attachment, Attempt, Change, Conflict, Headline, Held, RunRow, Store


class Decision(msgspec.Struct, frozen=True):
    """What was decided on one incident, ready to be written."""

    incident: Incident
    events: tuple[AnyEvent, ...]
    expected: int
    """How many events the incident had before."""
    given: Situation
    intents: tuple[Intent, ...]

    @property
    def headline(self) -> Headline:
        """Answer the incident summed up; made when it is asked for, since most decisions come to nothing."""
        return headline(self.incident, self.given)

    @property
    def append(self) -> Append:
        """Answer what is to be written."""
        return Append(self.headline, self.expected, self.events)

    @property
    def runs(self) -> tuple[RunRow, ...]:
        """Answer what the store keeps of the runs that this is about."""
        return tuple(rows(self.incident, self.events))


class _Outcomes:
    """What became of messages of one incident, waiting to be written together."""

    def __init__(self, writing: Callable[["_Outcomes"], Coroutine[None, None, None]]) -> None:
        self.commands: list[RecordDelivery] = []
        self.attempts: list[Attempt] = []
        self.written = asyncio.create_task(writing(self))
        self.written.add_done_callback(_heard)


def _heard(writing: asyncio.Task[None]) -> None:
    """Take note of how it ended even if all who waited for it were stopped."""
    if not writing.cancelled():
        writing.exception()


class Handler:
    """Brings commands to incidents."""

    def __init__(self, store: Store, playbooks: Playbooks, telemetry: Telemetry) -> None:
        self._store = store
        self.playbooks = playbooks
        self._telemetry = telemetry
        self._cache: OrderedDict[IncidentId, Incident] = OrderedDict()
        self.awake = Wakefulness()
        self._locks: WeakValueDictionary[IncidentId, asyncio.Lock] = WeakValueDictionary()
        self._outcomes: dict[IncidentId, _Outcomes] = {}
        self.rung: Callable[[], None] = lambda: None
        """Called when something was written, so that whoever owes what follows looks at once."""
        self.gathering: Callable[[], None] = lambda: None
        """Called before that if diagnostics are owed now, so that they are not asked after at every write."""
        self.errand_changed: Callable[[Incident], None] = lambda _: None
        """Called with every hand-off and drill that was written to."""

    async def handle(
        self,
        incident_id: IncidentId,
        command: AnyCommand,
        now: Instant,
        attempts: tuple[Attempt, ...] = (),
        attachments: tuple[Attachment, ...] = (),
    ) -> tuple[AnyEvent, ...]:
        """Carry a command out and answer what followed.

        Attempts are kept in the same transaction; attachments too, if anything follows that may name them.

        Raises `Refused` if the command cannot be, `StoreUnavailable` if nothing can be kept.
        """
        async with self.holding((incident_id,)):
            return await self._carry_out(incident_id, (command,), now, attempts, attachments)

    async def record(self, incident_id: IncidentId, outcome: RecordDelivery, attempt: Attempt) -> None:
        """Write down what became of a message, together with whatever comes in until the incident is free.

        A SEV1 to a whole company has a thousand outcomes within seconds. Decided one by one, each would wait for the
        fold, the summary and the disk of all before it. Raises as `handle` does.
        """
        waiting = self._outcomes.get(incident_id)
        if waiting is None:
            waiting = self._outcomes[incident_id] = _Outcomes(partial(self._record, incident_id))
        waiting.commands.append(outcome)
        waiting.attempts.append(attempt)
        await asyncio.shield(waiting.written)  # Who waits may be stopped; what the others wait for is not.

    async def _record(self, incident_id: IncidentId, outcomes: _Outcomes) -> None:
        async with self.holding((incident_id,)):
            del self._outcomes[incident_id]
            now = max(attempt.at for attempt in outcomes.attempts)
            await self._carry_out(incident_id, outcomes.commands, now, tuple(outcomes.attempts))

    async def _carry_out(
        self,
        incident_id: IncidentId,
        commands: Sequence[AnyCommand],
        now: Instant,
        attempts: tuple[Attempt, ...],
        attachments: tuple[Attachment, ...] = (),
    ) -> tuple[AnyEvent, ...]:
        for _ in range(CONFLICTS_MAX):
            decision = await self.prepare(incident_id, commands, now)
            if not decision.events and not attempts and not any(isinstance(each, Tick) for each in commands):
                return ()  # A tick without events still has the next wake-up to write down.
            try:
                kept = attachments if decision.events else ()
                await self.commit((decision,), Change(attempts=attempts, attachments=kept))
            except Conflict:
                continue
            except Held as held:
                raise _busy(held, incident_id) from held
            return decision.events
        raise Conflict(f"{incident_id} was written to by others {CONFLICTS_MAX} times in a row")

    async def prepare(self, incident_id: IncidentId, commands: Sequence[AnyCommand], now: Instant) -> Decision:
        """Decide one or more commands on an incident, without writing anything."""
        before = await self.load(incident_id)
        return await self._decided(incident_id, before, before, (), commands, now)

    async def extend(self, decision: Decision, command: AnyCommand, now: Instant) -> Decision:
        """Decide one command more on what a decision that is not written yet leaves."""
        before = await self.load(decision.incident.id)
        return await self._decided(decision.incident.id, before, decision.incident, decision.events, (command,), now)

    async def _decided(
        self,
        incident_id: IncidentId,
        before: Incident | None,
        incident: Incident | None,
        events: tuple[AnyEvent, ...],
        commands: Sequence[AnyCommand],
        now: Instant,
    ) -> Decision:
        given = await self.playbooks.situation(before, now, self.awake.seen_from(incident_id))
        for command in commands:
            more = decide(incident, command, given)
            incident = fold(incident, more)
            events = (*events, *more)
        assert incident is not None, "a decision that was not refused leaves an incident"
        if events:
            self.awake.learn(incident)
        return Decision(incident, events, before.size if before else 0, given, intents(before, events, given))

    async def commit(self, decisions: Sequence[Decision], change: Change) -> None:
        """Write decisions together with whatever else belongs to the same step. Raises `Conflict`."""
        whole = msgspec.structs.replace(
            change,
            appends=tuple(decision.append for decision in decisions),
            intents=tuple(intent for decision in decisions for intent in decision.intents),
            gatherings=tuple(
                row for each in decisions for row in gatherings(each.incident, each.events, each.given.rules)
            ),
            runs=tuple(row for decision in decisions for row in decision.runs),
        )
        try:
            await self._store.commit(whole)
        except Exception:
            self.forget(decision.incident.id for decision in decisions)
            raise
        for decision in decisions:
            self._remember(decision.incident)
            self._telemetry.happened(decision.events, decision.incident.kind)
            if decision.incident.kind is not Kind.INCIDENT:
                self.playbooks.handing_over(decision.incident)
                self.errand_changed(decision.incident)
        if whole.gatherings:
            self.gathering()
        self.rung()

    @asynccontextmanager
    async def holding(self, incidents: Iterable[IncidentId]) -> AsyncIterator[None]:
        """Keep others of this process from deciding on the same incidents meanwhile; spares conflicts, no more."""
        async with AsyncExitStack() as stack:
            for incident in sorted(set(incidents)):  # One order for all, or two could wait for each other.
                lock = self._locks.setdefault(incident, asyncio.Lock())
                await stack.enter_async_context(lock)
            yield

    async def load(self, incident_id: IncidentId) -> Incident | None:
        """Fold an incident, or take it from the cache."""
        cached = self._cache.get(incident_id)
        if cached is not None:
            self._cache.move_to_end(incident_id)
            return cached
        incident = fold(None, await self._store.timeline(incident_id))
        if incident is not None:
            self._remember(incident)
            self.awake.learn(incident)
        return incident

    def forget(self, incidents: Iterable[IncidentId]) -> None:
        """Fold these anew next time: what is cached may be behind the store."""
        for incident in incidents:
            self._cache.pop(incident, None)
            self.awake.forget(incident)

    def _remember(self, incident: Incident) -> None:
        self._cache[incident.id] = incident
        self._cache.move_to_end(incident.id)
        while len(self._cache) > INCIDENTS_CACHED:
            self._cache.popitem(last=False)


def _busy(held: Held, incident: IncidentId) -> Refused:
    where = "" if held.incident == incident else f" in {held.incident}"
    return Refused(
        Reason.BUSY,
        f"{held.run}{where} is changing {held.component} now",
        f"see how it ends: tocsin show {held.incident}; then approve again. One mitigation at a time",
    )


def headline(incident: Incident, given: Situation) -> Headline:
    """Sum an incident up for lists and wake-ups."""
    opened_at = incident.at(m.OPENED)
    assert opened_at is not None, "a declared incident is opened"
    return Headline(
        id=incident.id,
        title=incident.title,
        severity=incident.severity,
        stage=incident.stage,
        components=incident.components,
        group_key=incident.group_key,
        opened_at=opened_at,
        resolved_at=incident.at(m.RESOLVED),
        closed=incident.closed,
        acknowledged=incident.acknowledged,
        commander=commander(incident, given),
        next_due_at=next_due_at(given.rules, incident),
        kind=incident.kind,
        engaged=engaged(incident),
        unreached=is_unreached(incident),
        room=incident.room.id if incident.room else "",
    )
