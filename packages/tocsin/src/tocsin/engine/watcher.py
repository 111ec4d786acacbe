"""The watcher: asks how the affected components are doing, and tells their incidents (V1, V2, D3, M5)."""

import asyncio
from collections.abc import Iterable, Sequence

from whenever import Instant

from tocsin.core.commands import RecordMeasurement
from tocsin.core.events import Actor, Sample
from tocsin.core.ids import ComponentId
from tocsin.core.limits import INCIDENTS_WATCHED
from tocsin.core.objectives import health_objective, sample
from tocsin.core.rules import Component, Objective
from tocsin.engine.handler import Handler
from tocsin.engine.telemetry import Telemetry
from tocsin.metrics.port import Measurements
from tocsin.store.port import Headline, Store, StoreUnavailable

BY_WATCH = Actor(via="watch")


class Watcher:
    """Measures the components of open incidents. One question serves all incidents of a component."""

    def __init__(self, store: Store, handler: Handler, measurements: Measurements, telemetry: Telemetry) -> None:
        self._store = store
        self._handler = handler
        self._measurements = measurements
        self._telemetry = telemetry
        self._next_at: Instant | None = None

    async def step(self, now: Instant) -> Instant | None:
        """Measure once if it is time to; answer when it is time again."""
        asks_every = self._handler.playbooks.current.watch.asks_every
        # Further away than that, the clock was set back: waiting for the old time would tear a gap into every watch.
        if self._next_at is not None and now < self._next_at <= now + asks_every:
            return self._next_at
        rules = self._handler.playbooks.current
        self._next_at = now + asks_every
        watched = await self._store.headlines(open_only=True, limit=INCIDENTS_WATCHED)
        names = {component for headline in watched for component in headline.components}
        parts = [rules.components[name] for name in sorted(names) if name in rules.components]
        measured = await asyncio.gather(*(self._measure(part) for part in parts))
        by_component = {part.id: samples for part, samples in zip(parts, measured, strict=True)}
        for headline in watched:
            await self._tell(headline, _of(headline.components, by_component), now)
        return self._next_at

    def hurry(self) -> None:
        """Measure at the next step: an incident was declared or moved to monitoring."""
        self._next_at = None

    async def measure(self, component: ComponentId) -> tuple[Sample, ...]:
        """Measure one component now; nothing is told to anybody."""
        part = self._handler.playbooks.current.components.get(component)
        return await self._measure(part) if part else ()

    async def _measure(self, component: Component) -> tuple[Sample, ...]:
        asked = [self._ask(component, objective) for objective in component.objectives]
        probed = [self._probe(component)] if component.health_url else []
        return tuple(await asyncio.gather(*asked, *probed))

    async def _ask(self, component: Component, objective: Objective) -> Sample:
        answer = await self._measurements.ask(objective.query)
        return sample(component.id, objective, answer.value, answer.why)

    async def _probe(self, component: Component) -> Sample:
        answer = await self._measurements.probe(component.health_url)
        return sample(component.id, health_objective(component), answer.value, answer.why)

    async def _tell(self, headline: Headline, samples: tuple[Sample, ...], now: Instant) -> None:
        try:
            await self._handler.handle(headline.id, RecordMeasurement(by=BY_WATCH, samples=samples), now)
        except StoreUnavailable:
            raise
        except Exception as fault:  # One incident that cannot be told must not keep the others from being told.
            self._telemetry.fault("watcher", fault, headline.id)


def _of(components: Iterable[ComponentId], measured: dict[ComponentId, tuple[Sample, ...]]) -> tuple[Sample, ...]:
    found: Sequence[tuple[Sample, ...]] = [measured.get(component, ()) for component in components]
    return tuple(one for samples in found for one in samples)
