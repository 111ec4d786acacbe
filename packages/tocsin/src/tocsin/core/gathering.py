"""When diagnostics are gathered, and what is kept of them (D3, M2).

A declaration, a rise in severity, a reopening and a newly affected component call for a look by themselves; a person
may ask for one at any time. What is owed is an event, and from it a row that is written in the same transaction: a
server that dies in the middle looks again when it is back, and since looking changes nothing, twice does no harm.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec
from whenever import Instant

from tocsin.core.commands import Diagnose, Reason, RecordDiagnostics, Refused, Situation
from tocsin.core.diagnostic_events import DiagnosticsBegun, DiagnosticsGathered, GatheringCause
from tocsin.core.draft import Draft
from tocsin.core.events import TOCSIN, Actor, AnyEvent, ComponentAdded, IncidentReopened, SeverityRaised
from tocsin.core.ids import DiagnosticId, GatheringId, IncidentId
from tocsin.core.incident import Incident
from tocsin.core.kinds import Kind
from tocsin.core.limits import SUMMARY_LINES_MAX
from tocsin.core.looks import all_looks, looks
from tocsin.core.rules import Rulebook


class Gathering(msgspec.Struct, frozen=True):
    """One run of diagnostics that is owed: a row that the engine takes up and the timeline brought about."""

    id: GatheringId
    incident: IncidentId
    rank: int
    """Of the incident's severity when it was asked for: the worst goes first."""
    begun_at: Instant
    only: tuple[DiagnosticId, ...] = ()
    state: Literal["owed", "ended"] = "owed"


_CALLS_FOR_A_LOOK: dict[type, GatheringCause] = {
    SeverityRaised: "raised",
    IncidentReopened: "reopened",
    ComponentAdded: "spread",
}


def begin_as_called_for(draft: Draft, given: Situation) -> None:
    """Begin to gather if what was just decided calls for a look."""
    because = next((_CALLS_FOR_A_LOOK[type(event)] for event in draft.events if type(event) in _CALLS_FOR_A_LOOK), None)
    if because is not None:
        begin(draft, because, given)


def begin(
    draft: Draft,
    because: GatheringCause,
    given: Situation,
    only: tuple[DiagnosticId, ...] = (),
    by: Actor = TOCSIN,
) -> None:
    """Begin to gather, unless the same is being gathered or the playbook has nothing to look at."""
    incident = draft.incident
    if incident.kind is not Kind.INCIDENT:
        return  # An errand is no trouble of the watched system.
    if because != "requested" and not any(part in given.rules.components for part in incident.components):
        return  # What is of no component, such as an overdue review, is not to be found by looking at them.
    if not looks(incident, given.rules) or any(which in ((), only) for which in incident.diagnosed.gatherings.values()):
        return
    gathering = GatheringId(f"{incident.id}.{incident.size + 1}")
    draft.add(DiagnosticsBegun(at=given.now, by=by, gathering=gathering, because=because, only=only))


def act(draft: Draft, command: Diagnose | RecordDiagnostics, given: Situation) -> None:
    """Carry a command about diagnostics out."""
    if isinstance(command, Diagnose):
        diagnose(draft, command, given)
    else:
        record_diagnostics(draft, command, given)


def diagnose(draft: Draft, command: Diagnose, given: Situation) -> None:
    """Begin to gather because somebody asks for it."""
    known = {row.id for row in all_looks(draft.incident, given.rules)}
    strange = next((name for name in command.only if name not in known), None)
    if strange is not None or not known:
        raise _unknown(strange or "", known)
    begin(draft, "requested", given, tuple(dict.fromkeys(command.only)), command.by)


def _unknown(name: str, known: Iterable[str]) -> Refused:
    if not known:
        return Refused(
            Reason.UNKNOWN_DIAGNOSTIC,
            "the playbook has no diagnostics for the components of this incident",
            "add some to the component's file, or say which component is affected",
        )
    return Refused(
        Reason.UNKNOWN_DIAGNOSTIC,
        f'there is no diagnostic "{name}" for the components of this incident',
        f"choose from {', '.join(sorted(known))}",
    )


def record_diagnostics(draft: Draft, command: RecordDiagnostics, given: Situation) -> None:
    """Note what the diagnostics said; told twice, once."""
    if command.gathering not in draft.incident.diagnosed.gatherings:
        return
    draft.add(
        DiagnosticsGathered(
            at=given.now,
            by=command.by,
            gathering=command.gathering,
            results=command.results,
            summary=command.summary[:SUMMARY_LINES_MAX],
            suspected=command.suspected,
        )
    )


def gatherings(incident: Incident, events: Iterable[AnyEvent], rules: Rulebook) -> tuple[Gathering, ...]:
    """Answer the rows that these events, the incident's last, bring about or end."""
    rows: dict[GatheringId, Gathering] = {}
    for event in events:
        if isinstance(event, DiagnosticsBegun | DiagnosticsGathered):
            only = event.only if isinstance(event, DiagnosticsBegun) else ()
            state: Literal["owed", "ended"] = "owed" if isinstance(event, DiagnosticsBegun) else "ended"
            rank = rules.rank(incident.severity)
            rows[event.gathering] = Gathering(event.gathering, incident.id, rank, event.at, only, state)
    return tuple(rows.values())
