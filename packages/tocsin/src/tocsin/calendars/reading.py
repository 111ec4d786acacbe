"""Read an iCalendar file as the shifts of a rotation: whose, from when to when, with its repetitions laid out.

An event is somebody's by its attendee's address or name, or by its summary: an id, name or address of the playbook.
Whatever is wrong is said with the event it stands in, all of it at once, and nothing of the file is taken then.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from whenever import Instant

from tocsin.calendars.repeating import repetition
from tocsin.core.arrangements import Assignment
from tocsin.core.ids import PersonId
from tocsin.core.limits import (
    IMPORT_BYTES_MAX,
    IMPORTED_AHEAD_MAX,
    IMPORTED_BACK_MAX,
    IMPORTED_REPETITIONS_MAX,
    IMPORTED_SHIFTS_MAX,
)
from tocsin.core.rules import MethodKind, Person

_MISTAKES_MAX: Final = 10
_DAYS_REPEATED_MAX: Final = 366 * 13
_YEARS: Final = range(1970, 2200)

_Elsewhere = dict[str, list[date]]


class NotReadable(Exception):
    """The file cannot become shifts: what is wrong with it, and what to do."""

    def __init__(self, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy


def shifts(document: bytes, people: Mapping[PersonId, Person], now: Instant) -> tuple[Assignment, ...]:
    """Answer the shifts of a calendar, in order. Raises `NotReadable`."""
    known = _names(people)
    found: list[Assignment] = []
    mistakes: list[str] = []
    events = _events(document)
    elsewhere = _elsewhere(events)
    for number, event in enumerate(events, start=1):
        if _is_cancelled(event):
            continue
        try:
            _take(found, event, _person(event, known), elsewhere, now)
        except (ValueError, OverflowError, TypeError, KeyError) as error:
            mistakes.append(f"event {number} ({_summary(event)[:60]}): {error}")
    if mistakes:
        more = f"; and {len(mistakes) - _MISTAKES_MAX} more" if len(mistakes) > _MISTAKES_MAX else ""
        said = "; ".join(mistakes[:_MISTAKES_MAX]) + more
        raise NotReadable(said, "Correct them in the calendar and export it again.")
    if not found:
        raise NotReadable("the calendar holds no shift from now on", "Export the calendar that has the coming shifts.")
    return tuple(sorted(set(found), key=lambda shift: (shift.starts_at, shift.ends_at, shift.person)))


def _take(found: list[Assignment], event: Any, person: PersonId, elsewhere: _Elsewhere, now: Instant) -> None:
    for shift in _laid_out(event, person, elsewhere, now):
        found.append(shift)
        if len(found) > IMPORTED_SHIFTS_MAX:
            detail = f"the calendar has more than {IMPORTED_SHIFTS_MAX:,} shifts"
            raise NotReadable(detail, "Give its repetitions an end, or import a part of it.")


def _events(document: bytes) -> list[Any]:
    from icalendar import Calendar  # noqa: PLC0415 - a server that imports nothing must not pay for it.

    if len(document) > IMPORT_BYTES_MAX:
        detail = f"the calendar has {len(document):,} bytes; at most {IMPORT_BYTES_MAX:,} are read"
        raise NotReadable(detail, "Export only the coming year, or only the calendar of this rotation.")
    remedy = "Give a file that a calendar program exported: it begins with BEGIN:VCALENDAR."
    if b"BEGIN:VCALENDAR" not in document[:1024].upper():
        raise NotReadable("this is no iCalendar file", remedy)
    try:
        calendar = Calendar.from_ical(document)
    except Exception as error:  # What a broken file makes of the library is not ours to list.
        raise NotReadable(f"this is no iCalendar file: {str(error)[:200]}", remedy) from error
    events: list[Any] = calendar.walk("VEVENT")
    if sum("RRULE" in event for event in events) > IMPORTED_REPETITIONS_MAX:
        detail = f"the calendar has more than {IMPORTED_REPETITIONS_MAX} repeated events"
        raise NotReadable(detail, "Import the calendar of one rotation at a time.")
    return events


def _is_cancelled(event: Any) -> bool:
    return str(event.get("STATUS", "")).upper() == "CANCELLED"


def _elsewhere(events: list[Any]) -> _Elsewhere:
    """Answer by event which of its repetitions stand in the file by themselves: moved, given to somebody, cancelled."""
    found: _Elsewhere = {}
    for event in events:
        for moved in _dates(event.get("RECURRENCE-ID")):
            found.setdefault(str(event.get("UID", "")), []).append(moved.dt)
    return found


def _names(people: Mapping[PersonId, Person]) -> dict[str, PersonId]:
    """Answer by what a person may be named, small letters throughout."""
    known: dict[str, PersonId] = {}
    for person in people.values():
        addresses = (method.address for method in person.methods if method.kind is MethodKind.EMAIL)
        for name in (person.id, person.name, *addresses):
            known[name.strip().lower()] = person.id
    return known


def _person(event: Any, known: Mapping[str, PersonId]) -> PersonId:
    said = list(_said(event))
    for name in said:
        person = known.get(name.strip().lower())
        if person is not None:
            return person
    named = ", ".join(dict.fromkeys(name for name in said if name)) or "nobody"
    raise ValueError(f"nobody in the playbook is {named}; write an id, a name or an e-mail address of people.yaml")


def _said(event: Any) -> Iterator[str]:
    attendees = event.get("ATTENDEE", [])
    for attendee in attendees if isinstance(attendees, list) else [attendees]:
        address = str(attendee)
        yield address[7:] if address.lower().startswith("mailto:") else address
        yield str(getattr(attendee, "params", {}).get("CN", ""))
    yield _summary(event)


def _summary(event: Any) -> str:
    return str(event.get("SUMMARY", ""))


def _laid_out(event: Any, person: PersonId, elsewhere: _Elsewhere, now: Instant) -> Iterator[Assignment]:
    """Answer every time at which an event is, as far as it is of interest."""
    if "DTSTART" not in event:
        raise ValueError("it has no DTSTART")
    _understood(event)
    start = event.decoded("DTSTART")
    if start.year not in _YEARS:
        raise ValueError(f"it begins in the year {start.year}")
    lasts = _length(event, start)
    left_out = {_moment(each.dt, start) for each in _dates(event.get("EXDATE"))}
    if "RECURRENCE-ID" not in event:
        left_out |= {_moment(at, start) for at in elsewhere.get(str(event.get("UID", "")), ())}
    since, until = now - IMPORTED_BACK_MAX, now + IMPORTED_AHEAD_MAX
    for begins in _beginnings(event, start, until):
        if _moment(begins, start) in left_out:
            continue
        starts_at, ends_at = _instant(begins), _instant(_plus(begins, lasts))
        if ends_at > since and starts_at < until and starts_at < ends_at:
            yield Assignment(person, starts_at, ends_at)


def _beginnings(event: Any, start: date, until: Instant) -> Iterator[date]:
    """Answer the beginnings on the wall clock of the event's zone, which is what is repeated."""
    rule = event.get("RRULE")
    if rule is None:
        yield start
    elif isinstance(rule, list):
        raise ValueError("it has several RRULEs; one is understood")
    else:
        ends = rule.get("UNTIL", [None])[0]
        last = datetime.fromtimestamp(until.timestamp(), tz=UTC).date()
        if ends is not None:
            last = min(last, (ends.date() if isinstance(ends, datetime) else ends) + timedelta(days=1))
        first = start.date() if isinstance(start, datetime) else start
        if (last - first).days > _DAYS_REPEATED_MAX:
            raise ValueError("it is repeated since more than ten years ago; let it begin later")
        for day in repetition(rule).days(first, last):
            begins = datetime.combine(day, start.timetz()) if isinstance(start, datetime) else day
            if ends is None or _moment(begins, start) <= _moment(ends, start):
                yield begins
    yield from (each.dt for each in _dates(event.get("RDATE")))


def _understood(event: Any) -> None:
    """Refuse what would put a shift at another time than the calendar shows it. Raises ValueError."""
    moved = event.get("RECURRENCE-ID")
    if moved is not None and "RANGE" in moved.params:
        raise ValueError("RECURRENCE-ID with a RANGE is not understood; end the repetition and begin another")
    for name in ("DTSTART", "DTEND", "EXDATE", "RDATE", "RECURRENCE-ID"):
        for one in _lists(event.get(name)):
            zone = one.params.get("TZID")
            if zone and any(isinstance(each.dt, datetime) and each.dt.tzinfo is None for each in _dates(one)):
                raise ValueError(f"the time zone {str(zone)[:60]} of {name} is not known")


def _dates(given: Any) -> list[Any]:
    return [each for one in _lists(given) for each in getattr(one, "dts", (one,))]


def _lists(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given] if given is not None else []


def _length(event: Any, start: date) -> timedelta:
    if "DTEND" in event:
        lasts: timedelta = _wall(event.decoded("DTEND"), start) - _wall(start, start)
    elif "DURATION" in event:
        lasts = event.decoded("DURATION")
    else:
        lasts = timedelta(0) if isinstance(start, datetime) else timedelta(days=1)
    if lasts <= timedelta(0):
        raise ValueError("it ends before it begins")
    return lasts


def _wall(at: date, start: date) -> datetime:
    """Answer a time on the wall clock of the event's beginning, so that nine to five is nine to five all year."""
    if not isinstance(at, datetime):
        return datetime.combine(at, time())
    if at.tzinfo is not None and isinstance(start, datetime) and start.tzinfo is not None:
        return at.astimezone(start.tzinfo).replace(tzinfo=None)
    return at.replace(tzinfo=None)


def _plus(begins: date, lasts: timedelta) -> date:
    return begins + lasts if isinstance(begins, datetime) else datetime.combine(begins, time()) + lasts


def _moment(at: date, start: date) -> float:
    """Answer what can be compared: a day counts from its midnight, in UTC or as the event has it."""
    if isinstance(at, datetime):
        zone = at.tzinfo or (start.tzinfo if isinstance(start, datetime) else None) or UTC
        return at.replace(tzinfo=zone).timestamp()
    clock = start.timetz() if isinstance(start, datetime) else time(tzinfo=UTC)
    whole = datetime.combine(at, clock)
    return whole.replace(tzinfo=whole.tzinfo or UTC).timestamp()


def _instant(at: date) -> Instant:
    whole = at if isinstance(at, datetime) else datetime.combine(at, time())
    return Instant.from_timestamp(whole.replace(tzinfo=whole.tzinfo or UTC).timestamp())
