"""The compiled playbook: rows. The code knows deadlines; these rows know the numbers.

`tocsin.playbook.compile` makes a `Rulebook` out of the playbook's files. Everything in it is a value, and every row
carries the clause it comes from, so that the console, the timeline and a test can say by which sentence of the
playbook something was due.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

import msgspec
from whenever import Date, Instant, Time, TimeDelta

from tocsin.core.actions import Action, ActionId, FailureMode, FailureModeId
from tocsin.core.audience import Audience, RoomPolicy
from tocsin.core.contact import MethodKind as MethodKind
from tocsin.core.contact import NotificationRule, Quiet
from tocsin.core.diagnostics import DiagnosticsPolicy
from tocsin.core.ids import (
    AudienceId,
    ChannelName,
    ComponentId,
    PersonId,
    RoleName,
    RotationId,
    RuleId,
    Severity,
)
from tocsin.core.kinds import HandoffPolicy, TestPagePolicy
from tocsin.core.marks import RESOLVED, MarkName
from tocsin.core.policies import ReliefPolicy, WatchPolicy
from tocsin.core.storm import StormPolicy
from tocsin.core.targets import ComponentOwner as ComponentOwner
from tocsin.core.targets import EmergencyContact as EmergencyContact
from tocsin.core.targets import Everybody as Everybody
from tocsin.core.targets import InRole as InRole
from tocsin.core.targets import LevelAbove as LevelAbove
from tocsin.core.targets import NextOnLadder as NextOnLadder
from tocsin.core.targets import OnRotation as OnRotation
from tocsin.core.targets import Target as Target
from tocsin.core.targets import ThePerson as ThePerson
from tocsin.core.turns import Layer, Restriction, Turn

JOINS = "+"
"""Between the names of channels that stand in for one another, where one name is wanted: ``voice+apprise``."""


class Method(msgspec.Struct, frozen=True):
    """One way to reach one person: a channel that is configured, and the address on it."""

    kind: MethodKind
    channel: ChannelName
    address: str


class Person(msgspec.Struct, frozen=True):
    """Somebody who can be asked, and how, best way first."""

    id: PersonId
    name: str
    methods: tuple[Method, ...] = ()
    takes_command: bool = True
    """Whether this person's acknowledgment means that the incident is in hand. A Product Manager's does not."""
    notify: tuple[NotificationRule, ...] = ()
    """How this person wants to be paged; without any, as the policy that pages them says."""
    quiet: Quiet = ()

    def plan(self, severity: Severity) -> tuple[NotificationRule, ...]:
        """Answer the notification rules for a page of this severity."""
        return tuple(rule for rule in self.notify if not rule.severities or severity in rule.severities)

    zone: str = "UTC"
    """Where the person sleeps."""


class Rotation(msgspec.Struct, frozen=True):
    """People who take turns. The hand-over happens at a wall-clock time of a zone, so it keeps its hour over DST."""

    id: RotationId
    people: tuple[PersonId, ...]
    shift_days: int
    """Of the lowest layer, if ``turn`` does not say otherwise."""
    starts_on: Date
    """The day of the first person's first shift."""
    starts_at: Time = Time(0)
    zone: str = "UTC"
    clause: str = ""
    name: str = ""
    turn: Turn | None = None
    only: tuple[Restriction, ...] = ()
    layers: tuple[Layer, ...] = ()
    """Above the first, lowest first: a later one stands above an earlier one where it applies."""
    at_once: int = 1
    """How many people are on call at the same time; the one after the other in turn."""
    gaps_allowed: bool = False
    """Whether there may be hours at which nobody is on call."""
    imports: bool = False
    """Whether an imported calendar stands above the layers."""

    @property
    def stack(self) -> tuple[Layer, ...]:
        """Answer all layers, lowest first."""
        lowest = Layer(self.people, self.turn or Turn(self.shift_days), self.starts_on, self.starts_at, self.only)
        return (lowest, *self.layers)


class Ahead(msgspec.Struct, frozen=True):
    """How far ahead gaps and double bookings are looked for, and how bad one is (O4)."""

    looks: TimeDelta
    severity: Severity
    clause: str = ""


class Fairness(msgspec.Struct, frozen=True):
    """From when on one person's load is too much."""

    pages_per_week: int
    nights_per_week: int
    night: Restriction
    """On the wall clock of the person's zone."""
    severity: Severity | None = None
    """Of the incident that it opens; None: it is only shown."""
    clause: str = ""


class Page(msgspec.Struct, frozen=True, tag="page"):
    """Demand one person's answer, by these methods at once and by the person's others after that."""

    target: Target
    via: tuple[MethodKind, ...] = ()
    again: bool = False
    """Even of somebody who has acknowledged already, and may have fallen asleep."""


class Tell(msgspec.Struct, frozen=True, tag="tell"):
    """Notify without demanding an answer (D1: SEV3 and SEV4 in Slack)."""

    target: Target
    via: tuple[MethodKind, ...] = ()


class Announce(msgspec.Struct, frozen=True, tag="announce"):
    """Say it where an audience reads."""

    audience: AudienceId


class RaiseLevel(msgspec.Struct, frozen=True, tag="raise_level"):
    """Escalate to a level: reach its people as the level says (E1, E2)."""

    level: int


class Remind(msgspec.Struct, frozen=True, tag="remind"):
    """Tell the deadline's owner that it was missed."""


class SoundAlarm(msgspec.Struct, frozen=True, tag="sound_alarm"):
    """Nobody could be reached: say so everywhere and ask everybody (E4)."""


class JudgeMitigation(msgspec.Struct, frozen=True, tag="judge_mitigation"):
    """Say in the timeline whether the last mitigation helped (M5)."""


class Close(msgspec.Struct, frozen=True, tag="close"):
    """Close a resolved incident that owes nothing any more; end an errand that nobody brought to its end."""


class OpenARoom(msgspec.Struct, frozen=True, tag="open_room"):
    """Give the incident a Slack channel of its own (R2)."""


class OpenABridge(msgspec.Struct, frozen=True, tag="open_bridge"):
    """Give the incident a call of its own (R3)."""


Consequence = (
    Page | Tell | Announce | RaiseLevel | Remind | SoundAlarm | JudgeMitigation | Close | OpenARoom | OpenABridge
)


class Clockwork(StrEnum):
    """How an allowance is counted."""

    WALL = "wall"
    """Every second counts."""
    BUSINESS = "business"
    """Only business time counts (P1: three business days)."""
    NEXT_DAY = "next_day"
    """Every second counts, but a deadline outside business hours moves to the end of the next business day (C2)."""


class RuleKind(StrEnum):
    """Who owes it."""

    TARGET = "target"
    """Somebody owes it once; missing it is recorded."""
    CADENCE = "cadence"
    """Somebody owes it again and again."""
    STEP = "step"
    """Tocsin itself owes it: when it comes due, it is done."""


class Rule(msgspec.Struct, frozen=True):
    """A row: after a mark, within so long, until another mark; and what follows if not."""

    id: RuleId
    clause: str
    title: str
    severity: Severity
    kind: RuleKind
    after: MarkName
    within: TimeDelta
    until: tuple[MarkName, ...] = ()
    """Any of these fulfils it."""
    ends: tuple[MarkName, ...] = (RESOLVED,)
    """Any of these makes it pointless."""
    every: TimeDelta | None = None
    clockwork: Clockwork = Clockwork.WALL
    owner: Target | None = None
    then: tuple[Consequence, ...] = ()


class Level(msgspec.Struct, frozen=True):
    """An escalation level (E1): who, how, and in what time they answer (E2)."""

    number: int
    name: str
    target: Target
    via: tuple[MethodKind, ...]
    answers_within: TimeDelta
    clause: str


class BusinessCalendar(msgspec.Struct, frozen=True):
    """When business time runs."""

    zone: str = "UTC"
    opens_at: Time = Time(9)
    closes_at: Time = Time(17)
    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5)
    """ISO weekdays; Monday is 1."""
    holidays: tuple[Date, ...] = ()


Comparison = Literal["<", "<=", ">", ">=", "==", "!="]


class Objective(msgspec.Struct, frozen=True):
    """A service objective: the indicator's query, and the bound that must hold (V1)."""

    id: str
    title: str
    query: str
    """PromQL that answers one number."""
    holds: Comparison
    bound: float
    unit: str = ""
    """Of the indicator as queried, as UCUM writes it: ``s``, ``1`` (a share), ``{op}/s``."""
    clause: str = ""
    source: str = ""
    """Which of the configured sources is asked; empty: the one that has no name."""


class ErrorLog(msgspec.Struct, frozen=True):
    """How a component's error log is measured, in entries a second: now, and over a healthy hour (V2)."""

    query: str
    usual: str
    source: str = ""


class Component(msgspec.Struct, frozen=True):
    """A part of the watched system."""

    id: ComponentId
    name: str
    job: str = ""
    owner: RotationId | None = None
    team: str = ""
    health_url: str = ""
    dashboard_url: str = ""
    objectives: tuple[Objective, ...] = ()
    clause: str = ""
    source: str = ""
    """Which of several Prometheus knows it; empty: the one without a name."""
    release_query: str = ""
    """PromQL whose series name the release in use …"""
    release_label: str = "version"
    """… in this label."""
    errors: ErrorLog | None = None


class Threshold(msgspec.Struct, frozen=True):
    """A row of the classification table (C3, C4): this measurement means this severity."""

    id: str
    clause: str
    component: ComponentId
    severity: Severity
    title: str
    query: str
    """PromQL of the indicator alone, without the comparison."""
    is_breached: Comparison
    bound: float
    unit: str = ""
    lasts: TimeDelta = TimeDelta.ZERO
    """How long it must be so before the alert fires (Prometheus ``for``)."""


class LabelRule(msgspec.Struct, frozen=True):
    """How alerts that no threshold of ours made are classified: by what their labels say."""

    id: str
    clause: str
    when: Mapping[str, str]
    """Label to value; a value may end in ``*``."""
    severity: Severity


class ReportRule(msgspec.Struct, frozen=True):
    """How a person's report is classified (C6): the first row whose every condition the answers meet."""

    id: str
    clause: str
    severity: Severity
    all_users: bool | None = None
    data_lost: bool | None = None
    share_above: float | None = None
    """Share of operations affected, 0 to 1."""


class Classification(msgspec.Struct, frozen=True):
    """The tables that set a severity (C1–C6)."""

    thresholds: Mapping[str, Threshold]
    labels: tuple[LabelRule, ...]
    reports: tuple[ReportRule, ...]
    fallback: Severity
    """For what no row speaks of. Rather one page too many than none."""
    gap: Severity
    """For a signal that stopped coming (C4: a monitoring gap)."""


class MitigationPolicy(msgspec.Struct, frozen=True):
    """How mitigations are approved and judged (M4, M5)."""

    expires_within: TimeDelta = TimeDelta(minutes=15)
    """How long what was shown may be approved and begun; after that it must be looked at again."""
    notable: float = 0.1
    """From which part of its distance to an objective on a figure counts as better or worse."""
    clause: str = "M4"


class GroupPolicy(msgspec.Struct, frozen=True):
    """Which alerts are one incident, and for how long after its resolution."""

    by: tuple[str, ...] = ()
    """Labels beside the component. Empty: one open incident for each component."""
    reopens_within: TimeDelta = TimeDelta.ZERO


class FlapPolicy(msgspec.Struct, frozen=True):
    """When an alert that comes and goes is taken as one that stays."""

    changes: int = 4
    within: TimeDelta = TimeDelta(minutes=10)
    quiet_for: TimeDelta = TimeDelta(minutes=5)


class Heartbeat(msgspec.Struct, frozen=True):
    """A signal whose absence is the alert (C4)."""

    name: str
    within: TimeDelta
    component: ComponentId | None
    severity: Severity
    clause: str = "C4"
    alertname: str = ""
    """If set, an alert of this name beats it too: Alertmanager's Watchdog."""


class SeverityDefinition(msgspec.Struct, frozen=True):
    """What a severity means, shown wherever a person must choose one (C1)."""

    id: Severity
    name: str
    definition: str
    examples: tuple[str, ...]
    clause: str = "C1"


class Rulebook(msgspec.Struct, frozen=True):
    """One version of one playbook, ready to decide by."""

    id: str
    version: str
    """The playbook's own version and the digest of its files: ``1.0+3f9c1a``."""
    title: str
    owner: str
    next_review_on: Date
    review_overdue_severity: Severity
    severities: tuple[SeverityDefinition, ...]
    """Worst first."""
    rows: Mapping[Severity, tuple[Rule, ...]]
    levels: tuple[Level, ...]
    ladder: Mapping[Severity, tuple[Target, ...]]
    """Whom the ladder asks in turn (E2, E4); for `Everybody`."""
    roles: Mapping[Severity, Mapping[RoleName, Target]]
    """R1."""
    commanders: tuple[RoleName, ...]
    """The roles that count as commander; the first that an incident has filled is its commander."""
    components: Mapping[ComponentId, Component]
    classification: Classification
    people: Mapping[PersonId, Person]
    rotations: Mapping[RotationId, Rotation]
    audiences: Mapping[AudienceId, Audience]
    flags: Mapping[str, str]
    """Flag to what it means (E1)."""
    milestones: Mapping[str, str]
    calendar: BusinessCalendar
    watch: WatchPolicy
    grouping: GroupPolicy
    flapping: FlapPolicy
    heartbeats: Mapping[str, Heartbeat]
    several_components: int
    """From how many affected components on an incident counts as spread (E1)."""
    links: Mapping[str, str]
    bridge_url: str = ""
    """Empty: there is none, or only a call that is made for the incident."""
    bridge_severities: tuple[Severity, ...] = ()
    bridge_by: Literal["url", "zoom"] = "url"
    """Whether each incident gets a call of its own; the address then stands for one that cannot be had."""
    bridge_clause: str = "R3"
    ahead: Ahead | None = None
    """None: nothing is looked for ahead."""
    fairness: Fairness | None = None
    actions: Mapping[ActionId, Action] = {}
    """What may be done to the watched system (M2, M3), in the playbook's order."""
    failure_modes: Mapping[FailureModeId, FailureMode] = {}
    mitigations: MitigationPolicy = MitigationPolicy()
    rooms: RoomPolicy | None = None
    """None: the playbook asks for no Slack channels, or nothing carries Slack."""
    handoffs: HandoffPolicy = HandoffPolicy()
    test_pages: TestPagePolicy = TestPagePolicy()
    diagnostics: DiagnosticsPolicy = DiagnosticsPolicy()
    emergency: PersonId | None = None
    """Whom to ask when nobody else can be reached."""
    relief: ReliefPolicy | None = None
    storm: StormPolicy | None = None

    def leader(self, roles: Mapping[RoleName, PersonId]) -> PersonId | None:
        """Answer who leads an incident whose roles are filled so; None if nobody does."""
        return next((roles[role] for role in self.commanders if role in roles), None)

    def rank(self, severity: Severity) -> int:
        """Answer the place of a severity, 0 the worst. An unknown one ranks worst: rather a page too many."""
        for place, definition in enumerate(self.severities):
            if definition.id == severity:
                return place
        return 0

    def worse(self, one: Severity, other: Severity) -> bool:
        """Tell whether one severity is worse than the other."""
        return self.rank(one) < self.rank(other)

    def channels(self) -> frozenset[ChannelName]:
        """Answer the channels that its people and audiences are reached by."""
        people = (method.channel for person in self.people.values() for method in person.methods)
        audiences = (each.channel for each in self.audiences.values() if each.channel is not None)
        return frozenset((*people, *audiences))

    def rule(self, rule_id: RuleId) -> Rule | None:
        """Find a row by its id."""
        return next((row for rows in self.rows.values() for row in rows if row.id == rule_id), None)


Duty = Mapping[RotationId, tuple[PersonId, ...]]
"""Who is on call in each rotation at one instant, overrides included. The first is the one on call; others answer with
them, as long as a hand-off is not accepted (O3). A rotation that nobody is on call in is left out."""


ShiftEnds = Mapping[RotationId, Mapping[PersonId, Instant]]
"""Until when each person on call in a rotation stays so. Who never hands over is left out."""


def first(duty: Duty, rotation: RotationId) -> PersonId | None:
    """Answer the one who is on call in a rotation; None if nobody is."""
    return next(iter(duty.get(rotation, ())), None)
