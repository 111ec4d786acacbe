"""The service from outside: answers, faults of callers, faults of ours, metrics, drills."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentic_flow.booster import releases
from agentic_flow.booster.releases import Target
from agentic_flow.booster.service import Booster
from agentic_flow.booster.settings import BoosterSettings
from agentic_flow.chassis.app import Access, make_app
from agentic_flow.chassis.settings import SettingsError

TOKEN = {"Authorization": "Bearer secret"}
EDIT = {"source": "def f():\n    return 1\n", "language": "python", "target": "f", "edit": "def f():\n    return 2"}
Open = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def service(tmp_path: Path) -> Open:
    releases.build(tmp_path, "1.9.0", Target.UNKNOWN)
    releases.build(tmp_path, "1.9.1", Target.WASI)
    releases.activate(tmp_path, "1.9.0")

    @asynccontextmanager
    async def opened(
        release: str = "", client: str = "127.0.0.1", allow_faults: bool = True, **levers: str
    ) -> AsyncIterator[httpx.AsyncClient]:
        component = Booster(BoosterSettings.read({"RELEASES": str(tmp_path), "RELEASE": release, **levers}))
        app = make_app(component, Access(allow_faults, "secret"))
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app, client=(client, 1), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://booster") as http:
                http.headers["X-Releases"] = str(tmp_path)
                yield http

    return opened


async def metric(http: httpx.AsyncClient, line: str) -> float:
    text = (await http.get("/metrics")).text
    return next(float(row.rpartition(" ")[2]) for row in text.splitlines() if row.startswith(line))


def results(result: str) -> str:
    return f'agent_booster_operations_total{{result="{result}"}}'


async def test_an_edit_is_applied_counted_and_timed(service: Open) -> None:
    async with service() as http:
        answer = await http.post("/transform", json=EDIT)
        assert answer.status_code == 200
        assert answer.json()["output"] == "def f():\n    return 2\n"
        assert answer.json()["release"] == "1.9.0"
        assert await metric(http, results("ok")) == 1
        assert await metric(http, "agent_booster_operation_duration_seconds_count") == 1
        assert await metric(http, "agent_booster_module_loaded") == 1
        assert await metric(http, 'p0_build_info{component="agent-booster",version="1.9.0"}') == 1


async def test_apply_is_transform_under_another_name(service: Open) -> None:
    async with service() as http:
        renamed = {("code" if name == "source" else name): value for name, value in EDIT.items()}
        assert (await http.post("/v1/apply", json=renamed)).json()["output"] == "def f():\n    return 2\n"


async def test_the_histogram_has_an_edge_on_every_objective_and_threshold(service: Open) -> None:
    async with service() as http:
        text = (await http.get("/metrics")).text
        for edge in ("0.001", "0.005", "0.01", "0.05"):
            assert f'agent_booster_operation_duration_seconds_bucket{{le="{edge}"}}' in text


async def test_health_tells_release_module_and_levers(service: Open) -> None:
    async with service(BATCH_SIZE="7") as http:
        health = (await http.get("/health")).json()
        assert (health["status"], health["release"], health["wasm_status"]) == ("healthy", "1.9.0", "loaded")
        assert health["levers"]["BATCH_SIZE"] == 7
        assert health["module"]["target"] == "wasm32-unknown-unknown"


@pytest.mark.clause("C3")
async def test_a_release_that_does_not_load_fails_every_operation(service: Open) -> None:
    async with service(release="1.9.1") as http:
        for path, body in (("/transform", EDIT), ("/v1/batch", {"edits": [EDIT, EDIT]})):
            answer = await http.post(path, json=body)
            assert answer.status_code == 503
            assert "Module initialization error" in answer.text
        assert await metric(http, results("failed")) == 3
        assert await metric(http, results("ok")) == 0
        assert await metric(http, "agent_booster_module_loaded") == 0
        health = await http.get("/health")
        assert (health.status_code, health.json()["status"]) == (503, "unhealthy")
        assert "wasi_snapshot_preview1" in health.json()["error"]


async def test_an_answer_in_trouble_names_the_trouble_and_the_remedy(service: Open) -> None:
    async with service() as http:
        answer = await http.post("/transform", json=EDIT | {"target": "g"})
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert (problem["result"], problem["reason"]) == ("refused", "target_not_found")
        assert problem["remedy"]
        assert await metric(http, results("refused")) == 1
        assert await metric(http, "agent_booster_operation_duration_seconds_count") == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"", 400),
        (b'{"source": ' + b"[" * 100_000, 422),
        (b"[]", 422),
        (b'{"source": 1, "language": "python", "target": "f", "edit": ""}', 422),
        (b'{"source": "", "language": "python", "target": "f"}', 422),
        (b'{"source": "", "language": "python", "target": "f", "edit": "", "more": 1}', 422),
        (b'{"source": "", "language": "cobol", "target": "f", "edit": ""}', 422),
        (b"x" * (8 * 1024 * 1024 + 1), 413),
    ],
)
async def test_what_cannot_be_read_is_refused_and_counted(service: Open, body: bytes, status: int) -> None:
    async with service() as http:
        answer = await http.post("/transform", content=body)
        assert (answer.status_code, answer.json()["result"]) == (status, "refused")
        assert answer.json()["remedy"]
        assert await metric(http, results("refused")) == 1


async def test_unknown_paths_and_methods_are_answered_in_kind(service: Open) -> None:
    async with service() as http:
        assert (await http.get("/nowhere")).json()["status"] == 404
        assert (await http.get("/transform")).json()["status"] == 405


async def test_a_batch_answers_edit_by_edit(service: Open) -> None:
    async with service(BATCH_SIZE="2") as http:
        good = {"edits": [EDIT] * 5}
        assert (await http.post("/v1/batch", json=good)).status_code == 200
        mixed = await http.post("/v1/batch", json={"edits": [EDIT, EDIT | {"target": "g"}, EDIT]})
        assert mixed.status_code == 207
        assert [part["result"] for part in mixed.json()["results"]] == ["ok", "refused", "ok"]
        assert (await http.post("/v1/batch", json={"edits": [EDIT | {"target": "g"}]})).status_code == 422
        assert (await http.post("/v1/batch", json={"edits": []})).status_code == 422
        assert (await http.post("/v1/batch", json={"edits": [EDIT] * 1001})).status_code == 422


async def test_more_operations_than_admitted_are_turned_away_as_our_failure(service: Open) -> None:
    async with service(MAX_CONNECTIONS="2") as http:
        answers = await asyncio.gather(*(http.post("/transform", json=EDIT) for _ in range(12)))
        statuses = [answer.status_code for answer in answers]
        assert statuses.count(200) >= 2
        turned_away = [answer for answer in answers if answer.status_code == 503]
        assert turned_away
        assert all(answer.headers["retry-after"] == "1" for answer in turned_away)
        assert await metric(http, results("failed")) == len(turned_away)
        assert (await http.post("/transform", json=EDIT)).status_code == 200


@pytest.mark.parametrize("batch_mode", ["true", "false"])
async def test_batch_mode_changes_the_turns_but_not_the_answers(service: Open, batch_mode: str) -> None:
    async with service(BATCH_MODE=batch_mode, BATCH_SIZE="3") as http:
        answers = await asyncio.gather(*(http.post("/transform", json=EDIT) for _ in range(10)))
        assert {answer.json()["output"] for answer in answers} == {"def f():\n    return 2\n"}


async def test_the_confidence_threshold_decides_what_is_refused(service: Open) -> None:
    weak = EDIT | {"source": "def f():\n    a = 1\n    b(a)\n", "edit": "def f():\n    # ...\n    c()\n    d()"}
    async with service(CONFIDENCE_THRESHOLD="0.2") as http:
        assert (await http.post("/transform", json=weak)).json()["confidence"] == 0.3333
    async with service(CONFIDENCE_THRESHOLD="0.9") as http:
        assert (await http.post("/transform", json=weak)).json()["reason"] == "low_confidence"


@pytest.mark.parametrize(
    ("name", "value"),
    [("MAX_CONNECTIONS", "0"), ("BATCH_SIZE", "many"), ("BATCH_MODE", "perhaps"), ("CONFIDENCE_THRESHOLD", "2")],
)
def test_a_lever_out_of_bounds_stops_the_start_with_a_sentence(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        BoosterSettings.read({name: value})


@pytest.mark.parametrize("fault", ["corrupt_module", "wrong_target"])
async def test_a_damaged_module_fails_operations_until_the_drill_ends(service: Open, fault: str) -> None:
    async with service() as http:
        assert (await http.post("/admin/faults", json={"fault": fault}, headers=TOKEN)).status_code == 200
        assert (await http.post("/transform", json=EDIT)).status_code == 503
        assert await metric(http, f'p0_fault_active{{component="agent-booster",fault="{fault}"}}') == 1
        assert fault in (await http.get("/health")).json()["faults"]
        assert (await http.delete("/admin/faults", headers=TOKEN)).json()["active"] == {}
        assert (await http.post("/transform", json=EDIT)).status_code == 200
        assert await metric(http, f'p0_fault_active{{component="agent-booster",fault="{fault}"}}') == 0


async def test_a_fault_ends_by_itself(service: Open) -> None:
    async with service() as http:
        order = {"fault": "corrupt_module", "seconds": 0.05}
        assert (await http.post("/admin/faults", json=order, headers=TOKEN)).status_code == 200
        await asyncio.sleep(0.06)  # The fault's own time limit: it ends on the same clock.
        assert (await http.post("/transform", json=EDIT)).status_code == 200


async def test_contention_and_a_cold_cache_do_not_make_edits_wrong(service: Open) -> None:
    async with service() as http:
        for order in ({"fault": "cpu_contention", "parameters": {"threads": 2}}, {"fault": "cold_cache"}):
            assert (await http.post("/admin/faults", json=order, headers=TOKEN)).status_code == 200
        assert (await http.post("/transform", json=EDIT)).json()["output"] == "def f():\n    return 2\n"


@pytest.mark.parametrize(
    ("order", "status"),
    [
        ({"fault": "unknown"}, 422),
        ({"fault": "cold_cache", "seconds": 0}, 422),
        ({"fault": "cold_cache", "seconds": 1e9}, 422),
        ({"fault": "cold_cache", "seconds": "long"}, 422),
        ({"fault": "cpu_contention", "parameters": {"threads": 1000}}, 422),
        ({"fault": "cpu_contention", "parameters": {"threads": "x"}}, 422),
        ({"fault": "cpu_contention", "parameters": {"share": 2}}, 422),
        ({"fault": "corrupt_module", "parameters": {"more": 1}}, 422),
        ({"fault": "cold_cache", "parameters": {"more": 1}}, 422),
        ({"fault": "cpu_contention", "parameters": {"threads": True}}, 422),
        ({"seconds": 1}, 422),
    ],
)
async def test_orders_out_of_bounds_are_refused(service: Open, order: dict[str, Any], status: int) -> None:
    async with service() as http:
        answer = await http.post("/admin/faults", json=order, headers=TOKEN)
        assert (answer.status_code, answer.json()["result"]) == (status, "refused")
        assert (await http.get("/admin/faults", headers=TOKEN)).json()["active"] == {}


async def test_of_two_module_faults_the_one_that_ends_leaves_the_other_in_force(service: Open) -> None:
    async with service() as http:
        for fault in ("corrupt_module", "wrong_target"):
            await http.post("/admin/faults", json={"fault": fault}, headers=TOKEN)
        await http.delete("/admin/faults?fault=wrong_target", headers=TOKEN)
        health = (await http.get("/health")).json()
        assert (list(health["faults"]), health["status"]) == (["corrupt_module"], "unhealthy")
        assert "parse" in health["error"]
        await http.delete("/admin/faults", headers=TOKEN)
        assert (await http.get("/health")).json()["status"] == "healthy"


async def test_faults_need_the_token_the_permission_and_a_local_caller(service: Open) -> None:
    order = {"fault": "cold_cache"}
    async with service() as http:
        assert (await http.post("/admin/faults", json=order)).status_code == 401
        wrong = {"Authorization": "Bearer wrong"}
        assert (await http.post("/admin/faults", json=order, headers=wrong)).status_code == 401
    async with service(client="192.0.2.7") as http:
        assert (await http.post("/admin/faults", json=order, headers=TOKEN)).status_code == 403
    async with service(allow_faults=False) as http:
        assert (await http.post("/admin/faults", json=order, headers=TOKEN)).status_code == 403


def test_faults_without_a_token_cannot_be_allowed() -> None:
    with pytest.raises(SettingsError, match="ADMIN_TOKEN"):
        Access(allow_faults=True)
