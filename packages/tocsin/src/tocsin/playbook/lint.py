"""What a playbook of the right shape can still get wrong: every check, each with its place and remedy.

Errors make a playbook unusable, warnings do not. The checks live beside this file by what they look at; each yields
`Problem`s and knows nothing of the others.
"""

from collections.abc import Collection, Iterator
from typing import Final

from whenever import Date

from tocsin.playbook import (
    lint_actions,
    lint_deadlines,
    lint_diagnostics,
    lint_errands,
    lint_escalation,
    lint_paging,
    lint_people,
    lint_references,
    lint_rota,
    lint_signals,
)
from tocsin.playbook.document import Playbook
from tocsin.playbook.problems import Problem

_CHECKS: Final = (
    *lint_references.CHECKS,
    *lint_deadlines.CHECKS,
    *lint_escalation.CHECKS,
    *lint_people.CHECKS,
    *lint_paging.CHECKS,
    *lint_rota.CHECKS,
    *lint_signals.CHECKS,
    *lint_actions.CHECKS,
    *lint_errands.CHECKS,
    *lint_diagnostics.CHECKS,
)


def lint(playbook: Playbook, *, today: Date | None = None, configured: Collection[str] | None = None) -> list[Problem]:
    """Answer all findings, in the order of files and lines.

    ``today`` adds the checks of dates, ``configured`` the check that the channels spoken of are set up.
    """
    found = [problem for check in _CHECKS for problem in check(playbook)]
    if today is not None:
        found += _overdue(playbook, today)
        found += lint_rota.starts_later(playbook, today)
    if configured is not None:
        found += lint_people.not_configured(playbook, configured)
    return sorted(set(found))


def errors(playbook: Playbook) -> list[Problem]:
    """Answer what makes a playbook unusable."""
    return [problem for problem in lint(playbook) if problem.severity == "error"]


def _overdue(playbook: Playbook, today: Date) -> Iterator[Problem]:
    about = playbook.about
    if about.next_review_on < today:
        yield playbook.problem(
            "review-overdue",
            ("playbook.yaml", "next_review_on"),
            f"the review was due on {about.next_review_on.format_iso()}",
            "review the playbook and set updated_on and next_review_on anew",
            "warning",
        )
