"""Agentic Flow: the services that Tocsin is run against."""

from importlib.metadata import version

VERSION = version("agentic-flow")
