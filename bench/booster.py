"""Measures Agent Booster: the real service in a process of its own, real edits of the standard library, over loopback.

Times are the service's own (arrival of the request to its result), as its objectives are stated; `http` rows are what
a caller on the same two cores sees. *Cold* sources were never seen before, *warm* ones were. Every answer is held
against the one right result, worked out without the booster's code.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter, sleep

from agentic_flow.booster.releases import Target, activate, build
from agentic_flow.workload import Sample, samples

P95_OBJECTIVE_MS = 5.0
RATE_OBJECTIVE = 1000.0
LOAD_OBJECTIVE_MS = 100.0
RATE_SECONDS = 4.0
CONNECTIONS = 8
BATCH = 100


@dataclass(frozen=True)
class Row:
    """One figure, and what it is held against."""

    name: str
    value: float
    unit: str
    ratio_to: str = ""
    ratio: float | None = None

    def line(self) -> str:
        note = f"{self.ratio:.2f} x {self.ratio_to}" if self.ratio is not None else self.ratio_to
        return f"{self.name:<44} {self.value:>10.2f}  {self.unit:<6} {note}"


def run() -> list[Row]:
    """Start the service, measure it, stop it."""
    small = samples(0, 20_000, 400, seed=11)
    large = samples(20_000, 60_000, 250, seed=12)
    judged = samples(0, 60_000, 1500, seed=13)
    with _service() as port:
        rows = [_load_time(port)]
        rows += _latency(port, "up to 20 KB", small, P95_OBJECTIVE_MS)
        rows += _latency(port, "20 to 60 KB", large, P95_OBJECTIVE_MS)
        rows += [_single_rate(port, small), _batch_rate(port, small)]
        rows += _correctness(port, judged)
    with _service(replicas=2) as port:
        rows += [_single_rate(port, small, "two replicas"), _batch_rate(port, small, "two replicas")]
    return rows


def _latency(port: int, size: str, drawn: list[Sample], objective: float) -> list[Row]:
    client = _Client(port)
    _warm_up(client, drawn)
    cold, warm, http_cold = [], [], []
    for number, sample in enumerate(drawn):
        request = _never_seen(sample, number)
        since = perf_counter()
        status, answer = client.post("/transform", request)
        http_cold.append((perf_counter() - since) * 1000)
        _, again = client.post("/transform", request)
        if status == http.client.OK:
            cold.append(answer["duration_ms"])
            warm.append(again["duration_ms"])
    rows = []
    for state, times in (("cold", cold), ("warm", warm)):
        rows.append(Row(f"booster p50 {state}, {size}", statistics.median(times), "ms"))
        p95 = _p95(times)
        rows.append(Row(f"booster p95 {state}, {size}", p95, "ms", f"{objective:g} ms objective", p95 / objective))
    rows.append(Row(f"booster http p95 cold, {size}", _p95(http_cold), "ms", "one connection"))
    return rows


def _single_rate(port: int, drawn: list[Sample], how: str = "one process") -> Row:
    bodies = [sample.request() for sample in drawn]
    done = _in_parallel(port, lambda client, turn: client.count("/transform", bodies[turn % len(bodies)]))
    return Row(f"booster single, {how}", done, "ops/s", "1000 ops/s objective", done / RATE_OBJECTIVE)


def _batch_rate(port: int, drawn: list[Sample], how: str = "one process") -> Row:
    edits = [sample.request() for sample in drawn]
    batches = [{"edits": edits[start : start + BATCH]} for start in range(0, len(edits), BATCH)]
    done = _in_parallel(port, lambda client, turn: client.count("/v1/batch", batches[turn % len(batches)]))
    return Row(f"booster in batches of {BATCH}, {how}", done, "ops/s", "1000 ops/s objective", done / RATE_OBJECTIVE)


def _in_parallel(port: int, send) -> float:  # type: ignore[no-untyped-def]
    """Send on several connections for a while; give the operations per second that ended well."""
    counts, stop_at, start = [0] * CONNECTIONS, monotonic() + RATE_SECONDS, perf_counter()

    def work(number: int) -> None:
        client, turn = _Client(port), number * 7
        while monotonic() < stop_at:
            counts[number] += send(client, turn)
            turn += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (perf_counter() - start)


def _correctness(port: int, drawn: list[Sample]) -> list[Row]:
    client, verdicts = _Client(port), Counter[str]()
    for start in range(0, len(drawn), BATCH):
        part = drawn[start : start + BATCH]
        _, answer = client.post("/v1/batch", {"edits": [sample.request() for sample in part]})
        for sample, result in zip(part, answer["results"], strict=True):
            verdicts[_verdict(sample, result)] += 1
    rows = [
        Row(
            f"booster edits {verdict}",
            100 * verdicts[verdict] / len(drawn),
            "%",
            f"{verdicts[verdict]} of {len(drawn)}",
        )
        for verdict in ("exact", "refused", "failed")
    ]
    return [*rows, Row("booster edits wrong", verdicts["wrong"], "edits", f"of {len(drawn)}; must be 0")]


def _verdict(sample: Sample, result: dict[str, str]) -> str:
    if result["result"] != "ok":
        return result["result"]
    return "exact" if result["output"] == sample.expected else "wrong"


def _load_time(port: int) -> Row:
    _, health = _Client(port).get("/health")
    load = health["module"]["load_s"] * 1000
    return Row("booster module load", load, "ms", f"{LOAD_OBJECTIVE_MS:g} ms objective", load / LOAD_OBJECTIVE_MS)


def _never_seen(sample: Sample, number: int) -> dict[str, str]:
    """A last comment makes the source a new one, as long as before but for some bytes."""
    return sample.request() | {"source": sample.source + f"\n# measured {number} {os.getpid()}\n"}


def _warm_up(client: _Client, drawn: list[Sample]) -> None:
    for sample in drawn[:30]:
        client.post("/transform", sample.request())


def _p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


class _Client:
    """One connection, kept open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def post(self, path: str, document: object) -> tuple[int, dict]:  # type: ignore[type-arg]
        self._connection.request("POST", path, json.dumps(document))
        return self._answer()

    def get(self, path: str) -> tuple[int, dict]:  # type: ignore[type-arg]
        self._connection.request("GET", path)
        return self._answer()

    def count(self, path: str, document: dict) -> int:  # type: ignore[type-arg]
        """Send, and count the operations that ended well."""
        status, answer = self.post(path, document)
        if "results" in answer:
            return sum(result["result"] == "ok" for result in answer["results"])
        return int(status == http.client.OK)

    def _answer(self) -> tuple[int, dict]:  # type: ignore[type-arg]
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())


@contextmanager
def _service(replicas: int = 1) -> Iterator[int]:
    """Run the service under its supervisor, in a directory that is gone afterwards."""
    with tempfile.TemporaryDirectory() as name:
        state = Path(name)
        build(state / "releases", "1.9.0", Target.UNKNOWN)
        activate(state / "releases", "1.9.0")
        command = [sys.executable, "-m", "agentic_flow", "up", "--state", name, "--port", "0", "--control-port", "0"]
        process = subprocess.Popen([*command, "--replicas", str(replicas)], stdout=subprocess.DEVNULL)
        try:
            yield _await_port(state, replicas)
        finally:
            process.terminate()
            process.wait(timeout=20)


def _await_port(state: Path, replicas: int) -> int:
    command = [sys.executable, "-m", "agentic_flow", "get", "booster", "--state", str(state)]
    deadline = monotonic() + 20
    while monotonic() < deadline:
        told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        if f"{replicas}/{replicas} ready" in told and (port := re.search(r"port (\d+)", told)):
            return int(port.group(1))
        sleep(0.2)
    raise SystemExit("the service did not come up")


if __name__ == "__main__":
    started = perf_counter()
    for row in run():
        print(row.line())
    print(f"took {perf_counter() - started:.0f} s")
