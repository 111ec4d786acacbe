"""Bounds of the supervisor, each with its unit and its reason."""

MAX_REPLICAS = 16  # Processes of one service; more only queue for the same processors.
MAX_REVISIONS = 50  # Kept in the history; older ones can no longer be undone to.
MAX_LOG_LINES = 5000  # Kept per service, over restarts of its replicas.
MAX_LINE_BYTES = 64 * 1024  # One line of a replica's output.
MAX_CONTROL_BODY_BYTES = 64 * 1024  # One order.
LIVE_WITHIN_S = 15.0  # A new replica answers anything at all.
READY_WITHIN_S = 3.0  # Behind a gate, a new replica answers that it is healthy.
SETTLE_WITHIN_S = 1.0  # After a change, for the answer to tell how the replicas are.
STOP_WITHIN_S = 8.0  # A little more than a service's own graceful stop.
PROBE_EVERY_S = 0.03
PROBE_TIMEOUT_S = 1.0
BACK_OFF_FIRST_S = 0.2  # Before a crashed replica is started again; doubles with each crash in a row.
BACK_OFF_MOST_S = 10.0
STEADY_AFTER_S = 10.0  # A replica that ran this long has not crashed in a row.
MAX_MEMORY_MIB = 1024 * 1024  # A tebibyte; far above it the kernel's counter of bytes runs over.
MIN_MEMORY_MIB = 64  # Below this the interpreter and the grammars do not fit.
