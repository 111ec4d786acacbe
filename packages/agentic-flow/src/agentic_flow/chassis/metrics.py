"""The metrics that every service has, in a registry of its own.

With several replicas each is a target of its own: a scrape through the shared port would meet a different replica
every time. The supervisor lists the replicas' own addresses at `/targets`.
"""

from __future__ import annotations

import logging

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from starlette.responses import Response

disable_created_metrics()  # type: ignore[no-untyped-call]

_LEVELS = {"warning": logging.WARNING, "error": logging.ERROR}


class Metrics:
    """A registry with what is common to all services."""

    def __init__(self, component: str) -> None:
        self.registry = CollectorRegistry()
        self._component = component
        ProcessCollector(registry=self.registry)
        self._build = Gauge("p0_build_info", "The release in use.", ["component", "version"], registry=self.registry)
        self._faults = Gauge(
            "p0_fault_active", "Whether a drill's fault is active.", ["component", "fault"], registry=self.registry
        )

        self.log = _LogCounter(
            Counter("p0_log_messages", "Entries logged, by level.", ["component", "level"], registry=self.registry),
            component,
        )

    def release(self, version: str) -> None:
        """Show the release in use."""
        self._build.clear()
        self._build.labels(self._component, version).set(1)

    def fault(self, name: str, active: bool) -> None:
        """Show whether a fault is active."""
        self._faults.labels(self._component, name).set(int(active))

    def exposition(self) -> Response:
        """Give all metrics in Prometheus' text format."""
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)


class _LogCounter(logging.Handler):
    """Counts what is logged as a warning or worse. A level that nothing was logged at yet stands at 0."""

    def __init__(self, counter: Counter, component: str) -> None:
        super().__init__(logging.WARNING)
        self._warnings, self._errors = (counter.labels(component, level) for level in _LEVELS)

    def emit(self, record: logging.LogRecord) -> None:
        """Count one entry."""
        (self._errors if record.levelno >= _LEVELS["error"] else self._warnings).inc()
