"""From the terminal, against a real server that does real things: asked for, approved, run, watched, and killed."""

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Line, Served, Start, quiet_playbook

LEADER, OTHER = "mara-lindqvist", "henrik-vogel"
MADE = """
  - id: agent-booster.nap
    title: Sleep for a while
    clause: M3
    component: agent-booster
    target: command
    verb: command
    argv: [sleep, "{seconds}"]
    parameters: {seconds: {kind: integer, default: 0, minimum: 0, maximum: 60}}
    changes: true
    risk: low
    approvals: 1
    expects: nothing but time
    time_limit: 1m
  - id: agent-booster.say
    title: Say something
    clause: M2
    component: agent-booster
    target: command
    verb: command
    argv: [echo, "all is well"]
    time_limit: 5s
"""


class Scene:
    """A server, an incident, and the command lines of two people."""

    def __init__(self, served: Served, another_line: Callable[..., Line]) -> None:
        self.served = served
        admin = another_line(TOCSIN_URL=served.url, TOCSIN_TOKEN=served.token)
        self.admin = admin
        self.leader, self.other = (self._line(admin, another_line, person) for person in (LEADER, OTHER))
        self.incident = str(
            admin.json("declare", "It hangs", "--component", "agent-booster", "--severity", "SEV2")["id"]
        )
        self.leader.says("ack", self.incident)
        admin.says("role", self.incident, "incident_commander", LEADER)

    def _line(self, admin: Line, another_line: Callable[..., Line], person: str) -> Line:
        said = admin.says("token", "create", "--name", person, "--role", "responder", "--person", person)
        found = re.search(r"tcn_\S+", said)
        assert found is not None, said
        return another_line(TOCSIN_URL=self.served.url, TOCSIN_TOKEN=found.group(0))

    def run(self, run: str = "R1") -> dict[str, Any]:
        path = f"/api/v1/incidents/{self.incident}/mitigations/{run}"
        found: dict[str, Any] = self.served.request("GET", path).json()
        return found

    def events(self, kind: str) -> list[dict[str, Any]]:
        lines = self.served.request("GET", f"/api/v1/incidents/{self.incident}/timeline?limit=1000").json()["events"]
        return [line["event"] for line in lines if line["event"]["type"] == kind]


@pytest.fixture
def scene(serve: Start, tmp_path: Path, another_line: Callable[..., Line]) -> Scene:
    folder = quiet_playbook(tmp_path)
    path = folder / "actions.yaml"
    path.write_text(path.read_text().replace("actions:\n", f"actions:{MADE}", 1))
    book = folder / "playbook.yaml"
    book.write_text(book.read_text().replace("  programs:\n", "  programs:\n    - [echo]\n", 1))
    served = serve(
        TOCSIN_PLAYBOOK=str(folder), TOCSIN_DATABASE=str(tmp_path / "tocsin.db"), TOCSIN_COMMANDS="sleep,echo"
    )
    return Scene(served, another_line)


@pytest.mark.clause("M3", "M4")
def test_one_asks_the_commander_sees_what_would_run_and_approves_and_it_is_told(scene: Scene) -> None:
    asked = scene.other.says("mitigate", scene.incident, "nap", "seconds=1")
    assert "sleep 1" in asked
    assert f"tocsin approve {scene.incident} R1" in asked
    assert LEADER in asked

    refused = scene.other.fails("approve", scene.incident, "R1", "--yes")
    assert "only the Incident Commander may approve" in refused
    nobodys = scene.admin.fails("approve", scene.incident, "R1", "--yes")
    assert "tocsin token create --person" in nobodys
    assert "--by" not in nobodys
    unasked = scene.leader.fails("approve", scene.incident, "R1")
    assert "there is no terminal to ask at" in unasked

    said = scene.leader.says("approve", scene.incident, "r1", "--yes")
    assert "sleep 1" in said
    assert "R1 succeeded, exit status 0" in said
    assert "succeeded" in scene.other.says("show", scene.incident)
    again = scene.leader.fails("approve", scene.incident, "R1", "--yes")
    assert "has had its one go" in again


def test_what_only_reads_runs_at_once_and_says_what_it_heard(scene: Scene) -> None:
    assert "all is well" in scene.other.says("mitigate", scene.incident, "agent-booster.say")


def test_what_could_be_done_is_shown_best_first_and_a_dry_run_does_nothing(scene: Scene) -> None:
    offered = scene.other.says("actions", scene.incident)
    assert "agent-booster.nap" in offered
    assert "not tried before" in offered
    assert "agent-booster.say" not in offered
    assert "agent-booster.say" in scene.other.says("actions", scene.incident, "--all")
    assert "Would run: sleep 3" in scene.other.says("mitigate", scene.incident, "nap", "seconds=3", "--dry-run")
    assert scene.events("mitigation_proposed") == []


def test_mistakes_are_answered_with_what_to_write(scene: Scene) -> None:
    assert "Name one of" in scene.other.fails("mitigate", scene.incident, "explode")
    assert "is no value" in scene.other.fails("mitigate", scene.incident, "nap", "seconds", status=2)
    assert "seconds" in scene.other.fails("mitigate", scene.incident, "nap", "seconds=-1")
    assert "choose one of those there are" in scene.leader.fails("reject", scene.incident, "R9")
    assert "Name one person" in scene.leader.fails("delegate", scene.incident, status=2)


@pytest.mark.clause("M4")
def test_a_no_a_withdrawal_and_a_delegate(scene: Scene) -> None:
    scene.other.says("mitigate", scene.incident, "nap", "seconds=1")
    assert "rejected R1: not at this hour" in scene.leader.says(
        "reject", scene.incident, "R1", "--reason", "not at this hour"
    )
    scene.other.says("mitigate", scene.incident, "nap", "seconds=2")
    assert "took R2 back" in scene.other.says("withdraw", scene.incident, "R2")
    scene.leader.says("delegate", scene.incident, OTHER)
    scene.other.says("mitigate", scene.incident, "nap")
    assert "R3 succeeded" in scene.other.says("approve", scene.incident, "R3", "--yes")


@pytest.mark.clause("M4")
def test_a_server_killed_while_a_command_runs_leaves_unknown_look_and_does_not_run_it_again(scene: Scene) -> None:
    scene.other.says("mitigate", scene.incident, "nap", "seconds=15")
    scene.leader.says("approve", scene.incident, "R1", "--yes", "--no-wait")
    scene.served.until(lambda: scene.run()["state"] == "running")

    scene.served.end(signal.SIGKILL)
    scene.served.again()
    scene.served.until(lambda: scene.run()["state"] == "ended")

    run = scene.run()
    assert run["outcome"] == "unknown"
    assert run["why"].startswith("Tocsin was ended while it ran")
    assert "it may be running still" in run["why"]
    assert run["remedy"].startswith("look at ")
    assert len(scene.events("mitigation_started")) == 1
    assert "nobody knows what R1" in scene.leader.says("show", scene.incident)
    scene.leader.says("mitigate", scene.incident, "nap")
    assert "R2 succeeded" in scene.leader.says("approve", scene.incident, "R2", "--yes"), "the component is free again"


@pytest.mark.clause("M4")
def test_a_server_that_is_stopped_waits_for_what_it_is_doing(scene: Scene) -> None:
    scene.other.says("mitigate", scene.incident, "nap", "seconds=3")
    scene.leader.says("approve", scene.incident, "R1", "--yes", "--no-wait")
    scene.served.until(lambda: scene.run()["state"] == "running")

    assert scene.served.end(signal.SIGTERM) == 0
    scene.served.again()

    assert scene.run()["outcome"] == "succeeded"


@pytest.mark.clause("V1", "V2")
def test_watching_tells_the_timeline_until_it_is_resolved(scene: Scene) -> None:
    scene.leader.says("resolve", scene.incident, "--override", "false alarm")
    told = scene.other.says("watch", scene.incident)
    assert "Declared SEV2: It hangs" in told
    assert "WITHOUT verification: false alarm" in told.splitlines()[-1] or "WITHOUT verification" in told
    lines = [json.loads(line) for line in scene.other.says("watch", scene.incident, "--json").splitlines()]
    assert lines[0]["event"]["type"] == "incident_declared"
