"""Runs: play a scenario once, or many times under different seeds, and answer what came of it."""

import asyncio
import gc
import selectors
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec
from whenever import Instant, TimeDelta

from tocsin.core import marks as m
from tocsin.core.events import AnyEvent, LevelRaised
from tocsin.core.ids import IncidentId, PersonId, Severity
from tocsin.core.incident import Incident
from tocsin.core.kinds import Kind
from tocsin.core.rules import MethodKind, Rulebook
from tocsin.core.scorecard import Promise, promises
from tocsin.simulate.mishaps import CrashPoint
from tocsin.simulate.people import Ringing
from tocsin.simulate.scenario import Scenario
from tocsin.simulate.world import World


class Story(msgspec.Struct, frozen=True):
    """What became of one incident."""

    incident: IncidentId
    title: str
    severity: Severity
    """The last one."""
    level: int
    """The highest that was reached."""
    detected_at: Instant
    acknowledged_at: Instant | None
    resolved_at: Instant | None
    timeline: tuple[AnyEvent, ...]
    promises: tuple[Promise, ...]

    @property
    def acknowledged_after(self) -> TimeDelta | None:
        """Answer how long it took from the detection until somebody had it in hand."""
        return None if self.acknowledged_at is None else self.acknowledged_at - self.detected_at


class Woken(msgspec.Struct, frozen=True):
    """Somebody's phone rang."""

    at: Instant
    person: PersonId
    by: MethodKind
    incident: IncidentId
    night: bool


class Outcome(msgspec.Struct, frozen=True):
    """What came of one run."""

    title: str
    seed: int
    starts_at: Instant
    ended_at: Instant
    incidents: tuple[Story, ...]
    woken: tuple[Woken, ...]
    writes: int
    receipts: int
    crashes: int
    broken: tuple[str, ...]
    """Laws that were broken, in words. Each is a bug."""

    @property
    def verdict(self) -> Literal["lawful", "broken"]:
        """Tell whether the laws held."""
        return "broken" if self.broken else "lawful"


class _NoInput(selectors.DefaultSelector):
    """Nothing comes in from outside, so nothing is asked of the system: a call to it is the dearest part of a step."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Answer that nothing came in. Waiting for ever would be a step that waits for what nobody does."""
        assert timeout is not None, "everybody waits for somebody else"
        return []


def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(_NoInput())


def run(
    scenario: Scenario,
    rulebook: Rulebook,
    seed: int,
    *,
    crashes: Sequence[CrashPoint] = (),
    checked: bool = True,
) -> Outcome:
    """Play a scenario once. ``checked`` looks at all laws after every write, else at the cheap ones."""
    collects = gc.isenabled()
    gc.disable()  # A run makes a great many small values and hardly a cycle: looking for cycles is a fifth of its time.
    try:
        with asyncio.Runner(loop_factory=_loop) as runner:
            return runner.run(play(scenario, rulebook, seed, crashes=crashes, checked=checked))
    finally:
        if collects:
            gc.enable()


async def play(
    scenario: Scenario,
    rulebook: Rulebook,
    seed: int,
    *,
    crashes: Sequence[CrashPoint] = (),
    checked: bool = True,
) -> Outcome:
    """Play a scenario once, in an event loop that runs already."""
    world = World(scenario, rulebook, seed, crashes=crashes, checked=checked)
    await world.play()
    incidents = [each for each in world.incidents.values() if each.kind is Kind.INCIDENT]
    stories = [_story(each, await world.store.timeline(each.id), world.rules) for each in incidents]
    return Outcome(
        title=scenario.title,
        seed=seed,
        starts_at=scenario.starts_at,
        ended_at=world.ended_at,
        incidents=tuple(stories),
        woken=tuple(map(_woken, sorted(world.people.heard, key=lambda each: each.at))),
        writes=world.store.writes,
        receipts=world.store.receipts,
        crashes=world.crashes,
        broken=tuple(world.laws.broken),
    )


def runs(scenario: Scenario, rulebook: Rulebook, seed: int, times: int) -> Iterator[Outcome]:
    """Play a scenario so many times, under the seed and those that follow it."""
    for number in range(times):
        yield run(scenario, rulebook, seed + number, checked=False)


def _story(incident: Incident, timeline: tuple[AnyEvent, ...], rules: Rulebook) -> Story:
    detected, acknowledged = incident.marks[m.DETECTED], incident.marks.get(m.ACKNOWLEDGED)
    return Story(
        incident=incident.id,
        title=incident.title,
        severity=incident.severity,
        level=max((event.level for event in timeline if isinstance(event, LevelRaised)), default=0),
        detected_at=detected.first,
        acknowledged_at=acknowledged.first if acknowledged else None,
        resolved_at=incident.at(m.RESOLVED),
        timeline=timeline,
        promises=promises(rules, timeline),
    )


def _woken(heard: Ringing) -> Woken:
    return Woken(heard.at, heard.person, heard.kind, heard.incident, heard.night)
