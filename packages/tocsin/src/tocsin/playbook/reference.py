"""The tables of keys in ``docs/playbook.md``, made from the schema so that they cannot lie.

They stand between two marks; `written` makes them anew.
"""

import types
import typing
from collections.abc import Iterator
from typing import Any

import msgspec
from whenever import Date, Time, TimeDelta

from tocsin.playbook.base import Doc
from tocsin.playbook.measured import ComponentDoc
from tocsin.playbook.schema import FILES, OPTIONAL
from tocsin.playbook.words import Act, Allowance, Plain, TurnWord, Whom

BEGIN, END = "<!-- keys: made by tocsin.playbook.reference -->", "<!-- end of keys -->"

_NAMES: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    TimeDelta: "duration",
    Date: "date",
    Time: "time of day",
    Allowance: "allowance",
    Whom: "whom",
    Act: "act",
    Plain: "value",
    TurnWord: "turn",
}


def tables() -> str:
    """Answer the reference of all files and the structs in them as Markdown."""
    lines: list[str] = []
    seen: list[type[Doc]] = []
    files: dict[str, type[Doc]] = {**FILES, "components/NAME.yaml": ComponentDoc}
    for file, kind in files.items():
        optional = " (may be left out)" if file in OPTIONAL else ""
        lines += [f"### `{file}`{optional}", "", *_table(kind), ""]
        for part in _parts(kind):
            if part not in seen:
                seen.append(part)
                lines += [f"#### {_title(part)}", "", _first_sentence(part), "", *_table(part), ""]
    return "\n".join(lines).rstrip() + "\n"


def _parts(kind: type[Doc]) -> Iterator[type[Doc]]:
    for hint in typing.get_type_hints(kind).values():
        for part in _docs(hint):
            yield part
            yield from _parts(part)


def _docs(hint: Any) -> Iterator[type[Doc]]:
    if isinstance(hint, type) and issubclass(hint, Doc):
        yield hint
    for argument in typing.get_args(hint):
        yield from _docs(argument)


def _table(kind: type[Doc]) -> list[str]:
    hints = typing.get_type_hints(kind)
    rows = [
        f"| `{field.name}` | {_named(hints[field.name])} | {'yes' if field.required else ''} |"
        for field in msgspec.structs.fields(kind)
    ]
    return ["| key | takes | needed |", "|---|---|---|", *rows]


def _named(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_named(one) for one in arguments if one is not type(None))
    if origin is tuple:
        return f"list of {_named(arguments[0])}"
    if origin is dict:
        return f"mapping to {_named(arguments[1])}"
    if origin is typing.Literal:
        return ", ".join(f"`{one}`" for one in arguments)
    if isinstance(hint, type) and issubclass(hint, Doc):
        return _title(hint)
    values = getattr(hint, "__members__", None)
    return ", ".join(f"`{one.value}`" for one in values.values()) if values else _NAMES[hint]


def _title(kind: type[Doc]) -> str:
    return f"*{kind.__name__.removesuffix('Doc').lower()}*"


def _first_sentence(kind: type[Doc]) -> str:
    return " ".join((kind.__doc__ or "").split("\n\n")[0].split()).replace("``", "`")


def written(text: str) -> str:
    """Answer a page with its tables made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"
