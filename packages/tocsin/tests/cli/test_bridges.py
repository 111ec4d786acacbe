"""An incident's call as the installed program makes it, killed when Zoom has made it and has not yet said so."""

import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..standins.zoom import ACCOUNT, CLIENT, SECRET, USER, Zoom, zoom
from .conftest import PATIENCE_S, Start, in_a_thread, quiet_playbook


@pytest.fixture
def calls() -> Iterator[Zoom]:
    with in_a_thread(zoom) as state:
        yield state


@pytest.mark.clause("R3")
def test_a_server_killed_before_it_learns_of_its_call_finds_it_and_makes_no_second(
    serve: Start, calls: Zoom, tmp_path: Path
) -> None:
    playbook, secret = quiet_playbook(tmp_path), tmp_path / "zoom.secret"
    path = playbook / "playbook.yaml"
    path.write_text(re.sub(r"(?m)^bridge: \{url: \S+", "bridge: {by: zoom,", path.read_text()))
    secret.write_text(f"{SECRET}\n")
    server = serve(
        TOCSIN_PLAYBOOK=str(playbook),
        TOCSIN_DATABASE=str(tmp_path / "tocsin.db"),
        TOCSIN_ZOOM_ACCOUNT_ID=ACCOUNT,
        TOCSIN_ZOOM_CLIENT_ID=CLIENT,
        TOCSIN_ZOOM_CLIENT_SECRET_FILE=str(secret),
        TOCSIN_ZOOM_USER=USER,
        TOCSIN_ZOOM_URL=calls.base_url,
        TOCSIN_ZOOM_API_URL=f"{calls.base_url}/v2",
    )
    killed, found = threading.Event(), threading.Event()

    def heard(kind: str) -> None:
        if kind == "make" and not killed.is_set():
            server.end(signal.SIGKILL)  # Before the answer is on its way.
            killed.set()
        elif kind == "list" and killed.is_set():
            found.set()

    calls.heard = heard
    body = {"title": "Agent Booster: down", "component": "agent-booster", "severity": "SEV1"}
    assert server.request("POST", "/api/v1/incidents", json=body).status_code == 201
    assert killed.wait(PATIENCE_S), (calls.calls, server.output)
    server.again()
    # What was claimed belongs to the dead until its lease runs out.
    assert found.wait(PATIENCE_S * 3), (calls.calls, server.output)
    server.until(lambda: bool(server.request("GET", "/api/v1/incidents/INC-1").json()["bridge_url"]))

    (meeting,) = calls.meetings
    view = server.request("GET", "/api/v1/incidents/INC-1").json()
    assert view["bridge_url"] == meeting["join_url"]
    assert SECRET not in server.output
