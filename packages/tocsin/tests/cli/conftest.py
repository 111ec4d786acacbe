"""A real `tocsin serve` in a process of its own, and the commands that talk to it."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from click.testing import CliRunner, Result

from tocsin.cli.main import main
from tocsin.playbook.load import shipped

T = TypeVar("T")

PROGRAM = Path(sys.executable).parent / "tocsin"
PATIENCE_S = 60
"""After this a server that says nothing is ended, so that a test fails instead of hanging."""


def free_port() -> int:
    """Answer a port of the loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def quiet_playbook(folder: Path) -> Path:
    """Copy the shipped playbook, reviewed in time and without the watchdog: nothing opens an incident by itself."""
    target = folder / "playbook"
    shutil.copytree(shipped("agentic-flow"), target)
    path = target / "playbook.yaml"
    path.write_text(re.sub(r"next_review_on: \S+", "next_review_on: 2999-01-01", path.read_text()))
    (target / "heartbeats.yaml").unlink()
    return target


@contextmanager
def in_a_thread(standin: Callable[[], AbstractAsyncContextManager[T]]) -> Iterator[T]:
    """Serve a stand-in in a thread of its own: the program under test is another process, and the test waits for it."""
    ready, over = threading.Event(), asyncio.Event()
    found: list[T] = []

    async def serve() -> None:
        async with standin() as state:
            found.append(state)
            ready.set()
            await over.wait()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    yield found[0]
    loop.call_soon_threadsafe(over.set)
    thread.join(10)
    loop.close()


class Served:
    """One `tocsin serve`: its address, the token it printed, what it wrote."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.port = int(settings.get("TOCSIN_PORT", 0)) or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")},
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder / "data"),
            "TOCSIN_PORT": str(self.port),
            **settings,
        }
        self.lines: list[str] = []
        self.token = ""
        self._begin()

    @property
    def output(self) -> str:
        """Answer all that was written so far."""
        return "".join(self.lines)

    def _begin(self) -> None:
        self.process = subprocess.Popen(
            [PROGRAM, "serve"], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._ready.wait(PATIENCE_S)
        if self.process.poll() is not None or not self._ready.is_set():
            self.end(signal.SIGKILL)
            pytest.fail(f"it did not start:\n{self.output}")
        found = re.search(r"tcn_\S+", self.output)
        self.token = self.token or (found.group(0) if found else "")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if "tocsin declare" in line:  # The last line of the banner.
                self._ready.set()
        self._ready.set()

    def again(self) -> None:
        """Start once more, on the same database."""
        self._begin()

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; answer the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        """Ask the API."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.request(method, self.url + path, headers=headers, timeout=30, **given)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, by asking again; a request takes long enough not to be a busy loop."""
        for _ in range(2_000):
            if holds():
                return
            self.request("GET", "/health")
        pytest.fail(f"it never came about; the server wrote:\n{self.output}")


Start = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Start]:
    """Start servers that end with the test."""
    running: list[Served] = []

    def starts(**settings: str) -> Served:
        running.append(Served(tmp_path, **settings))
        return running[-1]

    yield starts
    for each in running:
        each.end(signal.SIGKILL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all tests of a module."""
    folder = tmp_path_factory.mktemp("served")
    served = Served(folder, TOCSIN_PLAYBOOK=str(quiet_playbook(folder)), TOCSIN_DATABASE=str(folder / "tocsin.db"))
    yield served
    assert served.end() == 0, served.output


class Line:
    """A command line, typed at a machine where these variables are set."""

    def __init__(self, env: dict[str, str | None]) -> None:
        self._env = {name: None for name in os.environ if name.startswith("TOCSIN_")} | env

    def run(self, *words: str, typed: str | None = None) -> Result:
        """Answer what came of it, whatever that is."""
        return CliRunner().invoke(main, list(words), env=self._env, input=typed)

    def says(self, *words: str, typed: str | None = None) -> str:
        """Answer the output of a line that does what it says."""
        result = self.run(*words, typed=typed)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *words: str) -> Any:
        """Answer what a line says as JSON."""
        return json.loads(self.says(*words, "--json"))

    def fails(self, *words: str, status: int = 1) -> str:
        """Answer the error output of a line that must not succeed."""
        result = self.run(*words)
        assert result.exit_code == status, result.output
        assert "Traceback" not in result.output
        return result.stderr


@pytest.fixture
def line(server: Served) -> Line:
    """A command line with the first token of the module's server."""
    return Line({"TOCSIN_URL": server.url, "TOCSIN_TOKEN": server.token})


@pytest.fixture
def offline(tmp_path: Path) -> Line:
    """A command line without any server."""
    return Line({"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)})


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    """A playbook's folder of one's own, to be broken at will."""
    return quiet_playbook(tmp_path)


@pytest.fixture
def another_line() -> Callable[..., Line]:
    """Make a command line with other variables."""
    return lambda **env: Line(dict(env))
