"""Incidents' rooms under simulation: whatever dies, is lost or must wait, each incident has one room, kept current."""

from functools import lru_cache
from pathlib import Path

import pytest
from msgspec.structs import replace

from tocsin.core.bridges import BRIDGES
from tocsin.core.commands import Situation
from tocsin.core.room_saga import ROOMS, engaged, summary, topic
from tocsin.simulate.mishaps import CrashPoint
from tocsin.simulate.scenario import ChannelFault, Scenario, load
from tocsin.simulate.world import World

from ..builders import slack_rulebook, zoom_rulebook
from .conftest import EVERY, SEEDS

DRILL = str(Path(__file__).parent / "crash-drill.yaml")


@lru_cache
def drill(weather: str = "fair") -> Scenario:
    story = load(DRILL)
    if weather == "fair":
        return story
    rough = ChannelFault(channel=ROOMS, unreachable=0.2, slow_down=0.1, unsure=0.3)
    return replace(story, channels=(*story.channels, rough))


async def played(seed: int, points: tuple[CrashPoint, ...] = (), weather: str = "fair") -> World:
    world = World(drill(weather), slack_rulebook(), seed, crashes=points)
    await world.play()
    if world.laws.broken:
        pytest.fail(f"seed {seed}, crashes {points}: " + "\n".join(world.laws.broken))
    return world


def lawful(world: World) -> None:
    """Each incident that asked for a room has one, with everything in it as things stand."""
    wanted = {each.id: each for each in world.incidents.values() if each.room is not None}
    assert wanted
    assert sorted(room.incident for room in world.rooms.rooms.values()) == sorted(wanted)
    for room in world.rooms.rooms.values():
        incident = wanted[room.incident]
        given = Situation(now=incident.last_at, rules=world.rules, duty={})
        assert incident.room is not None
        assert (incident.room.id, incident.room.name) == (room.id, room.name)
        assert room.topic == topic(incident, given)
        assert list(room.summaries) == [incident.room.summary]
        said, true = room.summaries[incident.room.summary], summary(incident, given)  # type: ignore[index]
        assert [fact for fact in said.facts if fact.label != "Next"] == [
            fact for fact in true.facts if fact.label != "Next"
        ]
        assert room.pinned == {incident.room.summary}
        assert room.people == set(incident.room.people)
        assert room.people >= set(engaged(incident))


@pytest.mark.clause("R2")
@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("weather", ["fair", "rough"])
async def test_every_room_is_finished_and_current_in_the_end(seed: int, weather: str) -> None:
    lawful(await played(seed, weather=weather))


@pytest.mark.parametrize("where", ["before", "after"])
async def test_dying_at_any_write_leaves_one_room_with_everything_in_it(where: str) -> None:
    writes = (await played(2)).store.writes
    for number in range(1, writes + 1, EVERY * 3):
        lawful(await played(2, (CrashPoint(where, number),)))  # type: ignore[arg-type]


async def test_dying_again_and_again_in_rough_weather_does_too() -> None:
    points = tuple(CrashPoint("after", number) for number in range(3, 300, 7))
    world = await played(4, points, "rough")

    assert world.crashes > 20
    lawful(world)


async def called(seed: int, points: tuple[CrashPoint, ...] = (), weather: str = "fair") -> World:
    """Play it with calls made in Zoom, under the same weather as the rooms."""
    story = drill(weather)
    rough = tuple(replace(each, channel=BRIDGES) for each in story.channels if each.channel == ROOMS)
    world = World(replace(story, channels=(*story.channels, *rough)), zoom_rulebook(), seed, crashes=points)
    await world.play()
    assert world.laws.broken == [], f"seed {seed}, crashes {points}"
    return world


def connected(world: World) -> None:
    """Each incident that asked for a call has one, and no call is nobody's."""
    wanted = [each for each in world.incidents.values() if each.bridge is not None]
    assert wanted
    assert len(world.bridges.calls) == len(wanted)
    assert len({each.bridge.url for each in wanted if each.bridge}) == len(wanted)
    assert all(each.bridge and each.bridge.url for each in wanted)


@pytest.mark.clause("R3")
@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("weather", ["fair", "rough"])
async def test_every_incident_that_asked_for_a_call_has_one_of_its_own_in_the_end(seed: int, weather: str) -> None:
    connected(await called(seed, weather=weather))


@pytest.mark.parametrize("where", ["before", "after"])
async def test_dying_at_any_write_leaves_one_call(where: str) -> None:
    writes = (await called(2)).store.writes
    for number in range(1, writes + 1, EVERY * 3):
        connected(await called(2, (CrashPoint(where, number),)))  # type: ignore[arg-type]
