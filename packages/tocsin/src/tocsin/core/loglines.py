"""Log lines: which of them tell of an error, which of those are new, and how often each kind was written.

Two lines are of one kind if they differ in nothing but numbers, times and ids. A kind is new if no line of it was
written before an instant; a line without a time of its own has that of the line before it, as the lines of a stack
trace do, and where no line bears a time nothing can be said of what is new.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from whenever import Instant

_TIME: Final = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d:\d\d)(?:[.,](?P<part>\d{1,9})\d*)?\s?(?P<zone>Z|[+-]\d\d:?\d\d)?"
)
_TIME_WITHIN: Final = 120
"""Characters from a line's beginning in which its time stands."""

_ERROR: Final = re.compile(r"\b(error|critical|fatal|panic|exception|traceback|segfault)\b", re.IGNORECASE)
_VARYING: Final = re.compile(r"\b0x[0-9a-fA-F]+\b|\b[0-9a-fA-F]{8,}(?:-[0-9a-fA-F]+)*\b|\d+")
_SPACE: Final = re.compile(r"\s+")

LINE_MAX: Final = 2_000
"""Characters of a line that are looked at."""

EXAMPLE_MAX: Final = 120
"""Characters of a line that stands for its kind."""


class Line(msgspec.Struct, frozen=True):
    """A line, and when it was written if that is known."""

    at: Instant | None
    text: str
    """Without its time."""


class Kind(msgspec.Struct, frozen=True):
    """Lines that differ in nothing but numbers: the first of them, and how many there are."""

    example: str
    count: int
    since: Instant | None


class Errors(msgspec.Struct, frozen=True):
    """What a log tells of errors."""

    kinds: tuple[Kind, ...]
    """The most frequent first."""
    lines: int
    dated: bool
    """Whether the lines bear times. If not, these are all errors, new or old."""


def lines(log: str) -> Iterator[Line]:
    """Read a log."""
    at: Instant | None = None
    for raw in log.splitlines():
        text = raw[:LINE_MAX]
        found = _TIME.search(text[:_TIME_WITHIN])
        if found:
            at = _instant(found) or at
            text = f"{text[: found.start()]}{text[found.end() :]}"
        yield Line(at, _SPACE.sub(" ", text).strip())


def _instant(found: re.Match[str]) -> Instant | None:
    """Read a time. One that names no zone is taken as UTC, as all times here are."""
    part = f".{found['part']}" if found["part"] else ""
    try:
        return Instant.parse_iso(f"{found['date']}T{found['time']}{part}{found['zone'] or 'Z'}")
    except ValueError:
        return None


def recent(log: str, since: Instant | None) -> str:
    """Answer what was written since an instant; all of it, if nothing says when."""
    if since is None:
        return log
    return "\n".join(line.text for line in lines(log) if line.at is None or line.at >= since)


def new_errors(log: str, since: Instant | None) -> Errors:
    """Answer the kinds of error lines that were not written before an instant."""
    found = [line for line in lines(log) if _ERROR.search(line.text)]
    dated = since is not None and any(line.at is not None for line in found)
    old: set[str] = set()
    if dated and since is not None:
        old = {kind_of(line.text) for line in found if line.at is not None and line.at < since}
    kinds = _kinds(line for line in found if kind_of(line.text) not in old)
    return Errors(kinds, sum(kind.count for kind in kinds), dated or not found)


def kind_of(text: str) -> str:
    """Answer what the lines of one kind have in common."""
    return _VARYING.sub("#", text)


def _kinds(found: Iterable[Line]) -> tuple[Kind, ...]:
    kinds: dict[str, Kind] = {}
    for line in found:
        known = kinds.get(kind_of(line.text))
        example = known.example if known else line.text[:EXAMPLE_MAX]
        since = known.since if known else line.at
        kinds[kind_of(line.text)] = Kind(example, known.count + 1 if known else 1, since)
    return tuple(sorted(kinds.values(), key=lambda kind: -kind.count))
