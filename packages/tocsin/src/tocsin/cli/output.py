"""How commands answer: for a tired person on a terminal, in plain columns through a pipe, as JSON where wanted.

What is said comes from alerts and from people, so nothing of it may steer a terminal: control characters are shown, not
obeyed. Colours only repeat what the words say. Rich is loaded on a terminal alone; a pipe does not pay for it.
"""

import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import click
import msgspec
from whenever import Instant

Style = Literal["", "bold", "dim", "bold red", "yellow", "green", "bold green", "cyan"]
Piece = str | tuple[str, Style]
"""A stretch of a line; with a style, if it should stand out."""

_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Screen:
    """Where a command writes its answer. ``as_json`` is looked at by the commands, not here."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self._console: Any = None
        if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
            from rich.console import Console  # noqa: PLC0415 - a pipe must not pay for it.

            self._console = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)

    @property
    def is_terminal(self) -> bool:
        """Tell whether a person is looking."""
        return self._console is not None

    def json(self, value: object) -> None:
        """Write a value as JSON, readable where a person looks."""
        raw = msgspec.json.encode(value)
        click.echo(msgspec.json.format(raw, indent=2) if self.is_terminal else raw)

    def text(self, text: str) -> None:
        """Write text of our own making, as it is: a rule file, a schema."""
        click.echo(text, nl=not text.endswith("\n"))

    def line(self, *pieces: Piece, indent: int = 0) -> None:
        """Write one line, broken at words on a terminal and indented then."""
        if self._console is None:
            click.echo(" " * indent + "".join(clean(_words(piece)) for piece in pieces))
            return
        from rich.padding import Padding  # noqa: PLC0415 - as above.

        self._console.print(Padding(_rich(pieces), (0, 0, 0, indent), expand=False))

    def gap(self) -> None:
        """Write an empty line."""
        click.echo()

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[Piece]], *, wide: int = -1, indent: int = 0
    ) -> None:
        """Write rows in columns; without names for the columns if all of these are empty.

        On a terminal only the ``wide`` column is broken to fit: a clause or a countdown cut short is worth nothing.
        """
        body = [list(row) for row in rows]
        if not body:
            return
        if self._console is None:
            _plain_table(columns, body, indent)
        else:
            self._rich_table(columns, body, wide % len(columns), indent)

    def refresh(self) -> None:
        """Make room for the same again: a watch shows one picture, not a roll of them."""
        click.clear()

    def _rich_table(self, columns: Sequence[str], rows: list[list[Piece]], wide: int, indent: int) -> None:
        from rich.padding import Padding  # noqa: PLC0415 - as above.
        from rich.table import Table  # noqa: PLC0415

        table = Table(
            box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=any(columns), header_style="dim", expand=False
        )
        for place, name in enumerate(columns):
            if place == wide:
                table.add_column(name, overflow="fold", ratio=1)
            else:
                table.add_column(name, no_wrap=True, min_width=max(len(_words(row[place])) for row in rows))
        for row in rows:
            table.add_row(*(_rich((piece,)) for piece in row))
        self._console.print(Padding(table, (0, 0, 0, indent), expand=False))


_CALM: Final = ("drill", "hand-off")
"""What stands where an incident has its severity, and is nothing to be alarmed by."""


def clean(text: str) -> str:
    """Show control characters instead of obeying them; line breaks become spaces."""
    return _STEERING.sub("�", text.replace("\r\n", "\n").replace("\n", " ").replace("\t", " "))


def severity_style(severity: str, order: Sequence[str] = ("SEV1", "SEV2", "SEV3", "SEV4")) -> Style:
    """Answer the style of a severity: the two worst stand out."""
    if severity in _CALM:
        return "cyan"
    place = order.index(severity) if severity in order else 0
    return ("bold red", "yellow", "bold", "dim")[min(place, 3)]


def clock_time(at: str | Instant | None, *, date: bool = False) -> str:
    """Say an instant in UTC as a person reads it; the day too where it is not today's."""
    if at is None:
        return "–"
    instant = Instant.parse_iso(at) if isinstance(at, str) else at
    text = instant.round("second", mode="floor").format_iso()
    return f"{text[:10]} {text[11:19]}" if date else text[11:19]


def span(seconds: float) -> str:
    """Say a length of time in its two largest units."""
    left = int(abs(seconds))
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def countdown(seconds: float) -> str:
    """Say how long until something is due, or since it was."""
    return f"in {span(seconds)}" if seconds >= 0 else f"{span(seconds)} late"


def _words(piece: Piece) -> str:
    return piece if isinstance(piece, str) else piece[0]


def _rich(pieces: Iterable[Piece]) -> Any:
    from rich.text import Text  # noqa: PLC0415 - as above.

    text = Text()
    for piece in pieces:
        words, style = (piece, "") if isinstance(piece, str) else piece
        text.append(clean(words), style=style or None)
    return text


def _plain_table(columns: Sequence[str], rows: list[list[Piece]], indent: int) -> None:
    lines = [list(columns)] if any(columns) else []
    lines += [[clean(_words(piece)) for piece in row] for row in rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        padded = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo(" " * indent + padded.rstrip())
