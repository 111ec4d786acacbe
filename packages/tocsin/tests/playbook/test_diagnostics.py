"""The diagnostics as data: what the shipped playbook looks at, and each way in which a playbook can get it wrong."""

import pytest
from whenever import Date, TimeDelta

from tocsin.core.actions import ActionId
from tocsin.core.audience import Announcement
from tocsin.core.rules import Rulebook
from tocsin.playbook.lint import lint
from tocsin.playbook.load import load

from .conftest import Break

STATS = (
    "{id: orders.stats, title: Stats, clause: x, component: orders, target: command, verb: command, "
    "argv: [orders, stats], at_declaration: true, time_limit: 15s}"
)
WATCH = 'watch: {holds_for: 10m, clause: "4"}'


def policy(rest: str = "", programs: str = "[[orders, stats]]") -> str:
    return f"{WATCH}\ndiagnostics: {{clause: x, programs: {programs}{rest}}}"


# What playbook.yaml says, what actions.yaml says; the check, the key.
BROKEN = {
    "a program that is not on the list": ((WATCH, STATS), ("program-not-allowed", "actions[0].argv")),
    "a program of which only a longer line is": (
        (policy(programs="[[orders, stats, --json]]"), STATS),
        ("program-not-allowed", "actions[0].argv"),
    ),
    "a program that says it reads and nobody vouches for": (
        (WATCH, STATS.replace("at_declaration: true, ", "")),
        ("program-not-allowed", "actions[0].argv"),
    ),
    "an empty program": (
        (policy(programs="[[orders, stats], []]"), STATS),
        ("program-not-allowed", "diagnostics.programs[1]"),
    ),
    "a value that nobody gives": (
        (policy(), STATS.replace("stats]", 'stats, "{n}"], parameters: {n: {kind: integer}}')),
        ("diagnostic-incomplete", "actions[0].parameters.n"),
    ),
    "a time limit beyond that of all": (
        (policy(), STATS.replace("15s", "10m")),
        ("no-time", "actions[0].time_limit"),
    ),
    "no time at all": ((policy(", each_within: 0s"), STATS), ("no-time", "diagnostics.each_within")),
    "a past shorter than what is looked for in it": (
        (policy(", baseline: {lasts: 2h, looks_back: 1h}"), STATS),
        ("no-time", "diagnostics.baseline"),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_diagnostic_that_could_change_something_or_never_answers_is_found(broken: Break, name: str) -> None:
    (about, action), expected = BROKEN[name]
    broken("playbook.yaml", WATCH, about)
    folder = broken("actions.yaml", "", f"actions: [{action}]\n")

    found = lint(load(folder), today=Date(2026, 6, 1), configured=("console", "email"))

    assert [(one.check, one.key) for one in found] == [expected]
    assert found[0].line > 0
    assert found[0].remedy


def test_on_the_list_it_is_allowed(broken: Break) -> None:
    broken("playbook.yaml", WATCH, policy())
    folder = broken("actions.yaml", "", f"actions: [{STATS}]\n")

    assert lint(load(folder), today=Date(2026, 6, 1), configured=("console", "email")) == []


def test_a_release_whose_query_is_none_is_found(broken: Break) -> None:
    folder = broken("components/orders.yaml", "id: orders\n", "id: orders\nrelease: {query: 'x{'}\n")

    (found,) = lint(load(folder), today=Date(2026, 6, 1), configured=("console", "email"))

    assert (found.check, found.key) == ("promql", "release.query")


@pytest.mark.clause("D3", "M2")
def test_the_shipped_playbook_gathers_within_two_minutes_and_tells_the_incidents_channel(book: Rulebook) -> None:
    looking = book.diagnostics
    assert looking.within == TimeDelta(minutes=2)
    assert looking.baseline.lasts == TimeDelta(hours=1)
    assert all(action.time_limit <= looking.within for action in book.actions.values() if action.at_declaration)
    told = [key for key, audience in book.audiences.items() if Announcement.DIAGNOSED in audience.announces]
    assert told == ["incident-channel"]
    for component, part in book.components.items():
        assert part.release_query == f'p0_build_info{{component="{component}"}}'
        assert {ActionId(f"{component}.logs"), ActionId(f"{component}.history")} <= {
            action.id for action in book.actions.values() if action.at_declaration
        }


def test_a_faster_playbook_has_a_shorter_past_and_the_same_time_limits(book: Rulebook, fast_book: Rulebook) -> None:
    assert fast_book.diagnostics.baseline.lasts == book.diagnostics.baseline.lasts / 60
    assert fast_book.diagnostics.within == book.diagnostics.within
