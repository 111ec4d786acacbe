"""A calendar file becomes shifts, or says what is wrong with it and takes nothing."""

from datetime import date, datetime, time, timedelta

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given
from hypothesis import strategies as st
from icalendar import vRecur
from whenever import Instant, TimeDelta, ZonedDateTime

from tocsin.calendars.reading import NotReadable, shifts
from tocsin.calendars.repeating import repetition
from tocsin.core.arrangements import Assignment
from tocsin.core.ids import ChannelName, PersonId
from tocsin.core.limits import IMPORT_BYTES_MAX, IMPORTED_SHIFTS_MAX
from tocsin.core.rules import Method, MethodKind, Person

NOW = Instant.from_utc(2026, 3, 2)
HOUR = TimeDelta(hours=1)
ANA, BEN = PersonId("ana"), PersonId("ben")
MAIL = (Method(MethodKind.EMAIL, ChannelName("email"), "Ana@Example.org"),)
PEOPLE = {ANA: Person(ANA, "Ana Lima", MAIL), BEN: Person(BEN, "Ben Okri")}


def event(*lines: str, start: str = "DTSTART:20260302T090000Z", end: str = "DTEND:20260302T170000Z") -> str:
    return "\r\n".join(["BEGIN:VEVENT", "UID:1", start, *([end] if end else []), *lines, "END:VEVENT"])


def calendar(*events: str) -> bytes:
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//y//EN", *events, "END:VCALENDAR", ""]).encode()


def imported(*events: str) -> list[tuple[str, Instant, Instant]]:
    return [(one.person, one.starts_at, one.ends_at) for one in shifts(calendar(*events), PEOPLE, NOW)]


def refused(document: bytes) -> str:
    with pytest.raises(NotReadable) as caught:
        shifts(document, PEOPLE, NOW)
    assert caught.value.remedy
    return caught.value.detail


def berlin(month: int, day: int, hour: int) -> Instant:
    return ZonedDateTime(2026, month, day, hour, tz="Europe/Berlin").to_instant()


@pytest.mark.clause("O4")
@pytest.mark.parametrize(
    ("line", "person"),
    [
        ("ATTENDEE:mailto:ana@example.org", ANA),
        ("ATTENDEE;CN=Ben Okri:mailto:somebody@example.org", BEN),
        ("SUMMARY:ana", ANA),
        ("SUMMARY:  ANA LIMA ", ANA),
        ("SUMMARY:ana@example.org", ANA),
    ],
)
def test_an_event_is_somebodys_by_address_name_or_id(line: str, person: PersonId) -> None:
    assert imported(event(line)) == [(person, NOW + HOUR * 9, NOW + HOUR * 17)]


@pytest.mark.clause("O4")
def test_a_repeated_shift_keeps_its_hours_when_the_clocks_change() -> None:
    weekly = event(
        "SUMMARY:ana",
        "RRULE:FREQ=WEEKLY;COUNT=6",
        "EXDATE;TZID=Europe/Berlin:20260316T090000",
        start="DTSTART;TZID=Europe/Berlin:20260302T090000",
        end="DTEND;TZID=Europe/Berlin:20260302T170000",
    )
    days = [(3, 2), (3, 9), (3, 23), (3, 30), (4, 6)]
    assert imported(weekly) == [(ANA, berlin(*day, 9), berlin(*day, 17)) for day in days]


@pytest.mark.clause("O4")
def test_the_rule_may_be_daily_monthly_and_name_days() -> None:
    def days(rule: str) -> list[str]:
        return [starts_at.format_iso()[:10] for _, starts_at, _ in imported(event("SUMMARY:ben", f"RRULE:{rule}"))]

    assert days("FREQ=DAILY;INTERVAL=2;UNTIL=20260306T090000Z") == ["2026-03-02", "2026-03-04", "2026-03-06"]
    assert days("FREQ=WEEKLY;BYDAY=MO,FR;COUNT=3") == ["2026-03-02", "2026-03-06", "2026-03-09"]
    assert days("FREQ=MONTHLY;BYDAY=-1FR;COUNT=2") == ["2026-03-27", "2026-04-24"]
    assert days("FREQ=MONTHLY;BYMONTHDAY=31;COUNT=2") == ["2026-03-31", "2026-05-31"]


@pytest.mark.clause("O4")
def test_whole_days_durations_and_single_dates_count_too() -> None:
    whole = event("SUMMARY:ana", start="DTSTART;VALUE=DATE:20260302", end="DTEND;VALUE=DATE:20260309")
    lasts = event("SUMMARY:ben", "DURATION:PT2H", end="")
    assert imported(whole) == [(ANA, NOW, NOW + HOUR * 24 * 7)]
    assert imported(lasts) == [(BEN, NOW + HOUR * 9, NOW + HOUR * 11)]
    assert len(imported(event("SUMMARY:ana", "RDATE:20260304T090000Z,20260305T090000Z"))) == 3


@pytest.mark.clause("O4")
@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (("SUMMARY:ben",), [(ANA, 0), (BEN, 7), (ANA, 14)]),
        (("SUMMARY:ana", "STATUS:CANCELLED"), [(ANA, 0), (ANA, 14)]),
        (("SUMMARY:Zoe", "STATUS:CANCELLED"), [(ANA, 0), (ANA, 14)]),
    ],
)
def test_one_time_of_a_repeated_shift_that_is_given_away_or_cancelled_is_nobody_elses(
    changed: tuple[str, ...], expected: list[tuple[PersonId, int]]
) -> None:
    series = event("UID:a", "SUMMARY:ana", "RRULE:FREQ=WEEKLY;COUNT=3")
    start, end = "DTSTART:20260309T090000Z", "DTEND:20260309T170000Z"
    one = event("UID:a", "RECURRENCE-ID;TZID=Europe/Berlin:20260309T100000", *changed, start=start, end=end)
    another = event("UID:b", "SUMMARY:ana", "RECURRENCE-ID:20260302T090000Z", start=start, end=end)
    assert imported(series, one) == [
        (person, NOW + HOUR * (9 + 24 * day), NOW + HOUR * (17 + 24 * day)) for person, day in expected
    ]
    assert len(imported(series, another)) == 3, "of another event it says nothing"


@pytest.mark.clause("O4")
def test_windows_names_of_zones_are_understood() -> None:
    zone = "TZID=W. Europe Standard Time"
    start, end = f"DTSTART;{zone}:20260302T090000", f"DTEND;{zone}:20260302T170000"
    assert imported(event("SUMMARY:ana", start=start, end=end)) == [(ANA, berlin(3, 2, 9), berlin(3, 2, 17))]


@pytest.mark.clause("O4")
def test_everybody_unknown_is_named_at_once_and_nothing_is_taken() -> None:
    detail = refused(calendar(event("SUMMARY:ana"), event("SUMMARY:Zoe"), event("ATTENDEE:mailto:yan@example.org")))
    assert "event 2 (Zoe): nobody in the playbook is Zoe" in detail
    assert "event 3 (): nobody in the playbook is yan@example.org" in detail


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"", "no iCalendar file"),
        (b"\x89PNG\r\n", "no iCalendar file"),
        (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", "no"),
        (b"BEGIN:VCALENDAR\r\n" + b"x" * (10 * 1024 * 1024), "10,485,777 bytes"),
        (calendar(), "no shift"),
        (calendar(event("SUMMARY:ana", start="", end="")), "no DTSTART"),
        (calendar(event("SUMMARY:ana", end="DTEND:20260302T080000Z")), "ends before it begins"),
        (calendar(event("SUMMARY:ana", end="")), "ends before it begins"),
        (calendar(event("SUMMARY:ana", start="DTSTART:99990302T080000Z", end="DTEND:99990302T090000Z")), "year 9999"),
        (calendar(event("SUMMARY:ana", "RRULE:FREQ=SECONDLY;COUNT=1000000")), "FREQ=SECONDLY"),
        (calendar(event("SUMMARY:ana", "RRULE:FREQ=DAILY;BYHOUR=1,2,3")), "BYHOUR"),
        (calendar(event("SUMMARY:ana", "RRULE:FREQ=DAILY;INTERVAL=0")), "INTERVAL=0"),
        (calendar(event("SUMMARY:ana", "RRULE:FREQ=MONTHLY;BYDAY=9MO")), "BYDAY"),
        (calendar(event("SUMMARY:ana", "STATUS:CANCELLED")), "no shift"),
        (calendar(event("SUMMARY:ana", start="DTSTART;TZID=Mars/Base:20260302T080000")), "time zone Mars/Base"),
        (calendar(event("SUMMARY:ana", "EXDATE;TZID=Mars/Base:20260302T080000")), "time zone Mars/Base of EXDATE"),
        (calendar(event("SUMMARY:ana", "RECURRENCE-ID;RANGE=THISANDFUTURE:20260302T080000Z")), "RANGE"),
        (calendar(event("SUMMARY:ana", start="DTSTART:20000302T080000Z", end="DTEND:20000302T090000Z")), "no shift"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(document: bytes, said: str) -> None:
    assert said in refused(document)


def test_a_million_repetitions_end_where_nobody_looks_any_more() -> None:
    found = imported(event("SUMMARY:ana", "RRULE:FREQ=DAILY;COUNT=1000000"))
    assert 700 < len(found) < 800


def test_more_shifts_than_are_kept_are_refused() -> None:
    daily = [event("SUMMARY:ana", "RRULE:FREQ=DAILY", f"X-N:{number}") for number in range(8)]
    assert f"more than {IMPORTED_SHIFTS_MAX:,} shifts" in refused(calendar(*daily))
    assert "repeated events" in refused(calendar(*daily * 30))


def test_the_largest_file_that_is_read_is_as_large_as_said() -> None:
    padding = "X-P:" + "x" * 60 + "\r\n"
    whole = calendar(event("SUMMARY:ana", *[padding.strip()] * 100))
    assert len(whole) < IMPORT_BYTES_MAX
    assert len(shifts(whole, PEOPLE, NOW)) == 1


def test_the_same_shift_twice_is_one() -> None:
    assert shifts(calendar(event("SUMMARY:ana"), event("SUMMARY:ana")), PEOPLE, NOW) == (
        Assignment(ANA, NOW + HOUR * 9, NOW + HOUR * 17),
    )


_days = st.lists(st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1, max_size=3, unique=True)
# Each placed in the month, or none: libraries differ in what both at once mean.
_placed = st.lists(
    st.builds(lambda place, day: f"{place}{day}", st.integers(-5, 5).filter(bool), st.sampled_from(["MO", "WE", "SU"])),
    min_size=1,
    max_size=3,
    unique=True,
)
_month_days = st.lists(st.integers(-31, 31).filter(bool), min_size=1, max_size=3, unique=True)


@st.composite
def rules(draw: st.DrawFn) -> str:
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"]))
    parts = [f"FREQ={frequency}", f"INTERVAL={draw(st.integers(1, 5))}"]
    if draw(st.booleans()):
        parts.append(f"COUNT={draw(st.integers(1, 30))}")
    if draw(st.booleans()):
        parts.append(f"BYDAY={','.join(draw(_days | _placed if frequency == 'MONTHLY' else _days))}")
    if frequency != "WEEKLY" and draw(st.booleans()):
        parts.append(f"BYMONTHDAY={','.join(map(str, draw(_month_days)))}")
    if draw(st.booleans()):
        parts.append(f"WKST={draw(st.sampled_from(['MO', 'SU', 'WE']))}")
    return ";".join(parts)


@given(rules(), st.dates(date(2024, 1, 1), date(2027, 12, 31)))
def test_repetitions_fall_on_the_days_that_another_library_finds(rule: str, first: date) -> None:
    last = first + timedelta(days=500)
    expected = []
    for each in rrulestr(rule, dtstart=_midnight(first)):
        if each.date() > last:
            break
        expected.append(each.date())
    assert list(repetition(vRecur.from_ical(rule)).days(first, last)) == expected


def test_a_day_that_is_listed_over_and_over_is_looked_at_once() -> None:
    days, month_days = ",".join(["5SU"] * 50), ",".join(["31"] * 50)
    listed = repetition(vRecur.from_ical(f"FREQ=MONTHLY;BYDAY={days};BYMONTHDAY={month_days}"))
    assert (len(listed.week_days), len(listed.month_days)) == (1, 1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())
