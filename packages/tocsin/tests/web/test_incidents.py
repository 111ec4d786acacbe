"""Incidents over HTTP: declared, acted on, read, and every refusal with its way out."""

from typing import Any

import pytest
from whenever import TimeDelta

from tocsin.core.ids import IncidentId
from tocsin.core.kinds import Kind
from tocsin.core.limits import CONFLICTS_MAX
from tocsin.engine.clock import Numbers
from tocsin.web.auth import Role

from .town import Town, alerts

INCIDENTS = "/api/v1/incidents"


async def _refused(town: Town, path: str, body: Any, **more: Any) -> tuple[int, str, dict[str, Any]]:
    answer = await town.ask("POST", path, body, **more)
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    found = answer.json()
    assert found["status"] == answer.status_code
    assert found["remedy"]
    assert town.refused(found["reason"]) == 1
    return answer.status_code, found["reason"], found


@pytest.mark.clause("C6")
async def test_a_declaration_without_a_severity_is_classified_by_its_answers(town: Town) -> None:
    view = await town.post(INCIDENTS, {"title": "All gone", "component": "agentdb", "all_users": True})
    assert (view["severity"], view["stage"], view["clause"]) == ("SEV1", "investigating", "C3")
    minor = await town.post(INCIDENTS, {"title": "A little slow", "component": "agentdb", "share": 0.01})
    assert minor["severity"] == "SEV3"


async def test_alerts_of_its_component_attach_to_what_a_person_declared(town: Town) -> None:
    incident = await town.declared()
    await town.post("/signals/alertmanager", alerts("Down"))
    await town.take_in()
    assert [each["id"] for each in (await town.get(INCIDENTS))["incidents"]] == [incident]
    assert (await town.get(f"{INCIDENTS}/{incident}"))["firing"] == 1


async def test_a_declaration_names_all_that_is_affected(town: Town) -> None:
    body = {"title": "Both", "component": "agentdb", "components": ["reasoningbank", "agentdb"]}
    assert (await town.post(INCIDENTS, body))["components"] == ["agentdb", "reasoningbank"]


async def test_a_number_that_another_node_gave_meanwhile_is_passed_over(town: Town) -> None:
    others = CONFLICTS_MAX + 2
    for _ in range(others):
        await town.declared()
    town.engine.numbers._last = {Kind.INCIDENT: 0}
    assert await town.declared(component="agentdb") == f"INC-{others + 1}"
    assert (await town.get(f"{INCIDENTS}/INC-1"))["components"] == ["agent-booster"]


async def test_numbers_that_are_never_free_are_answered_as_try_again(town: Town) -> None:
    await town.declared()

    class Stuck(Numbers):
        async def next(self, kind: Kind = Kind.INCIDENT) -> IncidentId:
            return IncidentId("INC-1")

    town.engine.numbers = Stuck(town.store)
    answer = await town.ask("POST", INCIDENTS, {"title": "x", "component": "agentdb"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize(
    ("body", "status", "reason", "place"),
    [
        (b"{", 400, "malformed", "$"),
        (b"\xff", 400, "malformed", "$"),
        (b"[" * 100_000, 400, "wrong_type", "$"),
        (b"[]", 400, "wrong_type", "$"),
        ({"title": "x"}, 400, "missing_field", "$.component"),
        ({"title": 7, "component": "agentdb"}, 400, "wrong_type", "$.title"),
        ({"title": "x", "component": "agentdb", "share": 2}, 400, "wrong_type", "$.share"),
        ({"title": "x", "component": "agentdb", "all_users": "yes"}, 400, "wrong_type", "$.all_users"),
        ({"title": "x", "component": "agentdb", "severty": "SEV1"}, 400, "unknown_field", "$.severty"),
        ({"title": "x", "component": "agentdb", "description": "d" * 20_001}, 400, "wrong_type", "$.description"),
        ({"title": "x", "component": "agentbd"}, 422, "unknown_component", ""),
        ({"title": "x", "component": "agentdb", "components": ["no"]}, 422, "unknown_component", ""),
        ({"title": "x", "component": "agentdb", "severity": "SEV9"}, 422, "unknown_severity", ""),
        ({"title": " ", "component": "agentdb"}, 409, "text_missing", ""),
        ({"title": "x" * 201, "component": "agentdb"}, 409, "text_too_long", ""),
        ({"title": "x", "component": "agentdb", "by": "nobody-we-know"}, 422, "unknown_person", ""),
    ],
)
async def test_a_bad_declaration_is_refused_in_words_and_opens_nothing(
    town: Town, body: Any, status: int, reason: str, place: str
) -> None:
    answer = await _refused(town, INCIDENTS, body)
    assert answer[:2] == (status, reason)
    assert answer[2].get("place", "") == place
    assert not (await town.get(INCIDENTS))["incidents"]


async def test_a_misspelt_field_is_answered_with_the_right_one(town: Town) -> None:
    *_, found = await _refused(town, INCIDENTS, {"title": "x", "component": "agentdb", "severty": "SEV1"})
    assert "Did you mean severity?" in found["remedy"]


async def test_an_unknown_component_is_answered_with_the_known_ones(town: Town) -> None:
    *_, found = await _refused(town, INCIDENTS, {"title": "x", "component": "agentbd"})
    assert all(name in found["remedy"] for name in town.rules.components)


ACTS: list[tuple[str, dict[str, Any], str]] = [
    ("acknowledge", {}, "acknowledged"),
    ("severity", {"severity": "SEV2", "reason": "only one region"}, "severity_lowered"),
    ("stage", {"stage": "identified"}, "stage_changed"),
    ("note", {"text": "it began with the release"}, "note_added"),
    ("role", {"role": "communications", "person": "ines-moreau", "reason": "end of shift"}, "role_assigned"),
    ("component", {"component": "agentdb"}, "component_added"),
    ("update", {"audience": "stakeholders", "text": "we are on it"}, "update_posted"),
    ("mitigation", {"what": "rolled back"}, "mitigation_applied"),
    ("flag", {"flag": "vendor", "reason": "their ticket 7"}, "flag_raised"),
    ("escalate", {"level": 3, "reason": "we need more hands"}, "level_raised"),
    ("relieve", {"asks_ladder": True, "reason": "end of my night"}, "responder_relieved"),
    ("resolve", {"override_reason": "a false alarm"}, "incident_resolved"),
    ("milestone", {"milestone": "postmortem_draft"}, "milestone_reached"),
    ("reopen", {"reason": "it came back"}, "incident_reopened"),
]


async def test_every_act_is_written_once_and_a_second_time_changes_nothing(town: Town) -> None:
    rules, person = town.rules, next(iter(town.rules.people))
    incident = await town.declared()
    for act, body, event in ACTS:
        named = {
            **body,
            **({"person": person} if act == "role" else {}),
            **({"audience": next(iter(rules.audiences))} if act == "update" else {}),
            **({"flag": next(iter(rules.flags))} if act == "flag" else {}),
            **({"milestone": next(iter(rules.milestones))} if act == "milestone" else {}),
        }
        town.clock.passes(TimeDelta(seconds=1))
        path = f"{INCIDENTS}/{incident}/{act}"
        done = await town.post(path, named, role=Role.COMMANDER, person="tomasz-zielinski")
        own = [line for line in done["events"] if line["event"]["type"] == event]
        assert own, (act, done["events"])
        assert own[0]["event"]["by"]["person"] == "tomasz-zielinski"
        assert done["incident"]["id"] == incident
        again = await town.post(path, named, role=Role.COMMANDER, person="tomasz-zielinski")
        assert again["events"] == [], act


async def test_the_lines_of_an_act_carry_their_numbers_in_the_timeline(town: Town) -> None:
    incident = await town.declared()
    done = await town.post(f"{INCIDENTS}/{incident}/note", {"text": "seen"})
    timeline = (await town.get(f"{INCIDENTS}/{incident}/timeline"))["events"]
    assert done["events"] == [line for line in timeline if line["number"] == done["incident"]["size"]]


async def test_a_closed_incident_is_closed_by_a_commander_only(town: Town) -> None:
    incident = await town.declared()
    path = f"{INCIDENTS}/{incident}/close"
    assert (await _refused(town, path, {}, role=Role.RESPONDER))[:2] == (403, "forbidden")
    assert (await _refused(town, path, {}))[:2] == (409, "not_resolved")
    await town.post(f"{INCIDENTS}/{incident}/resolve", {"override_reason": "false alarm"})
    assert (await town.post(path, {"reason": "done"}, role=Role.COMMANDER))["incident"]["closed"]
    assert (await _refused(town, f"{INCIDENTS}/{incident}/reopen", {"reason": "x"}))[:2] == (409, "incident_closed")


@pytest.mark.clause("V4")
async def test_only_a_commander_resolves_what_is_not_proven_and_only_with_a_reason(town: Town) -> None:
    path = f"{INCIDENTS}/{await town.declared()}/resolve"
    assert (await _refused(town, path, {}))[:2] == (409, "not_verified")
    body = {"override_reason": "I believe it is over"}
    assert (await _refused(town, path, body, role=Role.RESPONDER))[:2] == (403, "not_commander")
    done = await town.post(path, body, role=Role.RESPONDER, person="tomasz-zielinski")  # He holds the role.
    assert done["incident"]["stage"] == "resolved"


@pytest.mark.parametrize(
    ("act", "body", "status", "reason"),
    [
        ("acknowledge", {}, 409, "person_missing"),
        ("stage", {"stage": "resolved"}, 409, "stage_not_reachable"),
        ("stage", {"stage": "solved"}, 400, "wrong_type"),
        ("severity", {"severity": "SEV3"}, 409, "reason_missing"),
        ("severity", {"severity": "SEV0"}, 422, "unknown_severity"),
        ("role", {"role": "king", "person": "tomasz-zielinski"}, 422, "unknown_role"),
        ("role", {"role": "communications", "person": "nobody"}, 422, "unknown_person"),
        ("component", {"component": "nothing"}, 422, "unknown_component"),
        ("update", {"audience": "martians", "text": "hello"}, 422, "unknown_audience"),
        ("flag", {"flag": "white"}, 422, "unknown_flag"),
        ("escalate", {"level": 99}, 422, "unknown_level"),
        ("escalate", {"level": "3"}, 400, "wrong_type"),
        ("milestone", {"milestone": "moon"}, 422, "unknown_milestone"),
        ("note", {"text": " "}, 409, "text_missing"),
        ("note", {"text": "x" * 20_001}, 409, "text_too_long"),
        ("note", {}, 400, "missing_field"),
    ],
)
async def test_an_act_that_cannot_be_is_refused_and_writes_nothing(
    town: Town, act: str, body: Any, status: int, reason: str
) -> None:
    incident = await town.declared()
    before = (await town.get(f"{INCIDENTS}/{incident}"))["size"]
    assert (await _refused(town, f"{INCIDENTS}/{incident}/{act}", body))[:2] == (status, reason)
    assert (await town.get(f"{INCIDENTS}/{incident}"))["size"] == before


@pytest.mark.parametrize("rest", ["", "/timeline", "/deadlines", "/ledger"])
async def test_an_incident_that_does_not_exist_is_not_found(town: Town, rest: str) -> None:
    answer = await town.ask("GET", f"{INCIDENTS}/INC-404{rest}")
    assert (answer.status_code, answer.json()["reason"]) == (404, "not_declared")


async def test_an_act_in_an_incident_that_does_not_exist_is_not_found(town: Town) -> None:
    assert (await _refused(town, f"{INCIDENTS}/INC-404/note", {"text": "x"}))[:2] == (404, "not_declared")


async def test_incidents_are_listed_newest_first_in_pages(town: Town) -> None:
    components = list(town.rules.components)[:5]
    for component in components:
        await town.declared(component=component)
    await town.post(f"{INCIDENTS}/INC-3/resolve", {"override_reason": "false alarm"})
    first = await town.get(f"{INCIDENTS}?limit=2")
    assert ([each["id"] for each in first["incidents"]], first["next"]) == (["INC-5", "INC-4"], "INC-4")
    rest = await town.get(f"{INCIDENTS}?limit=3&before=INC-4")
    assert ([each["id"] for each in rest["incidents"]], rest["next"]) == (["INC-3", "INC-2", "INC-1"], None)
    still_open = await town.get(f"{INCIDENTS}?open=true")
    assert [each["id"] for each in still_open["incidents"]] == ["INC-5", "INC-4", "INC-2", "INC-1"]


@pytest.mark.parametrize(
    ("query", "place"), [("limit=0", "limit"), ("limit=9999", "limit"), ("open=maybe", "open"), ("before=x", "before")]
)
async def test_a_wrong_parameter_is_refused_by_its_name(town: Town, query: str, place: str) -> None:
    answer = await town.ask("GET", f"{INCIDENTS}?{query}")
    assert (answer.status_code, answer.json()["reason"], answer.json()["place"]) == (400, "wrong_parameter", place)


async def test_a_timeline_is_read_in_pages_without_a_gap(town: Town) -> None:
    incident = await town.declared()
    size = (await town.get(f"{INCIDENTS}/{incident}"))["size"]
    numbers: list[int] = []
    after: int | None = 0
    while after is not None:
        page = await town.get(f"{INCIDENTS}/{incident}/timeline?after={after}&limit=4")
        numbers += [line["number"] for line in page["events"]]
        after = page["next"]
    assert numbers == list(range(1, size + 1))


@pytest.mark.clause("C2")
async def test_what_is_due_is_told_with_its_clause_and_what_was_kept_with_its_time(town: Town) -> None:
    incident = await town.declared()
    owed = await town.get(f"{INCIDENTS}/{incident}/deadlines")
    target = next(each for each in owed["deadlines"] if each["kind"] == "target" and each["clause"] == "C2")
    assert target["in_s"] == 300  # A SEV1 is acknowledged within five minutes.
    town.clock.passes(TimeDelta(minutes=2))
    await town.post(f"{INCIDENTS}/{incident}/acknowledge", {"by": "tomasz-zielinski"}, role=Role.COMMANDER)
    promises = (await town.get(f"{INCIDENTS}/{incident}/deadlines"))["promises"]
    assert next(each for each in promises if each["rule"] == target["rule"])["state"] == "kept"


async def test_the_ledger_names_every_message(town: Town) -> None:
    ledger = await town.get(f"{INCIDENTS}/{await town.declared()}/ledger")
    assert {entry["state"] for entry in ledger["messages"]} == {"waiting"}
    assert ledger["unaccounted"] == 0
    assert any(entry["intent"]["person"] == "tomasz-zielinski" for entry in ledger["messages"])


async def test_a_store_that_fails_in_an_act_leaves_the_incident_as_it_was(town: Town) -> None:
    incident = await town.declared()
    before = await town.get(f"{INCIDENTS}/{incident}")
    town.store.fails = True
    answer = await town.ask("POST", f"{INCIDENTS}/{incident}/note", {"text": "seen"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    town.store.fails = False
    assert await town.get(f"{INCIDENTS}/{incident}") == before


async def test_a_character_that_no_database_keeps_is_replaced(town: Town) -> None:
    incident = await town.declared()
    done = await town.post(f"{INCIDENTS}/{incident}/note", b'{"text": "a\\u0000b"}')
    assert done["events"][0]["event"]["text"] == "a\N{REPLACEMENT CHARACTER}b"
