"""Who was, is and will be on call, what is wrong with that, and what it asks of people (O1, O2, O4)."""

from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from litestar import get
from litestar.params import QueryParameter
from whenever import Instant, TimeDelta

from tocsin.core import arranging
from tocsin.core.foresight import Finding
from tocsin.core.ids import PersonId
from tocsin.core.limits import ASKED_AHEAD_MAX, CALENDAR_SPAN_MAX
from tocsin.engine.rota import Calendar, Load, Roster
from tocsin.web.auth import Role
from tocsin.web.problems import Declined, Fault
from tocsin.web.site import TheSite, says

_EIGHT_WEEKS = TimeDelta(hours=24 * 7 * 8)
_LOOKED_AHEAD = TimeDelta(hours=24 * 7)
"""How far findings are looked for where neither the caller nor the playbook says."""


class Findings(msgspec.Struct, frozen=True):
    """What is wrong with the calendar between two instants."""

    since: Instant
    until: Instant
    findings: tuple[Finding, ...]


@get("/oncall", opt=says(Role.VIEWER))
async def oncall(
    site: TheSite,
    at: Annotated[str | None, QueryParameter(description="An instant, ISO 8601; now if absent.")] = None,
) -> Roster:
    """Answer who is on call in every rotation at an instant; of the past, who was by the playbook in force then."""
    now = site.engine.clock.now()
    return await site.engine.rota.roster(_instant(at, now, "at") if at else now)


@get("/oncall/calendar", opt=says(Role.VIEWER))
async def calendar(
    site: TheSite,
    since: Annotated[str | None, QueryParameter(description="An instant, ISO 8601; now if absent.")] = None,
    until: Annotated[str | None, QueryParameter(description="An instant; eight weeks later if absent.")] = None,
    rotation: Annotated[str | None, QueryParameter(description="Only this rotation.")] = None,
    person: Annotated[str | None, QueryParameter(description="Only this person's shifts.")] = None,
) -> Calendar:
    """Answer who is on call when between two instants, in the past as it was, and where somebody is missing."""
    begins_at, ends_at = _span(site, since, until, _EIGHT_WEEKS)
    only = (arranging.known_rotation(site.rules, rotation).id,) if rotation else ()
    return await site.engine.rota.calendar(begins_at, ends_at, only, PersonId(person) if person else None)


@get("/oncall/findings", opt=says(Role.VIEWER))
async def findings(
    site: TheSite,
    until: Annotated[str | None, QueryParameter(description="How far to look; else as the playbook says.")] = None,
) -> Findings:
    """Answer hours without anybody, people in two places at once and people without a contact method."""
    looks = site.rules.ahead.looks if site.rules.ahead else _LOOKED_AHEAD
    now, ends_at = _span(site, None, until, looks)
    return Findings(now, ends_at, await site.engine.rota.ahead(now, ends_at))


@get("/oncall/load", opt=says(Role.VIEWER))
async def load(
    site: TheSite,
    weeks: Annotated[int, QueryParameter(ge=1, le=53, description="How many weeks back.")] = 4,
) -> Load:
    """Answer how often everybody was paged, by week, at night and by rotation, and whose load is too much."""
    return await site.engine.rota.load(site.engine.clock.now(), weeks)


def _span(site: TheSite, since: str | None, until: str | None, length: TimeDelta) -> tuple[Instant, Instant]:
    now = site.engine.clock.now()
    begins_at = _instant(since, now, "since") if since else now
    ends_at = _instant(until, now, "until") if until else begins_at + length
    if ends_at <= begins_at:
        raise _wrong("it ends before it begins", "Give an end after the beginning.", "until")
    if ends_at - begins_at > CALENDAR_SPAN_MAX:
        days = int(CALENDAR_SPAN_MAX.total("hours")) // 24
        raise _wrong(f"more than {days} days are asked for at once", "Ask in parts.", "until")
    return begins_at, ends_at


def _wrong(detail: str, remedy: str, place: str) -> Declined:
    return Declined(HTTPStatus.UNPROCESSABLE_ENTITY, Fault.WRONG_TIME, detail, remedy, place)


def _instant(text: str, now: Instant, place: str) -> Instant:
    remedy = "Write it like 2026-11-24T03:00:00Z."
    try:
        # A plus sign of an offset that was not escaped comes in as a space.
        at = Instant.parse_iso(text.replace(" ", "+"))
    except ValueError:
        detail = f'"{text[:80]}" is no instant'
        raise Declined(HTTPStatus.BAD_REQUEST, Fault.WRONG_TIME, detail, remedy, place) from None
    if abs(at - now) > ASKED_AHEAD_MAX:
        raise _wrong("the calendars are asked for ten years ahead or back at most", remedy, place)
    return at


HANDLERS: Final = (oncall, calendar, findings, load)
"""The routes of this file."""
