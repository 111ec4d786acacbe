"""Fills the elided parts of a snippet from the original.

A marker stands for everything between the statements quoted on its two sides (or the ends of the block). What the
snippet states is taken as stated, what it elides is copied to the letter. Between two quoted statements without a
marker the snippet is complete: what is not there is gone. A new statement next to a marker is an insertion; if it
resembles something in the elided part it might as well be a replacement, and is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from agentic_flow.booster.align import Matches, Run, align, runs_of
from agentic_flow.booster.excerpt import Block, Excerpt, Item, blocks_of, read_block
from agentic_flow.booster.locate import Definition
from agentic_flow.booster.prints import Print
from agentic_flow.booster.refusals import Reason, Refused
from agentic_flow.booster.reindent import Shift


@dataclass(frozen=True)
class Nested:
    """What a merged statement must turn out to contain, block by block."""

    blocks: tuple[Sequence[Expected], ...]


Expected = tuple[Print, ...] | Item | Nested
"""What one statement of the result must say when it is read back; an item is one copied from the original."""


@dataclass
class Merged:
    """The lines of a merged block and what they must say."""

    lines: list[bytes] = field(default_factory=list)
    expected: list[Expected] = field(default_factory=list)


@dataclass
class Tally:
    """How much of what the snippet states beside its markers is anchored in the original."""

    anchored: int = 0
    stated: int = 0

    @property
    def confidence(self) -> float:
        """Give the share of anchored statements; one, if nothing had to be anchored."""
        return self.anchored / self.stated if self.stated else 1.0


def merge_block(original: Block, snippet: Block, tally: Tally) -> Merged:
    """Compose the new block from what the snippet states and what it elides."""
    return _Merge(original, snippet, tally).compose()


class _Merge:
    def __init__(self, original: Block, snippet: Block, tally: Tally) -> None:
        self._original = original
        self._snippet = snippet
        self._tally = tally
        self._runs = runs_of(snippet)
        self._matches: Matches = align(original, snippet)
        self._shift = Shift(snippet.indent, original.indent, snippet.unit, original.unit)
        self._out = Merged()

    def compose(self) -> Merged:
        self._require_docstring_stated()
        position = 0
        for number, run in enumerate(self._runs):
            if run.after_marker:
                start = self._start_of(run)
                self._require_no_resemblance(number, position, start)
                self._require_no_stray_comment(number, position, start)
                self._copy(position, start)
            self._state(run)
            position = self._end_of(run, position)
        self._count()
        return self._out

    def _start_of(self, run: Run) -> int:
        """Find where the elided part before a run ends."""
        for index in run.items:
            if index in self._matches:
                return self._matches[index]
        if run.items and run.before_marker:
            raise Refused(Reason.ANCHOR_NOT_FOUND, "Nothing between two markers is found in the original.")
        return len(self._original.items)

    def _end_of(self, run: Run, position: int) -> int:
        """Find where the elided part after a run begins."""
        for index in reversed(run.items):
            if index in self._matches:
                return self._matches[index] + 1
        return position

    def _require_docstring_stated(self) -> None:
        """A docstring that a snippet with elided parts does not mention is forgotten rather than meant to go."""
        first = self._runs[0]
        if first.items and first.before_marker and self._original.items[0].is_string and 0 not in self._matches:
            raise Refused(
                Reason.AMBIGUOUS_ANCHOR, "The original opens with a docstring or directive that must stay first."
            )

    def _require_no_resemblance(self, number: int, first: int, end: int) -> None:
        """Refuse an insertion at the edge of an elided part that might replace something in it."""
        before, after = self._runs[number - 1], self._runs[number]
        edges = (*self._unmatched(reversed(before.items)), *self._unmatched(after.items))
        if edges and _resemble(edges, self._original.items[first:end]):
            raise Refused(
                Reason.AMBIGUOUS_ANCHOR,
                "A statement beside a marker may be new or may replace one that the marker stands for.",
            )

    def _require_no_stray_comment(self, number: int, first: int, end: int) -> None:
        """Refuse a comment beside a marker that the elided part does not hold: where it belongs is not said."""
        stated = _comments(self._beside_markers(number))
        elided = [row for index in range(first, end) for row in self._original.lead(index)]
        if end == len(self._original.items):
            elided += self._original.tail()
        if not set(stated) <= set(_comments(elided)):
            raise Refused(Reason.AMBIGUOUS_ANCHOR, "A comment beside a marker belongs to no statement.")

    def _beside_markers(self, number: int) -> list[bytes]:
        """Give the rows before the markers that a run follows, and those after them if no statement does."""
        snippet, run = self._snippet, self._runs[number]
        after = run.items[0] if run.items else len(snippet.items)
        before = self._runs[number - 1].items[-1] + 1 if self._runs[number - 1].items else 0
        rows = [row for index in range(before, after) if snippet.items[index].is_marker for row in snippet.lead(index)]
        return rows if run.items else rows + snippet.tail()

    def _unmatched(self, indices: Iterable[int]) -> list[Item]:
        found: list[Item] = []
        for index in indices:
            if index in self._matches:
                break
            found.append(self._snippet.items[index])
        return found

    def _copy(self, first: int, end: int) -> None:
        """Copy elided statements to the letter, with the tail if they reach the end of the block."""
        for index in range(first, end):
            item = self._original.items[index]
            self._out.lines += self._original.lead(index) + self._original.text(item)
            self._out.expected.append(item)
        if end == len(self._original.items):
            self._out.lines += self._original.tail()

    def _state(self, run: Run) -> None:
        for index in run.items:
            self._out.lines += self._lead(index, first_after_marker=run.after_marker and index == run.items[0])
            self._state_item(index)
        if run.items and not run.before_marker:
            self._out.lines += self._tail()

    def _tail(self) -> list[bytes]:
        stated = self._reindented(self._snippet.items[-1].last + 1, self._snippet.last)
        last = self._matches.get(len(self._snippet.items) - 1)
        kept = last == len(self._original.items) - 1 and not _comments(stated)
        return self._original.tail() if kept else stated

    def _lead(self, index: int, first_after_marker: bool) -> list[bytes]:
        """Choose the blank and comment rows above a stated item: a quote keeps its own unless it states others."""
        item = self._snippet.items[index]
        above = self._snippet.items[index - 1].last + 1 if index else self._snippet.first
        stated = self._reindented(above, item.first - 1)
        at = self._matches.get(index)
        if at is None:
            return stated
        original = self._original.lead(at)
        if _comments(stated) in ([], _comments(original)):
            return original
        if first_after_marker and _comments(original):
            raise Refused(Reason.AMBIGUOUS_ANCHOR, "A comment after a marker may be new or may replace another.")
        if first_after_marker:  # The blank rows that end the elided part are not the comment's to take away.
            opening = next(number for number, row in enumerate(stated) if row.strip())
            return original + stated[opening:]
        return stated

    def _state_item(self, index: int) -> None:
        item, at = self._snippet.items[index], self._matches.get(index)
        if at is None:
            self._take(item)
            return
        quoted = self._original.items[at]
        if item.definition is not None and quoted.definition is not None:
            self._redefine(item, item.definition, quoted, quoted.definition)
        elif item.elides:
            self._merge_inside(item, quoted)
        elif item.prints == quoted.prints and item.comments in ((), quoted.comments):
            self._out.lines += self._original.text(quoted)
            self._out.expected.append(quoted)
        else:
            self._take(item)

    def _take(self, item: Item) -> None:
        self._out.lines += self._reindented(item.first, item.last)
        self._out.expected.append(item.prints)

    def _redefine(self, item: Item, new: Definition, quoted: Item, old: Definition) -> None:
        """Put a definition in place of the one of its name; decorators it does not mention stay."""
        require_decorators_stated(old, new)
        decorators, first = self._kept_decorators(item, new, quoted, old)
        self._out.lines += decorators
        if not item.elides:
            self._out.lines += self._reindented(first, item.last)
            self._out.expected.append(() if decorators else item.prints)
            return
        before, inner, after = merge_definition(self._original.excerpt, old, self._snippet.excerpt, new, self._tally)
        self._out.lines += self._reindented(first, before)
        self._out.lines += inner.lines + self._reindented(after, item.last)
        self._out.expected.append(Nested((inner.expected,)))

    def _kept_decorators(self, item: Item, new: Definition, quoted: Item, old: Definition) -> tuple[list[bytes], int]:
        stated, kept = new.node.start_point.row, old.node.start_point.row
        if stated > item.first or kept == quoted.first:
            return [], item.first
        return self._original.excerpt.rows(quoted.first, kept - 1), stated

    def _merge_inside(self, item: Item, quoted: Item) -> None:
        """Merge block by block a compound statement that elides part of itself; its headers stay as they were."""
        if item.header_comments not in ((), quoted.header_comments):
            raise Refused(Reason.AMBIGUOUS_ANCHOR, "A comment on a header differs from the original's.")
        pairs = zip(_blocks(self._original.excerpt, quoted), _blocks(self._snippet.excerpt, item), strict=True)
        row, inner = quoted.first, []
        for old, new in pairs:
            self._out.lines += self._original.excerpt.rows(row, old.opens)
            merged = merge_block(old, new, self._tally)
            self._out.lines += merged.lines
            inner.append(merged.expected)
            row = old.closes
        self._out.lines += self._original.excerpt.rows(row, quoted.last)
        self._out.expected.append(Nested(tuple(inner)))

    def _reindented(self, first: int, last: int) -> list[bytes]:
        excerpt = self._snippet.excerpt
        return self._shift.apply(excerpt.rows(first, last), first, excerpt.literal_rows)

    def _count(self) -> None:
        """The ends of the block anchor what is stated there."""
        if len(self._runs) == 1:
            return
        for run in self._runs:
            if run.items:
                at_an_end = int(not (run.after_marker and run.before_marker))
                self._tally.stated += len(run.items) + at_an_end
                self._tally.anchored += sum(index in self._matches for index in run.items) + at_an_end


def merge_definition(
    original: Excerpt, old: Definition, excerpt: Excerpt, new: Definition, tally: Tally
) -> tuple[int, Merged, int]:
    """Merge the bodies of two definitions; give also the snippet's last row before and first row after the body."""
    grammar = excerpt.grammar
    if old.body is None or new.body is None or not {old.body.type, new.body.type} <= grammar.block_types:
        raise Refused(Reason.UNSUPPORTED_SHAPE, "Only a body of statements can be merged in part.")
    block = read_block(excerpt, new.body)
    return block.opens, merge_block(read_block(original, old.body), block, tally), block.closes


def require_decorators_stated(old: Definition, new: Definition) -> None:
    """Refuse to drop decorators that are part of the definition itself or of its `export`, as in JavaScript."""
    states_export = new.outer.type == "export_statement"
    if _has_decorator(old, states_export) and not _has_decorator(new, states_export):
        raise Refused(Reason.UNSUPPORTED_SHAPE, f"{old.name!r} has decorators that the snippet does not state.")


def _has_decorator(definition: Definition, with_export: bool) -> bool:
    around = definition.outer.children if with_export and definition.outer.type == "export_statement" else []
    return any(child.type == "decorator" for child in (*definition.node.children, *around))


def _blocks(excerpt: Excerpt, item: Item) -> list[Block]:
    return [read_block(excerpt, block) for node in item.nodes for block in blocks_of(excerpt.grammar, node)]


def _resemble(stated: Iterable[Item], elided: Sequence[Item]) -> bool:
    """Say whether something stated may be meant for something elided: by its gist, or by the name it gives a value."""
    gists = {item.gist for item in elided}
    defined = frozenset[str]().union(*(item.defines for item in elided))
    named = defined | {item.assigns for item in elided}
    return any(item.gist in gists or item.defines & named or item.assigns in defined for item in stated)


def _comments(lines: list[bytes]) -> list[bytes]:
    return [line.strip() for line in lines if line.strip()]
