"""What happened: the stored format of the timeline. All of it is found here; some subjects have files of their own.

An event is past tense, frozen and never edited. Its tag and its field names are the stored format: a field may be added
with a default, nothing may be renamed or given another meaning. `tests/core/timelines/` keeps old timelines that must
load for ever.
"""

from collections.abc import Mapping
from typing import Literal

from whenever import Instant

from tocsin.core.diagnostic_events import DiagnosticsBegun, DiagnosticsGathered
from tocsin.core.event import TOCSIN, Actor, AlertBrief, Event, Evidence, Sample, Verdict
from tocsin.core.ids import (
    AudienceId,
    ComponentId,
    IncidentId,
    IntentId,
    PersonId,
    RoleName,
    RotationId,
    RuleId,
    RunId,
)
from tocsin.core.ids import Severity as SeverityName
from tocsin.core.kinds import Kind
from tocsin.core.page_events import (
    PageAttemptFailed,
    PageDeclined,
    PageDelivered,
    PageRepeated,
    PersonPaged,
    PersonUnreachable,
)
from tocsin.core.relief_events import AcknowledgmentExtended, ReliefAsked, ResponderRelieved
from tocsin.core.room_events import (
    BridgeAsked,
    BridgeFailed,
    BridgeOpened,
    MessageMarked,
    RoomArchived,
    RoomAsked,
    RoomLost,
    RoomOpened,
    RoomRegained,
    RoomStepFailed,
    RoomSummarised,
    RoomWidened,
)
from tocsin.core.rules import Method
from tocsin.core.run_events import (
    ApprovalDelegated,
    MitigationApproved,
    MitigationEnded,
    MitigationProposed,
    MitigationRejected,
    MitigationStarted,
    MitigationWithdrawn,
)
from tocsin.core.stages import Stage

__all__ = [
    "TOCSIN",
    "AcknowledgmentExtended",
    "Actor",
    "AlertBrief",
    "ApprovalDelegated",
    "BridgeAsked",
    "BridgeFailed",
    "BridgeOpened",
    "DiagnosticsBegun",
    "DiagnosticsGathered",
    "Event",
    "Evidence",
    "MessageMarked",
    "MitigationApproved",
    "MitigationEnded",
    "MitigationProposed",
    "MitigationRejected",
    "MitigationStarted",
    "MitigationWithdrawn",
    "PageAttemptFailed",
    "PageDeclined",
    "PageDelivered",
    "PageRepeated",
    "PersonPaged",
    "PersonUnreachable",
    "ReliefAsked",
    "ResponderRelieved",
    "RoomArchived",
    "RoomAsked",
    "RoomLost",
    "RoomOpened",
    "RoomRegained",
    "RoomStepFailed",
    "RoomSummarised",
    "RoomWidened",
    "Sample",
    "Verdict",
]
"""What stands in `core.event` and in files of single subjects, and is named by this one."""


class IncidentDeclared(Event, frozen=True, kw_only=True, tag="incident_declared"):
    """An incident was opened under a version of the playbook."""

    incident: IncidentId
    title: str
    component: ComponentId
    severity: SeverityName
    evidence: Evidence
    detected_at: Instant
    group_key: str
    playbook_version: str
    description: str = ""
    kind: Kind = Kind.INCIDENT
    rotation: RotationId | None = None
    """Of a hand-off: whose shift changes."""
    scheduled_at: Instant | None = None
    """Of a hand-off: when it does."""


class AlertsAttached(Event, frozen=True, kw_only=True, tag="alerts_attached"):
    """Alerts began to fire that belong to this incident."""

    alerts: tuple[AlertBrief, ...]
    count: int
    """How many, of which ``alerts`` names the first."""
    firing: int
    """How many of the incident's alerts fire now."""
    worst: SeverityName | None = None
    by_severity: Mapping[SeverityName, int] = {}
    """How many of each severity fire now."""


class AlertsCleared(Event, frozen=True, kw_only=True, tag="alerts_cleared"):
    """Alerts stopped firing."""

    alerts: tuple[AlertBrief, ...]
    count: int
    firing: int
    worst: SeverityName | None = None
    by_severity: Mapping[SeverityName, int] = {}
    improved: bool = False
    """The worst that still fires is less severe than the worst before (E5)."""


class SeverityRaised(Event, frozen=True, kw_only=True, tag="severity_raised"):
    """Measurement or a person showed worse than was known (C5)."""

    before: SeverityName
    after: SeverityName
    evidence: Evidence
    title: str = ""
    """What it is called from now on; empty if it keeps its name."""


class SeverityLowered(Event, frozen=True, kw_only=True, tag="severity_lowered"):
    """A person decided that it is less severe (C5)."""

    before: SeverityName
    after: SeverityName
    reason: str


class ComponentAdded(Event, frozen=True, kw_only=True, tag="component_added"):
    """Another component turned out to be affected."""

    component: ComponentId


class SpreadNoticed(Event, frozen=True, kw_only=True, tag="spread_noticed"):
    """So many components are in trouble at once that the playbook calls it several (E1)."""

    components: tuple[ComponentId, ...]


class StageChanged(Event, frozen=True, kw_only=True, tag="stage_changed"):
    """The incident moved to another stage."""

    before: Stage
    after: Stage


class Acknowledged(Event, frozen=True, kw_only=True, tag="acknowledged"):
    """A person answered: I am on it."""

    takes_command: bool = True
    """Whether the incident is in hand with that; else only this person's own page has its answer."""
    until: Instant | None = None
    """The end of this person's shift, as it was known then; None if they have none."""


class RoleAssigned(Event, frozen=True, kw_only=True, tag="role_assigned"):
    """A role was filled or handed over (R1, R4)."""

    role: RoleName
    person: PersonId
    before: PersonId | None = None
    reason: str = ""
    clause: str = "R1"


class NoteAdded(Event, frozen=True, kw_only=True, tag="note_added"):
    """A responder wrote something down, or marked what somebody wrote in the incident's room."""

    text: str
    author: str = ""
    """Who wrote it, where that is not the one who put it here."""
    link: str = ""
    """Where it was written."""
    source: str = ""
    """What it is known by there, so that it comes into the timeline once."""


class UpdatePosted(Event, frozen=True, kw_only=True, tag="update_posted"):
    """An audience was told (K1)."""

    audience: AudienceId
    text: str


class MitigationApplied(Event, frozen=True, kw_only=True, tag="mitigation_applied"):
    """Somebody changed the world to stop the impact (M1, M4)."""

    what: str


class MitigationJudged(Event, frozen=True, kw_only=True, tag="mitigation_judged"):
    """What the measurements said after a mitigation (M5)."""

    verdict: Literal["improved", "unchanged", "worse", "no_data"]
    before: tuple[Sample, ...] = ()
    after: tuple[Sample, ...] = ()
    run: RunId | None = None
    """Which run; None of what somebody did by hand."""
    what: str = ""
    cut_short: bool = False
    """Judged before its time, because the next one began."""


class FlagRaised(Event, frozen=True, kw_only=True, tag="flag_raised"):
    """A person said that something holds which the playbook escalates for (E1)."""

    flag: str
    reason: str = ""


class MilestoneReached(Event, frozen=True, kw_only=True, tag="milestone_reached"):
    """A person reported a milestone of the playbook (P1)."""

    milestone: str
    text: str = ""
    clause: str = ""
    """Of a step of a hand-off: by which it is asked for. A milestone of an incident is the post-mortem's (P1)."""


class LevelRaised(Event, frozen=True, kw_only=True, tag="level_raised"):
    """The incident was escalated (E1)."""

    level: int
    rule: RuleId | None = None
    reason: str = ""
    clause: str = ""


class StepTaken(Event, frozen=True, kw_only=True, tag="step_taken"):
    """A row that Tocsin itself owes came due and was carried out."""

    rule: RuleId
    clause: str
    due_at: Instant


class DeadlineMissed(Event, frozen=True, kw_only=True, tag="deadline_missed"):
    """Somebody owed something by an instant, and it was not done."""

    rule: RuleId
    clause: str
    title: str
    due_at: Instant
    rounds: int = 1
    """Of a repeating deadline: how many times in a row it fell due, seen or slept through."""


class PersonTold(Event, frozen=True, kw_only=True, tag="person_told"):
    """One person was notified; no answer is demanded."""

    person: PersonId
    rule: RuleId | None
    clause: str = ""
    text: str = ""
    methods: tuple[Method, ...] = ()
    reminder: bool = False
    """Something is owed and late."""


class AudienceTold(Event, frozen=True, kw_only=True, tag="audience_told"):
    """An audience was notified by a row of the playbook."""

    audience: AudienceId
    rule: RuleId
    text: str = ""


class NotificationFailed(Event, frozen=True, kw_only=True, tag="notification_failed"):
    """A message other than a page could not be delivered and lies among the dead letters."""

    address: str
    channel: str
    why: str
    intent: IntentId = IntentId("")
    """Which message it was."""
    unsaid: str = ""
    """What it said, if it was for the incident's room and is to be said where the room's audience reads without one."""


class NobodyOnCall(Event, frozen=True, kw_only=True, tag="nobody_on_call"):
    """A row asked for somebody and there was nobody to ask."""

    rule: RuleId
    target: str
    clause: str = ""


class NobodyReachable(Event, frozen=True, kw_only=True, tag="nobody_reachable"):
    """The whole ladder was asked in vain: an alarm of its own (E4)."""

    rule: RuleId
    clause: str = ""


class ObjectivesMeasured(Event, frozen=True, kw_only=True, tag="objectives_measured"):
    """The objectives of the affected components were asked; the samples are the evidence (V1–V3)."""

    verdict: Verdict
    samples: tuple[Sample, ...]
    because: str = ""
    window_began_at: Instant | None = None
    """Since when they have held without a breach or a gap; absent if they do not hold now."""


class IncidentResolved(Event, frozen=True, kw_only=True, tag="incident_resolved"):
    """The objectives held for the window (V3), or the commander said so with a reason (V4)."""

    verified: bool
    reason: str = ""
    samples: tuple[Sample, ...] = ()
    held_since: Instant | None = None


class IncidentReopened(Event, frozen=True, kw_only=True, tag="incident_reopened"):
    """It came back."""

    reason: str
    detected_at: Instant


class IncidentClosed(Event, frozen=True, kw_only=True, tag="incident_closed"):
    """Nothing is owed any more."""

    reason: str = ""


class Concluded(Event, frozen=True, kw_only=True, tag="concluded"):
    """A hand-off or a drill came to its end; nothing is owed in it any more."""

    outcome: Literal["done", "missed", "called_off"]
    reason: str = ""


AnyEvent = (
    IncidentDeclared
    | AlertsAttached
    | AlertsCleared
    | SeverityRaised
    | SeverityLowered
    | ComponentAdded
    | SpreadNoticed
    | StageChanged
    | Acknowledged
    | ReliefAsked
    | ResponderRelieved
    | AcknowledgmentExtended
    | RoleAssigned
    | NoteAdded
    | UpdatePosted
    | MitigationApplied
    | MitigationProposed
    | MitigationApproved
    | MitigationRejected
    | MitigationWithdrawn
    | MitigationStarted
    | MitigationEnded
    | MitigationJudged
    | ApprovalDelegated
    | FlagRaised
    | MilestoneReached
    | LevelRaised
    | StepTaken
    | DeadlineMissed
    | PersonPaged
    | PageRepeated
    | PersonTold
    | AudienceTold
    | PageDelivered
    | PageAttemptFailed
    | PersonUnreachable
    | PageDeclined
    | NotificationFailed
    | NobodyOnCall
    | NobodyReachable
    | ObjectivesMeasured
    | DiagnosticsBegun
    | DiagnosticsGathered
    | IncidentResolved
    | IncidentReopened
    | IncidentClosed
    | MessageMarked
    | RoomAsked
    | RoomOpened
    | RoomSummarised
    | RoomWidened
    | RoomStepFailed
    | RoomLost
    | RoomRegained
    | RoomArchived
    | BridgeAsked
    | BridgeOpened
    | BridgeFailed
    | Concluded
)
