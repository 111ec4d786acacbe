"""When diagnostics are gathered, which ones, and what the incident keeps of them (D3, M2)."""

import pytest
from msgspec.structs import replace

from tocsin.core import events as e
from tocsin.core import marks as m
from tocsin.core.actions import Action, ActionId, TargetKind, Verb
from tocsin.core.commands import AddComponent, Diagnose, Reason, RecordDiagnostics, Reopen, Resolve, SetSeverity
from tocsin.core.diagnostics import Ask, DiagnosticResult, Ending, Fetch, Look, Reading
from tocsin.core.gathering import gatherings
from tocsin.core.ids import ComponentId, DiagnosticId, GatheringId
from tocsin.core.looks import all_looks, looks, refusal
from tocsin.core.messages import MessageKind
from tocsin.core.narration import narrate
from tocsin.core.notifications import intents

from ..builders import BOOSTER, SEV1, SEV2, SEV3, Tale, by, changed, rulebook

MARA = by("mara-lindqvist")
LOGS = DiagnosticId("agent-booster.logs")


def result(ending: Ending = "answered", name: str = LOGS) -> DiagnosticResult:
    return DiagnosticResult(DiagnosticId(name), "Read the last log lines", BOOSTER, ending)


def told(gathering: GatheringId, *summary: str, ending: Ending = "answered", suspected: str = "") -> RecordDiagnostics:
    return RecordDiagnostics(
        gathering=gathering, results=(result(ending),), summary=summary, suspected=(suspected,) if suspected else ()
    )


def owed(tale: Tale) -> list[GatheringId]:
    return list(tale.state.diagnosed.gatherings)


@pytest.mark.clause("D3", "M2")
def test_a_declaration_begins_to_gather_after_everybody_was_paged() -> None:
    tale = Tale().declare(SEV1)

    kinds = [type(event) for event in tale.events]
    assert kinds[-1] is e.DiagnosticsBegun
    assert kinds.index(e.PersonPaged) < kinds.index(e.DiagnosticsBegun)
    (row,) = gatherings(tale.state, tale.events, tale.rules)
    assert (row.incident, row.rank, row.state) == ("INC-1", 0, "owed")


def test_a_playbook_with_nothing_to_look_at_begins_nothing() -> None:
    bare = {BOOSTER: changed(rulebook().components[BOOSTER], health_url="", job="", dashboard_url="")}  # type: ignore[arg-type]
    tale = Tale(rules=changed(rulebook(), actions={}, components=bare)).declare(SEV1)

    assert tale.of(e.DiagnosticsBegun) == []
    tale.refused(Diagnose(by=MARA), Reason.UNKNOWN_DIAGNOSTIC)


@pytest.mark.clause("Q2")
def test_what_is_of_no_component_is_not_looked_for_among_them() -> None:
    tale = Tale().declare(SEV1, ComponentId("unassigned"))

    assert tale.of(e.DiagnosticsBegun) == []
    assert tale.do(Diagnose(by=MARA)), "unless a person asks for it"


@pytest.mark.clause("D3", "C5")
def test_a_raise_a_spread_and_a_return_begin_anew_and_a_lowering_does_not() -> None:
    tale = Tale().declare(SEV3)
    begun = []
    for command in (
        SetSeverity(by=MARA, severity=SEV2),
        AddComponent(by=MARA, component=ComponentId("agentdb")),
        SetSeverity(by=MARA, severity=SEV3, reason="not so bad"),
        Resolve(by=by("x", commands=True), override_reason="false alarm"),
        Reopen(by=MARA, reason="it came back"),
    ):
        for gathering in owed(tale):
            tale.do(told(gathering))
        begun += [event.because for event in tale.do(command) if isinstance(event, e.DiagnosticsBegun)]

    assert begun == ["raised", "spread", "reopened"]


def test_while_all_is_being_gathered_nothing_is_begun_beside_it() -> None:
    tale = Tale().declare(SEV3)

    assert [type(each) for each in tale.do(SetSeverity(by=MARA, severity=SEV1))].count(e.DiagnosticsBegun) == 0
    assert tale.do(Diagnose(by=MARA)) == ()
    assert tale.do(Diagnose(by=MARA, only=(LOGS,))) == ()


@pytest.mark.clause("M2")
def test_a_person_may_ask_for_one_and_that_is_a_response() -> None:
    tale = Tale().declare(SEV1).acknowledge()
    tale.do(told(*owed(tale)))

    (begun,) = tale.do(Diagnose(by=MARA, only=(LOGS,)))

    assert isinstance(begun, e.DiagnosticsBegun)
    assert narrate(begun, tale.rules) == "Gathering agent-booster.logs: asked for by Mara Lindqvist"
    assert m.RESPONDED in tale.state.marks
    tale.refused(Diagnose(by=MARA, only=(DiagnosticId("agentdb.logs"),)), Reason.UNKNOWN_DIAGNOSTIC)
    tale.refused(Diagnose(by=MARA, only=(DiagnosticId("agent-booster.restart"),)), Reason.UNKNOWN_DIAGNOSTIC)


@pytest.mark.clause("D3")
def test_what_was_gathered_is_the_assessment_and_is_announced_in_three_lines() -> None:
    tale = Tale().declare(SEV1)
    before = tale.state
    events = tale.do(told(*owed(tale), "one", "two", "three", "four", suspected="agent-booster.module-load"))

    assert m.DIAGNOSED in tale.state.marks
    assert tale.state.diagnosed.summary == ("one", "two", "three", "four")
    assert tale.state.suspected == ("agent-booster.module-load",)
    assert owed(tale) == []
    (message,) = (intent.message for intent in intents(before, events, tale.given))
    assert message.kind is MessageKind.ANNOUNCEMENT
    assert message.text.splitlines()[1:] == ["• one", "• two", "• three"]
    assert ("Differs", "one") in [(fact.label, fact.value) for fact in message.facts]
    assert tale.do(told(GatheringId("INC-1.99"))) == (), "what is not owed is not noted"


@pytest.mark.clause("D3")
def test_if_nothing_answered_the_assessment_is_still_owed() -> None:
    tale = Tale().declare(SEV1)
    tale.do(told(*owed(tale), ending="unavailable"))

    assert m.DIAGNOSED not in tale.state.marks
    assert "sev1.assessment" in tale.owed()


def test_a_look_at_one_thing_does_not_take_back_what_the_look_at_all_has_shown() -> None:
    tale = Tale().declare(SEV1)
    tale.do(told(*owed(tale), "release changed", suspected="a"))
    tale.do(Diagnose(by=MARA, only=(LOGS,)))
    tale.do(told(*owed(tale), "no errors", suspected="b"))

    assert tale.state.diagnosed.summary == ("release changed",)
    assert tale.state.suspected == ("a", "b")


@pytest.mark.clause("M2", "D3")
def test_the_incident_calls_for_its_components_and_for_what_is_of_no_one_component() -> None:
    tale = Tale().declare(SEV1)
    rows = {row.id: row for row in looks(tale.state, tale.rules)}

    assert {"agent-booster.health", "agent-booster.up", "agent-booster.dashboard"} <= set(rows)
    assert {"agent-booster.logs", "agent-booster.history", "common.pods", "common.commits"} <= set(rows)
    assert not any(name.startswith(("agentdb", "router")) for name in rows)
    assert isinstance(rows[DiagnosticId("agent-booster.health")].way, Fetch)
    assert isinstance(rows[DiagnosticId("agent-booster.dashboard")].way, Look)
    assert rows[LOGS].reading is Reading.LOGS


@pytest.mark.clause("M2")
def test_whether_targets_answer_is_asked_of_the_prometheus_that_knows_the_component() -> None:
    rules = rulebook()
    elsewhere = replace(rules.components[BOOSTER], source="edge")
    tale = Tale(rules=changed(rules, components={**rules.components, BOOSTER: elsewhere})).declare(SEV1)
    (up,) = (row for row in looks(tale.state, tale.rules) if row.id == "agent-booster.up")
    assert up.way == Ask('up{job="agent-booster"}', "edge")


@pytest.mark.clause("M2")
def test_a_failure_mode_that_the_alert_speaks_for_brings_its_own_diagnostics() -> None:
    slow = e.Evidence("agent-booster.p95-major", "C3", "p95 61 ms")
    tale = Tale().declare(SEV2)
    calm, spoken = tale.state, changed(tale.state, evidence=slow)  # type: ignore[arg-type]

    assert "agent-booster.state" not in {row.id for row in looks(calm, tale.rules)}
    assert "agent-booster.state" in {row.id for row in looks(spoken, tale.rules)}  # type: ignore[arg-type]
    assert "agent-booster.state" in {row.id for row in all_looks(calm, tale.rules)}


@pytest.mark.clause("M2", "M4")
def test_nothing_that_could_change_anything_is_a_diagnostic() -> None:
    policy = rulebook().diagnostics

    def action(verb: Verb, *argv: str, changes: bool = False) -> Action:
        return Action(
            id=ActionId("x"), clause="", title="", component=BOOSTER, target=TargetKind.COMMAND, verb=verb,
            argv=argv, changes=changes,
        )  # fmt: skip

    for verb in (Verb.RESTART, Verb.UNDO, Verb.SCALE, Verb.SET_ENV, Verb.SET_RESOURCES, Verb.HTTP_POST):
        assert refusal(action(verb), policy), verb
    assert refusal(action(Verb.LOGS, changes=True), policy)
    assert refusal(action(Verb.COMMAND, "git", "push"), policy)
    assert refusal(action(Verb.COMMAND, "git"), policy)
    assert refusal(action(Verb.EXEC, "npx", "agentdb", "cache", "clear"), policy)
    assert refusal(action(Verb.EXEC), policy)
    assert not refusal(action(Verb.COMMAND, "git", "log", "--oneline"), policy)
    assert not refusal(action(Verb.LOGS), policy)
    for row in rulebook().actions.values():
        assert refusal(row, policy) or not row.changes
