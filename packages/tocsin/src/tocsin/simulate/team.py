"""How those who took an incident in hand work on it: find the cause, mitigate, keep others informed, prove, resolve.

What the team does next is a function of how the incident stands. It reads the same deadlines as everybody else and is
more or less diligent about them, so it keeps any playbook without knowing one.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import msgspec
from whenever import Instant

from tocsin.core import marks as m
from tocsin.core.actions import Action
from tocsin.core.commands import (
    AddNote,
    AnyCommand,
    ApproveMitigation,
    PostUpdate,
    ProposeMitigation,
    ReachMilestone,
    RecordMitigation,
    Resolve,
    SetStage,
    Situation,
)
from tocsin.core.deadlines import Deadline, deadlines
from tocsin.core.events import Actor
from tocsin.core.ids import AudienceId, IncidentId, PersonId, RuleId
from tocsin.core.incident import Incident
from tocsin.core.judgement import commander
from tocsin.core.kinds import Kind
from tocsin.core.runs import UNDER_WAY, RunState
from tocsin.core.stages import Stage
from tocsin.simulate.dice import dice
from tocsin.simulate.scenario import Spread, Team

_EARLY: Final = 0.6
_LATE: Final = 0.05
"""In which part of an allowance, counted back from its end, a diligent person does what is owed."""


class Act(msgspec.Struct, frozen=True):
    """Something that somebody is going to do."""

    at: Instant
    incident: IncidentId
    command: AnyCommand
    name: str
    """What it is: for the dice, and so that it is done once."""


def acts(incident: Incident, given: Situation, team: Team, seed: int) -> Iterator[Act]:
    """Answer what those who have an incident in hand are going to do, in no order."""
    if incident.closed or not incident.responders:
        return
    if incident.kind is not Kind.INCIDENT:
        yield from _steps(incident, given, team, seed)
        return
    leader = commander(incident, given)
    by = Actor(PersonId(leader) if leader in incident.responders else incident.responders[0], via="cli")
    if incident.resolved or incident.acknowledged:
        yield from _owed(incident, given, team, seed, by)
    if not incident.resolved and incident.acknowledged:
        yield from _Work(incident, given, team, seed, by).acts()


def _steps(incident: Incident, given: Situation, team: Team, seed: int) -> Iterator[Act]:
    """Answer how whoever accepted a hand-off goes through its checklist, one step after the other."""
    by = Actor(incident.responders[0], via="cli")
    accepted_at = incident.marks[m.ACKNOWLEDGED].last
    for step in given.rules.handoffs.steps if incident.kind is Kind.HANDOFF else ():
        if m.milestone(step) not in incident.marks:
            after = team.identifies_after.drawn(seed, incident.id, step)
            yield Act(accepted_at + after, incident.id, ReachMilestone(by=by, milestone=step), f"step.{step}")


class _Work:
    """One open incident, as its leader sees it."""

    def __init__(self, incident: Incident, given: Situation, team: Team, seed: int, by: Actor) -> None:
        self._incident = incident
        self._given = given
        self._team = team
        self._by = by
        self._opened_at = incident.at(m.OPENED)
        self._begun_at = incident.marks[m.ACKNOWLEDGED].first
        self._named = (seed, incident.id, self._opened_at)

    def acts(self) -> Iterator[Act]:
        """Answer what the leader has in mind."""
        if self._unmeasurable():
            yield from self._let_go()
        elif self._incident.stage is Stage.MONITORING:
            yield from self._watch()
        elif self._recovered():
            on = SetStage(by=self._by, stage=Stage.MONITORING)
            yield self._act(f"monitor.{self._measured_at}", self._measured_at, self._team.monitors_after, on)
        else:
            yield from self._fight()

    @property
    def _measured_at(self) -> Instant:
        return self._incident.measured_at or self._begun_at

    def _unmeasurable(self) -> bool:
        parts = (self._given.rules.components.get(name) for name in self._incident.components)
        return not any(part and (part.objectives or part.health_url) for part in parts)

    def _recovered(self) -> bool:
        return self._incident.verdict == "held" and not self._incident.firing

    def _let_go(self) -> Iterator[Act]:
        if not self._incident.firing:
            reason = "its alerts have stopped, and it has no objectives that could be measured"
            resolve = Resolve(by=self._by, override_reason=reason)
            yield self._act("let-go", self._begun_at, self._team.resolves_after, resolve)

    def _fight(self) -> Iterator[Act]:
        if self._incident.stage is Stage.INVESTIGATING:
            on = SetStage(by=self._by, stage=Stage.IDENTIFIED)
            yield self._act("identify", self._begun_at, self._team.identifies_after, on)
        if dice(*self._named, "by actions").random() < self._team.by_actions and self._actions():
            yield from self._by_actions()
            return
        tried_at = self._incident.at(m.MITIGATED)
        since = self._begun_at if tried_at is None else max(tried_at, self._begun_at)
        mitigate = RecordMitigation(by=self._by, what=f"rolled back what changed before {_hour(since)} UTC")
        # What did not help twice is not tried a third time at once: each pause is as long as all before it.
        paused_at = since + (since - self._begun_at)
        yield self._act(f"mitigate.{since}", paused_at, self._team.mitigates_after, mitigate)

    def _actions(self) -> list[Action]:
        """Answer what the playbook would have done, and one person may approve."""
        mine = [one for one in self._given.rules.actions.values() if one.component in self._incident.components]
        return [one for one in mine if one.changes and one.approvals == 1]

    def _by_actions(self) -> Iterator[Act]:
        """Ask for an action, approve it as the commander, see what came of it, and try another."""
        runs = list(self._incident.runs.by_id.values())
        asked = next((run for run in runs if run.state is RunState.PROPOSED and run.open_at(self._given.now)), None)
        if asked is not None:
            approve = ApproveMitigation(by=self._by, run=asked.id, digest=asked.digest)
            yield self._act(f"approve.{asked.id}", asked.proposed_at, self._team.approves_after, approve)
            return
        if any(run.state in UNDER_WAY for run in runs):
            return
        ends = [run.ended_at or run.expires_at for run in runs]
        since = max([self._begun_at, *ends])
        action = dice(*self._named, "action", since).choice(self._actions())
        propose = ProposeMitigation(by=self._by, action=action.id)
        paused_at = since + (since - self._begun_at)
        yield self._act(f"propose.{since}", paused_at, self._team.mitigates_after, propose)

    def _watch(self) -> Iterator[Act]:
        incident = self._incident
        if incident.verdict == "breached":
            back = SetStage(by=self._by, stage=Stage.INVESTIGATING)
            yield self._act(f"back.{self._measured_at}", self._measured_at, self._team.monitors_after, back)
            return
        if dice(*self._named, "overrides").random() < self._team.overrides:
            entered_at = incident.at(m.at_stage(Stage.MONITORING)) or self._begun_at
            resolve = Resolve(by=self._by, override_reason="the figures are good enough to stop here")
            yield self._act("override", entered_at, self._team.resolves_after, resolve)
        if incident.window_began_at is not None:
            policy = self._given.rules.watch
            proven_at = incident.window_began_at + policy.holds_for + policy.asks_every
            span = self._team.resolves_after.drawn(*self._named, incident.window_began_at)
            # After a refusal it is tried again as soon as there is a newer measurement.
            yield Act(proven_at + span, incident.id, Resolve(by=self._by), f"resolve.{incident.measured_at}")

    def _act(self, name: str, since: Instant, after: Spread, command: AnyCommand) -> Act:
        at = since + after.drawn(*self._named, name)
        return Act(at, self._incident.id, command, f"{name}.{self._opened_at}")


def _owed(incident: Incident, given: Situation, team: Team, seed: int, by: Actor) -> Iterator[Act]:
    """Answer how everything owed that words can bring about will be brought about, by whoever is diligent."""
    for deadline in deadlines(given.rules, incident):
        command = None if deadline.rule.owner is None else _fulfils(deadline, incident, by)
        if command is None:
            continue
        remembers, early = _diligence(seed, incident.id, deadline.rule.id, deadline.due_at)
        if remembers < team.diligence:
            allowance = deadline.rule.every or (deadline.due_at - deadline.since)
            at = deadline.due_at - allowance * early
            yield Act(at, incident.id, command, f"owed.{deadline.rule.id}.{deadline.due_at}")


@lru_cache(maxsize=10_000)
def _diligence(seed: int, incident: IncidentId, rule: RuleId, due_at: Instant) -> tuple[float, float]:
    """Throw whether somebody remembers, and in which part of the allowance; asked again whenever they look."""
    chance = dice(seed, incident, rule, due_at, "diligence")
    return chance.random(), chance.uniform(_LATE, _EARLY)


def _fulfils(deadline: Deadline, incident: Incident, by: Actor) -> AnyCommand | None:
    """Answer the command that sets a mark which a deadline waits for, if mere words set it."""
    for mark in deadline.rule.until:
        # The instant makes two updates different that say the same.
        said = f"[{_hour(deadline.due_at)} UTC] STATUS: {incident.stage.value}. {incident.title}. ETA: unknown."
        if mark == m.RESPONDED:
            return AddNote(by=by, text="I am looking into it.")
        if mark == m.UPDATED:
            return None  # The cadences bring an update soon enough.
        if mark.startswith("updated."):
            return PostUpdate(by=by, audience=AudienceId(mark.removeprefix("updated.")), text=said)
        if mark.startswith("milestone."):
            return ReachMilestone(by=by, milestone=mark.removeprefix("milestone."))
    return None


def _hour(at: Instant) -> str:
    return at.format_iso()[11:16]
