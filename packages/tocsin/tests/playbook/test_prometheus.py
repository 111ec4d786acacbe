"""The rule file that `tocsin playbook rules` writes, checked and tried out by Prometheus' own tool."""

import re
import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from whenever import TimeDelta

from tocsin.core.classify import classify_alert
from tocsin.core.rules import Rulebook
from tocsin.playbook.load import load_rulebook, shipped
from tocsin.playbook.prometheus import alert_name, rule_file

Series = dict[str, str]
"""A series and its values in promtool's shorthand, one every 15 seconds."""


def run(promtool: str, *arguments: object) -> None:
    done = subprocess.run([promtool, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def alerts(text: str) -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load(text)["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


@pytest.mark.needs("promtool")
@pytest.mark.parametrize("name", ["agentic-flow", "minimal"])
@pytest.mark.parametrize("speed", [1.0, 60.0, 7.0])
def test_prometheus_takes_the_rule_file(promtool: str, tmp_path: Path, name: str, speed: float) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(rule_file(load_rulebook(shipped(name), speed=speed)))
    run(promtool, "check", "rules", path)


def test_every_threshold_becomes_one_alert_that_leads_back_to_it(book: Rulebook) -> None:
    made = alerts(rule_file(book))
    for threshold in book.classification.thresholds.values():
        alert = made.pop(alert_name(threshold))
        assert alert["labels"] == {
            "severity": threshold.severity,
            "component": threshold.component,
            "tocsin_rule": threshold.id,
            "clause": threshold.clause,
        }
        found = classify_alert(book, alert["labels"], alert["annotations"])
        assert (found.component, found.severity, found.evidence.rule) == (
            threshold.component,
            threshold.severity,
            threshold.id,
        )
        assert alert["annotations"]["dashboard"].startswith("https://")
        assert "{{ $value }}" in alert["annotations"]["description"]
    assert list(made) == ["Watchdog"]


def test_a_part_of_the_components_can_be_chosen(book: Rulebook) -> None:
    made = alerts(rule_file(book, components=["router"]))
    assert {alert["labels"].get("component") for alert in made.values()} == {"router", None}


def test_no_window_is_ever_under_four_scrapes(book: Rulebook, fast_book: Rulebook) -> None:
    scrape_s = {
        "agent-booster": 1,
        "quic-transport": 1,
        "router": 5,
        "swarm-coordinator": 5,
        "reasoningbank": 30,
        "agentdb": 30,
    }
    for rulebook in (book, fast_book):
        for threshold in rulebook.classification.thresholds.values():
            for window in re.findall(r"\[(\w+)\]", threshold.query):
                seconds = promql_parser.parse_duration(window).total_seconds()
                assert seconds >= 4 * scrape_s.get(threshold.component, 30), threshold.id


def test_sixty_times_faster_shortens_windows_and_waits(book: Rulebook, fast_book: Rulebook) -> None:
    name = "agent-booster.p95-moderate"
    slow, fast = book.classification.thresholds[name], fast_book.classification.thresholds[name]
    assert ("[5m]" in slow.query, slow.lasts) == (True, TimeDelta(minutes=5))
    assert ("[5s]" in fast.query, fast.lasts) == (True, TimeDelta(seconds=5))


def test_the_short_window_of_a_burn_rate_ends_long_before_the_watch(book: Rulebook) -> None:
    # An alert that still fires holds a resolution up (V2), so a past outage must not burn on in a window.
    for threshold in book.classification.thresholds.values():
        if ".burn." in threshold.id:
            windows = [promql_parser.parse_duration(one) for one in re.findall(r"\[(\w+)\]", threshold.query)]
            assert min(windows).total_seconds() <= book.watch.holds_for.total("seconds") / 2


def histogram(name: str, slow_from: str, slow: int, edges: list[str]) -> Series:
    """100 operations in 15 seconds, of which so many are slower than an edge; up to 40 steps long."""
    rates = {edge: 100 if float(edge) > float(slow_from) else 100 - slow for edge in edges}
    if slow_from == edges[-1]:
        rates[slow_from] = 100 - slow
    made = {f'{name}_bucket{{le="{edge}"}}': f"0+{rate}x80" for edge, rate in rates.items()}
    return {**made, f'{name}_bucket{{le="+Inf"}}': "0+100x80", f"{name}_count": "0+100x80"}


def results(name: str, ok: int, failed: int, extra: str = "") -> Series:
    made = {f'{name}{{result="refused"{extra}}}': "0+5x80"}
    if ok:
        made[f'{name}{{result="ok"{extra}}}'] = f"0+{ok}x80"
    if failed:
        made[f'{name}{{result="failed"{extra}}}'] = f"0+{failed}x80"
    return made


BOOSTER, QUIC = ["0.001", "0.005", "0.01", "0.05"], ["0.005", "0.015", "0.03", "0.1"]
BANK, SWARM = ["0.01", "0.03", "0.05", "0.1", "0.5"], ["0.05", "0.2", "0.5", "2.0"]
BOOSTER_MS, QUIC_MS = "agent_booster_operation_duration_seconds", "quic_message_rtt_seconds"
BANK_MS, SWARM_MS = "reasoningbank_query_duration_seconds", "swarm_agent_spawn_duration_seconds"
OPS = "agent_booster_operations_total"


def cache(hits: int, misses: int) -> Series:
    return {"agentdb_cache_hits_total": f"0+{hits}x80", "agentdb_cache_misses_total": f"0+{misses}x80"}


def overhead(coordination: int, execution: int) -> Series:
    return {
        "swarm_coordination_seconds_total": f"0+{coordination}x80",
        "swarm_execution_seconds_total": f"0+{execution}x80",
    }


# The alert, what is measured when it must fire, and what is measured when it must not: just on the good side.
CELLS: list[tuple[str, Series, Series]] = [
    ("AgentBoosterDown", results(OPS, 0, 10), results(OPS, 1, 99)),
    ("AgentBoosterP95Major", histogram(BOOSTER_MS, "0.05", 6, BOOSTER), histogram(BOOSTER_MS, "0.05", 5, BOOSTER)),
    ("AgentBoosterP95Moderate", histogram(BOOSTER_MS, "0.01", 6, BOOSTER), histogram(BOOSTER_MS, "0.01", 5, BOOSTER)),
    ("AgentBoosterQuarterFailing", results(OPS, 73, 27), results(OPS, 75, 25)),
    ("QuicTransportDown", results("quic_connections_total", 0, 9), results("quic_connections_total", 1, 9)),
    ("QuicTransportP95Major", histogram(QUIC_MS, "0.1", 6, QUIC), histogram(QUIC_MS, "0.1", 5, QUIC)),
    ("QuicTransportP95Moderate", histogram(QUIC_MS, "0.03", 6, QUIC), histogram(QUIC_MS, "0.03", 5, QUIC)),
    ("RouterDown", results("router_requests_total", 0, 9), results("router_requests_total", 1, 9)),
    ("RouterSuccessMajor", results("router_requests_total", 94, 6), results("router_requests_total", 96, 4)),
    ("RouterSuccessModerate", results("router_requests_total", 985, 15), results("router_requests_total", 995, 5)),
    ("AgentdbDown", results("agentdb_operations_total", 0, 9), results("agentdb_operations_total", 1, 9)),
    ("AgentdbCorruption", {"agentdb_consistency_ok": "1 0x79"}, {"agentdb_consistency_ok": "1x80"}),
    ("AgentdbCacheMajor", cache(49, 51), cache(51, 49)),
    ("AgentdbCacheModerate", cache(69, 31), cache(71, 29)),
    ("ReasoningbankDown", results("reasoningbank_queries_total", 0, 9), results("reasoningbank_queries_total", 1, 9)),
    ("ReasoningbankP95Major", histogram(BANK_MS, "0.5", 6, BANK), histogram(BANK_MS, "0.5", 5, BANK)),
    (
        "ReasoningbankAccuracyModerate",
        {"reasoningbank_search_accuracy_ratio": "0.89x80"},
        {"reasoningbank_search_accuracy_ratio": "0.91x80"},
    ),
    ("SwarmCoordinatorDown", results("swarm_agent_spawns_total", 0, 9), results("swarm_agent_spawns_total", 1, 9)),
    (
        "SwarmCoordinatorSpawnsMajor",
        results("swarm_agent_spawns_total", 74, 26),
        results("swarm_agent_spawns_total", 75, 25),
    ),
    ("SwarmCoordinatorOverheadModerate", overhead(21, 79), overhead(19, 81)),
    # C4: minor issues.
    ("AgentBoosterWarningP95", histogram(BOOSTER_MS, "0.005", 4, BOOSTER), histogram(BOOSTER_MS, "0.005", 3, BOOSTER)),
    ("AgentBoosterWarningSuccess", results(OPS, 9_992, 8), results(OPS, 9_993, 7)),
    ("SwarmCoordinatorWarningSpawnP95", histogram(SWARM_MS, "0.2", 4, SWARM), histogram(SWARM_MS, "0.2", 3, SWARM)),
    ("AgentdbWarningCacheHits", cache(84, 16), cache(86, 14)),
    (
        "AgentBoosterGap",
        {'up{job="agent-booster",instance="a"}': "0x80", 'up{job="agent-booster",instance="b"}': "1x80"},
        {'up{job="agent-booster"}': "1x80"},
    ),
    ("RouterGap", {'up{job="other"}': "1x80"}, {'up{job="router"}': "1x80"}),
    (
        "RouterUnreachable",
        {'up{job="router"}': "1x8 0x72"},
        {'up{job="router",instance="a"}': "0x80", 'up{job="router",instance="b"}': "1x80"},
    ),
    # Burn rates: ten, five and two times a budget of 0.05 %.
    ("AgentBoosterBurnFast", results(OPS, 9_940, 60), results(OPS, 9_960, 40)),
    ("AgentBoosterBurnSteady", results(OPS, 9_970, 30), results(OPS, 9_980, 20)),
    ("AgentBoosterBurnSlow", results(OPS, 9_985, 15), results(OPS, 9_995, 5)),
    ("AgentdbBurnFast", results("agentdb_operations_total", 9_980, 20), results("agentdb_operations_total", 9_995, 5)),
]


def regional(slow: dict[str, int]) -> Series:
    made: Series = {}
    for region, count in slow.items():
        for edge in BOOSTER:
            rate = 100 if edge in ("0.01", "0.05") else 100 - count
            made[f'{BOOSTER_MS}_bucket{{region="{region}",le="{edge}"}}'] = f"0+{rate}x80"
        made[f'{BOOSTER_MS}_count{{region="{region}"}}'] = "0+100x80"
    return made


CELLS += [
    ("AgentBoosterRegionP95", regional({"eu": 20, "us": 0}), regional({"eu": 20, "us": 20})),
    ("AgentBoosterRegionP95", regional({"eu": 0, "us": 20, "asia": 0}), regional({"eu": 20})),
]


def case(alert: str, series: Series, fires: bool) -> dict[str, Any]:
    """One test of promtool: after 18 minutes the alert fires, or does not."""
    return {
        "name": f"{alert} {'fires' if fires else 'is silent'}",
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)',
                "eval_time": "18m",
                "exp_samples": [{"labels": "{}", "value": 1 if fires else 0}],
            }
        ],
    }


def tried(promtool: str, tmp_path: Path, book: Rulebook, cases: list[dict[str, Any]]) -> None:
    """Let promtool try the cases, each against the rules of its own component: all rules at once take minutes."""
    files = []
    for component in book.components:
        start = "".join(word.capitalize() for word in component.split("-"))
        mine = [one for one in cases if one["name"].startswith(start)]
        if mine:
            (tmp_path / f"{component}.rules.yml").write_text(rule_file(book, components=[component]))
            document = {"rule_files": [f"{component}.rules.yml"], "evaluation_interval": "30s", "tests": mine}
            files.append(tmp_path / f"{component}.yml")
            files[-1].write_text(yaml.safe_dump(document))
    assert files, "no case belongs to any component"
    run(promtool, "test", "rules", *files)


@pytest.mark.needs("promtool")
@pytest.mark.clause("C3", "C4")
def test_each_alert_fires_where_the_playbook_says_and_not_just_before(
    promtool: str, tmp_path: Path, book: Rulebook
) -> None:
    cases = [case(alert, bad, True) for alert, bad, _ in CELLS] + [case(alert, good, False) for alert, _, good in CELLS]
    tried(promtool, tmp_path, book, cases)


def test_every_kind_of_alert_is_tried(book: Rulebook) -> None:
    own = {alert_name(row) for row in book.classification.thresholds.values() if row.clause == "C3"}
    untried = own - {alert for alert, _, _ in CELLS}
    # The same rows of another component: a silent component and a quarter failing.
    assert all(name.endswith(("Unreachable", "QuarterFailing")) for name in untried), untried


@pytest.mark.needs("promtool")
@pytest.mark.clause("C3")
@pytest.mark.parametrize(
    ("alert", "metric"),
    [
        ("AgentBoosterDown", OPS),
        ("QuicTransportDown", "quic_connections_total"),
        ("RouterDown", "router_requests_total"),
        ("AgentdbDown", "agentdb_operations_total"),
        ("ReasoningbankDown", "reasoningbank_queries_total"),
        ("SwarmCoordinatorDown", "swarm_agent_spawns_total"),
    ],
)
def test_nothing_happening_is_no_outage_and_all_failing_is_one(
    promtool: str, tmp_path: Path, book: Rulebook, alert: str, metric: str
) -> None:
    idle = {f'{metric}{{result="ok"}}': "7x80", f'{metric}{{result="failed"}}': "3x80"}
    refusing = {f'{metric}{{result="ok"}}': "7x80", f'{metric}{{result="refused"}}': "0+9x80"}
    stopped = {f'{metric}{{result="ok"}}': "0+10x20 200x60", f'{metric}{{result="failed"}}': "0x20 0+10x60"}
    cases = [
        case(alert, idle, False),
        case(alert, refusing, False),
        case(alert, {}, False),
        case(alert, stopped, True),
    ]
    tried(promtool, tmp_path, book, cases)


@pytest.mark.needs("promtool")
@pytest.mark.clause("C4")
def test_a_burn_alert_falls_silent_soon_after_the_burning_ends(promtool: str, tmp_path: Path, book: Rulebook) -> None:
    # Half an hour of failures, then twenty minutes without one: the long windows remember it, the short ones do not.
    over = {f'{OPS}{{result="ok"}}': "0+50x120 6000+100x80", f'{OPS}{{result="failed"}}': "0+50x120 6000x80"}
    cases = []
    for burn in ("Fast", "Steady", "Slow"):
        during, after = case(f"AgentBoosterBurn{burn}", over, True), case(f"AgentBoosterBurn{burn}", over, False)
        after["promql_expr_test"][0]["eval_time"] = "50m"
        cases += [during, after]
    tried(promtool, tmp_path, book, cases)


@pytest.mark.needs("promtool")
@pytest.mark.clause("C4")
def test_the_watchdog_always_fires(promtool: str, tmp_path: Path, book: Rulebook) -> None:
    tried(promtool, tmp_path, book, [case("Watchdog", {}, True) | {"name": "AgentBooster and the Watchdog"}])


@pytest.mark.needs("promtool")
@pytest.mark.clause("C3", "V1")
def test_objectives_are_recorded_as_figures(promtool: str, tmp_path: Path, book: Rulebook) -> None:
    one = case("AgentBooster", histogram(BOOSTER_MS, "0.005", 10, BOOSTER), False)
    one["promql_expr_test"] = [
        {
            "expr": 'round(tocsin:indicator{objective="agent-booster.p95"}, 0.0001)',
            "eval_time": "18m",
            "exp_samples": [
                {
                    "labels": '{component="agent-booster",objective="agent-booster.p95"}',
                    "value": 0.0075,
                }
            ],
        }
    ]
    tried(promtool, tmp_path, book, [one])
