"""An incident's Slack channel as the installed program makes it, killed in the middle of it."""

import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..standins.slack import TOKEN, Slack, slack
from ..standins.slack_workspace import BOT
from .conftest import PATIENCE_S, Start, in_a_thread, quiet_playbook

NAME = "sev1-agent-booster-down"


@pytest.fixture
def workspace() -> Iterator[Slack]:
    with in_a_thread(slack) as state:
        state.workspace.users |= {f"U0AF{number:04}" for number in range(30)}
        state.channels = {user: user for user in state.workspace.users} | {
            f"C{name.upper()}": name for name in ("incidents", "incident-room", "sre-oncall", "engineering")
        }
        yield state


def with_slack(folder: Path) -> Path:
    playbook = quiet_playbook(folder)
    path = playbook / "playbook.yaml"
    path.write_text(re.sub(r"(?m)^  slack: console$", "  slack: slack", path.read_text()))
    return playbook


def whole(workspace: Slack) -> bool:
    """Tell whether a channel of ours has everything."""
    ours = [each for each in workspace.workspace.channels.values() if each.creator == BOT]
    return any(each.pins and each.topic and len(each.members) == 5 for each in ours)


@pytest.mark.clause("R2", "R3")
def test_a_server_killed_while_it_opens_the_channel_finishes_it_and_opens_no_second(
    serve: Start, workspace: Slack, tmp_path: Path
) -> None:
    server = serve(
        TOCSIN_PLAYBOOK=str(with_slack(tmp_path)),
        TOCSIN_DATABASE=str(tmp_path / "tocsin.db"),
        TOCSIN_SLACK_TOKEN=TOKEN,
        TOCSIN_SLACK_BASE_URL=workspace.base_url,
    )
    assert "a Slack channel for each SEV1 and SEV2" in server.output
    body = {"title": "Agent Booster: down", "component": "agent-booster", "severity": "SEV1"}
    assert server.request("POST", "/api/v1/incidents", json=body).status_code == 201
    server.until(lambda: "conversations.create" in workspace.calls)
    server.end(signal.SIGKILL)
    server.again()
    finished = threading.Event()
    workspace.heard = lambda _: finished.set() if whole(workspace) else None
    assert finished.wait(PATIENCE_S), (workspace.calls, server.output)

    rooms = [each for each in workspace.workspace.channels.values() if each.creator == BOT]
    (room,) = rooms
    assert room.name == NAME
    (summary,) = (each for each in workspace.messages if each["channel"] == room.id and each["text"].startswith("NOW"))
    assert [summary["ts"]] == room.pins
    view = server.request("GET", "/api/v1/incidents/INC-1").json()
    assert (view["room"]["id"], view["room"]["failed"], view["room"]["lost"]) == (room.id, False, False)
