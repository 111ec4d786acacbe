"""Test pages, codes, readiness and the ledger, typed at a terminal against a real server."""

import re

import pytest

from .conftest import Line, Served

INES = "ines-moreau"


def _code(server: Served) -> str:
    """Answer the code that the console of the server shows last."""
    server.until(lambda: "your code for Tocsin is" in server.output)
    return re.findall(r"your code for Tocsin is (\d{6})", server.output)[-1]


def test_a_test_page_is_shown_by_method_and_its_ledger_proves_it(line: Line, server: Served) -> None:
    said = line.says("test-page", INES, "--wait", "0")
    name = re.match(r"TEST-\d+", said)
    assert name is not None
    server.until(lambda: "DRILL PAGE" in server.output)
    line.says("ack", name.group(0), "--by", INES)
    ledger = line.says("ledger", name.group(0))
    assert f"page to {INES}" in ledger
    assert "=> answered by api" in ledger
    assert "unaccounted: 0" in ledger
    found = line.json("ledger", name.group(0))["obligations"]
    assert [each["end"] for each in found] == ["answered"]


def test_a_test_page_of_nobody_is_refused_with_the_names_there_are(line: Line) -> None:
    said = line.fails("test-page", "nobody")
    assert 'no person "nobody"' in said
    assert INES in said


def test_everything_is_accounted_for(line: Line) -> None:
    assert "Everything is accounted for" in line.says("ledger", "--unaccounted")
    assert line.json("ledger", "--unaccounted") == {"alerts": [], "timelines": [], "messages": []}
    line.fails("ledger", status=2)
    line.fails("ledger", "INC-1", "--unaccounted", status=2)


@pytest.mark.clause("E2")
def test_a_contact_method_is_confirmed_by_the_code_that_arrived(line: Line, server: Served) -> None:
    assert "A code is on its way by phone" in line.says("contact", "verify", INES, "phone")
    code = _code(server)
    wrong = "000000" if code != "000000" else "000001"
    assert "this code is wrong" in line.fails("contact", "confirm", wrong, "--person", INES)
    assert "Confirmed: phone" in line.says("contact", "confirm", code, "--person", INES)
    assert "no code was asked for" in line.fails("contact", "confirm", code, "--person", INES)
    assert "fax" in line.fails("contact", "verify", INES, "fax")


def test_who_is_ready_is_told_with_what_is_missing(line: Line) -> None:
    assert "not ready" in line.says("readiness")
    one = line.says("readiness", INES)
    assert "nobody in particular" in one, "the console is no route to anybody"
    line.fails("readiness", "nobody", status=2)


@pytest.mark.clause("O3")
def test_hand_offs_are_listed_and_one_that_is_not_there_is_said_to_be_so(line: Line) -> None:
    assert "hand-off" in line.says("handoff", "list").lower()
    assert 'no hand-off "HO-99"' in line.fails("handoff", "show", "HO-99")
    assert "INC-1" not in line.says("handoff", "list", "--all")
