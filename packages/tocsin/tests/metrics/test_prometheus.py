"""Figures from Prometheus: against a stand-in that speaks its protocol, and against Prometheus itself."""

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from whenever import Instant, TimeDelta

from tocsin.core.limits import HISTORY_POINTS_MAX
from tocsin.metrics.port import Figure
from tocsin.metrics.prometheus import ANSWER_MAX, AT_ONCE, PrometheusMeasurements

from ..standins.prometheus import AT, Prometheus, prometheus, success
from ..standins.server import Response, free_port


@pytest.fixture
async def stand_in() -> AsyncIterator[Prometheus]:
    async with prometheus() as state:
        yield state


@pytest.fixture
async def asking(stand_in: Prometheus) -> AsyncIterator[PrometheusMeasurements]:
    measurements = PrometheusMeasurements(httpx.AsyncClient(trust_env=False), stand_in.url, [f"{stand_in.url}/healthz"])
    yield measurements
    await measurements.close()


@pytest.mark.clause("V1")
async def test_a_scalar_and_a_single_series_are_a_figure(stand_in: Prometheus, asking: PrometheusMeasurements) -> None:
    stand_in.scalar("scalar(up)", "1")
    stand_in.vector('histogram_quantile(0.95, sum(rate(x{a="b&c"}[5m])) by (le))', "0.0042")

    assert await asking.ask("scalar(up)") == Figure(1.0)
    assert await asking.ask('histogram_quantile(0.95, sum(rate(x{a="b&c"}[5m])) by (le))') == Figure(0.0042)


@pytest.mark.clause("V1")
@pytest.mark.parametrize(
    ("result", "why"),
    [
        (success("vector", []), "no series"),
        (success("vector", [{"metric": {}, "value": [AT, "1"]}] * 3), "3 series; aggregate"),
        (success("vector", [{"metric": {}, "value": [AT, "NaN"]}]), "not a number"),
        (success("vector", [{"metric": {}, "value": [AT, "+Inf"]}]), "divided by zero"),
        (success("scalar", [AT, "-Inf"]), "divided by zero"),
        (success("vector", [{"metric": {}, "histogram": [AT, {"count": "1"}]}]), "histogram"),
        (success("matrix", [{"metric": {}, "values": [[AT, "1"]]}]), "matrix"),
        (success("string", [AT, "x"]), "string"),
        (success("scalar", [AT, "much"]), "not Prometheus"),
        (success("scalar", "1"), "not Prometheus"),
        (Response(400, b'{"status":"error","errorType":"bad_data","error":"parse error"}'), "bad_data: parse error"),
        (Response(503, b'{"status":"error","errorType":"timeout","error":"query timed out"}'), "timed out"),
        (Response(502, b"<html>Bad gateway</html>"), "502 is not Prometheus"),
        (Response(200, b'{"status":"success"}'), "not Prometheus"),
        (Response(200, b"[" * 100_000), "not Prometheus"),
        (Response(200, b"\xff"), "not Prometheus"),
        (Response(200, b" " * (ANSWER_MAX + 1)), "too large"),
        (Response(302, b"", {"location": "http://127.0.0.1:1/"}), "302 is not Prometheus"),
    ],
)
async def test_anything_but_one_finite_number_is_no_data_and_says_why(
    stand_in: Prometheus, asking: PrometheusMeasurements, result: Response, why: str
) -> None:
    stand_in.answers["q"] = result

    figure = await asking.ask("q")

    assert figure.value is None
    assert why in figure.why


async def test_a_refusal_is_told_on_one_bounded_line(stand_in: Prometheus, asking: PrometheusMeasurements) -> None:
    error = {"status": "error", "errorType": "bad_data", "error": "1:1:\n" + "x" * 5_000}
    stand_in.answers["q"] = Response(400, json.dumps(error).encode())

    figure = await asking.ask("q")

    assert len(figure.why) <= 300
    assert "\n" not in figure.why


@pytest.mark.clause("V1")
async def test_a_prometheus_that_never_answers_and_one_that_is_not_there_are_no_data(stand_in: Prometheus) -> None:
    stand_in.silent = True
    async with httpx.AsyncClient(trust_env=False) as http:
        silent = await PrometheusMeasurements(http, stand_in.url, timeout_s=0.05).ask("up")
        absent = await PrometheusMeasurements(http, f"http://127.0.0.1:{await free_port()}").ask("up")

    assert silent == Figure(None, "Prometheus did not answer in time")
    assert absent == Figure(None, "Prometheus is unreachable: ConnectError")


async def test_no_more_queries_are_under_way_than_are_fair(
    stand_in: Prometheus, asking: PrometheusMeasurements
) -> None:
    stand_in.scalar("q", "1")
    stand_in.crowd = AT_ONCE

    figures = await asyncio.gather(*(asking.ask("q") for _ in range(5 * AT_ONCE)))

    assert figures == [Figure(1.0)] * (5 * AT_ONCE)
    assert stand_in.most_at_once == AT_ONCE


async def test_an_answer_that_comes_in_drops_is_not_waited_for(stand_in: Prometheus) -> None:
    stand_in.answers["q"] = Response(200, b" " * 100, dripping=True)
    async with httpx.AsyncClient(trust_env=False) as http:
        figure = await PrometheusMeasurements(http, stand_in.url, timeout_s=0.1).ask("q")

    assert figure == Figure(None, "Prometheus did not answer in time")


@pytest.mark.clause("V1")
@pytest.mark.parametrize(("status", "value"), [(200, 1), (204, 1), (302, 0), (404, 0), (500, 0), (503, 0)])
async def test_a_health_endpoint_is_well_only_when_it_says_so(
    stand_in: Prometheus, asking: PrometheusMeasurements, status: int, value: float
) -> None:
    stand_in.health = Response(status, headers={"location": "/"})

    figure = await asking.probe(f"{stand_in.url}/healthz")

    assert figure.value == value
    assert (str(status) in figure.why) is (value == 0)


@pytest.mark.clause("V1")
async def test_a_health_endpoint_that_does_not_answer_is_not_well(stand_in: Prometheus) -> None:
    stand_in.silent = True
    gone = f"http://127.0.0.1:{await free_port()}"
    async with httpx.AsyncClient(trust_env=False) as http:
        hasty = PrometheusMeasurements(http, stand_in.url, [stand_in.url], timeout_s=0.05)
        silent = await hasty.probe(f"{stand_in.url}/healthz")
        absent = await PrometheusMeasurements(http, stand_in.url, [gone]).probe(f"{gone}/healthz")

    assert silent == Figure(0, "the health endpoint did not answer in time")
    assert absent == Figure(0, "the health endpoint is unreachable: ConnectError")


async def test_a_health_endpoint_that_is_not_on_the_list_is_not_called(
    stand_in: Prometheus, asking: PrometheusMeasurements
) -> None:
    figure = await asking.probe(f"{stand_in.url}/api/v1/query")

    assert figure.value == 0
    assert "not on the list" in figure.why
    assert stand_in.most_at_once == 0


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[str]:
    """Prometheus itself, empty, scraping nothing."""
    program = shutil.which("prometheus")
    assert program is not None, "the tests that ask for it are marked as needing it"
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    config = tmp_path / "prometheus.yml"
    config.write_text("scrape_configs: []\n")
    process = await asyncio.create_subprocess_exec(
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    said = b""
    async with asyncio.timeout(30):
        while b"Server is ready to receive web requests" not in said:
            said = await process.stderr.readline()
            assert said, "prometheus ended before it was ready"
    drained = asyncio.create_task(process.stderr.read())
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()
        await drained


@pytest.mark.clause("M2")
async def test_a_span_is_answered_series_by_series_without_what_is_no_number(
    stand_in: Prometheus, asking: PrometheusMeasurements
) -> None:
    since = Instant.from_timestamp(int(AT))
    stand_in.matrix("q", ({"version": "1.9.0"}, [(AT, "1"), (AT + 60, "NaN"), (AT + 120, "0.5")]), ({}, [(AT, "+Inf")]))

    history = await asking.history("q", since, since.add(hours=1), TimeDelta(minutes=1))

    assert [(dict(each.labels), [value for _, value in each.points]) for each in history.series] == [
        ({"version": "1.9.0"}, [1.0, 0.5]),
        ({}, []),
    ]
    assert stand_in.spans == [("q", int(AT), int(AT) + 3600, 60.0)]


async def test_a_long_span_is_asked_at_a_bounded_number_of_points(
    stand_in: Prometheus, asking: PrometheusMeasurements
) -> None:
    since = Instant.from_timestamp(int(AT))

    history = await asking.history("q", since, since.add(hours=24), TimeDelta(seconds=1))

    assert "no series" in history.why
    assert stand_in.spans[0][3] == pytest.approx(24 * 3600 / HISTORY_POINTS_MAX)


async def test_a_span_that_cannot_be_answered_says_why(stand_in: Prometheus, asking: PrometheusMeasurements) -> None:
    since, minute = Instant.from_timestamp(int(AT)), TimeDelta(minutes=1)
    stand_in.histories["bad"] = Response(400, b'{"status":"error","errorType":"bad_data","error":"parse error"}')
    stand_in.histories["odd"] = Response(200, b"<html>")
    stand_in.histories["now"] = success("vector", [])

    whys = [(await asking.history(query, since, since + minute, minute)).why for query in ("bad", "odd", "now")]

    assert "bad_data: parse error" in whys[0]
    assert "not Prometheus" in whys[1]
    assert "vector over a span" in whys[2]


@pytest.mark.needs("prometheus")
@pytest.mark.clause("V1")
async def test_prometheus_itself_is_understood(real: str) -> None:
    asking = PrometheusMeasurements(httpx.AsyncClient(trust_env=False), real, [f"{real}/-/healthy"])
    try:
        figures = {query: await asking.ask(query) for query in ("42", "vector(0.5)", "up", "0/0", "1/0", "up[5m]", "(")}
        health = await asking.probe(f"{real}/-/healthy")
        now = Instant.now()
        history = await asking.history("vector(7)", now.subtract(minutes=10), now, TimeDelta(minutes=1))
    finally:
        await asking.close()

    assert figures["42"] == Figure(42.0)
    assert figures["vector(0.5)"] == Figure(0.5)
    assert "no series" in figures["up"].why
    assert "not a number" in figures["0/0"].why
    assert "divided by zero" in figures["1/0"].why
    assert "matrix" in figures["up[5m]"].why
    assert "bad_data" in figures["("].why
    assert [figures[query].value for query in ("up", "0/0", "1/0", "up[5m]", "(")] == [None] * 5
    assert health == Figure(1)
    assert [value for _, value in history.series[0].points] == [7.0] * 11
