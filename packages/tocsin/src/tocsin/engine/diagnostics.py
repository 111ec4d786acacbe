"""The diagnoser: gathers what the playbook's diagnostics say, sums it up, and tells the incident (D3, M2).

It takes up the runs that are owed, the worst incidents first, a few at a time. All diagnostics of a run go in parallel,
each under its own time limit and all under the playbook's, so a thing that hangs costs its own answer and no other. It
is a loop of its own: paging never waits for it. What it was doing when the server died is owed still and done again.
"""

import asyncio
import shlex
from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import sha256

from msgspec.structs import replace
from whenever import Instant, TimeDelta

from tocsin.actions.port import Captured, Result, Target, Unreachable
from tocsin.core.actions import Rendered, TargetKind
from tocsin.core.commands import RecordDiagnostics, Refused
from tocsin.core.diagnosis import Gathered, diagnose, read_of
from tocsin.core.diagnostics import Ask, Diagnostic, DiagnosticResult, Ending, Fetch, Look, Reading, Run
from tocsin.core.event import Actor
from tocsin.core.gathering import Gathering
from tocsin.core.ids import Digest, GatheringId
from tocsin.core.incident import Incident
from tocsin.core.limits import ATTACHMENT_MAX, DIAGNOSTICS_AT_ONCE, GATHERINGS_AT_ONCE
from tocsin.core.looks import all_looks, fetching, looks, modes_of, refusal
from tocsin.core.readings import shortened
from tocsin.core.redaction import bounded, redacted
from tocsin.core.rendering import find, render
from tocsin.core.rules import Rulebook
from tocsin.engine.baselines import Baselines
from tocsin.engine.clock import Clock
from tocsin.engine.handler import Handler
from tocsin.engine.telemetry import Telemetry
from tocsin.metrics.port import Measurements, Series
from tocsin.store.port import Attachment, Store, StoreUnavailable

BY_DIAGNOSER = Actor(via="diagnostics")

_LOOKS_AT_LEAST_EVERY = TimeDelta(seconds=30)
"""How soon a run is found that somebody else has left undone."""

_AGAIN_AFTER = TimeDelta(seconds=5)
"""How long a run rests that could not be finished because of a fault of ours."""

_FAULTS_MAX = 3
"""After so many the run is ended and says so: the watched system is not looked at again and again for our fault."""


class Diagnoser:
    """Takes up what is owed, and brings it to an end."""

    def __init__(
        self,
        store: Store,
        handler: Handler,
        targets: Mapping[TargetKind, Target],
        measurements: Measurements | None,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._store = store
        self._handler = handler
        self._targets = targets
        self._measurements = measurements
        self._baselines = Baselines(measurements)
        self._clock = clock
        self._telemetry = telemetry
        self._slots = asyncio.Semaphore(DIAGNOSTICS_AT_ONCE)
        self._under_way: dict[GatheringId, asyncio.Task[None]] = {}
        self._again_at: dict[GatheringId, Instant] = {}
        self._faults: Counter[GatheringId] = Counter()
        self._asks_at: Instant | None = None
        """When to ask what is owed; None: at the next step."""
        self._idle = False
        """Nothing was owed when that was asked last: whatever is owed from then on will hurry us."""
        handler.gathering = self.hurry
        self.rung: Callable[[], None] = lambda: None
        """Called when a run ends, so that the next is taken up."""

    def hurry(self) -> None:
        """Ask at the next step what is owed: something may be."""
        self._asks_at, self._idle = None, False

    async def step(self, now: Instant) -> Instant | None:
        """Begin as many runs as there is room for; answer when to ask again what is owed."""
        # Further away than that, the clock was set back.
        if self._asks_at is not None and now < self._asks_at <= now + _LOOKS_AT_LEAST_EVERY:
            return self._wanted()
        self._again_at = {key: at for key, at in self._again_at.items() if at > now}
        room = GATHERINGS_AT_ONCE - len(self._under_way)
        if room <= 0:
            return None  # A run that ends will ring.
        # Before asking: what is written while the store answers hurries the next step, and must not be overruled.
        self._asks_at = min((*self._again_at.values(), now + _LOOKS_AT_LEAST_EVERY))
        found = await self._store.gatherings(room, {*self._under_way, *self._again_at})
        hurried = self._asks_at is None
        self._idle = not (hurried or found or self._under_way or self._again_at)
        for owed in found:
            work = self._gather(owed) if self._faults[owed.id] < _FAULTS_MAX else self._give_up(owed)
            task = asyncio.create_task(work, name=owed.id)
            self._under_way[owed.id] = task
            task.add_done_callback(self._ended)
        return self._wanted()

    def _wanted(self) -> Instant | None:
        return None if self._idle else self._asks_at

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def stop(self) -> None:
        """Break off what is under way; it is owed still, and done after the next start."""
        for task in self._under_way.values():
            task.cancel()
        await self.settle()

    def _ended(self, task: asyncio.Task[None]) -> None:
        key = GatheringId(task.get_name())
        self._under_way.pop(key, None)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._telemetry.fault("diagnostics", fault, key)
            if not isinstance(fault, StoreUnavailable):  # The loop itself waits for the store.
                self._again_at[key] = self._clock.now() + _AGAIN_AFTER
                self._faults[key] += 1
        self.hurry()
        self.rung()

    async def _gather(self, owed: Gathering) -> None:
        incident = await self._handler.load(owed.incident)
        assert incident is not None, "what is owed was written together with its incident"
        rules = await self._handler.playbooks.of(incident)
        rows = _chosen(incident, owed, rules)
        comparing = self._baselines.compare(incident, rules, self._clock.now())
        looking = asyncio.gather(*(self._look(row, rules) for row in rows))
        gathered, comparison = await asyncio.gather(looking, comparing)
        names = {part.id: part.name for part in rules.components.values()}
        found = diagnose(gathered, comparison, modes_of(incident, rules), names, incident.evidence.rule)
        now = self._clock.now()
        attached = [_attached(one, now, comparison.healthy_until) for one in gathered]
        command = RecordDiagnostics(
            by=BY_DIAGNOSER,
            gathering=owed.id,
            results=tuple(result for result, _ in attached),
            summary=found.summary,
            suspected=found.suspected,
        )
        attachments = tuple(attachment for _, attachment in attached if attachment)
        await self._handler.handle(incident.id, command, now, attachments=attachments)

    async def _give_up(self, owed: Gathering) -> None:
        summary = ("the diagnostics could not be gathered for a fault of Tocsin's own; its log has it",)
        command = RecordDiagnostics(by=BY_DIAGNOSER, gathering=owed.id, results=(), summary=summary)
        await self._handler.handle(owed.incident, command, self._clock.now())
        del self._faults[owed.id]

    async def _look(self, row: Diagnostic, rules: Rulebook) -> Gathered:
        """Look at one thing. Whatever happens, there is a result, and it is in time."""
        began_at = self._clock.now()
        whole = rules.diagnostics.within.total("seconds")
        try:
            async with asyncio.timeout(whole), self._slots, asyncio.timeout(row.within.total("seconds")):
                gathered = await self._looked(row, rules)
        except TimeoutError:
            gathered = _without(row, "timed_out", f"nothing within {row.within.total('seconds'):.0f} s")
        except Exception as fault:  # A target that breaks its promise costs its own answer and no other.
            self._telemetry.fault("diagnostic", fault, row.id)
            gathered = _without(row, "failed", f"fault: {type(fault).__name__}")
        self._telemetry.diagnostics.labels(gathered.result.ending).inc()
        took_s = (self._clock.now() - began_at).total("seconds")
        return _timed(gathered, round(max(0.0, took_s), 3))

    async def _looked(self, row: Diagnostic, rules: Rulebook) -> Gathered:
        match row.way:
            case Look(url):
                return _with(row, "link", url, "", line=url)
            case Ask(query, source):
                return await self._asked(row, query, source)
            case Fetch(url):
                return await self._ran(row, fetching(row, url), rules)
            case Run(action):
                try:
                    rendered = render(find(rules, action))
                except Refused as refused:
                    return _without(row, "refused", refused.detail)
                return await self._ran(row, rendered, rules)

    async def _asked(self, row: Diagnostic, query: str, source: str) -> Gathered:
        line = f"promtool query instant $PROMETHEUS {shlex.quote(query)}"
        if self._measurements is None:
            return _without(row, "unavailable", "no Prometheus is set up", line)
        now = self._clock.now()
        history = await self._measurements.history(query, now, now, TimeDelta(seconds=1), source)
        if not history.series:
            return _without(row, "failed", history.why, line)
        output = "\n".join(_sample(series) for series in history.series)
        return _with(row, "answered", output, "", line=line)

    async def _ran(self, row: Diagnostic, rendered: Rendered, rules: Rulebook) -> Gathered:
        """Run what only reads. It is looked at once more here, because this is the thing that would really run."""
        refused = refusal(rendered, rules.diagnostics)
        if refused:
            return _without(row, "refused", refused, rendered.shown)
        target = self._targets.get(rendered.target)
        if target is None:
            return _without(row, "unavailable", f"{rendered.target} is not set up", rendered.shown)
        try:
            result = await target.run(rendered, Captured())
        except Unreachable as error:
            return _without(row, "unavailable", error.why, rendered.shown)
        return _of(row, rendered, result)


def _chosen(incident: Incident, owed: Gathering, rules: Rulebook) -> tuple[Diagnostic, ...]:
    if not owed.only:
        return looks(incident, rules)
    return tuple(row for row in all_looks(incident, rules) if row.id in owed.only)


def _of(row: Diagnostic, rendered: Rendered, result: Result) -> Gathered:
    # A health endpoint that says "unhealthy" has answered.
    unwell = row.reading is Reading.HEALTH and result.exit_status is not None
    answered = result.status == "succeeded" or unwell
    ending: Ending = "answered" if answered else "failed"
    said = "" if answered else _why(result)
    return _with(
        row, ending, result.output, said, line=rendered.shown, exit_status=result.exit_status, cut=result.truncated
    )


def _why(result: Result) -> str:
    return shortened("; ".join(part for part in (result.output, result.remedy) if part)) or "it failed and said nothing"


def _with(
    row: Diagnostic,
    ending: Ending,
    output: str,
    said: str,
    *,
    line: str = "",
    exit_status: int | None = None,
    cut: bool = False,
) -> Gathered:
    """Answer a result with its output: no longer than is kept, and without secrets, whatever the target did."""
    kept, shorter = bounded(output, ATTACHMENT_MAX)
    kept = redacted(kept)
    result = DiagnosticResult(
        diagnostic=row.id,
        title=row.title,
        component=row.component,
        ending=ending,
        line=redacted(line),
        said=shortened(redacted(said)),
        exit_status=exit_status,
        cut=cut or shorter,
    )
    return Gathered(row, result, kept)


def _without(row: Diagnostic, ending: Ending, why: str, line: str = "") -> Gathered:
    return _with(row, ending, "", why, line=line)


def _timed(gathered: Gathered, took_s: float) -> Gathered:
    return replace(gathered, result=replace(gathered.result, took_s=took_s))


def _attached(one: Gathered, now: Instant, since: Instant | None) -> tuple[DiagnosticResult, Attachment | None]:
    """Answer the result as the timeline keeps it, and its output as it is kept beside it."""
    result = one.result
    if result.ending == "link" or not one.output:
        return (replace(result, said=result.said or one.output), None)
    said = result.said or read_of(one, since).line
    body = one.output.encode()
    digest = Digest(f"sha256:{sha256(body).hexdigest()}")
    return replace(result, said=said, size=len(body), digest=digest), Attachment(digest, body, now)


def _sample(series: Series) -> str:
    labels = ", ".join(f'{name}="{value}"' for name, value in series.labels.items() if name != "__name__")
    value = f"{series.points[-1][1]:g}" if series.points else "no value"
    return f"{series.labels.get('__name__', '')}{{{labels}}} {value}"
