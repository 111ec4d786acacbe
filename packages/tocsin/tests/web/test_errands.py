"""Hand-offs and test pages over HTTP: asked for, accepted by link, refused to strangers (O3)."""

import pytest

from tocsin.core.ids import IncidentId, PersonId
from tocsin.core.rules import Person
from tocsin.web.auth import Role

from ..builders import changed, rulebook
from .town import Town

OLD, NEW = "aisha-bello", "daniel-kerr"


async def _handoff(town: Town) -> IncidentId:
    """The hand-off that is open on the Sunday of the tests: the shift changes at midnight."""
    await town.engine.errands.step(town.clock.now())
    found = (await town.get("/api/v1/handoffs"))["errands"]
    return IncidentId(found[-1]["id"])


@pytest.mark.clause("O3")
async def test_a_hand_off_is_listed_shown_ticked_noted_and_accepted(town: Town) -> None:
    name = await _handoff(town)
    view = await town.get(f"/api/v1/handoffs/{name}")
    outgoing, incoming = view["outgoing"], view["incoming"]
    assert view["pages_go_to"] == [outgoing]
    act = f"/api/v1/incidents/{name}"
    for step in view["steps"]:
        await town.post(f"{act}/milestone", {"milestone": step["name"]}, role=Role.RESPONDER, person=outgoing)
    await town.post(f"{act}/note", {"text": "mind agentdb-3"}, role=Role.RESPONDER, person=outgoing)
    done = await town.post(f"{act}/acknowledge", role=Role.RESPONDER, person=incoming)
    assert done["incident"]["closed"]
    view = await town.get(f"/api/v1/handoffs/{name}")
    assert (view["outcome"], [note["text"] for note in view["packet"]["notes"]]) == ("done", ["mind agentdb-3"])
    assert name not in [each["id"] for each in (await town.get("/api/v1/handoffs"))["errands"]]
    assert name in [each["id"] for each in (await town.get("/api/v1/handoffs?all=1"))["errands"]]


@pytest.mark.clause("O3")
async def test_a_hand_off_is_accepted_by_its_link_once_and_by_nobody_else(town: Town) -> None:
    name = await _handoff(town)
    view = await town.get(f"/api/v1/handoffs/{name}")
    page = (await town.ask("GET", town.link(name, view["incoming"]), role=None)).text
    assert "I accept the hand-off" in page
    assert "Open incidents: none" in page
    assert "<button" not in (await town.ask("GET", town.link(name, view["outgoing"]), role=None)).text
    refused = await town.ask("POST", town.link(name, "priya-nair"), role=None)
    assert refused.status_code == 409
    for _ in range(2):
        assert "Thank you" in (await town.ask("POST", town.link(name, view["incoming"]), role=None)).text
    timeline = (await town.get(f"/api/v1/incidents/{name}/timeline"))["events"]
    assert [line["event"]["type"] for line in timeline].count("acknowledged") == 1
    stranger = await town.ask("POST", f"/api/v1/incidents/{name}/acknowledge", role=Role.RESPONDER, person="priya-nair")
    assert (stranger.status_code, stranger.json()["reason"]) == (409, "not_asked")


async def test_errands_are_no_incidents(town: Town) -> None:
    name = await _handoff(town)
    await town.post("/api/v1/test-pages", {"person": NEW})
    assert (await town.get("/api/v1/incidents"))["incidents"] == []
    metrics = (await town.ask("GET", "/metrics")).text
    assert "tocsin_open_incidents 0.0" in metrics
    assert await town.declared() == "INC-1", "each kind is counted by itself"
    severity = await town.ask("POST", f"/api/v1/incidents/{name}/severity", {"severity": "SEV1"})
    assert (severity.status_code, severity.json()["reason"]) == (409, "not_an_incident")
    declared = await town.ask(
        "POST", "/api/v1/incidents", {"title": "x", "component": "agentdb", "severity": "hand-off"}
    )
    assert (declared.status_code, declared.json()["reason"]) == (422, "unknown_severity")


async def test_a_test_page_is_answered_by_its_link_and_says_that_nothing_is_wrong(town: Town) -> None:
    view = await town.post("/api/v1/test-pages", {"person": NEW}, role=Role.RESPONDER, person=NEW)
    name = IncidentId(view["id"])
    assert (view["person"], view["outcome"]) == (NEW, "")
    page = (await town.ask("GET", town.link(name, NEW), role=None)).text
    assert "Nothing is wrong" in page
    await town.ask("POST", town.link(name, NEW), role=None)
    view = await town.get(f"/api/v1/test-pages/{name}")
    assert (view["outcome"], view["answered_via"]) == ("done", "link")
    ledger = await town.get(f"/api/v1/incidents/{name}/ledger")
    assert [(each["kind"], each["to"], each["end"]) for each in ledger["obligations"]] == [("page", NEW, "answered")]


async def test_a_test_page_is_refused_of_the_unknown_the_unreachable_and_others(town: Town) -> None:
    unknown = await town.ask("POST", "/api/v1/test-pages", {"person": "nobody"})
    assert (unknown.status_code, unknown.json()["reason"]) == (422, "unknown_person")
    others = await town.ask("POST", "/api/v1/test-pages", {"person": OLD}, role=Role.RESPONDER, person=NEW)
    assert (others.status_code, others.json()["reason"]) == (403, "forbidden")
    people = {**rulebook().people, PersonId("silent"): Person(PersonId("silent"), "Silent")}
    town.next_rules = changed(rulebook(), people=people, version="2")
    await town.post("/api/v1/playbook/reload")
    silent = await town.ask("POST", "/api/v1/test-pages", {"person": "silent"})
    assert (silent.status_code, silent.json()["reason"]) == (409, "no_contact_method")
    for path in ("/api/v1/test-pages/TEST-9", "/api/v1/handoffs/HO-9", "/api/v1/handoffs/INC-1"):
        assert (await town.ask("GET", path)).status_code == 404


@pytest.mark.clause("E4")
async def test_the_ledger_tells_each_obligation_its_end_and_what_nobody_owes(town: Town) -> None:
    incident = await town.declared()
    obligations = (await town.get(f"/api/v1/incidents/{incident}/ledger"))["obligations"]
    paged = [each for each in obligations if each["kind"] == "page"]
    assert {each["end"] for each in paged} == {"waiting"}
    assert all(each["next_at"] for each in paged)
    person = paged[0]["to"]
    await town.post(f"/api/v1/incidents/{incident}/acknowledge", role=Role.RESPONDER, person=person)
    obligations = (await town.get(f"/api/v1/incidents/{incident}/ledger"))["obligations"]
    answered = next(each for each in obligations if each["kind"] == "page" and each["to"] == person)
    assert (answered["end"], answered["via"]) == ("answered", "api")
    assert await town.get("/api/v1/unaccounted") == {"alerts": [], "timelines": [], "messages": []}
