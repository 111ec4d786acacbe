"""Can the diagnostics run by themselves, in time, and can none of them change anything?"""

from collections.abc import Callable, Iterator

from whenever import TimeDelta

from tocsin.core.actions import RUNS
from tocsin.core.looks import begins_with_any
from tocsin.playbook.acting import ActionDoc
from tocsin.playbook.document import Playbook
from tocsin.playbook.lint_references import Place
from tocsin.playbook.problems import Problem
from tocsin.playbook.words import spoken

_FILE, _ABOUT = "actions.yaml", "playbook.yaml"


def _diagnostics(playbook: Playbook) -> Iterator[tuple[Place, ActionDoc]]:
    """Answer the actions that are run without anybody's leave."""
    named = {name for mode in playbook.acting.failure_modes for name in mode.diagnostics}
    for number, action in enumerate(playbook.acting.actions):
        if action.at_declaration or action.id in named:
            yield (_FILE, "actions", number), action


def programs(playbook: Playbook) -> Iterator[Problem]:
    """Find diagnostics whose program is not on the list of those that only read."""
    allowed = playbook.about.diagnostics.programs
    for place, action in _diagnostics(playbook):
        if action.verb in RUNS and not begins_with_any(action.argv, allowed):
            yield playbook.problem(
                "program-not-allowed",
                (*place, "argv"),
                f'{action.id} is run by itself, and "{" ".join(action.argv)}" is not among the programs that only read',
                f"add its beginning to diagnostics.programs of {_ABOUT}, if it cannot change anything",
            )
    yield from _unsigned(playbook)
    for number, words in enumerate(allowed):
        if not words:
            yield playbook.problem(
                "program-not-allowed",
                (_ABOUT, "diagnostics", "programs", number),
                "a program without words would allow every program",
                "write how its command line begins",
            )


def _unsigned(playbook: Playbook) -> Iterator[Problem]:
    """Find programs that say they only read, which nobody vouches for and nobody approves."""
    allowed, looks = playbook.about.diagnostics.programs, [action.id for _, action in _diagnostics(playbook)]
    for number, action in enumerate(playbook.acting.actions):
        claims = action.verb in RUNS and not action.changes and not action.approvals and action.id not in looks
        if claims and not begins_with_any(action.argv, allowed):
            yield playbook.problem(
                "program-not-allowed",
                (_FILE, "actions", number, "argv"),
                f'{action.id} says that it only reads, and "{" ".join(action.argv)}" is not among the programs that do',
                f'add its beginning to diagnostics.programs of {_ABOUT}, or write "changes: true" and "approvals: 1"',
            )


def blanks(playbook: Playbook) -> Iterator[Problem]:
    """Find diagnostics that wait for a value which nobody gives."""
    for place, action in _diagnostics(playbook):
        for name, parameter in action.parameters.items():
            if parameter.default is None and not parameter.optional:
                yield playbook.problem(
                    "diagnostic-incomplete",
                    (*place, "parameters", name),
                    f"{action.id} is run by itself, and nobody gives it {name}",
                    "give the parameter a default",
                )


def times(playbook: Playbook) -> Iterator[Problem]:
    """Find time limits that come to nothing."""
    doc = playbook.about.diagnostics
    for place, action in _diagnostics(playbook):
        if action.time_limit > doc.within:
            yield playbook.problem(
                "no-time",
                (*place, "time_limit"),
                f"all diagnostics together have {spoken(doc.within)}, so this one is broken off before its time",
                "shorten it, or lengthen diagnostics.within",
                "warning",
            )
    for name, span in (("within", doc.within), ("each_within", doc.each_within)):
        if span <= TimeDelta.ZERO:
            yield playbook.problem(
                "no-time", (_ABOUT, "diagnostics", name), "in no time nothing can answer", "give it seconds"
            )
    baseline = doc.baseline
    if baseline.lasts <= TimeDelta.ZERO or baseline.looks_back < baseline.lasts:
        yield playbook.problem(
            "no-time",
            (_ABOUT, "diagnostics", "baseline"),
            "no healthy stretch of that length fits into so short a past",
            "let looks_back be several times lasts",
        )


CHECKS: tuple[Callable[[Playbook], Iterator[Problem]], ...] = (programs, blanks, times)
