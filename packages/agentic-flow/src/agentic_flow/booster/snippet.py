"""Reads an edit snippet: one definition whose elided parts are marked by comments.

    # ... existing code ...          // ... existing code ...          /* ... */

Each marker is put aside as a statement of its own before parsing, so that it has a place in the tree. A comment that
looks like a marker but cannot be one is refused: taken for a comment it would delete the code it stands for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tree_sitter import Node, Query, QueryCursor

from agentic_flow.booster.excerpt import Excerpt, leading
from agentic_flow.booster.languages import GRAMMARS, MARKER_NAME, Grammar
from agentic_flow.booster.locate import Definition, Family, describe, first_child, is_member, unwrap
from agentic_flow.booster.prints import Marks
from agentic_flow.booster.refusals import Reason, Refused

_MARKER_WORDS = re.compile(
    rb"^(?:\.\.\.|\xe2\x80\xa6)[\s.]*(?:.*\b(?:existing|rest|unchanged|remaining|same|omitted|keep|code)\b.*)?$",
    re.IGNORECASE,
)
_THING = rb"(?:code|body|methods?|functions?|class|implementation|statements?|lines?|logic)"
_LOOKS_LIKE_A_MARKER = re.compile(
    rb"^(?:#|//|/\*)\s*(?:(?:\.\.\.|\xe2\x80\xa6)"
    rb"|.*\b(?:existing|rest of|remaining|unchanged)\b.*\b" + _THING + rb"\b)",
    re.IGNORECASE,
)
_WHERE = rb"(?: (?:is|are|stays?|remains?|as|the|same|before|unchanged|omitted|goes|follows|here|below|above))*"
_SAYS_NOTHING_ELSE = re.compile(
    rb"(?:keep |the )*(?:"
    rb"(?:rest|remainder)(?: of .*)?" + _WHERE + rb"|(?:existing|remaining|other|previous|original|old)(?: \w+)? "
    rb""
    + _THING
    + _WHERE
    + rb"|"
    + _THING
    + rb"(?= )"
    + _WHERE
    + rb"|existing|same|as before|same as before|etc|snip(?:ped)?"
    rb"|no changes?(?: (?:here|needed|below|above))?"
    rb"|(?:\w+ ){0,3}(?:unchanged|omitted|elided)(?: (?:for brevity|here|below|above))?)",
    re.IGNORECASE,
)
_BARE_ELLIPSIS = Query(GRAMMARS["python"].language, "(expression_statement (ellipsis)) @bare")
_DECORATION = b" \t#/*.-=<>[](){}!:;,~_\xe2\x80\xa6"


@dataclass(frozen=True, eq=False)
class Snippet:
    """The definition a caller wants in place of the target."""

    excerpt: Excerpt
    definition: Definition
    whole: Node
    elides: bool


def read_snippet(grammar: Grammar, text: bytes, target: Definition) -> Snippet:
    """Parse a snippet and find its definition, which must be of the target's name and family."""
    data, root, rows, marks = _set_markers_aside(grammar, _wrap(grammar, text.replace(b"\r\n", b"\n"), target))
    _require_no_hidden_marker(marks, target.outer)
    _require_no_bare_ellipsis(grammar, root)
    if root.has_error:
        raise Refused(Reason.SNIPPET_SYNTAX_ERROR, "The snippet does not parse.")
    definition = _only_definition(root, wrapped=_is_wrapped(data))
    _require_match(definition, target)
    whole = definition.outer
    inside = any(whole.start_point.row <= row <= whole.end_point.row for row in rows)
    return Snippet(Excerpt(grammar, data, whole, marks), definition, whole, elides=inside)


_PYTHON_WRAPPER = b"class __Wrapper__:\n"
_BRACE_WRAPPER = b"class __Wrapper__ {\n"


def _wrap(grammar: Grammar, text: bytes, target: Definition) -> bytes:
    """Give a snippet the surroundings it needs to parse: a class around a member, a suite around an indented one."""
    if grammar.braces:
        return _BRACE_WRAPPER + text + b"\n}\n" if is_member(target.node) else text
    first = next((line for line in text.split(b"\n") if line.strip()), b"")
    return _PYTHON_WRAPPER + text if first[:1] in (b" ", b"\t") else text


def _is_wrapped(data: bytes) -> bool:
    return data.startswith((_PYTHON_WRAPPER, _BRACE_WRAPPER))


def _set_markers_aside(grammar: Grammar, text: bytes) -> tuple[bytes, Node, set[int], Marks]:
    """Turn marker comments into statements; give the text with them, its tree, their rows, and its other marks."""
    if MARKER_NAME.encode() in text:
        raise Refused(Reason.MARKER_MISPLACED, f"The name {MARKER_NAME} is reserved.")
    lines = text.split(b"\n")
    markers = {row for row, line in enumerate(lines) if _is_marker(grammar, line)}
    data, root, marks = _read(grammar, lines, markers)
    in_literals = markers & Excerpt(grammar, data, root, marks).literal_rows if markers else set()
    if in_literals:  # Text inside a literal may look like a marker. It is content.
        markers -= in_literals
        data, root, marks = _read(grammar, lines, markers)
    _require_plain_markers(grammar, data, root, markers)
    return data, root, markers, marks


def _read(grammar: Grammar, lines: list[bytes], markers: set[int]) -> tuple[bytes, Node, Marks]:
    data = _with_markers(grammar, lines, markers)
    root = grammar.parse(data).root_node
    return data, root, Marks(grammar, root)


def _is_marker(grammar: Grammar, line: bytes) -> bool:
    match = grammar.marker.match(line)
    return match is not None and bool(_MARKER_WORDS.match(next(group for group in match.groups() if group).strip()))


def _with_markers(grammar: Grammar, lines: list[bytes], rows: set[int]) -> bytes:
    return b"\n".join(
        leading(line) + grammar.marker_statement if row in rows else line for row, line in enumerate(lines)
    )


def _require_plain_markers(grammar: Grammar, data: bytes, root: Node, rows: set[int]) -> None:
    allowed = grammar.block_types | {"module", "program"}
    lines = data.split(b"\n")
    for row in rows:
        column = len(leading(lines[row]))
        node = root.descendant_for_point_range((row, column), (row, column + 1))
        if not _stands_alone(node, allowed):
            raise Refused(Reason.MARKER_MISPLACED, "A marker stands where no statement can.")


def _require_no_hidden_marker(marks: Marks, original: Node) -> None:
    for comment in marks.comments:
        text = comment.text or b""
        if _LOOKS_LIKE_A_MARKER.match(text) or (_says_nothing_else(text) and text not in (original.text or b"")):
            raise Refused(Reason.MARKER_MISPLACED, "A comment looks like a marker but cannot be read as one.")


def _require_no_bare_ellipsis(grammar: Grammar, root: Node) -> None:
    """In Python `...` is a statement that does nothing: alone it is a body, beside others it stands for elided code."""
    if grammar.braces or b"..." not in (root.text or b""):
        return
    for node in QueryCursor(_BARE_ELLIPSIS).captures(root).get("bare", []):
        beside = [] if node.parent is None else [other for other in node.parent.named_children if other != node]
        if any(other.type != "comment" and not _is_string(other) for other in beside):
            raise Refused(Reason.MARKER_MISPLACED, "A bare '...' beside other statements may stand for elided code.")


def _is_string(node: Node) -> bool:
    only = first_child(node)
    return node.type == "expression_statement" and only is not None and only.type == "string"


def _says_nothing_else(comment: bytes) -> bool:
    """Say whether a comment is only about what is not shown: one that the original has, too, is a quote of it."""
    words = comment.strip(_DECORATION)
    return _SAYS_NOTHING_ELSE.fullmatch(words) is not None if words else b"..." in comment


def _stands_alone(node: Node | None, allowed: frozenset[str] | set[str]) -> bool:
    """A marker is an identifier in a statement in a block (or a field in the body of a class)."""
    statement = None if node is None else node.parent
    return (
        statement is not None
        and statement.type in ("expression_statement", "field_definition", "public_field_definition")
        and (statement.text or b"").rstrip(b";") == MARKER_NAME.encode()
        and statement.parent is not None
        and statement.parent.type in allowed
    )


def _only_definition(root: Node, wrapped: bool) -> Definition:
    statements = _statements(root)
    if wrapped and len(statements) == 1:  # A second one has closed the wrapper, or stands outside it.
        body = statements[0].child_by_field_name("body")
        statements = [] if body is None else _statements(body)
    found = [definition for node in statements for definition in describe(unwrap(node))]
    if len(statements) != 1 or len(found) != 1:
        raise Refused(Reason.SNIPPET_NOT_ONE_DEFINITION, "The snippet is not exactly one definition.")
    return found[0]


def _statements(node: Node) -> list[Node]:
    return [child for child in node.named_children if not _is_put_aside(child)]


def _is_put_aside(node: Node) -> bool:
    return (node.text or b"").rstrip(b";") == MARKER_NAME.encode()


def _require_match(definition: Definition, target: Definition) -> None:
    if definition.name != target.name:
        raise Refused(
            Reason.SNIPPET_MISMATCH, f"The snippet defines {definition.name!r}, the target is {target.name!r}."
        )
    if definition.family is not target.family or definition.family is Family.SIGNATURE:
        raise Refused(Reason.SNIPPET_MISMATCH, f"The snippet makes a {definition.family} of a {target.family}.")
