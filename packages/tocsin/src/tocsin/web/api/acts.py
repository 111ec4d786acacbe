"""What responders do in an incident: one POST for each command, made from one table.

A body knows the command it asks for. An act that asks for what is already so answers with no events: a request that is
sent twice does no harm.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Meta

from tocsin.core import commands as c
from tocsin.core.events import Actor, AnyEvent
from tocsin.core.ids import AudienceId, ComponentId, DiagnosticId, IncidentId, PersonId, RoleName, Severity
from tocsin.core.limits import EVENTS_PER_PAGE
from tocsin.core.stages import Stage
from tocsin.engine.queries import Line, View
from tocsin.web.api.incidents import shown
from tocsin.web.auth import Role
from tocsin.web.bodies import Body, Name, Text, taken
from tocsin.web.site import Site, TheCaller, TheSite, says

_TAIL: Final = 100
"""Events that others may have written between the act and the look at the timeline."""


class Done(msgspec.Struct, frozen=True):
    """What followed from an act, and how the incident stands then. No events: it was so already."""

    events: tuple[Line, ...]
    incident: View


class ActBody(Body, frozen=True, kw_only=True):
    """What all acts share."""

    by: Name | None = None
    """Who does it, if not the token's person; needs the role commander."""

    def command(self, by: Actor) -> c.AnyCommand:
        """Answer the command that this asks for."""
        raise NotImplementedError


class AcknowledgeBody(ActBody, frozen=True, kw_only=True):
    """Answer a page, or take an incident on without one."""

    def command(self, by: Actor) -> c.AnyCommand:
        """Answer the command that this asks for."""
        return c.Acknowledge(by=by)


class DeclineBody(ActBody, frozen=True, kw_only=True):
    """Say "I cannot": whoever is next is asked at once (E4)."""

    reason: Text = ""

    def command(self, by: Actor) -> c.AnyCommand:
        """Answer the command that this asks for."""
        return c.Decline(by=by, reason=self.reason)


class RelieveBody(ActBody, frozen=True, kw_only=True):
    """Let a responder go; somebody carries on, or is asked to and the one before stays until then (R4)."""

    person: Name | None = None
    """Who is let go, if not whoever asks."""
    successor: Name | None = None
    """Who carries on, if not whoever is at work already."""
    reason: Text = ""
    asks_ladder: bool = False
    """If nobody carries on, let the ladder ask again."""

    def command(self, by: Actor) -> c.AnyCommand:
        """Answer the command that this asks for."""
        return c.Relieve(
            by=by,
            person=PersonId(self.person) if self.person else None,
            successor=PersonId(self.successor) if self.successor else None,
            reason=self.reason,
            asks_ladder=self.asks_ladder,
        )


class SeverityBody(ActBody, frozen=True, kw_only=True):
    """Raise or lower the severity; lowering needs a reason (C5)."""

    severity: Name
    reason: Text = ""

    def command(self, by: Actor) -> c.AnyCommand:
        """Answer the command that this asks for."""
        return c.SetSeverity(by=by, severity=Severity(self.severity), reason=self.reason)


class StageBody(ActBody, frozen=True, kw_only=True):
    """Move to another stage (K2)."""

    stage: Stage

    def command(self, by: Actor) -> c.AnyCommand:
        """Answer the command that this asks for."""
        return c.SetStage(by=by, stage=self.stage)


class NoteBody(ActBody, frozen=True, kw_only=True):
    """Write something into the timeline."""

    text: str

    def command(self, by: Actor) -> c.AnyCommand:
        """Answer the command that this asks for."""
        return c.AddNote(by=by, text=self.text)


class RoleBody(ActBody, frozen=True, kw_only=True):
    """Fill a role or hand it over (R4)."""

    role: Name
    person: Name
    reason: Text = ""

    def command(self, by: Actor) -> c.AnyCommand:
        """Answer the command that this asks for."""
        return c.AssignRole(by=by, role=RoleName(self.role), person=PersonId(self.person), reason=self.reason)


class ComponentBody(ActBody, frozen=True, kw_only=True):
    """Say that another component is affected."""

    component: Name

    def command(self, by: Actor) -> c.AnyCommand:
        """Answer the command that this asks for."""
        return c.AddComponent(by=by, component=ComponentId(self.component))


class UpdateBody(ActBody, frozen=True, kw_only=True):
    """Tell an audience how it stands (K1)."""

    audience: Name
    text: str

    def command(self, by: Actor) -> c.AnyCommand:
        """Answer the command that this asks for."""
        return c.PostUpdate(by=by, audience=AudienceId(self.audience), text=self.text)


class MitigationBody(ActBody, frozen=True, kw_only=True):
    """Say what was done to stop the impact; the measurements will say whether it helped (M5)."""

    what: str

    def command(self, by: Actor) -> c.AnyCommand:
        """Answer the command that this asks for."""
        return c.RecordMitigation(by=by, what=self.what)


class DiagnoseBody(ActBody, frozen=True, kw_only=True):
    """Gather anew what the diagnostics say (M2): all, or those named."""

    only: Annotated[tuple[Name, ...], Meta(max_length=50)] = ()

    def command(self, by: Actor) -> c.AnyCommand:
        """Answer the command that this asks for."""
        return c.Diagnose(by=by, only=tuple(map(DiagnosticId, self.only)))


class FlagBody(ActBody, frozen=True, kw_only=True):
    """Say that something holds which the playbook escalates for (E1)."""

    flag: Name
    reason: Text = ""

    def command(self, by: Actor) -> c.AnyCommand:
        """Answer the command that this asks for."""
        return c.RaiseFlag(by=by, flag=self.flag, reason=self.reason)


class EscalateBody(ActBody, frozen=True, kw_only=True):
    """Call a level by hand (E1)."""

    level: int
    reason: Text = ""

    def command(self, by: Actor) -> c.AnyCommand:
        """Answer the command that this asks for."""
        return c.Escalate(by=by, level=self.level, reason=self.reason)


class MilestoneBody(ActBody, frozen=True, kw_only=True):
    """Report a milestone (P1)."""

    milestone: Name
    text: Text = ""

    def command(self, by: Actor) -> c.AnyCommand:
        """Answer the command that this asks for."""
        return c.ReachMilestone(by=by, milestone=self.milestone, text=self.text)


class ResolveBody(ActBody, frozen=True, kw_only=True):
    """Declare the incident resolved; unverified only with the commander's authority and a reason (V4)."""

    override_reason: Text = ""

    def command(self, by: Actor) -> c.AnyCommand:
        """Answer the command that this asks for."""
        return c.Resolve(by=by, override_reason=self.override_reason)


class RoomBody(ActBody, frozen=True, kw_only=True):
    """Give the incident a Slack channel of its own, whatever its severity (R2)."""

    name: Name = ""
    """How it is to be called; empty: made of severity, component and title."""

    def command(self, by: Actor) -> c.AnyCommand:
        """Answer the command that this asks for."""
        return c.OpenRoom(by=by, name=self.name)


class ReopenBody(ActBody, frozen=True, kw_only=True):
    """Say that it came back; everybody is asked anew."""

    reason: Text

    def command(self, by: Actor) -> c.AnyCommand:
        """Answer the command that this asks for."""
        return c.Reopen(by=by, reason=self.reason)


class CloseBody(ActBody, frozen=True, kw_only=True):
    """Say that nothing more is to be done."""

    reason: Text = ""

    def command(self, by: Actor) -> c.AnyCommand:
        """Answer the command that this asks for."""
        return c.CloseIncident(by=by, reason=self.reason)


ACTS: Final[Mapping[str, tuple[type[ActBody], Role]]] = {
    "acknowledge": (AcknowledgeBody, Role.RESPONDER),
    "decline": (DeclineBody, Role.RESPONDER),
    "relieve": (RelieveBody, Role.RESPONDER),
    "severity": (SeverityBody, Role.RESPONDER),
    "stage": (StageBody, Role.RESPONDER),
    "note": (NoteBody, Role.RESPONDER),
    "role": (RoleBody, Role.COMMANDER),
    "component": (ComponentBody, Role.RESPONDER),
    "update": (UpdateBody, Role.RESPONDER),
    "mitigation": (MitigationBody, Role.RESPONDER),
    "diagnose": (DiagnoseBody, Role.RESPONDER),
    "flag": (FlagBody, Role.RESPONDER),
    "escalate": (EscalateBody, Role.RESPONDER),
    "milestone": (MilestoneBody, Role.RESPONDER),
    "room": (RoomBody, Role.RESPONDER),
    "resolve": (ResolveBody, Role.RESPONDER),
    "reopen": (ReopenBody, Role.RESPONDER),
    "close": (CloseBody, Role.COMMANDER),
}
"""The last part of the path to the body it takes and the role it needs. Who may override, the core decides (V4)."""


def handlers() -> list[HTTPRouteHandler]:
    """Make the routes."""
    return [_handler(name, kind, role) for name, (kind, role) in ACTS.items()]


def _handler(name: str, kind: type[ActBody], role: Role) -> HTTPRouteHandler:
    async def act(request: Request[Any, Any, Any], site: TheSite, caller: TheCaller, incident: FromPath[str]) -> Done:
        body = await taken(request, kind)
        return await done(site, IncidentId(incident), body.command(caller.actor(body.by, site.rules)))

    act.__doc__ = kind.__doc__
    options = says(role, takes=kind)
    return post(f"/{{incident:str}}/{name}", name=name, status_code=HTTPStatus.OK, opt=options)(act)


async def done(site: Site, incident: IncidentId, command: c.AnyCommand) -> Done:
    """Carry a command out and answer what followed. Raises `Refused`."""
    events = await site.engine.handle(incident, command)
    view = await shown(site, incident)
    return Done(await _lines(site, view, events), view)


async def _lines(site: Site, view: View, events: tuple[AnyEvent, ...]) -> tuple[Line, ...]:
    """Answer the lines of these events; others may have written behind them meanwhile."""
    if not events:
        return ()
    since = max(0, view.size - len(events) - _TAIL)
    lines = await site.queries.timeline(view.id, since, EVENTS_PER_PAGE) or ()
    return tuple(line for line in lines if line.event in events)
