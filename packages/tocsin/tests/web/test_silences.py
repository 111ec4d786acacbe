"""Silences over HTTP: made with a reason and an end, ended early, and refused when they would hide too much."""

from typing import Any

import pytest
from whenever import TimeDelta

from tocsin.web.auth import Role

from .town import Town, alerts

SILENCES = "/api/v1/silences"
DOWN = {"label": "alertname", "value": "Down"}


async def test_a_silenced_alert_opens_nothing_until_the_silence_is_ended(town: Town) -> None:
    body = {"matchers": [DOWN], "for": "2h", "reason": "we are at it"}
    made = await town.post(SILENCES, body, role=Role.RESPONDER, person="tomasz-zielinski")
    assert (made["author"], made["ends_at"]) == ("tomasz-zielinski", "2026-11-22T05:00:00Z")
    await town.post("/signals/alertmanager", alerts("Down"))
    await town.take_in()
    assert not (await town.get("/api/v1/incidents"))["incidents"]
    ended = await town.ask("DELETE", f"{SILENCES}/{made['id']}", role=Role.RESPONDER)
    assert (ended.status_code, ended.json()["ended_early_at"]) == (200, "2026-11-22T03:00:00Z")
    town.clock.passes(TimeDelta(minutes=1))
    await town.take_in()
    assert len((await town.get("/api/v1/incidents"))["incidents"]) == 1


async def test_a_maintenance_window_may_begin_later_and_end_at_an_instant(town: Town) -> None:
    body = {
        "kind": "maintenance",
        "matchers": [{"label": "component", "value": "agent.*", "is_regex": True}],
        "starts_at": "2026-11-22T04:00:00Z",
        "ends_at": "2026-11-22T05:00:00Z",
        "reason": "a new disk",
    }
    made = await town.post(SILENCES, body)
    assert (made["kind"], made["starts_at"]) == ("maintenance", "2026-11-22T04:00:00Z")
    await town.post("/signals/alertmanager", alerts("Down"))
    await town.take_in()
    assert len((await town.get("/api/v1/incidents"))["incidents"]) == 1  # It has not begun yet.


@pytest.mark.parametrize("lasts", ["90m", "1h30m", "PT1H30M"])
async def test_how_long_may_be_said_in_two_ways(town: Town, lasts: str) -> None:
    made = await town.post(SILENCES, {"matchers": [DOWN], "for": lasts, "reason": "x"})
    assert made["ends_at"] == "2026-11-22T04:30:00Z"


async def test_silences_that_are_over_are_listed_only_if_asked_for(town: Town) -> None:
    made = await town.post(SILENCES, {"matchers": [DOWN], "for": "1h", "reason": "x"})
    assert [each["id"] for each in (await town.get(SILENCES))["silences"]] == [made["id"]]
    town.clock.passes(TimeDelta(hours=1))
    assert (await town.get(SILENCES))["silences"] == []
    assert [each["id"] for each in (await town.get(f"{SILENCES}?all=true"))["silences"]] == [made["id"]]
    ended = await town.ask("DELETE", f"{SILENCES}/{made['id']}")
    assert ended.json()["ended_early_at"] is None  # It was over already.


@pytest.mark.parametrize(
    ("change", "status", "place"),
    [
        ({"matchers": []}, 422, "$.matchers"),
        ({"matchers": [{"label": "a", "value": ".*", "is_regex": True}]}, 422, "$.matchers"),
        ({"matchers": [{"label": "a", "value": "b", "is_equal": False}]}, 422, "$.matchers"),
        ({"matchers": [{"label": "a", "value": "(", "is_regex": True}]}, 422, "$.matchers[0].value"),
        ({"matchers": [DOWN, {"label": "a", "value": "(a+)+b", "is_regex": True}]}, 422, "$.matchers[1].value"),
        ({"matchers": [{"label": "a", "value": "x" * 501}]}, 400, "$.matchers[0].value"),
        ({"matchers": [DOWN] * 21}, 400, "$.matchers"),
        ({"matchers": [{"label": "a", "valeu": "b"}]}, 400, "$.matchers[0].valeu"),
        ({"reason": "  "}, 422, "$.reason"),
        ({"for": None}, 422, "$.ends_at"),
        ({"ends_at": "2026-11-22T05:00:00Z"}, 422, "$.ends_at"),
        ({"for": None, "ends_at": "2026-11-22T02:00:00Z"}, 422, "$.ends_at"),
        ({"for": None, "starts_at": "2026-11-20T02:00:00Z", "ends_at": "2026-11-21T02:00:00Z"}, 422, "$.ends_at"),
        ({"for": "91d"}, 422, "$.ends_at"),
        ({"for": "PT999999H"}, 422, "$.ends_at"),
        ({"for": "a while"}, 422, "$.for"),
        ({"for": "PT"}, 422, "$.for"),
        ({"for": "-2h"}, 422, "$.for"),
        ({"for": "-PT2H"}, 422, "$.for"),
        ({"for": "PT0S"}, 422, "$.ends_at"),
        ({"starts_at": "tomorrow"}, 400, "$.starts_at"),
        ({"starts_at": "9999-12-31T00:00:00Z"}, 422, "$.ends_at"),
        ({"kind": "nap"}, 400, "$.kind"),
    ],
)
async def test_a_bad_silence_is_refused_with_the_place_and_nothing_is_kept(
    town: Town, change: dict[str, Any], status: int, place: str
) -> None:
    body = {"matchers": [DOWN], "for": "2h", "reason": "x", **change}
    answer = await town.ask("POST", SILENCES, body)
    assert (answer.status_code, answer.json().get("place")) == (status, place), answer.text
    assert answer.json()["remedy"]
    assert await town.store.silences() == ()


async def test_a_silence_that_does_not_exist_is_not_found(town: Town) -> None:
    assert (await town.ask("DELETE", f"{SILENCES}/SIL-0")).status_code == 404


async def test_there_are_only_so_many_silences(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.web.api.silences.SILENCES_MAX", 2)
    body = {"matchers": [DOWN], "for": "2h", "reason": "x"}
    statuses = [(await town.ask("POST", SILENCES, body)).status_code for _ in range(3)]
    assert statuses == [201, 201, 409]
