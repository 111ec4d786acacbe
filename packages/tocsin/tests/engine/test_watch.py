"""The watch through the engine: neighbours, error logs, several sources, a Prometheus that dies in the middle."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace
from whenever import Instant, TimeDelta

from tocsin.core import events as e
from tocsin.core.commands import Acknowledge, Reason, Refused, Resolve, SetStage
from tocsin.core.ids import ComponentId, IncidentId
from tocsin.core.policies import ErrorSpike
from tocsin.core.rules import ErrorLog, Rulebook
from tocsin.core.stages import Stage
from tocsin.engine.queries import Queries
from tocsin.engine.watcher import Watcher
from tocsin.metrics.port import Figure
from tocsin.metrics.prometheus import PrometheusMeasurements
from tocsin.metrics.sources import Sources
from tocsin.store.memory import MemoryStore

from ..builders import TUESDAY_MORNING, by, minutes
from .conftest import RememberingChannel, Whole, rules_now
from .test_steps import alert

NOW = TUESDAY_MORNING
MARA = by("mara-lindqvist")
ROUTER = ComponentId("router")
LOG = ErrorLog("errors now", "errors in a healthy hour")
SUCCESS = "router.success-major"


def watching(book: Rulebook, *, errors: bool = True) -> Rulebook:
    """The shipped playbook, with an error log of the router."""
    router = replace(book.components[ROUTER], errors=LOG if errors else None)
    watch = replace(book.watch, related_alerts=3, errors=ErrorSpike(3, 0.1, minutes(15)))
    return replace(book, components={**book.components, ROUTER: router}, watch=watch, heartbeats={})


async def in_monitoring(whole: Whole) -> None:
    """An incident of the router whose alert is over."""
    await whole.alerts(alert(SUCCESS, since=NOW))
    await whole.alerts(alert(SUCCESS, status="resolved", since=NOW))
    await whole.do(Acknowledge(by=MARA))
    await whole.do(SetStage(by=MARA, stage=Stage.MONITORING))


@pytest.fixture
async def town() -> Whole:
    made = await Whole(MemoryStore(), watching(rules_now()), NOW, RememberingChannel()).start()
    made.service.figure = Figure(0.999)
    made.service.answers = {LOG.query: Figure(0.01), LOG.usual: Figure(0.02)}
    await in_monitoring(made)
    return made


async def watch(whole: Whole, span: float) -> None:
    until = whole.clock.at + minutes(span)
    while whole.clock.at < until:
        whole.later(seconds=15)
        await whole.watcher.step(whole.clock.at)


async def began_at(whole: Whole) -> Instant | None:
    incident = await whole.handler.load(IncidentId("INC-1"))
    assert incident is not None
    return incident.window_began_at


@pytest.mark.clause("V2")
async def test_with_everything_quiet_recovery_is_proven(town: Whole) -> None:
    await watch(town, 31)

    (resolved,) = [each for each in await town.do(Resolve(by=MARA)) if isinstance(each, e.IncidentResolved)]
    assert resolved.verified
    assert {"related-alerts", "router.errors"} < {each.objective for each in resolved.samples}


@pytest.mark.clause("V2")
async def test_a_spike_of_error_logs_starts_the_window_again_and_is_named(town: Whole) -> None:
    await watch(town, 20)
    town.service.answers[LOG.query] = Figure(2.0)
    await watch(town, 1)

    assert await began_at(town) is None
    view = await Queries(town.store, town.handler).watch(IncidentId("INC-1"), town.clock.at)
    assert view is not None
    assert view.progress.state == "broken"
    assert "error logs: 2 /s, in a healthy hour 0.02 /s" in view.progress.missing
    assert [each.said for each in view.figures if not each.holds] == [
        "Multi-Model Router error logs: 2 /s (must be <= 0.1 /s)"
    ]


async def test_the_healthy_hour_is_asked_of_the_time_before_the_incident_and_once(town: Whole) -> None:
    asked: list[tuple[str, Instant | None]] = []
    ask = town.service.ask

    async def listening(query: str, source: str = "", at: Instant | None = None) -> Figure:
        asked.append((query, at))
        return await ask(query, source, at)

    town.service.ask = listening  # type: ignore[method-assign]
    await watch(town, 2)

    assert [at for query, at in asked if query == LOG.usual] == [NOW - minutes(15)]
    assert len([query for query, _ in asked if query == LOG.query]) == 8


@pytest.mark.clause("V2")
async def test_alerts_of_other_components_start_the_window_again_once_they_are_a_spike(town: Whole) -> None:
    await watch(town, 10)
    for number, name in enumerate(("agentdb.cache-major", "reasoningbank.p95-major", "quic-transport.p95-major")):
        await town.alerts(alert(name, since=town.clock.at))
        await watch(town, 0.25)
        assert (await began_at(town) is None) is (number == 2), name
    await watch(town, 1)
    assert await began_at(town) is not None, "they are counted from when it holds"


@pytest.mark.clause("V2")
async def test_no_figure_for_the_error_log_is_no_proof(town: Whole) -> None:
    town.service.answers[LOG.query] = Figure(None, "no series matches the query")
    await watch(town, 31)

    with pytest.raises(Refused) as refused:
        await town.do(Resolve(by=MARA))
    assert refused.value.reason is Reason.NOT_VERIFIED
    assert "error logs: no series matches the query" in refused.value.detail


async def test_an_objective_names_its_source_and_one_that_is_not_there_has_no_data() -> None:
    class Saying:
        def __init__(self, value: float) -> None:
            self.value = value

        async def ask(self, query: str, source: str = "", at: Instant | None = None) -> Figure:
            return Figure(self.value)

        async def probe(self, url: str) -> Figure:
            return Figure(1)

        async def close(self) -> None:
            pass

    both = Sources(Saying(1), {"eu": Saying(2)})
    assert [(await both.ask("q", source)).value for source in ("", "eu", "us")] == [1, 2, None]
    assert 'no source "us"' in (await both.ask("q", "us")).why
    assert (await Sources(None, {"eu": Saying(2)}).ask("q")).value is None
    assert (await Sources(None, {"eu": Saying(2)}).probe("http://x")).value == 1


class RealPrometheus:
    """Prometheus itself, which can be killed and started again over the same data."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as reserved:
            self._port = reserved.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._folder = folder
        (folder / "prometheus.yml").write_text("scrape_configs: []\n")
        self._drains: list[asyncio.Task[bytes]] = []

    async def start(self) -> None:
        program = shutil.which("prometheus")
        assert program is not None, "the tests that ask for it are marked as needing it"
        self._process = await asyncio.create_subprocess_exec(
            program,
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stderr is not None
        async with asyncio.timeout(60):
            while b"Server is ready to receive web requests" not in (said := await self._process.stderr.readline()):
                assert said, "prometheus ended before it was ready"
        self._drains.append(asyncio.create_task(self._process.stderr.read()))

    async def kill(self) -> None:
        self._process.kill()
        await self._process.wait()
        await asyncio.gather(*self._drains)


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[RealPrometheus]:
    made = RealPrometheus(tmp_path)
    await made.start()
    yield made
    await made.kill()


def asked_of(real: RealPrometheus, book: Rulebook) -> Rulebook:
    """Objectives whose figures Prometheus answers without a scrape, and its own health endpoint."""
    router = book.components[ROUTER]
    objectives = tuple(replace(one, query="vector(0.999)") for one in router.objectives)
    healthy = replace(
        router, objectives=objectives, health_url=f"{real.url}/-/healthy", errors=ErrorLog("vector(0)", "vector(0)")
    )
    return replace(book, components={**book.components, ROUTER: healthy})


@pytest.mark.needs("prometheus")
@pytest.mark.clause("V1", "V2")
async def test_a_prometheus_that_dies_in_the_middle_of_the_watch_proves_nothing_until_it_has_been_back_long_enough(
    real: RealPrometheus,
) -> None:
    book = asked_of(real, watching(rules_now()))
    whole = await Whole(MemoryStore(), book, NOW, RememberingChannel()).start()
    async with httpx.AsyncClient(trust_env=False) as http:
        asking = PrometheusMeasurements(http, real.url, [f"{real.url}/-/healthy"], timeout_s=10)
        whole.watcher = Watcher(whole.store, whole.handler, asking, whole.telemetry)
        await in_monitoring(whole)
        await watch(whole, 20)
        assert await began_at(whole) == NOW + TimeDelta(seconds=15)

        await real.kill()
        await watch(whole, 15)
        view = await Queries(whole.store, whole.handler).watch(IncidentId("INC-1"), whole.clock.at)
        assert view is not None
        assert (view.progress.state, view.progress.remaining_s) == ("broken", None)  # Its health endpoint is down, too.
        assert "Prometheus is unreachable" in view.progress.missing
        with pytest.raises(Refused) as refused:
            await whole.do(Resolve(by=MARA))
        assert refused.value.reason is Reason.NOT_VERIFIED

        await real.start()
        back_at = whole.clock.at
        await watch(whole, 29)
        with pytest.raises(Refused):
            await whole.do(Resolve(by=MARA))
        await watch(whole, 2)
        (resolved,) = [each for each in await whole.do(Resolve(by=MARA)) if isinstance(each, e.IncidentResolved)]

    assert resolved.verified
    assert resolved.held_since is not None
    assert resolved.held_since > back_at
