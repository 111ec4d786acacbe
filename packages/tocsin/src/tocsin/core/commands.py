"""What is asked for, what else a decision may depend on, and how it is refused."""

from collections.abc import Container, Mapping
from enum import StrEnum
from typing import Literal

import msgspec
from whenever import Instant

from tocsin.core.actions import FailureModeId
from tocsin.core.diagnostics import DiagnosticResult
from tocsin.core.events import TOCSIN, Actor, AlertBrief, Evidence, Sample
from tocsin.core.ids import (
    AudienceId,
    ChannelName,
    ComponentId,
    DiagnosticId,
    GatheringId,
    IncidentId,
    IntentId,
    PageId,
    PersonId,
    RoleName,
    RotationId,
    RunId,
    Severity,
)
from tocsin.core.kinds import Kind
from tocsin.core.room_steps import RoomFound, RoomStep
from tocsin.core.rules import Duty, Method, Rulebook, ShiftEnds
from tocsin.core.stages import Stage
from tocsin.core.storm import Awake


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What all commands share."""

    by: Actor = TOCSIN


class Declare(Command, frozen=True, kw_only=True, tag="declare"):
    """Open an incident."""

    incident: IncidentId
    title: str
    components: tuple[ComponentId, ...]
    severity: Severity
    evidence: Evidence
    detected_at: Instant
    group_key: str
    description: str = ""
    room: str = ""
    """Set by hand: open a Slack channel of this name, whatever the severity (R2)."""
    kind: Kind = Kind.INCIDENT
    roles: Mapping[RoleName, PersonId] = {}
    """Of an errand: who has which part in it."""
    rotation: RotationId | None = None
    scheduled_at: Instant | None = None


class AttachAlerts(Command, frozen=True, kw_only=True, tag="attach_alerts"):
    """Tell an incident which of its alerts began and stopped firing."""

    began: tuple[AlertBrief, ...] = ()
    began_count: int = 0
    ended: tuple[AlertBrief, ...] = ()
    ended_count: int = 0
    firing: int = 0
    worst: Severity | None = None
    """The worst severity among those that fire now."""
    by_severity: Mapping[Severity, int] = {}
    """How many of each severity fire now."""
    shows: Severity | None = None
    """The worst severity among those that began: what measurement shows now (C5)."""
    evidence: Evidence | None = None
    """Why it shows that."""
    title: str = ""
    """What the incident is to be called if this makes it worse."""
    detected_at: Instant | None = None
    """When the first of those that began did so."""


class NoticeSpread(Command, frozen=True, kw_only=True, tag="notice_spread"):
    """Tell an incident which components are in trouble at the same time, its own included (E1)."""

    components: tuple[ComponentId, ...]


class Acknowledge(Command, frozen=True, kw_only=True, tag="acknowledge"):
    """Answer a page, or take an incident on without one."""


class Decline(Command, frozen=True, kw_only=True, tag="decline"):
    """Say "I cannot": the person's pages have their answer, and whoever is next is asked at once (E4)."""

    reason: str = ""


class Relieve(Command, frozen=True, kw_only=True, tag="relieve"):
    """Let a responder go; somebody carries on, or is asked to (R4)."""

    person: PersonId | None = None
    """Who is let go; else whoever says so."""
    successor: PersonId | None = None
    """Who carries on; else whoever is at work on it already."""
    reason: str = ""
    asks_ladder: bool = False
    """If nobody carries on, let the ladder ask again."""


class SetSeverity(Command, frozen=True, kw_only=True, tag="set_severity"):
    """Raise or lower the severity by a person's judgement (C5). Lowering needs a reason."""

    severity: Severity
    reason: str = ""


class SetStage(Command, frozen=True, kw_only=True, tag="set_stage"):
    """Move to another stage."""

    stage: Stage


class AssignRole(Command, frozen=True, kw_only=True, tag="assign_role"):
    """Fill a role or hand it over (R4)."""

    role: RoleName
    person: PersonId
    reason: str = ""


class AddNote(Command, frozen=True, kw_only=True, tag="add_note"):
    """Write something into the timeline."""

    text: str
    author: str = ""
    """Who wrote it, where that is not the one who puts it here."""
    link: str = ""
    source: str = ""
    """What it is known by where it was written, so that it comes into the timeline once."""


class AddComponent(Command, frozen=True, kw_only=True, tag="add_component"):
    """Say that another component is affected."""

    component: ComponentId


class PostUpdate(Command, frozen=True, kw_only=True, tag="post_update"):
    """Tell an audience how it stands (K1)."""

    audience: AudienceId
    text: str


class RecordMitigation(Command, frozen=True, kw_only=True, tag="record_mitigation"):
    """Say what was done to stop the impact."""

    what: str


class ProposeMitigation(Command, frozen=True, kw_only=True, tag="propose_mitigation"):
    """Ask for an action of the playbook (M3)."""

    action: str
    values: Mapping[str, str | int | float | bool | None] = {}
    before: Mapping[str, str] = {}
    """The state that was captured for it just now."""


class ApproveMitigation(Command, frozen=True, kw_only=True, tag="approve_mitigation"):
    """Sign what was shown, by its digest (M4)."""

    run: RunId
    digest: str


class RejectMitigation(Command, frozen=True, kw_only=True, tag="reject_mitigation"):
    """Say no to what waits for approval."""

    run: RunId
    reason: str = ""


class CancelMitigation(Command, frozen=True, kw_only=True, tag="cancel_mitigation"):
    """Take back what was asked for and has not begun."""

    run: RunId
    reason: str = ""


class DelegateApproval(Command, frozen=True, kw_only=True, tag="delegate_approval"):
    """Name who approves in the commander's stead; None takes it back."""

    person: PersonId | None


class RecordRunStarted(Command, frozen=True, kw_only=True, tag="record_run_started"):
    """What a runner found right before a run: whether it begins is decided here, once and durably."""

    run: RunId
    before: Mapping[str, str] = {}
    problem: str = ""
    """What keeps it from running: the state cannot be captured, the dry run fails."""
    remedy: str = ""
    rehearsed: str = ""
    samples: tuple[Sample, ...] = ()


class RecordRunEnded(Command, frozen=True, kw_only=True, tag="record_run_ended"):
    """What became of a run."""

    run: RunId
    outcome: Literal["succeeded", "failed", "unknown"]
    why: str = ""
    remedy: str = ""
    exit_status: int | None = None
    output: str = ""
    output_digest: str = ""
    output_bytes: int = 0
    after: Mapping[str, str] = {}


class RaiseFlag(Command, frozen=True, kw_only=True, tag="raise_flag"):
    """Say that something holds which the playbook escalates for (E1)."""

    flag: str
    reason: str = ""


class Escalate(Command, frozen=True, kw_only=True, tag="escalate"):
    """Call the next level by hand."""

    level: int
    reason: str = ""


class ReachMilestone(Command, frozen=True, kw_only=True, tag="reach_milestone"):
    """Report a milestone (P1)."""

    milestone: str
    text: str = ""


class RecordMeasurement(Command, frozen=True, kw_only=True, tag="record_measurement"):
    """What the objectives of the affected components measured just now."""

    samples: tuple[Sample, ...]


class Diagnose(Command, frozen=True, kw_only=True, tag="diagnose"):
    """Gather anew what the diagnostics say (M2); all of the incident's components, or only those named."""

    only: tuple[DiagnosticId, ...] = ()


class RecordDiagnostics(Command, frozen=True, kw_only=True, tag="record_diagnostics"):
    """What the diagnostics said."""

    gathering: GatheringId
    results: tuple[DiagnosticResult, ...]
    summary: tuple[str, ...] = ()
    suspected: tuple[FailureModeId, ...] = ()


class RecordDelivery(Command, frozen=True, kw_only=True, tag="record_delivery"):
    """What became of a message: handed over with a receipt, or given up with a reason."""

    page: PageId | None
    method: Method
    person: PersonId | None = None
    """Whom it was for; None for an audience."""
    intent: IntentId = IntentId("")
    """Which message it was, by which a notice that failed is known when it is told again."""
    text: str = ""
    """What it said, should it have to be said again by another method."""
    receipt: str = ""
    why: str = ""
    """Set when it was given up."""


class OpenRoom(Command, frozen=True, kw_only=True, tag="open_room"):
    """Give the incident a Slack channel of its own (R2)."""

    name: str = ""
    """How it is to be called; empty: made of severity, component and title."""


class MarkMessage(Command, frozen=True, kw_only=True, tag="mark_message"):
    """Say that a message of the incident's room belongs into the timeline."""

    message: str
    """What Slack calls it."""


class RecordRoom(Command, frozen=True, kw_only=True, tag="record_room"):
    """What became of a step on the incident's room: done, or given up with a reason."""

    step: RoomStep
    intent: IntentId
    found: RoomFound = RoomFound()
    why: str = ""
    """Set when it was given up."""
    gone: bool = False
    """The room takes nothing from us any more."""


class RecordBridge(Command, frozen=True, kw_only=True, tag="record_bridge"):
    """What became of the incident's bridge: made, or given up with a reason."""

    intent: IntentId
    found: RoomFound = RoomFound()
    why: str = ""
    """Set when it was given up."""


class Resolve(Command, frozen=True, kw_only=True, tag="resolve"):
    """Declare the incident resolved; unverified only by its commander, with a reason (V4)."""

    override_reason: str = ""


class Reopen(Command, frozen=True, kw_only=True, tag="reopen"):
    """Say that it came back."""

    reason: str


class CloseIncident(Command, frozen=True, kw_only=True, tag="close_incident"):
    """Say that nothing more is to be done."""

    reason: str = ""


class Tick(Command, frozen=True, kw_only=True, tag="tick"):
    """Do what is due. Early, late or twice, it is harmless."""


AnyCommand = (
    Declare
    | AttachAlerts
    | NoticeSpread
    | Acknowledge
    | Decline
    | Relieve
    | SetSeverity
    | SetStage
    | AssignRole
    | AddNote
    | AddComponent
    | PostUpdate
    | RecordMitigation
    | ProposeMitigation
    | ApproveMitigation
    | RejectMitigation
    | CancelMitigation
    | DelegateApproval
    | RecordRunStarted
    | RecordRunEnded
    | RaiseFlag
    | Escalate
    | ReachMilestone
    | RecordMeasurement
    | Diagnose
    | RecordDiagnostics
    | RecordDelivery
    | OpenRoom
    | MarkMessage
    | RecordRoom
    | RecordBridge
    | Resolve
    | Reopen
    | CloseIncident
    | Tick
)


class Situation(msgspec.Struct, frozen=True):
    """All else that a decision may depend on, as values."""

    now: Instant
    rules: Rulebook
    duty: Duty
    ends: ShiftEnds = msgspec.field(default_factory=dict)
    settles: Container[ChannelName] = frozenset()
    """The channels that keep state of a page and are told when it is settled."""
    awake: Awake = msgspec.field(default_factory=dict)
    """What keeps people awake in other incidents."""

    def shift_ends_at(self, rotation: RotationId, person: PersonId) -> Instant | None:
        """Answer until when a person is on call in a rotation; None if they are not, or never hand over."""
        return self.ends.get(rotation, {}).get(person)


class Reason(StrEnum):
    """Why a command was refused: a closed list, because each is a metric label and a problem type."""

    NOT_DECLARED = "not_declared"
    INCIDENT_RESOLVED = "incident_resolved"
    INCIDENT_CLOSED = "incident_closed"
    NOT_RESOLVED = "not_resolved"
    UNKNOWN_SEVERITY = "unknown_severity"
    UNKNOWN_COMPONENT = "unknown_component"
    UNKNOWN_PERSON = "unknown_person"
    UNKNOWN_ROLE = "unknown_role"
    UNKNOWN_ROTATION = "unknown_rotation"
    UNKNOWN_ARRANGEMENT = "unknown_arrangement"
    WRONG_SPAN = "wrong_span"
    NOT_YOURS = "not_yours"
    NOT_ON_CALL = "not_on_call"
    OVERLAPS = "overlaps"
    ALREADY_ANSWERED = "already_answered"
    TOO_MANY_ARRANGEMENTS = "too_many_arrangements"
    UNKNOWN_AUDIENCE = "unknown_audience"
    UNKNOWN_FLAG = "unknown_flag"
    UNKNOWN_MILESTONE = "unknown_milestone"
    UNKNOWN_LEVEL = "unknown_level"
    UNKNOWN_ACTION = "unknown_action"
    UNKNOWN_PARAMETER = "unknown_parameter"
    BAD_PARAMETER = "bad_parameter"
    UNKNOWN_DIAGNOSTIC = "unknown_diagnostic"
    STAGE_NOT_REACHABLE = "stage_not_reachable"
    REASON_MISSING = "reason_missing"
    TEXT_MISSING = "text_missing"
    TEXT_TOO_LONG = "text_too_long"
    PERSON_MISSING = "person_missing"
    NOT_VERIFIED = "not_verified"
    NOT_COMMANDER = "not_commander"
    OTHER_COMPONENT = "other_component"
    TOO_MANY_PROPOSALS = "too_many_proposals"
    UNKNOWN_RUN = "unknown_run"
    COMMAND_CHANGED = "command_changed"
    APPROVAL_EXPIRED = "approval_expired"
    APPROVAL_USED = "approval_used"
    RUN_CLOSED = "run_closed"
    RUN_BEGUN = "run_begun"
    BUSY = "busy"
    LAST_IN_CHARGE = "last_in_charge"
    NO_ROOMS = "no_rooms"
    NOT_AN_INCIDENT = "not_an_incident"
    NOT_ASKED = "not_asked"
    ERRAND_OVER = "errand_over"
    NO_CONTACT_METHOD = "no_contact_method"
    NO_TARGET = "no_target"
    TARGET_UNREACHABLE = "target_unreachable"
    UNKNOWN_METHOD = "unknown_method"
    CODE_WRONG = "code_wrong"
    CODE_EXPIRED = "code_expired"
    CODE_LOCKED = "code_locked"
    CODE_NOT_ASKED = "code_not_asked"
    CODE_JUST_SENT = "code_just_sent"


class Refused(Exception):
    """The caller asked for what cannot be. ``detail`` names the place, ``remedy`` the way out."""

    def __init__(self, reason: Reason, detail: str, remedy: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.remedy = remedy
