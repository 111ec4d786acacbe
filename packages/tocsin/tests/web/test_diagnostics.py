"""What the diagnostics said, over HTTP: all runs of an incident, and an output as text and nothing else."""

import pytest

from tocsin.core.commands import RecordDiagnostics
from tocsin.core.diagnostics import DiagnosticResult
from tocsin.core.ids import ComponentId, DiagnosticId, Digest
from tocsin.store.port import Attachment, Change
from tocsin.web.auth import Role

from .town import Town

DIGEST = Digest("sha256:0123")


@pytest.mark.clause("M2")
async def test_the_runs_of_an_incident_are_answered_the_newest_first(town: Town) -> None:
    incident = await town.declared()
    path = f"/api/v1/incidents/{incident}"
    (begun,) = (await town.get(f"{path}/diagnostics"))["runs"]
    assert (begun["because"], begun["ended_at"], begun["results"]) == ("declared", None, [])
    assert (await town.get(path))["gathering"]

    result = DiagnosticResult(
        DiagnosticId("agent-booster.logs"), "Logs", ComponentId("agent-booster"), "answered", digest=DIGEST
    )
    told = RecordDiagnostics(
        gathering=begun["gathering"],
        results=(result,),
        summary=("it differs",),
        suspected=("agent-booster.module-load",),
    )
    await town.engine.handle(incident, told)
    await town.post(f"{path}/diagnose", {"only": ["agent-booster.logs"]}, person="tomasz-zielinski")

    asked, ended = (await town.get(f"{path}/diagnostics"))["runs"]
    assert (asked["because"], asked["by"], asked["only"]) == ("requested", "tomasz-zielinski", ["agent-booster.logs"])
    assert (ended["summary"], ended["suspected"]) == (["it differs"], ["agent-booster.module-load"])
    assert ended["results"][0]["digest"] == DIGEST
    view = await town.get(path)
    assert (view["summary"], view["suspected"]) == (["it differs"], ["agent-booster.module-load"])


async def test_an_output_is_answered_as_text_that_no_browser_takes_for_more(town: Town) -> None:
    body = b"<script>alert(1)</script>\n\xff"
    await town.store.commit(Change(attachments=(Attachment(DIGEST, body, town.clock.now()),)))

    answer = await town.ask("GET", f"/api/v1/attachments/{DIGEST}", role=Role.RESPONDER)

    assert answer.content == body
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await town.ask("GET", f"/api/v1/attachments/{DIGEST}", role=Role.VIEWER)).status_code == 403
    gone = await town.ask("GET", "/api/v1/attachments/sha256:none")
    assert (gone.status_code, gone.json()["reason"]) == (404, "not_found")
    assert gone.json()["remedy"]


async def test_of_an_incident_that_is_none_there_are_no_diagnostics(town: Town) -> None:
    answer = await town.ask("GET", "/api/v1/incidents/INC-9/diagnostics")

    assert (answer.status_code, answer.json()["reason"]) == (404, "not_declared")
