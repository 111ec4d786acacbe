"""What tests of the core and the engine are told with: the shipped rulebook, and an incident as a story in time."""

from functools import lru_cache

import msgspec
import pytest
from whenever import Instant, TimeDelta

from tocsin.core.arrangements import NOTHING
from tocsin.core.commands import (
    Acknowledge,
    AnyCommand,
    AttachAlerts,
    Declare,
    Reason,
    RecordMeasurement,
    Refused,
    SetStage,
    Situation,
    Tick,
)
from tocsin.core.deadlines import deadlines, next_due_at
from tocsin.core.decide import decide
from tocsin.core.events import Actor, AlertBrief, AnyEvent, Evidence, Sample
from tocsin.core.ids import AlertFingerprint, ComponentId, IncidentId, PersonId, RotationId, Severity
from tocsin.core.incident import Incident, fold
from tocsin.core.messages import Intent
from tocsin.core.notifications import intents
from tocsin.core.objectives import health_objective, sample
from tocsin.core.oncall import duty, shift_ends
from tocsin.core.rules import Duty, Rulebook, ShiftEnds
from tocsin.core.stages import Stage
from tocsin.playbook.compile import compiled
from tocsin.playbook.load import load, load_rulebook, shipped

SUNDAY_NIGHT = Instant.from_utc(2026, 11, 22, 3)
TUESDAY_MORNING = Instant.from_utc(2026, 11, 24, 10)
BOOSTER = ComponentId("agent-booster")
SEV1, SEV2, SEV3, SEV4 = (Severity(f"SEV{number}") for number in (1, 2, 3, 4))

PRODUCT_MANAGER = PersonId("priya-nair")
ENGINEERING_LEAD = PersonId("mara-lindqvist")
VP = PersonId("henrik-vogel")
CTO = PersonId("grace-okafor")


@lru_cache
def rulebook() -> Rulebook:
    """Answer the shipped playbook, compiled."""
    return load_rulebook(shipped("agentic-flow"))


@lru_cache
def slack_rulebook() -> Rulebook:
    """Answer the shipped playbook with Slack set up: whatever it says by Slack goes there, and incidents get rooms."""
    playbook = load(shipped("agentic-flow"))
    channels = {**playbook.about.channels, "slack": "slack"}
    return compiled(msgspec.structs.replace(playbook, about=msgspec.structs.replace(playbook.about, channels=channels)))


@lru_cache
def zoom_rulebook(url: str = "") -> Rulebook:
    """Answer the shipped playbook with Slack set up and each grave incident's call made in Zoom; ``url`` stands in."""
    playbook = load(shipped("agentic-flow"))
    about = playbook.about
    assert about.bridge is not None
    bridge = msgspec.structs.replace(about.bridge, by="zoom", url=url)
    channels = {**about.channels, "slack": "slack"}
    return compiled(
        msgspec.structs.replace(playbook, about=msgspec.structs.replace(about, channels=channels, bridge=bridge))
    )


def minutes(number: float) -> TimeDelta:
    return TimeDelta(minutes=number)


def by(person: str, *, commands: bool = False) -> Actor:
    return Actor(PersonId(person), via="test", commands=commands)


def brief(name: str, at: Instant) -> AlertBrief:
    return AlertBrief(AlertFingerprint(name), name, "", at)


def samples(component: ComponentId = BOOSTER, *, good: bool = True, missing: bool = False) -> tuple[Sample, ...]:
    """Measure a component: everything holds, nothing does, or nothing answers."""
    part = rulebook().components[component]
    found = []
    for objective in (*part.objectives, health_objective(part)):
        low = objective.holds in ("<", "<=")
        value = objective.bound / 2 if low else max(objective.bound, 1.0)
        if not good:
            value = objective.bound * 9 if low else 0.0
        found.append(sample(part.id, objective, None if missing else value, "no series" if missing else ""))
    return tuple(found)


class Tale:
    """One incident over time. Every command is decided twice, and the second time nothing may come of it."""

    def __init__(self, now: Instant = TUESDAY_MORNING, rules: Rulebook | None = None) -> None:
        self.now = now
        self.rules = rules or rulebook()
        self.incident: Incident | None = None
        self.events: list[AnyEvent] = []
        self.nobody_on_call = False
        self.arranged = NOTHING
        self._known_ends: tuple[Instant, ShiftEnds] = (Instant.MIN, {})

    @property
    def state(self) -> Incident:
        assert self.incident is not None
        return self.incident

    @property
    def given(self) -> Situation:
        if self.nobody_on_call:
            return Situation(self.now, self.rules, {})
        on_call = duty(self.rules.rotations, self.now, self.arranged)
        return Situation(self.now, self.rules, on_call, self._ends(on_call))

    def _ends(self, on_call: Duty) -> ShiftEnds:
        known_at, ends = self._known_ends
        if known_at != self.now:
            ends = shift_ends(self.rules.rotations, on_call, self.now, self.arranged)
            self._known_ends = self.now, ends
        return ends

    @property
    def primary(self) -> PersonId:
        return self.given.duty[RotationId("sre-primary")][0]

    @property
    def secondary(self) -> PersonId:
        return self.given.duty[RotationId("sre-secondary")][0]

    def declare(self, severity: Severity = SEV1, component: ComponentId = BOOSTER) -> "Tale":
        evidence = Evidence("agent-booster.down", "C3", "0 % of operations succeed")
        self.do(
            Declare(
                incident=IncidentId("INC-1"),
                title="Agent Booster: no operation succeeds",
                components=(component,),
                severity=severity,
                evidence=evidence,
                detected_at=self.now,
                group_key=component,
            )
        )
        return self

    def do(self, command: AnyCommand) -> tuple[AnyEvent, ...]:
        """Carry a command out, and see that carrying it out again changes nothing."""
        events = decide(self.incident, command, self.given)
        self.incident = fold(self.incident, events)
        self.events.extend(events)
        assert decide(self.incident, command, self.given) == (), "deciding twice changes nothing"
        return events

    def refused(self, command: AnyCommand, reason: Reason) -> None:
        with pytest.raises(Refused) as refusal:
            decide(self.incident, command, self.given)
        assert refusal.value.reason is reason
        assert refusal.value.detail
        assert refusal.value.remedy

    def wait(self, span: float | TimeDelta) -> list[AnyEvent]:
        """Let so many minutes pass, with a tick whenever something is due."""
        until = self.now + (span if isinstance(span, TimeDelta) else minutes(span))
        before = len(self.events)
        while (due := next_due_at(self.rules, self.state)) is not None and due <= until:
            self.now = max(due, self.now)
            self.do(Tick())
        self.now = until
        return self.events[before:]

    def jump(self, span: float) -> "Tale":
        """Let so many minutes pass without a tick."""
        self.now += minutes(span)
        return self

    def acknowledge(self, person: PersonId | None = None) -> "Tale":
        self.do(Acknowledge(by=Actor(person or self.primary, via="test")))
        return self

    def monitor(self) -> "Tale":
        self.do(SetStage(by=Actor(self.primary), stage=Stage.MONITORING))
        return self

    def measure(self, *, good: bool = True, missing: bool = False) -> tuple[AnyEvent, ...]:
        return self.do(RecordMeasurement(samples=samples(good=good, missing=missing)))

    def hold(self, span: float, every: float = 1) -> "Tale":
        """Measure good figures for so many minutes."""
        passed = 0.0
        self.measure()
        while passed < span:
            self.wait(every)
            self.measure()
            passed += every
        return self

    def fire(self, *names: str, firing: int, worst: Severity | None, shows: Severity | None = None) -> None:
        self.do(
            AttachAlerts(
                began=tuple(brief(name, self.now) for name in names),
                began_count=len(names),
                firing=firing,
                worst=worst,
                shows=shows or worst,
                evidence=Evidence("row", "C3", "measured worse"),
                detected_at=self.now,
            )
        )

    def clear(self, *names: str, firing: int = 0, worst: Severity | None = None) -> None:
        ended = tuple(brief(name, self.now) for name in names)
        self.do(AttachAlerts(ended=ended, ended_count=len(names), firing=firing, worst=worst))

    def of(self, kind: type) -> list[AnyEvent]:
        return [event for event in self.events if isinstance(event, kind)]

    def owed(self) -> dict[str, Instant]:
        return {each.rule.id: each.due_at for each in deadlines(self.rules, self.state)}


class SendingTale(Tale):
    """A story that remembers what was asked of the outbox."""

    def __init__(self, now: Instant = TUESDAY_MORNING, rules: Rulebook | None = None) -> None:
        super().__init__(now, rules)
        self.sent: list[Intent] = []
        """Since the test cleared it."""
        self.outbox: list[Intent] = []

    def do(self, command: AnyCommand) -> tuple[AnyEvent, ...]:
        before, situation = self.incident, self.given
        events = super().do(command)
        self.outbox += (sent := intents(before, events, situation))
        self.sent += sent
        return events


def only(events: list[AnyEvent] | tuple[AnyEvent, ...], kind: type) -> list[AnyEvent]:
    return [event for event in events if isinstance(event, kind)]


def changed(rules: Rulebook, **parts: object) -> Rulebook:
    return msgspec.structs.replace(rules, **parts)
