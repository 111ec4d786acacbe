"""The runner: carries out what was approved, at most once, and says what became of it (M3, M4).

That a run begins is durable before anything is done, and it is begun by whoever wrote that and by nobody else. So a
server that dies in the middle leaves a run that was begun and has no end: when its lease is over it is called unknown,
with where to look, and never repeated. Everything that could stand against it is asked right before: the state, the dry
run, and, in the decision itself, whether the approval still counts.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping

from msgspec.structs import replace
from whenever import Instant

from tocsin.actions.port import Captured, Result, Target, Unreachable
from tocsin.core import marks as m
from tocsin.core.actions import READS, Rendered, TargetKind
from tocsin.core.commands import RecordRunEnded, RecordRunStarted, Refused
from tocsin.core.events import Actor, MitigationStarted, Sample
from tocsin.core.ids import ComponentId, IncidentId, RunId
from tocsin.core.incident import Incident
from tocsin.core.limits import (
    OUTPUT_IN_TIMELINE_MAX,
    RUN_LEASE,
    RUN_LEASE_RENEWED_EVERY,
    RUNS_END_WITHIN,
    RUNS_PER_STEP,
)
from tocsin.core.proposing import rendered_for, taken_back
from tocsin.core.redaction import bounded, redacted
from tocsin.core.rules import Rulebook
from tocsin.core.runs import Run
from tocsin.engine.clock import Clock
from tocsin.engine.handler import Handler
from tocsin.engine.telemetry import Telemetry
from tocsin.store.port import Change, Lease, RunRow, Store

BY_RUNNER = Actor(via="runner")

Measure = Callable[[ComponentId], Awaitable[tuple[Sample, ...]]]
"""Asks a component's objectives now."""

_OVERTIME_S = 30
"""Seconds beyond a run's own time limit after which we stop believing that its target keeps it."""

_ORPHANED = "; it may be running still, and nobody ends it at its time limit"
"""A program of this machine is a child of ours, and outlives us where nothing ends a service whole."""

_WHY_MAX = 200

Key = tuple[IncidentId, RunId]


class Runner:
    """Does things to the watched system."""

    def __init__(
        self,
        store: Store,
        handler: Handler,
        targets: Mapping[TargetKind, Target],
        measure: Measure | None,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._store = store
        self._handler = handler
        self._targets = targets
        self._measure = measure
        self._clock = clock
        self._telemetry = telemetry
        self._under_way: dict[Key, asyncio.Task[None]] = {}
        self._unwritten: dict[Key, RecordRunEnded] = {}
        self._renew_at: Instant | None = None
        self.rung: Callable[[], None] = lambda: None
        """Called when a run ends, so that whoever sleeps looks again."""

    async def step(self, now: Instant) -> Instant | None:
        """Begin what is ready, give up what nobody owns any more; answer when to look again."""
        await self._write_ends()
        await self._renew(now)
        for row in await self._store.runs_due(now, RUNS_PER_STEP + len(self._under_way)):
            if row.key in self._under_way or row.key in self._unwritten:
                continue
            if row.state == "ready":
                self._begin(row)
            else:
                await self._lost(row)
        following = await self._store.next_run_at()
        if self._under_way or self._unwritten:
            return now + RUN_LEASE_RENEWED_EVERY
        return following

    async def settle(self) -> None:
        """Wait for what is under way; what takes too long ends as unknown."""
        if self._under_way:
            await asyncio.wait(self._under_way.values(), timeout=RUNS_END_WITHIN.total("seconds"))
        for task in self._under_way.values():
            task.cancel()
        while self._under_way:
            await asyncio.wait(self._under_way.values())

    def _begin(self, row: RunRow) -> None:
        task = asyncio.create_task(self._carry_out(row.incident, row.run), name=f"{row.incident} {row.run}")
        self._under_way[row.key] = task
        task.add_done_callback(lambda done: self._ended(row.key, done))

    def _ended(self, key: Key, task: asyncio.Task[None]) -> None:
        del self._under_way[key]
        if not task.cancelled() and (fault := task.exception()) is not None:
            # Not begun, it is due again; begun, its lease runs out and it is unknown: never twice.
            self._telemetry.fault("runner", fault, task.get_name())
        self.rung()

    async def _renew(self, now: Instant) -> None:
        """Say that what this process does still belongs to it."""
        if not self._under_way or (self._renew_at is not None and now < self._renew_at <= now + RUN_LEASE):
            return
        self._renew_at = now + RUN_LEASE_RENEWED_EVERY
        leases = tuple(Lease(incident, run, now + RUN_LEASE) for incident, run in self._under_way)
        await self._store.commit(Change(leases=leases))

    async def _lost(self, row: RunRow) -> None:
        """End a run whose process is gone: nobody knows how far it came."""
        incident = await self._handler.load(row.incident)
        run = incident.runs.by_id.get(row.run) if incident else None
        if incident is None or run is None:
            return
        rules = await self._handler.playbooks.of(incident)
        here = run.rendered.target is TargetKind.COMMAND
        ended = RecordRunEnded(
            by=BY_RUNNER,
            run=row.run,
            outcome="unknown",
            why=f"Tocsin was ended while it ran, and nobody heard how it ended{_ORPHANED if here else ''}",
            remedy=where_to_look(rules, incident, run),
        )
        await self._handler.handle(row.incident, ended, self._clock.now())

    async def _carry_out(self, incident_id: IncidentId, run_id: RunId) -> None:
        incident = await self._handler.load(incident_id)
        run = incident.runs.by_id.get(run_id) if incident else None
        if incident is None or run is None:
            return
        rules = await self._handler.playbooks.of(incident)
        try:
            found = await self._asked_before(run, incident, rules)
        except Exception as fault:  # Asked again, a target that breaks its promise breaks it again, without end.
            self._telemetry.fault("runner", fault, f"{incident_id} {run_id}")
            problem = f"fault while the state before was looked at: {type(fault).__name__}"
            found = RecordRunStarted(by=BY_RUNNER, run=run_id, before=run.before, problem=problem)
        # What a target says of a problem may quote anything: an address with a password, a header.
        found = replace(found, problem=redacted(found.problem), remedy=redacted(found.remedy))
        events = await self._handler.handle(incident_id, found, self._clock.now())
        if not any(isinstance(event, MitigationStarted) and event.run == run_id for event in events):
            return  # Something spoke against it, or another process was first.
        ended = await self._done(run, incident, rules)
        self._unwritten[incident_id, run_id] = ended
        await self._write(incident_id, ended)

    async def _asked_before(self, run: Run, incident: Incident, rules: Rulebook) -> RecordRunStarted:
        """Look at the world once more; what is found is decided on by the core."""
        found = RecordRunStarted(by=BY_RUNNER, run=run.id)
        target = self._targets.get(run.rendered.target)
        if target is None:
            problem = f"no target is set up for {run.rendered.target.value}"
            return replace(found, problem=problem, remedy="set one up; see docs/operating.md")
        try:
            captured = await target.capture(_unpinned(run, rules), incident.at(m.DETECTED))
        except Unreachable as error:
            problem = f"the state before cannot be captured: {error.why}"
            return replace(found, before=run.before, problem=problem, remedy=error.remedy)
        except Refused as refused:
            return replace(found, before=run.before, problem=refused.detail, remedy=refused.remedy)
        found = replace(found, before=captured.facts)
        return found if not run.changes else await self._rehearsed(target, run, captured, found)

    async def _rehearsed(
        self, target: Target, run: Run, captured: Captured, found: RecordRunStarted
    ) -> RecordRunStarted:
        tried = await target.rehearse(run.rendered, captured)
        said = bounded(tried.output, OUTPUT_IN_TIMELINE_MAX)[0]
        if tried.status != "succeeded":
            return replace(found, problem=f"the dry run failed: {_last_line(said)}", remedy=tried.remedy)
        samples = await self._measure(run.component) if self._measure else ()
        return replace(found, rehearsed=said, samples=samples)

    async def _done(self, run: Run, incident: Incident, rules: Rulebook) -> RecordRunEnded:
        """Do it, once, and say what came of it whatever happens."""
        target = self._targets[run.rendered.target]
        look = where_to_look(rules, incident, run)
        try:
            async with asyncio.timeout(run.rendered.time_limit_s + _OVERTIME_S):
                result = await target.run(run.rendered, Captured(run.before))
        except TimeoutError:
            return _unknown(run, f"it did not end within {run.rendered.time_limit_s + _OVERTIME_S} s", look)
        except asyncio.CancelledError:
            return _unknown(run, "Tocsin was stopped while it ran", look)
        except Exception as fault:  # A target that breaks its promise: it may have been done all the same.
            self._telemetry.fault("runner", fault, f"{incident.id} {run.id}")
            return _unknown(run, f"fault in the target: {type(fault).__name__}", look)
        ended = _ended_with(run, result, look)
        return replace(ended, after=await self._state_after(target, run, rules) or result.facts)

    async def _state_after(self, target: Target, run: Run, rules: Rulebook) -> Mapping[str, str]:
        """Capture what the inverse would begin with, so that it can be offered without delay (M5)."""
        inverse = taken_back(rules, run)
        if inverse is None:
            return {}
        try:
            return (await target.capture(inverse)).facts
        except Unreachable:
            return {}

    async def _write_ends(self) -> None:
        """Write down what could not be written when it happened."""
        for key, ended in list(self._unwritten.items()):
            if key not in self._under_way:
                await self._write(key[0], ended)

    async def _write(self, incident: IncidentId, ended: RecordRunEnded) -> None:
        """Write the end of a run. If the store fails, it is kept here and written as soon as that is possible."""
        await self._handler.handle(incident, ended, self._clock.now())
        self._unwritten.pop((incident, ended.run), None)


def _unpinned(run: Run, rules: Rulebook) -> Rendered:
    """Answer a run's action as it was asked for, so that the same question is asked of the world again."""
    return rendered_for(rules, run.rendered.action, run.rendered.parameters)


def _ended_with(run: Run, result: Result, look: str) -> RecordRunEnded:
    said = redacted(result.output)  # Whatever the target did: it is told to many.
    output, _ = bounded(said, OUTPUT_IN_TIMELINE_MAX)
    raw = said.encode()
    return RecordRunEnded(
        by=BY_RUNNER,
        run=run.id,
        outcome=result.status,
        why=_why_unknown(said) if result.status == "unknown" else "",
        remedy=result.remedy or (look if result.status == "unknown" else ""),
        exit_status=result.exit_status,
        output=output,
        output_digest=hashlib.sha256(raw).hexdigest() if raw else "",
        output_bytes=len(raw),
        after=result.facts,
    )


def _why_unknown(said: str) -> str:
    """Answer the target's own last word, in which it says how it came to know nothing."""
    last = _last_line(said).strip("[]")[:_WHY_MAX]
    return f"nobody knows how far it came: {last}" if said else "nobody heard how it ended"


def _unknown(run: Run, why: str, look: str) -> RecordRunEnded:
    return RecordRunEnded(by=BY_RUNNER, run=run.id, outcome="unknown", why=why, remedy=look)


def where_to_look(rules: Rulebook, incident: Incident, run: Run) -> str:
    """Say by which action of the playbook a person sees what a run has done."""
    same = [one for one in rules.actions.values() if one.component == run.rendered.component and one.verb in READS]
    near = next((one for one in same if one.workload == run.rendered.workload), None) or next(iter(same), None)
    at = run.rendered.workload or (run.rendered.argv[0] if run.rendered.argv else run.rendered.target.value)
    how = f": tocsin mitigate {incident.id} {near.id}" if near else ""
    return f"look at {at} before anything else{how}; it is not done again by itself"


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")
