"""Diagnostics in a cluster, through the real Kubernetes target: what they read, and what a missing right costs."""

from pathlib import Path

import pytest

from tocsin.actions.kubernetes.target import KubernetesTarget
from tocsin.core import events as e
from tocsin.core.actions import TargetKind
from tocsin.core.diagnostics import DiagnosticResult
from tocsin.engine.diagnostics import Diagnoser

from ..actions.clusters import kubeconfig
from ..builders import TUESDAY_MORNING
from ..standins.kubernetes import Cluster, User, serving_cluster
from .conftest import Whole
from .told import alert

NOW = TUESDAY_MORNING
GOOD, BAD = "agent-booster:1.9.0", "agent-booster:1.9.1"
WRONG = "2026-11-24T09:58:00Z ERROR agent-booster: Module initialization error: release 1.9.1"


async def looked(whole: Whole, folder: Path, cluster: Cluster) -> tuple[dict[str, DiagnosticResult], tuple[str, ...]]:
    """Deploy a release that does not come up, and look at it; answer what each diagnostic said, and the summary."""
    cluster.deploy("agent-booster", GOOD)
    await cluster.settle()
    cluster.broken.add(BAD)
    cluster.lines[BAD] = [WRONG]
    cluster.deploy("agent-booster", BAD)
    await whole.alerts(alert("agent-booster.down", since=NOW))
    async with serving_cluster(cluster) as url:
        target = KubernetesTarget(whole.clock.now, kubeconfig(folder, url))
        there = {TargetKind.KUBERNETES: target}
        looking = Diagnoser(whole.store, whole.handler, there, whole.service, whole.clock, whole.telemetry)
        await looking.step(NOW)
        await looking.settle()
    (event,) = await whole.of(e.DiagnosticsGathered)
    assert isinstance(event, e.DiagnosticsGathered)
    return {result.diagnostic: result for result in event.results}, event.summary


@pytest.mark.clause("M2", "D3")
async def test_pods_logs_and_history_are_read_and_nothing_is_written(whole: Whole, tmp_path: Path) -> None:
    cluster = Cluster()

    found, summary = await looked(whole, tmp_path, cluster)

    for name in ("common.pods", "agent-booster.logs", "agent-booster.history"):
        assert found[name].ending == "answered", found[name]
    assert found["agent-booster.logs"].line == "kubectl logs deployment/agent-booster --tail=1000 -n agentic-flow"
    assert "ready" in found["common.pods"].said
    assert summary[0].startswith("looks like: The module fails to load (“Module initialization error” in the logs)")
    assert {method for method, _ in cluster.requests} == {"GET"}


async def test_a_right_that_is_missing_is_named_and_costs_its_own_answer(whole: Whole, tmp_path: Path) -> None:
    may = frozenset({"/pods:list", "/pods:get", "apps/deployments:get", "apps/replicasets:list"})
    cluster = Cluster(users={"token-of-tocsin": User("tocsin", may)})

    found, summary = await looked(whole, tmp_path, cluster)

    assert found["common.pods"].ending == "answered"
    assert found["agent-booster.logs"].ending == "failed"
    assert any("Read the last log lines" in line and "log" in line for line in summary)


async def test_a_cluster_that_does_not_know_us_is_said_not_to(whole: Whole, tmp_path: Path) -> None:
    found, summary = await looked(whole, tmp_path, Cluster(users={}))

    assert {found[name].ending for name in ("common.pods", "agent-booster.logs")} == {"failed"}
    assert any(line.startswith("failed: ") for line in summary)
