"""The shipped playbook carries the written one: clause by clause, cell by cell, the numbers written out again here."""

import pytest
from whenever import Date, Time, TimeDelta

from tocsin.core.alert import Answers
from tocsin.core.classify import classify_alert, classify_report
from tocsin.core.ids import AudienceId, ComponentId, PersonId, RoleName, RotationId, RuleId, Severity
from tocsin.core.rules import (
    Announce,
    Clockwork,
    Close,
    ComponentOwner,
    EmergencyContact,
    InRole,
    JudgeMitigation,
    LevelAbove,
    MethodKind,
    NextOnLadder,
    OnRotation,
    OpenARoom,
    Page,
    RaiseLevel,
    Rule,
    Rulebook,
    RuleKind,
    SoundAlarm,
    Target,
    Tell,
    ThePerson,
)
from tocsin.playbook.document import Playbook

from ..builders import slack_rulebook

PRIMARY, SECONDARY = OnRotation(RotationId("sre-primary")), OnRotation(RotationId("sre-secondary"))
LEAD, PRODUCT = ThePerson(PersonId("mara-lindqvist")), ThePerson(PersonId("priya-nair"))
VP, CTO = ThePerson(PersonId("henrik-vogel")), ThePerson(PersonId("grace-okafor"))
COMMANDER, COMMUNICATIONS, RESPONDER = (
    InRole(RoleName("incident_commander")),
    InRole(RoleName("communications")),
    InRole(RoleName("responder")),
)
ALL = ("SEV1", "SEV2", "SEV3", "SEV4")


def minutes(number: float) -> TimeDelta:
    return TimeDelta(minutes=number)


def hours(number: float) -> TimeDelta:
    return TimeDelta(hours=number)


def row(book: Rulebook, name: str) -> Rule:
    found = book.rule(RuleId(name))
    assert found is not None, f"there is no row {name}"
    return found


def ids(book: Rulebook, severity: str, start: str) -> list[str]:
    return [rule.id for rule in book.rows[Severity(severity)] if rule.id.startswith(f"{severity.lower()}.{start}")]


@pytest.mark.clause("C1")
def test_there_are_four_severities_worst_first_each_with_definition_and_examples(book: Rulebook) -> None:
    assert [(one.id, one.name) for one in book.severities] == [
        ("SEV1", "Critical Outage"),
        ("SEV2", "Major Degradation"),
        ("SEV3", "Moderate Issue"),
        ("SEV4", "Minor Issue"),
    ]
    assert all(one.definition for one in book.severities)
    assert [len(one.examples) for one in book.severities] == [6, 6, 6, 5]


WALL, NEXT_DAY = Clockwork.WALL, Clockwork.NEXT_DAY


@pytest.mark.clause("C2")
@pytest.mark.parametrize(
    ("severity", "name", "within", "clockwork"),
    [
        ("sev1", "acknowledge", minutes(5), WALL),
        ("sev1", "first-response", minutes(10), WALL),
        ("sev1", "initial-update", minutes(15), WALL),
        ("sev1", "resolution", hours(1), WALL),
        ("sev2", "acknowledge", minutes(15), WALL),
        ("sev2", "first-response", minutes(30), WALL),
        ("sev2", "initial-update", minutes(45), WALL),
        ("sev2", "resolution", hours(4), WALL),
        ("sev3", "acknowledge", minutes(30), WALL),
        ("sev3", "first-response", hours(1), WALL),
        ("sev3", "initial-update", hours(2), WALL),
        ("sev3", "resolution", hours(8), NEXT_DAY),
        ("sev4", "acknowledge", hours(4), WALL),
        ("sev4", "first-response", hours(8), NEXT_DAY),
        ("sev4", "resolution", hours(7 * 24), WALL),
    ],
)
def test_each_response_target_is_the_playbooks(
    book: Rulebook, severity: str, name: str, within: TimeDelta, clockwork: Clockwork
) -> None:
    target = row(book, f"{severity}.{name}")
    assert (target.within, target.clockwork, target.kind, target.clause) == (within, clockwork, RuleKind.TARGET, "C2")
    marks = {
        "acknowledge": ("detected", "acknowledged"),
        "first-response": ("acknowledged", "responded"),
        "initial-update": ("opened", "updated"),
        "resolution": ("detected", "resolved"),
    }
    assert (target.after, *target.until) == marks[name]


@pytest.mark.clause("C2")
def test_a_sev4_owes_no_initial_update(book: Rulebook) -> None:
    assert book.rule(RuleId("sev4.initial-update")) is None


# component, SEV1, SEV2, SEV3: the metric that the row looks at, the comparison, the bound; a latency's edge in seconds.
C3 = [
    ("agent-booster.down", "SEV1", "agent_booster_operations_total", "==", 0.0, None),
    ("agent-booster.p95-major", "SEV2", "agent_booster_operation_duration_seconds", ">", 0.05, "0.05"),
    ("agent-booster.p95-moderate", "SEV3", "agent_booster_operation_duration_seconds", ">", 0.05, "0.01"),
    ("quic-transport.down", "SEV1", "quic_connections_total", "==", 0.0, None),
    ("quic-transport.p95-major", "SEV2", "quic_message_rtt_seconds", ">", 0.05, "0.1"),
    ("quic-transport.p95-moderate", "SEV3", "quic_message_rtt_seconds", ">", 0.05, "0.03"),
    ("router.down", "SEV1", "router_requests_total", "==", 0.0, None),
    ("router.success-major", "SEV2", "router_requests_total", "<", 0.95, None),
    ("router.success-moderate", "SEV3", "router_requests_total", "<", 0.99, None),
    ("agentdb.down", "SEV1", "agentdb_operations_total", "==", 0.0, None),
    ("agentdb.corruption", "SEV1", "agentdb_consistency_ok", "<", 1.0, None),
    ("agentdb.cache-major", "SEV2", "agentdb_cache_hits_total", "<", 0.5, None),
    ("agentdb.cache-moderate", "SEV3", "agentdb_cache_hits_total", "<", 0.7, None),
    ("reasoningbank.down", "SEV1", "reasoningbank_queries_total", "==", 0.0, None),
    ("reasoningbank.p95-major", "SEV2", "reasoningbank_query_duration_seconds", ">", 0.05, "0.5"),
    ("reasoningbank.accuracy-moderate", "SEV3", "reasoningbank_search_accuracy_ratio", "<", 0.9, None),
    ("swarm-coordinator.down", "SEV1", "swarm_agent_spawns_total", "==", 0.0, None),
    ("swarm-coordinator.spawns-major", "SEV2", "swarm_agent_spawns_total", ">", 0.25, None),
    ("swarm-coordinator.overhead-moderate", "SEV3", "swarm_coordination_seconds_total", ">", 0.2, None),
    ("agent-booster.quarter-failing", "SEV2", "agent_booster_operations_total", ">", 0.25, None),
    ("quic-transport.quarter-failing", "SEV2", "quic_connections_total", ">", 0.25, None),
    ("agentdb.quarter-failing", "SEV2", "agentdb_operations_total", ">", 0.25, None),
    ("reasoningbank.quarter-failing", "SEV2", "reasoningbank_queries_total", ">", 0.25, None),
]


@pytest.mark.clause("C3", "D4")
@pytest.mark.parametrize(("name", "severity", "metric", "breached", "bound", "edge"), C3)
def test_each_threshold_is_the_playbooks(
    book: Rulebook, name: str, severity: str, metric: str, breached: str, bound: float, edge: str | None
) -> None:
    threshold = book.classification.thresholds[name]
    assert (threshold.severity, threshold.clause) == (severity, "C3")
    assert (threshold.is_breached, threshold.bound) == (breached, bound)
    assert metric in threshold.query
    assert edge is None or f'_bucket{{le="{edge}"}}' in threshold.query
    found = classify_alert(book, {"tocsin_rule": name}, {})
    assert (found.component, found.severity, found.evidence.clause) == (name.split(".", maxsplit=1)[0], severity, "C3")


@pytest.mark.clause("C3", "V1")
@pytest.mark.parametrize(
    ("name", "metric", "holds", "bound"),
    [
        ("agent-booster.p95", "agent_booster_operation_duration_seconds", "<", 0.005),
        ("agent-booster.success", "agent_booster_operations_total", ">", 0.999),
        ("quic-transport.p95", "quic_message_rtt_seconds", "<", 0.015),
        ("quic-transport.connection-success", "quic_connections_total", ">=", 0.999),
        ("router.success", "router_requests_total", ">", 0.995),
        ("agentdb.p95", "agentdb_read_duration_seconds", "<", 0.05),
        ("agentdb.cache-hits", "agentdb_cache_hits_total", ">=", 0.8),
        ("agentdb.consistency", "agentdb_consistency_ok", "==", 1.0),
        ("reasoningbank.p95", "reasoningbank_query_duration_seconds", "<", 0.05),
        ("reasoningbank.accuracy", "reasoningbank_search_accuracy_ratio", ">=", 0.95),
        ("swarm-coordinator.spawn-p95", "swarm_agent_spawn_duration_seconds", "<", 0.2),
        ("swarm-coordinator.overhead", "swarm_coordination_seconds_total", "<=", 0.1),
    ],
)
def test_each_objective_to_verify_is_the_playbooks(
    book: Rulebook, name: str, metric: str, holds: str, bound: float
) -> None:
    component = book.components[ComponentId(name.split(".", maxsplit=1)[0])]
    objective = next(one for one in component.objectives if one.id == name)
    assert (objective.holds, objective.bound, objective.clause) == (holds, bound, "C3")
    assert metric in objective.query


@pytest.mark.clause("C3")
@pytest.mark.parametrize(
    ("component", "target"),
    [
        ("agent-booster", 0.9995),
        ("reasoningbank", 0.999),
        ("router", 0.9995),
        ("quic-transport", 0.9999),
        ("agentdb", 0.9999),
        ("swarm-coordinator", 0.9995),
    ],
)
def test_each_error_budget_is_the_components(document: Playbook, component: str, target: float) -> None:
    doc = document.components[f"components/{component}.yaml"]
    assert doc.budget is not None
    assert doc.budget.target == target


STATED = {
    "agent-booster": {"p50": 0.001, "p99": 0.01, "throughput": 1000, "module-load": 0.1},
    "reasoningbank": {"p50": 0.02, "p99": 0.1, "write-p95": 0.03},
    "router": {"decision-p95": 0.01, "decision-p99": 0.02, "failover": 0.5, "cost-saving": 0.85},
    "quic-transport": {"p50": 0.005, "p99": 0.03, "throughput": 10_000, "connect": 0.01, "zero-rtt": 0.95},
    "agentdb": {"p50": 0.01, "p99": 0.1, "write-p95": 0.03},
    "swarm-coordinator": {"spawn-p99": 0.5, "distribution-p95": 0.05, "speedup": 3.0, "topology": 0.9},
}


@pytest.mark.parametrize("component", STATED)
def test_objectives_that_only_a_load_test_can_show_are_stated_and_not_verified(
    document: Playbook, component: str
) -> None:
    doc = document.components[f"components/{component}.yaml"]
    assert {one.id: one.bound for one in doc.objectives if not one.verify} == STATED[component]


@pytest.mark.parametrize(
    ("component", "name", "team", "scrape_s", "workload"),
    [
        ("agent-booster", "Agent Booster", "team-performance", 1, "deployment/agent-booster"),
        ("reasoningbank", "ReasoningBank", "team-ml", 30, "deployment/reasoningbank"),
        ("router", "Multi-Model Router", "team-infrastructure", 5, "deployment/router"),
        ("quic-transport", "QUIC Transport", "team-networking", 1, "deployment/quic-transport"),
        ("agentdb", "AgentDB", "team-data", 30, "statefulset/agentdb-replica"),
        ("swarm-coordinator", "Swarm Coordination", "team-orchestration", 5, "deployment/swarm-coordinator"),
    ],
)
@pytest.mark.clause("O2")
def test_each_component_has_its_owners_for_two_weeks_from_a_monday_at_midnight_utc(
    document: Playbook, book: Rulebook, component: str, name: str, team: str, scrape_s: int, workload: str
) -> None:
    compiled = book.components[ComponentId(component)]
    assert (compiled.name, compiled.team, compiled.job) == (name, team, component)
    assert compiled.health_url.endswith("/health")
    assert compiled.owner is not None
    rotation = book.rotations[compiled.owner]
    assert (rotation.shift_days, rotation.starts_at, rotation.zone, rotation.clause) == (14, Time(0), "UTC", "O2")
    assert rotation.starts_on.day_of_week().value == 1
    assert len(rotation.people) == 2
    doc = document.components[f"components/{component}.yaml"]
    assert doc.scrape_every == TimeDelta(seconds=scrape_s)
    assert doc.namespace == "agentic-flow"
    assert workload in doc.workloads


@pytest.mark.clause("O1")
@pytest.mark.parametrize("name", ["sre-primary", "sre-secondary"])
def test_the_sre_rotations_turn_weekly_on_monday_at_midnight_utc(book: Rulebook, name: str) -> None:
    rotation = book.rotations[RotationId(name)]
    assert (rotation.shift_days, rotation.starts_at, rotation.zone, rotation.clause) == (7, Time(0), "UTC", "O1")
    assert rotation.starts_on.day_of_week().value == 1
    assert len(rotation.people) == 4


@pytest.mark.clause("O1")
def test_nobody_backs_up_themselves(book: Rulebook) -> None:
    primary, secondary = book.rotations[RotationId("sre-primary")], book.rotations[RotationId("sre-secondary")]
    assert primary.starts_on == secondary.starts_on
    assert all(one != other for one, other in zip(primary.people, secondary.people, strict=True))


@pytest.mark.clause("C4")
@pytest.mark.parametrize("component", STATED)
@pytest.mark.parametrize(
    ("burn", "severity", "rate"), [("fast", "SEV2", 10.0), ("steady", "SEV3", 5.0), ("slow", "SEV4", 2.0)]
)
def test_a_burning_budget_pages_alerts_or_opens_a_ticket_by_its_rate(
    book: Rulebook, component: str, burn: str, severity: str, rate: float
) -> None:
    threshold = book.classification.thresholds[f"{component}.burn.{burn}"]
    assert (threshold.severity, threshold.is_breached, threshold.bound) == (severity, ">", rate)


@pytest.mark.clause("C4")
@pytest.mark.parametrize(
    ("name", "breached", "bound"),
    [
        ("agent-booster.warning.p95", ">", 0.0375),
        ("agent-booster.warning.success", "<", 0.99925),
        ("quic-transport.warning.connection-success", "<", 0.99925),
        ("router.warning.success", "<", 0.99625),
        ("agentdb.warning.cache-hits", "<", 0.85),
        ("reasoningbank.warning.accuracy", "<", 0.9625),
        ("swarm-coordinator.warning.spawn-p95", ">", 0.0375),
        ("swarm-coordinator.warning.overhead", ">", 0.075),
    ],
)
def test_three_quarters_of_a_limit_used_up_is_a_minor_issue(
    book: Rulebook, name: str, breached: str, bound: float
) -> None:
    threshold = book.classification.thresholds[name]
    assert (threshold.severity, threshold.is_breached, threshold.clause) == ("SEV4", breached, "C4")
    assert threshold.bound == pytest.approx(bound, abs=1e-12)


@pytest.mark.clause("C4")
@pytest.mark.parametrize("component", STATED)
def test_a_target_that_reports_nothing_is_a_minor_issue_and_a_silent_component_an_outage(
    book: Rulebook, component: str
) -> None:
    table = book.classification
    assert table.thresholds[f"{component}.gap"].severity == "SEV4"
    assert table.thresholds[f"{component}.unreachable"].severity == "SEV1"
    assert table.gap == "SEV4"


@pytest.mark.clause("C4")
@pytest.mark.parametrize("labels", [{"gap": "documentation"}, {"gap": "monitoring"}, {"scope": "region"}])
def test_minor_issues_are_known_by_their_labels(book: Rulebook, labels: dict[str, str]) -> None:
    found = classify_alert(book, labels, {})
    assert (found.severity, found.evidence.clause) == ("SEV4", "C4")


@pytest.mark.clause("C4")
def test_a_single_slow_region_is_a_minor_issue(book: Rulebook) -> None:
    threshold = book.classification.thresholds["agent-booster.region.p95"]
    assert (threshold.severity, threshold.is_breached, threshold.bound) == ("SEV4", "==", 1.0)


@pytest.mark.clause("C4")
def test_a_watchdog_that_stops_is_a_minor_issue(book: Rulebook) -> None:
    beat = book.heartbeats["watchdog"]
    assert (beat.severity, beat.clause, beat.alertname) == ("SEV4", "C4", "Watchdog")


@pytest.mark.clause("C3", "C6")
@pytest.mark.parametrize(
    ("answers", "severity"),
    [
        (Answers(all_users=True), "SEV1"),
        (Answers(data_lost=True), "SEV1"),
        (Answers(share=0.26), "SEV2"),
        (Answers(share=0.25), "SEV3"),
        (Answers(share=0.01), "SEV3"),
        (Answers(share=0.0), "SEV4"),
        (Answers(), "SEV2"),
        (Answers(all_users=True, share=0.01), "SEV1"),
    ],
)
def test_a_report_is_classified_by_its_answers(book: Rulebook, answers: Answers, severity: str) -> None:
    assert classify_report(book, {"component": "agentdb"}, answers).severity == severity


@pytest.mark.clause("D3")
@pytest.mark.parametrize("severity", ALL)
def test_the_initial_assessment_is_due_in_two_minutes(book: Rulebook, severity: str) -> None:
    assessment = row(book, f"{severity.lower()}.assessment")
    assert (assessment.after, assessment.within, assessment.until) == ("opened", minutes(2), ("measured", "diagnosed"))
    assert (assessment.kind, assessment.owner, assessment.clause) == (RuleKind.TARGET, COMMANDER, "D3")


@pytest.mark.clause("R1")
def test_each_severity_fills_the_playbooks_roles(book: Rulebook) -> None:
    assert {severity: dict(roles) for severity, roles in book.roles.items()} == {
        "SEV1": {
            "incident_commander": PRIMARY,
            "technical_lead": LEAD,
            "communications": PRODUCT,
            "subject_matter_expert": ComponentOwner(),
        },
        "SEV2": {"incident_commander": PRIMARY, "technical_lead": ComponentOwner(), "communications": LEAD},
        "SEV3": {"responder": PRIMARY},
        "SEV4": {"responder": ComponentOwner()},
    }
    assert book.commanders == ("incident_commander", "responder")
    assert not book.people[PersonId("priya-nair")].takes_command


@pytest.mark.clause("R3")
def test_sev1_and_sev2_have_a_bridge(book: Rulebook) -> None:
    assert (book.bridge_url, book.bridge_severities) == ("https://zoom.us/j/incident-bridge", ("SEV1", "SEV2"))


@pytest.mark.clause("R2", "K6")
def test_sev1_and_sev2_get_a_slack_channel_as_soon_as_slack_carries_slack(book: Rulebook) -> None:
    carried = slack_rulebook()
    assert [severity for severity, rows in carried.rows.items() if any(OpenARoom() in row.then for row in rows)] == [
        "SEV1",
        "SEV2",
    ]
    assert [each.id for each in carried.audiences.values() if each.in_room] == ["incident-channel"]
    assert {each.address for each in carried.audiences.values()} >= {"#incidents", "#sre-oncall", "#engineering"}
    assert carried.audiences[AudienceId("stakeholders")].severities == ("SEV1", "SEV2", "SEV3", "SEV4")
    assert (book.rooms, [row for rows in book.rows.values() for row in rows if OpenARoom() in row.then]) == (None, [])


@pytest.mark.clause("M5")
@pytest.mark.parametrize("severity", ALL)
def test_a_mitigation_is_judged_after_five_minutes(book: Rulebook, severity: str) -> None:
    judge = row(book, f"{severity.lower()}.judge-mitigation")
    assert (judge.after, judge.within, judge.kind) == ("mitigated", minutes(5), RuleKind.STEP)
    assert (judge.then, judge.ends, judge.clause) == ((JudgeMitigation(),), ("judged", "resolved"), "M5")


@pytest.mark.clause("V2")
def test_objectives_must_hold_for_thirty_minutes(book: Rulebook) -> None:
    assert (book.watch.holds_for, book.watch.clause) == (minutes(30), "V2")
    assert book.watch.asks_every < book.watch.gap_max < book.watch.holds_for
    assert book.watch.related_alerts > 1
    assert book.watch.errors is not None
    assert book.components[ComponentId("agent-booster")].errors is not None


@pytest.mark.clause("K1", "K2")
@pytest.mark.parametrize(
    ("severity", "audience", "first", "every", "owner"),
    [
        ("sev1", "status-page", minutes(15), minutes(15), COMMUNICATIONS),
        ("sev1", "incident-channel", minutes(5), minutes(5), COMMANDER),
        ("sev1", "stakeholders", minutes(15), minutes(15), COMMUNICATIONS),
        ("sev2", "status-page", minutes(15), minutes(30), COMMANDER),
        ("sev2", "incident-channel", minutes(15), minutes(15), COMMANDER),
        ("sev2", "stakeholders", minutes(30), minutes(30), COMMUNICATIONS),
        ("sev3", "incident-channel", minutes(30), minutes(30), RESPONDER),
        ("sev3", "stakeholders", hours(1), hours(1), RESPONDER),
        ("sev4", "stakeholders", hours(24), hours(24), RESPONDER),
    ],
)
def test_each_audience_hears_at_the_playbooks_cadence(
    book: Rulebook, severity: str, audience: str, first: TimeDelta, every: TimeDelta, owner: InRole
) -> None:
    cadence = row(book, f"{severity}.update.{audience}")
    assert (cadence.kind, cadence.after, cadence.until) == (RuleKind.CADENCE, "opened", (f"updated.{audience}",))
    assert (cadence.within, cadence.every, cadence.owner, cadence.clause) == (first, every, owner, "K1")


@pytest.mark.clause("K1")
def test_no_other_audience_has_a_cadence(book: Rulebook) -> None:
    assert [len(ids(book, severity, "update.")) for severity in ALL] == [3, 3, 2, 1]


@pytest.mark.clause("K1", "K4")
@pytest.mark.parametrize(
    ("name", "after", "within", "until", "clause"),
    [
        ("sev1.notice.customers", "opened", minutes(30), "updated.customers", "K1"),
        ("sev2.notice.customers-long", "opened", hours(2), "updated.customers", "K1"),
        ("sev3.notice.customers-long", "opened", hours(4), "updated.customers", "K1"),
        ("sev3.notice.status-page", "flag.customers_affected", hours(2), "updated.status-page", "K1"),
        ("sev1.notice.customers-final", "resolved", hours(24), "updated.customers", "K4"),
    ],
)
def test_each_single_notice_is_the_playbooks(
    book: Rulebook, name: str, after: str, within: TimeDelta, until: str, clause: str
) -> None:
    notice = row(book, name)
    assert (notice.after, notice.within, notice.until, notice.clause) == (after, within, (until,), clause)
    assert notice.kind is RuleKind.TARGET


@pytest.mark.clause("E3")
def test_a_sev1_pages_the_sre_the_lead_and_the_product_manager_at_once(book: Rulebook) -> None:
    by_phone = (MethodKind.PHONE, MethodKind.SLACK)
    declared, first = row(book, "sev1.declared"), row(book, "sev1.ladder.1")
    assert (declared.after, declared.within, declared.clause) == ("opened", TimeDelta.ZERO, "E3")
    assert declared.then == (Page(LEAD, by_phone), Page(PRODUCT, by_phone))
    assert (first.within, first.then) == (TimeDelta.ZERO, (Page(PRIMARY, (MethodKind.PAGER,)),))


@pytest.mark.clause("E3", "D1")
def test_a_sev2_pages_the_sre_and_tells_the_lead_in_slack(book: Rulebook) -> None:
    assert row(book, "sev2.declared").then == (Tell(LEAD, (MethodKind.SLACK,)),)
    assert row(book, "sev2.ladder.1").then == (Page(PRIMARY, (MethodKind.PAGER,)),)


@pytest.mark.clause("E3", "D1")
def test_a_sev3_tells_the_sre_in_slack_with_the_team_channel_in_copy(book: Rulebook) -> None:
    assert row(book, "sev3.ladder.1").then == (Tell(PRIMARY, (MethodKind.SLACK,)),)
    (copy,) = row(book, "sev3.declared").then
    assert isinstance(copy, Announce)
    assert book.audiences[copy.audience].address == "#engineering"


@pytest.mark.clause("D1", "K7")
def test_a_sev4_opens_a_ticket_and_tells_the_owner_in_slack(book: Rulebook) -> None:
    (ticket,) = row(book, "sev4.declared").then
    assert isinstance(ticket, Announce)
    assert ticket.audience == "tickets"
    assert row(book, "sev4.ladder.1").then == (Tell(ComponentOwner(), (MethodKind.SLACK,)),)


def ladder(book: Rulebook, severity: str) -> list[tuple[TimeDelta, Target, int | None]]:
    """When each rung is due after the declaration if nobody answers, whom it asks and which level it raises."""
    result, elapsed, before = [], TimeDelta.ZERO, "opened"
    for name in ids(book, severity, "ladder."):
        rule = row(book, name)
        assert rule.after == before, "each rung waits for the one before it"
        assert rule.until == ("acknowledged",)
        elapsed, before = elapsed + rule.within, f"rule.{name}"
        level = next((act.level for act in rule.then if isinstance(act, RaiseLevel)), None)
        asked = next(act.target for act in rule.then if isinstance(act, Page | Tell))
        result.append((elapsed, asked, level))
    return result


@pytest.mark.clause("E2", "E4")
def test_nobody_answering_a_sev1_leads_up_all_levels(book: Rulebook) -> None:
    assert ladder(book, "SEV1") == [
        (TimeDelta.ZERO, PRIMARY, None),
        (minutes(5), SECONDARY, None),
        (minutes(5 + 10), LEAD, 2),
        (minutes(5 + 10 + 15), VP, 3),
        (minutes(5 + 10 + 15 + 30), CTO, 4),
    ]


@pytest.mark.clause("E2", "E4")
def test_nobody_answering_a_sev2_leads_to_the_lead_and_no_further(book: Rulebook) -> None:
    assert ladder(book, "SEV2") == [
        (TimeDelta.ZERO, PRIMARY, None),
        (minutes(5), SECONDARY, None),
        (minutes(5 + 10), LEAD, 2),
    ]


@pytest.mark.clause("E4")
@pytest.mark.parametrize(
    ("severity", "after", "within"),
    [("SEV1", "ladder.5", hours(1)), ("SEV2", "ladder.3", minutes(15)), ("SEV3", "ladder.3", hours(1))],
)
def test_nobody_reachable_is_an_alarm_of_its_own_until_somebody_acknowledges(
    book: Rulebook, severity: str, after: str, within: TimeDelta
) -> None:
    alarm = row(book, f"{severity.lower()}.alarm")
    beyond = () if severity == "SEV3" else (Page(LevelAbove()), Page(EmergencyContact()))
    assert (alarm.after, alarm.within) == (f"rule.{severity.lower()}.{after}", within)
    assert alarm.then == (SoundAlarm(), *beyond)
    assert alarm.every is not None
    assert set(alarm.ends) == {"acknowledged", "resolved"}


@pytest.mark.clause("C2")
@pytest.mark.parametrize("severity", ["SEV1", "SEV2"])
def test_without_a_first_response_the_acknowledger_is_paged_again_and_then_the_next_person(
    book: Rulebook, severity: str
) -> None:
    first = row(book, f"{severity.lower()}.first-response")
    then = row(book, f"{severity.lower()}.still-no-response")
    assert first.then == (Page(InRole(RoleName("incident_commander")), again=True),)
    assert (then.after, then.within) == (f"rule.{severity.lower()}.first-response", minutes(5))
    assert (then.until, then.then) == (("responded", "answered"), (Page(NextOnLadder()),))


@pytest.mark.clause("E1", "E2")
def test_each_level_is_reached_as_the_playbook_says(book: Rulebook) -> None:
    pager, phone, slack = MethodKind.PAGER, MethodKind.PHONE, MethodKind.SLACK
    assert [(one.number, one.name, one.target, one.via, one.answers_within) for one in book.levels] == [
        (1, "On-Call SRE", PRIMARY, (pager,), minutes(5)),
        (2, "Engineering Lead", LEAD, (phone, slack), minutes(15)),
        (3, "VP Engineering", VP, (phone,), minutes(30)),
        (4, "CTO", CTO, (phone,), hours(1)),
    ]
    assert {one.clause for one in book.levels} == {"E1"}


@pytest.mark.clause("E1")
@pytest.mark.parametrize(
    ("name", "after", "within", "level"),
    [
        ("sev1.level.1.declared", "opened", TimeDelta.ZERO, 1),
        ("sev2.level.1.declared", "opened", TimeDelta.ZERO, 1),
        ("sev1.level.2.declared", "opened", TimeDelta.ZERO, 2),
        ("sev2.level.2.not-improving-1h", "opened", hours(1), 2),
        ("sev1.level.2.flag-architecture", "flag.architecture", TimeDelta.ZERO, 2),
        ("sev2.level.2.flag-architecture", "flag.architecture", TimeDelta.ZERO, 2),
        ("sev1.level.2.flag-coordination", "flag.coordination", TimeDelta.ZERO, 2),
        ("sev2.level.2.flag-coordination", "flag.coordination", TimeDelta.ZERO, 2),
        ("sev1.level.3.open-2h", "opened", hours(2), 3),
        ("sev1.level.3.spread", "spread", TimeDelta.ZERO, 3),
        ("sev1.level.3.flag-resources", "flag.resources", TimeDelta.ZERO, 3),
        ("sev1.level.3.flag-vendor", "flag.vendor", TimeDelta.ZERO, 3),
        ("sev1.level.4.open-4h", "opened", hours(4), 4),
        ("sev1.level.4.flag-existential", "flag.existential", TimeDelta.ZERO, 4),
        ("sev1.level.4.flag-board", "flag.board", TimeDelta.ZERO, 4),
        ("sev1.level.4.flag-legal", "flag.legal", TimeDelta.ZERO, 4),
    ],
)
def test_each_condition_leads_to_its_level(
    book: Rulebook, name: str, after: str, within: TimeDelta, level: int
) -> None:
    condition = row(book, name)
    assert (condition.after, condition.within, condition.then) == (after, within, (RaiseLevel(level),))
    assert (condition.kind, condition.clause) == (RuleKind.STEP, "E1")


@pytest.mark.clause("E1")
def test_no_other_condition_leads_to_a_level(book: Rulebook) -> None:
    assert [len(ids(book, severity, "level.")) for severity in ALL] == [12, 4, 0, 0]


@pytest.mark.clause("E5")
def test_not_improving_is_asked_every_hour_until_it_improves_or_is_monitored(book: Rulebook) -> None:
    hourly = row(book, "sev2.level.2.not-improving-1h")
    assert hourly.every == hours(1)
    assert hourly.until == ("improved",)
    assert set(hourly.ends) == {"resolved", "stage.monitoring", "level.2"}


@pytest.mark.clause("P1")
@pytest.mark.parametrize("severity", ["sev1", "sev2"])
@pytest.mark.parametrize(
    ("name", "within", "clockwork", "milestone"),
    [
        ("postmortem-draft", hours(24), Clockwork.WALL, "milestone.postmortem_drafted"),
        ("postmortem-review", hours(3 * 8), Clockwork.BUSINESS, "milestone.postmortem_reviewed"),
        ("postmortem-publication", hours(5 * 8), Clockwork.BUSINESS, "milestone.postmortem_published"),
    ],
)
def test_the_post_mortem_is_due_as_the_playbook_says(
    book: Rulebook, severity: str, name: str, within: TimeDelta, clockwork: Clockwork, milestone: str
) -> None:
    due = row(book, f"{severity}.{name}")
    assert (due.after, due.within, due.clockwork) == ("resolved", within, clockwork)
    assert milestone in due.until
    assert (due.ends, due.owner, due.clause) == (("reopened", "closed"), COMMANDER, "P1")


@pytest.mark.clause("P1")
@pytest.mark.parametrize(
    ("severity", "after", "within"),
    [
        ("sev1", "milestone.postmortem_published", TimeDelta.ZERO),
        ("sev2", "milestone.postmortem_published", TimeDelta.ZERO),
        ("sev3", "resolved", hours(1)),
        ("sev4", "resolved", hours(1)),
    ],
)
def test_an_incident_closes_when_nothing_more_is_owed(
    book: Rulebook, severity: str, after: str, within: TimeDelta
) -> None:
    close = row(book, f"{severity}.close")
    assert (close.after, close.within, close.then) == (after, within, (Close(),))
    assert set(close.ends) == {"reopened", "closed"}
    assert severity in ("sev1", "sev2") or close.within >= book.grouping.reopens_within


@pytest.mark.clause("Q2")
def test_the_playbook_has_version_dates_and_owner(document: Playbook, book: Rulebook) -> None:
    about = document.about
    assert (about.version, about.updated_on, about.next_review_on, about.owner) == (
        "1.0",
        Date(2025, 11, 8),
        Date(2025, 12, 8),
        "SRE Team",
    )
    assert book.version.startswith("1.0+")
    assert book.review_overdue_severity == "SEV4"


@pytest.mark.clause("Q1")
def test_the_critical_links_are_there(book: Rulebook) -> None:
    assert book.links["dashboards"] == "https://monitoring.agenticflow.io/p0-dashboards"
    assert book.links["status-page"] == "https://status.agenticflow.io"
    assert book.links["runbooks"] == "https://github.com/agenticflow/docs/p0-integration/runbooks/"
    assert book.links["pager"] == "https://agenticflow.pagerduty.com"


@pytest.mark.parametrize("severity", ALL)
def test_an_open_incident_always_owes_something(book: Rulebook, severity: str) -> None:
    lasting = [rule for rule in book.rows[Severity(severity)] if rule.every and rule.ends == ("resolved",)]
    assert any(rule.after == "opened" and rule.kind is RuleKind.CADENCE for rule in lasting)


def test_every_row_of_every_severity_names_its_clause_and_has_an_id_of_its_own(book: Rulebook) -> None:
    rules = [rule for rows in book.rows.values() for rule in rows]
    assert len({rule.id for rule in rules}) == len(rules)
    assert all(rule.clause and rule.title for rule in rules)
    assert all(threshold.clause for threshold in book.classification.thresholds.values())


def test_whatever_is_owed_by_somebody_is_owed_by_somebody_named(book: Rulebook) -> None:
    rules = [rule for rows in book.rows.values() for rule in rows]
    assert all((rule.owner is None) == (rule.kind is RuleKind.STEP) for rule in rules)
    assert all(rule.then for rule in rules)


def test_it_works_without_any_provider(book: Rulebook) -> None:
    assert {method.channel for person in book.people.values() for method in person.methods} == {"console"}
    assert {audience.channel for audience in book.audiences.values()} == {"console"}
    assert all(person.methods for person in book.people.values())
    assert len(book.people) == 21
    assert book.emergency == "emergency-contact"
    assert not any("emergency-contact" in rotation.people for rotation in book.rotations.values())


def test_sixty_times_faster_divides_the_durations_and_keeps_the_calendar(book: Rulebook, fast_book: Rulebook) -> None:
    for severity, rules in book.rows.items():
        for slow, fast in zip(rules, fast_book.rows[severity], strict=True):
            assert fast.within == slow.within / 60
            assert fast.every == (slow.every / 60 if slow.every else None)
    assert fast_book.watch.holds_for == TimeDelta(seconds=30)
    assert fast_book.watch.asks_every >= TimeDelta(seconds=1)
    assert fast_book.watch.asks_every < fast_book.watch.gap_max
    assert fast_book.calendar == book.calendar
    assert fast_book.version == book.version
