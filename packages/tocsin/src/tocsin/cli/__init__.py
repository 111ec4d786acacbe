"""The command line: the ways in for people at a terminal; only `wiring` names concrete adapters."""
