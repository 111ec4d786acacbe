"""Calendars for calendar programs: secret feed addresses, and the import of a rotation (O4).

A feed's address holds a token that opens nothing else. Like every token it is kept as a hash, listed by `tocsin token
list` and revoked by its id; the address is shown once.
"""

import asyncio
import hmac
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, Router, delete, get, post
from litestar.params import FromPath, QueryParameter
from msgspec.structs import replace
from whenever import Instant, TimeDelta

from tocsin.calendars import reading, writing
from tocsin.core import arranging
from tocsin.core.arrangements import Imported
from tocsin.core.ids import PersonId, RotationId
from tocsin.core.limits import FEEDS_PER_PERSON
from tocsin.engine.rota import Calendar
from tocsin.store.port import Token
from tocsin.web.auth import FEED_ROLE, Role, make_feed_token, secret_hash
from tocsin.web.bodies import Body, Name, taken
from tocsin.web.problems import Declined, Fault
from tocsin.web.site import Site, TheCaller, TheSite, says

_BACK: Final = TimeDelta(hours=24 * 35)
_AHEAD: Final = TimeDelta(hours=24 * 366)
_MEDIA_TYPE: Final = "text/calendar"


class FeedBody(Body, frozen=True, kw_only=True):
    """Ask for a secret calendar address."""

    person: Name | None = None
    """Whose; the caller's, if absent."""


class Feed(msgspec.Struct, frozen=True):
    """A secret calendar address. It is shown this once."""

    id: str
    """Of its token, to revoke it by."""
    person: PersonId
    me: str
    """The person's own shifts."""
    all: str
    """Everybody's, and the gaps."""
    rotations: dict[RotationId, str]


class Revoked(msgspec.Struct, frozen=True):
    """How many addresses were revoked."""

    person: PersonId
    revoked: int


class ImportAnswer(msgspec.Struct, frozen=True):
    """What was imported."""

    id: str
    rotation: RotationId
    shifts: int
    starts_at: Instant
    ends_at: Instant


@post("/feeds", status_code=HTTPStatus.CREATED, opt=says(Role.RESPONDER, takes=FeedBody))
async def create_feed(request: Request[Any, Any, Any], site: TheSite, caller: TheCaller) -> Feed:
    """Make a secret calendar address of a person."""
    person = _whose(site, caller, (await taken(request, FeedBody)).person)
    now = site.engine.clock.now()
    if len(await _feeds(site, person)) >= FEEDS_PER_PERSON:
        detail = f"{person} has {FEEDS_PER_PERSON} calendar addresses already"
        remedy = f"Revoke them: tocsin oncall feed {person} --revoke"
        raise Declined(HTTPStatus.CONFLICT, Fault.TOO_MANY, detail, remedy)
    token, key = make_feed_token(person, now)
    await site.tokens.keep(token)
    base = f"{site.links.base_url}/ical/{key}"
    rotations = {rotation: f"{base}/rotations/{rotation}.ics" for rotation in site.rules.rotations}
    return Feed(token.id, person, f"{base}/me.ics", f"{base}/all.ics", rotations)


@delete("/feeds/{person:str}", status_code=HTTPStatus.OK, opt=says(Role.RESPONDER))
async def revoke_feeds(site: TheSite, caller: TheCaller, person: FromPath[str]) -> Revoked:
    """Revoke every secret calendar address of a person."""
    whose = _whose(site, caller, person)
    now = site.engine.clock.now()
    feeds = await _feeds(site, whose)
    for token in feeds:
        await site.tokens.keep(replace(token, revoked_at=now))
    return Revoked(whose, len(feeds))


@post(
    "/imports/{rotation:str}",
    status_code=HTTPStatus.CREATED,
    opt=says(Role.COMMANDER, takes_example="An iCalendar file, as it is.", takes_media_type="text/calendar"),
)
async def import_calendar(
    request: Request[Any, Any, Any],
    site: TheSite,
    caller: TheCaller,
    rotation: FromPath[str],
    source: Annotated[str, QueryParameter(description="What the file is called.")] = "",
) -> ImportAnswer:
    """Put a calendar in the place of a rotation's last imported one. Taken whole or not at all."""
    known = arranging.known_rotation(site.rules, rotation)
    if not known.imports:
        detail = f"the playbook does not let a calendar stand above the people of {known.id}"
        remedy = f'Write "imports: true" at {known.id} in rotations.yaml and reload the playbook.'
        raise Declined(HTTPStatus.CONFLICT, Fault.WRONG_CALENDAR, detail, remedy)
    now = site.engine.clock.now()
    document = await request.body()
    try:
        # In a thread: a large file takes a while to read, and a page must not wait for it.
        shifts = await asyncio.to_thread(reading.shifts, document, site.rules.people, now)
    except reading.NotReadable as error:
        raise Declined(HTTPStatus.UNPROCESSABLE_ENTITY, Fault.WRONG_CALENDAR, error.detail, error.remedy) from error
    key = site.engine.chance.arrangement_id("CAL")
    await site.engine.rota.keep_import(Imported(key, known.id, shifts, caller.author, source[:200], now), now)
    return ImportAnswer(key, known.id, len(shifts), shifts[0].starts_at, max(each.ends_at for each in shifts))


@get("/ical/{key:str}/me.ics", opt=says(None, answers=str, media_type=_MEDIA_TYPE))
async def my_feed(request: Request[Any, Any, Any], site: TheSite, key: FromPath[str]) -> Response[bytes]:
    """Answer the shifts of the address's person as an iCalendar feed."""
    person = await _opened(site, key)
    calendar = await _calendar(site, (), person)
    return await _feed(request, site, f"On call: {site.rules.people[person].name}", replace(calendar, gaps=()))


@get("/ical/{key:str}/all.ics", opt=says(None, answers=str, media_type=_MEDIA_TYPE))
async def whole_feed(request: Request[Any, Any, Any], site: TheSite, key: FromPath[str]) -> Response[bytes]:
    """Answer everybody's shifts, and the gaps, as an iCalendar feed."""
    await _opened(site, key)
    return await _feed(request, site, "On call", await _calendar(site, ()))


@get("/ical/{key:str}/rotations/{file:str}", opt=says(None, answers=str, media_type=_MEDIA_TYPE))
async def rotation_feed(
    request: Request[Any, Any, Any], site: TheSite, key: FromPath[str], file: FromPath[str]
) -> Response[bytes]:
    """Answer the shifts of one rotation, and its gaps, as an iCalendar feed."""
    await _opened(site, key)
    rotation = arranging.known_rotation(site.rules, file.removesuffix(".ics"))
    return await _feed(request, site, f"On call: {rotation.name}", await _calendar(site, (rotation.id,)))


def _whose(site: Site, caller: TheCaller, person: str | None) -> PersonId:
    if person is not None:
        arranging.known_person(site.rules, person)
    actor = caller.actor(person, site.rules)
    if actor.person is None:
        remedy = "Name the person, or use a token made with --person."
        raise Declined(HTTPStatus.UNPROCESSABLE_ENTITY, Fault.MISSING_FIELD, "it is not said whose calendar", remedy)
    return arranging.known_person(site.rules, actor.person)


async def _feeds(site: Site, person: PersonId) -> list[Token]:
    tokens = await site.tokens.listed()
    return [each for each in tokens if each.role == FEED_ROLE and each.person == person and each.revoked_at is None]


async def _opened(site: Site, key: str) -> PersonId:
    """Answer whose address this is. One that does not open says nothing about why."""
    token_id, _, secret = key.partition("_")
    token = await site.tokens.known(token_id)
    fits = hmac.compare_digest(secret_hash(secret), token.secret_hash if token else secret_hash(""))
    in_force = token is not None and token.role == FEED_ROLE and token.revoked_at is None
    if token is None or not fits or not in_force or token.person not in site.rules.people:
        detail, remedy = "this calendar address opens nothing", "Make another one: tocsin oncall feed PERSON"
        raise Declined(HTTPStatus.NOT_FOUND, Fault.LINK_FORGED, detail, remedy)
    return PersonId(token.person)


async def _calendar(site: Site, rotations: tuple[RotationId, ...], person: PersonId | None = None) -> Calendar:
    # Whole days, so that the feed does not change with every second.
    day = site.engine.clock.now().to_tz("UTC").date()
    today = Instant.from_utc(day.year, day.month, day.day)
    since = today - _BACK
    found = await site.engine.rota.calendar(since, today + _AHEAD, rotations, person)
    # A shift that the span cuts would seem to begin another day each day.
    return replace(found, shifts=tuple(shift for shift in found.shifts if shift.starts_at > since))


async def _feed(request: Request[Any, Any, Any], site: Site, name: str, calendar: Calendar) -> Response[bytes]:
    changed_at = await site.engine.rota.changed_at()
    document = writing.feed(name, calendar.shifts, calendar.gaps, calendar.names, changed_at)
    tag = writing.etag(document)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    asked = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if tag in asked or "*" in asked:
        return Response(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(document, media_type=_MEDIA_TYPE, headers=headers)


def routers() -> list[Router]:
    """Answer the routes of this file."""
    return [
        Router("/api/v1/oncall", route_handlers=[create_feed, revoke_feeds, import_calendar]),
        Router("/", route_handlers=[my_feed, whole_feed, rotation_feed]),
    ]
