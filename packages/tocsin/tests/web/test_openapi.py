"""The OpenAPI document is complete, and what the routes really answer and take is what it says."""

from typing import Any

import jsonschema
import msgspec
import pytest
from whenever import TimeDelta

from tocsin.core.ids import PersonId
from tocsin.web.auth import Role

from .town import Town, alerts

CONTRACT = {
    "GET": [
        "/health",
        "/metrics",
        "/schema/openapi.json",
        "/a/{token}",
        "/api/v1/signals/{signal}",
        "/api/v1/incidents",
        "/api/v1/incidents/{incident}",
        "/api/v1/incidents/{incident}/timeline",
        "/api/v1/incidents/{incident}/deadlines",
        "/api/v1/incidents/{incident}/ledger",
        "/api/v1/incidents/{incident}/diagnostics",
        "/api/v1/attachments/{digest}",
        "/api/v1/incidents/{incident}/watch",
        "/api/v1/incidents/{incident}/actions",
        "/api/v1/incidents/{incident}/mitigations/{run}",
        "/p/{token}",
        "/api/v1/oncall",
        "/api/v1/unaccounted",
        "/api/v1/readiness",
        "/api/v1/handoffs",
        "/api/v1/handoffs/{handoff}",
        "/api/v1/test-pages",
        "/api/v1/test-pages/{page}",
        "/api/v1/pages",
        "/api/v1/oncall/calendar",
        "/api/v1/oncall/findings",
        "/api/v1/oncall/load",
        "/api/v1/overrides",
        "/api/v1/swaps",
        "/api/v1/away",
        "/ical/{key}/me.ics",
        "/ical/{key}/all.ics",
        "/ical/{key}/rotations/{file}",
        "/api/v1/silences",
        "/api/v1/tokens",
        "/api/v1/playbook",
    ],
    "POST": [
        "/api/v1/oncall/feeds",
        "/api/v1/oncall/imports/{rotation}",
        "/api/v1/overrides",
        "/api/v1/swaps",
        "/api/v1/swaps/{key}/accept",
        "/api/v1/swaps/{key}/decline",
        "/api/v1/away",
        "/signals/alertmanager",
        "/signals/heartbeat/{name}",
        "/signals/report",
        "/callbacks/pagerduty",
        "/callbacks/slack/command",
        "/callbacks/slack/events",
        "/callbacks/slack/interactivity",
        "/callbacks/twilio/sms",
        "/callbacks/twilio/status/{page}",
        "/callbacks/twilio/voice/{page}",
        "/a/{token}",
        "/api/v1/test-pages",
        *(f"/p/{{token}}/{word}" for word in ("approve", "reject")),
        "/api/v1/contacts/verify",
        "/api/v1/contacts/confirm",
        "/api/v1/incidents",
        "/api/v1/incidents/{incident}/mitigations",
        "/api/v1/incidents/{incident}/delegate",
        *(f"/api/v1/incidents/{{incident}}/mitigations/{{run}}/{word}" for word in ("approve", "reject", "cancel")),
        *(
            f"/api/v1/incidents/{{incident}}/{act}"
            for act in (
                *(
                    "acknowledge",
                    "decline",
                    "relieve",
                    "severity",
                    "stage",
                    "note",
                    "role",
                    "component",
                    "update",
                    "mitigation",
                    "diagnose",
                    "flag",
                ),
                *("room", "escalate", "milestone", "resolve", "reopen", "close"),
            )
        ),
        "/api/v1/pages/acknowledge",
        "/api/v1/silences",
        "/api/v1/tokens",
        "/api/v1/playbook/reload",
        "/api/v1/classify",
    ],
    "DELETE": [
        "/api/v1/silences/{silence}",
        "/api/v1/tokens/{token}",
        "/api/v1/oncall/feeds/{person}",
        "/api/v1/overrides/{key}",
        "/api/v1/swaps/{key}",
        "/api/v1/away/{key}",
    ],
}


async def _document(town: Town) -> dict[str, Any]:
    document: dict[str, Any] = await town.get("/schema/openapi.json", role=None)
    return document


async def test_every_route_of_the_contract_is_described_and_no_other_is_there(town: Town) -> None:
    paths = (await _document(town))["paths"]
    described = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert described == {(method, path) for method, listed in CONTRACT.items() for path in listed}


async def test_every_reference_leads_somewhere_and_every_schema_is_one(town: Town) -> None:
    document = await _document(town)
    schemas = document["components"]["schemas"]
    text = msgspec.json.encode(document).decode()
    used = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert used <= set(schemas)
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    assert len({each["operationId"] for methods in document["paths"].values() for each in methods.values()}) == sum(
        len(methods) for methods in document["paths"].values()
    )


async def test_the_document_fetches_nothing_from_elsewhere_and_there_is_no_page_that_does(town: Town) -> None:
    assert (await town.ask("GET", "/schema")).status_code == 404
    for page in ("swagger", "redoc", "elements", "rapidoc"):
        assert (await town.ask("GET", f"/schema/{page}")).status_code == 404


def _check(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    whole = {**schema, "components": document["components"]}
    jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker()).validate(value)


async def _life(town: Town) -> list[tuple[str, str, Any]]:
    """A life in which every route answers well: method, path and body, with what stands for a parameter in braces."""
    person = next(iter(town.rules.people))
    heartbeat = next(iter(town.rules.heartbeats))
    acts: list[tuple[str, Any]] = [
        ("decline", {"reason": "on a plane"}),
        ("acknowledge", {}),
        ("relieve", {"asks_ladder": True, "reason": "end of my night"}),
        ("severity", {"severity": "SEV2", "reason": "it is less"}),
        ("stage", {"stage": "monitoring"}),
        ("note", {"text": "seen"}),
        ("role", {"role": "technical_lead", "person": person}),
        ("component", {"component": "reasoningbank"}),
        ("update", {"audience": next(iter(town.rules.audiences)), "text": "we are on it"}),
        ("mitigation", {"what": "restarted"}),
        ("diagnose", {"only": ["reasoningbank.logs"]}),
        ("flag", {"flag": next(iter(town.rules.flags))}),
        ("escalate", {"level": 4}),
        ("room", {"name": "sev2-agentdb-slow"}),
        ("resolve", {"override_reason": "false alarm"}),
        ("milestone", {"milestone": next(iter(town.rules.milestones))}),
        ("reopen", {"reason": "again"}),
        ("resolve", {"override_reason": "false alarm"}),
        ("close", {}),
    ]
    signal = (await town.post("/signals/alertmanager", alerts("Down", component="agentdb")))["signals"][0]
    silence = await town.post(
        "/api/v1/silences", {"matchers": [{"label": "a", "value": "b"}], "for": "1h", "reason": "x"}
    )
    token = await town.post("/api/v1/tokens", {"name": "x", "role": "viewer"})
    now_on = (await town.get("/api/v1/oncall"))["oncall"][0]
    ends_at = "2026-11-22T23:00:00Z"
    shift = {"rotation": now_on["rotation"], "ends_at": ends_at}
    override = {**shift, "person": person, "starts_at": "2026-11-22T22:00:00Z", "reason": "a concert"}
    leave = {"person": person, "ends_at": ends_at, "reason": "at sea"}
    swaps = [{**shift, "other": "mara-lindqvist", "asked_by": now_on["person"]} for _ in range(3)]
    asked = await town.post("/api/v1/swaps", {**swaps[0], "ends_at": "2026-11-22T04:00:00Z"})
    swap = asked["kept"][0]["id"]
    swaps[1] |= {"starts_at": "2026-11-22T04:00:00Z", "ends_at": "2026-11-22T05:00:00Z"}
    swaps[2] |= {"starts_at": "2026-11-22T05:00:00Z", "ends_at": "2026-11-22T06:00:00Z"}
    other = (await town.post("/api/v1/swaps", swaps[1]))["kept"][0]["id"]
    absence = (await town.post("/api/v1/away", leave))["kept"][0]["id"]
    standing_in = (await town.post("/api/v1/overrides", {**override, "rotation": "agentdb-owners"}))["kept"][0]["id"]
    await town.take_in()
    await town.engine.errands.step(town.clock.now())
    reads = ["", "/timeline", "/deadlines", "/ledger", "/watch", "/diagnostics"]
    verification = await town.engine.contacts.verify(PersonId(person), "email", town.clock.now())
    code = town.engine.contacts.code(verification.secret_of)
    return [
        ("GET", "/health", None),
        ("GET", "/api/v1/playbook", None),
        ("POST", "/api/v1/playbook/reload", None),
        ("GET", "/api/v1/oncall", None),
        ("GET", "/api/v1/unaccounted", None),
        ("GET", "/api/v1/readiness", None),
        ("POST", "/api/v1/contacts/verify", {"person": person, "method": "phone"}),
        ("POST", "/api/v1/contacts/confirm", {"person": person, "code": code}),
        ("GET", "/api/v1/handoffs", None),
        ("GET", "/api/v1/handoffs/{HO-1}", None),
        ("POST", "/api/v1/test-pages", {"person": person}),
        ("GET", "/api/v1/test-pages?all=1", None),
        ("GET", "/api/v1/test-pages/{TEST-1}", None),
        ("GET", f"/api/v1/pages?person={person}", None),
        ("POST", "/api/v1/pages/acknowledge", {"by": person}),
        ("POST", f"/api/v1/swaps/{{{swap}}}/accept", {}),
        ("POST", f"/api/v1/swaps/{{{other}}}/decline", {}),
        ("POST", "/api/v1/swaps", swaps[2]),
        ("GET", "/api/v1/swaps?all=1", None),
        ("DELETE", f"/api/v1/swaps/{{{swap}}}", None),
        ("POST", "/api/v1/overrides", override),
        ("GET", "/api/v1/overrides", None),
        ("DELETE", f"/api/v1/overrides/{{{standing_in}}}", None),
        ("POST", "/api/v1/away", leave),
        ("GET", "/api/v1/away", None),
        ("GET", "/api/v1/oncall/calendar", None),
        ("GET", "/api/v1/oncall/findings", None),
        ("DELETE", f"/api/v1/away/{{{absence}}}", None),
        ("POST", "/api/v1/oncall/feeds", {"person": person}),
        ("DELETE", f"/api/v1/oncall/feeds/{{{person}}}", None),
        ("GET", "/api/v1/oncall/load", None),
        ("POST", "/signals/alertmanager", alerts("Slow", component="agentdb")),
        ("POST", "/signals/report", {"title": "It hangs"}),
        ("POST", f"/signals/heartbeat/{{{heartbeat}}}", None),
        ("GET", f"/api/v1/signals/{{{signal}}}?body=1", None),
        ("POST", "/api/v1/incidents", {"title": "x", "component": "agentdb"}),
        *(("GET", f"/api/v1/incidents/{{INC-1}}{rest}", None) for rest in reads),
        ("GET", "/api/v1/incidents/{INC-1}/actions", None),
        ("POST", "/api/v1/incidents/{INC-1}/mitigations", {"action": "agentdb.scale-replicas", "dry_run": True}),
        ("POST", "/api/v1/incidents/{INC-1}/mitigations", {"action": "agentdb.scale-replicas"}),
        ("GET", "/api/v1/incidents/{INC-1}/mitigations/{R1}", None),
        ("POST", "/api/v1/incidents/{INC-1}/mitigations/{R1}/reject", {"reason": "not now"}),
        ("POST", "/api/v1/incidents/{INC-1}/mitigations", {"action": "agentdb.scale-replicas"}),
        ("POST", "/api/v1/incidents/{INC-1}/mitigations/{R2}/cancel", {}),
        ("POST", "/api/v1/incidents/{INC-1}/delegate", {"person": "daniel-kerr"}),
        *(("POST", f"/api/v1/incidents/{{INC-1}}/{act}", body) for act, body in acts),
        *(("GET", f"/api/v1/incidents/{{INC-1}}{rest}", None) for rest in reads),
        ("GET", "/api/v1/incidents?limit=1", None),
        ("POST", "/api/v1/silences", {"matchers": [{"label": "a", "value": "b"}], "for": "1h", "reason": "x"}),
        ("GET", "/api/v1/silences", None),
        ("DELETE", f"/api/v1/silences/{{{silence['id']}}}", None),
        ("POST", "/api/v1/tokens", {"name": "y", "role": "admin"}),
        ("GET", "/api/v1/tokens", None),
        ("DELETE", f"/api/v1/tokens/{{{token['id']}}}", None),
        ("POST", "/api/v1/classify", {"labels": {"severity": "SEV1"}}),
        ("POST", "/api/v1/classify", {"answers": {"all_users": True}}),
        ("POST", "/api/v1/classify", {"figures": {next(iter(town.rules.classification.thresholds)): 1e9}}),
    ]


NOT_JSON = {
    ("GET", "/api/v1/attachments/{digest}"),
    *(("GET", "/metrics"), ("GET", "/schema/openapi.json"), ("GET", "/a/{token}"), ("POST", "/a/{token}")),
    *(("GET", "/p/{token}"), ("POST", "/p/{token}/approve"), ("POST", "/p/{token}/reject")),
    *(("GET", f"/ical/{{key}}/{file}") for file in ("me.ics", "all.ics", "rotations/{file}")),
    ("POST", "/api/v1/oncall/imports/{rotation}"),
}
SIGNED = {("POST", path) for path in CONTRACT["POST"] if path.startswith("/callbacks/")}
"""What only a provider can call; told in their own tests."""
DIGESTED = {("POST", "/api/v1/incidents/{incident}/mitigations/{run}/approve")}
"""What takes a digest that only the life itself tells: see `test_actions.py`."""


def _described(document: dict[str, Any], method: str, path: str) -> tuple[str, dict[str, Any]]:
    plain = path.partition("?")[0]
    for template, methods in document["paths"].items():
        parts, wanted = plain.split("/"), template.split("/")
        fits = all(part[:1] == name[:1] == "{" or part == name for part, name in zip(parts, wanted, strict=False))
        if len(parts) == len(wanted) and fits and method.lower() in methods:
            return template, methods[method.lower()]
    raise AssertionError(f"{method} {path} is not described")


async def test_what_every_route_takes_and_answers_is_what_the_document_says(town: Town) -> None:
    document = await _document(town)
    met = set()
    for method, path, body in await _life(town):
        template, operation = _described(document, method, path)
        met.add((method, template))
        if body is not None:
            _check(document, operation["requestBody"]["content"]["application/json"]["schema"], body)
        town.clock.passes(TimeDelta(seconds=1))
        real = path.replace("{", "").replace("}", "")
        answer = await town.ask(method, real, body, role=Role.ADMIN, person="tomasz-zielinski")
        said = operation["responses"].get(str(answer.status_code))
        assert said is not None, (method, path, answer.text)
        _check(document, said["content"]["application/json"]["schema"], answer.json())
    everything = {(method, path) for method, listed in CONTRACT.items() for path in listed}
    assert everything - met == NOT_JSON | SIGNED | DIGESTED


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/nowhere", None),
        ("PUT", "/health", None),
        ("POST", "/api/v1/incidents", b"{"),
        ("POST", "/api/v1/incidents", {"title": "x", "component": "no"}),
        ("GET", "/api/v1/incidents?limit=x", None),
        ("POST", "/signals/alertmanager", b"{"),
    ],
)
async def test_every_problem_has_the_form_that_is_described(town: Town, method: str, path: str, body: Any) -> None:
    document = await _document(town)
    answer = await town.ask(method, path, body)
    default = document["paths"]["/health"]["get"]["responses"]["default"]
    assert answer.headers["content-type"] == "application/problem+json"
    _check(document, default["content"]["application/problem+json"]["schema"], answer.json())


async def test_a_schema_that_is_not_true_would_be_noticed(town: Town) -> None:
    document = await _document(town)
    _, operation = _described(document, "GET", "/api/v1/incidents/{INC-1}")
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    view = await town.get(f"/api/v1/incidents/{await town.declared()}")
    with pytest.raises(jsonschema.ValidationError):
        _check(document, schema, {**view, "level": "two"})


async def test_a_wrong_method_is_answered_with_the_right_ones(town: Town) -> None:
    for path in ("/signals/alertmanager", "/api/v1/classify"):
        answer = await town.ask("GET", path)
        assert (answer.status_code, answer.json()["reason"]) == (405, "method_not_allowed")
        assert "POST" in answer.headers["allow"]
        assert "POST" in answer.json()["remedy"]
    assert (await town.ask("GET", "/api/v1/nothing")).status_code == 404
