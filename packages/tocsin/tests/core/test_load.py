"""How much being on call asks of each person: pages by week, and the nights that they broke."""

import pytest
from whenever import Instant, Time, TimeDelta

from tocsin.core.ids import PersonId, RotationId
from tocsin.core.load import WEEK, Paged, loads
from tocsin.core.oncall import Shift
from tocsin.core.rules import Fairness, Rulebook
from tocsin.core.turns import Restriction

from ..builders import changed, rulebook

INES, DANIEL = PersonId("ines-moreau"), PersonId("daniel-kerr")
MONDAY = Instant.from_utc(2026, 3, 30)
NIGHT = Restriction((1, 2, 3, 4, 5, 6, 7), Time(22), Time(7))
HOUR = TimeDelta(hours=1)


def rules(zone: str = "UTC", **limits: int) -> Rulebook:
    book = rulebook()
    people = {**book.people, INES: changed(book.people[INES], zone=zone)}
    fairness = Fairness(limits.get("pages", 14), limits.get("nights", 3), NIGHT)
    return changed(book, people=people, fairness=fairness)


def paged(*hours: float) -> list[Paged]:
    """Pages of Ines so many hours before the Monday."""
    return [Paged(INES, MONDAY - HOUR * each) for each in hours]


@pytest.mark.clause("O4")
def test_pages_are_counted_by_seven_days_the_latest_first() -> None:
    (ines,) = loads(rules(), paged(1, 2, 24 * 8), (), MONDAY, 2)
    assert [(week.starts_at, week.pages) for week in ines.weeks] == [(MONDAY - WEEK, 2), (MONDAY - WEEK * 2, 1)]
    assert ines.pages == 3


@pytest.mark.clause("O4")
def test_a_night_is_the_persons_own_and_two_pages_in_one_break_it_once() -> None:
    at_one_and_two = paged(23, 22)
    (ines,) = loads(rules("Europe/Paris"), at_one_and_two, (), MONDAY, 1)
    assert (ines.weeks[0].at_night, ines.weeks[0].nights) == (2, 1)
    (ines,) = loads(rules("Asia/Tokyo"), at_one_and_two, (), MONDAY, 1)
    assert (ines.weeks[0].at_night, ines.weeks[0].nights) == (0, 0), "it is ten in the morning there"


@pytest.mark.clause("O4")
def test_before_and_after_midnight_is_one_night_and_so_is_the_night_when_the_clocks_change() -> None:
    around_the_change = [
        Paged(INES, Instant.from_utc(2026, 3, day, hour)) for day, hour in ((28, 22), (29, 0), (29, 4))
    ]
    (ines,) = loads(rules("Europe/Berlin"), around_the_change, (), MONDAY, 1)
    assert (ines.weeks[0].at_night, ines.weeks[0].nights) == (3, 1)


@pytest.mark.clause("O4")
def test_a_page_counts_for_the_rotations_in_which_the_person_was_on_call_then() -> None:
    shifts = [
        Shift(RotationId("sre-primary"), INES, MONDAY - WEEK, MONDAY - HOUR * 2),
        Shift(RotationId("sre-secondary"), DANIEL, MONDAY - WEEK, MONDAY),
    ]
    ines, daniel = loads(rules(), paged(1, 3), shifts, MONDAY, 1)
    assert ines.rotations == {"sre-primary": 1, "": 1}
    assert (daniel.person, daniel.pages) == (DANIEL, 0), "who was on call and not paged stands there too"


@pytest.mark.clause("O4")
def test_what_goes_over_the_playbooks_limits_is_said_with_both_numbers() -> None:
    (ines,) = loads(rules(pages=1, nights=1), paged(1, 22, 46), (), MONDAY, 1)
    assert ines.over == (
        "Ines Moreau was paged 3 times in seven days; the limit is 1",
        "Ines Moreau was paged in 3 nights of seven; the limit is 1",
    )
    (ines,) = loads(changed(rules(), fairness=None), paged(1, 22, 46), (), MONDAY, 1)
    assert ines.over == ()


def test_somebody_who_has_left_the_playbook_is_still_counted() -> None:
    (gone,) = loads(rules(), [Paged(PersonId("gone"), MONDAY - HOUR)], (), MONDAY, 1)
    assert (gone.name, gone.zone, gone.pages) == ("gone", "UTC", 1)
