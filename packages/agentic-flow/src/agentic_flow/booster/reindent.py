"""Moves lines from one indentation to another without touching what lies inside multi-line literals."""

from __future__ import annotations

from dataclasses import dataclass

from agentic_flow.booster.excerpt import leading


@dataclass(frozen=True)
class Shift:
    """From which indentation to which, and what one level measures on either side."""

    before: bytes
    after: bytes
    unit_before: bytes = b""
    unit_after: bytes = b""

    def apply(self, lines: list[bytes], first: int, literal_rows: frozenset[int]) -> list[bytes]:
        """Move the lines, numbered from row `first`; blank lines and rows inside literals stay as they are."""
        return [line if row in literal_rows else self._line(line) for row, line in enumerate(lines, start=first)]

    def _line(self, line: bytes) -> bytes:
        if not line.strip():
            return b""
        if not line.startswith(self.before):
            return self.after + line.lstrip(b" \t")  # Hangs left of its statement; only brackets allow that.
        return self.after + self._levels(line[len(self.before) :])

    def _levels(self, rest: bytes) -> bytes:
        if not self.unit_before or not self.unit_after or self.unit_before == self.unit_after:
            return rest
        white, levels = leading(rest), 0
        while white.startswith(self.unit_before):
            white, levels = white[len(self.unit_before) :], levels + 1
        return self.unit_after * levels + white + rest.lstrip(b" \t")
