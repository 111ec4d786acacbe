"""What stands on the screen: nothing of it steers a terminal, and times are said as people say them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.cli.output import Screen, clean, clock_time, countdown, span
from tocsin.cli.show import _objectives, _proof
from tocsin.cli.watch import picture


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


def measured() -> dict[str, Any]:
    """An incident whose figures were measured at a certain instant, whatever time it is now."""
    figure = {"objective": "x.p95", "component": "x", "title": "p95", "value": 0.002, "holds": "<", "bound": 0.005}
    proof = {"measured_at": "2026-11-24T03:00:05Z", "began_at": "2026-11-24T02:59:35Z"}
    proof |= {"held_for_s": 30.0, "holds_for_s": 1_800.0, "remaining_s": 1_770.0}  # type: ignore[dict-item]
    words = {
        "id": "INC-1",
        "severity": "SEV1",
        "title": "x",
        "stage": "monitoring",
        "commander": "",
        "next_action": "x",
    }
    return {**words, "firing": 0, "window_began_at": None, "runs": [], "samples": [figure], "proof": proof}


@pytest.mark.clause("V1")
def test_figures_stand_beside_the_instant_at_which_they_were_so(capsys: pytest.CaptureFixture[str]) -> None:
    _objectives(Screen(as_json=False), measured())
    picture(Screen(as_json=False), measured(), [], [])
    assert capsys.readouterr().out.count("measured 03:00:05 UTC") == 2


@pytest.mark.clause("V2")
def test_the_first_minute_of_a_watch_is_not_said_to_be_none() -> None:
    assert _proof(measured()["proof"]) == "everything has held since 02:59:35 UTC, 30 s of 30 min 0 s"
