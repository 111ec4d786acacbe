"""What the simulated runs share: the playbook, the laws, and the line that plays a failing run again."""

import os
from collections.abc import Callable

import pytest

from tocsin.core.rules import Rulebook
from tocsin.simulate.command import replay_line
from tocsin.simulate.mishaps import CrashPoint
from tocsin.simulate.run import Outcome, run
from tocsin.simulate.scenario import Scenario, load

from ..builders import rulebook

SEEDS = int(os.environ.get("TOCSIN_SIMULATION_SEEDS", "4"))
"""How many seeds each scenario is played under. More by night: TOCSIN_SIMULATION_SEEDS=200."""

EVERY = int(os.environ.get("TOCSIN_SIMULATION_CRASH_EVERY", "1"))
"""A crash is tried at every so-manieth write; 1 is all of them, more is a shorter look."""

Lawful = Callable[..., Outcome]


def play(name: str, seed: int, points: tuple[CrashPoint, ...] = (), story: Scenario | None = None) -> Outcome:
    """Play a run, and fail with the line that plays it again if a law was broken."""
    outcome = run(story or load(name), _rules(), seed, crashes=points)
    if outcome.broken:
        told = "\n".join(outcome.broken)
        pytest.fail(f"{told}\nPlay it again: {replay_line(name, seed, points)}", pytrace=False)
    return outcome


def _rules() -> Rulebook:
    return rulebook()


@pytest.fixture
def lawful() -> Lawful:
    """Plays a run and looks at every law after every write."""
    return play
