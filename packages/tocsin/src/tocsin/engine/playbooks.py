"""The playbook in force, and the older versions under which incidents are still open.

A new version takes effect for new incidents; an open incident keeps the version it was opened under. A version is kept
in the store before the first incident can refer to it, so no restart can leave an incident without its rules.
"""

from collections.abc import Container, Iterable
from contextlib import suppress

import msgspec
from whenever import Instant

from tocsin.core.arrangements import Arranged, Arrangement, Imported, Sheet
from tocsin.core.commands import Situation
from tocsin.core.handoff import Pending, pending, with_outgoing
from tocsin.core.ids import ChannelName, IncidentId
from tocsin.core.incident import Incident, fold
from tocsin.core.kinds import Kind
from tocsin.core.limits import ROWS_PER_PAGE
from tocsin.core.oncall import duty, next_change, shift_ends
from tocsin.core.rules import Duty, Rulebook, ShiftEnds
from tocsin.core.storm import Awake
from tocsin.store.codec import decoder, encode
from tocsin.store.port import Adoption, Change, PlaybookVersion, Store

_rulebook = decoder(Rulebook)


class _Span(msgspec.Struct, frozen=True):
    """Who is on call from one instant until another, or for ever."""

    since: Instant
    until: Instant | None
    duty: Duty
    ends: ShiftEnds


class Playbooks:
    """Answers which rules and whose duty apply."""

    def __init__(self, store: Store, current: Rulebook) -> None:
        self._store = store
        self._by_version = {current.version: current}
        self.current = current
        self.arranged = Arranged()
        """What people have arranged and is not over."""
        self._duties: dict[str, _Span] = {}
        self.settles: Container[ChannelName] = frozenset()
        """The channels that keep state of a page; known once they are wired."""
        self._pending: dict[IncidentId, Pending] = {}
        """Hand-offs that nobody has accepted yet."""

    async def adopt(self, rulebook: Rulebook, now: Instant, arrangements: tuple[Arrangement, ...] = ()) -> None:
        """Make a version the one in force, once the store has it, together with what it asks to be arranged."""
        adoptions = await self._store.adoptions()
        again = bool(adoptions) and adoptions[-1].version == rulebook.version
        change = Change(
            playbooks=(PlaybookVersion(rulebook.version, encode(rulebook), now),),
            adoptions=() if again else (Adoption(rulebook.version, now),),
            arrangements=arrangements,
        )
        await self._store.commit(change)
        self._by_version[rulebook.version] = rulebook
        self._duties.clear()
        self.current = rulebook

    async def refresh(self, now: Instant) -> None:
        """Read what people have arranged: who stands in for whom, who is away, what was imported."""
        self.arranged = arranged(await self._store.arrangements(now), await self._store.imports(now))
        self._duties.clear()

    async def refresh_handoffs(self) -> None:
        """Read which hand-offs are not accepted yet."""
        for headline in await self._store.headlines(open_only=True, kind=Kind.HANDOFF, limit=ROWS_PER_PAGE):
            incident = fold(None, await self._store.timeline(headline.id))
            if incident is not None:
                self.handing_over(incident)

    def handing_over(self, incident: Incident) -> None:
        """Take note of how a hand-off stands; of anything else there is nothing to note."""
        if incident.kind is not Kind.HANDOFF:
            return
        before, now = self._pending.get(incident.id), pending(incident)
        if now == before:
            return
        if now is None:
            del self._pending[incident.id]
        else:
            self._pending[incident.id] = now
        self._duties.clear()

    async def of(self, incident: Incident | None) -> Rulebook:
        """Answer the rules that an incident was opened under; the current ones for a new incident."""
        if incident is None:
            return self.current
        known = self._by_version.get(incident.playbook_version)
        return known or await self._load(incident.playbook_version)

    async def last_adopted(self) -> Rulebook | None:
        """Answer the version that was in force before this process; None if there was none."""
        adoptions = await self._store.adoptions()
        return await self.version(adoptions[-1].version) if adoptions else None

    async def version(self, version: str) -> Rulebook | None:
        """Answer a version by its name; None if there is none of that name, or it is too old to be read."""
        known = self._by_version.get(version)
        stored = None if known else await self._store.playbook(version)
        if stored is not None:
            with suppress(msgspec.MsgspecError, ValueError):
                known = _rulebook.decode(stored.rulebook)
        return known

    async def _load(self, version: str) -> Rulebook:
        stored = await self._store.playbook(version)
        if stored is None:
            return self.current  # It cannot happen to our own incidents; better these rules than no page.
        rulebook: Rulebook = _rulebook.decode(stored.rulebook)
        self._by_version[version] = rulebook
        return rulebook

    async def situation(self, incident: Incident | None, now: Instant, awake: Awake | None = None) -> Situation:
        """Gather all that a decision on an incident may depend on; what is known of others is handed in."""
        rules = await self.of(incident)
        # Time never runs backwards inside one timeline, whatever the machine's clock does.
        instant = max(now, incident.last_at) if incident else now
        span = self._span(rules, instant)
        return Situation(
            now=instant, rules=rules, duty=span.duty, ends=span.ends, awake=awake or {}, settles=self.settles
        )

    def _span(self, rules: Rulebook, at: Instant) -> _Span:
        """Answer who is on call and until when. Every decision asks; the answer holds until somebody takes over."""
        known = self._duties.get(rules.version)
        if known is None or not known.since <= at or (known.until is not None and at >= known.until):
            beside = self.arranged.known_to(rules.people)
            changes = (next_change(rotation, at, beside) for rotation in rules.rotations.values())
            handed = (each.at for each in self._pending.values() if each.at > at)
            until = min((change for change in (*changes, *handed) if change is not None), default=None)
            on = duty(rules.rotations, at, beside)
            ends = shift_ends(rules.rotations, on, at, beside)
            known = _Span(at, until, with_outgoing(on, self._pending.values(), at), ends)
            self._duties[rules.version] = known
        return known


def arranged(arrangements: Iterable[Arrangement], imports: Iterable[Imported]) -> Arranged:
    """Lay out what the store keeps beside the playbook; of several imports of a rotation the last counts."""
    latest = {imported.rotation: imported for imported in imports}
    sheets = {rotation: Sheet.of(imported.shifts) for rotation, imported in latest.items()}
    return Arranged.of(arrangements, sheets)
