"""Prints: what a piece of code says, whatever its layout.

Two pieces with the same print have the same syntax tree, the same text apart from white space and comments, and the
same literals to the letter. Re-indented code must keep its print; a quoted statement is recognised by it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass

from tree_sitter import Node, QueryCursor

from agentic_flow.booster.languages import Grammar

_COMMENT = re.compile(r" ?(?:\w+: )?\(comment\)")
_WHITE = b" \t\r\n\f\v"


@dataclass(frozen=True)
class Print:
    """What a node says: its tree, its code without white space, its literals."""

    tree: str
    code: bytes
    literals: tuple[bytes, ...]


class Marks:
    """The comments and literals of a piece of code.

    Where all of it is going to be printed they are found once for the whole; where only some statements of a large
    definition are, they are found statement by statement.
    """

    def __init__(self, grammar: Grammar, whole: Node | None = None) -> None:
        self._grammar = grammar
        self._whole = None if whole is None else _Captures(grammar, whole)

    @property
    def comments(self) -> list[Node]:
        """Give the comments of the whole."""
        return [] if self._whole is None else self._whole.comments.nodes

    @property
    def literals(self) -> list[Node]:
        """Give the literals of the whole."""
        return [] if self._whole is None else self._whole.literals.nodes

    def print_of(self, node: Node) -> Print:
        """Take the print of a node inside; comments leave no trace in it."""
        inside = self._inside(node)
        return Print(
            tree=_without_comments(str(node)),
            code=_without(node, inside.comments.within(node)),
            literals=(
                *(_lf(literal.text) for literal in inside.literals.within(node)),
                *(b" ".join((prose.text or b"").split()) for prose in inside.prose.within(node)),
            ),
        )

    def code_of(self, node: Node) -> bytes:
        """Give the code of a node inside without white space and comments."""
        return _without(node, self._inside(node).comments.within(node))

    def comments_in(self, node: Node) -> list[Node]:
        """Give the comments inside a node."""
        return self._inside(node).comments.within(node)

    def literals_in(self, node: Node) -> list[Node]:
        """Give the literals inside a node."""
        return self._inside(node).literals.within(node)

    def _inside(self, node: Node) -> _Captures:
        return _Captures(self._grammar, node) if self._whole is None else self._whole


class _Captures:
    """What one look through a node finds."""

    def __init__(self, grammar: Grammar, node: Node) -> None:
        captures = QueryCursor(grammar.literals).captures(node)
        self.comments = _Sorted(captures.get("comment", []))
        self.literals = _Sorted(captures.get("literal", []))
        self.prose = _Sorted(captures.get("prose", []))


class _Sorted:
    """Nodes in the order of their places."""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = sorted(nodes, key=_place)
        self._starts = [node.start_byte for node in self.nodes]

    def within(self, node: Node) -> list[Node]:
        """Give those that lie inside a node."""
        return self.nodes[bisect_left(self._starts, node.start_byte) : bisect_left(self._starts, node.end_byte)]


def _without_comments(tree: str) -> str:
    tree = tree.replace(" (comment)", "")  # Much quicker than the pattern, which is left with the rare ones.
    return _COMMENT.sub("", tree) if "(comment)" in tree else tree


def _without(node: Node, comments: list[Node]) -> bytes:
    text, start = node.text or b"", node.start_byte
    pieces, at = [], 0
    for comment in comments:
        pieces.append(text[at : comment.start_byte - start])
        at = comment.end_byte - start
    pieces.append(text[at:])
    return b"".join(pieces).translate(None, _WHITE)


def _place(node: Node) -> tuple[int, int]:
    return node.start_byte, -node.end_byte


def _lf(text: bytes | None) -> bytes:
    return (text or b"").replace(b"\r\n", b"\n")


def text_of(comment: Node) -> bytes:
    """Give the text of a comment without the white space around its lines."""
    return b"\n".join(line.strip() for line in (comment.text or b"").splitlines())
