"""Hand-offs and test pages: listed, shown, and a test page asked for (O3). What is done in one is an act as any other.

A step of a checklist is reported as a milestone, a hand-off is accepted by acknowledging it, a note is a note.
"""

from http import HTTPStatus
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from tocsin.core.commands import Reason, Refused
from tocsin.core.errands import testable
from tocsin.core.ids import IncidentId
from tocsin.core.kinds import Kind
from tocsin.core.limits import ROWS_PER_PAGE
from tocsin.engine.errand_views import HandoffView, TestPageView
from tocsin.store.port import Headline
from tocsin.web.auth import Role, known_person
from tocsin.web.bodies import Body, Name, taken
from tocsin.web.problems import Declined, Fault
from tocsin.web.site import TheCaller, TheSite, says

T = TypeVar("T")

_Everything = Annotated[bool, QueryParameter(description="Those that are over too.")]
_Limit = Annotated[int, QueryParameter(ge=1, le=ROWS_PER_PAGE, description="How many.")]


class Errands(msgspec.Struct, frozen=True):
    """Hand-offs or test pages, newest first."""

    errands: tuple[Headline, ...]


class TestPageBody(Body, frozen=True, kw_only=True):
    """Ask for a test page."""

    __test__ = False  # Not a test of ours, whatever its name begins with.

    person: Name
    """Whom to test; another than the token's own person needs the role commander."""


@get("/handoffs", opt=says(Role.VIEWER))
async def handoffs(site: TheSite, all: _Everything = False, limit: _Limit = 50) -> Errands:
    """List the hand-offs that are not over, newest first."""
    return Errands(await site.engine.store.headlines(open_only=not all, kind=Kind.HANDOFF, limit=limit))


@get("/handoffs/{handoff:str}", opt=says(Role.VIEWER))
async def handoff(site: TheSite, handoff: FromPath[str]) -> HandoffView:
    """Answer from whom to whom, what is done, and the packet."""
    view = await site.errands.handoff(IncidentId(handoff), site.engine.clock.now())
    return _found(view, "hand-off", handoff)


@get("/test-pages", opt=says(Role.VIEWER))
async def drills(site: TheSite, all: _Everything = False, limit: _Limit = 50) -> Errands:
    """List the test pages that wait for an answer, newest first."""
    return Errands(await site.engine.store.headlines(open_only=not all, kind=Kind.DRILL, limit=limit))


@get("/test-pages/{page:str}", opt=says(Role.VIEWER))
async def drill(site: TheSite, page: FromPath[str]) -> TestPageView:
    """Answer what happened by each contact method, and in what time."""
    return _found(await site.errands.test_page(IncidentId(page)), "test page", page)


@post("/test-pages", status_code=HTTPStatus.CREATED, opt=says(Role.RESPONDER, takes=TestPageBody))
async def ask(request: Request[Any, Any, Any], site: TheSite, caller: TheCaller) -> TestPageView:
    """Test the real way to a person, by every contact method; one that is still open is answered again."""
    body = await taken(request, TestPageBody)
    person = known_person(body.person, site.rules)
    if person != caller.token.person and not caller.commands:
        detail, remedy = f"this token may test {caller.token.person or 'nobody'} only", "Use a commander's token."
        raise Declined(HTTPStatus.FORBIDDEN, Fault.FORBIDDEN, detail, remedy, "$.person")
    testable(person, site.rules)
    name = await site.engine.errands.test(person, caller.actor(None, site.rules), site.engine.clock.now())
    site.engine.ring()
    return _found(await site.errands.test_page(name), "test page", name)


def handlers() -> list[HTTPRouteHandler]:
    """Name the routes."""
    return [handoffs, handoff, drills, drill, ask]


def _found(answer: T | None, what: str, name: str) -> T:
    if answer is None:
        raise Refused(Reason.NOT_DECLARED, f'there is no {what} "{name[:80]}"', f"list the {what}s and check the id")
    return answer
