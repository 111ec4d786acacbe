"""What could be done, what would run, and who may have it done; over the API and by the signed link (M3, M4)."""

from typing import Any

import jsonschema
import msgspec
import pytest
from whenever import TimeDelta

from tocsin.core.ids import IncidentId
from tocsin.web.auth import Role

from .town import Town

LEADER, OTHER, MARA = "tomasz-zielinski", "daniel-kerr", "mara-lindqvist"
UNDO, SCALE = "agent-booster.undo", "agent-booster.scale"


async def led(town: Town) -> IncidentId:
    incident = await town.declared()
    await town.post(f"/api/v1/incidents/{incident}/acknowledge", role=Role.RESPONDER, person=LEADER)
    return incident


async def proposed(town: Town, incident: IncidentId, action: str = UNDO, **values: Any) -> dict[str, Any]:
    body = {"action": action, "values": values}
    answer = await town.post(f"/api/v1/incidents/{incident}/mitigations", body, role=Role.RESPONDER, person=OTHER)
    run: dict[str, Any] = answer["run"]
    return run


async def approved(town: Town, incident: IncidentId, run: dict[str, Any], person: str = LEADER, **more: Any) -> Any:
    path = f"/api/v1/incidents/{incident}/mitigations/{run['id']}/approve"
    return await town.ask("POST", path, {"digest": run["digest"]}, role=Role.RESPONDER, person=person, **more)


@pytest.mark.clause("M3")
async def test_what_fits_the_failure_comes_first_with_parameters_risk_and_the_line_that_would_run(town: Town) -> None:
    incident = await led(town)
    actions = (await town.get(f"/api/v1/incidents/{incident}/actions", role=Role.VIEWER))["actions"]
    changing = [each for each in actions if each["changes"]]
    assert actions[: len(changing)] == changing, "what only reads comes last"
    scale = next(each for each in actions if each["action"] == SCALE)
    assert scale["shown"] == "kubectl scale deployment/agent-booster --replicas=6 -n agentic-flow"
    assert (scale["risk"], scale["approvals"], scale["inverse"]) == ("low", 1, SCALE)
    assert scale["parameters"][0]["name"] == "replicas"
    assert {each["component"] for each in actions} <= {None, "agent-booster"}


@pytest.mark.clause("M4")
async def test_what_is_shown_is_approved_runs_and_is_told_with_its_output(town: Town) -> None:
    incident = await led(town)
    run = await proposed(town, incident)
    assert run["shown"] == "kubectl rollout undo deployment/agent-booster --to-revision=1 -n agentic-flow"
    assert run["before"]["image"] == "booster:1.9.1"
    assert run["waits_for"] == [LEADER]
    view = await town.get(f"/api/v1/incidents/{incident}")
    assert view["next_action"].startswith("approve or reject R1")

    answer = await approved(town, incident, run)
    assert answer.status_code == 200, answer.text
    await town.carry_out()

    shown = await town.get(f"/api/v1/incidents/{incident}/mitigations/R1")
    assert (shown["state"], shown["outcome"]) == ("ended", "succeeded")
    assert town.target.workloads["deployment/agent-booster"].state.image == "booster:1.9.0"
    assert "deployment/agent-booster" in shown["output"]
    timeline = (await town.get(f"/api/v1/incidents/{incident}/timeline"))["events"]
    kinds = [line["event"]["type"] for line in timeline if line["event"]["type"].startswith("mitigation")]
    assert kinds == ["mitigation_proposed", "mitigation_approved", "mitigation_started", "mitigation_ended"]


async def test_the_answer_to_an_approval_is_what_the_document_says(town: Town) -> None:
    incident = await led(town)
    answer = await approved(town, incident, await proposed(town, incident))
    document = await town.get("/schema/openapi.json", role=None)
    path = document["paths"]["/api/v1/incidents/{incident}/mitigations/{run}/approve"]["post"]
    schema = path["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json(), {**schema, "components": document["components"]})


@pytest.mark.clause("M4")
async def test_an_approval_is_personal_whatever_a_token_may(town: Town) -> None:
    incident = await led(town)
    run = await proposed(town, incident)
    for role, person, reason in (
        (Role.RESPONDER, OTHER, "not_commander"),
        (Role.ADMIN, MARA, "not_commander"),
        (Role.ADMIN, "", "person_missing"),
    ):
        path = f"/api/v1/incidents/{incident}/mitigations/R1/approve"
        refused = await town.ask("POST", path, {"digest": run["digest"]}, role=role, person=person)
        assert refused.json()["reason"] == reason
        assert refused.json()["remedy"]
    named = await town.ask(
        "POST", f"/api/v1/incidents/{incident}/mitigations/R1/approve", {"digest": run["digest"], "by": LEADER}
    )
    assert named.json()["reason"] == "unknown_field", "nobody signs in another's name"
    await town.carry_out()
    assert town.target.ran == []


@pytest.mark.clause("M4")
async def test_another_digest_than_that_of_what_would_run_approves_nothing(town: Town) -> None:
    incident = await led(town)
    six, nine = await proposed(town, incident, SCALE), await proposed(town, incident, SCALE, replicas=9)
    refused = await approved(town, incident, {**nine, "digest": six["digest"]})
    assert (refused.status_code, refused.json()["reason"]) == (409, "command_changed")


@pytest.mark.clause("M4")
async def test_one_mitigation_at_a_time_over_all_incidents(town: Town) -> None:
    one = await led(town)
    other = await led(town)
    await approved(town, one, await proposed(town, one, SCALE))
    run = await proposed(town, other, UNDO)

    refused = await approved(town, other, run)

    assert (refused.status_code, refused.json()["reason"]) == (409, "busy")
    assert f"R1 in {one}" in refused.json()["detail"]
    await town.carry_out()
    again = await proposed(town, other, UNDO)
    assert (await approved(town, other, again)).status_code == 200


async def test_a_dry_run_asks_for_nothing(town: Town) -> None:
    incident = await led(town)
    body = {"action": SCALE, "values": {"replicas": 9}, "dry_run": True}
    answer = await town.post(f"/api/v1/incidents/{incident}/mitigations", body)
    assert answer["run"] is None
    assert answer["rehearsal"]["status"] == "succeeded"
    assert answer["rehearsal"]["shown"].endswith("--replicas=9 -n agentic-flow")
    assert answer["incident"]["runs"] == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"action": "agent-booster.format"}, "unknown_action"),
        ({"action": SCALE, "values": {"replicas": "6 --all"}}, "bad_parameter"),
        ({"action": SCALE, "values": {"force": True}}, "unknown_parameter"),
        ({"action": "router.fallback-mode"}, "other_component"),
        ({"action": SCALE, "values": {"replicas": [1]}}, "wrong_type"),
    ],
)
async def test_what_cannot_be_asked_for_is_refused_with_a_remedy(town: Town, body: Any, reason: str) -> None:
    incident = await led(town)
    refused = await town.ask("POST", f"/api/v1/incidents/{incident}/mitigations", body)
    assert refused.json()["reason"] == reason, refused.text
    assert refused.json()["remedy"]
    assert town.refused(reason) == 1


async def test_without_the_workload_nobody_can_say_what_would_be_approved(town: Town) -> None:
    incident = await led(town)
    town.target.workloads.clear()
    refused = await town.ask("POST", f"/api/v1/incidents/{incident}/mitigations", {"action": UNDO})
    assert (refused.status_code, refused.json()["reason"]) == (409, "target_unreachable")


@pytest.mark.clause("M4")
async def test_the_page_shows_to_the_letter_what_would_run_and_looking_approves_nothing(town: Town) -> None:
    incident = await led(town)
    await proposed(town, incident)
    link = await town.approval(incident, "R1", LEADER)
    for _ in range(2):
        page = await town.ask("GET", link, role=None)
        assert page.status_code == 200
    for words in (
        "kubectl rollout undo deployment/agent-booster --to-revision=1 -n agentic-flow",
        "image booster:1.9.1",
        "the newest revision with another image",
        "medium",
        "Daniel Kerr",
        "as Tomasz Zielinski",
    ):
        assert words in page.text, words
    assert page.text.count("<button") == 2
    assert "<script" not in page.text
    await town.carry_out()
    assert town.target.ran == []


@pytest.mark.clause("M4")
async def test_the_commander_approves_with_one_tap_and_a_second_tap_does_no_harm(town: Town) -> None:
    incident = await led(town)
    await proposed(town, incident)
    link = await town.approval(incident, "R1", LEADER)
    assert "Approved; it begins now." in (await town.ask("POST", f"{link}/approve", role=None)).text
    assert "Approved; it begins now." in (await town.ask("POST", f"{link}/approve", role=None)).text
    await town.carry_out()
    assert len(town.target.ran) == 1
    used = await town.ask("POST", f"{link}/approve", role=None)
    assert used.status_code == 409
    assert "has had its one go" in used.text
    assert "It has ended: succeeded" in (await town.ask("GET", link, role=None)).text


@pytest.mark.clause("M4")
async def test_a_link_is_for_one_person_one_run_one_digest_and_a_while(town: Town) -> None:
    incident = await led(town)
    await proposed(town, incident)
    others = await town.approval(incident, "R1", MARA)
    page = (await town.ask("GET", others, role=None)).text
    assert "You may not approve it" in page
    assert "<button" not in page
    refused = await town.ask("POST", f"{others}/approve", role=None)
    assert refused.status_code == 403
    assert "Nothing was approved" in refused.text

    link = await town.approval(incident, "R1", LEADER)
    forged = await town.ask("POST", f"{link[:-2]}xx/approve", role=None)
    assert forged.status_code == 403
    acknowledges = town.link(incident, LEADER).removeprefix("/a/")
    assert (await town.ask("GET", f"/p/{acknowledges}", role=None)).status_code == 403

    town.clock.passes(TimeDelta(minutes=16))
    late = await town.ask("POST", f"{link}/approve", role=None)
    assert late.status_code == 410
    await town.carry_out()
    assert town.target.ran == []


@pytest.mark.clause("M4")
async def test_a_no_by_the_link(town: Town) -> None:
    incident = await led(town)
    await proposed(town, incident)
    link = await town.approval(incident, "R1", LEADER)
    assert "It was rejected" in (await town.ask("POST", f"{link}/reject", role=None)).text
    assert (await town.ask("POST", f"{link}/approve", role=None)).status_code == 409


@pytest.mark.clause("M4")
async def test_of_two_people_the_second_is_asked_when_the_first_has_signed(town: Town) -> None:
    incident = await town.declared(component="swarm-coordinator")
    town.target.workloads["deployment/swarm-coordinator"] = town.target.workloads["deployment/agentdb"]
    for person in (LEADER, MARA):
        await town.post(f"/api/v1/incidents/{incident}/acknowledge", role=Role.RESPONDER, person=person)
    run = await proposed(town, incident, "swarm-coordinator.reset")
    assert run["needs"] == 2
    await approved(town, incident, run)
    shown = await town.get(f"/api/v1/incidents/{incident}/mitigations/R1")
    assert shown["state"] == "waiting"
    assert MARA in shown["waits_for"]
    assert LEADER not in shown["waits_for"]
    assert (await approved(town, incident, run, MARA)).status_code == 200
    shown = await town.get(f"/api/v1/incidents/{incident}/mitigations/R1")
    assert [each["authority"] for each in shown["approvals"]] == ["commander", "second"]


async def test_a_run_that_is_none_is_named_as_such(town: Town) -> None:
    incident = await led(town)
    answer = await town.ask("GET", f"/api/v1/incidents/{incident}/mitigations/R7")
    assert (answer.status_code, answer.json()["reason"]) == (422, "unknown_run")
    assert msgspec.json.decode(answer.content)["remedy"]
