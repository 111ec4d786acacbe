"""What waits for whom over all incidents, the one act that answers it, and the alarm on Tocsin's own status."""

import pytest
from whenever import TimeDelta

from tocsin.core.commands import Tick
from tocsin.web.auth import Role

from .town import Town

ON_CALL = "tomasz-zielinski"


async def test_the_pages_of_a_person_are_listed_longest_waiting_first(town: Town) -> None:
    first = await town.declared(severity="SEV2")
    town.clock.passes(TimeDelta(minutes=1))
    second = await town.declared(severity="SEV2")

    found = await town.get(f"/api/v1/pages?person={ON_CALL}", role=Role.VIEWER)

    assert (found["person"], found["count"]) == (ON_CALL, 2)
    assert [page["incident"] for page in found["pages"]] == [first, second]
    own = await town.get("/api/v1/pages", role=Role.RESPONDER, person=ON_CALL)
    assert own["count"] == 2


@pytest.mark.clause("D2")
async def test_one_act_acknowledges_all_of_them_and_a_second_one_nothing(town: Town) -> None:
    incidents = [await town.declared(severity="SEV2") for _ in range(12)]

    answer = await town.post("/api/v1/pages/acknowledge", {}, role=Role.RESPONDER, person=ON_CALL)

    assert answer["incidents"] == incidents
    assert (await town.post("/api/v1/pages/acknowledge", {}, role=Role.RESPONDER, person=ON_CALL))["incidents"] == []
    assert (await town.get(f"/api/v1/pages?person={ON_CALL}"))["count"] == 0


@pytest.mark.parametrize("path", ["/api/v1/pages", "/api/v1/pages?person=nobody-we-know"])
async def test_nobody_has_no_pages(town: Town, path: str) -> None:
    answer = await town.ask("GET", path, role=Role.VIEWER)

    assert answer.status_code in (404, 409, 422)
    assert answer.json()["remedy"]


async def test_only_a_commander_answers_for_another(town: Town) -> None:
    await town.declared(severity="SEV2")
    body = {"by": ON_CALL}

    refused = await town.ask("POST", "/api/v1/pages/acknowledge", body, role=Role.RESPONDER, person="aisha-bello")
    assert refused.status_code == 403
    assert (await town.post("/api/v1/pages/acknowledge", body, role=Role.COMMANDER))["incidents"]


@pytest.mark.clause("E4")
async def test_nobody_reachable_is_on_tocsins_own_status_until_somebody_takes_it(town: Town) -> None:
    incident = await town.declared(severity="SEV2")
    healthy = await town.get("/health", role=None)
    assert (healthy["status"], healthy["nobody_reachable"]) == ("ok", [])
    for _ in range(4):
        town.clock.passes(TimeDelta(minutes=15))
        await town.engine.handler.handle(incident, Tick(), town.clock.now())

    health = await town.get("/health", role=None)
    assert (health["status"], health["nobody_reachable"]) == ("degraded", [incident])
    metrics = (await town.ask("GET", "/metrics")).text
    assert "tocsin_nobody_reachable 1.0" in metrics

    await town.post(f"/api/v1/incidents/{incident}/acknowledge", {"by": ON_CALL}, role=Role.COMMANDER)
    assert (await town.get("/health", role=None))["status"] == "ok"
    assert "tocsin_nobody_reachable 0.0" in (await town.ask("GET", "/metrics")).text
