"""One replica: a process, its two sockets, its output, and whether it answers."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic

import httpx

from agentic_flow.supervisor.limits import MAX_LINE_BYTES, PROBE_EVERY_S, PROBE_TIMEOUT_S, STOP_WITHIN_S
from agentic_flow.supervisor.revisions import Revision


@dataclass(frozen=True)
class Launch:
    """How replicas of a service are started."""

    service: str
    host: str
    port: int
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What a replica says of itself: nothing, that it is unwell, or that it is ready."""

    live: bool = False
    ready: bool = False
    error: str = ""


class Replica:
    """A process that serves one revision."""

    def __init__(self, name: str, launch: Launch, revision: Revision, write_log: Callable[[str, str], None]) -> None:
        self.name = name
        self.revision = revision
        self.url = ""
        self.started_at = 0.0
        self._launch = launch
        self._write_log = write_log
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Give the process id, while there is a process."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the process on the shared port and on a port of its own."""
        shared = reserve(self._launch.host, self._launch.port)
        own = reserve("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{own.getsockname()[1]}"
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command(shared.fileno(), own.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=PIPE,
                stderr=STDOUT,
                env=self._environment(),
                pass_fds=(shared.fileno(), own.fileno()),
                limit=MAX_LINE_BYTES,
            )
        finally:  # A copy kept here would draw connections that nobody accepts once the replica is gone.
            shared.close()
            own.close()
        self.started_at = monotonic()
        self._reading = asyncio.create_task(self._read_output(self._process))

    async def wait(self) -> int:
        """Wait until the process has ended and all it wrote is read."""
        assert self._process is not None
        code = await self._process.wait()
        if self._reading is not None:
            await self._reading
        return code

    async def stop(self) -> None:
        """Ask the process to end; after a while, make it."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.wait(), STOP_WITHIN_S)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self.wait()

    def reload(self) -> None:
        """Tell the process to read again what may have changed on disk."""
        self._signal(signal.SIGHUP)

    async def ask(self, http: httpx.AsyncClient) -> Answer:
        """Ask the replica how it is."""
        if self.pid is None:
            return Answer(error="not running")
        try:
            answer = await http.get(self.url + "/health", timeout=PROBE_TIMEOUT_S)
        except httpx.HTTPError as error:
            return Answer(error=type(error).__name__)
        if answer.status_code == httpx.codes.OK:
            return Answer(live=True, ready=True)
        return Answer(live=True, error=_error(answer))

    async def wait_until(self, http: httpx.AsyncClient, met: Callable[[Answer], bool], within_s: float) -> bool:
        """Wait until the replica's answer is as wanted, its process ends, or the time is up."""
        deadline = monotonic() + within_s
        while self.pid is not None and monotonic() < deadline:
            if met(await self.ask(http)):
                return True
            await asyncio.sleep(PROBE_EVERY_S)
        return False

    def _command(self, *descriptors: int) -> list[str]:
        command = [sys.executable, "-m", "agentic_flow", "serve", self._launch.service]
        for descriptor in descriptors:
            command += ["--inherit", str(descriptor)]
        command += ["--parent", str(os.getpid()), *self._launch.arguments]
        if self.revision.memory_mib is not None:
            command += ["--memory", str(self.revision.memory_mib)]
        return command

    def _environment(self) -> dict[str, str]:
        own = {"RELEASE": self.revision.release, "PYTHONUNBUFFERED": "1"}
        return {**os.environ, **self.revision.environment, **self._launch.environment, **own}

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    async def _read_output(self, process: Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # Longer than a line may be; the reader has let go of it.
                continue
            if not line:
                return
            self._write_log(self.name, line.decode(errors="replace").rstrip())


def reserve(host: str, port: int) -> socket.socket:
    """Bind without listening. Sockets of one user may share a port; the kernel spreads over those that listen."""
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        opened.bind((host, port))
    except OSError:
        opened.close()
        raise
    return opened


def _error(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("error", f"HTTP {answer.status_code}"))
    except (ValueError, AttributeError):
        return f"HTTP {answer.status_code}"
