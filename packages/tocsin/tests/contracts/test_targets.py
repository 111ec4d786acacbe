"""Every target of workloads keeps the target contract."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
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
        self.target = SupervisorTarget(http, state, ready_within_s=2)  # A bad release never is.
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


_FLOW = [sys.executable, "-m", "agentic_flow"]


@pytest.fixture(scope="module")
def supervised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A supervisor with one good release and one that was built for the wrong target; answer its state directory."""
    folder = tmp_path_factory.mktemp("supervised")
    state, releases = folder / "state", folder / "releases"
    for words in (["build", "1.9.0"], ["build", "1.9.1", "--target", "wasm32-wasi"], ["activate", "1.9.0"]):
        line = [*_FLOW, "release", words[0], str(releases), *words[1:]]
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    words = ["up", "--state", str(state), "--releases", str(releases), "--port", "0", "--control-port", "0"]
    process = subprocess.Popen([*_FLOW, *words], stdout=subprocess.DEVNULL)
    try:
        yield state
    finally:
        process.terminate()
        process.wait()


class TestUnderSupervisor(TargetContract):
    @pytest.fixture
    async def world(self, supervised: Path) -> AsyncIterator[UnderSupervisor]:
        async with httpx.AsyncClient(trust_env=False) as http:
            world = UnderSupervisor(http, supervised)
            await _answers(http, supervised)
            await world.deploy_good()
            yield world


async def _answers(http: httpx.AsyncClient, state: Path) -> None:
    """Wait until the supervisor has come up."""
    for _ in range(600):
        try:
            control = msgspec.json.decode((state / "control.json").read_bytes())
            token = (state / "token").read_text()
            url = f"{control['url']}/services/booster"
            answer = await http.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=5)
            if answer.is_success:
                return
        except (OSError, httpx.HTTPError):
            pass
        await asyncio.sleep(0.05)
    raise AssertionError("the supervisor did not come up")
