"""Feeds are read back by a calendar library as what they were made of."""

import re
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from whenever import Instant, TimeDelta

from tocsin.calendars.writing import etag, feed
from tocsin.core.ids import PersonId, RotationId
from tocsin.core.oncall import Because, Gap, Shift

NOON = Instant.from_utc(2026, 3, 1, 12)
SRE, ANA, BEN = RotationId("sre"), PersonId("ana"), PersonId("ben")
SHIFT = Shift(SRE, ANA, NOON, NOON + TimeDelta(hours=8))
NAMES = {"sre": "SRE; primary, the first", "ana": "Ána “Ace” Müller\\o/", "ben": "Ben"}


def read(document: bytes) -> list[dict[str, object]]:
    return [
        {key: str(event[key]) for key in ("UID", "SUMMARY", "DESCRIPTION")}
        | {"starts": event.decoded("DTSTART"), "ends": event.decoded("DTEND")}
        for event in Calendar.from_ical(document).walk("VEVENT")
    ]


@pytest.mark.clause("O4")
def test_a_shift_is_an_event_in_utc_with_the_names_as_they_are() -> None:
    (event,) = read(feed("On call", [SHIFT], (), NAMES, NOON))
    assert event["starts"] == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert event["ends"] == datetime(2026, 3, 1, 20, tzinfo=UTC)
    assert event["SUMMARY"] == "SRE; primary, the first: Ána “Ace” Müller\\o/"


@pytest.mark.clause("O4")
def test_stand_ins_and_gaps_say_what_they_are() -> None:
    stand_in = Shift(SRE, BEN, NOON, NOON + TimeDelta(hours=1), Because.SWAP, ANA)
    gap = Gap(SRE, NOON + TimeDelta(hours=1), NOON + TimeDelta(hours=2), 1)
    first, second = read(feed("On call", [stand_in], [gap], {}, NOON))
    assert (first["SUMMARY"], first["DESCRIPTION"]) == ("sre: ben (for ana)", "On call in sre, by swap.")
    assert second["SUMMARY"] == "sre: NOBODY"


@pytest.mark.clause("O4")
def test_an_event_keeps_its_name_while_the_same_shift_ends_at_another_time() -> None:
    longer = Shift(SRE, ANA, NOON, NOON + TimeDelta(hours=9))
    (one,), (other,) = read(feed("x", [SHIFT], (), {}, NOON)), read(feed("x", [longer], (), {}, NOON))
    assert one["UID"] == other["UID"]
    assert one["ends"] != other["ends"]


def test_the_same_shifts_are_the_same_bytes() -> None:
    one, other = (feed("x", [SHIFT], (), NAMES, NOON) for _ in range(2))
    assert one == other
    assert etag(one) == etag(other) != etag(one + b" ")


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@given(texts, texts, texts)
def test_whatever_people_are_called_the_feed_is_sound(name: str, rotation: str, person: str) -> None:
    document = feed(name, [SHIFT], (), {"sre": rotation, "ana": person}, NOON)
    lines = document.split(b"\r\n")
    assert all(len(line) <= 75 for line in lines), "no line is longer than 75 octets"
    assert all(b"\n" not in line and b"\r" not in line for line in lines)
    for line in lines:
        line.decode()  # No character is cut in two.
    (event,) = read(document)
    plain = "".join(one for one in f"{rotation}: {person}".replace("\r\n", "\n") if one >= " " or one == "\n")
    assert _bare(str(event["SUMMARY"])) == _bare(plain.replace("\x7f", ""))


def _bare(text: str) -> str:
    """What both have alike: libraries differ in which blanks around a text they keep."""
    return re.sub(r"\s+", "", text)


def test_events_stand_one_after_the_other() -> None:
    shifts = [Shift(SRE, ANA, NOON + TimeDelta(hours=n), NOON + TimeDelta(hours=n + 1)) for n in range(5)]
    found = read(feed("x", shifts, (), {}, NOON))
    assert all(before["ends"] == after["starts"] for before, after in pairwise(found))
    assert len({event["UID"] for event in found}) == 5
