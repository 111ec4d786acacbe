"""The one pair of hooks by which `msgspec` learns the types of `whenever`: for the store, the API and the playbook."""

from typing import Any

import msgspec
from whenever import Date, Instant, Time, TimeDelta


def enc_hook(value: Any) -> Any:
    """Write instants, dates, times and durations as ISO 8601."""
    if isinstance(value, Instant | Date | Time | TimeDelta):
        return value.format_iso()
    raise NotImplementedError(f"{type(value).__name__} has no stored form")


def dec_hook(kind: type, value: Any) -> Any:
    """Read what `enc_hook` wrote. Raises ValueError, which `msgspec` turns into an error that names the place."""
    if kind in (Instant, Date, Time, TimeDelta):
        if not isinstance(value, str):
            raise ValueError(f"Expected `{kind.__name__}` as ISO 8601 text")
        return kind.parse_iso(value)
    raise NotImplementedError(f"{kind.__name__} has no stored form")


_encoder = msgspec.json.Encoder(enc_hook=enc_hook)


def encode(value: Any) -> bytes:
    """Write a value as JSON."""
    return _encoder.encode(value)


def decoder(kind: Any) -> "msgspec.json.Decoder[Any]":
    """Make a reader for a type; keep it, making one is slow."""
    return msgspec.json.Decoder(kind, dec_hook=dec_hook)
