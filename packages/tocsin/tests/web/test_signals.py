"""What comes in: kept before it is answered, refused in words, nothing half-done."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from whenever import Instant, TimeDelta

from tocsin.core.limits import BODY_MAX
from tocsin.store.port import StoreUnavailable
from tocsin.web.auth import Role

from .town import Town, alerts

ALERTMANAGER = "/signals/alertmanager"


async def test_an_accepted_webhook_is_in_the_store_when_it_is_answered(town: Town) -> None:
    answer = await town.ask("POST", ALERTMANAGER, alerts("Down", "Slow"), role=Role.SENDER)
    assert answer.status_code == 202
    signal = answer.json()["signals"][0]
    assert answer.json()["alerts"] == 2
    record = await town.get(f"/api/v1/signals/{signal}")
    assert (record["source"], record["alerts"], record["handled"], "body" in record) == ("alertmanager", 2, None, False)


async def test_a_path_with_a_slash_at_its_end_is_the_same_route(town: Town) -> None:
    answer = await town.ask("POST", ALERTMANAGER + "/", alerts("Down"), role=Role.SENDER)
    assert (answer.status_code, answer.json()["alerts"]) == (202, 1)


async def test_what_became_of_a_signal_can_be_asked(town: Town) -> None:
    signal = (await town.post(ALERTMANAGER, alerts("Down")))["signals"][0]
    await town.take_in()
    record = await town.get(f"/api/v1/signals/{signal}?body=1")
    assert record["handled"]["outcome"] == {"began": 1}
    assert b'"Down"' in msgspec.json.decode(msgspec.json.encode(record["body"]), type=bytes)
    missing = await town.ask("GET", "/api/v1/signals/S0")
    assert (missing.status_code, missing.json()["reason"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"version": "4", "alerts": [', "truncated"),
        (b"", "truncated"),
        (b"\xff\xfe", "malformed"),
        (b'{"version": "4", "x": ' + b"[" * 100_000, "deep"),
        (b"[]", "object"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b'{"version": "4", "alerts": [{"status": "firing", "labels": {"a": 1}}]}', "$.alerts[0].labels"),
        (b'{"version": "4", "alerts": [{"status": "burning", "labels": {}}]}', "$.alerts[0].status"),
        (b'{"version": "3", "alerts": []}', "$.version"),
    ],
)
async def test_an_unreadable_webhook_is_refused_with_the_place_and_counted(town: Town, body: bytes, says: str) -> None:
    answer = await town.ask("POST", ALERTMANAGER, body)
    found = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert (found["reason"], found["type"]) == ("unreadable", "https://tocsin.dev/problems/unreadable")
    assert says in found["detail"]
    assert found["remedy"]
    assert town.refused("unreadable") == 1
    assert not await town.store.inbox(10)


async def _far_too_much(sent: list[int]) -> AsyncIterator[bytes]:
    part = b"x" * 1024 * 1024
    for _ in range(4 * BODY_MAX // len(part)):
        sent.append(len(part))
        yield part


@pytest.mark.parametrize("path", [ALERTMANAGER, "/signals/report", "/api/v1/incidents"])
async def test_a_body_over_the_limit_is_refused_before_it_has_come_in_whole(town: Town, path: str) -> None:
    sent: list[int] = []
    headers = {"Authorization": f"Bearer {await town.token(Role.ADMIN)}"}
    answer = await town.http.post(path, content=_far_too_much(sent), headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (413, "too_large")
    assert sum(sent) <= BODY_MAX + 1024 * 1024
    assert town.refused("too_large") == 1


async def test_alerts_that_name_nothing_we_know_are_paged_for_all_the_same(town: Town) -> None:
    body = alerts("Odd", component="no-such-part")
    body["alerts"][0]["labels"] = {"alertname": "Odd", "component": "no-such-part", "colour": "green"}
    await town.post(ALERTMANAGER, body, role=Role.SENDER)
    await town.take_in()
    listed = await town.get("/api/v1/incidents?open=true")
    assert [each["components"] for each in listed["incidents"]] == [["unassigned"]]


@pytest.mark.parametrize("started_at", ["2031-01-01T00:00:00Z", "1999-12-31T23:59:59Z"])
async def test_an_alert_from_another_age_is_dated_from_its_receipt(town: Town, started_at: str) -> None:
    await town.post(ALERTMANAGER, alerts("Down", started_at=started_at))
    await town.take_in()
    view = await town.get("/api/v1/incidents/INC-1")
    assert Instant.parse_iso(view["detected_at"]) == town.clock.now()
    assert town.telemetry.registry.get_sample_value("tocsin_clamped_times_total") == 1


async def test_ten_thousand_alerts_in_one_body_are_all_accounted_for(town: Town) -> None:
    accepted = await town.post(ALERTMANAGER, alerts(*(f"Alert{number}" for number in range(10_000))))
    assert accepted["alerts"] == 10_000
    assert len(accepted["signals"]) == 40
    await town.take_in()
    outcomes = [(await town.get(f"/api/v1/signals/{each}"))["handled"]["outcome"] for each in accepted["signals"]]
    assert sum(outcome["began"] for outcome in outcomes) == 10_000
    assert (await town.get("/api/v1/incidents/INC-1"))["firing"] == 10_000


async def test_the_same_webhook_fifty_times_at_once_is_one_incident(town: Town) -> None:
    await town.token(Role.SENDER)
    sent = [town.ask("POST", ALERTMANAGER, alerts("Down"), role=Role.SENDER) for _ in range(50)]
    answers = await asyncio.gather(*sent)
    assert {answer.status_code for answer in answers} == {202}
    await town.take_in()
    listed = (await town.get("/api/v1/incidents"))["incidents"]
    assert [each["id"] for each in listed] == ["INC-1"]
    assert (await town.get("/api/v1/incidents/INC-1"))["firing"] == 1


async def test_a_sender_is_told_to_come_again_when_nothing_can_be_kept(town: Town) -> None:
    await town.token(Role.ADMIN)
    await town.get("/health", role=None)
    town.store.fails = True
    for path, body in (
        (ALERTMANAGER, alerts("Down")),
        ("/signals/report", {"title": "It hangs"}),
        ("/api/v1/incidents", {"title": "It hangs", "component": "agentdb"}),
    ):
        answer = await town.ask("POST", path, body)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["reason"] == "store_unavailable"
    assert town.refused("store_unavailable") == 3
    assert (await town.ask("GET", "/health", role=None)).status_code == 503
    town.store.fails = False
    assert (await town.ask("POST", ALERTMANAGER, alerts("Down"))).status_code == 202
    assert len(await town.store.inbox(10)) == 1


async def test_a_store_that_reads_and_does_not_commit_shows_in_the_health(town: Town) -> None:
    await town.engine.pulse.step(town.clock.now())
    assert (await town.get("/health", role=None))["status"] == "ok"
    town.clock.passes(TimeDelta(minutes=1))
    assert (await town.get("/health", role=None))["status"] == "degraded"
    await town.engine.pulse.step(town.clock.now())
    assert (await town.get("/health", role=None))["status"] == "ok"


async def test_a_refusing_store_is_told_in_one_line_and_a_bug_with_its_trace(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    town.telemetry.fault("intake", StoreUnavailable("the disk is full"), "store")
    town.telemetry.fault("intake", ZeroDivisionError(), "step")
    full, bug = caplog.records
    assert (full.exc_info, full.getMessage().partition(";")[0]) == (None, "intake cannot go on: the disk is full")
    assert bug.exc_info is not None


async def test_a_fault_of_our_own_is_recorded_and_not_shown(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(*_: object) -> None:
        raise ZeroDivisionError("secret inside")

    monkeypatch.setattr(town.engine, "accept", breaks)
    for path in (ALERTMANAGER, "/signals/report"):
        answer = await town.ask("POST", path, alerts("Down"))
        assert (answer.status_code, answer.json()["reason"]) == (500, "internal")
        assert "secret" not in answer.text
    assert town.telemetry.registry.get_sample_value("tocsin_faults_total", {"step": "web"}) == 2


async def test_a_sender_that_hangs_up_leaves_nothing_behind(town: Town) -> None:
    said: list[Any] = []
    heard = iter(
        [{"type": "http.request", "body": b'{"version": "4", ', "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> Any:
        return next(heard)

    async def send(message: Any) -> None:
        said.append(message)

    headers = [(b"authorization", f"Bearer {await town.token(Role.SENDER)}".encode())]
    scope: Any = {"type": "http", "method": "POST", "path": ALERTMANAGER, "headers": headers}
    await town.app(scope, receive, send)
    assert not said
    assert not await town.store.inbox(10)


@pytest.mark.clause("C4")
async def test_a_heartbeat_that_beats_in_time_raises_nothing_and_one_that_stops_does(town: Town) -> None:
    name, within = next((each.name, each.within) for each in town.rules.heartbeats.values())
    for _ in range(3):
        town.clock.passes(within - TimeDelta(seconds=1))
        answer = await town.ask("POST", f"/signals/heartbeat/{name}", b"anything", role=Role.SENDER)
        assert (answer.status_code, answer.json()["heartbeat"]) == (202, name)
        await town.take_in()
    assert not (await town.get("/api/v1/incidents"))["incidents"]
    town.clock.passes(within + TimeDelta(seconds=1))
    await town.take_in()
    assert len((await town.get("/api/v1/incidents"))["incidents"]) == 1


async def test_an_unknown_heartbeat_is_answered_with_the_known_ones(town: Town) -> None:
    name = next(iter(town.rules.heartbeats))
    answer = await town.ask("POST", f"/signals/heartbeat/{name}x")
    assert (answer.status_code, answer.json()["reason"]) == (404, "unknown_heartbeat")
    assert f"Did you mean {name}?" in answer.json()["remedy"]


@pytest.mark.clause("C6")
async def test_a_report_is_classified_by_its_answers(town: Town) -> None:
    report = {"title": "All is gone", "component": "AgentDB", "all_users": True, "data_lost": True}
    await town.post("/signals/report", report, role=Role.RESPONDER)
    await town.take_in()
    view = await town.get("/api/v1/incidents/INC-1")
    assert (view["components"], view["severity"]) == (["agentdb"], "SEV1")


async def test_two_reports_without_a_key_are_two_and_with_one_key_are_one(town: Town) -> None:
    for report in ({"title": "a"}, {"title": "a"}, {"title": "b", "key": "k"}, {"title": "b", "key": "k"}):
        await town.post("/signals/report", {"component": "agentdb", **report})
    await town.take_in()
    assert (await town.get("/api/v1/incidents/INC-1"))["firing"] == 3


async def test_a_report_about_a_part_that_does_not_exist_is_refused_with_the_names(town: Town) -> None:
    answer = await town.ask("POST", "/signals/report", {"title": "x", "component": "agent-boster"})
    assert (answer.status_code, answer.json()["reason"]) == (422, "unknown_component")
    assert "agent-booster" in answer.json()["remedy"]


@pytest.mark.parametrize("body", [{"title": ""}, {"title": "x", "share": 25}, {"title": "x", "shre": 0.2}, b"{"])
async def test_a_bad_report_is_refused(town: Town, body: object) -> None:
    answer = await town.ask("POST", "/signals/report", body)
    assert (answer.status_code, answer.json()["reason"]) == (400, "unreadable")


async def test_the_figures_show_what_was_taken_and_refused(town: Town) -> None:
    await town.post(ALERTMANAGER, alerts("Down"))
    await town.ask("POST", ALERTMANAGER, b"nonsense")
    answer = await town.ask("GET", "/metrics", role=Role.VIEWER)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in (
        'tocsin_signals_total{result="accepted",source="alertmanager"} 1.0',
        'tocsin_refused_total{reason="unreadable"} 1.0',
        "tocsin_signals_waiting 1.0",
        "tocsin_unaccounted_obligations 0.0",
    ):
        assert line in answer.text
