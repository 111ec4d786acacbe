"""What people ask of the actions: what could be done, what would run, and that it be done (M3).

To ask for an action is to look at the world first: the state before belongs to what is approved. Looking changes
nothing, so a dry run is the same way without its last step.
"""

from collections.abc import Mapping

import msgspec
from whenever import Instant

from tocsin.actions.port import Captured, Result, Target, Unreachable
from tocsin.core import marks as m
from tocsin.core.actions import TargetKind
from tocsin.core.classify import THRESHOLD_LABEL
from tocsin.core.commands import ProposeMitigation, Reason, Refused
from tocsin.core.events import Actor, MitigationProposed
from tocsin.core.ids import IncidentId, RunId
from tocsin.core.incident import Incident
from tocsin.core.proposing import binding, no_target, rendered_for, unseen
from tocsin.core.rendering import pinned
from tocsin.core.rules import Rulebook
from tocsin.core.suggestions import Suggestion, suggestions
from tocsin.engine.handler import Handler
from tocsin.store.port import Store

Values = Mapping[str, str | int | float | bool | None]


class Rehearsal(msgspec.Struct, frozen=True):
    """What would run, the state before, and what the dry run says."""

    action: str
    shown: str
    digest: str
    before: Mapping[str, str]
    status: str
    output: str
    remedy: str = ""


class Mitigations:
    """Answers what could be done about an incident, and asks for it."""

    def __init__(self, store: Store, handler: Handler, targets: Mapping[TargetKind, Target]) -> None:
        self._store = store
        self._handler = handler
        self._targets = targets

    async def suggested(self, incident_id: IncidentId) -> tuple[Suggestion, ...] | None:
        """Answer the actions of the incident's components, the likeliest to help first."""
        incident = await self._handler.load(incident_id)
        if incident is None:
            return None
        rules = await self._handler.playbooks.of(incident)
        alerts = await self._store.alerts_of(incident_id)
        seen = {alert.labels.get(THRESHOLD_LABEL, alert.rule) for alert in alerts} | {incident.evidence.rule}
        helped = await self._store.helped(incident.components)
        return suggestions(rules, incident.components, seen, incident.suspected, helped)

    async def propose(self, incident_id: IncidentId, action: str, values: Values, by: Actor, now: Instant) -> RunId:
        """Ask for an action, with the state before; answer the run, be it one that stands already. Raises `Refused`."""
        incident, rules = await self._found(incident_id)
        _, captured = await self._looked(incident, rules, action, values)
        command = ProposeMitigation(by=by, action=action, values=values, before=captured.facts)
        for event in await self._handler.handle(incident_id, command, now):
            if isinstance(event, MitigationProposed):
                return event.run
        incident, _ = await self._found(incident_id)
        rendered, before = rendered_for(rules, action, values, captured.facts), binding(captured.facts)
        same = (r for r in incident.runs.by_id.values() if (r.rendered, binding(r.before)) == (rendered, before))
        return [run.id for run in same][-1]

    async def rehearse(self, incident_id: IncidentId, action: str, values: Values) -> Rehearsal:
        """Try an action without doing it, where its target can do that. Raises `Refused`."""
        incident, rules = await self._found(incident_id)
        target, captured = await self._looked(incident, rules, action, values)
        rendered = pinned(rendered_for(rules, action, values), captured.facts)
        tried: Result = await target.rehearse(rendered, captured)
        return Rehearsal(
            action=rendered.action,
            shown=rendered.shown,
            digest=rendered.digest,
            before=captured.facts,
            status=tried.status,
            output=tried.output,
            remedy=tried.remedy,
        )

    async def _found(self, incident_id: IncidentId) -> tuple[Incident, Rulebook]:
        incident = await self._handler.load(incident_id)
        if incident is None:
            raise Refused(Reason.NOT_DECLARED, f'there is no incident "{incident_id[:80]}"', "list the incidents")
        return incident, await self._handler.playbooks.of(incident)

    async def _looked(
        self, incident: Incident, rules: Rulebook, action: str, values: Values
    ) -> tuple[Target, Captured]:
        """Capture the state before. Raises `Refused` if nobody can: nothing may be approved that nobody has seen."""
        rendered = rendered_for(rules, action, values)
        target = self._targets.get(rendered.target)
        if target is None:
            raise no_target(rendered)
        try:
            return target, await target.capture(rendered, incident.at(m.DETECTED))
        except Unreachable as error:
            raise unseen(error.why, error.remedy) from error
