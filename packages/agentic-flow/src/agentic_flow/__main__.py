"""Runs the command line as `python -m agentic_flow`."""

from agentic_flow.cli import main

main()
