"""The lines of one definition, and the blocks and statements they are made of, counted in rows.

A statement here is an *item*: whole rows, from the first to the last it touches, trailing comment included. The
blank and comment rows above an item are its *lead* and travel with it; those below the last item are the *tail*.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

from tree_sitter import Node

from agentic_flow.booster.languages import MARKER_NAME, Grammar
from agentic_flow.booster.locate import Definition, Family, describe, first_child, unwrap
from agentic_flow.booster.prints import Marks, Print, text_of
from agentic_flow.booster.refusals import Reason, Refused

_LEAVING = frozenset({"return_statement", "raise_statement", "throw_statement"})


_ASSIGNED = re.compile(r"(?:(?:const|let|var|static|readonly)\s+)*([\w$#]+)\s*(?::[^=]*)?=(?!=)")
_OPENING = re.compile(r"(?:const|let)?([\w.$#]*)")


class Excerpt:
    """Whole lines around a node: the first from its very start, the last up to the node's end."""

    def __init__(self, grammar: Grammar, data: bytes, node: Node, marks: Marks | None = None) -> None:
        self.grammar = grammar
        self.node = node
        self.marks = marks or Marks(grammar)
        self._first = node.start_point.row
        start = data.rfind(b"\n", 0, node.start_byte) + 1
        self._text = data[start : node.end_byte]
        lines = self._text.split(b"\n")
        self._lines = [line.removesuffix(b"\r") for line in lines] if b"\r" in self._text else lines

    def rows(self, first: int, last: int) -> list[bytes]:
        """Give the lines of the rows first to last, both included, without their ends."""
        return self._lines[max(first - self._first, 0) : max(last + 1 - self._first, 0)]

    def indent(self, row: int) -> bytes:
        """Give the white space that a row begins with."""
        return leading(self._lines[row - self._first])

    @cached_property
    def line_ends(self) -> set[bytes]:
        """Name the kinds of line ends in use between the lines."""
        every, double = self._text.count(b"\n"), self._text.count(b"\r\n")
        return {end for end, used in ((b"\r\n", double), (b"\n", every - double)) if used}

    @cached_property
    def literal_rows(self) -> frozenset[int]:
        """Number the rows that begin inside a literal: their white space is content, not layout."""
        inside: set[int] = set()
        for literal in self.marks.literals:
            inside.update(range(literal.start_point.row + 1, literal.end_point.row + 1))
        return frozenset(inside)


@dataclass(eq=False)
class Item:
    """One statement of a block, in whole rows."""

    grammar: Grammar
    marks: Marks
    nodes: list[Node]
    first: int
    last: int
    beside: list[Node] = field(default_factory=list)

    @cached_property
    def main(self) -> Node:
        """Give the node that makes the statement what it is: the first that is no decorator."""
        return next((node for node in self.nodes if node.type != "decorator"), self.nodes[0])

    @property
    def column(self) -> int:
        """Give the column that the statement begins in."""
        return self.nodes[0].start_point.column

    @cached_property
    def definition(self) -> Definition | None:
        """Give what the statement defines, if it defines one thing and nothing shares its rows."""
        if sum(node.type != "decorator" for node in self.nodes) != 1:
            return None
        found = list(describe(unwrap(self.main)))
        return found[0] if len(found) == 1 else None

    @cached_property
    def prints(self) -> tuple[Print, ...]:
        """Give the print of every node on these rows."""
        return tuple(self.marks.print_of(node) for node in self.nodes)

    @property
    def opening(self) -> tuple[str, bytes]:
        """Give what two equal statements share for certain: their kind and their first letter."""
        return self.main.type, (self.nodes[0].text or b"")[:1]

    @cached_property
    def comments(self) -> tuple[bytes, ...]:
        """Give the comments on the statement's rows: those within it, then those beside and hanging below it."""
        return tuple(text_of(comment) for comment in self._comments())

    @property
    def header_comments(self) -> tuple[bytes, ...]:
        """Give the comments that stand outside the statement's blocks, on the rows of its headers and its end."""
        blocks = [read_bounds(self.grammar, block) for node in self.nodes for block in blocks_of(self.grammar, node)]
        return tuple(
            text_of(comment)
            for comment in self._comments()
            if not any(opens < comment.start_point.row < closes for opens, closes in blocks)
        )

    def _comments(self) -> list[Node]:
        inside = [comment for node in self.nodes for comment in self.marks.comments_in(node)]
        return [*inside, *self.beside]

    @property
    def name(self) -> str | None:
        """Give the name of what the statement defines."""
        return None if self.definition is None else self.definition.name

    @property
    def family(self) -> Family | None:
        """Give the family of what the statement defines."""
        return None if self.definition is None else self.definition.family

    @cached_property
    def elides(self) -> bool:
        """Say whether a marker stands anywhere inside."""
        return any(MARKER_NAME.encode() in (node.text or b"") for node in self.nodes)

    @cached_property
    def header(self) -> tuple[str, ...]:
        """Give what a statement says outside its blocks: its code whatever the layout, its literals to the letter."""
        parts: list[str] = [self.main.type]
        for node in self.nodes:
            text, start, at = node.text or b"", node.start_byte, 0
            blocks = blocks_of(self.grammar, node)
            for block in blocks:
                parts.append("".join(text[at : block.start_byte - start].decode().split()))
                at = block.end_byte - start
            parts.append("".join(text[at:].decode().split()))
            parts += [
                (literal.text or b"").decode()
                for literal in self.marks.literals_in(node)
                if not any(block.start_byte <= literal.start_byte < block.end_byte for block in blocks)
            ]
        return tuple(parts)

    @cached_property
    def gist(self) -> tuple[str, str]:
        """Give what two versions of one statement have in common: two of one gist may be meant for each other."""
        return self.main.type, self._head()

    def _head(self) -> str:
        if self.main.type in _LEAVING:
            return ""
        if self.name is not None:
            return self.name
        if blocks_of(self.grammar, self.main):
            return self.header[1]
        code = self.marks.code_of(self.main).decode()
        opening = _OPENING.match(code)
        return code if opening is None else opening.group(1)

    @cached_property
    def defines(self) -> frozenset[str]:
        """Name what this defines, itself or in the blocks of a statement such as `if`."""
        if self.definition is not None:
            return frozenset({self.definition.name})
        blocks = [block for node in self.nodes for block in blocks_of(self.grammar, node)]
        inner = [item for block in blocks for item in items_of(self.grammar, self.marks, block)]
        return frozenset().union(*(item.defines for item in inner))

    @property
    def assigns(self) -> str | None:
        """Name what this assigns to, if it is a plain assignment or a field."""
        code = (self.main.text or b"").decode()
        found = _ASSIGNED.match(code)
        return None if found is None or self.definition is not None else found.group(1)

    @property
    def is_string(self) -> bool:
        """Say whether this is a string and nothing else: a docstring or a directive such as 'use strict'."""
        only = first_child(self.main)
        return self.main.type == "expression_statement" and only is not None and only.type == "string"

    @cached_property
    def is_marker(self) -> bool:
        """Say whether this stands for elided code."""
        return (self.main.text or b"").rstrip(b";") == self.grammar.marker_statement.rstrip(b";")


@dataclass(eq=False)
class Block:
    """The body of a definition or compound statement."""

    node: Node
    excerpt: Excerpt
    items: list[Item]
    opens: int
    closes: int

    @property
    def first(self) -> int:
        """Number the first row that belongs to the block alone."""
        return self.opens + 1

    @property
    def last(self) -> int:
        """Number the last row that belongs to the block alone."""
        return self.closes - 1

    @property
    def indent(self) -> bytes:
        """Give the white space its items begin with."""
        return self.excerpt.indent(self.items[0].first)

    @property
    def unit(self) -> bytes:
        """Give what one level of indentation adds, as far as this block shows it."""
        outer = self.excerpt.indent(self.opens)
        return self.indent.removeprefix(outer) if self.indent.startswith(outer) else b""

    def lead(self, index: int) -> list[bytes]:
        """Give the blank and comment rows above an item."""
        above = self.items[index - 1].last + 1 if index else self.first
        return self.excerpt.rows(above, self.items[index].first - 1)

    def tail(self) -> list[bytes]:
        """Give the blank and comment rows below the last item."""
        return self.excerpt.rows(self.items[-1].last + 1, self.last)

    def text(self, item: Item) -> list[bytes]:
        """Give the rows of an item."""
        return self.excerpt.rows(item.first, item.last)


def read_block(excerpt: Excerpt, node: Node) -> Block:
    """Lay a block out in rows; refuse one that shares its rows with what is around it."""
    opens, closes = read_bounds(excerpt.grammar, node)
    items = items_of(excerpt.grammar, excerpt.marks, node)
    if not items or items[0].first <= opens or items[-1].last >= closes:
        raise Refused(Reason.UNSUPPORTED_SHAPE, "A body on the row of its header cannot be merged in part.")
    return Block(node=node, excerpt=excerpt, items=items, opens=opens, closes=closes)


def blocks_of(grammar: Grammar, node: Node) -> list[Node]:
    """Find the outermost blocks inside a statement, in order."""
    if not node.child_count:
        return []
    found: list[Node] = []
    for child in node.named_children:
        if child.type in grammar.block_types:
            found.append(child)
        else:
            found.extend(blocks_of(grammar, child))
    return found


def leading(line: bytes) -> bytes:
    """Give the white space that a line begins with."""
    return line[: len(line) - len(line.lstrip(b" \t"))]


def read_bounds(grammar: Grammar, node: Node) -> tuple[int, int]:
    """Number the last row above a block and the first below it."""
    if grammar.braces:
        return node.start_point.row, node.end_point.row
    colon = node.prev_sibling
    while colon is not None and colon.type == "comment":
        colon = colon.prev_sibling
    return (node.start_point.row if colon is None else colon.end_point.row), node.end_point.row + 1


def items_of(grammar: Grammar, marks: Marks, node: Node) -> list[Item]:
    """Group what stands on common rows; decorators keep to what they decorate, and deeper comments to what is above."""
    groups: list[Item] = []
    last, decorates = -1, False
    for child in node.children:
        if child.type in ("{", "}"):
            continue
        if not groups or (child.start_point.row > last and not decorates and not _hangs_below(child, groups[-1])):
            groups.append(Item(grammar, marks, [], child.start_point.row, child.end_point.row))
        last = groups[-1].last = max(last, child.end_point.row)
        if child.is_named and child.type != "comment":
            groups[-1].nodes.append(child)
            decorates = child.type == "decorator"
        elif child.type == "comment":
            groups[-1].beside.append(child)
    return [group for group in groups if group.nodes]


def _hangs_below(child: Node, group: Item) -> bool:
    return child.type == "comment" and bool(group.nodes) and child.start_point.column > group.column
