"""The server's life: its first start, its ends, and what it refuses to start with."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import PROGRAM, Served, Start, free_port, quiet_playbook

ALERT = {
    "status": "firing",
    "annotations": {"summary": "too slow"},
    "startsAt": "2026-11-24T03:00:00Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "",
}


def _body(number: int) -> dict[str, object]:
    labels = {"alertname": "Slow", "severity": "SEV3", "component": "agentdb", "instance": str(number)}
    return {
        **{"version": "4", "groupKey": "g", "truncatedAlerts": 0, "status": "firing", "receiver": "tocsin"},
        **{"groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": ""},
        "alerts": [{**ALERT, "labels": labels, "fingerprint": f"f{number}"}],
    }


def _alerts(server: Served) -> set[str]:
    """Answer the fingerprints of all alerts that incidents know of."""
    listed = server.request("GET", "/api/v1/incidents").json()["incidents"]
    ledgers = [server.request("GET", f"/api/v1/incidents/{each['id']}/ledger").json() for each in listed]
    return {alert["fingerprint"] for ledger in ledgers for alert in ledger["alerts"]}


def test_it_starts_without_any_configuration_and_says_what_to_do_next(serve: Start, tmp_path: Path) -> None:
    server = serve()
    assert f"Tocsin is ready: {server.url}" in server.output
    assert "agentic-flow 1.0+" in server.output
    assert "set TOCSIN_PROMETHEUS_URL" in server.output
    assert f"export TOCSIN_URL={server.url} TOCSIN_TOKEN={server.token}" in server.output
    kept = tmp_path / "data" / "tocsin"
    assert {path.stat().st_mode & 0o077 for path in kept.iterdir()} == {0}
    assert server.request("GET", "/api/v1/tokens").status_code == 200


def test_the_first_token_is_shown_once_and_kept_nowhere(serve: Start, tmp_path: Path) -> None:
    server = serve()
    assert server.end() == 0
    server.again()
    assert server.output.count("The first token") == 1
    assert server.request("GET", "/api/v1/incidents").status_code == 200
    secret = server.token.split("_", 2)[2].encode()
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file() and secret in path.read_bytes()]


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_gracefully_when_it_is_asked_to(serve: Start, ending: signal.Signals) -> None:
    server = serve()
    assert server.end(ending) == 0
    assert "Traceback" not in server.output


def test_an_end_that_something_holds_up_comes_all_the_same_and_says_where_it_was_held() -> None:
    program = (
        "import threading; from whenever import TimeDelta; from tocsin.cli.running import ends_within\n"
        "def held(): threading.Event().wait()\n"
        "ends_within(TimeDelta(milliseconds=1)); held()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "in held" in done.stderr


def test_nothing_that_was_accepted_is_lost_when_it_is_killed(serve: Start, tmp_path: Path) -> None:
    server = serve(TOCSIN_PLAYBOOK=str(quiet_playbook(tmp_path)))
    accepted = set()
    for number in range(40):
        answer = server.request("POST", "/signals/alertmanager", json=_body(number))
        assert answer.status_code == 202
        accepted.add(f"f{number}")
    server.end(signal.SIGKILL)
    server.again()
    server.until(lambda: _alerts(server) == accepted)
    server.until(lambda: "tocsin_unaccounted_obligations 0.0" in server.request("GET", "/metrics").text)


def test_a_hang_up_signal_puts_a_changed_playbook_in_force_and_keeps_the_old_one_if_it_is_broken(
    serve: Start, tmp_path: Path
) -> None:
    folder = quiet_playbook(tmp_path)
    server = serve(TOCSIN_PLAYBOOK=str(folder))
    people = folder / "people.yaml"
    sound = people.read_text()
    before = server.request("GET", "/health").json()["playbook"]

    people.write_text(sound.replace("takes_command", "takes_comand"))
    server.process.send_signal(signal.SIGHUP)
    server.until(lambda: "was not reloaded" in server.output and "Remedy" in server.output)
    assert server.request("GET", "/health").json()["playbook"] == before

    people.write_text(sound.replace("name: Ines Moreau", "name: Ines Moreau-Diaz"))
    server.process.send_signal(signal.SIGHUP)
    server.until(lambda: server.request("GET", "/health").json()["playbook"] != before)
    assert "Moreau-Diaz" in server.request("GET", "/api/v1/playbook").text

    people.write_text(sound.replace("name: Ines Moreau", "name: Ines Diaz"))
    assert "Ines Diaz" in server.request("POST", "/api/v1/playbook/reload").text
    assert "Ines Diaz" in server.request("GET", "/api/v1/playbook").text, "asked for over HTTP, too"


def _refused(folder: Path, *words: str, **settings: str) -> str:
    """Start a server that must not start; answer what it says."""
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "XDG_DATA_HOME": str(folder / "refused"), **settings}
    done = subprocess.run([PROGRAM, "serve", *words], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "tcn_" not in done.stdout
    return done.stderr


def test_an_address_or_a_database_in_use_is_said_with_the_way_out(serve: Start, tmp_path: Path) -> None:
    server = serve(TOCSIN_DATABASE=str(tmp_path / "one.db"))
    assert "Choose another with --port" in _refused(tmp_path, "--port", str(server.port))
    other = ("--port", str(free_port()), "--database", str(tmp_path / "one.db"))
    assert f"in use by process {server.process.pid}" in _refused(tmp_path, *other)


def test_a_broken_playbook_keeps_it_from_starting_and_is_told_line_by_line(tmp_path: Path) -> None:
    folder = quiet_playbook(tmp_path)
    people = folder / "people.yaml"
    people.write_text(people.read_text().replace("takes_command", "takes_comand"))
    assert re.search(r"people\.yaml:\d+: .*Remedy: ", _refused(tmp_path, "--playbook", str(folder)))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"TOCSIN_PORT": "http"}, "TOCSIN_PORT"),
        ({"TOCSIN_WEBHOOK_ALLOW": "ftp://x"}, "TOCSIN_WEBHOOK_ALLOW"),
        ({"TOCSIN_SMTP_HOST": "h", "TOCSIN_SMTP_FROM": "Tocsin"}, "TOCSIN_SMTP_FROM"),
        ({"TOCSIN_DATABASE": "/proc/no/tocsin.db"}, "TOCSIN_DATABASE"),
        ({"TOCSIN_PLAYBOOK": "nope"}, "shipped playbook"),
    ],
)
def test_a_setting_that_cannot_be_used_keeps_it_from_starting(
    tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    assert said in _refused(tmp_path, **{"TOCSIN_PORT": str(free_port()), **settings})


def test_a_link_secret_that_others_can_read_is_refused(serve: Start, tmp_path: Path) -> None:
    server = serve(TOCSIN_DATABASE=str(tmp_path / "one.db"))
    server.end()
    (tmp_path / "one.db.link-secret").chmod(0o644)
    said = _refused(tmp_path, "--port", str(free_port()), "--database", str(tmp_path / "one.db"))
    assert "chmod 600" in said


def test_a_drill_and_what_is_not_set_up_are_shown_loudly(serve: Start, tmp_path: Path) -> None:
    folder = quiet_playbook(tmp_path)
    book = folder / "playbook.yaml"
    said = (
        book.read_text()
        .replace("  slack: console", "  slack: slack")
        .replace("bridge: {url:", "bridge: {by: zoom, url:")
    )
    book.write_text(said)
    server = serve(TOCSIN_PLAYBOOK=str(folder), TOCSIN_PLAYBOOK_SPEED="60", TOCSIN_PROMETEUS_URL="http://x")
    assert "!! DRILL: everything goes 60 times as fast" in server.output
    assert "!! missing  slack: the playbook uses it; set TOCSIN_SLACK_TOKEN" in server.output
    assert "!! missing  zoom: the playbook has it make the bridges; set TOCSIN_ZOOM_ACCOUNT_ID" in server.output
    assert 'TOCSIN_PROMETEUS_URL is not a setting; did you mean "TOCSIN_PROMETHEUS_URL"?' in server.output


@pytest.mark.clause("D3")
def test_diagnostics_that_a_kill_has_cut_short_are_gathered_after_the_next_start(serve: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # A Prometheus that takes every question and answers none.
        where = f"http://127.0.0.1:{silent.getsockname()[1]}"
        server = serve(TOCSIN_PLAYBOOK=str(quiet_playbook(tmp_path)), TOCSIN_PROMETHEUS_URL=where)
        body = {"title": "Nothing works", "component": "agent-booster", "severity": "SEV1"}
        path = f"/api/v1/incidents/{server.request('POST', '/api/v1/incidents', json=body).json()['id']}/diagnostics"
        (begun,) = server.request("GET", path).json()["runs"]
        assert begun["ended_at"] is None
        server.end(signal.SIGKILL)

    server.again()

    server.until(lambda: server.request("GET", path).json()["runs"][0]["ended_at"] is not None)
    (ended,) = server.request("GET", path).json()["runs"]
    assert ended["gathering"] == begun["gathering"]
    assert any("ConnectError" in line for line in ended["summary"])
