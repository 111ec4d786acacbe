"""YAML text to plain values, with the line of every key, and without YAML's surprises.

Of YAML 1.1's implicit types only null, true, false and numbers are kept: ``17:00`` and ``on`` and ``2025-12-08`` stay
text, and so does what begins with a plus: it is a telephone number. Aliases are refused (a few lines of them unfold to
gigabytes), a key given twice is an error, and size, depth and number of values are bounded. Pure:
`tocsin.playbook.load` reads the files.
"""

import re
from typing import Any, Final

import yaml

from tocsin.playbook.problems import Problem

Path = tuple[str | int, ...]
"""Keys and places from the top of a document to a value."""

BYTES_MAX: Final = 1024 * 1024
"""Of one file. A playbook's longest file has about ten kilobytes."""
DEPTH_MAX: Final = 24
VALUES_MAX: Final = 50_000
DIGITS_MAX: Final = 18
"""Of one whole number; no figure of a playbook has more, and longer ones cost time to read."""

_COLLECTIONS: Final = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")

_Base: Any = getattr(getattr(yaml, "cyaml", None), "CParser", None)
"""The scanner in C is ten times as fast; where PyYAML was built without it, its own in Python serves as well."""


class _Resolver(yaml.resolver.BaseResolver):
    """YAML 1.2's core types and nothing else."""


for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:null", r"^(?:~|null|)$", ["~", "n", ""]),
    ("tag:yaml.org,2002:bool", r"^(?:true|false)$", list("tf")),
    ("tag:yaml.org,2002:int", r"^-?(?:0|[1-9][0-9]*)$", list("-0123456789")),
    ("tag:yaml.org,2002:float", r"^-?[0-9]+\.[0-9]+(?:[eE][-+]?[0-9]+)?$", list("-0123456789")),
):
    _Resolver.add_implicit_resolver(_tag, re.compile(_pattern), _first)


if _Base is not None:

    class _Loader(_Base, yaml.constructor.SafeConstructor, _Resolver):  # type: ignore[misc]  # C base has no types.
        def __init__(self, stream: str) -> None:
            _Base.__init__(self, stream)
            yaml.constructor.SafeConstructor.__init__(self)
            _Resolver.__init__(self)

else:  # pragma: no cover - only where PyYAML was built without its C part.

    class _Loader(  # type: ignore[no-redef]
        yaml.reader.Reader,
        yaml.scanner.Scanner,
        yaml.parser.Parser,
        yaml.composer.Composer,
        yaml.constructor.SafeConstructor,
        _Resolver,
    ):
        def __init__(self, stream: str) -> None:
            yaml.reader.Reader.__init__(self, stream)
            yaml.scanner.Scanner.__init__(self)
            yaml.parser.Parser.__init__(self)
            yaml.composer.Composer.__init__(self)
            yaml.constructor.SafeConstructor.__init__(self)
            _Resolver.__init__(self)


class Document:
    """One file's values, the line of each key, and what was wrong with it as YAML."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.value: Any = None
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []

    def line(self, path: Path) -> int:
        """Answer the line of a value, or of the nearest thing around it that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def add(self, line: int, key: str, message: str, remedy: str, check: str = "yaml") -> None:
        """Note a problem of this file."""
        self.problems.append(Problem(self.file, line, key, message, remedy, "error", check))


def spoken(path: Path) -> str:
    """Write a path as a person would: ``severities[0].targets``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def read(file: str, raw: bytes) -> Document:
    """Read one file's bytes. What is wrong stands in the document's ``problems``; then its value may be None."""
    document = Document(file)
    text = _decoded(document, raw)
    if text is None or not _is_bounded(document, text):
        return document
    node = _composed(document, text)
    if node is None:
        return document
    document.value = _plain(document, node, ())
    return document


def _decoded(document: Document, raw: bytes) -> str | None:
    if len(raw) > BYTES_MAX:
        document.add(0, "", f"the file has {len(raw)} bytes, {BYTES_MAX} are allowed", "split or shorten it")
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        document.add(line, "", f"byte {error.start} is not UTF-8", "save the file as UTF-8")
        return None
    if not text.strip():
        document.add(0, "", "the file is empty", "write its section, or start from a shipped playbook")
        return None
    return text


def _is_bounded(document: Document, text: str) -> bool:
    """Look through the events before anything is built of them."""
    depth = values = documents = 0
    try:
        for event in yaml.parse(text, Loader=_Loader):
            mark = event.start_mark
            line = mark.line + 1 if mark else 0
            if isinstance(event, yaml.AliasEvent):
                document.add(line, "", f"alias *{event.anchor} is not allowed", "write the value out again")
                return False
            opens = isinstance(event, yaml.CollectionStartEvent)
            closes = isinstance(event, yaml.CollectionEndEvent)
            depth += opens - closes
            values += opens or isinstance(event, yaml.ScalarEvent)
            documents += isinstance(event, yaml.DocumentStartEvent)
            if depth > DEPTH_MAX or values > VALUES_MAX or documents > 1:
                document.add(line, "", "nested too deeply, too many values, or several documents", "simplify the file")
                return False
    except yaml.YAMLError as error:
        _unreadable(document, error)
        return False
    if not values:
        document.add(0, "", "the file holds only comments", "write its section, or start from a shipped playbook")
    return bool(values)


def _composed(document: Document, text: str) -> Any:
    try:
        return yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        _unreadable(document, error)
        return None


def _unreadable(document: Document, error: yaml.YAMLError) -> None:
    mark = getattr(error, "problem_mark", None)
    why = getattr(error, "problem", None) or str(error).splitlines()[0]
    line = mark.line + 1 if mark else 0
    document.add(line, "", f"this is not YAML: {why}", "check indentation, quotes and colons on this line")


def _plain(document: Document, node: Any, path: Path) -> Any:
    line = node.start_mark.line + 1
    document.lines.setdefault(path, line)
    if not isinstance(node, yaml.ScalarNode) and node.tag not in _COLLECTIONS:
        document.add(line, spoken(path), f"the tag {node.tag} is not allowed", "write a plain list or mapping")
        return None
    if isinstance(node, yaml.MappingNode):
        return _mapping(document, node, path)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(document, item, (*path, place)) for place, item in enumerate(node.value)]
    return _scalar(document, node, path)


def _mapping(document: Document, node: Any, path: Path) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            document.add(line, spoken(path), "a key must be text", "write a plain key")
            continue
        key = str(key_node.value)
        if key in result:
            first = document.lines[(*path, key)]
            document.add(
                line,
                spoken((*path, key)),
                f'"{key}" stands here twice, first on line {first}',
                "remove one",
                "duplicate",
            )
            continue
        document.lines[(*path, key)] = line
        result[key] = _plain(document, value_node, (*path, key))
    return result


def _scalar(document: Document, node: Any, path: Path) -> Any:
    text = str(node.value)
    match str(node.tag).removeprefix("tag:yaml.org,2002:"):
        case "null":
            return None
        case "bool":
            return text == "true"
        case "int" if len(text) <= DIGITS_MAX:
            return int(text)
        case "float":
            return float(text)
        case "str":
            return text
        case other:
            line = node.start_mark.line + 1
            document.add(line, spoken(path), f"the tag {other} is not allowed", "write a plain value")
            return text
