"""The playbook's own story, live: a release whose module does not load, and what the diagnostics make of it (D3, M2).

Everything is real: the supervisor with Agent Booster under load, Prometheus, a served Tocsin, the installed commands.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest
import yaml

from ..cli.conftest import Line, Served, free_port, quiet_playbook

HERE = Path(sys.executable).parent
SPEED = 60
GOOD, BAD = "1.9.0", "1.9.1"
PATIENCE_S = 90.0


class Platform:
    """Agent Booster under the supervisor, under load, and the Prometheus that watches it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "flow"
        self.url = f"http://127.0.0.1:{free_port()}"
        self.prometheus = f"http://127.0.0.1:{free_port()}"
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        releases = self.folder / "releases"
        self.flow("release", "build", str(releases), GOOD)
        self.flow("release", "build", str(releases), BAD, "--target", "wasm32-wasi")
        self.flow("release", "activate", str(releases), GOOD)
        port = self.url.rsplit(":", 1)[1]
        ports = ("--port", port, "--control-port", str(free_port()))
        self._begin("up", str(HERE / "agentic-flow"), "up", "--releases", str(releases), *ports)
        self.until(lambda: httpx.get(f"{self.url}/health").is_success)
        steady = ("--rate", "20", "--seconds", "600", "--largest", "4000")
        self._begin("load", str(HERE / "agentic-flow"), "load", "--url", self.url, *steady)
        config = self.folder / "prometheus.yaml"
        job = {"job_name": "agent-booster", "static_configs": [{"targets": [self.url.removeprefix("http://")]}]}
        config.write_text(yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}))
        self._begin(
            "prometheus",
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={self.folder / 'tsdb'}",
            f"--web.listen-address={self.prometheus.removeprefix('http://')}",
        )

    def flow(self, *words: str) -> str:
        done = subprocess.run(
            [HERE / "agentic-flow", *words], env=self._env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def value(self, query: str) -> float | None:
        answer = httpx.get(f"{self.prometheus}/api/v1/query", params={"query": query}).json()
        result = answer["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def until(self, holds: Callable[[], object]) -> None:
        """Ask again until something holds; a question takes long enough not to be a busy loop."""
        ends = monotonic() + PATIENCE_S
        while monotonic() < ends:
            try:
                if holds():
                    return
            except httpx.HTTPError:
                pass  # Not up yet.
        pytest.fail(f"it never came about; see the logs in {self.folder}")

    def stop(self) -> None:
        for process in reversed(self._running):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def _env(self) -> dict[str, str]:
        return {**os.environ, "AGENTIC_FLOW_STATE": str(self.state)}

    def _begin(self, name: str, *argv: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self._running.append(subprocess.Popen(argv, env=self._env, stdout=log, stderr=subprocess.STDOUT))


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    running = Platform(tmp_path)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def tocsin(platform: Platform, tmp_path: Path) -> Iterator[Served]:
    playbook = quiet_playbook(tmp_path)
    component = playbook / "components" / "agent-booster.yaml"
    component.write_text(re.sub(r"health_url: \S+", f"health_url: {platform.url}/health", component.read_text()))
    repository = tmp_path / "repository"
    repository.mkdir()
    git = ("git", "-C", str(repository), "-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "Build the module for another target"], check=True)
    served = Served(
        tmp_path,
        TOCSIN_PLAYBOOK=str(playbook),
        TOCSIN_PLAYBOOK_SPEED=str(SPEED),
        TOCSIN_DATABASE=str(tmp_path / "tocsin.db"),
        TOCSIN_PROMETHEUS_URL=platform.prometheus,
        TOCSIN_WORKLOADS="supervisor",
        TOCSIN_SUPERVISOR_STATE=str(platform.state),
        TOCSIN_COMMANDS="git",
        TOCSIN_COMMAND_DIRECTORY=str(repository),
    )
    yield served
    served.end(signal.SIGKILL)


@pytest.mark.needs("prometheus", "git")
@pytest.mark.clause("D3", "M2")
def test_a_module_that_does_not_load_is_recognised_within_seconds(platform: Platform, tocsin: Served) -> None:
    line = Line({"TOCSIN_URL": tocsin.url, "TOCSIN_TOKEN": tocsin.token})
    healthy = 'count_over_time(sum(rate(agent_booster_operations_total{result="ok"}[5s]) > 5)[1m:1s])'
    platform.until(lambda: (platform.value(healthy) or 0) >= 15)

    platform.flow("deploy", "booster", BAD)
    failing = 'sum(rate(agent_booster_operations_total{result="ok"}[3s]))'
    platform.until(lambda: platform.value(failing) == 0)
    incident = line.json("declare", "Booster is down", "-c", "agent-booster", "--all-users")["id"]

    def gathered() -> Any:
        runs = tocsin.request("GET", f"/api/v1/incidents/{incident}/diagnostics").json()["runs"]
        return runs and runs[0]["ended_at"]

    platform.until(gathered)
    run = line.json("diagnose", incident, "--last", "--full")
    said = "\n".join(run["summary"])
    endings = {each["diagnostic"]: each["ending"] for each in run["results"]}
    assert run["suspected"][0] == "agent-booster.module-load", said
    assert run["summary"][0].startswith("looks like: The module fails to load"), said
    assert f"release changed: Agent Booster {GOOD} → {BAD}" in said
    assert re.search(r"success rate \S+ % \(must be > 99\.9 %; was 100 %\)", said), said
    assert "health: unhealthy: Module initialization error" in said
    assert f"{BAD}" in said
    assert {ending for ending in endings.values() if ending != "link"} == {"answered"}, json.dumps(run, indent=1)
    outputs = "\n".join(run["outputs"].values())
    assert "Build the module for another target" in outputs
    assert "Module initialization error" in outputs
    shown = line.says("show", incident)
    assert "looks like: The module fails to load" in shown
    assert re.search(r"success rate: .*does not hold", shown)

    asked = line.says("diagnose", incident, "--only", "agent-booster.logs")
    assert "1 of 1 diagnostics answered" in asked
    assert "agentic-flow logs deployment/agent-booster --tail 1000" in asked
