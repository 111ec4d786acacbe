"""Finds a definition in a parsed source by its qualified name.

A name is the chain of named definitions around it: `Class.method`, `outer.inner`. What several definitions share
(overloads, a property and its setter, the two arms of a condition) is ambiguous and refused: nothing is guessed.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tree_sitter import Node

from agentic_flow.booster.limits import MAX_NESTING
from agentic_flow.booster.refusals import Reason, Refused


class Family(StrEnum):
    """Kinds of definitions that may stand in for one another."""

    FUNCTION = "function"
    CLASS = "class"
    TYPE = "type"
    SCOPE = "namespace"
    SIGNATURE = "signature"


@dataclass(frozen=True, eq=False)
class Definition:
    """One named definition: `node` without its decorators or `export`, `outer` with them."""

    name: str
    family: Family
    node: Node
    outer: Node
    body: Node | None


_FAMILIES = {
    "function_definition": Family.FUNCTION,
    "function_declaration": Family.FUNCTION,
    "generator_function_declaration": Family.FUNCTION,
    "method_definition": Family.FUNCTION,
    "arrow_function": Family.FUNCTION,
    "function_expression": Family.FUNCTION,
    "generator_function": Family.FUNCTION,
    "class_definition": Family.CLASS,
    "class_declaration": Family.CLASS,
    "abstract_class_declaration": Family.CLASS,
    "class": Family.CLASS,
    "interface_declaration": Family.TYPE,
    "enum_declaration": Family.TYPE,
    "type_alias_declaration": Family.TYPE,
    "internal_module": Family.SCOPE,
    "function_signature": Family.SIGNATURE,
    "method_signature": Family.SIGNATURE,
    "abstract_method_signature": Family.SIGNATURE,
}
_WORD = frozenset(bytes([code]) for code in (string.ascii_letters + string.digits + "_$").encode())
_BINDINGS = {"lexical_declaration", "variable_declaration"}
_FIELDS = {"field_definition", "public_field_definition"}
_MEMBERS = _FIELDS | {"method_definition", "method_signature", "abstract_method_signature"}
_WRAPPERS = {"decorated_definition", "export_statement", "ambient_declaration"}


def find(data: bytes, root: Node, target: str) -> Definition:
    """Find the one definition of that qualified name, or refuse."""
    matches = [found for found in _named(data, root, target.rpartition(".")[2]) if qualified(found) == target]
    if not matches:
        raise Refused(Reason.TARGET_NOT_FOUND, f"No definition is called {target!r}.")
    if len(matches) > 1:
        raise Refused(Reason.AMBIGUOUS_TARGET, f"{len(matches)} definitions are called {target!r}.")
    return _editable(matches[0], target)


def qualified(definition: Definition) -> str:
    """Give the name of a definition with those of all named definitions around it."""
    names = [definition.name]
    above = definition.node.parent
    for _ in range(MAX_NESTING):
        if above is None:
            return ".".join(reversed(names))
        names.extend(_scope_names(above))
        above = above.parent
    raise Refused(Reason.TOO_LARGE, f"{definition.name!r} lies more than {MAX_NESTING} levels deep.")


def is_member(node: Node) -> bool:
    """Say whether the node can only stand inside the body of a class."""
    return node.type in _MEMBERS


def describe(node: Node) -> Iterator[Definition]:
    """Name what a node defines: nothing, one definition, or the several of `const a = …, b = …`."""
    if node.type in _BINDINGS:
        yield from _bound(node)
    elif node.type in _FIELDS:
        yield from _from_value(node, _field_name(node), node.child_by_field_name("value"))
    elif node.type in _FAMILIES and not _in_object_literal(node):
        name = node.child_by_field_name("name")
        if name is not None:
            yield _definition(node, name, node)


def unwrap(node: Node) -> Node:
    """Step inside decorators, `export` and the like, to the definition itself."""
    while node.type in _WRAPPERS or node.type == "expression_statement":
        inner = _inside(node)
        if inner is None:
            return node
        node = inner
    return node


def first_child(node: Node) -> Node | None:
    """Give the first named child, if there is one."""
    return node.named_child(0) if node.named_child_count else None


def _inside(node: Node) -> Node | None:
    if node.type == "expression_statement":
        only = first_child(node)
        return only if only is not None and only.type == "internal_module" else None
    return node.child_by_field_name("definition") or node.child_by_field_name("declaration")


def _named(data: bytes, root: Node, name: str) -> Iterator[Definition]:
    """Look up every place where the name is written; most are uses, some define it."""
    if not name:
        return
    seen: set[int] = set()
    for start, end in _places(data, name.encode()):
        for definition in _defined_by(root.named_descendant_for_byte_range(start, end)):
            if definition.name == name and definition.node.id not in seen:
                seen.add(definition.node.id)
                yield definition


def _places(data: bytes, name: bytes) -> Iterator[tuple[int, int]]:
    """Find where a name is written as a word of its own."""
    start = data.find(name)
    while start >= 0:
        end = start + len(name)
        if data[start - 1 : start] not in _WORD and data[end : end + 1] not in _WORD:
            yield start, end
        start = data.find(name, end)


def _defined_by(identifier: Node | None) -> Iterator[Definition]:
    """A name stands one level inside its definition, or two in `const name = …`."""
    parent = None if identifier is None else identifier.parent
    if parent is None:
        return
    yield from describe(parent)
    if parent.type == "variable_declarator" and parent.parent is not None:
        yield from describe(parent.parent)


def _bound(node: Node) -> Iterator[Definition]:
    for declarator in node.named_children:
        if declarator.type == "variable_declarator":
            name = declarator.child_by_field_name("name")
            yield from _from_value(node, name, declarator.child_by_field_name("value"))


def _from_value(node: Node, name: Node | None, value: Node | None) -> Iterator[Definition]:
    if name is not None and value is not None and value.type in _FAMILIES:
        yield _definition(node, name, value)


def _definition(node: Node, name: Node, value: Node) -> Definition:
    return Definition(
        name=(name.text or b"").decode(),
        family=_FAMILIES[value.type],
        node=node,
        outer=_outermost(node),
        body=value.child_by_field_name("body"),
    )


def _outermost(node: Node) -> Node:
    while node.parent is not None and node.parent.type in _WRAPPERS:
        node = node.parent
    return node


def _scope_names(node: Node) -> Iterator[str]:
    if node.type == "variable_declarator":
        value = node.child_by_field_name("value")
        if value is not None and value.type in _FAMILIES:
            yield _text(node.child_by_field_name("name"))
    elif node.type in _FIELDS:
        yield _text(_field_name(node))
    elif node.type in _FAMILIES and not _is_value(node) and node.child_by_field_name("name") is not None:
        yield _text(node.child_by_field_name("name"))


def _is_value(node: Node) -> bool:
    """In `const outer = function inner() {}` the name outside counts."""
    return node.parent is not None and node.parent.type == "variable_declarator"


def _field_name(node: Node) -> Node | None:
    return node.child_by_field_name("property") or node.child_by_field_name("name")


def _text(node: Node | None) -> str:
    return "" if node is None else (node.text or b"").decode()


def _in_object_literal(node: Node) -> bool:
    return node.type == "method_definition" and node.parent is not None and node.parent.type != "class_body"


def _editable(found: Definition, target: str) -> Definition:
    if found.node.has_error:
        raise Refused(Reason.TARGET_HAS_SYNTAX_ERROR, f"{target!r} has a syntax error of its own.")
    if found.family is Family.SIGNATURE:
        raise Refused(Reason.UNSUPPORTED_SHAPE, f"{target!r} is a signature without a body.")
    if found.node.type in _BINDINGS and _declarators(found.node) != 1:
        raise Refused(Reason.UNSUPPORTED_SHAPE, f"{target!r} shares its declaration with other names.")
    return found


def _declarators(node: Node) -> int:
    return sum(1 for child in node.named_children if child.type == "variable_declarator")
