"""One row of the table, and how it is printed."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A measured figure. ``ratio`` is against the baseline named, taken in the same run."""

    what: str
    value: float
    unit: str
    target: str = ""
    ratio: float | None = None
    baseline: str = ""


def printed(title: str, rows: Iterable[Row]) -> str:
    """Write rows as a Markdown table, which is also how they read best in a terminal."""
    lines = [f"### {title}", "", "| what | measured | target | ratio |", "|---|--:|--:|---|"]
    for row in rows:
        ratio = f"{row.ratio:.2f} × {row.baseline}" if row.ratio is not None else ""
        lines.append(f"| {row.what} | {_number(row.value)} {row.unit} | {row.target} | {ratio} |")
    return "\n".join([*lines, ""])


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percentile(values: list[float], share: float) -> float:
    """Answer the value below which this share of the others lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
