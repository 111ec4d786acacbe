"""Error lines: which there are, which are new, and how they are grouped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whenever import Instant

from tocsin.core.loglines import kind_of, lines, new_errors, recent

TEN = Instant.from_utc(2026, 11, 24, 10)
LOG = """\
[booster-1] 2026-11-24 09:10:00,001 ERROR agent-booster: cannot reach 10.0.0.7 after 30 ms
[booster-1] 2026-11-24 09:20:00,001 INFO agent-booster: module of release 1.9.0 loaded in 0.9 ms
[booster-1] 2026-11-24 10:01:00,001 ERROR agent-booster: cannot reach 10.0.0.9 after 31 ms
[booster-2] 2026-11-24 10:02:00,001 ERROR agent-booster: Module initialization error: release 1.9.1
Traceback (most recent call last):
[booster-2] 2026-11-24 10:02:01,001 ERROR agent-booster: Module initialization error: release 1.9.1
"""


@pytest.mark.clause("M2")
def test_a_kind_of_error_that_was_written_before_is_not_new() -> None:
    errors = new_errors(LOG, TEN)

    assert [(kind.count, kind.example) for kind in errors.kinds] == [
        (2, "[booster-2] ERROR agent-booster: Module initialization error: release 1.9.1"),
        (1, "Traceback (most recent call last):"),
    ]
    assert errors.lines == 3
    assert errors.dated
    assert errors.kinds[0].since == Instant.from_utc(2026, 11, 24, 10, 2).add(milliseconds=1)


def test_without_times_nothing_can_be_said_to_be_new() -> None:
    errors = new_errors("ERROR one\nall is well\nerror: two\n", TEN)

    assert errors.lines == 2
    assert not errors.dated
    assert not new_errors(LOG, None).dated


@pytest.mark.parametrize(
    ("stamp", "at"),
    [
        ("2026-11-24T10:00:00Z", TEN),
        ("2026-11-24T11:00:00.000000001+01:00", TEN.add(nanoseconds=1)),
        ("2026-11-24T12:00:00+0200", TEN),
        ("2026-11-24 10:00:00,123", TEN.add(milliseconds=123)),
        ("2026-11-24T10:00:00.1234567899Z", TEN.add(nanoseconds=123_456_789)),
        ("2026-99-99T10:00:00Z", None),
        ("yesterday", None),
    ],
)
def test_times_are_read_as_programs_write_them(stamp: str, at: Instant | None) -> None:
    (line,) = lines(f"{stamp} ERROR x")

    assert line.at == at


def test_a_line_without_a_time_has_that_of_the_line_before() -> None:
    assert [line.at for line in lines("no time yet\n2026-11-24T10:00:00Z one\n  File x\n")] == [None, TEN, TEN]
    assert recent("2026-11-24T09:00:00Z old\n  of the old\n2026-11-24T10:00:00Z new", TEN) == "new"


def test_lines_differ_by_words_not_by_numbers() -> None:
    one, other = "request 7f3a9c21-aa took 12 ms at 0xFF", "request 11aa22bb-cc took 9000 ms at 0x1"

    assert kind_of(one) == kind_of(other)
    assert kind_of(one) != kind_of("response 7f3a9c21-aa took 12 ms at 0xFF")


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    errors = new_errors(text, TEN)

    assert errors.lines == sum(kind.count for kind in errors.kinds)
