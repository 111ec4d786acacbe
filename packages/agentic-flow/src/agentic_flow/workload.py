"""Real edits of real files: the standard library's functions, each with the result it must have.

What is expected is worked out from line numbers that Python's own `ast` gives, without any of the booster's code, so
that the two can be held against one another. Used to measure, to test and to put a service under load.
"""

from __future__ import annotations

import ast
import io
import random
import sysconfig
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_PACKAGES = (
    "",
    "asyncio",
    "collections",
    "concurrent/futures",
    "ctypes",
    "email",
    "html",
    "http",
    "importlib",
    "json",
    "logging",
    "multiprocessing",
    "sqlite3",
    "unittest",
    "urllib",
    "xml/dom",
    "xmlrpc",
)
_ELIDED = "# ... existing code ..."


@dataclass(frozen=True)
class Sample:
    """One edit and the only right answer to it."""

    file: str
    size: int
    kind: str
    source: str
    target: str
    edit: str
    expected: str

    def request(self) -> dict[str, str]:
        """Give the document to send to /transform."""
        return {"source": self.source, "language": "python", "target": self.target, "edit": self.edit}


@dataclass(frozen=True)
class _Place:
    """A function in its file."""

    name: str
    node: Function
    owner: ast.ClassDef | None


@dataclass(frozen=True)
class _File:
    name: str
    lines: list[str]
    string_rows: frozenset[int]

    def dedented(self, first: int, last: int, width: int) -> list[str]:
        """Give lines (from 1, both included) with less indentation, but for those inside strings."""
        return [
            line if row in self.string_rows else line[min(width, len(line) - len(line.lstrip())) :]
            for row, line in enumerate(self.lines[first - 1 : last], start=first)
        ]

    def with_line(self, after: int, line: str) -> str:
        """Give the source with one more line."""
        return "\n".join([*self.lines[:after], line, *self.lines[after:]])


def samples(least_bytes: int, most_bytes: int, count: int, seed: int) -> list[Sample]:
    """Draw edits of files within these sizes; the same seed draws the same."""
    chance = random.Random(seed)  # noqa: S311 - A fair draw, not a secret.
    files = [path for path in _files() if least_bytes <= path.stat().st_size < most_bytes]
    chance.shuffle(files)
    pool: list[Sample] = []
    for path in files:
        drawn = list(samples_of(path, path.read_bytes()))
        pool += chance.sample(drawn, min(len(drawn), 40))
        if len(pool) >= count * 4:
            break
    return chance.sample(pool, min(count, len(pool)))


def samples_of(path: Path, data: bytes) -> Iterator[Sample]:
    """Make every edit that this file lends itself to."""
    try:
        source = data.decode()
        tree = ast.parse(source)
    except (UnicodeDecodeError, SyntaxError, ValueError):
        return  # Test data of the library, wrong on purpose.
    if "\r" in source or "\f" in source:
        return  # ast counts these as line ends of its own.
    file = _File(path.name, source.split("\n"), _string_rows(source))
    for place in _unique(tree):
        for make in _KINDS:
            made = make(file, place)
            if made is not None:
                target, edit, expected = made
                yield Sample(file.name, len(data), make.__name__, source, target, edit, expected)


_Made: TypeAlias = tuple[str, str, str] | None


def replace_whole(file: _File, place: _Place) -> _Made:
    """State the whole function, with one more statement at the beginning of its body."""
    node, width = place.node, place.node.col_offset
    if not _is_plain(file, node):
        return None
    after = _docstring_end(file, node)
    end = _end_with_comments(file, node, node.body[0].col_offset)
    head = file.dedented(node.lineno, after, width)
    rest = file.dedented(after + 1, end, width)
    inner = " " * (node.body[0].col_offset - width)
    snippet = [*head, inner + _statement(node), *rest]
    return place.name, "\n".join(snippet), file.with_line(after, _indent(node) + _statement(node))


def insert_before_last(file: _File, place: _Place) -> _Made:
    """Elide all but the last statement, and put one before it."""
    node, width = place.node, place.node.col_offset
    if not _is_plain(file, node) or len(node.body) < 2:
        return None
    inner = " " * (node.body[0].col_offset - width)
    last, before = node.body[-1], node.body[-2]
    snippet = [
        *file.dedented(node.lineno, _header_end(file, node), width),
        inner + _ELIDED,
        inner + _statement(node),
        *file.dedented(_first_row(last), _end(last), width),
    ]
    after = _end_with_comments(file, before, node.body[0].col_offset + 1)
    return place.name, "\n".join(snippet), file.with_line(after, _indent(node) + _statement(node))


def insert_after_first(file: _File, place: _Place) -> _Made:
    """State the beginning of the body and one more statement, and elide the rest."""
    node, width = place.node, place.node.col_offset
    if not _is_plain(file, node) or len(node.body) < 3:
        return None
    inner = " " * (node.body[0].col_offset - width)
    after = _end_with_comments(file, node.body[1], node.body[0].col_offset + 1)
    snippet = [
        *file.dedented(node.lineno, after, width),
        inner + _statement(node),
        inner + _ELIDED,
    ]
    return place.name, "\n".join(snippet), file.with_line(after, _indent(node) + _statement(node))


def through_the_class(file: _File, place: _Place) -> _Made:
    """State a class with one method in full, and elide everything around that method."""
    node, owner = place.node, place.owner
    made = replace_whole(file, place)
    if made is None or owner is None or owner.col_offset or owner.decorator_list or node.decorator_list:
        return None
    if _first_row(owner.body[0]) <= _header_end(file, owner):
        return None
    in_strings = _string_rows(made[1])
    inner = " " * node.col_offset
    member = [
        (inner if line.strip() and row not in in_strings else "") + line
        for row, line in enumerate(made[1].split("\n"), start=1)
    ]
    snippet = [*file.dedented(owner.lineno, _header_end(file, owner), 0), inner + _ELIDED, *member, inner + _ELIDED]
    return place.name.rpartition(".")[0], "\n".join(snippet), made[2]


_KINDS: tuple[Callable[[_File, _Place], _Made], ...] = (
    replace_whole,
    insert_before_last,
    insert_after_first,
    through_the_class,
)


def _files() -> list[Path]:
    root = Path(sysconfig.get_paths()["stdlib"])
    return sorted(path for package in _PACKAGES for path in (root / package).glob("*.py"))


def _unique(tree: ast.Module) -> list[_Place]:
    """List the functions whose qualified name is met once only."""
    names: Counter[str] = Counter()
    found: list[_Place] = []

    def visit(node: ast.AST, prefix: str, owner: ast.ClassDef | None) -> None:
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, Function | ast.ClassDef):
                visit(child, prefix, None)
                continue
            name = prefix + child.name
            names[name] += 1
            if not isinstance(child, ast.ClassDef):
                found.append(_Place(name, child, owner))
            visit(child, name + ".", child if isinstance(child, ast.ClassDef) else None)

    visit(tree, "", None)
    return [place for place in found if names[place.name] == 1 and _owner_is_unique(place, names)]


def _owner_is_unique(place: _Place, names: Counter[str]) -> bool:
    return place.owner is None or names[place.name.rpartition(".")[0]] == 1


def _is_plain(file: _File, node: Function) -> bool:
    """Keep to bodies on rows of their own, indented by spaces: line numbers say all about them."""
    starts = [_first_row(statement) for statement in node.body]
    ends = [_header_end(file, node), *(_end(statement) for statement in node.body)]
    rows = file.lines[node.lineno - 1 : _end(node)]
    first = node.body[0]
    return (
        not file.lines[_first_row(first) - 1][: first.col_offset].strip()
        and all(start > end for start, end in zip(starts, ends, strict=False))
        and not any("\t" in row[: len(row) - len(row.lstrip())] or row.rstrip().endswith("\\") for row in rows)
        and not any(row.split("#")[0].rstrip().endswith(";") for row in rows)
    )


def _statement(node: Function) -> str:
    return f"probe_of_{node.name} = {node.lineno}"


def _indent(node: Function) -> str:
    return " " * node.body[0].col_offset


def _docstring_end(file: _File, node: Function) -> int:
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return _end(first)
    return _header_end(file, node)


def _header_end(file: _File, node: Function | ast.ClassDef) -> int:
    """Find the row of the colon: the last one above the body that is neither blank nor a comment by itself."""
    row = _first_row(node.body[0]) - 1
    while row > node.lineno and (not file.lines[row - 1].strip() or file.lines[row - 1].lstrip().startswith("#")):
        row -= 1
    return max(row, node.lineno)


def _first_row(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _end(statement: ast.stmt) -> int:
    assert statement.end_lineno is not None
    return statement.end_lineno


def _end_with_comments(file: _File, statement: ast.stmt, width: int) -> int:
    """A comment below a statement is part of it if it is indented like what is inside it, by `width` at least."""
    end = _end(statement)
    for row in range(_end(statement) + 1, len(file.lines) + 1):
        line = file.lines[row - 1]
        if line.strip() and not (line.lstrip().startswith("#") and len(line) - len(line.lstrip()) >= width):
            break
        end = row if line.strip() else end
    return end


def _string_rows(source: str) -> frozenset[int]:
    """Number the rows that begin inside a string."""
    rows: set[int] = set()
    opened: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        name = tokenize.tok_name[token.type]
        if name == "STRING":
            rows.update(range(token.start[0] + 1, token.end[0] + 1))
        elif name == "FSTRING_START":  # From Python 3.12 on, an f-string is many tokens.
            opened.append(token.start[0])
        elif name == "FSTRING_END":
            rows.update(range(opened.pop() + 1, token.end[0] + 1))
    return frozenset(rows)
