"""Nothing that changes the world is done without a valid approval, twice, or beside another change (M3, M4)."""

import asyncio
from functools import lru_cache
from pathlib import Path

import pytest

from tocsin.core import events as e
from tocsin.simulate.mishaps import CrashPoint, crash_points
from tocsin.simulate.run import Outcome, run
from tocsin.simulate.scenario import Scenario, load
from tocsin.simulate.world import World
from tocsin.store.port import Change

from ..builders import rulebook
from .conftest import EVERY, SEEDS, Lawful

STORY = str(Path(__file__).parent / "approved-actions.yaml")
SEED = 3


@lru_cache
def story() -> Scenario:
    return load(STORY)


@lru_cache
def undisturbed() -> Outcome:
    return run(story(), rulebook(), SEED)


def of(outcome: Outcome, kind: type) -> list[object]:
    return [event for each in outcome.incidents for event in each.timeline if isinstance(event, kind)]


@pytest.mark.clause("M3", "M4", "M5")
@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_breaks_is_mended_by_what_was_approved(lawful: Lawful, seed: int) -> None:
    outcome = lawful(STORY, seed, (), story())
    ended = of(outcome, e.MitigationEnded)
    assert any(isinstance(event, e.MitigationEnded) and event.outcome == "succeeded" for event in ended)
    assert len(of(outcome, e.MitigationJudged)) >= 1
    assert all(each.resolved_at is not None for each in outcome.incidents)


@lru_cache
def writes_of(kind: type) -> tuple[int, ...]:
    """Answer the numbers of the writes that put such an event into a timeline."""
    world = World(story(), rulebook(), SEED)
    kept, found = world.store.kept, []

    def noting(change: Change) -> None:
        if any(isinstance(event, kind) for append in change.appends for event in append.events):
            found.append(world.store.writes)
        kept(change)

    world.store.kept = noting
    asyncio.run(world.play())
    return tuple(found)


@pytest.mark.clause("M4")
@pytest.mark.parametrize("where", ["before", "after"])
def test_dying_at_any_write_runs_nothing_twice_and_leaves_nothing_without_an_end(where: str, lawful: Lawful) -> None:
    for number in range(1, undisturbed().writes + 1, max(undisturbed().writes // 20, EVERY)):
        outcome = lawful(STORY, SEED, crash_points(f"{where}:{number}"), story())
        assert len(of(outcome, e.MitigationStarted)) <= len(of(outcome, e.MitigationEnded))


@pytest.mark.clause("M4")
@pytest.mark.parametrize("where", ["before", "after"])
def test_dying_right_after_it_was_begun_leaves_unknown_and_right_before_it_is_begun_once(
    where: str, lawful: Lawful
) -> None:
    for number in writes_of(e.MitigationStarted):
        outcome = lawful(STORY, SEED, crash_points(f"{where}:{number}"), story())
        unknown = [x for x in of(outcome, e.MitigationEnded) if getattr(x, "outcome", "") == "unknown"]
        assert len(unknown) == (where == "after")


@pytest.mark.clause("M4")
def test_dying_right_before_its_end_is_written_leaves_unknown_and_does_it_no_second_time(lawful: Lawful) -> None:
    for number in writes_of(e.MitigationEnded):
        outcome = lawful(STORY, SEED, crash_points(f"before:{number}"), story())
        assert "unknown" in {getattr(event, "outcome", "") for event in of(outcome, e.MitigationEnded)}


@pytest.mark.clause("M4")
def test_dying_again_and_again_breaks_no_law(lawful: Lawful) -> None:
    points = tuple(CrashPoint("after", number) for number in range(5, 400, 11))
    assert lawful(STORY, SEED, points, story()).crashes > 5
