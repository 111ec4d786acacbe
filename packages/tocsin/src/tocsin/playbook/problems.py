"""What is wrong with a playbook: where, what, and how to put it right."""

from collections.abc import Iterable
from typing import Literal

import msgspec


class Problem(msgspec.Struct, frozen=True, order=True):
    """One finding, with the line it stands on and its remedy."""

    file: str
    line: int
    """Counted from 1; 0 speaks of the file as a whole."""
    key: str
    """Where in the document: ``severities[0].targets.acknowledge``."""
    message: str
    remedy: str
    severity: Literal["error", "warning"] = "error"
    check: str = ""
    """Which check found it, by its short name."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        key = f" {self.key}:" if self.key else ""
        return f"{where}:{key} {self.severity}: {self.message}. Remedy: {self.remedy}."


class PlaybookErrors(Exception):
    """The playbook cannot be used. ``problems`` holds all that was found, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
