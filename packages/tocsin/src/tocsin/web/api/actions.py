"""What could be done about an incident, and that it be done: suggestions, proposals, approvals (M3, M4).

Whoever proposes may name somebody else; an approval is personal. It is given in the name of the token's own person, so
that nobody who may act for others can sign for two.
"""

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Meta

from tocsin.core.commands import (
    ApproveMitigation,
    CancelMitigation,
    DelegateApproval,
    Reason,
    Refused,
    RejectMitigation,
)
from tocsin.core.ids import IncidentId, PersonId, RunId
from tocsin.core.suggestions import Suggestion
from tocsin.engine.mitigations import Rehearsal, Values
from tocsin.engine.queries import View
from tocsin.engine.run_views import RunView
from tocsin.web.api.acts import Done, done
from tocsin.web.api.incidents import found, shown
from tocsin.web.auth import Role
from tocsin.web.bodies import Body, Name, Text, taken
from tocsin.web.site import TheCaller, TheSite, says

_VALUES_MAX = 32
_RUN = "/{incident:str}/mitigations/{run:str}"


class Offered(msgspec.Struct, frozen=True):
    """What could be done now, the likeliest to help first; what only reads comes last."""

    actions: tuple[Suggestion, ...]


class Proposed(msgspec.Struct, frozen=True):
    """What was asked for, or what the dry run says."""

    incident: View
    run: RunView | None
    """None after a dry run."""
    rehearsal: Rehearsal | None


class ProposeBody(Body, frozen=True, kw_only=True):
    """Ask for an action of the incident's playbook."""

    action: Name
    values: Annotated[Values, Meta(max_length=_VALUES_MAX)] = msgspec.field(default_factory=dict)
    """Parameter to value; what is left out takes the playbook's default."""
    dry_run: bool = False
    """Only look: nothing is asked for."""
    by: Name | None = None
    """Who asks, if not the token's person; needs the role commander."""


class ApproveBody(Body, frozen=True, kw_only=True):
    """Sign what was shown."""

    digest: Name
    """The digest of what was shown: if that is not what would run now, nothing is approved."""


class ReasonBody(Body, frozen=True, kw_only=True):
    """Say no, or take back."""

    reason: Text = ""


class DelegateBody(Body, frozen=True, kw_only=True):
    """Name who approves in the commander's stead; null takes it back."""

    person: Name | None


@get("/{incident:str}/actions", opt=says(Role.VIEWER))
async def actions(site: TheSite, incident: FromPath[str]) -> Offered:
    """Answer what could be done: what fits the failure that is seen and helped before comes first (M3)."""
    return Offered(found(await site.engine.mitigations.suggested(IncidentId(incident)), incident))


@post("/{incident:str}/mitigations", status_code=HTTPStatus.OK, opt=says(Role.RESPONDER, takes=ProposeBody))
async def propose(
    request: Request[Any, Any, Any], site: TheSite, caller: TheCaller, incident: FromPath[str]
) -> Proposed:
    """Ask for an action of the playbook; it runs when it has been approved (M4)."""
    body = await taken(request, ProposeBody)
    key, by = IncidentId(incident), caller.actor(body.by, site.rules)
    if body.dry_run:
        rehearsal = await site.engine.mitigations.rehearse(key, body.action, body.values)
        return Proposed(await shown(site, key), None, rehearsal)
    run = await site.engine.propose(key, body.action, body.values, by)
    view = await shown(site, key)
    return Proposed(view, next((each for each in view.runs if each.id == run), None), None)


@get(_RUN, opt=says(Role.VIEWER))
async def show(site: TheSite, incident: FromPath[str], run: FromPath[str]) -> RunView:
    """Answer exactly what would run, who may approve it, and what became of it."""
    view = await shown(site, IncidentId(incident))
    known = next((each for each in view.runs if each.id == run), None)
    if known is None:
        remedy = "choose one of " + (", ".join(each.id for each in view.runs) or "none: nothing was asked for yet")
        raise Refused(Reason.UNKNOWN_RUN, f'{view.id} has no run "{run[:40]}"', remedy)
    return known


@post(
    "/{incident:str}/mitigations/{run:str}/approve",
    status_code=HTTPStatus.OK,
    opt=says(Role.RESPONDER, takes=ApproveBody),
)
async def approve(
    request: Request[Any, Any, Any], site: TheSite, caller: TheCaller, incident: FromPath[str], run: FromPath[str]
) -> Done:
    """Approve what was shown, as the token's own person: the Incident Commander or their delegate (M4)."""
    body = await taken(request, ApproveBody)
    by = caller.actor(None, site.rules)
    return await done(site, IncidentId(incident), ApproveMitigation(by=by, run=RunId(run), digest=body.digest))


@post(
    "/{incident:str}/mitigations/{run:str}/reject",
    status_code=HTTPStatus.OK,
    opt=says(Role.RESPONDER, takes=ReasonBody),
)
async def reject(
    request: Request[Any, Any, Any], site: TheSite, caller: TheCaller, incident: FromPath[str], run: FromPath[str]
) -> Done:
    """Say no, as somebody who might say yes (M4)."""
    body = await taken(request, ReasonBody)
    by = caller.actor(None, site.rules)
    return await done(site, IncidentId(incident), RejectMitigation(by=by, run=RunId(run), reason=body.reason))


@post(
    "/{incident:str}/mitigations/{run:str}/cancel",
    status_code=HTTPStatus.OK,
    opt=says(Role.RESPONDER, takes=ReasonBody),
)
async def cancel(
    request: Request[Any, Any, Any], site: TheSite, caller: TheCaller, incident: FromPath[str], run: FromPath[str]
) -> Done:
    """Take back what has not begun: whoever asked for it, or whoever commands."""
    body = await taken(request, ReasonBody)
    by = caller.actor(None, site.rules)
    return await done(site, IncidentId(incident), CancelMitigation(by=by, run=RunId(run), reason=body.reason))


@post("/{incident:str}/delegate", status_code=HTTPStatus.OK, opt=says(Role.RESPONDER, takes=DelegateBody))
async def delegate(request: Request[Any, Any, Any], site: TheSite, caller: TheCaller, incident: FromPath[str]) -> Done:
    """Name who approves in the commander's stead, as the commander; null takes it back (M4)."""
    body = await taken(request, DelegateBody)
    person = PersonId(body.person) if body.person is not None else None
    by = caller.actor(None, site.rules)
    return await done(site, IncidentId(incident), DelegateApproval(by=by, person=person))


def handlers() -> list[HTTPRouteHandler]:
    """Answer the routes."""
    return [actions, propose, show, approve, reject, cancel, delegate]
