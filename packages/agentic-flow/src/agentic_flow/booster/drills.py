"""What a drill may break in Agent Booster, each by a true cause."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from agentic_flow.booster import releases
from agentic_flow.booster.cache import NoTrees
from agentic_flow.booster.operations import Operations
from agentic_flow.booster.releases import Corruption, Target
from agentic_flow.chassis.component import Fault, Undo
from agentic_flow.chassis.problem import Problem

MAX_THREADS = 32  # Runaway threads; each adds tens of milliseconds to every operation.
_BURN_PERIOD_S = 0.05  # In which a thread computes for its share.


class Loader(Protocol):
    """Loads the module from somewhere else than the release in use."""

    def load_from(self, directory: Path | None, version: str | None) -> None:
        """Load a release; with nothing named, the one that is meant to be in use."""


def drills(loader: Loader, operations: Operations) -> Sequence[Fault]:
    """Give the faults of Agent Booster."""
    spoilt: list[Path] = []  # The modules of the drills under way: one that ends leaves the others in force.
    return (
        Fault(
            "corrupt_module",
            "Loads a module that was cut short: every operation fails until the fault ends.",
            _spoilt(loader, spoilt, Target.UNKNOWN, Corruption.TRUNCATED),
        ),
        Fault(
            "wrong_target",
            "Loads a module built for wasm32-wasi, whose imports nobody provides: every operation fails.",
            _spoilt(loader, spoilt, Target.WASI, None),
        ),
        Fault(
            "cpu_contention",
            f"Starts runaway threads (threads: 1 to {MAX_THREADS}, default 1; share of the time: default 1).",
            _contend,
        ),
        Fault("cold_cache", "Keeps no parsed sources: every edit starts cold.", _cold(operations)),
    )


def _spoilt(
    loader: Loader, spoilt: list[Path], target: Target, corruption: Corruption | None
) -> Callable[[Mapping[str, Any]], Undo]:
    def begin(parameters: Mapping[str, Any]) -> Undo:
        _require_known(parameters, set())
        directory = tempfile.TemporaryDirectory(prefix="booster-drill-")
        releases.build(Path(directory.name), "drill", target, corruption)
        spoilt.append(Path(directory.name))
        loader.load_from(spoilt[-1], "drill")

        def undo() -> None:
            spoilt.remove(Path(directory.name))
            loader.load_from(spoilt[-1] if spoilt else None, "drill")
            directory.cleanup()

        return undo

    return begin


def _contend(parameters: Mapping[str, Any]) -> Undo:
    _require_known(parameters, {"threads", "share"})
    threads, share = parameters.get("threads", 1), parameters.get("share", 1.0)
    if type(threads) is not int or not 1 <= threads <= MAX_THREADS:
        raise Problem(422, "Unexpected parameter", f"threads is {threads!r}.", f"Use 1 to {MAX_THREADS}.")
    if type(share) not in (int, float) or not 0 < share <= 1:
        raise Problem(422, "Unexpected parameter", f"share is {share!r}.", "Use more than 0, at most 1.")
    stop = threading.Event()
    for number in range(threads):
        threading.Thread(target=_burn, args=(stop, share), name=f"runaway-{number}", daemon=True).start()
    return stop.set


def _burn(stop: threading.Event, share: float) -> None:
    """Compute for a share of the time; every other thread waits for the interpreter meanwhile."""
    while not stop.wait(_BURN_PERIOD_S * (1 - share)):
        end = monotonic() + _BURN_PERIOD_S * share
        while monotonic() < end:
            sum(range(1000))


def _cold(operations: Operations) -> Callable[[Mapping[str, Any]], Undo]:
    def begin(parameters: Mapping[str, Any]) -> Undo:
        _require_known(parameters, set())
        warm = operations.trees
        operations.trees = NoTrees()

        def undo() -> None:
            operations.trees = warm

        return undo

    return begin


def _require_known(parameters: Mapping[str, Any], known: set[str]) -> None:
    unknown = set(parameters) - known
    if unknown:
        raise Problem(422, "Unexpected parameter", f"Unknown: {', '.join(sorted(unknown))}.", "Leave them out.")
