"""How long a year of incidents takes in virtual time."""

import json
import time
from pathlib import Path

from demo.processes import program
from demo.processes import run as run_program

from bench.table import Row


def run(folder: Path) -> list[Row]:
    """Simulate the shipped year once, as a user would."""
    del folder
    begun = time.monotonic()
    answer = json.loads(run_program(program("tocsin"), "simulate", "year", "--seed", "1", "--json"))
    took = time.monotonic() - begun
    return [
        Row("a simulated year", took, "s", "< 10"),
        Row("incidents in it", len(answer["incidents"]), ""),
    ]
