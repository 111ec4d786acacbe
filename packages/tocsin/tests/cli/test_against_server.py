"""The commands against a real server: what they print, what they answer as JSON, with which exit status they end."""

import json
from collections.abc import Callable

import pytest

from .conftest import Line, Served, free_port


@pytest.fixture
def incident(line: Line) -> str:
    """An incident just declared, of a component that several tests share: each is one of its own."""
    return str(line.json("declare", "Search is slow", "-c", "reasoningbank", "--share", "30%")["id"])


@pytest.mark.clause("C6")
def test_a_declared_incident_gets_its_severity_from_the_answers(line: Line) -> None:
    said = line.says("declare", "Booster is down", "-c", "agent-booster", "--all-users")
    assert "SEV1  Booster is down" in said
    assert "Next: acknowledge it" in said
    assert line.json("declare", "A bit slow", "-c", "agentdb", "--share", "0.1")["severity"] == "SEV3"


def test_who_declares_what_is_open_already_is_told_so(line: Line, incident: str) -> None:
    said = line.says("declare", "Search is slow for me too", "-c", "reasoningbank", "--share", "30%")
    assert f"{incident} is open for the same component: tocsin show {incident}" in said


def test_an_incident_is_named_in_full_or_by_its_number(line: Line, incident: str) -> None:
    number = incident.removeprefix("INC-")
    assert {line.json("show", name)["incident"]["id"] for name in (incident, number, f"inc-{number}")} == {incident}


@pytest.mark.clause("D2")
def test_an_acknowledgment_is_shown_with_what_is_next_and_a_second_one_changes_nothing(
    line: Line, incident: str
) -> None:
    assert "Acknowledged by Ines Moreau" in line.says("ack", incident, "--by", "ines-moreau")
    said = line.says("ack", incident, "--by", "ines-moreau")
    assert said.startswith("Nothing changed")
    assert "Next: " in said


ACTS = (
    ("ack", "--by", "ines-moreau"),
    ("note", "errors began at 13:52"),
    ("stage", "identified"),
    ("severity", "SEV1"),
    ("role", "communications", "priya-nair", "--reason", "she is awake"),
    ("component", "agentdb"),
    ("update", "stakeholders", "rolled back"),
    ("mitigation", "rollout undo"),
    ("flag", "vendor", "--reason", "their outage"),
    ("escalate", "4", "--reason", "needs a decision"),
    ("relieve", "ines-moreau", "--ladder", "--reason", "she is ill"),
    ("resolve", "--override", "checked by hand", "--by", "ines-moreau"),
    ("milestone", "postmortem_drafted", "--text", "https://wiki.example.org/pm/1"),
    ("reopen", "--reason", "errors again"),
    ("resolve", "--override", "checked again", "--by", "ines-moreau"),
    ("close", "--reason", "published"),
)


@pytest.mark.clause("R4", "V4", "P1")
def test_every_act_answers_with_the_events_that_followed_and_the_incident_after_it(line: Line, incident: str) -> None:
    for act, *rest in ACTS:
        answer = line.json(act, incident, *rest)
        assert answer["events"], act
        assert answer["incident"]["id"] == incident
    assert line.json("show", incident)["incident"]["closed"] is True


@pytest.mark.clause("V1")
def test_an_unproven_resolution_is_refused_with_the_way_out(line: Line, incident: str) -> None:
    said = line.fails("resolve", incident)
    assert "recovery is not proven" in said
    assert "override" in said


def test_a_refusal_is_json_too_if_json_is_asked_for(line: Line, incident: str) -> None:
    problem = json.loads(line.fails("severity", incident, "SEV9", "--json"))
    assert problem["reason"] == "unknown_severity"
    assert problem["remedy"]


def test_a_dash_reads_a_note_from_the_standard_input(line: Line, incident: str) -> None:
    line.says("note", incident, "-", typed="line one\nline two\n")
    assert "line one line two" in line.says("show", incident, "--all")


def test_show_says_first_what_to_do_and_then_what_is_due_by_which_clause(line: Line, incident: str) -> None:
    said = line.says("show", incident).splitlines()
    assert said[0].startswith(f"{incident}  SEV2  Search is slow")
    assert said[1].startswith("Next: acknowledge it")
    due = next(row.split() for row in said if "Acknowledge " in row)
    assert due[:3] == ["in", "14", "min"]
    assert "C2" in due


def test_show_keeps_to_the_last_entries_unless_all_are_asked_for(line: Line, incident: str) -> None:
    shown = line.json("show", incident, "--last", "3")
    assert shown["timeline"][0]["number"] == shown["incident"]["size"] - 2
    everything = line.json("show", incident, "--all")["timeline"]
    assert [each["number"] for each in everything] == list(range(1, len(everything) + 1))
    assert shown["timeline"][0] in everything


@pytest.mark.clause("D1")
def test_the_ledger_shows_what_became_of_every_message(line: Line, server: Served, incident: str) -> None:
    def delivered() -> bool:
        return all(each["state"] == "accepted" for each in line.json("show", incident, "--ledger")["messages"])

    server.until(delivered)
    said = line.says("show", incident, "--ledger")
    assert "unaccounted: 0" in said
    assert "accepted" in said


def test_a_watch_needs_a_terminal(line: Line, incident: str) -> None:
    assert "terminal" in line.fails("show", incident, "--watch", status=2)


def test_the_list_shows_open_incidents_and_with_all_the_others_too(line: Line, incident: str) -> None:
    line.says("resolve", incident, "--override", "a test", "--by", "ines-moreau")
    assert incident not in line.says("list")
    assert incident in line.says("list", "--all")
    listed = line.json("list", "--all", "--limit", "2")["incidents"]
    assert [each["id"] for each in listed] == [incident, f"INC-{int(incident[4:]) - 1}"]


@pytest.mark.clause("O4")
def test_who_is_on_call_is_answered_for_any_instant(line: Line) -> None:
    said = line.says("oncall", "--at", "2025-01-08T12:00Z")
    assert said.splitlines()[0] == "On call at 2025-01-08 12:00:00 UTC"
    assert "Ines Moreau" in said
    same = line.json("oncall", "--at", "2025-01-08T13:00+01:00")
    assert same == line.json("oncall", "--at", "2025-01-08 12:00Z")


@pytest.mark.clause("C3")
def test_the_server_and_the_files_classify_alike(line: Line, server: Served) -> None:
    words = ("classify", "-c", "agent-booster", "--share", "30%")
    folder = server.env["TOCSIN_PLAYBOOK"]
    answer = line.json(*words)
    assert (answer["severity"], answer["rule"]) == ("SEV2", "report-major")
    assert line.json(*words, "--playbook", folder) == answer


def test_a_silence_is_made_listed_and_ended(line: Line) -> None:
    made = line.json("silence", "add", "component=agentdb", "alertname=~Slow.*", "--for", "2h", "--reason", "known")
    assert [(each["label"], each["is_regex"]) for each in made["matchers"]] == [
        ("component", False),
        ("alertname", True),
    ]
    assert made["id"] in line.says("silence", "list")
    assert "has ended" in line.says("silence", "end", made["id"])
    assert made["id"] not in line.says("silence", "list")
    assert made["id"] in line.says("silence", "list", "--all")


def test_a_maintenance_window_has_an_end_of_its_own(line: Line) -> None:
    words = ("--maintenance", "--from", "2999-01-01T00:00Z", "--until", "2999-01-02T00:00Z", "--reason", "r")
    said = line.fails("silence", "add", "component!=agentdb", "component=quic-transport", *words)
    assert "days ahead" in said


def test_a_token_is_shown_once_works_and_ends_when_it_is_revoked(
    line: Line, another_line: Callable[..., Line], server: Served
) -> None:
    made = line.json("token", "create", "--name", "viewer", "--role", "viewer")
    theirs = another_line(TOCSIN_URL=server.url, TOCSIN_TOKEN=made["token"])
    theirs.says("list")
    assert "responder" in theirs.fails("note", "INC-1", "hello")
    assert made["token"] not in line.says("token", "list")
    line.says("token", "revoke", made["id"])
    assert "revoked" in theirs.fails("list")


def test_no_token_at_all_is_told_from_a_wrong_one(another_line: Callable[..., Line], server: Served) -> None:
    assert "tocsin serve" in another_line(TOCSIN_URL=server.url).fails("list")
    assert "unknown" in another_line(TOCSIN_URL=server.url, TOCSIN_TOKEN="tcn_0000000000_nope").fails("list")


def test_a_line_can_name_server_and_token_itself(another_line: Callable[..., Line], server: Served) -> None:
    bare = another_line()
    bare.says("list", "--url", server.url, "--token", server.token)
    bare.says("--url", server.url, "--token", server.token, "list")


def test_the_database_of_a_running_server_is_left_alone(line: Line, server: Served) -> None:
    words = ("token", "create", "--name", "x", "--role", "admin", "--offline", "--database")
    said = line.fails(*words, server.env["TOCSIN_DATABASE"])
    assert "in use by process" in said
    assert "in use by process" in line.fails("db", "upgrade", "--database", server.env["TOCSIN_DATABASE"])


def test_what_answers_but_is_not_tocsin_is_said_to_be_so(another_line: Callable[..., Line], server: Served) -> None:
    said = another_line(TOCSIN_URL=f"{server.url}/elsewhere", TOCSIN_TOKEN=server.token).fails("list")
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "words",
    [
        ("ack", "the-incident"),
        ("declare",),
        ("declare", "Down"),
        ("declare", "Down", "-c", "agentdb", "--share", "30"),
        ("stage", "INC-1", "resolved"),
        ("oncall", "--at", "tomorrow"),
        ("classify", "-c", "agentdb"),
        ("classify", "--label", "novalue"),
        ("classify", "--figure", "x=many"),
        ("silence", "add", "component=agentdb", "--reason", "r"),
        ("silence", "add", "not a matcher", "--for", "1h", "--reason", "r"),
        ("silence", "add", "a=b", "--for", "long", "--reason", "r"),
        ("token", "create", "--name", "x", "--role", "king"),
    ],
)
def test_a_wrong_line_ends_with_2_and_changes_nothing(line: Line, words: tuple[str, ...]) -> None:
    assert "Error:" in line.fails(*words, status=2)


def test_a_server_that_is_not_there_is_said_so_with_the_way_to_start_it(offline: Line) -> None:
    said = offline.fails("list", "--url", f"http://127.0.0.1:{free_port()}")
    assert "no Tocsin answers at" in said
    assert "tocsin serve" in said


@pytest.mark.clause("M2", "D3")
def test_diagnose_says_what_it_found_and_what_it_could_not_ask(line: Line, incident: str) -> None:
    run = line.json("diagnose", incident)
    endings = {each["diagnostic"]: each["ending"] for each in run["results"]}
    assert endings["reasoningbank.dashboard"] == "link"
    assert endings["reasoningbank.up"] == "unavailable"

    said = line.says("diagnose", incident, "--only", "reasoningbank.logs", "--only", "reasoningbank.up")
    assert "0 of 2 diagnostics answered" in said
    assert "no Prometheus is set up" in said
    assert "diagnose INC-" in line.says("show", incident)
    assert line.json("diagnose", incident, "--last")["gathering"] != run["gathering"]
    assert "choose from" in line.fails("diagnose", incident, "--only", "agentdb.logs")
    assert "Gathering" not in line.says("show", incident), "the entry of what was gathered says it"
    assert "Gathering reasoningbank.logs, reasoningbank.up: asked for" in line.says("show", incident, "--all")
