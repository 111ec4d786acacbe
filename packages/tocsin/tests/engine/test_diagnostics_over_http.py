"""Diagnostics through the real HTTP target: providers' status pages, and whatever else a web address may do to us."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from msgspec.structs import replace

from tocsin.actions.http import HttpTarget
from tocsin.core import events as e
from tocsin.core.actions import ActionId, TargetKind
from tocsin.core.diagnostics import DiagnosticResult
from tocsin.core.ids import ComponentId
from tocsin.engine.diagnostics import Diagnoser

from ..builders import TUESDAY_MORNING
from ..standins.server import Request, Response, never, serving
from .conftest import Whole
from .told import alert

NOW = TUESDAY_MORNING
ROUTER = ComponentId("router")
OUTAGE = {
    "page": {"id": "p", "name": "OpenRouter", "url": "https://status.openrouter.ai"},
    "status": {"indicator": "major", "description": "Partial System Outage"},
    "components": [{"name": "Chat API", "status": "partial_outage"}, {"name": "Site", "status": "operational"}],
    "incidents": [{"name": "Elevated error rates", "status": "investigating"}],
}


class Web:
    """What stands at each path."""

    def __init__(self) -> None:
        self.pages: dict[str, Response] = {}
        self.asked: list[str] = []
        self.url = ""

    async def handle(self, request: Request) -> Response:
        self.asked.append(f"{request.method} {request.path}")
        return self.pages[request.path] if request.path in self.pages else await never()


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    there = Web()
    async with serving(there.handle) as url:
        there.url = url
        yield there


async def looked(whole: Whole, web: Web) -> tuple[dict[str, DiagnosticResult], tuple[str, ...]]:
    """Let the router break and look at it over HTTP; answer what became of each diagnostic, and the summary."""
    rules = whole.playbooks.current
    moved = {
        ActionId("router.status-openrouter"): f"{web.url}/openrouter",
        ActionId("router.status-anthropic"): f"{web.url}/anthropic",
    }
    actions = {
        key: replace(action, arguments={"url": moved[key]}) if key in moved else action
        for key, action in rules.actions.items()
    }
    parts = {**rules.components, ROUTER: replace(rules.components[ROUTER], health_url=f"{web.url}/health")}
    policy = replace(rules.diagnostics, within=rules.diagnostics.within / 120)  # A second: what hangs is broken off.
    rules = replace(rules, actions=actions, components=parts, diagnostics=policy)
    whole.playbooks.current = whole.playbooks._by_version[rules.version] = rules
    await whole.alerts(alert("router.success-major", since=NOW))
    async with httpx.AsyncClient(trust_env=False) as http:
        target = HttpTarget(http, lambda: [web.url])
        looking = Diagnoser(
            whole.store, whole.handler, {TargetKind.HTTP: target}, whole.service, whole.clock, whole.telemetry
        )
        await looking.step(NOW)
        await looking.settle()
    (event,) = await whole.of(e.DiagnosticsGathered)
    assert isinstance(event, e.DiagnosticsGathered)
    return {result.diagnostic: result for result in event.results}, event.summary


@pytest.mark.clause("M2", "M3")
async def test_a_provider_that_is_out_is_named_and_one_that_hangs_costs_its_own_answer(whole: Whole, web: Web) -> None:
    web.pages["/openrouter"] = Response(200, json.dumps(OUTAGE).encode())
    web.pages["/health"] = Response(503, b'{"status": "degraded", "release": "2.3.0", "error": "no provider answers"}')

    found, summary = await looked(whole, web)

    assert found["router.status-openrouter"].said == (
        "OpenRouter: Partial System Outage; Chat API partial outage; “Elevated error rates”"
    )
    assert found["router.status-anthropic"].ending == "timed_out"
    assert (found["router.health"].ending, found["router.health"].exit_status) == ("answered", 503)
    assert "health: degraded: no provider answers" in summary
    assert any(line.startswith("provider OpenRouter: Partial System Outage") for line in summary)
    assert any(line.startswith("no answer in time: Read the status page of Anthropic") for line in summary)
    assert {line.split()[0] for line in web.asked} == {"GET"}


async def test_a_page_that_floods_moves_away_or_is_none_says_so(whole: Whole, web: Web) -> None:
    web.pages["/openrouter"] = Response(200, b"x" * 300_000)
    web.pages["/anthropic"] = Response(302, b"", {"location": "http://169.254.169.254/latest"})
    web.pages["/health"] = Response(404, b"<html>nothing here</html>")

    found, _ = await looked(whole, web)

    assert found["router.status-openrouter"].cut
    assert found["router.status-openrouter"].size < 100_000
    assert found["router.status-anthropic"].ending == "failed"
    assert "169.254.169.254" in found["router.status-anthropic"].said
    assert found["router.health"].said.startswith("answered 404")
    assert web.asked.count("GET /anthropic") == 1, "a redirect is not followed"
