"""Contact methods: confirmed by a code that is sent the real way, and who can be paged now."""

from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from whenever import Instant

from tocsin.core.contact import MethodKind
from tocsin.core.ids import ChannelName, PersonId
from tocsin.core.limits import CODE_LIVES_FOR
from tocsin.core.readiness import Readiness
from tocsin.core.verification import Verification
from tocsin.web.auth import Caller, Role, known_person
from tocsin.web.bodies import Body, Name, taken
from tocsin.web.problems import Declined, Fault
from tocsin.web.site import Site, TheCaller, TheSite, says


class Who(msgspec.Struct, frozen=True):
    """Who can be paged now, by two independent routes."""

    people: tuple[Readiness, ...]


class Method(msgspec.Struct, frozen=True):
    """A contact method that is being confirmed, or was."""

    person: PersonId
    kind: MethodKind
    channel: ChannelName
    address: str
    code_until: Instant | None
    """Until when a code that was sent counts."""
    verified_at: Instant | None


class VerifyBody(Body, frozen=True, kw_only=True):
    """Ask for a code."""

    person: Name | None = None
    """Whose method it is, if not the token's person's; needs the role commander."""
    method: Name
    """Its kind (``phone``), or ``kind:address`` where there are several."""


class ConfirmBody(Body, frozen=True, kw_only=True):
    """Say the code that arrived."""

    person: Name | None = None
    code: Name


@get("/readiness", opt=says(Role.VIEWER))
async def ready(site: TheSite) -> Who:
    """Answer who can be paged now, by which routes, and what is wrong with the others."""
    return Who(await site.engine.contacts.readiness(site.engine.clock.now()))


@post("/contacts/verify", status_code=HTTPStatus.ACCEPTED, opt=says(Role.RESPONDER, takes=VerifyBody))
async def verify(request: Request[Any, Any, Any], site: TheSite, caller: TheCaller) -> Method:
    """Send a code to a contact method by the real way."""
    body = await taken(request, VerifyBody)
    made = await site.engine.contacts.verify(_person(body.person, caller, site), body.method, site.engine.clock.now())
    site.engine.ring("dispatcher")
    return _shown(made)


@post("/contacts/confirm", status_code=HTTPStatus.OK, opt=says(Role.RESPONDER, takes=ConfirmBody))
async def confirm(request: Request[Any, Any, Any], site: TheSite, caller: TheCaller) -> Method:
    """Confirm the contact method that a code was sent to."""
    body = await taken(request, ConfirmBody)
    person = _person(body.person, caller, site)
    return _shown(await site.engine.contacts.confirm(person, body.code, site.engine.clock.now()))


def handlers() -> list[HTTPRouteHandler]:
    """Name the routes."""
    return [ready, verify, confirm]


def _person(named: str | None, caller: Caller, site: Site) -> PersonId:
    """Answer whose contact methods are meant. Raises `Declined` or `Refused`."""
    own = caller.token.person
    if named is None and not own:
        detail = "nobody is named whose contact method it is"
        remedy = "Name a person (--person PERSON), or use a token made for one."
        raise Declined(HTTPStatus.UNPROCESSABLE_ENTITY, Fault.MISSING_FIELD, detail, remedy, "$.person")
    person = known_person(named or own, site.rules)
    if person != own and not caller.commands:
        detail, remedy = f"this token speaks for {own or 'nobody'}, not for {person}", "Use a commander's token."
        raise Declined(HTTPStatus.FORBIDDEN, Fault.FORBIDDEN, detail, remedy, "$.person")
    return person


def _shown(each: Verification) -> Method:
    until = None if each.verified_at else each.asked_at + CODE_LIVES_FOR
    return Method(each.person, each.kind, each.channel, each.address, until, each.verified_at)
