"""Errands: opens each hand-off before its change of shift, and each month's test pages, once and in time (O3).

What is to be opened follows from the calendar and from how far this Tocsin has looked; after a start it looks on from
where the last one stopped. Whether an errand was opened already is asked of the store, so looking twice is harmless.
"""

from collections.abc import Iterable
from operator import is_

from msgspec.structs import replace
from whenever import Instant, TimeDelta, ZonedDateTime

from tocsin.core.alert import SUBJECT_LABEL, Observation
from tocsin.core.commands import CloseIncident, Declare
from tocsin.core.events import TOCSIN, Actor, Evidence
from tocsin.core.handoff import Change, Pending, changes, next_opening, pending
from tocsin.core.ids import AlertFingerprint, IncidentId, PersonId
from tocsin.core.incident import Incident
from tocsin.core.kinds import INCOMING, OUTGOING, TESTED, Kind, TestPagePolicy, rows_of
from tocsin.core.limits import CONFLICTS_MAX, ROWS_PER_PAGE
from tocsin.core.marks import SCHEDULED
from tocsin.core.oncall import on_call
from tocsin.core.rules import Rulebook
from tocsin.engine.clock import Numbers
from tocsin.engine.handler import Handler
from tocsin.engine.packets import Packets, told
from tocsin.store.port import Conflict, Store

ALIVE = "tocsin.alive"
"""The sign of life that the engine gives itself: how far it has looked."""

_LOOKS_EVERY = TimeDelta(hours=24)
"""Calendars are long, and time zones change: a day is soon enough to see that."""

MONTHLY = "test-page-of:"
"""What the group of a monthly test page begins with. One that a person asked for is not counted against anybody."""


class Errands:
    """Opens hand-offs and test pages."""

    def __init__(self, store: Store, handler: Handler, numbers: Numbers, packets: Packets) -> None:
        self._store = store
        self._handler = handler
        self._numbers = numbers
        self._packets = packets
        self._since: Instant | None = None
        self._seen: tuple[object, object] = (None, None)
        self._next_at: Instant | None = None
        self._report: dict[AlertFingerprint, Observation] = {}
        self._asked: tuple[AlertFingerprint, ...] = ()
        handler.errand_changed = self.ended

    async def load(self, now: Instant) -> None:
        """Look on from where the last process stopped. A Tocsin that never ran has missed nothing."""
        alive = (await self._store.beats()).get(ALIVE)
        self._since = min(alive.seen_at, now) if alive else now
        await self._handler.playbooks.refresh_handoffs()
        for headline in reversed(await self._store.headlines(kind=Kind.DRILL, limit=ROWS_PER_PAGE)):
            if headline.closed and (incident := await self._handler.load(headline.id)):
                self.ended(incident)

    async def step(self, now: Instant) -> Instant | None:
        """Open what is to be opened; answer when something is again."""
        playbooks = self._handler.playbooks
        seen = (playbooks.current, playbooks.arranged)  # Compared by identity: both are replaced, never changed.
        rules, since = playbooks.current, min(self._since or now, now)
        if all(map(is_, seen, self._seen)) and self._next_at is not None and since < now < self._next_at:
            return self._next_at
        ahead = tuple(changes(rules, since, now + rules.handoffs.opens_before, playbooks.arranged))
        await self._call_off(ahead, now)
        for change in ahead:
            await self._open_handoff(change, rules, now)
        await self._open_test_pages(rules, since, now)
        self._since, self._seen = now, seen
        coming = (next_opening(rules, now, playbooks.arranged), _monthly_after(rules.test_pages, now))
        self._next_at = min(at for at in (*coming, now + _LOOKS_EVERY) if at is not None)
        return self._next_at

    async def test(self, person: PersonId, by: Actor, now: Instant) -> IncidentId:
        """Open a test page to somebody, or answer the one that is still open."""
        key = f"test-page:{person}"
        latest = (await self._store.latest_of_group([key])).get(key)
        if latest is not None and latest.resolved_at is None:
            return latest.id
        return await self._open(_test_page(person, key, by, self._handler.playbooks.current, now), now)

    def ended(self, incident: Incident) -> None:
        """Take note of how a monthly test page ended: one that nobody answered is an alert, until the next is."""
        policy = self._handler.playbooks.current.test_pages
        severity = policy.missed_severity
        person = incident.roles.get(TESTED)
        if not incident.group_key.startswith(MONTHLY) or severity is None or person is None or not incident.closed:
            return
        found = _missed(incident, person, severity, policy.clause)
        self._report[found.fingerprint] = found

    async def observations(self) -> tuple[Observation, ...]:
        """Answer what the last test pages say that the alerts do not say yet."""
        self._asked = tuple(self._report)
        if not self._asked:
            return ()
        known = await self._store.alerts(self._asked)
        now = {name: alert.status for name, alert in known.items()}
        new = tuple(
            self._report[name] for name in self._asked if now.get(name, "resolved") != self._report[name].status
        )
        if not new:
            self.told()
        return new

    def told(self) -> None:
        """Take note that what was answered last has become alerts."""
        for fingerprint in self._asked:
            self._report.pop(fingerprint, None)

    async def _call_off(self, ahead: Iterable[Change], now: Instant) -> None:
        """End the hand-offs of changes that will not come, or were taken back before anybody took over."""
        wanted = {change.key for change in ahead}
        for headline in await self._store.headlines(open_only=True, kind=Kind.HANDOFF, limit=ROWS_PER_PAGE):
            incident = await self._handler.load(headline.id)
            comes_at = incident.at(SCHEDULED) if incident else None
            if incident is None or comes_at is None:
                continue
            if comes_at > now and headline.group_key not in wanted:
                reason = "this change of shift will not come; the plan has changed"
            elif (left := pending(incident)) and comes_at <= now and self._is_back(left, now):
                reason = "the shift went back before it was taken over"
            else:
                continue
            await self._handler.handle(headline.id, CloseIncident(reason=reason), now)

    def _is_back(self, left: Pending, now: Instant) -> bool:
        """Tell whether who was to hand over is on call by the plan again."""
        playbooks = self._handler.playbooks
        rotation = playbooks.current.rotations.get(left.rotation)
        known = playbooks.arranged.known_to(playbooks.current.people)
        return rotation is not None and on_call(rotation, now, known) == left.outgoing

    async def _open_handoff(self, change: Change, rules: Rulebook, now: Instant) -> None:
        if await self._is_open(change.key):
            return
        packet = told(await self._packets.gather(now))
        await self._open(_handoff(change, packet, rules, now), now)

    async def _open_test_pages(self, rules: Rulebook, since: Instant, now: Instant) -> None:
        policy = rules.test_pages
        due = _monthly(policy, now.to_tz(policy.zone))
        if not since < due <= now:
            return
        month = due.to_tz(policy.zone).date().format_iso()[:7]
        for person in policy.people:
            key = f"{MONTHLY}{person}:{month}"
            if person in rules.people and not await self._is_open(key):
                await self._open(_test_page(person, key, TOCSIN, rules, now), now)

    async def _is_open(self, key: str) -> bool:
        """Tell whether there is or was an errand of this name."""
        return key in await self._store.latest_of_group([key])

    async def _open(self, declare: Declare, now: Instant) -> IncidentId:
        """Open an errand under the next number that is free."""
        for _ in range(CONFLICTS_MAX):
            number = await self._numbers.next(declare.kind)
            try:
                if await self._handler.handle(number, _named(declare, number), now):
                    return number
            except Conflict:
                pass
            self._numbers.forget()  # Another node has given this number meanwhile.
        raise Conflict(f"no number was free in {CONFLICTS_MAX} attempts")


def _named(declare: Declare, number: IncidentId) -> Declare:

    return replace(declare, incident=number)


def _handoff(change: Change, packet: str, rules: Rulebook, now: Instant) -> Declare:
    rotation = rules.rotations[change.rotation]
    names = [rules.people[each].name if each in rules.people else each for each in (change.outgoing, change.incoming)]
    at = change.at.format_iso()
    return Declare(
        incident=IncidentId(""),
        title=f"{rotation.name or rotation.id} from {names[0]} to {names[1]}",
        components=(),
        severity=rows_of(Kind.HANDOFF),
        evidence=Evidence("hand-off", rules.handoffs.clause, f"the shift changes on {at[:10]} at {at[11:16]} UTC"),
        detected_at=now,
        group_key=change.key,
        description=packet,
        kind=Kind.HANDOFF,
        roles={OUTGOING: change.outgoing, INCOMING: change.incoming},
        rotation=change.rotation,
        scheduled_at=change.at,
    )


def _test_page(person: PersonId, key: str, by: Actor, rules: Rulebook, now: Instant) -> Declare:
    asked_by = by.person or ("the playbook" if by is TOCSIN else by.via)
    return Declare(
        by=by,
        incident=IncidentId(""),
        title=f"TEST page to {rules.people[person].name}",
        components=(),
        severity=rows_of(Kind.DRILL),
        evidence=Evidence("test-page", rules.test_pages.clause, f"asked for by {asked_by}"),
        detected_at=now,
        group_key=key,
        kind=Kind.DRILL,
        roles={TESTED: person},
    )


def _monthly(policy: TestPagePolicy, now: ZonedDateTime) -> Instant:
    """Answer when this month's test pages are due."""
    return now.date().replace(day=policy.day).at(policy.at).assume_tz(policy.zone).to_instant()


def _monthly_after(policy: TestPagePolicy, now: Instant) -> Instant | None:
    if not policy.people:
        return None
    here = now.to_tz(policy.zone)
    this = _monthly(policy, here)
    if this > now:
        return this
    following = here.date().replace(day=1).add(months=1).replace(day=policy.day)
    return following.at(policy.at).assume_tz(policy.zone).to_instant()


def _missed(incident: Incident, person: PersonId, severity: str, clause: str) -> Observation:
    missed = incident.outcome == "missed"
    labels = {
        "alertname": "TestPageMissed",
        "person": person,
        "severity": severity,
        "clause": clause,
        SUBJECT_LABEL: "test-pages",
    }
    summary = f"{person} did not answer the monthly test page {incident.id}; a page may not reach them"
    return Observation(
        AlertFingerprint(f"tocsin:test-page:{person}"),
        "firing" if missed else "resolved",
        labels,
        {"summary": summary},
        started_at=incident.last_at if missed else None,
        ended_at=None if missed else incident.last_at,
    )
