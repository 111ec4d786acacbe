"""Who is on call, now and at any time (O4)."""

from http import HTTPStatus
from typing import Annotated

import msgspec
from litestar import get
from litestar.params import QueryParameter
from whenever import Instant

from tocsin.core.limits import ASKED_AHEAD_MAX
from tocsin.engine.queries import OnCall
from tocsin.web.auth import Role
from tocsin.web.problems import Declined, Fault
from tocsin.web.site import TheSite, says


class Roster(msgspec.Struct, frozen=True):
    """Who is on call in every rotation at an instant."""

    at: Instant
    oncall: tuple[OnCall, ...]


@get("/oncall", opt=says(Role.VIEWER))
async def oncall(
    site: TheSite,
    at: Annotated[str | None, QueryParameter(description="An instant, ISO 8601; now if absent.")] = None,
) -> Roster:
    """Answer who is on call in every rotation at an instant."""
    now = site.engine.clock.now()
    instant = _instant(at, now) if at else now
    return Roster(instant, site.queries.on_call(instant))


def _instant(text: str, now: Instant) -> Instant:
    remedy = "Write it like 2026-11-24T03:00:00Z."
    try:
        # A plus sign of an offset that was not escaped comes in as a space.
        at = Instant.parse_iso(text.replace(" ", "+"))
    except ValueError:
        detail = f'"{text[:80]}" is no instant'
        raise Declined(HTTPStatus.BAD_REQUEST, Fault.WRONG_TIME, detail, remedy, "at") from None
    if abs(at - now) > ASKED_AHEAD_MAX:
        detail = "the calendars are asked for ten years ahead or back at most"
        raise Declined(HTTPStatus.UNPROCESSABLE_ENTITY, Fault.WRONG_TIME, detail, remedy, "at")
    return at
