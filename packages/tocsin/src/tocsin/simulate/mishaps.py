"""What happens to Tocsin itself: the process dies at a write, the store fails for a while, the clock is set.

The store stands for the disk: it outlives the process. Everything else is thrown away when the process dies.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal

import msgspec
from whenever import Instant, TimeDelta

from tocsin.core.alert import Alert
from tocsin.core.events import AnyEvent
from tocsin.core.gathering import Gathering
from tocsin.core.ids import AlertFingerprint, GatheringId, IncidentId
from tocsin.core.kinds import Kind
from tocsin.core.messages import Intent
from tocsin.store.memory import MemoryStore
from tocsin.store.port import Change, Headline, RunRow, Signal, StoreUnavailable


class Crash(BaseException):
    """The process is gone. No step may catch it, as none could."""


class CrashPoint(msgspec.Struct, frozen=True):
    """Where the process dies: right before or right after a write, or before a delivery's receipt is written."""

    where: Literal["before", "after", "receipt"]
    number: int
    """Of the write, or of the receipt; counted from 1."""

    def __str__(self) -> str:
        return f"{self.where}:{self.number}"


def crash_points(text: str) -> tuple[CrashPoint, ...]:
    """Read ``before:93,after:7,receipt:2``; a bare number means before. Raises ValueError."""
    return tuple(_crash_point(part.strip()) for part in text.split(",") if part.strip())


def _crash_point(text: str) -> CrashPoint:
    where, _, number = text.partition(":") if ":" in text else ("before", "", text)
    try:
        return msgspec.convert({"where": where, "number": int(number)}, CrashPoint)
    except ValueError as error:
        raise ValueError(f'"{text}" is no place to crash at; write before:93, after:93, receipt:2 or 93') from error


class VirtualClock:
    """The machine's clock: virtual time, and how far the clock is set off it."""

    def __init__(self, starts_at: Instant) -> None:
        self.true = starts_at
        self.offset = TimeDelta.ZERO

    def now(self) -> Instant:
        """Answer what the machine believes."""
        return self.true + self.offset

    def true_of(self, believed: Instant) -> Instant:
        """Answer when the machine will believe that it is so late."""
        return believed - self.offset


class SimulatedStore(MemoryStore):
    """The disk. It counts writes, can be out of order for a while, and takes the process down where it was told to."""

    def __init__(self, crashes: Sequence[CrashPoint], by_chance: Callable[[int], CrashPoint | None]) -> None:
        super().__init__()
        self._points = frozenset(crashes)
        self._by_chance = by_chance
        self.writes = 0
        self.receipts = 0
        self.appended = 0
        """Writes that added to a timeline."""
        self.crashed = False
        self.out_of_order = False
        self.kept: Callable[[Change], None] = lambda _: None
        """Called with every change that was kept."""

    async def commit(self, change: Change) -> None:
        """Keep a change, unless something happens."""
        self._usable()
        self.writes += 1
        chance = self._by_chance(self.writes)
        for _ in (attempt for attempt in change.attempts if attempt.outcome == "accepted"):
            self.receipts += 1
            if CrashPoint("receipt", self.receipts) in self._points:
                self._crash()
        self._crash_if("before", chance)
        await super().commit(change)
        self.appended += any(append.events for append in change.appends)
        self.kept(change)
        self._crash_if("after", chance)

    async def claim(
        self, now: Instant, lease_until: Instant, limit: int, busy: Mapping[str, int]
    ) -> tuple[tuple[Intent, int], ...]:
        """Lease messages; a write too, if any is leased."""
        self._usable()
        claimed = await super().claim(now, lease_until, limit, busy)
        if claimed:
            self.writes += 1
            chance = self._by_chance(self.writes)
            # Dying right before a lease is like not having asked; a lease that nobody holds is the harder case.
            self._crash_if("before", chance)
            self._crash_if("after", chance)
        return claimed

    async def timeline(self, incident: IncidentId, after: int = 0, limit: int | None = None) -> tuple[AnyEvent, ...]:
        """Answer a timeline."""
        self._usable()
        return await super().timeline(incident, after, limit)

    async def inbox(self, limit_alerts: int) -> tuple[Signal, ...]:
        """Answer what the intake owes."""
        self._usable()
        return await super().inbox(limit_alerts)

    async def due(self, now: Instant, limit: int) -> tuple[IncidentId, ...]:
        """Answer what is due."""
        self._usable()
        return await super().due(now, limit)

    async def gatherings(self, limit: int, besides: Collection[GatheringId] = ()) -> tuple[Gathering, ...]:
        """Answer what is to be looked at."""
        self._usable()
        return await super().gatherings(limit, besides)

    async def headlines(
        self,
        *,
        open_only: bool = False,
        before: IncidentId | None = None,
        limit: int = 100,
        kind: Kind = Kind.INCIDENT,
    ) -> tuple[Headline, ...]:
        """List incidents, or errands of a kind."""
        self._usable()
        return await super().headlines(open_only=open_only, before=before, limit=limit, kind=kind)

    async def runs_due(self, now: Instant, limit: int) -> tuple[RunRow, ...]:
        """Answer what the runner owes."""
        self._usable()
        return await super().runs_due(now, limit)

    def firing_attached(self) -> Mapping[IncidentId, int]:
        """Count the firing alerts of each incident, for the laws."""
        return Counter(alert.incident for alert in self._firing.values() if alert.incident)

    def known(self, fingerprint: AlertFingerprint) -> Alert | None:
        """Answer what is known of an alert, for the laws."""
        return self._alerts.get(fingerprint)

    def _usable(self) -> None:
        if self.crashed:
            raise Crash("the process is gone")
        if self.out_of_order:
            raise StoreUnavailable("the disk does not answer")

    def _crash_if(self, where: Literal["before", "after"], chance: CrashPoint | None) -> None:
        here = CrashPoint(where, self.writes)
        if here in self._points or chance == here:
            self._crash()

    def _crash(self) -> None:
        self.crashed = True
        raise Crash(f"killed at write {self.writes}")
