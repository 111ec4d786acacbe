"""The languages that can be edited, each as one row of facts about its grammar.

Everything else in the editing core is the same for all of them and asks this table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import tree_sitter_javascript
import tree_sitter_python
import tree_sitter_typescript
from tree_sitter import Language, Parser, Query, Tree

from agentic_flow.booster.refusals import Reason, Refused

MARKER_NAME = "__elided_by_the_caller__"


@dataclass(frozen=True, eq=False)
class Grammar:
    """What the editing core must know about one language."""

    name: str
    language: Language
    literals: Query
    block_types: frozenset[str]
    braces: bool
    marker: re.Pattern[bytes]
    marker_statement: bytes
    scopes: Query | None = None
    parser: Parser = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parser", Parser(self.language))

    def parse(self, data: bytes, old: Tree | None = None) -> Tree:
        """Parse anew, or again after `old` was told of the edit."""
        if old is None:
            return self.parser.parse(data)
        return self.parser.parse(data, old)


_PYTHON_LITERALS = "(comment) @comment (string) @literal"
_JAVASCRIPT_LITERALS = (
    "(comment) @comment (string) @literal (template_string) @literal (regex) @literal (jsx_text) @prose"
)
_TYPESCRIPT_LITERALS = "(comment) @comment (string) @literal (template_string) @literal (regex) @literal"
_TSX_LITERALS = _TYPESCRIPT_LITERALS + " (jsx_text) @prose"
_SCOPES = (
    "(export_statement) @module (import_statement) @module (lexical_declaration) @binding (class_declaration) @binding"
)

_HASH_MARKER = re.compile(rb"^[ \t]*#[ \t]*((?:\.\.\.|\xe2\x80\xa6).*)$")
_SLASH_MARKER = re.compile(
    rb"^[ \t]*(?://[ \t]*((?:\.\.\.|\xe2\x80\xa6).*)|/\*[ \t]*((?:\.\.\.|\xe2\x80\xa6)[^*]*)\*/[ \t]*)$"
)


def _python() -> Grammar:
    language = Language(tree_sitter_python.language())
    return Grammar(
        name="python",
        language=language,
        literals=Query(language, _PYTHON_LITERALS),
        block_types=frozenset({"block"}),
        braces=False,
        marker=_HASH_MARKER,
        marker_statement=MARKER_NAME.encode(),
    )


def _script(name: str, pointer: object, literals: str) -> Grammar:
    language = Language(pointer)
    return Grammar(
        name=name,
        language=language,
        literals=Query(language, literals),
        block_types=frozenset({"statement_block", "class_body"}),
        braces=True,
        marker=_SLASH_MARKER,
        marker_statement=MARKER_NAME.encode() + b";",
        scopes=Query(language, _SCOPES),
    )


GRAMMARS: dict[str, Grammar] = {
    "python": _python(),
    "javascript": _script("javascript", tree_sitter_javascript.language(), _JAVASCRIPT_LITERALS),
    "typescript": _script("typescript", tree_sitter_typescript.language_typescript(), _TYPESCRIPT_LITERALS),
    "tsx": _script("tsx", tree_sitter_typescript.language_tsx(), _TSX_LITERALS),
}


def grammar_for(name: str) -> Grammar:
    """Find the grammar of a language by its name."""
    try:
        return GRAMMARS[name]
    except KeyError:
        raise Refused(Reason.UNSUPPORTED_LANGUAGE, f"The language {name[:40]!r} is not supported.") from None
