"""The watchdog beside a real server that is killed: it pages by its own way, and says when all is well again (E4)."""

import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest

from .conftest import PATIENCE_S, PROGRAM, Line, Start, quiet_playbook


class Hook:
    """Somebody's webhook: keeps the subjects that are posted to it."""

    def __init__(self) -> None:
        self.got: queue.Queue[tuple[str, str]] = queue.Queue()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = msgspec.json.decode(self.rfile.read(int(self.headers["content-length"])))
                hook.got.put((body["kind"], body["subject"]))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/page"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def next(self) -> tuple[str, str]:
        """Wait for the next message."""
        return self.got.get(timeout=PATIENCE_S)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.close()


def settings(folder: Path, url: str, token: str, hook: Hook) -> dict[str, str]:
    return {
        "TOCSIN_WATCHDOG_URL": url,
        "TOCSIN_WATCHDOG_TOKEN": token,
        "TOCSIN_WATCHDOG_DATABASE": str(folder / "watchdog.db"),
        "TOCSIN_WATCHDOG_PAGES": f"webhook:{hook.url}",
        "TOCSIN_WATCHDOG_WEBHOOK_ALLOW": hook.url,
        "TOCSIN_WATCHDOG_EVERY_S": "0.2",
        "TOCSIN_WATCHDOG_LATE_S": "20",
        "TOCSIN_WATCHDOG_AGAIN_S": "1",
    }


@pytest.mark.clause("E4")
def test_a_server_that_is_killed_is_paged_for_until_it_is_well_again(
    serve: Start, hook: Hook, tmp_path: Path, another_line: Callable[..., Line]
) -> None:
    server = serve(TOCSIN_PLAYBOOK=str(quiet_playbook(tmp_path)))
    told = settings(tmp_path, server.url, server.token, hook)
    env = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")} | told
    with subprocess.Popen([PROGRAM, "watchdog"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as dog:
        assert dog.stdout is not None
        try:
            assert b"looks at" in dog.stdout.readline()
            server.end(signal.SIGKILL)
            kind, subject = hook.next()
            assert kind == "alarm"
            assert "Tocsin does not work: nothing answers" in subject
            assert hook.next()[0] == "alarm", "it sounds again"
            line = another_line(**told)
            assert "Tocsin does not work" in line.says("watchdog", "status")
            line.says("watchdog", "answer", "--by", "ines-moreau")
            server.again()
            said = hook.next()
            while said[0] == "alarm":  # Sent before the answer was given.
                said = hook.next()
            assert "well again" in said[1]
            assert line.json("watchdog", "status")["state"]["findings"] == []
        finally:
            dog.send_signal(signal.SIGTERM)
        assert dog.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("PAGES", "slack:U1", 'the channel "slack" is not set up'),
        ("PAGES", "everybody", "Write channel:address"),
        ("EVERY_S", "often", 'EVERY_S: "often" cannot be used'),
        ("LATE", "5", "did you mean TOCSIN_WATCHDOG_LATE_S?"),
        ("SLACK_TOKNE", "x", "did you mean TOCSIN_WATCHDOG_SLACK_TOKEN?"),
        ("TOKEN_FILE", "/nowhere", "TOCSIN_WATCHDOG_TOKEN_FILE: /nowhere cannot be read"),
        ("DATABASE", "/dev/null/x", "TOCSIN_WATCHDOG_DATABASE"),
    ],
)
def test_a_watchdog_that_could_not_bark_does_not_start(
    another_line: Callable[..., Line], tmp_path: Path, variable: str, value: str, says: str
) -> None:
    given = {"TOCSIN_WATCHDOG_DATABASE": str(tmp_path / "w.db"), f"TOCSIN_WATCHDOG_{variable}": value}
    assert says in another_line(**given).fails("watchdog")


def test_an_alarm_that_is_not_there_cannot_be_answered(another_line: Callable[..., Line], tmp_path: Path) -> None:
    line = another_line(TOCSIN_WATCHDOG_DATABASE=str(tmp_path / "w.db"))
    assert "no alarm to answer" in line.fails("watchdog", "answer")
    assert "has not looked yet" in line.says("watchdog", "status")


def test_a_server_passes_over_the_settings_of_its_watchdog() -> None:
    from tocsin.cli.settings import strangers

    assert strangers({"TOCSIN_WATCHDOG_PAGES": "console:x", "TOCSIN_POTR": "1"}) == [
        'TOCSIN_POTR is not a setting; did you mean "TOCSIN_PORT"?'
    ]


def test_the_watchdog_loads_neither_the_web_nor_the_store() -> None:
    program = (
        "import sys, tocsin.cli.wiring_channels, tocsin.watchdog.run, tocsin.watchdog.probe\n"
        "print([name for name in ('litestar', 'sqlalchemy', 'uvicorn', 'yaml', 'alembic') if name in sys.modules])"
    )
    done = subprocess.run([PROGRAM.parent / "python", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
