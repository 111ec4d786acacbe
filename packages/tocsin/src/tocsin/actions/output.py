"""What a program said: kept in bounded memory, cleaned of what a terminal would obey, and of secrets."""

import re
from typing import Final

from tocsin.core.limits import ACTION_OUTPUT_MAX
from tocsin.core.redaction import redacted

_ESCAPES: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
"""Colours, titles, cursor movements, control characters: harmless in a log, an order to the terminal that shows it."""


class Output:
    """Takes bytes without end and keeps their beginning and their end."""

    def __init__(self, most: int = ACTION_OUTPUT_MAX) -> None:
        self._head_max = most // 4
        self._tail_max = most - self._head_max
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def add(self, said: bytes) -> None:
        """Take some more."""
        self.total += len(said)
        room = self._head_max - len(self._head)
        self._head += said[:room]
        self._tail += said[room:]
        if len(self._tail) > 2 * self._tail_max:
            del self._tail[: -self._tail_max]

    @property
    def truncated(self) -> bool:
        """Tell whether something was left out."""
        return self.total > self._head_max + self._tail_max

    @property
    def text(self) -> str:
        """Answer what was kept, fit to be shown."""
        tail = bytes(self._tail[-self._tail_max :])
        if not self.truncated:
            return clean((bytes(self._head) + tail).decode(errors="replace"))
        head = bytes(self._head).rpartition(b"\n")[0] or bytes(self._head)
        # Half a line may be half a key; where there are no lines, so may half a word.
        rest = tail.partition(b"\n")[2] or tail.partition(b" ")[2] or tail
        gone = self.total - len(head) - len(rest)
        # Each part by itself: a key whose beginning was left out is found by its end.
        return (
            f"{clean(head.decode(errors='replace'))}\n[{gone} bytes left out]\n{clean(rest.decode(errors='replace'))}"
        )


def clean(text: str) -> str:
    """Answer a text without secrets and without orders to a terminal."""
    return redacted(_ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))).strip("\n")


def kept(said: str | bytes) -> tuple[str, bool]:
    """Answer what is kept of something said at once, and whether it was cut."""
    output = Output()
    output.add(said.encode() if isinstance(said, str) else said)
    return output.text, output.truncated
