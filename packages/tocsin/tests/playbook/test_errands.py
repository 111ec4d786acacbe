"""The sections about errands: what the shipped playbook says, what it comes to, and what the lint finds (O3)."""

from pathlib import Path

import pytest
from whenever import Date, TimeDelta

from tocsin.core.kinds import INCOMING, OUTGOING, TESTED, Kind, rows_of
from tocsin.core.rules import Close, InRole, Page, Rulebook, Tell
from tocsin.playbook.lint import lint
from tocsin.playbook.load import load, load_rulebook, shipped

from .conftest import Break

STEPS = 'steps: {talk: "Talk to each other"}\n'


@pytest.fixture(scope="module")
def book() -> Rulebook:
    return load_rulebook(shipped("agentic-flow"))


@pytest.mark.clause("O3")
def test_the_checklist_is_the_playbooks_five_steps_in_its_order(book: Rulebook) -> None:
    assert list(book.handoffs.steps.values()) == [
        "Schedule the hand-off meeting (30 minutes)",
        "Review open incidents and ongoing investigations",
        "Share context on recent changes and known issues",
        "Update the on-call documentation with the current state",
        "Transfer the pager's primary on-call status",
    ]
    assert book.handoffs.rotations == ("sre-primary", "sre-secondary")


@pytest.mark.clause("O3")
def test_the_rows_of_a_hand_off_speak_to_both_and_end(book: Rulebook) -> None:
    rows = {row.id: row for row in book.rows[rows_of(Kind.HANDOFF)]}
    both = (Tell(InRole(OUTGOING)), Tell(InRole(INCOMING)))
    assert all(rows[f"hand-off.{name}"].then == both for name in ("opened", "checklist", "acceptance"))
    assert rows["hand-off.lapse"].then == (Close(),)
    assert {row.clause for row in rows.values()} == {"O3"}


def test_the_rows_of_a_drill_page_its_person_and_nobody_else(book: Rulebook) -> None:
    rows = book.rows[rows_of(Kind.DRILL)]
    assert [act.target for row in rows for act in row.then if isinstance(act, Page)] == [InRole(TESTED)]
    assert rows[-1].then == (Close(),)


def test_a_playbook_without_these_sections_hands_nothing_over_and_can_still_test_a_page() -> None:
    book = load_rulebook(shipped("minimal"))
    assert book.handoffs.rotations == book.test_pages.people == ()
    assert book.rows[rows_of(Kind.DRILL)]


def test_a_fast_playbook_hastens_its_errands_too() -> None:
    book = load_rulebook(shipped("agentic-flow"), speed=60)
    assert book.handoffs.opens_before == TimeDelta(minutes=56)


def found(folder: Path) -> list[tuple[str, str]]:
    problems = lint(load(folder), today=Date(2026, 6, 1), configured=("console", "email"))
    assert all(problem.line and problem.message and problem.remedy for problem in problems)
    return [(problem.check, problem.key) for problem in problems]


@pytest.mark.parametrize(
    ("file", "text", "check", "key"),
    [
        ("handoff.yaml", f"rotations: [stop]\n{STEPS}", "unknown-rotation", "rotations[0]"),
        ("handoff.yaml", "rotations: [shop]\n", "no-steps", "steps"),
        ("handoff.yaml", 'steps: {checklist: "All"}\n', "duplicate", "steps.checklist"),
        ("handoff.yaml", f"done_within: 3d\n{STEPS}", "never-due", "done_within"),
        ("handoff.yaml", f"accepted_within: 2d\n{STEPS}", "never-due", "accepted_within"),
        ("handoff.yaml", f"reminds_every: 0s\n{STEPS}", "no-time", "reminds_every"),
        ("drills.yaml", "then: [page person rosa]\n", "drill-asks-others", "then[0]"),
        ("drills.yaml", "then: [raise level 2]\n", "drill-asks-others", "then[0]"),
        ("drills.yaml", "answered_within: 2d\n", "never-due", "ends_within"),
        ("drills.yaml", "missed_severity: SEV9\n", "unknown-severity", "missed_severity"),
        ("drills.yaml", "monthly: {rotations: [stop]}\n", "unknown-rotation", "monthly.rotations[0]"),
    ],
)
def test_lint_finds_in_an_errand(broken: Break, file: str, text: str, check: str, key: str) -> None:
    assert found(broken(file, "", text)) == [(check, key)]


def test_lint_finds_a_severity_that_is_called_like_an_errand(broken: Break) -> None:
    text = (shipped("minimal") / "severities.yaml").read_text()
    folder = broken("severities.yaml", text, text.replace("id: MAJOR", "id: drill"))
    assert ("duplicate", "severities[0].id") in found(folder)


def test_lint_finds_who_can_be_reached_in_one_way_only(broken: Break) -> None:
    folder = broken("people.yaml", "      - {kind: email, address: emil@beans.example}\n", "")
    assert found(folder) == [("one-route", "people.emil.methods")]
