"""Undo goes back to before the incident, not back by one."""

import pytest
from whenever import Instant

from tocsin.core.revisions import Revision, before_incident

DAY = "2026-01-05T"


def at(clock: str) -> Instant:
    return Instant.parse_iso(f"{DAY}{clock}:00Z")


def one(number: int, image: str, clock: str, template: str = "") -> Revision:
    return Revision(number, image, template or image, at(clock))


GOOD, BAD = "booster:1.9.0", "booster:1.9.1"
DEPLOYED = [one(1, GOOD, "09:00"), one(2, BAD, "14:23")]


@pytest.mark.clause("M3")
@pytest.mark.parametrize(
    ("story", "history"),
    [
        ("nothing was tried", DEPLOYED),
        ("it was restarted", [*DEPLOYED, one(3, BAD, "14:32")]),
        ("a variable was set", [*DEPLOYED, one(3, BAD, "14:32", "more connections")]),
        ("restarted twice", [*DEPLOYED, one(3, BAD, "14:32"), one(4, BAD, "14:33")]),
    ],
)
def test_whatever_was_tried_since_the_good_image_is_found(story: str, history: list[Revision]) -> None:
    for since in (None, at("14:28")):
        wanted = before_incident(history, history[-1].number, since)
        assert wanted is not None, story
        assert wanted.revision.image == GOOD, story
        assert GOOD in wanted.why


def test_a_hot_fix_that_did_not_help_does_not_lead_back_to_the_bad_release() -> None:
    history = [*DEPLOYED, one(3, "booster:1.9.2", "14:40")]
    wanted = before_incident(history, 3, at("14:28"))
    assert wanted is not None
    assert wanted.revision.image == GOOD


def test_where_only_settings_changed_the_settings_from_before_are_found() -> None:
    history = [one(1, GOOD, "09:00", "MODE=a"), one(2, GOOD, "14:23", "MODE=b"), one(3, GOOD, "14:31", "MODE=b")]
    wanted = before_incident(history, 3, at("14:28"))
    assert wanted is not None
    assert wanted.revision.number == 1
    assert "other settings" in wanted.why


def test_where_nothing_differs_nothing_is_guessed() -> None:
    assert before_incident([one(1, GOOD, "09:00"), one(2, GOOD, "09:10")], 2, at("14:28")) is None
    assert before_incident([], 1, None) is None


def test_after_a_rollback_by_hand_the_bad_release_is_not_taken_for_the_one_before() -> None:
    history = [one(3, GOOD, "09:00"), one(2, BAD, "14:23")]
    assert before_incident(history, 3, at("14:28")) is None
