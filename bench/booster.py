"""Measures Agent Booster: the real service in a process of its own, real edits of the standard library, over loopback.

Times are the service's own (arrival of the request to its result), as its objectives are stated; `http` rows are what
a caller on the same two cores sees. *Cold* sources were never seen before, *warm* ones were. Every answer is held
against the one right result, worked out without the booster's code.
"""

import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import Any

from agentic_flow.booster.languages import grammar_for
from agentic_flow.booster.releases import Target, activate, build
from agentic_flow.workload import Sample, samples
from bench.table import Row, percentile, printed

P95_OBJECTIVE = "≤ 5"
RATE_OBJECTIVE = "≥ 1,000"
LOAD_OBJECTIVE = "≤ 100"
RATE_SECONDS = 4.0
CONNECTIONS = 8
BATCH = 100


def run(folder: Path) -> list[Row]:
    """Start the service, measure it, stop it; then once more with two replicas."""
    folder.mkdir(parents=True)
    small = samples(0, 20_000, 400, seed=11)
    with _service(folder) as port:
        rows = [_load_time(port)]
        rows += _latency(port, "up to 8 KB", samples(0, 8_000, 400, seed=10))
        rows += _latency(port, "up to 20 KB", small)
        rows += _latency(port, "20 to 60 KB", samples(20_000, 60_000, 250, seed=12))
        before = _processor_ms(port)
        single = _single_rate(port, small)
        between = _processor_ms(port)
        batched = _batch_rate(port, small)
        after = _processor_ms(port)
        rows += _correctness(port, samples(0, 60_000, 1500, seed=13))
    each, each_batched = (between - before) / (single * RATE_SECONDS), (after - between) / (batched * RATE_SECONDS)
    with _service(folder, replicas=2) as port:
        both, both_batched = _single_rate(port, small), _batch_rate(port, small)
    return [
        *rows,
        Row("single edits, one process", single, "ops/s"),
        Row("processor time of a single edit, HTTP included", each, "ms"),
        Row(f"processor time of an edit in a batch of {BATCH}", each_batched, "ms", "", each_batched / each, "single"),
        Row(f"in batches of {BATCH}, one process", batched, "ops/s", RATE_OBJECTIVE, batched / single, "single"),
        Row("single edits, two replicas", both, "ops/s", RATE_OBJECTIVE, both / single, "one process"),
        Row(
            f"in batches of {BATCH}, two replicas",
            both_batched,
            "ops/s",
            RATE_OBJECTIVE,
            both_batched / batched,
            "one process",
        ),
    ]


def _latency(port: int, size: str, drawn: list[Sample]) -> list[Row]:
    client = _Client(port)
    _warm_up(client, drawn)
    cold, warm, http_cold = [], [], []
    for number, sample in enumerate(drawn):
        request = json.dumps(_never_seen(sample, number)).encode()
        since = perf_counter()
        status, answer = client.post("/transform", request)
        http_cold.append((perf_counter() - since) * 1000)
        _, again = client.post("/transform", request)
        if status == http.client.OK:
            cold.append(answer["duration_ms"])
            warm.append(again["duration_ms"])
    p50, p95 = percentile(cold, 0.5), percentile(cold, 0.95)
    warm50, warm95 = percentile(warm, 0.5), percentile(warm, 0.95)
    return [
        Row(f"p50 cold, files {size}", p50, "ms"),
        Row(f"p50 warm, files {size}", warm50, "ms", "≤ 1", warm50 / p50, "cold"),
        Row(f"p95 cold, files {size}", p95, "ms", P95_OBJECTIVE, p95 / _parse_p95(drawn), "one bare parse"),
        Row(f"p95 warm, files {size}", warm95, "ms", P95_OBJECTIVE, warm95 / p95, "cold"),
        Row(f"p95 cold as the caller sees it, files {size}", percentile(http_cold, 0.95), "ms"),
    ]


def _parse_p95(drawn: list[Sample]) -> float:
    """Time what a cold edit cannot do without: the parser on the whole file, and nothing else."""
    python, times = grammar_for("python"), []
    for sample in drawn:
        source = sample.source.encode()
        since = perf_counter()
        python.parse(source)
        times.append((perf_counter() - since) * 1000)
    return percentile(times, 0.95)


def _single_rate(port: int, drawn: list[Sample]) -> float:
    bodies = [json.dumps(sample.request()).encode() for sample in drawn]
    return _in_parallel(port, lambda client, turn: client.count("/transform", bodies[turn % len(bodies)]))


def _batch_rate(port: int, drawn: list[Sample]) -> float:
    edits = [sample.request() for sample in drawn]
    batches = [json.dumps({"edits": edits[start : start + BATCH]}).encode() for start in range(0, len(edits), BATCH)]
    return _in_parallel(port, lambda client, turn: client.count("/v1/batch", batches[turn % len(batches)]))


def _in_parallel(port: int, send: Callable[["_Client", int], int]) -> float:
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
        _, answer = client.post("/v1/batch", json.dumps({"edits": [sample.request() for sample in part]}).encode())
        for sample, result in zip(part, answer["results"], strict=True):
            verdicts[_verdict(sample, result)] += 1
    return [
        Row(f"edits exact, of {len(drawn)}", 100 * verdicts["exact"] / len(drawn), "%", "≥ 99.9"),
        Row(f"edits refused, of {len(drawn)}", verdicts["refused"], "edits"),
        Row(f"edits failed, of {len(drawn)}", verdicts["failed"], "edits", "0"),
        Row(f"edits wrong, of {len(drawn)}", verdicts["wrong"], "edits", "0"),
    ]


def _verdict(sample: Sample, result: dict[str, str]) -> str:
    if result["result"] != "ok":
        return result["result"]
    return "exact" if result["output"] == sample.expected else "wrong"


def _load_time(port: int) -> Row:
    _, health = _Client(port).get("/health")
    return Row("module load", health["module"]["load_s"] * 1000, "ms", LOAD_OBJECTIVE)


def _processor_ms(port: int) -> float:
    """Ask the service how long it has computed so far: what others do on the same cores leaves this figure alone."""
    exposition = _Client(port).text("/metrics")
    told = re.search(r"^process_cpu_seconds_total (\S+)$", exposition, re.MULTILINE)
    assert told is not None
    return float(told.group(1)) * 1000


def _never_seen(sample: Sample, number: int) -> dict[str, str]:
    """A last comment makes the source a new one, as long as before but for some bytes."""
    return sample.request() | {"source": sample.source + f"\n# measured {number} {os.getpid()}\n"}


def _warm_up(client: "_Client", drawn: list[Sample]) -> None:
    for sample in drawn[:30]:
        client.post("/transform", json.dumps(sample.request()).encode())


class _Client:
    """One connection, kept open. Requests are prepared beforehand: the callers share the cores with the service."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def post(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        status, answer = self._send("POST", path, body)
        return status, json.loads(answer)

    def text(self, path: str) -> str:
        return self._send("GET", path, None)[1].decode()

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        status, answer = self._send("GET", path, None)
        return status, json.loads(answer)

    def count(self, path: str, body: bytes) -> int:
        """Send, and count the operations that ended well; inside a string the quotes would be escaped."""
        return self._send("POST", path, body)[1].count(b'"result":"ok"')

    def _send(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        self._connection.request(method, path, body)
        answer = self._connection.getresponse()
        return answer.status, answer.read()


@contextmanager
def _service(folder: Path, replicas: int = 1) -> Iterator[int]:
    """Run the service under its supervisor, in a directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
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
    with tempfile.TemporaryDirectory() as place:
        print(printed("Agent Booster", run(Path(place) / "booster")))
