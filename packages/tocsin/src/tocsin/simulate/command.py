"""The way in for `tocsin simulate`: words in, text or JSON and an exit code out."""

from pathlib import Path
from typing import Any, Final

import msgspec
from whenever import TimeDelta

from tocsin.core.rules import Rulebook
from tocsin.playbook.load import load_rulebook
from tocsin.playbook.load import shipped as shipped_playbook
from tocsin.playbook.problems import PlaybookErrors
from tocsin.simulate.figures import Distribution, distribution
from tocsin.simulate.mishaps import CrashPoint, crash_points
from tocsin.simulate.run import Outcome, run, runs
from tocsin.simulate.scenario import Scenario, ScenarioError, load
from tocsin.simulate.transcript import distributions, transcript
from tocsin.simulate.world import prepared
from tocsin.store.codec import enc_hook

DEFAULT_PLAYBOOK = "agentic-flow"

_CHECKED_UP_TO: Final = TimeDelta(hours=24 * 31)
"""A longer story is looked at by the cheap laws only, so that a year takes seconds."""

LAWFUL, BROKEN, MISUSED = 0, 1, 2
"""Exit codes: all laws held; a law was broken; the words were wrong."""


class Answer(msgspec.Struct, frozen=True):
    """What to print (on the error output if the code is 2), and the exit code to end with."""

    text: str
    code: int


def command(
    scenario: str,
    seed: int = 1,
    runs: int = 1,  # noqa: A002, RUF100 - the option's name.
    as_json: bool = False,
    playbook: Path | None = None,
    crash_at: str = "",
) -> Answer:
    """Play a scenario (a shipped one's name, or a file) and tell what happened; many times, and tell how it spreads.

    ``crash_at`` kills the process at a write and restarts it: ``before:93``, ``after:93``, ``receipt:2``, several with
    commas. Never raises for what a person got wrong: the answer then has code 2 and says what to do.
    """
    try:
        story = load(scenario)
        rules = load_rulebook(playbook or shipped_playbook(DEFAULT_PLAYBOOK))
        points = crash_points(crash_at)
        if runs > 1:
            return _many(story, rules, seed, runs, as_json)
        return _once(story, rules, scenario, seed, points, as_json)
    except (ScenarioError, PlaybookErrors, ValueError) as error:
        return Answer(str(error), MISUSED)


def replay_line(scenario: str, seed: int, points: tuple[CrashPoint, ...] = ()) -> str:
    """Answer the line that plays the same run again."""
    crash = f" --crash-at {','.join(map(str, points))}" if points else ""
    return f"tocsin simulate {scenario} --seed {seed}{crash}"


def _once(
    story: Scenario, rules: Rulebook, name: str, seed: int, points: tuple[CrashPoint, ...], as_json: bool
) -> Answer:
    outcome = run(story, rules, seed, crashes=points, checked=story.lasts <= _CHECKED_UP_TO)
    code = BROKEN if outcome.broken else LAWFUL
    if as_json:
        return Answer(_json(outcome), code)
    again = replay_line(name, seed, points)
    return Answer(f"{transcript(outcome, prepared(rules, story))}\nAgain: {again}\n", code)


def _many(story: Scenario, rules: Rulebook, seed: int, times: int, as_json: bool) -> Answer:
    spread: Distribution = distribution(_each(story, rules, seed, times))
    code = BROKEN if spread.broken else LAWFUL
    return Answer(_json(spread) if as_json else distributions(spread, prepared(rules, story)), code)


def _each(story: Scenario, rules: Rulebook, seed: int, times: int) -> Any:
    return runs(story, rules, seed, times)


def _json(value: Outcome | Distribution) -> str:
    return msgspec.json.encode(value, enc_hook=enc_hook).decode()
