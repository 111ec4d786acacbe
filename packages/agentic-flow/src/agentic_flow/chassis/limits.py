"""Bounds that hold for every service, each with its unit and its reason."""

MAX_ADMIN_BODY_BYTES = 64 * 1024  # A fault and its parameters.
MAX_FAULT_SECONDS = 3600.0  # A forgotten drill must end by itself.
DEFAULT_FAULT_SECONDS = 60.0
GRACEFUL_STOP_SECONDS = 5  # Requests under way may finish; the supervisor waits a little longer than this.
KEEP_ALIVE_SECONDS = 30  # An idle connection.
BACKLOG = 2048  # Connections not yet accepted.
