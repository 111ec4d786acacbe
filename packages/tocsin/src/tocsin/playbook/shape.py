"""Plain values to the structs of the schema, with every mistake found and not only the first.

`msgspec` stops at the first mistake and knows no lines. So each value is walked beside the type it should have: unknown
keys, missing keys and wrong leaves are all noted with their line. Only what was found clean is converted.
"""

import difflib
import enum
import re
import types
import typing
from collections.abc import Iterable
from functools import cache
from typing import Any, TypeVar

import msgspec

from tocsin.playbook.base import Doc
from tocsin.playbook.problems import Problem
from tocsin.playbook.reading import Document, Path, spoken
from tocsin.playbook.schema import dec_hook

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")

D = TypeVar("D", bound=Doc)


def shaped(document: Document, kind: type[D]) -> D | None:
    """Answer a document as the struct of its file; None if anything was wrong, which stands in its ``problems``."""
    if document.value is None:
        return None
    before = len(document.problems)
    _walk(document, kind, document.value, ())
    if len(document.problems) > before:
        return None
    return msgspec.convert(document.value, kind, dec_hook=dec_hook, strict=True)


def nearest(word: str, known: Iterable[str]) -> str:
    """Answer `` Did you mean …?`` material: the known word most like another, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return close[0] if close else ""


def meant(word: str, known: Iterable[str], otherwise: str) -> str:
    """Answer the remedy for an unknown word."""
    choices = sorted(known)
    close = nearest(word, choices)
    if close:
        return f'did you mean "{close}"?'
    return f"{otherwise}: {', '.join(choices)}" if choices else otherwise


@cache
def _hints(kind: type[Doc]) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


@cache
def _required(kind: type[Doc]) -> frozenset[str]:
    return frozenset(field.encode_name for field in msgspec.structs.fields(kind) if field.required)


def _walk(document: Document, kind: Any, value: Any, path: Path) -> None:
    bare = typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind
    origin = typing.get_origin(bare)
    if origin in (types.UnionType, typing.Union):
        if value is not None:
            _walk(document, _arm(bare, value), value, path)
    elif isinstance(bare, type) and issubclass(bare, Doc):
        _walk_struct(document, bare, value, path)
    elif origin is tuple and isinstance(value, list):
        for place, item in enumerate(value):
            _walk(document, typing.get_args(bare)[0], item, (*path, place))
        _leaf_count(document, kind, value, path)
    elif origin is dict and isinstance(value, dict):
        key_kind, item_kind = typing.get_args(bare)
        for key, item in value.items():
            _leaf(document, key_kind, key, (*path, key))
            _walk(document, item_kind, item, (*path, key))
        _leaf_count(document, kind, value, path)
    else:
        _leaf(document, kind, value, path)


def _arm(union: Any, value: Any) -> Any:
    """Answer the type that is meant where one of several may stand: for a list that of lists, else the first."""
    arms = [arm for arm in typing.get_args(union) if arm is not type(None)]
    return next((arm for arm in arms if isinstance(value, list) and typing.get_origin(arm) is tuple), arms[0])


def _walk_struct(document: Document, kind: type[Doc], value: Any, path: Path) -> None:
    if not isinstance(value, dict):
        _note(document, path, f"expected keys and values, found {_named(value)}", _keys(kind))
        return
    hints = _hints(kind)
    for key, item in value.items():
        if key in hints:
            _walk(document, hints[key], item, (*path, key))
        else:
            _note(document, (*path, key), f'unknown key "{key}"', meant(key, hints, "the keys here are"), "unknown-key")
    for key in sorted(_required(kind) - value.keys()):
        _note(document, path, f'the key "{key}" is missing', f'add "{key}: …" here', "missing-key")


def _leaf_count(document: Document, kind: Any, value: Any, path: Path) -> None:
    """Check what the annotation says of the number of items."""
    for extra in typing.get_args(kind)[1:] if typing.get_origin(kind) is typing.Annotated else ():
        if extra.min_length is not None and len(value) < extra.min_length:
            _note(document, path, "this is empty", f"give at least {extra.min_length}")


def _leaf(document: Document, kind: Any, value: Any, path: Path) -> None:
    try:
        msgspec.convert(value, kind, dec_hook=dec_hook, strict=True)
    except (msgspec.ValidationError, ValueError) as error:
        message, _, remedy = str(error).partition("; ")
        _note(document, path, message[:1].lower() + message[1:], remedy or _remedy(kind, value, message))


def _remedy(kind: Any, value: Any, message: str) -> str:
    if choices := _choices(kind):
        return meant(value if isinstance(value, str) else "", choices, "write one of these")
    if "`str`" in message and isinstance(value, int | float | bool):
        return f'put it in quotes: "{str(value).lower() if isinstance(value, bool) else value}"'
    if "`bool`" in message:
        return "write true or false, without quotes"
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return f"write it without quotes: {value}"
    if "`array`" in message:
        return "write a list: [one, two]"
    if "matching regex" in message:
        return "use letters, digits, dots, dashes and underscores only"
    return "see docs/playbook.md for what may stand here"


def _choices(kind: Any) -> tuple[str, ...]:
    """Answer the words of which one must stand here, if it is so."""
    bare = typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind
    if typing.get_origin(bare) is typing.Literal:
        return tuple(map(str, typing.get_args(bare)))
    return tuple(str(each.value) for each in bare) if isinstance(bare, type) and issubclass(bare, enum.Enum) else ()


def _note(document: Document, path: Path, message: str, remedy: str, check: str = "shape") -> None:
    document.problems.append(Problem(document.file, document.line(path), spoken(path), message, remedy, "error", check))


def _keys(kind: type[Doc]) -> str:
    return f"the keys here are: {', '.join(_hints(kind))}"


def _named(value: Any) -> str:
    return "nothing" if value is None else "a list" if isinstance(value, list) else repr(value)
