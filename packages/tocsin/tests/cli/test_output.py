"""What stands on the screen: nothing of it steers a terminal, and times are said as people say them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.cli.output import clean, clock_time, countdown, span


@given(st.text())
def test_no_text_of_others_steers_the_terminal(text: str) -> None:
    shown = clean(text)
    assert all(letter == " " or letter.isprintable() or ord(letter) > 0x9F for letter in shown)
    assert not {"\x1b", "\n", "\r"} & set(shown)


def test_an_escape_sequence_is_shown_and_not_obeyed() -> None:
    assert clean("down\x1b[2J\x07 again") == "down�[2J� again"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3_600, "1 h 0 min"), (90_061, "1 d 1 h"), (-5, "5 s")],
)
def test_a_span_is_said_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert span(seconds) == said


def test_a_countdown_says_whether_it_is_late() -> None:
    assert (countdown(90), countdown(-90)) == ("in 1 min 30 s", "1 min 30 s late")


def test_an_instant_is_shown_to_the_second() -> None:
    assert clock_time("2026-11-24T03:00:59.999Z") == "03:00:59"
    assert clock_time("2026-11-24T03:00:00Z", date=True) == "2026-11-24 03:00:00"
