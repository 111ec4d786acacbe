"""How severe, and why (C1–C6): by threshold, by label, by report; raised by measurement, lowered by a person."""

import pytest
from msgspec.structs import replace

from tocsin.core import events as e
from tocsin.core.alert import Answers
from tocsin.core.classify import UNASSIGNED, classify_alert, classify_measurement, classify_report, component_of
from tocsin.core.commands import Reason, SetSeverity
from tocsin.core.ids import ComponentId
from tocsin.core.rules import LabelRule

from ..builders import BOOSTER, SEV1, SEV2, SEV3, SEV4, Tale, by, only, rulebook

MARA = by("mara-lindqvist")


@pytest.mark.clause("C1")
def test_every_severity_has_its_definition_and_examples() -> None:
    definitions = rulebook().severities

    assert [each.id for each in definitions] == [SEV1, SEV2, SEV3, SEV4]
    assert all(each.definition and each.examples for each in definitions)


@pytest.mark.clause("C3", "D4")
@pytest.mark.parametrize(
    ("threshold", "severity"),
    [
        ("agent-booster.down", SEV1),
        ("agent-booster.p95-major", SEV2),
        ("agent-booster.p95-moderate", SEV3),
        ("quic-transport.down", SEV1),
        ("quic-transport.p95-major", SEV2),
        ("quic-transport.p95-moderate", SEV3),
        ("router.down", SEV1),
        ("router.success-major", SEV2),
        ("router.success-moderate", SEV3),
        ("agentdb.corruption", SEV1),
        ("agentdb.cache-major", SEV2),
        ("agentdb.cache-moderate", SEV3),
        ("reasoningbank.down", SEV1),
        ("reasoningbank.p95-major", SEV2),
        ("reasoningbank.accuracy-moderate", SEV3),
        ("swarm-coordinator.down", SEV1),
        ("swarm-coordinator.spawns-major", SEV2),
        ("swarm-coordinator.overhead-moderate", SEV3),
        ("agent-booster.quarter-failing", SEV2),
    ],
)
def test_an_alert_of_a_threshold_has_the_severity_of_its_row(threshold: str, severity: str) -> None:
    found = classify_alert(rulebook(), {"tocsin_rule": threshold, "severity": "SEV4"}, {})

    assert found.severity == severity
    assert found.component == threshold.split(".", maxsplit=1)[0]
    assert found.evidence.rule == threshold
    assert found.evidence.clause == "C3"


@pytest.mark.clause("C4")
@pytest.mark.parametrize("threshold", ["agent-booster.burn.slow", "agent-booster.warning.p95", "agent-booster.gap"])
def test_what_only_heads_for_trouble_is_a_sev4(threshold: str) -> None:
    found = classify_alert(rulebook(), {"tocsin_rule": threshold}, {})

    assert (found.severity, found.evidence.clause) == (SEV4, "C4")


@pytest.mark.clause("C3", "C4")
@pytest.mark.parametrize(
    ("labels", "severity", "row"),
    [
        ({"data_loss": "true"}, SEV1, "data-loss"),
        ({"data_corruption": "true"}, SEV1, "data-corruption"),
        ({"gap": "documentation"}, SEV4, "documentation-gap"),
        ({"scope": "region"}, SEV4, "one-region"),
        ({"severity": "SEV3"}, SEV3, "severity-label"),
        ({"severity": "critical"}, SEV2, "fallback"),
        ({}, SEV2, "fallback"),
    ],
)
def test_a_foreign_alert_is_classified_by_its_labels(labels: dict[str, str], severity: str, row: str) -> None:
    found = classify_alert(rulebook(), labels, {})

    assert (found.severity, found.evidence.rule) == (severity, row)


@pytest.mark.clause("C1")
def test_a_label_row_speaks_of_alerts_that_have_all_its_labels() -> None:
    rules = rulebook()
    row = LabelRule(id="ours", when={"team": "booking", "severity": "critical"}, severity=SEV1, clause="C1")
    rules = replace(rules, classification=replace(rules.classification, labels=(row,)))

    both = {"team": "booking", "severity": "critical"}
    assert classify_alert(rules, both, {}).evidence.rule == "ours"
    for name, value in both.items():
        assert classify_alert(rules, {name: value}, {}).evidence.rule == "fallback"


@pytest.mark.clause("C6")
@pytest.mark.parametrize(
    ("answers", "severity"),
    [
        (Answers(all_users=True), SEV1),
        (Answers(data_lost=True, share=0.01), SEV1),
        (Answers(share=0.26), SEV2),
        (Answers(share=0.25), SEV3),
        (Answers(share=0.01), SEV3),
        (Answers(share=0.0), SEV4),
        (Answers(), SEV2),
    ],
)
def test_a_report_is_classified_by_its_answers(answers: Answers, severity: str) -> None:
    found = classify_report(rulebook(), {"component": "agentdb"}, answers)

    assert found.severity == severity
    assert found.component == "agentdb"


@pytest.mark.clause("C3")
def test_measured_figures_name_the_thresholds_they_breach_worst_first() -> None:
    figures = {"agent-booster.p95-major": 0.06, "agent-booster.p95-moderate": 0.06, "agent-booster.down": 0.9}

    breached = classify_measurement(rulebook(), BOOSTER, figures)

    assert [threshold.id for threshold, _ in breached] == ["agent-booster.p95-major", "agent-booster.p95-moderate"]


@pytest.mark.parametrize(
    ("labels", "component"),
    [
        ({"component": "agentdb"}, "agentdb"),
        ({"component": "agent booster"}, "agent-booster"),
        ({"job": "agent-booster"}, "agent-booster"),
        ({"component": "teapot"}, UNASSIGNED),
    ],
)
def test_a_component_is_found_by_id_name_or_job(labels: dict[str, str], component: str) -> None:
    assert component_of(rulebook(), labels) == ComponentId(component)


@pytest.mark.clause("C5")
def test_a_worse_alert_raises_the_severity_with_its_evidence() -> None:
    tale = Tale().declare(SEV3)
    tale.fire("down", firing=1, worst=SEV1)

    (raised,) = (event for event in only(tale.events, e.SeverityRaised) if isinstance(event, e.SeverityRaised))
    assert (raised.before, raised.after) == (SEV3, SEV1)
    assert raised.evidence.because == "measured worse"
    assert tale.state.severity == SEV1


@pytest.mark.clause("C5")
def test_a_lesser_alert_changes_nothing_and_an_ended_one_never_lowers() -> None:
    tale = Tale().declare(SEV1)
    tale.fire("slow", firing=1, worst=SEV3)
    tale.clear("slow")

    assert tale.state.severity == SEV1


@pytest.mark.clause("C5")
def test_lowering_is_a_persons_decision_with_a_reason() -> None:
    tale = Tale().declare(SEV1)
    tale.refused(SetSeverity(by=MARA, severity=SEV3), Reason.REASON_MISSING)

    (lowered,) = tale.do(SetSeverity(by=MARA, severity=SEV3, reason="one customer only"))[:1]

    assert isinstance(lowered, e.SeverityLowered)
    assert lowered.reason == "one customer only"
    assert lowered.by.person == "mara-lindqvist"
