"""The summary: what differs from the last healthy hour, by example (D3, M2)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whenever import Instant, TimeDelta

from tocsin.core.actions import ActionId, FailureModeId
from tocsin.core.baseline import Compared, Healthy, last_healthy
from tocsin.core.diagnosis import Comparison, Gathered, Releases, diagnose
from tocsin.core.diagnostics import (
    BaselinePolicy,
    Diagnostic,
    DiagnosticResult,
    Ending,
    Fetch,
    Reading,
    Run,
    Way,
)
from tocsin.core.event import Sample
from tocsin.core.ids import ComponentId, DiagnosticId
from tocsin.core.limits import SUMMARY_LINE_MAX, SUMMARY_LINES_MAX
from tocsin.core.readings import read
from tocsin.core.rules import Objective

from ..builders import BOOSTER, rulebook

TEN = Instant.from_utc(2026, 11, 24, 10)
MODES = tuple(mode for mode in rulebook().failure_modes.values() if mode.component == BOOSTER)
NAMES = {part.id: part.name for part in rulebook().components.values()}
WRONG_TARGET = FailureModeId("agent-booster.module-load")

HEALTH = json.dumps(
    {
        "status": "unhealthy",
        "component": "agent-booster",
        "version": "0.1.0",
        "release": "1.9.1",
        "error": "Module initialization error: guard.wasm imports from wasi_snapshot_preview1",
    }
)
LOG = "\n".join(
    (
        "2026-11-24 09:58:00,000 INFO agent-booster: module of release 1.9.0 loaded in 0.9 ms",
        *["2026-11-24 10:02:00,000 ERROR agent-booster: Module initialization error: release 1.9.1"] * 4,
    )
)


def looked(
    name: str, reading: Reading, output: str = "", ending: Ending = "answered", said: str = "", way: Way | None = None
) -> Gathered:
    row = Diagnostic(
        DiagnosticId(f"agent-booster.{name}"), name, BOOSTER, way or Run(ActionId(f"agent-booster.{name}")), reading
    )
    return Gathered(row, DiagnosticResult(row.id, row.title, row.component, ending, said=said), output)


def sample(title: str, value: float | None, holds: str = ">", bound: float = 0.999, unit: str = "1") -> Sample:
    return Sample(title, BOOSTER, title, value, holds, bound, unit, "" if value is not None else "no series")


def was(value: float) -> Healthy:
    return Healthy(TEN - TimeDelta(hours=1), TEN, value)


@pytest.mark.clause("D3", "M2")
def test_the_playbooks_own_story_reads_like_this() -> None:
    found = diagnose(
        (
            looked("health", Reading.HEALTH, HEALTH, way=Fetch("http://x/health")),
            looked("logs", Reading.LOGS, LOG),
            looked("pods", Reading.WORKLOADS, ending="unavailable", said="kubernetes is not set up"),
        ),
        Comparison(
            figures=(
                Compared(sample("success rate", 0.0), was(1.0)),
                Compared(sample("p95 latency", None, "<", 0.005, "s"), was(0.0023)),
            ),
            releases=(Releases(BOOSTER, ("1.9.0",), ("1.9.1",)),),
            healthy_until=TEN,
        ),
        MODES,
        NAMES,
        "agent-booster.down",
    )

    assert found.suspected == (WRONG_TARGET,)
    assert found.summary == (
        "looks like: The module fails to load (“Module initialization error” in the health endpoint)",
        "release changed: Agent Booster 1.9.0 → 1.9.1",
        "success rate 0 % (must be > 99.9 %; was 100 %)",
        "p95 latency: no data (no series); was 2.3 ms",
        "health: unhealthy: Module initialization error: guard.wasm imports from wasi_snapshot_preview1",
        "4 new error lines: 4 × “ERROR agent-booster: Module initialization error: release 1.9.1”",
        "not reachable: pods (kubernetes is not set up)",
    )


def test_a_slow_component_is_told_by_how_many_times_it_is_slower() -> None:
    slow = Compared(sample("p95 latency", 0.061, "<", 0.005, "s"), was(0.003))
    near = Compared(sample("p99 latency", 0.009, "<", 0.01, "s"), was(0.003))
    same = Compared(sample("p50 latency", 0.0011, "<", 0.005, "s"), was(0.001))

    found = diagnose((), Comparison(figures=(near, same, slow), healthy_until=TEN), (), NAMES)

    assert found.summary == (
        "p95 latency 61 ms (must be < 5 ms; was 3 ms, 20.3 ×)",
        "p99 latency 9 ms (must be < 10 ms; was 3 ms, 3 ×)",
    )


def test_if_nothing_differs_nothing_is_said() -> None:
    fine = Compared(sample("success rate", 1.0), was(1.0))
    well = looked("health", Reading.HEALTH, '{"status": "healthy", "release": "1.9.0"}')

    found = diagnose((well,), Comparison((fine,), (Releases(BOOSTER, ("1.9.0",), ("1.9.0",)),), TEN), MODES, NAMES)

    assert found.summary == ()
    assert found.suspected == ()


def test_what_could_not_be_looked_at_is_said() -> None:
    found = diagnose(
        (
            looked("pods", Reading.WORKLOADS, ending="timed_out", said="nothing within 15 s"),
            looked("logs", Reading.LOGS, ending="failed", said="403 pods/log is forbidden"),
            looked("history", Reading.CHANGES, ending="failed", said="403 pods/log is forbidden"),
        ),
        Comparison(why="no Prometheus is set up"),
        MODES,
        NAMES,
    )

    assert found.summary == (
        "no baseline: no Prometheus is set up",
        "failed: logs, history (403 pods/log is forbidden)",
        "no answer in time: pods (nothing within 15 s)",
    )


def test_words_in_an_old_log_are_no_sign_of_todays_trouble() -> None:
    old = LOG.replace("10:02", "08:02")

    found = diagnose((looked("logs", Reading.LOGS, old),), Comparison(healthy_until=TEN), MODES, NAMES)

    assert found.suspected == ()


def test_without_words_the_alert_itself_names_what_it_could_be() -> None:
    found = diagnose((), Comparison(healthy_until=TEN), MODES, NAMES, "agent-booster.p95-major")

    assert found.suspected == ("agent-booster.cpu-contention", "agent-booster.too-few-replicas")
    assert found.summary == ("could be: The processors are busy with something else, or Too few replicas for the load",)


@pytest.mark.parametrize(
    ("reading", "output", "line", "concerns"),
    [
        (Reading.TEXT, "\n  hits 81 %\nmisses 19 %", "hits 81 %", ()),
        (Reading.TEXT, "", "nothing", ()),
        (
            Reading.TARGETS,
            'up{instance="a:1"} 1\nup{instance="b:1"} 0',
            "1 of 2 up",
            ('targets: 1 of 2 up; down: up{instance="b:1"}',),
        ),
        (Reading.TARGETS, 'up{instance="a:1"} 1', "1 of 1 up", ()),
        (Reading.LOGS, "fine\nfine", "2 lines, no new error lines", ()),
        (Reading.HEALTH, '{"status":"ok","version":"2"}', "ok, release 2", ()),
        (Reading.HEALTH, "<html>busy</html>", "<html>busy</html>", ()),
        (Reading.HEALTH, 'answered 503\n{"status":"sick","error":"no"}', "sick, no", ("health: sick: no",)),
        (Reading.HEALTH, "answered 502\n<html>", "answered 502", ("health: answered 502",)),
        (Reading.HEALTH, '{"status":"degraded"}', "degraded", ("health: degraded",)),
        (
            Reading.CHANGES,
            "1  1.9.0  2026-11-24T08:00:00Z  deploy\n2  1.9.1  2026-11-24T10:01:00Z  deploy\n",
            "2 1.9.1 2026-11-24T10:01:00Z deploy",
            ("changed at 10:01:00 UTC: 2 1.9.1 deploy",),
        ),
        (Reading.CHANGES, "REVISION  CHANGE-CAUSE\n1  <none>", "1 <none>", ()),
        (Reading.CHANGES, "", "no changes known", ()),
        (
            Reading.WORKLOADS,
            "booster: release 1.9.1, revision 2, 1/2 ready, rollout complete\n"
            "  booster-3  ready  release 1.9.1\n  booster-4  unhealthy  release 1.9.1  Module initialization error",
            "booster: release 1.9.1, revision 2, 1/2 ready, rollout complete",
            ("booster-4 unhealthy release 1.9.1 Module initialization error",),
        ),
        (
            Reading.WORKLOADS,
            "NAME            READY   STATUS             RESTARTS      AGE\n"
            "booster-6d-x    1/1     Running            0             3d\n"
            "booster-6d-y    0/1     CrashLoopBackOff   5 (12s ago)   4m",
            "1 of 2 ready, 5 restarts",
            ("booster-6d-y: 5 restarts, CrashLoopBackOff",),
        ),
        (
            Reading.WORKLOADS,
            "NAME      READY   UP-TO-DATE   AVAILABLE   AGE\nbooster   1/2     2            1           3d",
            "0 of 1 ready, 0 restarts",
            ("booster: 1/2 ready",),
        ),
        (Reading.WORKLOADS, "no resources found", "no resources found", ()),
        (
            Reading.PAGE,
            '{"page":{"name":"OpenRouter"},"status":{"indicator":"none","description":"All Systems Operational"},'
            '"components":[{"name":"API","status":"operational"}],"incidents":[]}',
            "OpenRouter: All Systems Operational",
            (),
        ),
        (
            Reading.PAGE,
            '{"page":{"name":"Claude"},"status":{"indicator":"major","description":"Partial System Outage"},'
            '"components":[{"name":"API","status":"partial_outage"},{"name":"All","status":"degraded","group":true}],'
            '"incidents":[{"name":"Elevated errors"}]}',
            "Claude: Partial System Outage; API partial outage; “Elevated errors”",
            ("provider Claude: Partial System Outage; API partial outage; “Elevated errors”",),
        ),
        (Reading.PAGE, "<html>A page</html>", "<html>A page</html>", ()),
    ],
)
def test_an_output_is_read_by_what_it_is(reading: Reading, output: str, line: str, concerns: tuple[str, ...]) -> None:
    said = read(reading, output, TEN)

    assert (said.line, said.concerns) == (line, concerns)


@given(st.sampled_from(Reading), st.text(max_size=200) | st.from_regex(r"\{.*\}", fullmatch=True))
def test_whatever_an_output_is_it_is_read_and_the_summary_stays_bounded(reading: Reading, output: str) -> None:
    found = diagnose([looked(str(n), reading, output) for n in range(20)], Comparison(healthy_until=TEN), MODES, NAMES)

    assert len(found.summary) <= SUMMARY_LINES_MAX
    assert all(len(line) <= SUMMARY_LINE_MAX for line in found.summary)


MINUTE = TimeDelta(minutes=1)
P95 = Objective("p95", "p95 latency", "q", "<", 0.005, "s")
POLICY = BaselinePolicy(TimeDelta(minutes=60), TimeDelta(minutes=360), TimeDelta(minutes=5))


def test_the_healthy_hour_ends_before_the_trouble_and_only_what_held_counts() -> None:
    points = [(TEN - MINUTE * n, 0.003 if n > 10 else 0.050) for n in range(200, 0, -1)]
    points[-40] = (points[-40][0], 9.0)  # One bad minute within a good hour.

    healthy = last_healthy(points, P95, POLICY, TEN)

    assert healthy is not None
    assert healthy.until == TEN - MINUTE * (11 + 5)
    assert healthy.until - healthy.since <= POLICY.lasts
    assert healthy.value == 0.003


@pytest.mark.parametrize("points", [[], [(TEN - MINUTE, 9.0)], [(TEN + MINUTE, 0.001)], [(TEN - MINUTE, 0.001)]])
def test_where_nothing_was_healthy_long_enough_there_is_no_baseline(points: list[tuple[Instant, float]]) -> None:
    assert last_healthy(points, P95, POLICY, TEN) is None


def test_a_component_that_is_not_of_the_playbook_is_named_by_its_id() -> None:
    found = diagnose((), Comparison(releases=(Releases(ComponentId("new"), ("1",), ("1", "2")),)), (), NAMES)

    assert found.summary == ("release changed: new 1 → 1 and 2",)
