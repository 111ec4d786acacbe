"""Each mitigation of the playbook, from its row to what became of it in a cluster as strict as a real one (M3)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from whenever import Instant

from tocsin.actions.http import HttpTarget
from tocsin.actions.kubernetes.target import KubernetesTarget
from tocsin.actions.port import Captured, Result, Target
from tocsin.core.actions import ActionId, TargetKind
from tocsin.core.rendering import find, pinned, render, taking_back
from tocsin.core.rules import Rulebook
from tocsin.playbook.load import load_rulebook, shipped

from ..standins.kubernetes import Cluster, Program, serving_cluster
from ..standins.server import Request, Response, serving
from .clusters import kubeconfig

SINCE = Instant.from_utc(2026, 1, 5, 14)


@pytest.fixture(scope="module")
def book() -> Rulebook:
    return load_rulebook(shipped("agentic-flow"))


class Town:
    """The six services in a cluster, and whoever acts on them."""

    def __init__(self, book: Rulebook, cluster: Cluster, target: Target) -> None:
        self.book = book
        self.cluster = cluster
        self.target = target

    async def act(self, name: str, **values: object) -> tuple[Captured, Result]:
        """Go the whole way of an action."""
        rendered = render(find(self.book, name), values)
        before = await self.target.capture(rendered, SINCE)
        rendered = pinned(rendered, before.facts)
        rehearsed = await self.target.rehearse(rendered, before)
        assert rehearsed.status == "succeeded", rehearsed
        return before, await self.target.run(rendered, before)

    async def undone(self, name: str, before: Captured, **values: object) -> Result:
        """Take an action back by its inverse."""
        action = find(self.book, name)
        assert action.inverse is not None
        back = taking_back(action, render(action, values), before.facts)
        assert back is not None
        return (await self.act(action.inverse, **back))[1]

    def container(self, name: str, resource: str = "deployments") -> dict[str, Any]:
        found = self.cluster.get(resource, "agentic-flow", name)["spec"]["template"]["spec"]["containers"][0]
        return dict(found)

    def variables(self, name: str) -> dict[str, str]:
        return {one["name"]: one["value"] for one in self.container(name)["env"]}

    def pods(self, name: str) -> list[str]:
        return [
            one["metadata"]["name"]
            for one in self.cluster.listed("pods", "agentic-flow")
            if one["metadata"]["labels"]["app"] == name
        ]


@pytest.fixture
async def town(book: Rulebook, tmp_path: Path) -> AsyncIterator[Town]:
    cluster = Cluster()
    for name in ("agent-booster", "quic-transport", "router", "agentdb", "reasoningbank", "swarm-coordinator"):
        cluster.deploy(name, f"agentic-flow/{name}:1.9.0")
    cluster.set_up("agentdb-replica", "agentic-flow/agentdb:1.9.0", replicas=1)
    await cluster.settle()
    async with serving_cluster(cluster) as url:
        yield Town(book, cluster, KubernetesTarget(lambda: SINCE, kubeconfig(tmp_path, url)))


@pytest.mark.clause("M3")
async def test_agent_booster_is_restarted(town: Town) -> None:
    old = town.pods("agent-booster")
    _, result = await town.act("agent-booster.restart")
    assert result.status == "succeeded"
    assert len(town.pods("agent-booster")) == len(old)
    assert not set(town.pods("agent-booster")) & set(old)


@pytest.mark.clause("M3")
async def test_agent_booster_goes_back_to_the_release_from_before_the_incident(town: Town) -> None:
    bad = "agentic-flow/agent-booster:1.9.1"
    town.cluster.broken.add(bad)
    town.cluster.deploy("agent-booster", bad)
    for _ in range(40):
        town.cluster.step()
    await town.act("agent-booster.restart")  # Somebody tries this first; it is a revision, and runs the same bad image.
    before, result = await town.act("agent-booster.undo")
    assert (before.facts["image"], before.facts["pinned_image"]) == (bad, "agentic-flow/agent-booster:1.9.0")
    assert result.status == "succeeded", result
    assert town.container("agent-booster")["image"] == "agentic-flow/agent-booster:1.9.0"
    assert "another image" in before.facts["pinned_why"]


@pytest.mark.clause("M3")
async def test_agent_booster_is_scaled_to_six_and_back(town: Town) -> None:
    before, result = await town.act("agent-booster.scale")
    assert result.status == "succeeded"
    assert (before.facts["replicas"], len(town.pods("agent-booster"))) == ("2", 6)
    assert (await town.undone("agent-booster.scale", before)).status == "succeeded"
    assert len(town.pods("agent-booster")) == 2


@pytest.mark.clause("M3")
async def test_a_host_is_pinged_from_a_pod_of_quic_transport_without_a_terminal(town: Town) -> None:
    words = ("ping", "-c", "4", "-W", "2", "8.8.8.8")
    town.cluster.programs[words] = Program(out="4 packets transmitted, 4 received, 0% packet loss\n")
    _, result = await town.act("quic-transport.ping")
    assert (result.status, result.exit_status) == ("succeeded", 0)
    assert "0% packet loss" in result.output
    assert town.cluster.executed == [(result.facts["pod"], "quic-transport", words)]


@pytest.mark.clause("M3")
@pytest.mark.parametrize(
    ("action", "workload", "variable", "value"),
    [
        ("quic-transport.max-connections", "quic-transport", "MAX_CONNECTIONS", "500"),
        ("router.fallback-mode", "router", "FALLBACK_MODE", "true"),
        ("router.api-timeout", "router", "API_TIMEOUT", "30000"),
        ("swarm-coordinator.max-agents", "swarm-coordinator", "MAX_AGENTS", "50"),
    ],
)
async def test_a_variable_is_set_beside_the_others_and_taken_away(
    town: Town, action: str, workload: str, variable: str, value: str
) -> None:
    town.cluster.deploy(workload, f"agentic-flow/{workload}:1.9.0", env=[{"name": "OTHER", "value": "kept"}])
    before, result = await town.act(action)
    assert result.status == "succeeded"
    assert town.variables(workload) == {"OTHER": "kept", variable: value}
    assert (await town.undone(action, before)).status == "succeeded"
    assert town.variables(workload) == {"OTHER": "kept"}


@pytest.mark.clause("M3")
async def test_quic_transport_is_restarted_with_fresh_connections(town: Town) -> None:
    old = town.pods("quic-transport")
    assert (await town.act("quic-transport.restart"))[1].status == "succeeded"
    assert not set(town.pods("quic-transport")) & set(old)


@pytest.mark.clause("M3")
@pytest.mark.parametrize("provider", ["openrouter", "anthropic"])
async def test_the_status_pages_of_providers_are_read(book: Rulebook, provider: str) -> None:
    async def page(_: Request) -> Response:
        return Response(200, b"All Systems Operational")

    action = book.actions[ActionId(f"router.status-{provider}")]
    assert action.arguments["url"].startswith("https://status.")
    assert action.target is TargetKind.HTTP
    async with serving(page) as url, httpx.AsyncClient(trust_env=False) as http:
        near = msgspec.structs.replace(action, arguments={"url": url})
        result = await HttpTarget(http, lambda: [url]).run(render(near), Captured())
    assert (result.status, result.output) == ("succeeded", "All Systems Operational")


@pytest.mark.clause("M3")
@pytest.mark.parametrize(
    ("action", "workload", "words"),
    [
        ("agentdb.stats", "agentdb", ("npx", "agentdb", "stats")),
        ("agentdb.cache-clear", "agentdb", ("npx", "agentdb", "cache", "clear")),
        ("reasoningbank.index-status", "reasoningbank", ("npx", "agentdb", "index", "status")),
        ("reasoningbank.index-rebuild", "reasoningbank", ("npx", "agentdb", "index", "rebuild")),
        ("swarm-coordinator.reset", "swarm-coordinator", ("npx", "claude-flow", "reset")),
    ],
)
async def test_a_program_of_the_component_is_run_in_one_of_its_pods(
    town: Town, action: str, workload: str, words: tuple[str, ...]
) -> None:
    town.cluster.programs[words] = Program(out="done\n")
    _, result = await town.act(action)
    assert (result.status, result.output, result.exit_status) == ("succeeded", "done", 0)
    ((pod, container, ran),) = town.cluster.executed
    assert pod.startswith(workload)
    assert (container, ran) == (workload, words)


@pytest.mark.clause("M3")
async def test_the_read_replicas_of_agentdb_are_scaled_to_three(town: Town) -> None:
    before, result = await town.act("agentdb.scale-replicas")
    assert result.status == "succeeded"
    assert (before.facts["replicas"], len(town.pods("agentdb-replica"))) == ("1", 3)
    assert town.pods("agentdb-replica") == ["agentdb-replica-0", "agentdb-replica-1", "agentdb-replica-2"]


@pytest.mark.clause("M3")
async def test_the_memory_of_reasoningbank_is_bounded_and_freed(town: Town) -> None:
    before, result = await town.act("reasoningbank.memory")
    assert result.status == "succeeded"
    assert town.container("reasoningbank")["resources"]["limits"] == {"memory": "4Gi"}
    assert (await town.undone("reasoningbank.memory", before)).status == "succeeded"
    assert town.container("reasoningbank")["resources"]["limits"] == {}


@pytest.mark.clause("M3")
async def test_the_last_hundred_lines_of_the_coordinator_are_read(town: Town) -> None:
    image = "agentic-flow/swarm-coordinator:1.9.0"
    town.cluster.lines[image] = [f"line {number}" for number in range(500)] + ["OPENROUTER_API_KEY=sk-or-abcdef"]
    _, result = await town.act("swarm-coordinator.logs")
    lines = result.output.splitlines()
    assert lines[0].endswith("the newest of 2")
    assert lines[1:] == [f"line {number}" for number in range(401, 500)] + ["OPENROUTER_API_KEY=[redacted]"]


@pytest.mark.clause("M2")
async def test_pods_state_and_history_are_shown_as_the_cluster_shows_them(town: Town) -> None:
    _, pods = await town.act("common.pods")
    assert pods.output.splitlines()[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert len(pods.output.splitlines()) == 1 + 6 * 2 + 1
    _, state = await town.act("agent-booster.state")
    assert state.output.splitlines()[1].split()[:2] == ["agent-booster", "2/2"]
    town.cluster.deploy("agent-booster", "agentic-flow/agent-booster:1.9.1")
    await town.cluster.settle()
    _, history = await town.act("agent-booster.history")
    assert [line.split()[0] for line in history.output.splitlines()] == ["REVISION", "1", "2"]
    assert history.output.splitlines()[2].endswith("agentic-flow/agent-booster:1.9.1")
