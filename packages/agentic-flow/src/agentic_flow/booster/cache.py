"""Keeps the trees of the sources edited last, so that a known source is not parsed from the start again."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeAlias

from tree_sitter import Tree

from agentic_flow.booster.languages import Grammar
from agentic_flow.booster.limits import MAX_CACHED_BYTES, MAX_CACHED_TREES

_Key: TypeAlias = tuple[str, bytes]


class TreeCache:
    """The least recently used tree goes first, by number and by size.

    The key is the source itself, which the tree holds anyway: nothing can be taken for something else, and the text is
    hashed once for however many looks.
    """

    def __init__(self, most_trees: int = MAX_CACHED_TREES, most_bytes: int = MAX_CACHED_BYTES) -> None:
        self._most_trees = most_trees
        self._most_bytes = most_bytes
        self._trees: OrderedDict[_Key, Tree] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._trees)

    def get(self, grammar: Grammar, data: bytes) -> Tree | None:
        """Give the tree of a source seen before."""
        key = (grammar.name, data)
        tree = self._trees.get(key)
        if tree is not None:
            self._trees.move_to_end(key)
        return tree

    def put(self, grammar: Grammar, data: bytes, tree: Tree) -> None:
        """Keep the tree of a source, and let go of what no longer fits."""
        key = (grammar.name, data)
        if key not in self._trees:
            self._bytes += len(data)
        self._trees[key] = tree
        self._trees.move_to_end(key)
        while self._trees and (len(self._trees) > self._most_trees or self._bytes > self._most_bytes):
            self._forget_oldest()

    def clear(self) -> None:
        """Forget every tree."""
        self._trees.clear()
        self._bytes = 0

    def _forget_oldest(self) -> None:
        (_, data), _ = self._trees.popitem(last=False)
        self._bytes -= len(data)


class NoTrees:
    """Keeps nothing: every edit starts cold."""

    def get(self, grammar: Grammar, data: bytes) -> Tree | None:
        """Know no source."""
        return None

    def put(self, grammar: Grammar, data: bytes, tree: Tree) -> None:
        """Keep nothing."""
