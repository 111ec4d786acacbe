"""What Tocsin says about itself: counters and gauges for Prometheus."""

import logging
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from whenever import Instant

from tocsin.core.events import AnyEvent, Concluded, DeadlineMissed, MitigationEnded, StepTaken
from tocsin.core.kinds import Kind
from tocsin.store.port import Counts, StoreUnavailable

_log = logging.getLogger("tocsin.engine")
_LATENESS_EDGES = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Telemetry:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.signals = self._counter("tocsin_signals_total", "Signals by what became of them.", "source", "result")
        self.alerts = self._counter("tocsin_alerts_total", "Observations of alerts by the turn they meant.", "turn")
        self.clamped = self._counter("tocsin_clamped_times_total", "Alerts dated from receipt: too old or ahead.")
        self.events = self._counter("tocsin_events_total", "Events written to timelines.", "event")
        self.refused = self._counter("tocsin_refused_total", "Requests and commands refused.", "reason")
        self.callbacks = self._counter(
            "tocsin_callbacks_total", "What providers called back with.", "provider", "result"
        )
        self.deliveries = self._counter("tocsin_deliveries_total", "Attempts at delivery.", "channel", "outcome")
        self.diagnostics = self._counter("tocsin_diagnostics_total", "Diagnostics by how they ended.", "ending")
        self.runs = self._counter("tocsin_runs_total", "Actions by what became of them.", "outcome")
        self.faults = self._counter("tocsin_faults_total", "Errors of our own that a step isolated.", "step")
        self.missed = self._counter("tocsin_deadlines_missed_total", "Deadlines that somebody missed.", "clause")
        self.errands = self._counter(
            "tocsin_errands_total", "Hand-offs and drills by how they ended.", "kind", "outcome"
        )
        self.heartbeat = self._gauge("tocsin_heartbeat_timestamp_seconds", "When the engine last proved that it works.")
        self.deadman = self._counter("tocsin_deadman_pings_total", "Pings to the dead man's switch.", "result")
        self.lateness = self._histogram("tocsin_deadline_lateness_seconds", "From due to answered.")
        self.handover = self._histogram("tocsin_page_handover_seconds", "From the decision to page to the provider.")
        self.open_incidents = self._gauge("tocsin_open_incidents", "Incidents not resolved.")
        self.signals_waiting = self._gauge("tocsin_signals_waiting", "Accepted signals the intake still owes.")
        self.intents_waiting = self._gauge("tocsin_intents_waiting", "Messages the outbox still owes.")
        self.dead_letters = self._gauge("tocsin_dead_letters", "Messages given up.")
        self.lag = self._gauge("tocsin_obligation_lag_seconds", "Age of the oldest signal or message that waits.")
        self.nobody_reachable = self._gauge("tocsin_nobody_reachable", "Open incidents in which nobody answers (E4).")
        self.unaccounted = self._gauge("tocsin_unaccounted_obligations", "Obligations nobody owes. Must be 0.")

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, registry=self.registry)

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(name, what, registry=self.registry)

    def _histogram(self, name: str, what: str) -> Histogram:
        return Histogram(name, what, buckets=_LATENESS_EDGES, registry=self.registry)

    def happened(self, events: Iterable[AnyEvent], kind: Kind = Kind.INCIDENT) -> None:
        """Count what was written to a timeline. Of an errand only how it ended: it must not colour the figures."""
        if kind is not Kind.INCIDENT:
            for event in events:
                if isinstance(event, Concluded):
                    self.errands.labels(kind.value, event.outcome).inc()
            return
        for event in events:
            self.events.labels(type(event).__name__).inc()
            if isinstance(event, MitigationEnded):
                self.runs.labels(event.outcome).inc()
            if isinstance(event, DeadlineMissed):
                self.missed.labels(event.clause).inc()
            if isinstance(event, DeadlineMissed | StepTaken):
                self.lateness.observe(max(0.0, (event.at - event.due_at).total("seconds")))

    def fault(self, step: str, fault: BaseException, where: str) -> None:
        """Record an error that a step kept from spreading. A store that refuses is no bug and has no trace."""
        self.faults.labels(step).inc()
        if isinstance(fault, StoreUnavailable):
            _log.error("%s cannot go on: %s; what was accepted waits and is taken up again", step, fault)
            return
        _log.error("fault in %s at %s", step, where, exc_info=fault)

    def counted(self, counts: Counts, now: Instant) -> None:
        """Take over what the store counted."""
        self.open_incidents.set(counts.open_incidents)
        self.signals_waiting.set(counts.signals_waiting)
        self.intents_waiting.set(counts.intents_waiting)
        self.dead_letters.set(counts.dead_letters)
        self.unaccounted.set(counts.unaccounted)
        waiting = [at for at in (counts.oldest_signal_at, counts.oldest_intent_due_at) if at is not None]
        self.lag.set(max(((now - at).total("seconds") for at in waiting), default=0.0))

    def exposition(self) -> bytes:
        """Answer the metrics as Prometheus reads them."""
        return generate_latest(self.registry)
