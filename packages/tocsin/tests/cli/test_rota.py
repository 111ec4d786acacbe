"""The calendar on the command line, against a real server (O4)."""

from pathlib import Path

import pytest

from .conftest import Line

ROTATION = "agentdb-owners"


@pytest.mark.clause("O4")
def test_the_calendar_shows_a_line_a_shift_and_marks_what_is_unusual(line: Line) -> None:
    kept = line.json("override", "add", ROTATION, "mara-lindqvist", "--for", "2h", "--reason", "a favour")["kept"]
    said = line.says("oncall", "calendar", "--weeks", "4", "--rotation", ROTATION)
    first, *rows = [row for row in said.splitlines() if row]
    assert first.startswith("On call 20")
    assert "times in UTC" in first
    assert any("Mara Lindqvist" in row and "override for" in row for row in rows)
    assert all(len(row) <= 80 for row in rows), "narrow screens too"
    assert "Mara Lindqvist" in line.says("oncall")
    assert kept[0]["id"] in line.says("override", "list")
    assert "withdrawn" in line.says("override", "remove", kept[0]["id"])
    assert "No override." in line.says("override", "list")
    assert "a favour" in line.says("override", "list", "--all")
    assert "Mara Lindqvist" in line.says("oncall", "history", "--weeks", "1", "--rotation", ROTATION)


@pytest.mark.clause("O4")
def test_a_swap_is_asked_for_and_answered(line: Line) -> None:
    (now_on,) = [each for each in line.json("oncall")["oncall"] if each["rotation"] == ROTATION]
    words = ("swap", "ask", ROTATION, "mara-lindqvist", "--for", "1h", "--asked-by", now_on["person"])
    swap = line.json(*words)["kept"][0]["id"]
    assert "waits for an answer" in line.says("swap", "list")
    assert "overlaps" in line.fails(*words, "--json")
    said = line.says("swap", "accept", swap, "--by", "mara-lindqvist")
    assert f"{swap}  mara-lindqvist takes {ROTATION} of {now_on['person']}" in said
    assert "accepted" in said
    assert "withdrawn" in line.says("swap", "remove", swap)
    other = line.json(*words)["kept"][0]["id"]
    assert "declined" in line.says("swap", "decline", other, "--by", "mara-lindqvist")


@pytest.mark.clause("O4")
def test_whose_shift_is_given_is_asked_for_by_the_option_that_there_is(line: Line) -> None:
    said = line.fails("swap", "ask", ROTATION, "mara-lindqvist", "--for", "1h")
    assert "--asked-by PERSON" in said
    assert "--person PERSON" in line.fails("contact", "confirm", "123456")


@pytest.mark.clause("O4")
def test_somebody_is_away_and_back(line: Line) -> None:
    kept = line.json("away", "add", "kofi-mensah", "--for", "14d", "--reason", "at sea")["kept"]
    assert "kofi-mensah is away" in line.says("away", "list")
    assert "withdrawn" in line.says("away", "remove", kept[0]["id"])
    assert "Nobody is away." in line.says("away", "list")


@pytest.mark.clause("O4")
def test_an_arrangement_that_cannot_be_is_refused_with_the_way_out(line: Line) -> None:
    backwards = ("--from", "2030-01-02T00:00Z", "--until", "2030-01-01T00:00Z")
    said = line.fails("override", "add", ROTATION, "mara-lindqvist", *backwards, status=1)
    assert "before it begins" in said
    assert "Give an end after the beginning." in said
    assert "one of --until and --for" in line.fails("away", "add", "kofi-mensah", status=2)
    assert "longer than a year" in line.fails("away", "add", "kofi-mensah", "--for", "900d", status=2)
    assert "Europe/Berlin" in line.fails("oncall", "calendar", "--zone", "Mars", status=2)


@pytest.mark.clause("O4")
def test_the_load_and_what_is_wrong_ahead_are_shown(line: Line) -> None:
    assert "Pages " in line.says("oncall", "load", "--weeks", "2")
    assert "Nothing is wrong" in line.says("oncall", "check")


@pytest.mark.clause("O4")
def test_a_secret_address_is_shown_once_and_ended(line: Line) -> None:
    said = line.says("oncall", "feed", "kofi-mensah")
    assert "/ical/" in said
    assert "tocsin oncall feed kofi-mensah --revoke" in said
    assert "any more: 1." in line.says("oncall", "feed", "kofi-mensah", "--revoke")


@pytest.mark.clause("O4")
def test_an_import_that_the_playbook_does_not_allow_says_how_it_would(line: Line, tmp_path: Path) -> None:
    file = tmp_path / "duty.ics"
    file.write_text("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")
    assert "imports: true" in line.fails("oncall", "import", ROTATION, str(file), status=1)
