"""Tocsin runs an organisation's incident playbook."""
