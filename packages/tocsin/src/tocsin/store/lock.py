"""One process at a time may write a database: a lock beside it says whose turn it is, and dies with its holder."""

import fcntl
import os
from pathlib import Path


class StoreInUse(Exception):
    """Another process, or another part of this one, has the database open for writing."""


class LockFile:
    """An exclusive lock on the file ``<database>.lock``. The kernel lets go of it, however its holder dies."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # `flock`, not `lockf`: the latter would let one process take it twice.
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise StoreInUse(
                f"{database} is in use by process {holder}, which holds {self._path}. "
                "Stop that process first, or name another database for this one."
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the next one in. The file stays: removing it would let two processes hold two files of one name."""
        os.close(self._file)
