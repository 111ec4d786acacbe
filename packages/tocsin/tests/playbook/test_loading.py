"""A playbook with mistakes is refused with all of them, each with file, line, key and remedy."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.playbook.load import load, load_rulebook, shipped
from tocsin.playbook.problems import PlaybookErrors, Problem
from tocsin.playbook.reading import Document, read
from tocsin.playbook.schema import FILES
from tocsin.playbook.shape import shaped

from .conftest import Break


def problems(folder: Path) -> list[Problem]:
    with pytest.raises(PlaybookErrors) as caught:
        load(folder)
    assert all(one.file and one.message and one.remedy for one in caught.value.problems)
    return caught.value.problems


def line_of(folder: Path, file: str, text: str) -> int:
    lines = (folder / file).read_text().splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def test_an_unknown_key_is_named_with_the_one_that_was_meant(broken: Break) -> None:
    folder = broken("people.yaml", "    methods:", "    metods:")
    (found,) = problems(folder)
    assert (found.file, found.line) == ("people.yaml", line_of(folder, "people.yaml", "metods"))
    assert found.key == "people.rosa.metods"
    assert 'did you mean "methods"?' in found.remedy
    assert str(found).startswith(f"people.yaml:{found.line}: people.rosa.metods: error: unknown key")


def test_a_missing_key_is_named_with_the_line_of_what_lacks_it(broken: Break) -> None:
    folder = broken("rotations.yaml", "    starts_on: 2025-01-01\n", "")
    (found,) = problems(folder)
    assert found.line == line_of(folder, "rotations.yaml", "shop:")
    assert '"starts_on" is missing' in found.message


@pytest.mark.parametrize("turn", ["12 h", "0h", "13 months", "often", "9000h"])
def test_a_turn_without_a_sensible_length_is_refused(broken: Break, turn: str) -> None:
    (found,) = problems(broken("rotations.yaml", "shift_days: 3", f'turn: "{turn}"'))
    assert "no length of a turn" in found.message
    assert found.remedy.startswith("write one")


def test_all_mistakes_are_reported_at_once(broken: Break) -> None:
    broken("rotations.yaml", "shift_days: 3", "shift_days: often")
    broken("rotations.yaml", "2025-01-01", "2025-02-30")
    broken("severities.yaml", "within: 10m", "within: soon")
    folder = broken("playbook.yaml", 'version: "3"', "version: 3")
    found = problems(folder)
    assert [(one.file, one.key) for one in found] == [
        ("playbook.yaml", "version"),
        ("rotations.yaml", "rotations.shop.shift_days"),
        ("rotations.yaml", "rotations.shop.starts_on"),
        ("severities.yaml", "severities[0].targets.acknowledge.within"),
    ]
    assert found[0].remedy == 'put it in quotes: "3"'
    assert "2025-02-30" in found[2].message
    assert '"soon" is not a duration' in found[3].message
    assert "5m" in found[3].remedy


def test_a_telephone_number_without_quotes_keeps_its_plus(broken: Break) -> None:
    folder = broken("people.yaml", '"+15550100002"', "+15550100002")
    assert load(folder).people["emil"].methods[0].address == "+15550100002"


@pytest.mark.parametrize(
    ("file", "before", "after", "remedy"),
    [
        ("people.yaml", "kind: email", "kind: e-mail", 'did you mean "email"?'),
        ("components/orders.yaml", 'holds: "<"', "holds: below", "write one of these: !=, <, <=, ==, >, >="),
        ("components/orders.yaml", "bound: 0.5", 'bound: "0.5"', "write it without quotes: 0.5"),
        ("communication.yaml", "public: true", "public: yes", "write true or false, without quotes"),
        ("playbook.yaml", "owner: Rosa", "owner: true", 'put it in quotes: "true"'),
        ("communication.yaml", "every: 1h", "every: 3600", "write its unit, too"),
    ],
)
def test_a_wrong_value_is_answered_with_what_to_write(
    broken: Break, file: str, before: str, after: str, remedy: str
) -> None:
    (found,) = problems(broken(file, before, after))
    assert found.remedy == remedy


def test_a_key_given_twice_is_an_error_that_names_both_lines(broken: Break) -> None:
    folder = broken("people.yaml", "  emil:", "  rosa:")
    (found,) = problems(folder)
    assert found.line > line_of(folder, "people.yaml", "rosa:")
    assert f"first on line {line_of(folder, 'people.yaml', 'rosa:')}" in found.message


def test_a_file_that_is_not_yaml_is_named_with_its_line(broken: Break) -> None:
    folder = broken("people.yaml", "    name: Emil", "    name: [Emil")
    (found,) = problems(folder)
    assert found.file == "people.yaml"
    assert found.line >= line_of(folder, "people.yaml", "[Emil")
    assert "not YAML" in found.message


def test_aliases_are_refused_before_they_unfold(broken: Break) -> None:
    pairs = zip("abcdefgh", "bcdefghi", strict=True)
    bomb = "a: &a [x, x]\n" + "".join(f"{new}: &{new} [*{old}, *{old}]\n" for old, new in pairs)
    folder = broken("heartbeats.yaml", "", bomb)
    (found,) = problems(folder)
    assert (found.file, found.line) == ("heartbeats.yaml", 2)
    assert "alias" in found.message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"   \n\n", "empty"),
        (b"# only a comment\n", "only comments"),
        (b"heartbeats:\n  x: \xff\n", "not UTF-8"),
        (b"x" * (1024 * 1024 + 1), "bytes"),
        (b"[" * 2_000, "not YAML|nested"),
        (b"a: " * 10 + b"\n", "not YAML"),
        (b"a: 1\n---\nb: 2\n", "several documents"),
        (b"- 1\n- 2\n", "expected keys and values"),
        (b"heartbeats: !!python/object:os.system {}\n", "unknown key|is not allowed|expected"),
        (b"heartbeats: !!binary aGk=\n", "not allowed"),
        (b"heartbeats: {1: {}}\n", "missing"),
        (b"heartbeats: {[a]: 1}\n", "key must be text"),
        (b"\x00\x01", "not YAML"),
        (b"just text", "expected keys and values"),
    ],
)
def test_bad_files_are_refused_with_a_reason(broken: Break, content: bytes, message: str) -> None:
    folder = broken("heartbeats.yaml", "", "x: y")
    (folder / "heartbeats.yaml").write_bytes(content)
    found = problems(folder)
    assert {one.file for one in found} == {"heartbeats.yaml"}
    assert any(re.search(message, one.message) for one in found), found


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_fail(raw: bytes) -> None:
    document = read("any.yaml", raw)
    for problem in document.problems:
        assert problem.message
        assert problem.remedy
    if not document.problems:
        assert raw.strip(), "an empty file is a problem"


def test_a_missing_file_is_named(broken: Break) -> None:
    (found,) = problems(broken("rotations.yaml", after=None))
    assert (found.file, found.message) == ("rotations.yaml", "the file is missing")


def test_a_misspelt_file_is_not_silently_left_out(broken: Break) -> None:
    folder = broken("deadlnes.yaml", "", "deadlines: []\n")
    (found,) = problems(folder)
    assert found.remedy == 'did you mean "deadlines.yaml"?'


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    (found,) = problems(tmp_path / "nowhere")
    assert "no such folder" in found.message


def test_an_unknown_shipped_playbook_is_named_with_the_ones_there_are() -> None:
    with pytest.raises(PlaybookErrors) as caught:
        shipped("agentic-flaw")
    assert 'did you mean "agentic-flow"?' in caught.value.problems[0].remedy


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(PlaybookErrors):
        load_rulebook(shipped("minimal"), speed=speed)


def test_hours_and_dates_stay_text_as_they_were_written() -> None:
    document = read("x.yaml", b"a: 17:00\nb: 2025-12-08\nc: on\nd: 010\ne: 1.5\nf: 12\ng: true\nh: ~\n")
    assert document.value == {
        "a": "17:00",
        "b": "2025-12-08",
        "c": "on",
        "d": "010",
        "e": 1.5,
        "f": 12,
        "g": True,
        "h": None,
    }


def test_the_version_follows_the_content(broken: Break) -> None:
    before = load_rulebook(shipped("minimal")).version
    same = load_rulebook(broken("people.yaml", "name: Rosa", "name: Rosa")).version
    changed = load_rulebook(broken("people.yaml", "name: Rosa", "name: Rosalie")).version
    assert before == same
    assert changed != before
    assert changed.startswith("3+")


def test_errors_of_the_lint_stop_the_loading_of_a_rulebook(broken: Break) -> None:
    folder = broken("escalation.yaml", "reach: rotation shop", "reach: rotation shp")
    load(folder)
    with pytest.raises(PlaybookErrors) as caught:
        load_rulebook(folder)
    assert 'did you mean "shop"?' in caught.value.problems[0].remedy


def documents() -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    )


@given(documents())
def test_no_document_makes_the_loader_fail_otherwise_than_by_problems(value: Any) -> None:
    for file, kind in FILES.items():
        document = Document(file)
        document.value = value
        document.lines = {(): 1}
        assert shaped(document, kind) is not None or document.problems or value is None
