"""The playbook in force, and the older versions under which incidents are still open.

A new version takes effect for new incidents; an open incident keeps the version it was opened under. A version is kept
in the store before the first incident can refer to it, so no restart can leave an incident without its rules.
"""

import msgspec
from whenever import Instant

from tocsin.core.commands import Situation
from tocsin.core.incident import Incident
from tocsin.core.oncall import duty, next_change, shift_ends
from tocsin.core.rules import Duty, Override, Rulebook, ShiftEnds
from tocsin.store.codec import decoder, encode
from tocsin.store.port import Change, PlaybookVersion, Store

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
        self.overrides: tuple[Override, ...] = ()
        self._duties: dict[str, _Span] = {}

    async def adopt(self, rulebook: Rulebook, now: Instant) -> None:
        """Make a version the one in force, once the store has it."""
        await self._store.commit(Change(playbooks=(PlaybookVersion(rulebook.version, encode(rulebook), now),)))
        self._by_version[rulebook.version] = rulebook
        self._duties.clear()
        self.current = rulebook

    async def refresh_overrides(self, now: Instant) -> None:
        """Read who stands in for whom."""
        self.overrides = await self._store.overrides(now)
        self._duties.clear()

    async def of(self, incident: Incident | None) -> Rulebook:
        """Answer the rules that an incident was opened under; the current ones for a new incident."""
        if incident is None:
            return self.current
        known = self._by_version.get(incident.playbook_version)
        return known or await self._load(incident.playbook_version)

    async def _load(self, version: str) -> Rulebook:
        stored = await self._store.playbook(version)
        if stored is None:
            return self.current  # It cannot happen to our own incidents; better these rules than no page.
        rulebook: Rulebook = _rulebook.decode(stored.rulebook)
        self._by_version[version] = rulebook
        return rulebook

    async def situation(self, incident: Incident | None, now: Instant) -> Situation:
        """Gather all that a decision on an incident may depend on."""
        rules = await self.of(incident)
        # Time never runs backwards inside one timeline, whatever the machine's clock does.
        instant = max(now, incident.last_at) if incident else now
        span = self._span(rules, instant)
        return Situation(now=instant, rules=rules, duty=span.duty, ends=span.ends)

    def _span(self, rules: Rulebook, at: Instant) -> _Span:
        """Answer who is on call and until when. Every decision asks; the answer holds until somebody takes over."""
        known = self._duties.get(rules.version)
        if known is None or not known.since <= at or (known.until is not None and at >= known.until):
            changes = (next_change(rotation, at, self.overrides) for rotation in rules.rotations.values())
            until = min((change for change in changes if change is not None), default=None)
            on = duty(rules.rotations, at, self.overrides)
            known = _Span(at, until, on, shift_ends(rules.rotations, on, at, self.overrides))
            self._duties[rules.version] = known
        return known
