"""The programs of the demonstration: started, waited for, and stopped again whatever happens."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx


class DemoFailed(Exception):
    """The story did not happen as it should; the message says what is missing and where to look."""


def free_port() -> int:
    """Answer a port of the loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def program(name: str) -> str:
    """Find a program beside this Python, or on the PATH."""
    own = Path(sys.executable).parent / name
    found = str(own) if own.exists() else shutil.which(name)
    if found is None:
        raise DemoFailed(
            f"the program {name} is missing; `make demo` installs it, or install it and put it on the PATH"
        )
    return found


class Processes:
    """Child processes, each with a log file of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(self, name: str, *argv: str, env: Mapping[str, str] | None = None) -> Path:
        """Start a program; answer its log."""
        log = self._folder / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(  # noqa: S603 - the programs of this repository, with arguments of our own.
                argv,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        self._running.append((name, process))
        return log

    def pid(self, name: str) -> int:
        """Answer the process id of the program last started under a name."""
        return next(process.pid for known, process in reversed(self._running) if known == name)

    def kill(self, name: str) -> None:
        """End a program without letting it say goodbye."""
        found = next(entry for entry in reversed(self._running) if entry[0] == name)
        found[1].kill()
        found[1].wait()
        self._running.remove(found)

    def check(self) -> None:
        """Fail if one of them has ended."""
        for name, process in self._running:
            if process.poll() is not None:
                raise DemoFailed(f"{name} ended with {process.returncode}; see {self._folder / name}.log")

    def stop(self) -> None:
        """End all of them, last one first, and wait until they are gone."""
        for name, process in reversed(self._running):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=8)
            if process.poll() is None:
                print(f"  {name} does not stop; killing it", file=sys.stderr)
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._running.clear()

    def wait_ready(self, name: str, url: str, within_s: float = 20.0, headers: Mapping[str, str] | None = None) -> None:
        """Wait until a program answers well at a URL."""
        for _ in ticks(within_s):
            self.check()
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(url, headers=headers, timeout=1).is_success:
                    return
        raise DemoFailed(f"{name} did not become ready at {url}; see {self._folder / name}.log")


def ticks(within_s: float, every_s: float = 0.1) -> Iterator[float]:
    """Go round until the time is over; each round answers the seconds gone by."""
    begun = time.monotonic()
    while (gone := time.monotonic() - begun) < within_s:
        yield gone
        time.sleep(every_s)


def run(*argv: str, env: Mapping[str, str] | None = None) -> str:
    """Run a program to its end and answer what it said."""
    done = subprocess.run(  # noqa: S603 - as above.
        argv, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})}
    )
    if done.returncode:
        raise DemoFailed(f"{' '.join(_short(argv))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _short(argv: Sequence[str]) -> list[str]:
    return [Path(argv[0]).name, *argv[1:]]
