"""The watcher: asks how the affected components are doing, and tells their incidents (V1, V2, D3, M5)."""

import asyncio
from collections.abc import Iterable, Sequence

from whenever import Instant

from tocsin.core.commands import RecordMeasurement
from tocsin.core.events import Actor, Sample
from tocsin.core.ids import ComponentId, IncidentId
from tocsin.core.incident import Incident
from tocsin.core.limits import HEALTHY_HOURS_REMEMBERED, INCIDENTS_WATCHED, RELATED_ALERTS_LOOKED_AT
from tocsin.core.marks import DETECTED
from tocsin.core.objectives import health_objective, sample
from tocsin.core.policies import ErrorSpike
from tocsin.core.rules import Component, ErrorLog, Objective
from tocsin.core.stages import Stage
from tocsin.core.watching import errors_sample, related, related_sample
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
        self._before: dict[tuple[IncidentId, ComponentId, Instant], float] = {}
        """What error logs were like before incidents."""

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
            checks = await self._checks(headline, now) if headline.stage is Stage.MONITORING else ()
            await self._tell(headline, (*_of(headline.components, by_component), *checks), now)
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
        answer = await self._measurements.ask(objective.query, objective.source)
        return sample(component.id, objective, answer.value, answer.why)

    async def _probe(self, component: Component) -> Sample:
        answer = await self._measurements.probe(component.health_url)
        return sample(component.id, health_objective(component), answer.value, answer.why)

    async def _checks(self, headline: Headline, now: Instant) -> tuple[Sample, ...]:
        """Look at what must be quiet beside the objectives: other components, and error logs (V2)."""
        incident = await self._handler.load(headline.id)
        if incident is None:
            return ()
        rules = await self._handler.playbooks.of(incident)
        found: list[Sample] = []
        if rules.watch.related_alerts:
            since = incident.window_began_at or now
            begun = related(await self._store.alerts_since(since, RELATED_ALERTS_LOOKED_AT), incident, rules)
            found.append(related_sample(incident.components[0], begun, rules.watch.related_alerts))
        if rules.watch.errors is not None:
            parts = [rules.components[name] for name in incident.components if name in rules.components]
            asked = (self._errors(part, rules.watch.errors, incident) for part in parts if part.errors)
            found += await asyncio.gather(*asked)
        return tuple(found)

    async def _errors(self, part: Component, policy: ErrorSpike, incident: Incident) -> Sample:
        log = part.errors
        assert log is not None, "only a log that is measured is asked"
        now = await self._measurements.ask(log.query, log.source)
        return errors_sample(part, policy, now.value, await self._usual(part, log, policy, incident), now.why)

    async def _usual(self, part: Component, log: ErrorLog, policy: ErrorSpike, incident: Incident) -> float | None:
        """Answer what the log was like before the incident; it stays so, so it is asked once."""
        detected_at = incident.at(DETECTED)
        assert detected_at is not None, "an incident was detected"
        key = (incident.id, part.id, detected_at)
        if key not in self._before:
            was = await self._measurements.ask(log.usual, log.source, detected_at - policy.ends_before)
            if was.value is None:
                return None  # Asked again with the next measurement: it may have been the network.
            self._before[key] = was.value
            while len(self._before) > HEALTHY_HOURS_REMEMBERED:
                del self._before[next(iter(self._before))]
        return self._before[key]

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
