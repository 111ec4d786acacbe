"""Agentic Flow: the services that Tocsin is run against."""
