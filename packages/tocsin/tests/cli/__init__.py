"""The command line, its settings, and the server that it starts."""
