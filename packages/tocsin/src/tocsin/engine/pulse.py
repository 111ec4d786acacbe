"""The pulse: proof that the engine steps and the store commits, for whoever watches from outside.

A process can answer on its port and do nothing else. So the sign of life is written to the store like everything that
matters, and only while every loop has finished a step lately; the ping to an external service goes out after that and
never without it. Who hears neither knows that something is wrong, whatever it is.
"""

from collections.abc import Awaitable, Callable

from whenever import Instant, TimeDelta

from tocsin.core.limits import LOOP_STALLED_AFTER, PULSE_EVERY
from tocsin.engine.errands import ALIVE
from tocsin.engine.telemetry import Telemetry
from tocsin.store.port import Beat, Change, Store

Ping = Callable[[], Awaitable[str]]
"""Tells an external service that we live; answers why it was not heard, or nothing. Never raises."""


class Pulse:
    """Beats while the engine works."""

    def __init__(self, store: Store, telemetry: Telemetry) -> None:
        self._store = store
        self._telemetry = telemetry
        self._stepped: dict[str, Instant] = {}
        self._next_at: Instant | None = None
        self._pinged_at: Instant | None = None
        self.beat_at: Instant | None = None
        """The last sign of life that the store has kept."""
        self.ping: Ping | None = None
        self.pings_every = TimeDelta(minutes=1)

    def stepped(self, loop: str, at: Instant) -> None:
        """Take note that a loop has finished a step, which it began at this instant."""
        self._stepped[loop] = at

    def stalled(self, now: Instant) -> tuple[str, ...]:
        """Name the loops that have not finished a step for too long."""
        # A clock that was set back must not look like a loop that is ahead of its time for ever.
        return tuple(name for name, at in self._stepped.items() if abs(now - at) > LOOP_STALLED_AFTER)

    def overdue(self, now: Instant) -> bool:
        """Tell whether the last sign of life is too long ago: a loop hangs, or the store does not commit."""
        return self.beat_at is not None and abs(now - self.beat_at) > LOOP_STALLED_AFTER + PULSE_EVERY

    async def step(self, now: Instant) -> Instant | None:
        """Beat if it is time to and everything steps; answer when it is time again. Raises `StoreUnavailable`."""
        if self._next_at is not None and now < self._next_at <= now + PULSE_EVERY:
            return self._next_at
        if self.stalled(now):
            return now + TimeDelta(seconds=1)
        # What is kept is how far the errands have looked: the next process looks on from there, and misses none.
        await self._store.commit(Change(beats=(Beat(ALIVE, self._stepped.get("errands", now)),)))
        self.beat_at = now
        self._next_at = now + PULSE_EVERY
        self._telemetry.heartbeat.set(now.timestamp())
        await self._tell(now)
        return self._next_at

    async def _tell(self, now: Instant) -> None:
        due = self._pinged_at is None or not self._pinged_at <= now < self._pinged_at + self.pings_every
        if self.ping is None or not due:
            return
        why = await self.ping()
        self._telemetry.deadman.labels("failed" if why else "heard").inc()
        if not why:
            self._pinged_at = now  # What was not heard is said again with the next beat.
