"""What is wrong with the coming shifts: gaps, double bookings, people out of reach (O4)."""

import pytest
from whenever import Instant, TimeDelta

from tocsin.core.arrangements import Arranged, Away, Override
from tocsin.core.foresight import FindingKind, found_ahead, possible_keys
from tocsin.core.ids import ChannelName, PersonId, RotationId
from tocsin.core.rules import Rulebook

from ..builders import changed, rulebook

NOW = Instant.from_utc(2026, 11, 24, 15)
DAY = TimeDelta(hours=24)
OWNERS = RotationId("agentdb-owners")
BOOK: Rulebook = rulebook()


def absent(since: Instant, until: Instant) -> Arranged:
    return Arranged(away=tuple(Away(person, since, until) for person in BOOK.rotations[OWNERS].people))


@pytest.mark.clause("O4")
def test_nothing_is_wrong_with_the_shipped_playbook_for_a_year() -> None:
    assert found_ahead(BOOK, NOW, NOW + DAY * 366) == ()


@pytest.mark.clause("O4")
def test_a_gap_is_told_whole_even_if_it_ends_after_what_was_looked_at() -> None:
    (gap,) = found_ahead(BOOK, NOW, NOW + DAY * 7, absent(NOW + DAY * 5, NOW + DAY * 20))
    assert (gap.kind, gap.rotation) == (FindingKind.GAP, OWNERS)
    assert (gap.starts_at, gap.ends_at) == (NOW + DAY * 5, NOW + DAY * 20)
    assert gap.remedy == (
        "tocsin override add agentdb-owners PERSON --from 2026-11-29T15:00Z --until 2026-12-14T15:00Z"
    )


@pytest.mark.clause("O4")
def test_a_gap_that_the_playbook_allows_or_somebody_covers_is_none() -> None:
    beside = absent(NOW, NOW + DAY)
    allowed = {**BOOK.rotations, OWNERS: changed(BOOK.rotations[OWNERS], gaps_allowed=True)}
    assert found_ahead(changed(BOOK, rotations=allowed), NOW, NOW + DAY * 7, beside) == ()
    covered = changed(beside, overrides=(Override(OWNERS, PersonId("mara-lindqvist"), NOW, NOW + DAY),))
    assert found_ahead(BOOK, NOW, NOW + DAY * 7, covered) == ()


@pytest.mark.clause("O4")
def test_one_person_on_two_rungs_of_a_ladder_is_told_once() -> None:
    mara = PersonId("mara-lindqvist")
    twice = [
        Override(RotationId(each), mara, NOW + DAY * place, NOW + DAY * (place + 2))
        for each in ("sre-primary", "sre-secondary")
        for place in (0, 3)
    ]
    (double,) = found_ahead(BOOK, NOW, NOW + DAY * 5, Arranged(tuple(twice)))
    assert (double.kind, double.person, double.starts_at) == (FindingKind.DOUBLE, mara, NOW)
    assert (double.rotation, double.other) == ("sre-primary", "sre-secondary")


@pytest.mark.clause("O4")
def test_somebody_without_a_method_that_anything_carries_cannot_be_reached() -> None:
    person = BOOK.rotations[OWNERS].people[0]
    mute = changed(BOOK, people={**BOOK.people, person: changed(BOOK.people[person], methods=())})
    (found,) = found_ahead(mute, NOW, NOW + DAY * 28)
    assert (found.kind, found.person, found.rotation) == (FindingKind.UNREACHABLE, person, OWNERS)
    assert found_ahead(BOOK, NOW, NOW + DAY, channels=[ChannelName("console")]) == ()
    unset = found_ahead(BOOK, NOW, NOW + DAY, channels=[ChannelName("email")])
    assert {each.kind for each in unset} == {FindingKind.UNREACHABLE}


@pytest.mark.clause("O4")
def test_whatever_may_be_found_can_be_asked_for_by_its_key() -> None:
    keys = possible_keys(BOOK)
    beside = absent(NOW, NOW + DAY)
    for each in (*found_ahead(BOOK, NOW, NOW + DAY, beside, []), *found_ahead(BOOK, NOW, NOW + DAY, beside)):
        assert each.key in keys
