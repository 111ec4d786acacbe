"""Applies one edit: locate, merge, re-indent, splice, read back. Exactly what was asked for, or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tree_sitter import Node, Point, Tree

from agentic_flow.booster.excerpt import Excerpt, leading
from agentic_flow.booster.languages import Grammar, grammar_for
from agentic_flow.booster.limits import (
    MAX_SNIPPET_BYTES,
    MAX_SOURCE_BYTES,
    MAX_TARGET_CHARS,
    MAX_TREE_DEPTH,
    MAX_UNCHECKED_NODES,
)
from agentic_flow.booster.locate import Definition, describe, find, first_child, unwrap
from agentic_flow.booster.merge import Expected, Tally, merge_definition, require_decorators_stated
from agentic_flow.booster.prints import Marks, Print
from agentic_flow.booster.refusals import Reason, Refused
from agentic_flow.booster.reindent import Shift
from agentic_flow.booster.snippet import Snippet, read_snippet
from agentic_flow.booster.verify import (
    compiles,
    find_again,
    require_items,
    require_print,
    require_python,
    require_script,
)


@dataclass(frozen=True)
class Edit:
    """What the caller asks for: this definition of this source, to be as the snippet says."""

    source: str
    language: str
    target: str
    snippet: str


@dataclass(frozen=True)
class Edited:
    """The edited source, and how it came about."""

    source: str
    strategy: str
    confidence: float
    first_line: int
    last_line: int


class Trees(Protocol):
    """Keeps parsed sources, so that the next edit of the same source is quick."""

    def get(self, grammar: Grammar, data: bytes) -> Tree | None:
        """Give the tree of a source seen before."""

    def put(self, grammar: Grammar, data: bytes, tree: Tree) -> None:
        """Keep the tree of a source."""


Seal = Callable[[bytes, int, int], int]
"""Take the checksum of a text outside its middle: of so many bytes at the front and so many at the back."""


class SealBroken(Exception):
    """The bytes outside the edit are not what they were: a fault of ours, never the caller's."""


@dataclass(frozen=True)
class _Draft:
    """The text to put in place of a node, and what it must say when it is read back."""

    replaced: Node
    text: bytes
    expected: Print | list[Expected]


def apply(edit: Edit, trees: Trees, seal: Seal, least_confidence: float = 0.0) -> Edited:
    """Apply an edit or refuse it; `seal` guards that nothing outside the definition changes."""
    try:
        return _apply(edit, trees, seal, least_confidence)
    except RecursionError:
        raise Refused(Reason.TOO_LARGE, "The code is nested too deeply.") from None


def _apply(edit: Edit, trees: Trees, seal: Seal, least_confidence: float) -> Edited:
    grammar = grammar_for(edit.language)
    data, snippet_text = _encode(edit)
    tree = trees.get(grammar, data) or grammar.parse(data)
    trees.put(grammar, data, tree)
    target = find(data, tree.root_node, edit.target)
    _require_shallow(target.outer)
    snippet = read_snippet(grammar, snippet_text, target)
    _require_shallow(snippet.whole)
    tally = Tally()
    draft = _draft(grammar, data, target, snippet, tally)
    if tally.confidence < least_confidence:
        raise Refused(
            Reason.LOW_CONFIDENCE,
            f"Only {tally.confidence:.2f} of what the snippet states is anchored; {least_confidence:.2f} is asked.",
        )
    edited = _splice(data, draft, seal)
    new_tree = _read_back(grammar, data, tree, edited, draft)
    trees.put(grammar, edited, new_tree)
    return _report(edited, draft, snippet, tally)


def _encode(edit: Edit) -> tuple[bytes, bytes]:
    try:
        data, snippet = edit.source.encode(), edit.snippet.encode()
    except UnicodeEncodeError:
        raise Refused(Reason.NOT_TEXT, "The text holds characters that cannot be encoded.") from None
    if len(data) > MAX_SOURCE_BYTES:
        raise Refused(Reason.TOO_LARGE, f"The source has {len(data)} bytes; {MAX_SOURCE_BYTES} can be edited.")
    if len(snippet) > MAX_SNIPPET_BYTES:
        raise Refused(Reason.TOO_LARGE, f"The snippet has {len(snippet)} bytes; {MAX_SNIPPET_BYTES} can be taken in.")
    if len(edit.target) > MAX_TARGET_CHARS:
        raise Refused(
            Reason.TARGET_NOT_FOUND, f"A name may have {MAX_TARGET_CHARS} characters, not {len(edit.target)}."
        )
    if any(text.count(b"\r") != text.count(b"\r\n") or b"\0" in text for text in (data, snippet)):
        raise Refused(Reason.NOT_TEXT, "The text holds a NUL or a carriage return without a line feed.")
    return data, snippet


def _require_shallow(node: Node) -> None:
    """Trees are printed recursively in C: one of a hundred thousand levels would take the process down."""
    if node.descendant_count <= MAX_UNCHECKED_NODES:
        return
    cursor = node.walk()
    while True:
        if cursor.depth > MAX_TREE_DEPTH:
            raise Refused(Reason.TOO_LARGE, f"The code is nested more than {MAX_TREE_DEPTH} levels deep.")
        if cursor.goto_first_child() or cursor.goto_next_sibling():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def _draft(grammar: Grammar, data: bytes, target: Definition, snippet: Snippet, tally: Tally) -> _Draft:
    new = snippet.definition
    require_decorators_stated(target, new)
    states_wrapper = snippet.whole.id != new.node.id
    replaced = target.outer if states_wrapper else target.node
    excerpt = Excerpt(grammar, data, replaced)
    shift = _shift(excerpt, target, snippet)
    rows = snippet.excerpt
    first, last = snippet.whole.start_point.row, snippet.whole.end_point.row
    if not snippet.elides:
        lines = shift.apply(rows.rows(first, last), first, rows.literal_rows)
        return _Draft(replaced, _join(lines, excerpt, data), rows.marks.print_of(snippet.whole))
    if len(excerpt.line_ends) > 1:
        raise Refused(Reason.UNSUPPORTED_SHAPE, "The definition mixes LF and CRLF line ends.")
    opens, merged, closes = merge_definition(excerpt, target, rows, new, tally)
    lines = shift.apply(rows.rows(first, opens), first, rows.literal_rows)
    lines += merged.lines + shift.apply(rows.rows(closes, last), closes, rows.literal_rows)
    return _Draft(replaced, _join(lines, excerpt, data), merged.expected)


def _shift(excerpt: Excerpt, target: Definition, snippet: Snippet) -> Shift:
    rows = snippet.excerpt
    base = _base(rows, snippet)
    return Shift(
        before=base,
        after=excerpt.indent(excerpt.node.start_point.row),
        unit_before=_unit(rows, snippet.definition, base),
        unit_after=_unit(excerpt, target, excerpt.indent(excerpt.node.start_point.row)),
    )


def _base(excerpt: Excerpt, snippet: Snippet) -> bytes:
    """Measure a snippet's own indentation; one cut out in mid-line shows it on the row of its closing brace only."""
    body = snippet.definition.body
    if excerpt.grammar.braces and body is not None and body.children[-1:] and body.children[-1].type == "}":
        last = body.end_point.row
        closing = excerpt.rows(last, last)[-1]
        if closing.lstrip(b" \t").startswith(b"}") and last not in excerpt.literal_rows:
            return leading(closing)
    return excerpt.indent(snippet.whole.start_point.row)


def _unit(excerpt: Excerpt, definition: Definition, outer: bytes) -> bytes:
    """Measure one level of indentation on the body of a definition."""
    first = None if definition.body is None else first_child(definition.body)
    if first is None or first.start_point.row == definition.node.start_point.row:
        return b""
    inner = excerpt.indent(first.start_point.row)
    return inner.removeprefix(outer) if inner.startswith(outer) else b""


def _join(lines: list[bytes], excerpt: Excerpt, data: bytes) -> bytes:
    """Join lines with the line ends in use; the first continues the row that the definition begins on."""
    in_use = excerpt.line_ends or {b"\r\n" if b"\r\n" in data else b"\n"}
    lines[0] = lines[0][len(leading(lines[0])) :]
    return (b"\r\n" if in_use == {b"\r\n"} else b"\n").join(lines)


def _splice(data: bytes, draft: _Draft, seal: Seal) -> bytes:
    start, end = draft.replaced.start_byte, draft.replaced.end_byte
    before = seal(data, start, len(data) - end)
    edited = data[:start] + draft.text + data[end:]
    if len(edited) > MAX_SOURCE_BYTES:
        raise Refused(Reason.TOO_LARGE, "The edited source would be too large.")
    if seal(edited, start, len(data) - end) != before:
        raise SealBroken("The checksum outside the edited definition has changed.")
    return edited


def _read_back(grammar: Grammar, data: bytes, tree: Tree, edited: bytes, draft: _Draft) -> Tree:
    """Parse the result, with the help of the old tree, and verify it."""
    old = draft.replaced
    new_end = old.start_byte + len(draft.text)
    change = _change(data[old.start_byte : old.end_byte], draft.text)
    new_tree = grammar.parse(edited, _edited_tree(tree, data, draft, change))
    found = find_again(tree.root_node, old, new_tree.root_node, new_end)
    _require_shallow(found)
    if isinstance(draft.expected, Print):
        require_print(Marks(grammar), found, draft.expected)
    else:
        require_items(grammar, Marks(grammar), _body(found), draft.expected)
    if grammar.name == "python":
        _require_python(data, edited, len(edited) - len(data), _whole_around(found, change))
    else:
        require_script(grammar, old, found)
    return new_tree


def _body(node: Node) -> Node:
    body = next(describe(unwrap(node))).body
    assert body is not None
    return body


def _whole_around(found: Node, change: _Change) -> Node:
    """Find the innermost definition with the whole change well inside: what is around it reads as before."""
    start, end = found.start_byte + change.start, found.start_byte + change.new_end
    node = found.descendant_for_byte_range(start, end)
    while node is not None and node.start_byte > found.start_byte:
        if node.type in ("function_definition", "class_definition") and node.start_byte < start and end < node.end_byte:
            return node
        node = node.parent
    return found


def _require_python(data: bytes, edited: bytes, grown: int, new: Node) -> None:
    """Ask about the innermost definition first; only if it does not do alone, with all that is around it."""
    top = new
    while top.parent is not None and top.parent.parent is not None:
        top = top.parent
    for node in (new, top):
        start = edited.rfind(b"\n", 0, node.start_byte) + 1
        if compiles(edited[start : node.end_byte]):
            return
    require_python(data[start : top.end_byte - grown], edited[start : top.end_byte])


def _edited_tree(tree: Tree, data: bytes, draft: _Draft, change: _Change) -> Tree:
    """Tell a copy of the tree what differs; the less differs, the less is parsed again."""
    old = draft.replaced
    before, after = data[old.start_byte : old.end_byte], draft.text
    shadow = tree.copy()  # The cached tree must not learn of the edit.
    shadow.edit(
        old.start_byte + change.start,
        old.start_byte + change.old_end,
        old.start_byte + change.new_end,
        _point(old, before, change.start),
        _point(old, before, change.old_end),
        _point(old, after, change.new_end),
    )
    return shadow


@dataclass(frozen=True)
class _Change:
    """What differs between two texts: where it begins in both, and where it ends in either."""

    start: int
    old_end: int
    new_end: int


def _change(before: bytes, after: bytes) -> _Change:
    """Look for what is the same at the end first, and let the change begin with a line end.

    A parser that resumes at a line end keeps the statement above; one that resumes behind it reads the layout of the
    line again, and with it much that has not changed, which takes more than twice as long.
    """
    same_back = _same(before[::-1], after[::-1])
    most = min(len(before), len(after)) - same_back
    start = max(before.rfind(b"\n", 0, min(_same(before, after), most) + 1), 0)
    start = min(start, most)
    return _Change(start, len(before) - same_back, len(after) - same_back)


def _same(one: bytes, other: bytes) -> int:
    """Count the bytes that two texts begin with in common; comparing halves is far quicker than counting."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low


def _point(node: Node, text: bytes, offset: int) -> Point:
    rows = text.count(b"\n", 0, offset)
    column = offset - (text.rfind(b"\n", 0, offset) + 1)
    return Point(node.start_point.row + rows, column + (0 if rows else node.start_point.column))


def _report(edited: bytes, draft: _Draft, snippet: Snippet, tally: Tally) -> Edited:
    first = draft.replaced.start_point.row + 1
    return Edited(
        source=edited.decode(),
        strategy="merge" if snippet.elides else "replace",
        confidence=round(tally.confidence, 4),
        first_line=first,
        last_line=first + draft.text.count(b"\n"),
    )
