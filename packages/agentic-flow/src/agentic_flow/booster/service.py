"""Agent Booster as a service: `POST /transform`, `/v1/apply` and `/v1/batch`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agentic_flow.booster import module, releases
from agentic_flow.booster.drills import drills
from agentic_flow.booster.edit import Edit
from agentic_flow.booster.limits import MAX_BATCH_EDITS, MAX_BODY_BYTES
from agentic_flow.booster.operations import BoosterMetrics, Operations
from agentic_flow.booster.queue import OperationQueue
from agentic_flow.booster.settings import BoosterSettings
from agentic_flow.booster.wire import ApplyRequest, BatchRequest, TransformAnswer, TransformRequest
from agentic_flow.chassis.component import Fault, Health
from agentic_flow.chassis.problem import Problem, decode, read_body

log = logging.getLogger("agent-booster")


class Booster:
    """The service: the module it loads, the operations it carries out, what it says of itself."""

    name = "agent-booster"

    def __init__(self, settings: BoosterSettings) -> None:
        self.metrics = BoosterMetrics()
        self._settings = settings
        self._operations = Operations(self.metrics, settings.confidence_threshold)
        per_turn = settings.batch_size if settings.batch_mode else 1
        self._queue = OperationQueue(settings.max_connections, per_turn)
        self._drill_source: tuple[Path, str] | None = None
        self._release = settings.release or "none"

    def start(self) -> None:
        """Load the module. Without one the service runs, says so, and fails every operation."""
        self.reload()

    def stop(self) -> None:
        """Nothing outlives the process."""

    def reload(self) -> None:
        """Load the module again, from the release that is meant to be in use now."""
        try:
            directory, version = self._drill_source or (self._settings.releases, self._wanted())
            self._operations.guard = module.load(directory, version)
        except (module.ModuleError, releases.ReleaseError) as error:
            self._unload(error)
        else:
            self._show_loaded(self._operations.guard)

    def load_from(self, directory: Path | None, version: str | None) -> None:
        """Load the module from elsewhere for the time of a drill, or from its release again."""
        self._drill_source = (directory, version) if directory and version else None
        self.reload()

    def health(self) -> Health:
        """Say whether the module is loaded: without it nothing works."""
        guard = self._operations.guard
        detail: dict[str, Any] = {"wasm_status": "loaded" if guard else "failed", "levers": self._levers()}
        if guard:
            detail["module"] = msgspec.to_builtins(guard.manifest) | {"load_s": round(guard.load_seconds, 6)}
        else:
            detail["error"] = f"Module initialization error: {self._operations.why_unguarded}"
        return Health(guard is not None, self._release, detail)

    def routes(self) -> Sequence[Route]:
        """Give the paths of the operations."""
        return (
            Route("/transform", self._transform, methods=["POST"]),
            Route("/v1/apply", self._apply, methods=["POST"]),
            Route("/v1/batch", self._batch, methods=["POST"]),
        )

    def faults(self) -> Sequence[Fault]:
        """Give what a drill may break."""
        return drills(self, self._operations)

    async def _transform(self, request: Request) -> Response:
        since = perf_counter()
        return await self._single((await self._read(request, TransformRequest)).to_edit(), since)

    async def _apply(self, request: Request) -> Response:
        since = perf_counter()
        return await self._single((await self._read(request, ApplyRequest)).to_edit(), since)

    async def _single(self, edit: Edit, since: float) -> Response:
        with _Counted(self.metrics):
            self._queue.enter()
        try:
            answer = await self._queue.run(lambda: self._operations.perform(edit, since))
        finally:
            self._queue.leave()
        return _json(answer, 200)

    async def _batch(self, request: Request) -> Response:
        batch = await self._read(request, BatchRequest)
        with _Counted(self.metrics):
            _require_bounded(batch)
            self._queue.enter()
        try:
            results = await self._work_off(batch.edits)
        finally:
            self._queue.leave()
        return _json({"results": results}, _status(results))

    async def _work_off(self, edits: list[TransformRequest]) -> list[Any]:
        results: list[Any] = []
        size = self._settings.batch_size
        for start in range(0, len(edits), size):
            results += [self._item(edit.to_edit()) for edit in edits[start : start + size]]
            await asyncio.sleep(0)  # Other connections get their turn.
        return results

    def _item(self, edit: Edit) -> TransformAnswer | dict[str, Any]:
        try:
            return self._operations.perform(edit, perf_counter())
        except Problem as problem:
            return problem.document()

    async def _read(self, request: Request, kind: type[Any]) -> Any:
        with _Counted(self.metrics):
            return decode(kind, await read_body(request, MAX_BODY_BYTES))

    def _wanted(self) -> str:
        return self._settings.release or releases.current(self._settings.releases)

    def _unload(self, error: Exception) -> None:
        self._operations.guard = None
        self._operations.why_unguarded = str(error)
        self.metrics.loaded.set(0)
        self._show_release()
        log.error("Module initialization error: release %s: %s", self._release, error)

    def _show_loaded(self, guard: module.Guard) -> None:
        self.metrics.loaded.set(1)
        self.metrics.load_seconds.set(guard.load_seconds)
        self._show_release()
        log.info("module of release %s loaded in %.1f ms", self._release, guard.load_seconds * 1000)

    def _show_release(self) -> None:
        try:
            self._release = self._wanted()
        except releases.ReleaseError:
            self._release = "none"
        self.metrics.release(self._release)

    def _levers(self) -> dict[str, Any]:
        return {
            "MAX_CONNECTIONS": self._settings.max_connections,
            "BATCH_MODE": self._settings.batch_mode,
            "BATCH_SIZE": self._settings.batch_size,
            "CONFIDENCE_THRESHOLD": self._settings.confidence_threshold,
        }


class _Counted:
    """Counts an operation that ends before it has begun: unreadable, too large, not admitted."""

    def __init__(self, metrics: BoosterMetrics) -> None:
        self._metrics = metrics

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Problem):
            self._metrics.count(error.result)


def _require_bounded(batch: BatchRequest) -> None:
    if not 1 <= len(batch.edits) <= MAX_BATCH_EDITS:
        raise Problem(
            422, "Unexpected batch", f"{len(batch.edits)} edits.", f"Send 1 to {MAX_BATCH_EDITS} edits at a time."
        )


def _status(results: list[Any]) -> int:
    """A batch is as its worst part: 5xx if any edit failed, 200 only if all are applied."""
    statuses: list[int] = [result["status"] for result in results if isinstance(result, dict)]
    if any(status >= 500 for status in statuses):
        return max(statuses)
    if not statuses:
        return 200
    return 422 if len(statuses) == len(results) else 207


def _json(document: object, status: int) -> Response:
    return Response(msgspec.json.encode(document), status_code=status, media_type="application/json")
