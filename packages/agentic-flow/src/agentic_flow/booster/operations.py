"""Carries out operations: each passes the guard, ends as ok, refused or failed, and is counted and timed.

Only operations that end well are timed. A failure is quick, and an outage must not look like good latency.
"""

from __future__ import annotations

import logging
from time import monotonic, perf_counter

import wasmtime
from prometheus_client import Counter, Gauge, Histogram

from agentic_flow.booster.cache import TreeCache
from agentic_flow.booster.edit import Edit, Edited, SealBroken, Trees, apply
from agentic_flow.booster.module import Guard
from agentic_flow.booster.refusals import Reason, Refused
from agentic_flow.booster.wire import TransformAnswer
from agentic_flow.chassis.metrics import Metrics
from agentic_flow.chassis.problem import Problem, Result

log = logging.getLogger("agent-booster")
_LOG_EVERY_S = 1.0
_STATUS = {Reason.MALFORMED_REQUEST: 400, Reason.TOO_LARGE: 413}


class BoosterMetrics(Metrics):
    """What Agent Booster is measured by."""

    def __init__(self) -> None:
        super().__init__("agent-booster")
        self.duration = Histogram(
            "agent_booster_operation_duration_seconds",
            "Time from the request's arrival to its result, of operations that ended well.",
            buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
            registry=self.registry,
        )
        self.operations = Counter(
            "agent_booster_operations_total", "Operations by result.", ["result"], registry=self.registry
        )
        self.loaded = Gauge(
            "agent_booster_module_loaded", "Whether the WebAssembly module is loaded.", registry=self.registry
        )
        self.load_seconds = Gauge(
            "agent_booster_module_load_seconds", "How long the module took to load.", registry=self.registry
        )
        for result in Result:
            self.operations.labels(result)

    def count(self, result: Result) -> None:
        """Count an operation."""
        self.operations.labels(result).inc()


class Operations:
    """Applies edits under the guard."""

    def __init__(self, metrics: BoosterMetrics, least_confidence: float) -> None:
        self.trees: Trees = TreeCache()
        self.guard: Guard | None = None
        self.why_unguarded = "the module has not been loaded yet"
        self._metrics = metrics
        self._least_confidence = least_confidence
        self._logged_at = 0.0
        self._unlogged = 0

    def perform(self, edit: Edit, since: float) -> TransformAnswer:
        """Apply one edit that arrived at `since`, or raise the problem; counted either way."""
        try:
            answer = self._perform(edit, since)
        except Problem as problem:
            self._metrics.count(problem.result)
            self._log(problem)
            raise
        self._metrics.count(Result.OK)
        return answer

    def _perform(self, edit: Edit, since: float) -> TransformAnswer:
        guard = self._require_guard()
        try:
            edited = apply(edit, self.trees, guard.seal, self._least_confidence)
        except Refused as refused:
            raise refusal(refused) from None
        except (SealBroken, wasmtime.Trap, wasmtime.WasmtimeError) as error:
            raise _failure("Guard failure", f"The module does not vouch for the edit: {error}") from error
        except Exception as error:  # One edit that trips over a defect of ours must not take the others along.
            log.exception("operation failed")
            raise _failure("Internal error", f"The edit failed: {type(error).__name__}.") from error
        duration = perf_counter() - since
        self._metrics.duration.observe(duration)
        return _answer(edited, guard, duration)

    def _require_guard(self) -> Guard:
        if self.guard is None:
            raise Problem(
                503,
                "Module initialization error",
                f"Module initialization error: {self.why_unguarded}",
                "Roll back to the previous release, then restart or reload.",
            )
        return self.guard

    def _log(self, problem: Problem) -> None:
        """Log failures, at most one line a second: the log must reach back to how an outage began."""
        if problem.result is not Result.FAILED:
            return
        self._unlogged += 1
        if monotonic() - self._logged_at >= _LOG_EVERY_S:
            log.error("%s (%d since the last such line)", problem.detail, self._unlogged)
            self._logged_at, self._unlogged = monotonic(), 0


def refusal(refused: Refused) -> Problem:
    """Give a refusal as the problem the caller sees."""
    status = _STATUS.get(refused.reason, 422)
    return Problem(status, "Edit refused", refused.sentence, refused.remedy, reason=refused.reason)


def _failure(title: str, detail: str) -> Problem:
    return Problem(500, title, detail, "Try again; if it fails again, report the source and the edit.")


def _answer(edited: Edited, guard: Guard, duration: float) -> TransformAnswer:
    return TransformAnswer(
        result=Result.OK,
        output=edited.source,
        strategy=edited.strategy,
        confidence=edited.confidence,
        first_line=edited.first_line,
        last_line=edited.last_line,
        release=guard.manifest.version,
        duration_ms=round(duration * 1000, 3),
    )
