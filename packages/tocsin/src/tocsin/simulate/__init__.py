"""Simulation: the real engine in virtual time, with simulated people, channels, services and mishaps.

`command` is the way in for the command line: it takes words, answers what to print and with which exit code to end.
Nothing here sleeps, opens a socket or reads a clock; the same scenario under the same seed ends the same, always.
"""

from tocsin.simulate.command import Answer, command
from tocsin.simulate.run import Outcome, run, runs
from tocsin.simulate.scenario import Scenario, ScenarioError, load, shipped

__all__ = ["Answer", "Outcome", "Scenario", "ScenarioError", "command", "load", "run", "runs", "shipped"]
