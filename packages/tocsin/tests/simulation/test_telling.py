"""What `tocsin simulate` says: readable, the same as JSON, and clear about what a person got wrong."""

import json
from pathlib import Path

import pytest

from tocsin.simulate.command import MISUSED, command
from tocsin.simulate.figures import percentiles
from tocsin.simulate.scenario import ScenarioError, load, read, shipped

GOOD = b'title: x\nstarts_at: "2026-11-22T03:00:00Z"\nlasts: 2h\n'


def test_the_transcript_tells_the_timeline_the_targets_and_who_was_woken() -> None:
    text = command("sunday-night-nobody", 1).text

    assert "Sun 2026-11-22" in text
    assert "03:00:00  C3" in text
    assert "NOBODY ANSWERS" in text
    assert "Escalated to level 4" in text
    assert "TARGETS KEPT AND MISSED" in text
    assert "MISSED INC-1" in text
    assert "Grace Okafor" in text
    assert "at night" in text
    assert all(len(line) < 260 for line in text.splitlines())


def test_as_json_it_is_the_same_run() -> None:
    answer = json.loads(command("sunday-night-nobody", 1, as_json=True).text)

    (incident,) = answer["incidents"]
    assert incident["level"] == 4
    assert answer["broken"] == []


def test_many_runs_give_distributions() -> None:
    text = command("flapping", 1, 5).text

    assert "5 runs, seeds 1 to 5" in text
    assert "TIME TO ACKNOWLEDGE" in text
    assert "p99" in text
    assert "night pages" in text
    spread = json.loads(command("flapping", 1, 5, as_json=True).text)
    assert spread["runs"] == 5
    assert spread["time_to_acknowledge_s"]["SEV2"]["p50"] > 0


def test_an_unknown_scenario_names_the_known_ones() -> None:
    answer = command("no-such-thing")

    assert answer.code == MISUSED
    assert all(name in answer.text for name in shipped())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"title: x\nlasts: 1h\n", "starts_at"),
        (GOOD + b"peopel: []\n", "peopel"),
        (GOOD + b"people: [{answers: 2}]\n", "$.people[0].answers"),
        (GOOD + b"people: [{answers: 1, after: soon}]\n", "$.people[0].after"),
        (GOOD + b"people: [{answers: 1, after: 5m..1m}]\n", "$.people[0].after"),
        (GOOD + b"service: [{component: x}]\n", "$.service[0]"),
        (GOOD.replace(b"2h", b"0s"), "$.lasts"),
        (b"a: [", "YAML"),
        (b"- 1\n", "object"),
    ],
)
def test_a_mistake_in_a_scenario_is_named_by_file_and_key(text: bytes, told: str) -> None:
    with pytest.raises(ScenarioError) as error:
        read(text, "mine.yaml")

    assert "mine.yaml" in str(error.value)
    assert told in str(error.value)
    assert "Remedy" in str(error.value)


def test_a_component_that_the_playbook_does_not_have_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(GOOD + b"service: [{component: teapot, severity: SEV1}]\n")

    answer = command(str(file))

    assert answer.code == MISUSED
    assert "teapot" in answer.text


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_scenario_says_what_it_is_about(name: str) -> None:
    assert len(load(name).about) > 40


def test_percentiles_are_of_the_nearest_rank() -> None:
    found = percentiles([float(number) for number in range(1, 101)])

    assert (found.p50, found.p90, found.p99, found.worst) == (50, 90, 99, 100)
    assert percentiles([]).p50 is None
