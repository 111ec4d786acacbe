"""Measure and print the table; ``make bench ARGS="ingest paging"`` measures only some parts."""

import os
import platform
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench import booster, deadlines, fanout, ingest, paging, simulation, startup, store
from bench.table import Row, printed

PARTS: dict[str, tuple[str, Callable[[Path], list[Row]]]] = {
    "ingest": ("Alerts taken in", ingest.run),
    "paging": ("From alert to page", paging.run),
    "fanout": ("One incident to a whole company", fanout.run),
    "deadlines": ("Deadlines kept", deadlines.run),
    "store": ("The store alone", store.run),
    "booster": ("Agent Booster", booster.run),
    "startup": ("Start and size", startup.run),
    "simulation": ("A year in virtual time", simulation.run),
}


def main(wanted: list[str]) -> int:
    """Measure the parts that are wanted, all of them if none is named."""
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    folder = Path("build/bench").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine}\n")
    for name in wanted or PARTS:
        title, measure = PARTS[name]
        print(printed(title, measure(folder / name)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
