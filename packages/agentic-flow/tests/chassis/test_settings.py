"""What the environment may say, and the sentence for what it may not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agentic_flow.chassis.settings import Environment, SettingsError


def test_a_setting_that_is_not_given_has_its_default() -> None:
    empty = Environment({})
    assert empty.text("NAME", "a") == "a"
    assert empty.whole("SIZE", 5, 1, 9) == 5
    assert empty.share("SHARE", 0.5) == 0.5
    assert empty.flag("MODE", default=True)


@pytest.mark.parametrize(("said", "meant"), [("true", True), ("ON", True), ("0", False), (" no ", False)])
def test_yes_and_no_may_be_said_in_several_ways(said: str, meant: bool) -> None:
    assert Environment({"MODE": said}).flag("MODE", not meant) is meant


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("0", lambda it: it.whole("X", 5, 1, 9)),
        ("10", lambda it: it.whole("X", 5, 1, 9)),
        ("ten", lambda it: it.whole("X", 5, 1, 9)),
        ("1.5", lambda it: it.share("X", 0.5)),
        ("nan", lambda it: it.share("X", 0.5)),
        ("half", lambda it: it.share("X", 0.5)),
        ("perhaps", lambda it: it.flag("X", default=True)),
    ],
)
def test_a_value_out_of_bounds_is_named_with_its_setting(value: str, read: Callable[[Environment], object]) -> None:
    with pytest.raises(SettingsError, match=f"^X must.*{value}"):
        read(Environment({"X": value}))
