"""Edits that once came out wrong: each is now exact, or refused with its reason."""

from __future__ import annotations

import zlib

import pytest

from agentic_flow.booster.cache import NoTrees
from agentic_flow.booster.edit import Edit, apply
from agentic_flow.booster.refusals import Reason, Refused

STEPS = "def f():\n    a = 1  # one\n    b = 2\n    c = 3\n"
SCRIPT = "function f() {\n  a(); // one\n  b();\n  c();\n}\n"


def answer(source: str, target: str, snippet: str, language: str = "python") -> str | Reason:
    def seal(text: bytes, prefix: int, suffix: int) -> int:
        return zlib.crc32(text[:prefix] + b"|" + text[len(text) - suffix :])

    try:
        return apply(Edit(source, language, target, snippet), NoTrees(), seal).source
    except Refused as refused:
        return refused.reason


def test_a_comment_stated_beside_a_quoted_statement_is_taken_and_one_not_stated_stays() -> None:
    changed = answer(STEPS, "f", "def f():\n    a = 1  # noqa\n    # ...\n    c = 3  # last\n")
    assert changed == STEPS.replace("# one", "# noqa").replace("c = 3", "c = 3  # last")
    assert answer(STEPS, "f", "def f():\n    a = 1\n    # ...\n    c = 3\n") == STEPS
    snippet = "function f() {\n  a(); // two\n  // ...\n}"
    assert answer(SCRIPT, "f", snippet, "javascript") == SCRIPT.replace("one", "two")


@pytest.mark.parametrize(
    "snippet",
    [
        "def f():\n    a = 1\n    # New.\n    # ...\n    c = 3\n",
        "def f():\n    # ...\n    # New.\n    # ...\n",
        "def f():\n    a = 1\n    # ...\n    # New.\n",
    ],
)
def test_a_comment_beside_a_marker_is_refused_rather_than_lost(snippet: str) -> None:
    assert answer(STEPS, "f", snippet) is Reason.AMBIGUOUS_ANCHOR
    kept = STEPS.replace("    b = 2", "    # New.\n    b = 2").replace("c = 3\n", "c = 3\n    # New.\n")
    assert answer(kept, "f", snippet) == kept  # There it quotes one that the marker stands for.


def test_a_comment_on_the_header_of_a_statement_merged_in_part_is_refused_rather_than_lost() -> None:
    source = "function f() {\n  if (a) { // one\n    b();\n    c();\n  }\n}\n"
    snippet = "function f() {\n  if (a) { // two\n    // ...\n    d();\n  }\n}"
    assert answer(source, "f", snippet, "javascript") is Reason.AMBIGUOUS_ANCHOR
    same = snippet.replace("two", "one")
    assert answer(source, "f", same, "javascript") == source.replace("c();", "c();\n    d();")


def test_white_space_inside_a_string_tells_headers_apart() -> None:
    source = 'def f():\n    if x == "a b":\n        one()\n    two()\n'
    snippet = 'def f():\n    if x == "ab":\n        # ...\n        three()\n    two()\n'
    assert answer(source, "f", snippet) is Reason.ANCHOR_NOT_FOUND
