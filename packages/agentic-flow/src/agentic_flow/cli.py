"""The command line: serve, supervise, release, load."""

from __future__ import annotations

import click

from agentic_flow.commands.control import CONTROL_COMMANDS
from agentic_flow.commands.load import load
from agentic_flow.commands.release import release
from agentic_flow.commands.serve import serve, up


@click.group()
def main() -> None:
    """Run the services that Tocsin watches, and a small supervisor for them."""


for _command in (serve, up, release, load, *CONTROL_COMMANDS):
    main.add_command(_command)
