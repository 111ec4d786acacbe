"""What needs no server: playbooks as files, simulation, the database itself."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tocsin.playbook.load import shipped

from .conftest import Line


@pytest.mark.clause("Q2")
def test_a_sound_playbook_is_usable_and_a_broken_one_is_not(offline: Line, playbook: Path) -> None:
    assert "usable" in offline.says("playbook", "check", str(playbook))
    people = playbook / "people.yaml"
    people.write_text(people.read_text().replace("takes_command: false", "takes_comand: false"))
    result = offline.run("playbook", "check", str(playbook))
    assert result.exit_code == 1
    line_number = (
        people.read_text()
        .splitlines()
        .index("    takes_comand: false  # Keeps customers informed; the incident still needs its commander.")
    )
    assert f"people.yaml:{line_number + 1}: " in result.stdout
    assert "takes_command" in result.stdout  # The remedy names what was meant.
    assert "1 error" in result.stdout


def test_the_findings_of_a_check_are_json_too(offline: Line, playbook: Path) -> None:
    (playbook / "severities.yaml").unlink()
    result = offline.run("playbook", "check", str(playbook), "--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["errors"]) == (1, len(answer["problems"]))
    assert answer["problems"][0]["file"] == "severities.yaml"


def test_an_overdue_review_is_a_warning_that_stops_nothing(offline: Line) -> None:
    assert "next_review_on: warning" in offline.says("playbook", "check", "agentic-flow")


@pytest.mark.parametrize("named", ["agentic-flaw", "./no/such/folder"])
def test_a_playbook_that_is_not_there_is_an_error_with_a_remedy(offline: Line, named: str) -> None:
    result = offline.run("playbook", "show", named)
    assert result.exit_code == 1
    assert "there is no" in result.stderr


@pytest.mark.clause("C1", "C2", "O1")
def test_a_playbook_is_shown_with_definitions_targets_ladder_and_rotations(offline: Line) -> None:
    said = offline.says("playbook", "show", "agentic-flow")
    assert "SEV1 Critical Outage" in said
    assert re.search(r"Acknowledge +5m +rotation sre-primary +C2", said)
    assert re.search(r"Review the post-mortem .* 3 business days", said)
    assert "rotation sre-primary → rotation sre-secondary" in said
    shown = offline.json("playbook", "show", "agentic-flow")
    assert [each["id"] for each in shown["severities"]] == ["SEV1", "SEV2", "SEV3", "SEV4"]
    assert shown["rotations"]["sre-primary"]["shift_days"] == 7


@pytest.mark.clause("O1")
def test_turns_are_shown_as_they_are_written_and_every_layer_of_them(offline: Line, tmp_path: Path) -> None:
    folder = shutil.copytree(shipped("minimal"), tmp_path / "ours")
    rotations = folder / "rotations.yaml"
    layer = "    layers: [{people: [rosa], turn: 1 month, starts_on: 2025-01-01}]\n"
    rotations.write_text(rotations.read_text().replace("    shift_days: 3\n", "    turn: 12h\n") + layer)
    said = offline.says("playbook", "show", str(folder))
    assert re.search(r"Shop duty +12 hours +Rosa, Emil", said)
    assert re.search(r"\n +1 month +Rosa", said)


def test_the_schema_is_json(offline: Line) -> None:
    assert json.loads(offline.says("playbook", "schema"))["title"] == "Tocsin playbook"


@pytest.mark.clause("C3", "C4")
def test_the_rules_can_be_for_one_component_faster_and_in_a_file(offline: Line, tmp_path: Path) -> None:
    target = tmp_path / "rules.yaml"
    words = ("playbook", "rules", "agentic-flow", "--component", "agentdb", "--speed", "60")
    offline.says(*words, "--output", str(target))
    text = target.read_text()
    assert text == offline.says(*words)
    assert "component: agentdb" in text
    assert "component: agent-booster" not in text
    assert "agent-booster" in offline.fails("playbook", "rules", "agentic-flow", "-c", "nothing")


@pytest.mark.clause("O4")
def test_the_roster_can_be_read_from_the_files_alone(offline: Line) -> None:
    said = offline.says("oncall", "--playbook", "agentic-flow", "--at", "2025-01-06T00:00Z")
    assert re.search(r"Ines Moreau +SRE primary", said)


@pytest.mark.clause("C4")
def test_labels_and_figures_are_classified_without_a_server(offline: Line) -> None:
    words = ("--label", "alertname=Down", "--label", "severity=SEV2", "--label", "job=agentdb")
    answer = offline.json("classify", *words)
    assert (answer["severity"], answer["component"], answer["rule"]) == ("SEV2", "agentdb", "severity-label")
    assert "threshold" in offline.fails("classify", "--figure", "no-such=1")


def test_a_simulation_is_the_same_for_the_same_seed_and_ends_with_2_for_an_unknown_scenario(offline: Line) -> None:
    once = offline.says("simulate", "sunday-night-nobody", "--seed", "4")
    assert once == offline.says("simulate", "sunday-night-nobody", "--seed", "4")
    assert json.loads(offline.says("simulate", "sunday-night-nobody", "--json"))
    assert "sunday-night-nobody" in offline.fails("simulate", "monday", status=2)


def test_tokens_are_made_listed_and_revoked_while_no_server_runs(offline: Line, tmp_path: Path) -> None:
    database = ("--offline", "--database", str(tmp_path / "tocsin.db"))
    made = offline.json("token", "create", "--name", "rescue", "--role", "admin", *database)
    assert made["token"].startswith(f"tcn_{made['id']}_")
    offline.says("token", "revoke", made["id"], *database)
    listed = offline.json("token", "list", *database)["tokens"]
    assert [(each["id"], bool(each["revoked_at"])) for each in listed] == [(made["id"], True)]
    assert "no token" in offline.fails("token", "revoke", "unknown", *database)
    assert made["token"].encode() not in (tmp_path / "tocsin.db").read_bytes()


def test_a_database_is_made_or_brought_forward(offline: Line, tmp_path: Path) -> None:
    path = str(tmp_path / "new.db")
    made = offline.json("db", "upgrade", "--database", path)
    assert (made["before"], bool(made["after"])) == (None, True)
    assert "already" in offline.says("db", "upgrade", "--database", path)


def test_what_is_no_database_is_refused(offline: Line, tmp_path: Path) -> None:
    path = tmp_path / "holiday.jpg"
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 20)
    assert "as a database" in offline.fails("db", "upgrade", "--database", str(path))
