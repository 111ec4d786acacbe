"""The sections about people and promises: severities, staff, escalation, communication, deadlines.

One struct for each kind of row, strict about every key. Every row names the clause of the written playbook that it
comes from.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from whenever import Date, Time, TimeDelta

from tocsin.core.audience import Announcement
from tocsin.core.ids import ChannelName
from tocsin.core.rules import JOINS, MethodKind
from tocsin.playbook import words
from tocsin.playbook.base import Clause, Doc, Key, Line, Weekday
from tocsin.playbook.words import Act, Allowance, Whom

Carrier = str | tuple[Key, ...]
"""A channel, or several that stand in for one another: the first that takes a message has it.

The one name is bare text: where a text with a pattern shares a union with an array, `msgspec` lets about one program in
five end with a segmentation fault (measured; none of 30 without). The lint knows the channels there are anyway.
"""


def joined(carrier: Carrier) -> ChannelName:
    """Answer the one name of one or more channels."""
    return ChannelName(carrier if isinstance(carrier, str) else JOINS.join(carrier))


class CalendarDoc(Doc, frozen=True, kw_only=True):
    """When business time runs."""

    zone: str = "UTC"
    opens_at: Time = msgspec.field(default_factory=lambda: Time(9))
    closes_at: Time = msgspec.field(default_factory=lambda: Time(17))
    weekdays: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday")
    holidays: tuple[Date, ...] = ()


class BridgeDoc(Doc, frozen=True, kw_only=True):
    """The conference bridge, and the severities that use it.

    ``{incident}`` in the address stands for the incident's id, so that each has a call of its own.
    """

    by: Literal["url", "zoom"] = "url"
    """``zoom``: each incident gets a call of its own, made in Zoom; ``url`` stands for it where none can be had."""
    url: Line = ""
    severities: tuple[Key, ...]
    clause: Clause


class RoomsDoc(Doc, frozen=True, kw_only=True):
    """Which severities get a Slack channel of their own, and how long after the closing it is archived.

    It takes effect where ``channels`` lets slack carry slack.
    """

    severities: tuple[Key, ...]
    archive_after: TimeDelta
    clause: Clause


class ErrorsDoc(Doc, frozen=True, kw_only=True):
    """When an error log has a spike: so many times what it was in a healthy hour, and more than the least.

    The healthy hour ended so long before the detection. Components say by ``errors`` how their log is measured.
    """

    times: Annotated[float, Meta(ge=1)]
    least: Annotated[float, Meta(ge=0)]
    """Entries a second."""
    baseline: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(hours=1))
    ends_before: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(minutes=15))


class WatchDoc(Doc, frozen=True, kw_only=True):
    """How long the objectives must hold before an incident may be resolved, and how often they are asked."""

    holds_for: TimeDelta
    asks_every: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(seconds=15))
    gap_max: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(minutes=2))
    related_alerts: Annotated[int, Meta(ge=0)] = 0
    """So many alerts of other components that begin while it holds are a spike; 0: they are not looked at."""
    errors: ErrorsDoc | None = None
    clause: Clause


class GroupingDoc(Doc, frozen=True, kw_only=True):
    """Which alerts are one incident: one for each component, divided further by these labels."""

    by: tuple[str, ...] = ()
    reopens_within: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta.ZERO)
    clause: Clause = "local"


class FlappingDoc(Doc, frozen=True, kw_only=True):
    """From how many changes within how long an alert is taken as one that stays, until it was quiet for so long."""

    changes: Annotated[int, Meta(ge=2, le=32)] = 4
    within: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(minutes=10))
    quiet_for: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(minutes=5))
    clause: Clause = "local"


class MitigationsDoc(Doc, frozen=True, kw_only=True):
    """How long an action that was shown may be approved and begun, and what counts as an improvement after it."""

    expires_within: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(minutes=15))
    notable: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """Of an objective missed before and after: by which part of its distance to the bound it must have moved."""
    clause: Clause = "M4"


class BaselineDoc(Doc, frozen=True, kw_only=True):
    """What diagnostics are compared with: the last stretch of so long in which the objectives held."""

    lasts: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(hours=1))
    looks_back: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(hours=6))
    """How far before the detection it may lie."""
    margin: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(minutes=5))
    """How much before the last healthy figure is left out: trouble begins before it is measured."""


class DiagnosticsDoc(Doc, frozen=True, kw_only=True):
    """How diagnostics are gathered: in which time, compared with what, and which programs they may run."""

    within: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(minutes=2))
    """All of them together; what has not answered by then is said to be missing."""
    each_within: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(seconds=20))
    """Each of those that are no action and so have no time limit of their own."""
    baseline: BaselineDoc = msgspec.field(default_factory=BaselineDoc)
    programs: tuple[tuple[Line, ...], ...] = ()
    """How command lines may begin that diagnostics run: ``[git, log]``. Each is trusted to read only."""
    clause: Clause


class AboutDoc(Doc, frozen=True, kw_only=True):
    """``playbook.yaml``: what this playbook is, whose, until when it is fresh, and the settings of the whole."""

    id: Key
    title: Line
    version: Line
    updated_on: Date
    next_review_on: Date
    owner: Line
    review_overdue_severity: Key
    clause: Clause
    channels: dict[str, Carrier]
    """Kind of contact (``pager``, ``slack``, ``status_page`` …) to the channel that carries it. The one place to
    change when a provider is set up; ``console`` always works. Several in a list stand in for one another."""
    commanders: tuple[Key, ...] = ("incident_commander", "responder")
    """The roles that lead, first come first: who holds one approves mitigations and may override a resolution."""
    calendar: CalendarDoc = msgspec.field(default_factory=CalendarDoc)
    links: dict[Key, Line] = msgspec.field(default_factory=dict)
    bridge: BridgeDoc | None = None
    rooms: RoomsDoc | None = None
    watch: WatchDoc
    grouping: GroupingDoc = msgspec.field(default_factory=GroupingDoc)
    flapping: FlappingDoc = msgspec.field(default_factory=FlappingDoc)
    mitigations: MitigationsDoc = msgspec.field(default_factory=MitigationsDoc)
    diagnostics: DiagnosticsDoc = msgspec.field(default_factory=lambda: DiagnosticsDoc(clause="local"))


class TargetDoc(Doc, frozen=True, kw_only=True):
    """One response target: within how long, by whom, and what follows if it is missed."""

    within: Allowance
    owner: Whom | None = None
    then: tuple[Act, ...] = msgspec.field(default_factory=lambda: (words.act("remind"),))


class TargetsDoc(Doc, frozen=True, kw_only=True):
    """The response targets of a severity."""

    clause: Clause
    acknowledge: TargetDoc | None = None
    """From detection to acknowledgment."""
    first_response: TargetDoc | None = None
    """From the acknowledgment to the first act of a responder."""
    initial_update: TargetDoc | None = None
    """From the declaration to the first update."""
    resolution: TargetDoc | None = None
    """From detection to resolution."""


class RolesDoc(Doc, frozen=True, kw_only=True):
    """Who fills which role when an incident is declared."""

    clause: Clause
    fill: dict[Key, Whom]


class DeclarationDoc(Doc, frozen=True, kw_only=True):
    """What is done at once when an incident of this severity is declared or becomes one."""

    clause: Clause
    do: tuple[Act, ...]


class SeverityDoc(Doc, frozen=True, kw_only=True):
    """A severity: what it means and what it asks."""

    id: Key
    name: Line
    definition: Line
    examples: tuple[Line, ...] = ()
    clause: Clause
    targets: TargetsDoc
    on_declaration: DeclarationDoc | None = None
    roles: RolesDoc


class SeveritiesDoc(Doc, frozen=True, kw_only=True):
    """``severities.yaml``: the severities, worst first."""

    severities: Annotated[tuple[SeverityDoc, ...], Meta(min_length=1)]


class MethodDoc(Doc, frozen=True, kw_only=True):
    """One way to reach a person; ``channel`` overrides the playbook's ``channels`` for this person."""

    kind: MethodKind
    address: Line
    channel: Carrier | None = None


class NotifyDoc(Doc, frozen=True, kw_only=True):
    """One line of how a person wants to be paged; what comes after the page comes only while there is no answer."""

    by: Annotated[tuple[MethodKind, ...], Meta(min_length=1)]
    after: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta.ZERO)
    """How long after the page; 0s is at once."""
    every: TimeDelta | None = None
    """Again every so long after that."""
    severities: tuple[Key, ...] = ()
    """For pages of these severities only; else for all."""


class QuietDoc(Doc, frozen=True, kw_only=True):
    """Hours in which only pages of these severities ring. The others go by what does not ring, and ring at the end."""

    starts_at: Time
    ends_at: Time
    zone: str
    rings: Annotated[tuple[Key, ...], Meta(min_length=1)]
    """The severities that ring all the same; the worst must be among them."""


class PersonDoc(Doc, frozen=True, kw_only=True):
    """Somebody who can be asked; best method first."""

    name: Line
    methods: tuple[MethodDoc, ...] = ()
    takes_command: bool = True
    """Whether this person's acknowledgment means that the incident is in hand."""
    notify: tuple[NotifyDoc, ...] = ()
    """Else a page goes by the kinds that the contact or act names, once."""
    quiet: tuple[QuietDoc, ...] = ()
    zone: str = "UTC"
    """Where the person sleeps: a page at night is counted as one there."""


class PeopleDoc(Doc, frozen=True, kw_only=True):
    """``people.yaml``."""

    people: dict[Key, PersonDoc]


class ContactDoc(Doc, frozen=True, kw_only=True):
    """Who is reached how, and in what time they answer."""

    reach: Whom
    by: tuple[MethodKind, ...]
    answers_within: TimeDelta
    clause: Clause


class ReachedDoc(Doc, frozen=True, kw_only=True):
    """One condition under which a level is reached. Exactly one of the five conditions is given."""

    severities: tuple[Key, ...]
    declared: bool = False
    """At the declaration."""
    open_for: TimeDelta | None = None
    """The incident has been open, at this severity, for so long."""
    not_improving_for: TimeDelta | None = None
    """For so long it has neither reached monitoring nor shown a lower severity."""
    several_components: bool = False
    """As many components are affected as ``several_components`` says."""
    flag: Key | None = None
    """A person raised this flag."""


class LevelDoc(Doc, frozen=True, kw_only=True):
    """An escalation level: whom it calls, and when it is reached."""

    number: Annotated[int, Meta(ge=1, le=20)]
    name: Line
    contact: Key
    clause: Clause
    reached: tuple[ReachedDoc, ...] = ()


class RungDoc(Doc, frozen=True, kw_only=True):
    """One rung of a ladder."""

    contact: Key
    level: int | None = None
    """The level that this rung raises the incident to."""
    tells: bool = False
    """Notify instead of page: no answer is demanded of this person, but the ladder goes on without one."""
    by: tuple[MethodKind, ...] | None = None
    waits: TimeDelta | None = None
    """How long to wait for an acknowledgment before the next rung; else the contact's ``answers_within``."""


class AlarmDoc(Doc, frozen=True, kw_only=True):
    """Nobody answered on any rung: the alarm, and how often it sounds again until somebody does."""

    again_every: TimeDelta
    do: tuple[Act, ...] = ()
    """What is done besides asking everybody on the ladder by all their methods."""
    clause: Clause


class LadderDoc(Doc, frozen=True, kw_only=True):
    """Whom to ask in turn until somebody acknowledges."""

    clause: Clause
    rungs: tuple[RungDoc, ...]
    alarm: AlarmDoc | None = None


class EmergencyDoc(Doc, frozen=True, kw_only=True):
    """Whom to ask when nobody else can be reached: a person, or a name with methods outside the rotations."""

    person: Key | None = None
    name: Line | None = None
    methods: tuple[MethodDoc, ...] = ()
    clause: Clause


class ReliefDoc(Doc, frozen=True, kw_only=True):
    """An acknowledgment runs out at the end of the shift of whoever gave it; whoever is on call then takes over."""

    severities: tuple[Key, ...]
    again_every: TimeDelta
    """How soon the next one is asked to take over, if nobody does; until then the one before stays in charge."""
    clause: Clause


class StormDoc(Doc, frozen=True, kw_only=True):
    """Whoever is awake already is not rung again for something as severe or less, but told how many pages wait."""

    rang_within: TimeDelta
    """Awake is whose open page rang so long ago at most,"""
    acted_within: TimeDelta
    """or who is at work on another incident and did something in it so long ago at most."""
    counts_every: TimeDelta
    """How often at most they are told of what came since."""
    clause: Clause


class EscalationDoc(Doc, frozen=True, kw_only=True):
    """``escalation.yaml``."""

    contacts: dict[Key, ContactDoc]
    ladders: dict[Key, LadderDoc]
    levels: tuple[LevelDoc, ...] = ()
    several_components: Annotated[int, Meta(ge=2)] = 2
    flags: dict[Key, Line] = msgspec.field(default_factory=dict)
    emergency: EmergencyDoc | None = None
    relief: ReliefDoc | None = None
    storm: StormDoc | None = None


class AudienceDoc(Doc, frozen=True, kw_only=True):
    """Who is kept informed, and where they read."""

    name: Line
    through: str | None = None
    """Kind of contact, looked up in the playbook's ``channels``. Absent: nothing is sent by itself."""
    address: str = ""
    severities: tuple[Key, ...]
    announces: tuple[Announcement, ...] = ()
    public: bool = False
    in_room: bool = False
    """They read in the incident's own Slack channel; where there is none, at the address."""
    clause: Clause


class CadenceDoc(Doc, frozen=True, kw_only=True):
    """An audience hears from us every so long while an incident is open."""

    audience: Key
    severities: tuple[Key, ...]
    every: TimeDelta
    first_within: TimeDelta | None = None
    """From the declaration; else as long as ``every``."""
    owner: Whom | None = None
    escalates_within: TimeDelta | None = None
    """After so long without an update, counted from the last one, somebody else is asked as well."""
    escalates_to: Act | None = None
    clause: Clause


class NoticeDoc(Doc, frozen=True, kw_only=True):
    """An audience hears from us once, so long after something happened."""

    id: Key
    title: Line
    audience: Key
    severities: tuple[Key, ...]
    after: str = "opened"
    within: Allowance
    owner: Whom | None = None
    clause: Clause


class CommunicationDoc(Doc, frozen=True, kw_only=True):
    """``communication.yaml``."""

    audiences: dict[Key, AudienceDoc]
    cadences: tuple[CadenceDoc, ...] = ()
    notices: tuple[NoticeDoc, ...] = ()


class DeadlineDoc(Doc, frozen=True, kw_only=True):
    """A row of its own: after this mark, within so long, until that mark; and what follows if not.

    With an ``owner`` it is owed by somebody and missing it is recorded; without one Tocsin itself carries ``then`` out.
    """

    id: Key
    clause: Clause
    title: Line
    severities: tuple[Key, ...]
    after: str
    within: Allowance
    until: tuple[str, ...] = ()
    ends: tuple[str, ...] | None = None
    """What makes it pointless: else ``resolved``, or for what comes after a resolution ``reopened`` and ``closed``."""
    every: TimeDelta | None = None
    owner: Whom | None = None
    then: tuple[Act, ...] | None = None
    """Else a reminder, if somebody owns it."""


class DeadlinesDoc(Doc, frozen=True, kw_only=True):
    """``deadlines.yaml``."""

    milestones: dict[Key, Line] = msgspec.field(default_factory=dict)
    deadlines: tuple[DeadlineDoc, ...] = ()
