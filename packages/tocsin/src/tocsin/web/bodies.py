"""Bodies: what a caller may send, read strictly. An unknown field is a misspelt one, so it is refused by name."""

import difflib
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar

import msgspec
from litestar import Request
from msgspec import Meta, inspect

from tocsin.core.limits import NOTE_LENGTH_MAX
from tocsin.store.codec import decoder
from tocsin.web.problems import Declined, Fault, place_of

T = TypeVar("T", bound="Body")

Name = Annotated[str, Meta(max_length=200)]
"""An id or a short name: longer ones are mistakes, and an answer repeats what it does not know."""
Text = Annotated[str, Meta(max_length=NOTE_LENGTH_MAX)]

_UNKNOWN: Final = re.compile(r"Object contains unknown field `([^`]*)`")
_MISSING: Final = re.compile(r"Object missing required field `([^`]*)`")
_STEP: Final = re.compile(r"\.([^.\[]+)|(\[)")
_LOOK: Final = "Look the body up in /schema/openapi.json."
_decoders: dict[type, "msgspec.json.Decoder[Any]"] = {}


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all bodies share: no field that nobody reads."""


async def taken(request: Request[Any, Any, Any], kind: type[T]) -> T:
    """Read the body of a request. Raises `Declined` with the place of the first mistake."""
    return read(kind, await request.body())


def read(kind: type[T], raw: bytes) -> T:
    """Read a body; an empty one is an empty object. Raises `Declined`."""
    reader = _decoders.get(kind)
    if reader is None:
        reader = _decoders[kind] = decoder(kind)
    try:
        # The one character that a column of a database may not hold.
        body: T = reader.decode(raw.replace(b"\\u0000", b"\\ufffd") or b"{}")
    except msgspec.ValidationError as error:
        raise _mistaken(kind, str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        detail = "the body is nested too deeply" if isinstance(error, RecursionError) else f"no JSON: {error}"
        raise Declined(HTTPStatus.BAD_REQUEST, Fault.MALFORMED, detail, "Send one JSON object.", "$") from error
    return body


def _mistaken(kind: type, detail: str) -> Declined:
    place = place_of(detail) or "$"
    here = _type_at(kind, place)
    if unknown := _UNKNOWN.search(detail):
        remedy = did_you_mean(unknown[1], _fields(here), "the fields are")
        return _bad(Fault.UNKNOWN_FIELD, f"unknown field `{unknown[1][:80]}`", remedy, f"{place}.{unknown[1][:80]}")
    if missing := _MISSING.search(detail):
        remedy = f"Add `{missing[1]}`; the fields are {', '.join(_fields(here))}."
        return _bad(Fault.MISSING_FIELD, f"the field `{missing[1]}` is missing", remedy, f"{place}.{missing[1]}")
    return _bad(Fault.WRONG_TYPE, detail, _choices(here), place)


def _bad(fault: Fault, detail: str, remedy: str, place: str) -> Declined:
    return Declined(HTTPStatus.BAD_REQUEST, fault, detail, remedy, place)


def did_you_mean(given: str, known: Iterable[str], lead: str) -> str:
    """Answer the remedy for a misspelt name: the one that looks most like it, and all there are."""
    names = sorted(known)
    close = difflib.get_close_matches(given, names, n=1, cutoff=0.6)
    guess = f"Did you mean {close[0]}? " if close else ""
    return f"{guess}{lead[:1].upper()}{lead[1:]} {', '.join(names)}."


def _type_at(kind: type, place: str) -> inspect.Type | None:
    """Walk along a place such as ``$.matchers[0].value`` to the type that is expected there."""
    here: inspect.Type | None = inspect.type_info(kind)
    for field, bracket in _STEP.findall(place):
        here = _bare(here)
        if bracket and isinstance(here, inspect.VarTupleType | inspect.ListType):
            here = here.item_type
        elif bracket and isinstance(here, inspect.DictType):
            here = here.value_type
        elif isinstance(here, inspect.StructType):
            here = next((each.type for each in here.fields if each.encode_name == field), None)
        else:
            return None
    return _bare(here)


def _bare(kind: inspect.Type | None) -> inspect.Type | None:
    if isinstance(kind, inspect.Metadata):
        return _bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        return next((_bare(each) for each in kind.types if not isinstance(each, inspect.NoneType)), None)
    return kind


def _fields(kind: inspect.Type | None) -> tuple[str, ...]:
    return tuple(each.encode_name for each in kind.fields) if isinstance(kind, inspect.StructType) else ()


def _choices(kind: inspect.Type | None) -> str:
    match kind:
        case inspect.EnumType(cls):
            return f"Choose one of {', '.join(str(each.value) for each in cls)}."
        case inspect.LiteralType(values):
            return f"Choose one of {', '.join(map(str, values))}."
        case inspect.CustomType(cls):
            examples = {"Instant": '"2026-01-31T14:05:00Z"', "TimeDelta": '"PT2H"'}
            return f"Write it like {examples.get(cls.__name__, 'ISO 8601')}."
        case inspect.StructType():
            return f"Send an object with {', '.join(_fields(kind))}."
    return _LOOK
