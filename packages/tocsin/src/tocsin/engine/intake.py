"""The intake: what senders say becomes alerts, and alerts become incidents.

Two moments are kept apart. `accept` checks a body and keeps it, as sent, in the inbox: when it returns, the sender may
be told so. `step` takes accepted signals from the inbox, sees what turn each alert took, and brings the turns to their
incidents, all in one transaction with the note that the signals are handled. Killed in between, it does the same again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec
from whenever import Instant

from tocsin.core.alert import (
    Alert,
    Circumstances,
    Classified,
    Observation,
    Sighting,
    dated,
    observe,
    recheck,
)
from tocsin.core.classify import classify_alert, classify_report
from tocsin.core.ids import AlertFingerprint
from tocsin.core.limits import ALERTS_PER_STEP, CONFLICTS_MAX
from tocsin.core.rules import Rulebook
from tocsin.engine.clock import Chance
from tocsin.engine.grouping import Grouping
from tocsin.engine.handler import Handler
from tocsin.engine.heartbeats import Heartbeats
from tocsin.engine.telemetry import Telemetry
from tocsin.signals.port import Decoder, Unreadable
from tocsin.store.port import Change, Conflict, Handled, Signal, Store


class Batch(msgspec.Struct, frozen=True):
    """What one step of the intake saw."""

    sightings: tuple[Sighting, ...]
    handled: tuple[Handled, ...]
    beaten_by: frozenset[str]
    """Names of alerts that are signs of life."""


class Reporter(Protocol):
    """A part of Tocsin that reports alerts of its own."""

    async def observations(self) -> tuple[Observation, ...]:
        """Answer what is not known as an alert yet."""
        ...

    def told(self) -> None:
        """Take note that what was answered last is known now."""
        ...


class Intake:
    """Takes signals in."""

    def __init__(
        self,
        store: Store,
        handler: Handler,
        grouping: Grouping,
        heartbeats: Heartbeats,
        decoders: Mapping[str, Decoder],
        chance: Chance,
        telemetry: Telemetry,
    ) -> None:
        self._store = store
        self._handler = handler
        self._grouping = grouping
        self._heartbeats = heartbeats
        self._decoders = decoders
        self._chance = chance
        self._telemetry = telemetry
        self.reporters: list[Reporter] = []

    async def accept(self, source: str, body: bytes, now: Instant) -> tuple[Signal, ...]:
        """Keep a body durably and answer the signals it became. Raises `Unreadable` or `StoreUnavailable`."""
        signals = tuple(self._signals(source, body, now))
        await self._store.commit(Change(signals=signals))
        self._telemetry.signals.labels(source, "accepted").inc(len(signals))
        return signals

    def _signals(self, source: str, body: bytes, now: Instant) -> Iterable[Signal]:
        decoder = self._decoders[source]
        try:
            for part, count in decoder.split(body):
                yield Signal(self._chance.signal_id(), source, part, now, count)
        except Unreadable:
            self._telemetry.signals.labels(source, "refused").inc()
            raise

    async def step(self, now: Instant) -> Instant | None:
        """Handle a batch of accepted signals and of alerts that want another look; answer when to come back."""
        for _ in range(CONFLICTS_MAX):
            try:
                return await self._step(now)
            except Conflict:
                continue  # A person acted on one of the incidents meanwhile: see it all again.
        return now

    async def _step(self, now: Instant) -> Instant | None:
        signals = await self._store.inbox(ALERTS_PER_STEP)
        rechecks = await self._store.alerts_to_recheck(now, ALERTS_PER_STEP)
        missing = await self._heartbeats.observations(now)
        reported = [each for reporter in self.reporters for each in await reporter.observations()]
        if not signals and not rechecks and not missing.observations and not reported:
            return await self._next_at(now)
        batch = await self._see(signals, rechecks, (*missing.observations, *reported), now)
        beats = (*missing.beats, *self._heartbeats.heard(batch.beaten_by, now))
        async with self._grouping.arranged(batch.sightings, now) as arrangement:
            change = Change(handled=batch.handled, alerts=arrangement.alerts, beats=beats)
            await self._handler.commit(arrangement.decisions, change)
        self._heartbeats.kept(beats, missing.reviewed)
        for reporter in self.reporters:
            reporter.told()
        for sighting in batch.sightings:
            self._telemetry.alerts.labels(sighting.turn.value).inc()
        return now

    async def _next_at(self, now: Instant) -> Instant | None:
        at = [await self._store.next_recheck_at(), self._heartbeats.next_at(now)]
        return min((each for each in at if each is not None), default=None)

    async def _see(
        self,
        signals: Sequence[Signal],
        rechecks: Sequence[Alert],
        own: Sequence[Observation],
        now: Instant,
    ) -> Batch:
        rules = self._handler.playbooks.current
        given = await self._circumstances(rules, now)
        said = [(signal, self._read(signal)) for signal in signals]
        everything = [each for _, observations in said for each in observations] + list(own)
        known = dict(await self._store.alerts([each.fingerprint for each in everything]))
        view = _View(known, rules, given, self._telemetry)
        handled = tuple(
            Handled(signal.id, now, _tally(view.take(each) for each in observations)) for signal, observations in said
        )
        for observation in own:
            view.take(observation)
        for alert in rechecks:
            view.look_again(alert)
        return Batch(tuple(view.sightings), handled, frozenset(view.beaten_by))

    async def _circumstances(self, rules: Rulebook, now: Instant) -> Circumstances:
        silences = await self._store.silences(ending_after=now)
        return Circumstances(now, rules.flapping, silences, rules.grouping.by)

    def _read(self, signal: Signal) -> tuple[Observation, ...]:
        """Read what was checked when it was accepted. Unreadable all the same, it counts as an alert of its own."""
        try:
            return self._decoders[signal.source].observations(signal.body)
        except Unreadable as fault:
            self._telemetry.fault("intake", fault, signal.id)
            labels = {"alertname": "UnreadableSignal", "signal": signal.id, "source": signal.source}
            summary = {"summary": f"An accepted signal cannot be read: {fault.detail}"}
            return (Observation(AlertFingerprint(f"unreadable:{signal.id}"), "firing", labels, summary),)


class _View:
    """The alerts as one step sees them: each observation is judged on what the ones before it showed."""

    def __init__(
        self, known: dict[AlertFingerprint, Alert], rules: Rulebook, given: Circumstances, telemetry: Telemetry
    ) -> None:
        self._known = known
        self._rules = rules
        self._given = given
        self._telemetry = telemetry
        self._watchdogs = {each.alertname for each in rules.heartbeats.values() if each.alertname}
        self.sightings: list[Sighting] = []
        self.beaten_by: set[str] = set()

    def take(self, seen: Observation) -> str:
        """Judge one observation; answer what became of it, for the ledger."""
        name = seen.labels.get("alertname", "")
        if name in self._watchdogs:
            if seen.status == "firing":
                self.beaten_by.add(name)
            return "heartbeat"
        if seen.started_at is not None and dated(seen.started_at, self._given.now) != seen.started_at:
            self._telemetry.clamped.inc()
        sighting = observe(self._known.get(seen.fingerprint), seen, self._classified(seen), self._given)
        self._keep(sighting)
        return sighting.turn.value

    def look_again(self, alert: Alert) -> None:
        """Judge an alert whose flapping or silence may be over."""
        self._keep(recheck(self._known.get(alert.fingerprint, alert), self._given))

    def _keep(self, sighting: Sighting) -> None:
        self._known[sighting.alert.fingerprint] = sighting.alert
        self.sightings.append(sighting)

    def _classified(self, seen: Observation) -> Classified:
        if seen.answers is not None:
            return classify_report(self._rules, seen.labels, seen.answers)
        return classify_alert(self._rules, seen.labels, seen.annotations)


def _tally(turns: Iterable[str]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for turn in turns:
        counts[turn] = counts.get(turn, 0) + 1
    return counts
