"""The supervisor and its services as real processes: the story of the bad release, and what happens to the dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from agentic_flow.booster import releases
from agentic_flow.booster.releases import Target
from agentic_flow.supervisor.state import State, StateError

EDIT = {"source": "def f():\n    return 1\n", "language": "python", "target": "f", "edit": "def f():\n    return 2"}
WITHIN_S = 20.0


def until(met: Callable[[], bool]) -> None:
    """Wait for something that real processes do; give up long after they should have."""
    deadline = monotonic() + WITHIN_S
    while not met():
        assert monotonic() < deadline, "it did not happen in time"
        sleep(0.02)


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


class Supervisor:
    """A supervisor started for a test, spoken to as an operator would."""

    def __init__(self, directory: Path) -> None:
        self.state = State(directory)
        command = [sys.executable, "-m", "agentic_flow", "up", "--state", str(directory), "--port", "0"]
        self.process = subprocess.Popen([*command, "--control-port", "0", "--allow-faults"], stdout=subprocess.DEVNULL)
        until(self._answers)

    def get(self, path: str = "") -> Any:
        return self._call("GET", path).json()

    def order(self, verb: str, **order: Any) -> dict[str, Any]:
        answer = self._call("POST", f"/{verb}", order)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def refuse(self, verb: str, **order: Any) -> int:
        answer = self._call("POST", f"/{verb}", order)
        assert answer.json()["remedy"]
        return answer.status_code

    def pids(self) -> list[int]:
        return [process["pid"] for process in self.get()["processes"]]

    def edit(self) -> httpx.Response:
        return httpx.post(f"http://127.0.0.1:{self.get()['port']}/transform", json=EDIT, trust_env=False)

    def _call(self, method: str, path: str, order: dict[str, Any] | None = None) -> httpx.Response:
        return httpx.request(
            method,
            f"{self.state.control().url}/services/booster{path}",
            json=order,
            headers={"Authorization": f"Bearer {self.state.token()}"},
            timeout=60,
            trust_env=False,
        )

    def _answers(self) -> bool:
        assert self.process.poll() is None, "the supervisor ended"
        try:
            return self.state.control().pid == self.process.pid and self.get()["ready"] == 1
        except (StateError, httpx.TransportError):
            return False


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("state")
    releases.build(directory / "releases", "1.9.0", Target.UNKNOWN)
    releases.build(directory / "releases", "1.9.1", Target.WASI)
    releases.activate(directory / "releases", "1.9.0")
    return directory


@pytest.fixture(scope="module")
def supervisor(directory: Path) -> Iterator[Supervisor]:
    started = Supervisor(directory)
    yield started
    pids = started.pids()
    started.process.terminate()
    started.process.wait(timeout=WITHIN_S)
    until(lambda: not any(runs(pid) for pid in pids))


@pytest.mark.clause("C3")
def test_a_bad_release_fails_every_operation_and_undo_brings_the_service_back(supervisor: Supervisor) -> None:
    before = supervisor.get()["revision"]
    deployed = supervisor.order("deploy", release="1.9.1")
    assert (deployed["ready"], deployed["processes"][0]["status"]) == (0, "unhealthy")
    answer = supervisor.edit()
    assert answer.status_code == 503
    assert "Module initialization error" in answer.text
    assert any("Module initialization error" in line for line in supervisor.get("/logs?tail=50")["lines"])

    restarted = supervisor.order("restart")
    assert restarted["release"] == "1.9.1"
    undone = supervisor.order("undo")  # The trap: the previous revision is the restart's, with the same bad release.
    assert (undone["release"], undone["ready"]) == ("1.9.1", 0)

    recovered = supervisor.order("undo", to_revision=before)
    assert (recovered["release"], recovered["ready"]) == ("1.9.0", 1)
    assert supervisor.edit().json()["output"] == "def f():\n    return 2\n"
    assert releases.current(supervisor.state.directory / "releases") == "1.9.0"


def test_a_gate_keeps_a_bad_release_out(supervisor: Supervisor) -> None:
    before = supervisor.get()
    gated = supervisor.order("deploy", release="1.9.1", gate=True)
    assert (gated["rollout"], gated["release"], gated["ready"]) == ("withdrawn", "1.9.0", 1)
    assert gated["revision"] == before["revision"]
    assert supervisor.edit().status_code == 200


def test_replicas_come_and_go_behind_one_port_each_with_a_port_of_its_own(supervisor: Supervisor) -> None:
    scaled = supervisor.order("scale", replicas=3)
    assert (scaled["ready"], len(scaled["processes"])) == (3, 3)
    served = set[float]()
    for _ in range(40):
        with httpx.Client(trust_env=False) as http:
            served.add(http.get(f"http://127.0.0.1:{scaled['port']}/health").json()["module"]["load_s"])
    assert len(served) > 1  # Each connection finds one of them; load times tell them apart.
    targets = httpx.get(supervisor.state.control().url + "/targets", trust_env=False).json()
    assert len({target["targets"][0] for target in targets}) == 3
    assert all(target["labels"]["job"] == "agent-booster" for target in targets)
    assert len(supervisor.order("scale", replicas=1)["processes"]) == 1


def test_a_killed_replica_is_started_again(supervisor: Supervisor) -> None:
    (killed,) = supervisor.pids()
    os.kill(killed, signal.SIGKILL)
    until(lambda: supervisor.get()["ready"] == 1 and supervisor.pids() != [killed])
    assert supervisor.get()["processes"][0]["restarts"] == 1
    assert supervisor.edit().status_code == 200


def test_levers_and_memory_reach_the_process(supervisor: Supervisor) -> None:
    changed = supervisor.order("env", set={"BATCH_SIZE": "7"})
    url = changed["processes"][0]["url"]
    assert httpx.get(url + "/health", trust_env=False).json()["levers"]["BATCH_SIZE"] == 7
    bounded = supervisor.order("resources", memory_mib=300)
    limits = Path(f"/proc/{bounded['processes'][0]['pid']}/limits").read_text()
    assert str(300 * 1024 * 1024) in next(line for line in limits.splitlines() if line.startswith("Max data size"))
    assert bounded["ready"] == 1
    assert supervisor.edit().status_code == 200


def test_a_change_that_cannot_start_leaves_the_old_replicas_serving(supervisor: Supervisor) -> None:
    stuck = supervisor.order("env", set={"BATCH_SIZE": "many"})
    assert (stuck["rollout"], stuck["ready"]) == ("stuck", 1)
    assert supervisor.edit().status_code == 200
    assert supervisor.order("env", set={"BATCH_SIZE": None})["rollout"] == "complete"


def test_a_drill_reaches_every_replica_and_hangup_reloads(supervisor: Supervisor) -> None:
    supervisor.order("fault", fault="corrupt_module", seconds=60)
    assert supervisor.edit().status_code == 503
    supervisor.order("clear-faults")
    assert supervisor.edit().status_code == 200
    assert supervisor.order("reload")["ready"] == 1


@pytest.mark.parametrize(
    ("verb", "order", "status"),
    [
        ("deploy", {"release": "9.9.9"}, 422),
        ("deploy", {"release": "../../x"}, 422),
        ("deploy", {}, 422),
        ("scale", {"replicas": 0}, 422),
        ("scale", {"replicas": "two"}, 422),
        ("undo", {"to_revision": 999}, 422),
        ("resources", {"memory_mib": 1}, 422),
        ("explode", {}, 404),
    ],
)
def test_orders_without_sense_change_nothing(
    supervisor: Supervisor, verb: str, order: dict[str, Any], status: int
) -> None:
    before = supervisor.get()["history"]
    assert supervisor.refuse(verb, **order) == status
    assert supervisor.get()["history"] == before


def test_only_who_has_the_token_is_heard(supervisor: Supervisor) -> None:
    url = supervisor.state.control().url
    assert httpx.get(url + "/services", trust_env=False).status_code == 401
    assert httpx.post(url + "/services/booster/restart", trust_env=False).status_code == 401
    assert (supervisor.state.directory / "token").stat().st_mode & 0o077 == 0


def test_a_second_supervisor_is_turned_away(supervisor: Supervisor) -> None:
    command = [sys.executable, "-m", "agentic_flow", "up", "--state", str(supervisor.state.directory), "--port", "0"]
    told = subprocess.run([*command, "--control-port", "0"], capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "another supervisor" in told.stderr
    assert supervisor.get()["ready"] == 1


def test_nothing_outlives_a_killed_supervisor_and_the_next_one_knows_the_history(tmp_path: Path) -> None:
    releases.build(tmp_path / "releases", "1.9.0", Target.UNKNOWN)
    releases.activate(tmp_path / "releases", "1.9.0")
    first = Supervisor(tmp_path)
    first.order("restart")
    assert first.order("env", set={"BATCH_SIZE": "many"})["rollout"] == "stuck"
    assert first.order("scale", replicas=2)["ready"] == 2  # Of the revision in place, not of the one that is stuck.
    assert first.order("scale", replicas=1)["ready"] == 1
    pids = first.pids()
    first.process.kill()
    first.process.wait()
    until(lambda: not any(runs(pid) for pid in pids))

    second = Supervisor(tmp_path)
    told = second.get()
    assert [revision["cause"] for revision in told["history"]][:2] == ["start with 1.9.0", "restart"]
    assert (told["rollout"], told["revision"], told["processes"][0]["revision"]) == ("stuck", 3, 2)
    pids = second.pids()
    second.process.terminate()
    second.process.wait(timeout=WITHIN_S)
    assert not any(runs(pid) for pid in pids)
