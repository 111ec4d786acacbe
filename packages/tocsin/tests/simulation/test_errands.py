"""A change of shift and a day of test pages in virtual time, with a crash after every few writes: laws of errands hold.

`play` looks at every law after every write: an errand owes something until it ends, a drill asks nobody but its person,
nobody but the next person on call accepts a hand-off.
"""

import asyncio
from pathlib import Path

import pytest
from whenever import Instant, TimeDelta

from tocsin.core import events as e
from tocsin.core.incident import Incident
from tocsin.core.kinds import INCOMING, OUTGOING, TESTED, Kind
from tocsin.simulate.mishaps import CrashPoint
from tocsin.simulate.scenario import Scenario, load
from tocsin.simulate.world import World

from ..builders import rulebook
from .conftest import EVERY

MONDAY = Instant.from_utc(2026, 11, 30)

SHIFT_CHANGE = """
title: A change of shift, and an outage five minutes after it
about: The hand-off is open, nobody has accepted it, and pages go to both.
starts_at: "2026-11-29T22:00:00Z"
lasts: 4h
heartbeats: left out
watch_every: 2m
people:
  - {answers: 0.5, after: 1m..90m}
service:
  - {component: agent-booster, threshold: down, at: 2h5m}
"""
TEST_PAGES = """
title: A day on which everybody on call is sent a test page
about: Some answer, some do not.
starts_at: "2026-12-10T09:50:00Z"
lasts: 26h
heartbeats: left out
watch_every: 2m
people:
  - {answers: 0.2, after: 1m..20m}
"""


def scenario(text: str, folder: Path) -> Scenario:
    path = folder / "scenario.yaml"
    path.write_text(text.lstrip())
    return load(str(path))


def played(story: Scenario, seed: int, points: tuple[CrashPoint, ...] = ()) -> World:
    world = World(story, rulebook(), seed, crashes=points)
    asyncio.run(world.play())
    assert world.laws.broken == [], "\n".join(world.laws.broken)
    return world


def of(world: World, kind: Kind) -> list[Incident]:
    return [each for each in world.incidents.values() if each.kind is kind]


def timeline(world: World, incident: Incident, kind: type) -> list[e.AnyEvent]:
    return [event for event in asyncio.run(world.store.timeline(incident.id)) if isinstance(event, kind)]


@pytest.mark.clause("O3")
@pytest.mark.parametrize("seed", range(3))
def test_between_two_shifts_both_are_paged_unless_the_hand_off_was_accepted(tmp_path: Path, seed: int) -> None:
    world = played(scenario(SHIFT_CHANGE, tmp_path), seed)
    handoffs = of(world, Kind.HANDOFF)
    assert {each.rotation for each in handoffs} == set(rulebook().handoffs.rotations)
    primary = next(each for each in handoffs if each.rotation == "sre-primary")
    outage = next(each for each in of(world, Kind.INCIDENT) if "agent-booster" in each.components)
    first = min(event.at for event in timeline(world, outage, e.PersonPaged))
    paged = {event.person for event in timeline(world, outage, e.PersonPaged) if event.at == first}  # type: ignore[union-attr]
    accepted = [event.at for event in timeline(world, primary, e.Acknowledged)]
    assert primary.roles[INCOMING] in paged
    assert (primary.roles[OUTGOING] in paged) == (not accepted or accepted[0] > first)


def test_a_crash_at_any_write_opens_every_hand_off_once(tmp_path: Path) -> None:
    story = scenario(SHIFT_CHANGE, tmp_path)
    writes = played(story, 1).store.writes
    assert writes > 20
    for number in range(1, writes, max(EVERY, 6)):
        world = played(story, 1, (CrashPoint("before" if number % 2 else "after", number),))
        assert world.crashes == 1
        keys = [each.group_key for each in of(world, Kind.HANDOFF)]
        assert len(keys) == len(set(keys)) == 2


@pytest.mark.parametrize("seed", range(3))
def test_everybody_on_call_is_tested_and_nobody_else_is_asked(tmp_path: Path, seed: int) -> None:
    world = played(scenario(TEST_PAGES, tmp_path), seed)
    drills = of(world, Kind.DRILL)
    assert {each.roles[TESTED] for each in drills} == set(rulebook().test_pages.people)
    assert all(each.closed for each in drills)
    assert {each.outcome for each in drills} <= {"done", "missed"}
    missed = [each for each in drills if each.outcome == "missed"]
    opened = [each for each in of(world, Kind.INCIDENT) if "test page" in each.title]
    assert len(opened) == (1 if missed else 0)


def test_the_hand_off_is_over_when_its_deadline_is_far_behind(tmp_path: Path) -> None:
    story = scenario(SHIFT_CHANGE.replace("lasts: 4h", "lasts: 3d").replace("answers: 0.5", "answers: 0.0"), tmp_path)
    world = played(story, 5)
    assert {each.outcome for each in of(world, Kind.HANDOFF)} == {"missed"}
    ended = max(each.last_at for each in of(world, Kind.HANDOFF))
    assert ended == MONDAY + TimeDelta(hours=48)
