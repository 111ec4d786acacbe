"""Every target of workloads keeps the target contract."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest
from whenever import Instant

from tocsin.actions.kubernetes.target import KubernetesTarget
from tocsin.actions.memory import MemoryTarget, State, Workload
from tocsin.actions.supervisor import SupervisorTarget
from tocsin.core.actions import TargetKind

from ..actions.clusters import kubeconfig
from ..standins.kubernetes import Cluster, serving_cluster
from .target_contract import TargetContract


class InMemory:
    """A workload in memory."""

    kind = TargetKind.KUBERNETES
    workload = "deployment/booster"
    good = "service:1.0"

    def __init__(self) -> None:
        self.state = Workload()
        self.target = MemoryTarget({self.workload: self.state})

    async def deploy_bad(self) -> None:
        self.state.become(State(image="service:1.1"))

    async def deploy_good(self) -> None:
        self.state.become(State())

    def log(self, line: str) -> None:
        self.state.lines.append(line)


class TestInMemory(TargetContract):
    @pytest.fixture
    def world(self) -> InMemory:
        return InMemory()


class UnderSupervisor:
    """Agent Booster under its own supervisor, both as processes."""

    kind = TargetKind.SUPERVISOR
    workload = "deployment/agent-booster"
    good = "1.9.0"

    def __init__(self, http: httpx.AsyncClient, state: Path) -> None:
        self.target = SupervisorTarget(http, state)
        self._http = http
        self._state = state

    async def deploy_bad(self) -> None:
        await self._deploy("1.9.1")

    async def deploy_good(self) -> None:
        await self._deploy("1.9.0")

    async def _deploy(self, release: str) -> None:
        control = msgspec.json.decode((self._state / "control.json").read_bytes())
        token = (self._state / "token").read_text()
        answer = await self._http.post(
            f"{control['url']}/services/booster/deploy",
            json={"release": release},
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        )
        answer.raise_for_status()

    def log(self, line: str) -> None:
        """Its services write what they write."""


class InCluster:
    """A deployment of the stand-in for Kubernetes."""

    kind = TargetKind.KUBERNETES
    workload = "deployment/booster"
    good = "booster:1.9.0"

    def __init__(self, cluster: Cluster, config: str) -> None:
        self.cluster = cluster
        self.target = KubernetesTarget(lambda: Instant.from_utc(2026, 1, 5, 14), config)

    async def deploy_bad(self) -> None:
        self.cluster.deploy("booster", "booster:1.9.1")
        await self.cluster.settle()

    async def deploy_good(self) -> None:
        self.cluster.deploy("booster", self.good)
        await self.cluster.settle()

    def log(self, line: str) -> None:
        self.cluster.lines.setdefault(self.good, []).append(line)


class TestInCluster(TargetContract):
    @pytest.fixture
    async def world(self, tmp_path: Path) -> AsyncIterator[InCluster]:
        cluster = Cluster()
        cluster.deploy("booster", InCluster.good)
        await cluster.settle()
        async with serving_cluster(cluster) as url:
            yield InCluster(cluster, kubeconfig(tmp_path, url))


async def _agentic_flow(*words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agentic_flow", *words, stdout=asyncio.subprocess.DEVNULL
    )


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One good release and one that was built for the wrong target."""
    import subprocess

    folder = tmp_path_factory.mktemp("releases")
    flow = [sys.executable, "-m", "agentic_flow", "release"]
    for words in (["build", folder, "1.9.0"], ["build", folder, "1.9.1", "--target", "wasm32-wasi"]):
        subprocess.run([*flow, *map(str, words)], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*flow, "activate", str(folder), "1.9.0"], check=True, stdout=subprocess.DEVNULL)
    return folder


class TestUnderSupervisor(TargetContract):
    @pytest.fixture
    async def world(self, releases: Path, tmp_path: Path) -> AsyncIterator[UnderSupervisor]:
        state = tmp_path / "state"
        shutil.copytree(releases, tmp_path / "releases")
        ports = ["--port", "0", "--control-port", "0"]
        process = await _agentic_flow("up", "--state", str(state), "--releases", str(tmp_path / "releases"), *ports)
        async with httpx.AsyncClient(trust_env=False) as http:
            try:
                await _answers(http, state)
                yield UnderSupervisor(http, state)
            finally:
                process.terminate()
                await process.wait()


async def _answers(http: httpx.AsyncClient, state: Path) -> None:
    for _ in range(600):
        try:
            control = msgspec.json.decode((state / "control.json").read_bytes())
            token = (state / "token").read_text()
            answer = await http.get(
                f"{control['url']}/services/booster", headers={"Authorization": f"Bearer {token}"}, timeout=5
            )
            if answer.is_success and answer.json()["ready"] == 1:
                return
        except (OSError, httpx.HTTPError):
            pass
        await asyncio.sleep(0.05)
    raise AssertionError("the supervisor did not come up")
