"""Reads the edited source back and refuses it unless it is exactly what was meant.

Four questions: does every syntactic neighbour stand where it stood; is there no new syntax error; does the definition
say what the snippet and the elided parts say; and, for Python, does the interpreter's own parser agree?
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Sequence

from tree_sitter import Node, QueryCursor

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
    """The interpreter must accept what it accepted before: `break` outside a loop parses, and is an error still."""
    if compiles(old) or (_parses(old) and not _parses(new)):
        raise Refused(Reason.ADDS_SYNTAX_ERROR, "The edited definition is not valid Python.")


def compiles(code: bytes) -> bool:
    """Ask the interpreter whether it takes whole statements; nothing is run."""
    return _accepts(lambda text: compile(text, "edited", "exec", dont_inherit=True), code)


def require_script(grammar: Grammar, old: Node, new: Node) -> None:
    """Two errors that parse: `export` or `import` inside a function, and one name bound twice in one block."""
    if _misplaced(grammar, new) > _misplaced(grammar, old):
        raise Refused(Reason.ADDS_SYNTAX_ERROR, "The edited code exports inside a function, or binds a name twice.")


def _misplaced(grammar: Grammar, node: Node) -> int:
    assert grammar.scopes is not None
    captures = QueryCursor(grammar.scopes).captures(node)
    inside = sum(not _at_module_level(found) for found in captures.get("module", []))
    names = [(found.parent.id, name) for found in captures.get("binding", []) if found.parent for name in _bound(found)]
    return inside + len(names) - len(set(names))


def _at_module_level(node: Node) -> bool:
    block = node.parent
    above = None if block is None else block.parent
    return above is None or above.type in ("internal_module", "module", "ambient_declaration")


def _bound(node: Node) -> list[bytes]:
    declared = [node, *node.named_children] if node.type == "lexical_declaration" else [node]
    names = [declaration.child_by_field_name("name") for declaration in declared]
    return [name.text or b"" for name in names if name is not None and name.type.endswith("identifier")]


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


def _parses(code: bytes) -> bool:
    return _accepts(ast.parse, code)


def _accepts(read: Callable[[str], object], code: bytes) -> bool:
    indented = code[:1] in (b" ", b"\t")
    text = ("if 1:\n" if indented else "") + code.decode("utf-8-sig")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(text)
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
