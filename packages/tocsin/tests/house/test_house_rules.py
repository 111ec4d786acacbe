"""House rules that a machine can hold: where time comes from, how large things are, what every word must have."""

import ast
import re
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

from tocsin.core import narration
from tocsin.core.commands import AnyCommand, Reason
from tocsin.core.events import AnyEvent

ROOT = Path(__file__).parents[4]
PRODUCT = ROOT / "packages"
SOURCES = sorted(path for path in PRODUCT.glob("*/src/**/*.py") if "migrations" not in path.parts)
TESTS = sorted(PRODUCT.glob("*/tests/**/test_*.py"))

CLAUSES_KEPT = {
    *("C1", "C2", "C3", "C4", "C5", "C6"),
    *("D1", "D2", "D3", "D4"),
    *("E1", "E2", "E3", "E4", "E5"),
    *("K1", "K6", "M3", "M4", "M5", "O1", "O2", "O3", "O4", "P1", "Q2", "R1", "R2", "R3", "R4"),
    *("V1", "V2", "V3", "V4"),
}
"""The clauses of the playbook that this version claims to keep."""


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in SOURCES:
        yield path, ast.parse(path.read_text(encoding="utf8"))


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_only_the_clock_asks_what_time_it_is() -> None:
    asks = re.compile(r"Instant\.now\(|datetime\.now\(|time\.time\(")
    askers = {path.relative_to(PRODUCT).as_posix() for path in SOURCES if asks.search(path.read_text(encoding="utf8"))}
    tocsin = {path for path in askers if path.startswith("tocsin/")}
    assert tocsin == {"tocsin/src/tocsin/engine/clock.py"}


def test_only_serve_sleeps() -> None:
    sleeps = re.compile(r"asyncio\.sleep\(|time\.sleep\(|\.wait_for\(")
    engine = PRODUCT / "tocsin/src/tocsin/engine"
    assert {path.name for path in engine.glob("*.py") if sleeps.search(path.read_text(encoding="utf8"))} == {"serve.py"}


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}"
        for path, tree in _trees()
        for function in _functions(tree)
        if (function.end_lineno or 0) - function.lineno + 1 > 60
    ]
    assert not long


def test_no_file_holds_more_than_one_idea() -> None:
    long = [str(path.relative_to(ROOT)) for path in SOURCES if len(path.read_text(encoding="utf8").splitlines()) > 500]
    assert not long


def test_every_module_says_what_it_is_for() -> None:
    silent = [str(path.relative_to(ROOT)) for path, tree in _trees() if len(ast.get_docstring(tree) or "") < 15]
    assert not silent


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX)\b")
    left = [str(path.relative_to(ROOT)) for path in SOURCES if later.search(path.read_text(encoding="utf8"))]
    assert not left


@pytest.mark.parametrize("event", typing.get_args(AnyEvent), ids=lambda event: event.__name__)
def test_every_event_can_be_told(event: type) -> None:
    assert event in narration._LINES


def _stored_names(union: object) -> list[str]:
    return [member.__struct_config__.tag for member in typing.get_args(union)]


def test_the_stored_names_of_events_and_commands_are_all_different() -> None:
    for union in (AnyEvent, AnyCommand):
        names = _stored_names(union)
        assert len(names) == len(set(names))


def test_every_reason_for_a_refusal_is_used() -> None:
    core = "\n".join(path.read_text(encoding="utf8") for path in SOURCES if "/core/" in path.as_posix())
    assert [reason.name for reason in Reason if f"Reason.{reason.name}" not in core] == []


def _clauses_proven() -> set[str]:
    marks = re.compile(r"mark\.clause\(([^)]*)\)", re.DOTALL)
    texts = (path.read_text(encoding="utf8") for path in TESTS)
    return {clause for text in texts for found in marks.findall(text) for clause in re.findall(r'"([A-Z]\d)"', found)}


def test_every_clause_that_is_kept_is_proven_by_a_test() -> None:
    assert sorted(CLAUSES_KEPT - _clauses_proven()) == []
