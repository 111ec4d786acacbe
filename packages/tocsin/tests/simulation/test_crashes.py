"""The process dies at a write and starts again over the same store: nothing is lost, nothing is decided twice."""

from functools import lru_cache
from pathlib import Path

import pytest

from tocsin.core import events as e
from tocsin.simulate.command import BROKEN, LAWFUL, command
from tocsin.simulate.mishaps import CrashPoint, crash_points
from tocsin.simulate.run import Outcome, run
from tocsin.simulate.scenario import Scenario, load

from ..builders import rulebook
from .conftest import EVERY, Lawful

DRILL = str(Path(__file__).parent / "crash-drill.yaml")
SEED = 2


@lru_cache
def drill() -> Scenario:
    return load(DRILL)


@lru_cache
def undisturbed() -> Outcome:
    return run(drill(), rulebook(), SEED)


def _survives(outcome: Outcome) -> None:
    assert outcome.crashes == 1
    (story,) = outcome.incidents
    assert story.acknowledged_at is not None
    assert story.resolved_at is not None
    assert len([event for event in story.timeline if isinstance(event, e.IncidentDeclared)]) == 1
    assert outcome.woken


def test_the_drill_has_all_that_matters_in_it() -> None:
    outcome = undisturbed()

    kinds = {type(event) for story in outcome.incidents for event in story.timeline}
    assert {e.SeverityRaised, e.PageDelivered, e.MitigationApplied, e.UpdatePosted, e.IncidentResolved} <= kinds
    assert outcome.receipts > 10


@pytest.mark.parametrize("where", ["before", "after"])
def test_dying_at_any_write_loses_nothing(where: str, lawful: Lawful) -> None:
    for number in range(1, undisturbed().writes + 1, EVERY):
        _survives(lawful(DRILL, SEED, crash_points(f"{where}:{number}"), drill()))


def test_dying_before_any_delivery_receipt_loses_nothing(lawful: Lawful) -> None:
    for number in range(1, undisturbed().receipts + 1, max(1, EVERY // 2)):
        _survives(lawful(DRILL, SEED, crash_points(f"receipt:{number}"), drill()))


def test_dying_again_and_again_loses_nothing(lawful: Lawful) -> None:
    points = tuple(CrashPoint("after", number) for number in range(3, 300, 7))

    outcome = lawful(DRILL, SEED, points, drill())

    assert outcome.crashes > 20
    assert outcome.incidents[0].resolved_at is not None


def test_the_line_that_plays_a_run_again_does_so() -> None:
    answer = command(DRILL, SEED, crash_at="before:9,after:31")

    assert answer.code == LAWFUL
    assert f"--seed {SEED} --crash-at before:9,after:31" in answer.text
    assert "2 crashes survived" in answer.text


def test_a_broken_law_ends_with_its_own_exit_code_and_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from tocsin.simulate import laws

    monkeypatch.setattr(laws, "something_is_owed", lambda append: [f"{append.headline.id} is broken"])

    answer = command(DRILL, SEED)

    assert answer.code == BROKEN
    assert "BROKEN LAWS" in answer.text
    assert f"--seed {SEED}" in answer.text


def test_a_point_to_crash_at_that_cannot_be_read_is_refused_with_the_remedy() -> None:
    answer = command(DRILL, SEED, crash_at="somewhere")

    assert answer.code == 2
    assert "write before:93" in answer.text
