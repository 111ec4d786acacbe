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


@pytest.mark.parametrize(
    ("target", "snippet", "language"),
    [
        ("A.f", "    def f(self):\n        return 1\nx = 1\n", "python"),
        ("A.f", "f() { return 1 }\n}\nfunction g() {", "javascript"),
    ],
)
def test_what_a_snippet_states_beside_its_definition_is_refused_rather_than_dropped(
    target: str, snippet: str, language: str
) -> None:
    source = "class A:\n    def f(self):\n        pass\n" if language == "python" else "class A {\n  f() {}\n}\n"
    assert answer(source, target, snippet, language) is Reason.SNIPPET_NOT_ONE_DEFINITION


HIDDEN = (
    "unchanged; (rest unchanged); same as before; [...]; etc.; keep the rest; code omitted; other methods; "
    "implementation unchanged; body omitted for brevity; no changes below; The rest stays the same."
)


@pytest.mark.parametrize("comment", HIDDEN.split("; "))
def test_a_comment_that_only_tells_of_what_is_not_shown_is_refused(comment: str) -> None:
    snippet = f"def f():\n    a = 1  # one\n    # {comment}\n    c = 3\n"
    assert answer(STEPS, "f", snippet) is Reason.MARKER_MISPLACED
    quoted = STEPS.replace("    b = 2", f"    # {comment}\n    b = 2")
    assert answer(quoted, "f", quoted.replace("c = 3", "c = 4")) == quoted.replace("c = 3", "c = 4")


@pytest.mark.parametrize("comment", ["Methods", "Same as above, but quick.", "The rest is for tests.", "The old value"])
def test_a_comment_that_says_more_is_content(comment: str) -> None:
    snippet = f"def f():\n    # {comment}\n    return 3\n"
    assert answer(STEPS, "f", snippet) == snippet


def test_a_bare_ellipsis_is_a_body_alone_and_refused_beside_other_statements() -> None:
    assert answer(STEPS, "f", 'def f():\n    """Words."""\n    ...\n') == 'def f():\n    """Words."""\n    ...\n'
    assert answer(STEPS, "f", "def f():\n    ...\n    c = 4\n") is Reason.MARKER_MISPLACED


@pytest.mark.parametrize("statement", ["break", "await x", "nonlocal x", "class B:\n        return 1", "print 'x'"])
def test_what_parses_but_does_not_compile_is_a_syntax_error(statement: str) -> None:
    snippet = f"def f():\n    {statement}\n"
    assert answer(STEPS, "f", snippet) is Reason.ADDS_SYNTAX_ERROR
    assert answer("\ufeff" + STEPS, "f", snippet) is Reason.ADDS_SYNTAX_ERROR
    assert answer(STEPS + "break\n", "f", snippet) is Reason.ADDS_SYNTAX_ERROR  # An error elsewhere hides none here.


def test_an_inner_function_is_judged_with_what_is_around_it() -> None:
    source = "def f():\n    x = 1\n    def g():\n        pass\n    return g\n"
    result = answer(source, "f.g", "def g():\n    nonlocal x\n    x += 1\n")
    assert result == source.replace("pass", "nonlocal x\n        x += 1")
    assert answer(source, "f.g", "def g():\n    nonlocal y\n    y += 1\n") is Reason.ADDS_SYNTAX_ERROR


def test_code_that_parses_but_no_engine_takes_is_a_syntax_error() -> None:
    nested = "function outer() {\n  function inner() { return 1; }\n}\n"
    snippet = "export function inner() { return 2; }"
    assert answer(nested, "outer.inner", snippet, "javascript") is Reason.ADDS_SYNTAX_ERROR
    assert answer("function inner() {}\n", "inner", snippet, "javascript") == snippet + "\n"
    space = "namespace N {\n  function inner() {}\n}\n"
    assert answer(space, "N.inner", snippet, "typescript") == f"namespace N {{\n  {snippet}\n}}\n"
    source = "function f() {\n  use(a);\n  mid();\n  const b = h(a);\n  return b;\n}\n"
    moved = "function f() {\n  use(a);\n  const b = k(a);\n  mid();\n  // ...\n  return b;\n}"
    assert answer(source, "f", moved, "javascript") is Reason.ADDS_SYNTAX_ERROR


@pytest.mark.parametrize("elided", ["if V:\n        def f(self):\n            pass", "f = property(g)", "f: int = 1"])
def test_a_definition_beside_a_marker_that_may_replace_an_elided_one_is_refused(elided: str) -> None:
    source = f"class A:\n    {elided}\n    def g(self):\n        pass\n"
    snippet = "class A:\n    # ...\n    def f(self):\n        return 3\n"
    assert answer(source, "A", snippet) is Reason.AMBIGUOUS_ANCHOR


def test_a_method_that_a_condition_defines_once_more_is_ambiguous() -> None:
    source = "class A:\n    def f(self):\n        pass\n    if V:\n        def f(self):\n            pass\n"
    assert answer(source, "A", "class A:\n    def f(self):\n        return 3\n    # ...\n") is Reason.AMBIGUOUS_ANCHOR


def test_an_expression_that_ends_in_a_brace_keeps_its_layout() -> None:
    source = "function f() {\n  const g = () =>\n    h({\n      a: 1,\n    });\n}\n"
    assert answer(source, "f.g", "const g = () =>\n  h({\n    a: 1,\n  });", "javascript") == source


def test_decorators_before_an_export_are_not_dropped_by_a_snippet_that_states_the_export_alone() -> None:
    source = "@Injectable()\nexport class A {\n  f() {\n    a();\n  }\n}\n"
    snippet = "class A {\n  // ...\n  g() {}\n}"
    added = source.replace("  }\n}", "  }\n  g() {}\n}")
    assert answer(source, "A", "export " + snippet, "typescript") is Reason.UNSUPPORTED_SHAPE
    assert answer(source, "A", snippet, "typescript") == added
    assert answer(source, "A", "@Component()\nexport " + snippet, "typescript") == added.replace(
        "Injectable", "Component"
    )


def test_a_comment_stated_after_a_marker_leaves_the_blank_row_above_it() -> None:
    source = STEPS.replace("    b = 2", "\n    b = 2")
    snippet = "def f():\n    # ...\n    # Why.\n    b = 2\n    # ...\n"
    assert answer(source, "f", snippet) == source.replace("    b = 2", "    # Why.\n    b = 2")
