"""Decides which statements of a snippet quote which statements of the original.

A statement is recognised by its name if it defines something, by its header if it elides part of itself, and by its
print otherwise, always only where it occurs exactly once on both sides. What cannot be placed for certain is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from agentic_flow.booster.excerpt import Block, Item
from agentic_flow.booster.refusals import Reason, Refused


@dataclass(frozen=True)
class Run:
    """Consecutive statements of a snippet, with markers or the ends of the block on either side."""

    items: tuple[int, ...]
    after_marker: bool
    before_marker: bool


Matches = dict[int, int]
"""From the index of a snippet's statement to that of the original statement it quotes."""


def runs_of(block: Block) -> list[Run]:
    """Split a snippet's block at its markers."""
    runs: list[Run] = []
    current: list[int] = []
    after_marker = False
    for index, item in enumerate(block.items):
        if not item.is_marker:
            current.append(index)
            continue
        if current or not after_marker:
            runs.append(Run(tuple(current), after_marker, before_marker=True))
        current, after_marker = [], True
    runs.append(Run(tuple(current), after_marker, before_marker=False))
    return runs


def align(original: Block, snippet: Block) -> Matches:
    """Match the snippet's statements with the original's; the matches keep their order."""
    matches = _Index(original, snippet).matches()
    _extend(original, snippet, matches)
    _require_order(matches)
    return matches


class _Index:
    """Where each name, header and print occurs."""

    def __init__(self, original: Block, snippet: Block) -> None:
        self._original = original
        self._snippet = snippet
        self._names = _places(item.name for item in original.items)
        self._stated = Counter(item.name for item in snippet.items)
        self._prints = _unique_prints(original, snippet)
        self._headers: dict[object, list[int]] = {}
        if any(item.elides for item in snippet.items if not item.is_marker):
            self._headers = _places(item.header for item in original.items)

    def matches(self) -> Matches:
        """Find for each statement of the snippet what it quotes, if anything."""
        found = {index: self._match(index, item) for index, item in enumerate(self._snippet.items)}
        return {index: at for index, at in found.items() if at is not None}

    def _match(self, index: int, item: Item) -> int | None:
        if item.is_marker:
            return None
        if item.definition is not None:
            return self._by_name(item)
        if item.elides:
            return self._by_header(item)
        if index == 0 and item.is_string and self._original.items[0].is_string:
            return 0  # A docstring is recognised by its place.
        return self._prints.get(item.prints)

    def _by_name(self, item: Item) -> int | None:
        found = self._names.get(item.name, [])
        if len(found) > 1 or self._stated[item.name] > 1 or (found and self._is_defined_inside(item.name)):
            raise Refused(Reason.AMBIGUOUS_ANCHOR, f"{item.name!r} is defined more than once in the same body.")
        if not found and item.elides:
            raise Refused(Reason.ANCHOR_NOT_FOUND, f"{item.name!r} elides part of itself but is not in the original.")
        if found and self._original.items[found[0]].family is not item.family:
            raise Refused(Reason.SNIPPET_MISMATCH, f"{item.name!r} is another kind of definition in the original.")
        return found[0] if found else None

    def _is_defined_inside(self, name: str | None) -> bool:
        """A name that is defined under a condition, too, may mean either."""
        return any(name in item.defines for item in self._original.items if item.definition is None)

    def _by_header(self, item: Item) -> int:
        found = self._headers.get(item.header, [])
        if not found:
            raise Refused(Reason.ANCHOR_NOT_FOUND, "A statement that elides part of itself is not in the original.")
        if len(found) > 1:
            raise Refused(Reason.AMBIGUOUS_ANCHOR, "A statement that elides part of itself fits several places.")
        return found[0]


def _places(keys: Iterable[object]) -> dict[object, list[int]]:
    places: dict[object, list[int]] = {}
    for index, key in enumerate(keys):
        places.setdefault(key, []).append(index)
    return places


def _unique_prints(original: Block, snippet: Block) -> dict[object, int]:
    """Printing is costly: only what could be quoted at all is printed, for its kind and its first letters."""
    stated = [item for item in snippet.items if not item.elides and item.definition is None]
    kinds = {item.opening for item in stated}
    candidates = [(index, item) for index, item in enumerate(original.items) if item.opening in kinds]
    quoted = Counter(item.prints for item in stated)
    present = Counter(item.prints for _, item in candidates)
    return {item.prints: index for index, item in candidates if present[item.prints] == 1 and quoted[item.prints] == 1}


def _extend(original: Block, snippet: Block, matches: Matches) -> None:
    """Let certain matches vouch for equal neighbours that occur more than once."""
    for step in (1, -1):
        for index in sorted(matches, reverse=step < 0):
            here, there = index + step, matches[index] + step
            while _may_extend(original, snippet, matches, here, there):
                matches[here] = there
                here, there = here + step, there + step


def _may_extend(original: Block, snippet: Block, matches: Matches, here: int, there: int) -> bool:
    if not (0 <= here < len(snippet.items) and 0 <= there < len(original.items)):
        return False
    if here in matches or there in matches.values() or snippet.items[here].is_marker or snippet.items[here].elides:
        return False
    return snippet.items[here].prints == original.items[there].prints


def _require_order(matches: Matches) -> None:
    places = [matches[index] for index in sorted(matches)]
    if any(later <= earlier for earlier, later in pairwise(places)):
        raise Refused(Reason.AMBIGUOUS_ANCHOR, "The snippet quotes statements in another order than the original.")
