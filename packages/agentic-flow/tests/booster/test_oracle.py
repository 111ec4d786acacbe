"""Never a wrong edit: the booster held against results worked out without any of its code."""

from __future__ import annotations

import ast
import zlib
from collections import Counter
from pathlib import Path
from textwrap import indent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentic_flow.booster.cache import NoTrees, TreeCache
from agentic_flow.booster.edit import Edit, apply
from agentic_flow.booster.languages import grammar_for
from agentic_flow.booster.refusals import Refused
from agentic_flow.workload import Sample, samples, samples_of


def seal(text: bytes, prefix: int, suffix: int) -> int:
    return zlib.crc32(text[:prefix] + b"|" + text[len(text) - suffix :])


def verdict(sample: Sample, trees: TreeCache | NoTrees) -> str:
    try:
        result = apply(Edit(sample.source, "python", sample.target, sample.edit), trees, seal)
    except Refused:
        return "refused"
    return "exact" if result.source == sample.expected else f"wrong: {sample.file} {sample.target} {sample.kind}"


@pytest.mark.parametrize("seed", [1, 2])
def test_edits_of_the_standard_library_are_exact_or_refused(seed: int) -> None:
    drawn = samples(0, 100_000, 250, seed)
    verdicts = Counter(verdict(sample, NoTrees()) for sample in drawn)
    assert set(verdicts) <= {"exact", "refused"}
    assert verdicts["exact"] >= 0.95 * len(drawn)
    assert {sample.kind for sample in drawn} == {
        "replace_whole",
        "insert_before_last",
        "insert_after_first",
        "through_the_class",
    }


NAMES = st.sampled_from(["a", "b", "item", "résumé"])
EXPRESSIONS = st.sampled_from(
    ["1", "a + b", '"x  y"', '"""two\n  lines"""', "f'{a}\t'", "[\n1,\n        2]", "(yield)"]
)
STATEMENTS = st.one_of(
    st.builds("{} = {}".format, NAMES, EXPRESSIONS),
    st.builds("{}({})".format, NAMES, EXPRESSIONS),
    st.builds("if {}:\n    {} = {}\nelse:\n    pass  # no".format, NAMES, NAMES, EXPRESSIONS),
    st.builds("# note {}\n{} = {}".format, NAMES, NAMES, EXPRESSIONS),
    st.sampled_from(["pass", "return", "\nreturn 1", "del a; del b", '"""bare"""']),
)
BODIES = st.lists(STATEMENTS, min_size=1, max_size=5)
FILLERS = st.lists(
    st.sampled_from(["x = 1", "", "# words", "def other(): pass", 'T = """\n  def f(): 1\n"""']), max_size=4
)


def function(body: list[str], width: str) -> str:
    """Write a function without indenting the inside of strings."""
    lines = []
    for statement in body:
        inside = False
        for line in statement.split("\n"):
            lines.append(line if inside else width + line)
            inside ^= line.count('"""') % 2 == 1
    return "def f(a, b):\n" + "\n".join(lines)


@settings(max_examples=150, deadline=None)
@given(
    front=FILLERS,
    old=BODIES,
    new=BODIES,
    back=FILLERS,
    width=st.sampled_from(["  ", "    ", "\t"]),
    marked=st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_whatever_is_asked_the_outside_is_untouched_and_the_result_is_python(
    front: list[str], old: list[str], new: list[str], back: list[str], width: str, marked: list[bool]
) -> None:
    elided = [
        part for flag, part in zip(marked, [*new, ""], strict=False) for part in ([MARKER] * flag + [part] * bool(part))
    ]
    before, after = "\n".join([*front, ""]), "\n".join(["", *back, ""])
    source = before + function(old, "    ") + after
    snippet = function(elided, width)
    try:
        result = apply(Edit(source, "python", "f", snippet), NoTrees(), seal).source
    except Refused:
        return
    assert result.startswith(before)
    assert result.endswith(after)
    ast.parse(result)
    if MARKER not in snippet:
        assert ast.dump(ast.parse(result[len(before) :])) == ast.dump(ast.parse(snippet + after))


MARKER = "# ... existing code ..."


@settings(max_examples=60, deadline=None)
@given(body=BODIES, depth=st.integers(0, 3))
def test_putting_a_definition_back_changes_nothing(body: list[str], depth: int) -> None:
    inner = function(body, "    ")
    classes = "".join("    " * level + f"class C{level}:\n" for level in range(depth))
    shifted = "\n".join(
        line if inside else "    " * depth + line
        for line, inside in zip(inner.split("\n"), in_strings(inner), strict=True)
    )
    source = "import a\n" + classes + shifted + "\n\nb = 1\n"
    target = ".".join([*(f"C{level}" for level in range(depth)), "f"])
    try:
        result = apply(Edit(source, "python", target, inner), NoTrees(), seal).source
    except Refused:
        return
    assert "\n".join(line.rstrip() for line in result.split("\n")) == "\n".join(
        line.rstrip() for line in source.split("\n")
    )


def in_strings(text: str) -> list[bool]:
    inside, rows = False, []
    for line in text.split("\n"):
        rows.append(inside)
        inside ^= line.count('"""') % 2 == 1
    return rows


@settings(max_examples=40, deadline=None)
@given(
    text=st.text(max_size=200), snippet=st.text(max_size=100), language=st.sampled_from(["python", "javascript", "tsx"])
)
def test_any_text_at_all_is_edited_or_refused(text: str, snippet: str, language: str) -> None:
    source = f"{text}\ndef f():\n  pass\n" if language == "python" else f"{text}\nfunction f() {{}}\n"
    try:
        result = apply(Edit(source, language, "f", snippet), NoTrees(), seal).source
    except Refused:
        return
    assert result.startswith(text[:0])
    assert len(result.encode()) >= len(text.encode())


def test_a_tree_made_by_an_edit_equals_one_made_afresh() -> None:
    grammar = grammar_for("python")
    for sample in samples(0, 30_000, 60, seed=5):
        trees = TreeCache()
        assert verdict(sample, trees) in {"exact", "refused"}
        data = sample.expected.encode()
        tree = trees.get(grammar, data)
        assert tree is None or str(tree.root_node) == str(grammar.parse(data).root_node)


def test_the_oracle_itself_makes_valid_python() -> None:
    drawn = list(samples_of(Path("shop.py"), SHOP.encode()))
    assert {sample.target for sample in drawn} == {"Shop", "Shop.sell"}
    for sample in drawn:
        ast.parse(sample.expected)
        assert sample.expected.count("probe_of_sell = 2") == 1


SHOP = "class Shop:\n" + indent("def sell(self):\n    a = 1\n\n    b = 2\n    # end\n", "    ") + "\nx = 1\n"
