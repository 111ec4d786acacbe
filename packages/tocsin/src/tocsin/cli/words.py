"""Small words of a command line: instants, spans, pairs, shares. Text in, values out, or an error that shows how."""

import re

import click
from whenever import Instant, OffsetDateTime, TimeDelta


def instant(text: str, option: str) -> Instant:
    """Read an instant such as ``2026-11-24T03:00Z`` or ``2026-11-24 04:00+01:00``."""
    written = text.strip().replace(" ", "T", 1)
    for read in (Instant.parse_iso, lambda given: OffsetDateTime.parse_iso(given).to_instant()):
        try:
            return read(written)
        except ValueError:
            continue
    raise click.BadParameter(f'"{text}" is no instant. Write 2026-11-24T03:00Z.', param_hint=option)


def duration(text: str, option: str) -> TimeDelta:
    """Read a span as a playbook writes it: ``90m``, ``1h30m``, ``2d``."""
    from tocsin.playbook import words  # noqa: PLC0415 - few commands need a playbook's grammar.

    try:
        return words.duration(text.strip())
    except ValueError as error:
        why = str(error) if "longer" in str(error) else f'"{text}" is no span of time'
        raise click.BadParameter(f"{why}. Write 90m, 1h30m or 2d.", param_hint=option) from error


def share(text: str, option: str) -> float:
    """Read a share of operations: ``30%`` or ``0.3``. A bare 30 could mean either, so it is refused."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", text)
    value = float(found[1]) / (100 if found[2] else 1) if found else -1.0
    if not 0 <= value <= 1:
        raise click.BadParameter(f'"{text}" is no share of operations. Write 30% or 0.3.', param_hint=option)
    return value


def pairs(given: tuple[str, ...], option: str) -> dict[str, str]:
    """Read ``name=value`` pairs."""
    found: dict[str, str] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise click.BadParameter(f'"{text}" is no pair. Write name=value.', param_hint=option)
        found[name.strip()] = value
    return found
