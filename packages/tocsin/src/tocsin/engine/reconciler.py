"""The reconciler: wakes incidents whose next deadline has come and lets them decide what follows."""

import asyncio

from whenever import Instant, TimeDelta

from tocsin.core.commands import Tick
from tocsin.core.ids import IncidentId
from tocsin.core.limits import INCIDENTS_PER_STEP
from tocsin.engine.handler import Handler
from tocsin.engine.telemetry import Telemetry
from tocsin.store.port import Store, StoreUnavailable

_SIDELINED_FOR = TimeDelta(seconds=30)


class Reconciler:
    """Keeps every deadline."""

    def __init__(self, store: Store, handler: Handler, telemetry: Telemetry) -> None:
        self._store = store
        self._handler = handler
        self._telemetry = telemetry
        self._sidelined: dict[IncidentId, Instant] = {}

    async def step(self, now: Instant) -> Instant | None:
        """Wake a batch of due incidents; answer when the next one wants to be woken."""
        self._sidelined = {incident: until for incident, until in self._sidelined.items() if until > now}
        due = await self._store.due(now, INCIDENTS_PER_STEP + len(self._sidelined))
        batch = [incident for incident in due if incident not in self._sidelined]
        await asyncio.gather(*(self._wake(incident, now) for incident in batch))
        if len(batch) >= INCIDENTS_PER_STEP:
            return now
        following = await self._store.next_due_at()
        if following is not None and following <= now and self._sidelined:
            return min(self._sidelined.values())  # Only incidents that fail are due; the rest has been served.
        return following

    async def _wake(self, incident: IncidentId, now: Instant) -> None:
        try:
            await self._handler.handle(incident, Tick(), now)
        except StoreUnavailable:
            raise
        except Exception as fault:  # One incident that cannot be decided must not keep the others from being woken.
            self._telemetry.fault("reconciler", fault, incident)
            self._sidelined[incident] = now + _SIDELINED_FOR
