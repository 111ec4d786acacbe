"""Overrides, swaps and absences (O4): a responder arranges their own shifts, a commander anybody's."""

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, get, post
from litestar.params import FromPath, QueryParameter
from whenever import Instant

from tocsin.core.arrangements import Arrangement, Away, Override, Swap
from tocsin.core.arranging import Found, Wish
from tocsin.core.commands import Reason, Refused
from tocsin.engine.rota import Kept
from tocsin.web.auth import Role
from tocsin.web.bodies import Body, Name, Text, taken
from tocsin.web.site import TheCaller, TheSite, says

All = Annotated[bool, QueryParameter(description="Those that are over or were withdrawn, too.")]


class Overrides(msgspec.Struct, frozen=True):
    """Overrides, in order of arrival."""

    overrides: tuple[Override, ...]


class Swaps(msgspec.Struct, frozen=True):
    """Swaps, in order of arrival."""

    swaps: tuple[Swap, ...]


class Absences(msgspec.Struct, frozen=True):
    """Absences, in order of arrival."""

    away: tuple[Away, ...]


class StretchBody(Body, frozen=True, kw_only=True):
    """A time in a rotation. Without a beginning it begins now."""

    rotation: Name
    starts_at: Instant | None = None
    ends_at: Instant

    @property
    def wish(self) -> Wish:
        """Answer it as the rota takes it."""
        return Wish(self.rotation, self.starts_at, self.ends_at)


class OverrideBody(StretchBody, frozen=True, kw_only=True):
    """Let somebody stand in for a rotation."""

    person: Name
    instead_of: Name | None = None
    """Whose place, where several are on call at once."""
    reason: Text = ""
    by: Name | None = None


class SwapBody(StretchBody, frozen=True, kw_only=True):
    """Ask somebody to take a shift of yours, perhaps against one of theirs."""

    other: Name
    takes: StretchBody | None = None
    asked_by: Name | None = None
    """Whose shift it is; the caller's, if absent."""
    reason: Text = ""


class AwayBody(Body, frozen=True, kw_only=True):
    """Be away: whoever is next in each rotation stands in."""

    person: Name | None = None
    """The caller, if absent."""
    starts_at: Instant | None = None
    ends_at: Instant
    reason: Text = ""


class ActBody(Body, frozen=True, kw_only=True):
    """An answer, perhaps in the name of somebody else."""

    by: Name | None = None


@get("/", opt=says(Role.VIEWER))
async def overrides(site: TheSite, all: All = False) -> Overrides:
    """List overrides that are not over."""
    return Overrides(tuple(each for each in await _listed(site, all) if isinstance(each, Override)))


@post("/", status_code=HTTPStatus.CREATED, opt=says(Role.RESPONDER, takes=OverrideBody))
async def override(request: Request[Any, Any, Any], site: TheSite, caller: TheCaller) -> Kept:
    """Let somebody stand in; answers what is wrong with the calendar since then, too."""
    body = await taken(request, OverrideBody)
    by = caller.actor(body.by, site.rules)
    now = site.engine.clock.now()
    return await site.engine.rota.add_override(
        by, caller.author, now, body.wish, body.person, body.instead_of, body.reason.strip()
    )


@delete("/{key:str}", status_code=HTTPStatus.OK, opt=says(Role.RESPONDER))
async def remove_override(site: TheSite, caller: TheCaller, key: FromPath[str]) -> Kept:
    """Withdraw an override; of an accepted swap both sides. One that is over stays as it is."""
    return await _withdrawn(site, caller, key, Override)


@get("/", opt=says(Role.VIEWER))
async def swaps(site: TheSite, all: All = False) -> Swaps:
    """List swaps that are not over."""
    return Swaps(tuple(each for each in await _listed(site, all) if isinstance(each, Swap)))


@post("/", status_code=HTTPStatus.CREATED, opt=says(Role.RESPONDER, takes=SwapBody))
async def ask_swap(request: Request[Any, Any, Any], site: TheSite, caller: TheCaller) -> Kept:
    """Ask for a swap; nothing changes before the other has accepted it."""
    body = await taken(request, SwapBody)
    by, now = caller.actor(None, site.rules), site.engine.clock.now()
    takes = body.takes.wish if body.takes else None
    return await site.engine.rota.ask_swap(
        by, caller.author, now, body.wish, body.other, takes, body.asked_by, body.reason.strip()
    )


@post("/{key:str}/accept", status_code=HTTPStatus.OK, opt=says(Role.RESPONDER, takes=ActBody))
async def accept_swap(request: Request[Any, Any, Any], site: TheSite, caller: TheCaller, key: FromPath[str]) -> Kept:
    """Accept a swap: from now on it is in force. Accepted before, it stays as it is."""
    by = caller.actor((await taken(request, ActBody)).by, site.rules)
    return await site.engine.rota.answer_swap(by, caller.author, site.engine.clock.now(), key, accepts=True)


@post("/{key:str}/decline", status_code=HTTPStatus.OK, opt=says(Role.RESPONDER, takes=ActBody))
async def decline_swap(request: Request[Any, Any, Any], site: TheSite, caller: TheCaller, key: FromPath[str]) -> Kept:
    """Decline a swap. Declined before, it stays as it is."""
    by = caller.actor((await taken(request, ActBody)).by, site.rules)
    return await site.engine.rota.answer_swap(by, caller.author, site.engine.clock.now(), key, accepts=False)


@delete("/{key:str}", status_code=HTTPStatus.OK, opt=says(Role.RESPONDER))
async def remove_swap(site: TheSite, caller: TheCaller, key: FromPath[str]) -> Kept:
    """Withdraw a swap, and what it became if it was accepted."""
    return await _withdrawn(site, caller, key, Swap)


@get("/", opt=says(Role.VIEWER))
async def absences(site: TheSite, all: All = False) -> Absences:
    """List absences that are not over."""
    return Absences(tuple(each for each in await _listed(site, all) if isinstance(each, Away)))


@post("/", status_code=HTTPStatus.CREATED, opt=says(Role.RESPONDER, takes=AwayBody))
async def absence(request: Request[Any, Any, Any], site: TheSite, caller: TheCaller) -> Kept:
    """Be away; answers what is wrong with the calendar since then, too."""
    body = await taken(request, AwayBody)
    by, now = caller.actor(None, site.rules), site.engine.clock.now()
    person = body.person or by.person
    if person is None:
        remedy = "Give `person`, or use a token made with --person."
        raise Refused(Reason.PERSON_MISSING, "it is not said who is away", remedy)
    wish = Wish("", body.starts_at, body.ends_at)
    return await site.engine.rota.add_absence(by, caller.author, now, person, wish, body.reason.strip())


@delete("/{key:str}", status_code=HTTPStatus.OK, opt=says(Role.RESPONDER))
async def remove_absence(site: TheSite, caller: TheCaller, key: FromPath[str]) -> Kept:
    """Withdraw an absence: the person is back."""
    return await _withdrawn(site, caller, key, Away)


async def _listed(site: TheSite, everything: bool) -> tuple[Arrangement, ...]:
    return await site.engine.rota.arrangements(None if everything else site.engine.clock.now())


async def _withdrawn(site: TheSite, caller: TheCaller, key: str, kind: type[Found]) -> Kept:
    by = caller.actor(None, site.rules)
    return await site.engine.rota.withdraw(by, caller.author, site.engine.clock.now(), key, kind)


def routers() -> list[Router]:
    """Answer the routes of this file."""
    return [
        Router("/api/v1/overrides", route_handlers=[overrides, override, remove_override]),
        Router("/api/v1/swaps", route_handlers=[swaps, ask_swap, accept_swap, decline_swap, remove_swap]),
        Router("/api/v1/away", route_handlers=[absences, absence, remove_absence]),
    ]
