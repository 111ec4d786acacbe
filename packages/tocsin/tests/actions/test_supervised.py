"""Agent Booster's mitigations without a cluster: the playbook's own rows, carried out by the supervisor (M3)."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tocsin.actions.port import Captured, Cause, Result, Unreachable
from tocsin.actions.supervisor import SupervisorTarget
from tocsin.core.actions import TargetKind
from tocsin.core.rendering import find, pinned, render
from tocsin.playbook.load import load_rulebook, shipped

from ..standins.server import Handler, Request, Response, free_port, hang_up, never, serving

BOOK = load_rulebook(shipped("agentic-flow"), workloads=TargetKind.SUPERVISOR)


class Machine:
    """One machine with a supervisor and Agent Booster."""

    def __init__(self, http: httpx.AsyncClient, state: Path) -> None:
        self.target = SupervisorTarget(http, state, ready_within_s=3)
        self._http = http
        self._state = state

    async def act(self, name: str, **values: object) -> tuple[Captured, Result]:
        rendered = render(find(BOOK, name), values)
        before = await self.target.capture(rendered)
        return before, await self.target.run(pinned(rendered, before.facts), before)

    async def ask(self, method: str, path: str, **order: object) -> Any:
        control = msgspec.json.decode((self._state / "control.json").read_bytes())
        answer = await self._http.request(
            method,
            f"{control['url']}/services/booster{path}",
            content=msgspec.json.encode(order) if order else None,
            headers={"Authorization": f"Bearer {(self._state / 'token').read_text()}"},
            timeout=60,
        )
        return answer.json()

    async def edits(self) -> int:
        """Ask the service for what it is there for."""
        edit = {
            "source": "def f():\n    return 1\n",
            "language": "python",
            "target": "f",
            "edit": "def f():\n    return 2",
        }
        port = (await self.ask("GET", ""))["port"]
        return (await self._http.post(f"http://127.0.0.1:{port}/transform", json=edit, timeout=20)).status_code

    async def is_up(self) -> bool:
        try:
            return bool((await self.ask("GET", ""))["ready"] == 1)
        except (OSError, httpx.HTTPError):
            return False


_FLOW = [sys.executable, "-m", "agentic_flow"]


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    """One good release and one that was built for the wrong target."""
    folder = tmp_path / "releases"
    for words in (["build", "1.9.0"], ["build", "1.9.1", "--target", "wasm32-wasi"], ["activate", "1.9.0"]):
        line = [*_FLOW, "release", words[0], str(folder), *words[1:]]
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    return folder


@pytest.fixture
async def machine(tmp_path: Path, releases: Path) -> AsyncIterator[Machine]:
    state = tmp_path / "state"
    words = ["up", "--state", str(state), "--releases", str(releases), "--port", "0", "--control-port", "0"]
    process = await asyncio.create_subprocess_exec(*_FLOW, *words, stdout=asyncio.subprocess.DEVNULL)
    try:
        async with httpx.AsyncClient(trust_env=False) as http:
            made = Machine(http, state)
            for _ in range(600):
                if await made.is_up():
                    break
                await asyncio.sleep(0.05)
            yield made
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.clause("M2", "M3")
async def test_the_bad_release_is_seen_and_taken_back_also_after_a_restart(machine: Machine) -> None:
    assert await machine.edits() == 200
    await machine.ask("POST", "/deploy", release="1.9.1")
    assert await machine.edits() == 503
    _, logs = await machine.act("agent-booster.logs")
    assert "Module initialization error" in logs.output
    _, history = await machine.act("agent-booster.history")
    assert "1.9.1" in history.output.splitlines()[-1]
    _, restarted = await machine.act("agent-booster.restart")
    assert restarted.status == "failed", "the same release, as broken as before"
    assert "0 of 1 ready" in restarted.output
    before, undone = await machine.act("agent-booster.undo")
    assert (before.facts["image"], before.facts["pinned_image"]) == ("1.9.1", "1.9.0")
    assert undone.status == "succeeded", undone
    assert await machine.edits() == 200


@pytest.mark.clause("M3")
async def test_agent_booster_is_scaled_on_one_machine(machine: Machine) -> None:
    before, result = await machine.act("agent-booster.scale", replicas=2)
    assert (before.facts["replicas"], result.status, result.facts["ready"]) == ("1", "succeeded", "2")
    _, state = await machine.act("agent-booster.state")
    assert "2/2 ready" in state.output
    _, pods = await machine.act("common.pods")
    assert pods.output == state.output


async def test_what_the_supervisor_does_not_run_or_do_is_said_so(machine: Machine) -> None:
    for name, cause in (
        ("router.fallback-mode", Cause.NOT_FOUND),
        ("agentdb.scale-replicas", Cause.UNSUPPORTED),
        ("swarm-coordinator.reset", Cause.UNSUPPORTED),
    ):
        with pytest.raises(Unreachable) as refused:
            await machine.act(name)
        assert refused.value.cause is cause
        assert refused.value.remedy


async def test_no_supervisor_and_a_stranger_are_said_so(tmp_path: Path) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        target, restart = SupervisorTarget(http, tmp_path), render(find(BOOK, "agent-booster.restart"))
        with pytest.raises(Unreachable, match="no supervisor has announced itself"):
            await target.capture(restart)
        announced = tmp_path / "control.json"
        announced.write_text(f'{{"url": "http://127.0.0.1:{await free_port()}", "pid": 1}}')
        (tmp_path / "token").write_text("a token")
        with pytest.raises(Unreachable, match="no supervisor listens"):
            await target.capture(restart)
        async with serving(_page) as url:
            announced.write_text(f'{{"url": "{url}", "pid": 1}}')
            with pytest.raises(Unreachable, match="is no supervisor"):
                await target.capture(restart)


async def _page(_: Request) -> Response:
    return Response(200, b"<html>")


async def test_an_order_that_nobody_answers_is_unknown(tmp_path: Path) -> None:
    async def silent(_: Request) -> Response:
        return await never()

    restart = msgspec.structs.replace(render(find(BOOK, "agent-booster.restart")), time_limit_s=1)
    async with serving(silent) as url, httpx.AsyncClient(trust_env=False) as http:
        (tmp_path / "control.json").write_text(f'{{"url": "{url}", "pid": 1}}')
        (tmp_path / "token").write_text("a token")
        result = await SupervisorTarget(http, tmp_path).run(restart, Captured())
    assert result.status == "unknown"


@pytest.mark.clause("M4")
@pytest.mark.parametrize("then", [500, None])
async def test_an_order_that_was_carried_out_and_is_seen_no_more_is_unknown(tmp_path: Path, then: int | None) -> None:
    service = {"service": "booster", "replicas": 2, "ready": 1, "revision": 3, "release": "1.9.0", "rollout": "running"}

    async def gone_after_the_order(request: Request) -> Response:
        if request.method == "POST":
            return Response(200, msgspec.json.encode(service))
        return Response(then, b'{"detail": "it stumbled"}') if then else hang_up()

    result = await ordered(gone_after_the_order, tmp_path)
    assert result.status == "unknown"
    assert result.output.startswith("the change was made, but how it goes on cannot be seen")


@pytest.mark.clause("M4")
async def test_an_order_that_the_supervisor_stumbled_over_is_unknown(tmp_path: Path) -> None:
    async def stumbles(_: Request) -> Response:
        return Response(500, b'{"detail": "a fault of its own"}')

    assert (await ordered(stumbles, tmp_path)).status == "unknown"


async def ordered(handler: Handler, state: Path) -> Result:
    async with serving(handler) as url, httpx.AsyncClient(trust_env=False) as http:
        (state / "control.json").write_text(f'{{"url": "{url}", "pid": 1}}')
        (state / "token").write_text("a token")
        return await SupervisorTarget(http, state).run(render(find(BOOK, "agent-booster.restart")), Captured())
