"""The playbook over HTTP: shown, asked who and how severe, and loaded again."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from tocsin.playbook.load import load_rulebook, shipped
from tocsin.playbook.problems import PlaybookErrors

from .town import Town


@pytest.mark.clause("C1")
async def test_every_severity_is_shown_with_its_definition_and_examples(town: Town) -> None:
    shown = await town.get("/api/v1/playbook")
    assert [each["id"] for each in shown["severities"]] == ["SEV1", "SEV2", "SEV3", "SEV4"]
    assert all(each["definition"] and each["examples"] for each in shown["severities"])
    assert [each["id"] for each in shown["components"]] == list(town.rules.components)


async def test_how_people_are_reached_is_shown_to_nobody(town: Town) -> None:
    text = (await town.ask("GET", "/api/v1/playbook")).text
    addresses = {method.address for person in town.rules.people.values() for method in person.methods}
    private = [address for address in addresses if "@" in address or address.startswith("+")]
    assert private
    assert not [address for address in private if address in text]


async def test_a_new_version_counts_for_new_incidents_and_leaves_the_old_ones_alone(town: Town) -> None:
    before = await town.declared()
    town.next_rules = replace(town.rules, version="2.0+test")
    assert (await town.post("/api/v1/playbook/reload"))["version"] == "2.0+test"
    after = await town.declared(component="agentdb")
    versions = [(await town.get(f"/api/v1/incidents/{each}"))["playbook"] for each in (before, after)]
    assert versions == [town.rules.version, "2.0+test"]
    assert (await town.get("/health", role=None))["playbook"] == "2.0+test"


async def test_a_playbook_with_errors_is_refused_whole_and_the_running_one_stays(town: Town, tmp_path: Path) -> None:
    for path in shipped("minimal").rglob("*.yaml"):
        target = tmp_path / path.relative_to(shipped("minimal"))
        target.parent.mkdir(exist_ok=True)
        target.write_text(path.read_text())
    people = tmp_path / "people.yaml"
    people.write_text(people.read_text().replace("methods:", "method:"))
    with pytest.raises(PlaybookErrors) as raised:
        load_rulebook(tmp_path)
    town.next_rules = raised.value
    answer = await town.ask("POST", "/api/v1/playbook/reload")
    found = answer.json()
    assert (answer.status_code, found["reason"]) == (422, "playbook_invalid")
    assert len(found["problems"]) == len(raised.value.problems) > 0
    assert {"file", "line", "key", "message", "remedy"} <= set(found["problems"][0])
    assert (await town.get("/health", role=None))["playbook"] == town.rules.version
    assert await town.declared() == "INC-1"
    assert town.refused("playbook_invalid") == 1


async def test_a_reload_that_the_store_cannot_keep_changes_nothing(town: Town) -> None:
    await town.get("/api/v1/playbook")
    town.next_rules = replace(town.rules, version="2.0+test")
    town.store.fails = True
    assert (await town.ask("POST", "/api/v1/playbook/reload")).status_code == 503
    town.store.fails = False
    assert (await town.get("/health", role=None))["playbook"] == town.rules.version


@pytest.mark.clause("O4")
@pytest.mark.parametrize(
    ("at", "person"),
    [
        ("2026-11-22T23:59:59Z", "tomasz-zielinski"),
        ("2026-11-23T00:00:00Z", "aisha-bello"),
        ("2026-11-23T01:30:00%2B02:00", "tomasz-zielinski"),
        ("2026-11-23T01:30:00+02:00", "tomasz-zielinski"),
    ],
)
async def test_who_is_on_call_can_be_asked_for_any_time(town: Town, at: str, person: str) -> None:
    roster = await town.get(f"/api/v1/oncall?at={at}")
    assert next(each["person"] for each in roster["oncall"] if each["rotation"] == "sre-primary") == person
    assert (await town.get("/api/v1/oncall"))["at"] == "2026-11-22T03:00:00Z"


@pytest.mark.parametrize(
    ("at", "status"),
    [("soon", 400), ("2026-13-01T00:00:00Z", 400), ("9999-12-31T23:00:00Z", 422), ("0001-01-01T00:00:00Z", 422)],
)
async def test_a_time_that_no_calendar_reaches_is_refused(town: Town, at: str, status: int) -> None:
    answer = await town.ask("GET", f"/api/v1/oncall?at={at}")
    assert (answer.status_code, answer.json()["reason"], answer.json()["place"]) == (status, "wrong_time", "at")


@pytest.mark.clause("C3")
async def test_figures_are_classified_by_the_worst_threshold_they_breach(town: Town) -> None:
    thresholds = [each for each in town.rules.classification.thresholds.values() if each.component == "agent-booster"]
    slow = [each for each in thresholds if each.is_breached == ">" and each.clause == "C3"]
    found = await town.post("/api/v1/classify", {"figures": {each.id: 60.0 for each in slow}})
    assert (found["component"], found["severity"]) == ("agent-booster", "SEV2")
    assert found["rule"] in {each.id for each in slow}
    assert all(row["met"] for row in found["considered"])
    well = await town.post("/api/v1/classify", {"figures": {each.id: 0.0 for each in slow}})
    assert (well["severity"], well["rule"]) == ("", "none")


@pytest.mark.clause("C6")
async def test_answers_are_classified_by_the_first_row_they_meet(town: Town) -> None:
    found = await town.post("/api/v1/classify", {"answers": {"component": "agentdb", "share": 0.3}})
    assert (found["component"], found["severity"]) == ("agentdb", "SEV2")
    assert [row["met"] for row in found["considered"]] == [False] * (len(found["considered"]) - 1) + [True]
    assert found["considered"][-1]["rule"] == found["rule"]


@pytest.mark.clause("C4")
async def test_labels_are_classified_as_an_alert_with_them_would_be(town: Town) -> None:
    threshold = next(iter(town.rules.classification.thresholds.values()))
    found = await town.post("/api/v1/classify", {"labels": {"tocsin_rule": threshold.id}})
    assert (found["rule"], found["severity"], found["component"]) == (
        threshold.id,
        threshold.severity,
        threshold.component,
    )
    named = await town.post("/api/v1/classify", {"labels": {"severity": "SEV3"}, "component": "agentdb"})
    assert (named["severity"], named["component"], named["rule"]) == ("SEV3", "agentdb", "severity-label")
    unknown = await town.post("/api/v1/classify", {"labels": {"alertname": "Odd"}})
    assert (unknown["component"], unknown["rule"]) == ("unassigned", "fallback")
    assert not (await town.get("/api/v1/incidents"))["incidents"]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({}, 422, "unknown_answers"),
        ({"labels": {}, "answers": {}}, 422, "unknown_answers"),
        ({"answers": {"component": "agentbd"}}, 422, "unknown_component"),
        ({"answers": {"share": 30}}, 400, "wrong_type"),
        ({"figures": {"agent-booster.p59": 1}}, 422, "unknown_threshold"),
        ({"figures": {}}, 422, "unknown_answers"),
        ({"figures": {}, "component": "nothing"}, 422, "unknown_component"),
        ({"labels": {"a": 1}}, 400, "wrong_type"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(town: Town, body: object, status: int, reason: str) -> None:
    answer = await town.ask("POST", "/api/v1/classify", body)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason), answer.text


async def test_figures_of_two_components_are_refused(town: Town) -> None:
    thresholds = town.rules.classification.thresholds.values()
    ids = {each.component: each.id for each in thresholds}
    answer = await town.ask("POST", "/api/v1/classify", {"figures": dict.fromkeys(ids.values(), 1.0)})
    assert (answer.status_code, answer.json()["reason"]) == (422, "unknown_answers")
