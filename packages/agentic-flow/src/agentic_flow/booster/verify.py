"""Reads the edited source back and refuses it unless it is exactly what was meant.

Four questions: does every syntactic neighbour stand where it stood; is there no new syntax error; does the definition
say what the snippet and the elided parts say; and, for Python, does the interpreter's own parser agree?
"""

from __future__ import annotations

import ast
import symtable
import warnings
from collections.abc import Callable, Sequence

from tree_sitter import Node

from agentic_flow.booster.excerpt import Item, blocks_of, items_of
from agentic_flow.booster.languages import Grammar
from agentic_flow.booster.merge import Expected, Nested
from agentic_flow.booster.prints import Marks, Print
from agentic_flow.booster.refusals import Reason, Refused


def find_again(old_root: Node, replaced: Node, new_root: Node, new_end: int) -> Node:
    """Find the edited node in the new tree; everything around it must stand as before."""
    delta = new_end - replaced.end_byte
    _require_no_new_error(old_root, new_root, replaced, new_end)
    found = new_root.descendant_for_byte_range(replaced.start_byte, new_end)
    if found is None or (found.start_byte, found.end_byte) != (replaced.start_byte, new_end):
        raise Refused(Reason.WOULD_CHANGE_MEANING, "The edited code does not end where it should.")
    _require_same_surroundings(replaced, found, delta)
    return found


def raise_unless(agrees: bool) -> None:
    """Refuse a result that does not read as intended."""
    if not agrees:
        raise Refused(Reason.WOULD_CHANGE_MEANING, "In place, the edited code reads differently than intended.")


def require_print(marks: Marks, found: Node, expected: Print) -> None:
    """The replaced node must say what the snippet says."""
    raise_unless(marks.print_of(found) == expected)


def require_items(grammar: Grammar, marks: Marks, block: Node, expected: Sequence[Expected]) -> None:
    """The statements of a merged block must say, one by one, what was stated or elided."""
    items = items_of(grammar, marks, block)
    raise_unless(len(items) == len(expected))
    for item, meant in zip(items, expected, strict=True):
        if isinstance(meant, Nested):
            _require_nested(grammar, item, meant)
        elif isinstance(meant, Item):
            raise_unless(_is_copy(item, meant) or item.prints == meant.prints)
        else:
            raise_unless(not meant or item.prints == meant)


def require_python(old: bytes, new: bytes) -> None:
    """The interpreter's own parser must accept what it accepted before; tree-sitter's is more lenient."""
    if not _parses(new) and _parses(old):
        raise Refused(Reason.ADDS_SYNTAX_ERROR, "The edited definition is not valid Python.")


def _require_nested(grammar: Grammar, item: Item, meant: Nested) -> None:
    if item.definition is not None:
        blocks = [] if item.definition.body is None else [item.definition.body]
    else:
        blocks = [block for node in item.nodes for block in blocks_of(grammar, node)]
    raise_unless(len(blocks) == len(meant.blocks))
    for block, expected in zip(blocks, meant.blocks, strict=True):
        require_items(grammar, item.marks, block, expected)


def _is_copy(item: Item, original: Item) -> bool:
    """The same letters, read as the same number of nodes: a quick yes; a no may be due to a comment's place."""
    return [(node.type, node.descendant_count, node.text) for node in item.nodes] == [
        (node.type, node.descendant_count, node.text) for node in original.nodes
    ]


def _parses(definition: bytes) -> bool:
    indented = definition[:1] in (b" ", b"\t")
    code = ("if 1:\n" if indented else "") + definition.decode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # The symbol table is quicker to make than the tree, and asks for more: on its own, an inner function may lack
        # the names of the outer one.
        return _accepts(lambda: symtable.symtable(code, "edited", "exec")) or _accepts(lambda: ast.parse(code))


def _accepts(read: Callable[[], object]) -> bool:
    try:
        read()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _require_same_surroundings(old: Node, new: Node, delta: int) -> None:
    """Climb both trees: each ancestor must begin, end and count its children as before."""
    before, after = old.parent, new.parent
    while before is not None and after is not None:
        raise_unless(
            before.type == after.type
            and before.start_byte == after.start_byte
            and before.end_byte + delta == after.end_byte
            and before.child_count == after.child_count
        )
        before, after = before.parent, after.parent
    raise_unless(before is None and after is None)


def _require_no_new_error(old_root: Node, new_root: Node, old: Node, new_end: int) -> None:
    if not new_root.has_error:
        return
    delta = new_end - old.end_byte
    known = {(error.type, _moved(error, old.end_byte, delta)) for error in _errors(old_root)}
    found = {(error.type, (error.start_byte, error.end_byte)) for error in _errors(new_root)}
    if not found <= known:
        raise Refused(Reason.ADDS_SYNTAX_ERROR, "The edited source has a syntax error that was not there before.")


def _moved(error: Node, from_byte: int, delta: int) -> tuple[int, int]:
    start, end = error.start_byte, error.end_byte
    return start + delta * (start >= from_byte), end + delta * (end >= from_byte)


def _errors(root: Node) -> list[Node]:
    found: list[Node] = []
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.is_error or node.is_missing:
            found.append(node)
        waiting.extend(child for child in node.children if child.has_error or child.is_missing)
    return found
