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
    """The comments and literals inside one node, found once for all the statements in it."""

    def __init__(self, grammar: Grammar, node: Node) -> None:
        captures = QueryCursor(grammar.literals).captures(node)
        self._comments = _Sorted(captures.get("comment", []))
        self.literals = _Sorted(captures.get("literal", []))
        self._prose = _Sorted(captures.get("prose", []))

    def print_of(self, node: Node) -> Print:
        """Take the print of a node inside; comments leave no trace in it."""
        return Print(
            tree=_without_comments(str(node)),
            code=_without(node, self._comments.within(node)),
            literals=(
                *(_lf(literal.text) for literal in self.literals.within(node)),
                *(b" ".join((prose.text or b"").split()) for prose in self._prose.within(node)),
            ),
        )

    def comments_of(self, node: Node) -> tuple[bytes, ...]:
        """Give the comments inside a node, each without the white space around its lines."""
        return tuple(_tidy(comment.text) for comment in self._comments.within(node))


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


def _tidy(text: bytes | None) -> bytes:
    return b"\n".join(line.strip() for line in (text or b"").splitlines())
