"""The running engine: a few loops, each calling its step when it is time to. This is the only file that sleeps."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec
from whenever import Instant, TimeDelta

from tocsin.actions.port import Target
from tocsin.core.actions import TargetKind
from tocsin.core.commands import AnyCommand
from tocsin.core.events import Actor, AnyEvent, IncidentDeclared, StageChanged
from tocsin.core.ids import IncidentId, RunId
from tocsin.core.limits import DELIVERIES_END_WITHIN, STEPS_END_WITHIN
from tocsin.core.rules import Rulebook
from tocsin.engine.clock import Chance, Clock, Numbers
from tocsin.engine.contacts import Contacts
from tocsin.engine.diagnostics import Diagnoser
from tocsin.engine.dispatcher import Dispatcher
from tocsin.engine.errands import Errands
from tocsin.engine.foresight import Foresight
from tocsin.engine.handler import Handler
from tocsin.engine.heartbeats import Heartbeats
from tocsin.engine.intake import Intake
from tocsin.engine.mitigations import Mitigations, Values
from tocsin.engine.playbooks import Playbooks
from tocsin.engine.pulse import Pulse
from tocsin.engine.reconciler import Reconciler
from tocsin.engine.rota import Rota
from tocsin.engine.runner import Runner
from tocsin.engine.telemetry import Telemetry
from tocsin.engine.watcher import Watcher
from tocsin.store.port import Signal, Store, StoreUnavailable

Step = Callable[[Instant], Awaitable[Instant | None]]

_LOOKS_AT_LEAST_EVERY = TimeDelta(seconds=1)
"""A bell that was not heard costs this much at most; also how fast a corrected clock is noticed."""

_RESTS_AT_MOST = TimeDelta(milliseconds=80)
"""How long a step with more to do rests. Larger batches after a rest cost less each, so little is lost by it."""

_PAUSE_AFTER_FAULT = TimeDelta(milliseconds=250)


class Patience(msgspec.Struct, frozen=True):
    """How long a stopping engine waits, and for what."""

    steps: TimeDelta = STEPS_END_WITHIN
    deliveries: TimeDelta = DELIVERIES_END_WITHIN


PATIENCE = Patience()


class Engine:
    """All the parts of one running Tocsin, and the doors through which the ways in reach them."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        chance: Chance,
        numbers: Numbers,
        playbooks: Playbooks,
        handler: Handler,
        heartbeats: Heartbeats,
        intake: Intake,
        reconciler: Reconciler,
        dispatcher: Dispatcher,
        watcher: Watcher | None,
        errands: Errands,
        contacts: Contacts,
        diagnoser: Diagnoser | None = None,
        telemetry: Telemetry,
        targets: Mapping[TargetKind, Target] | None = None,
        rota: Rota | None = None,
        patience: Patience = PATIENCE,
    ) -> None:
        self.store = store
        self.clock = clock
        self.chance = chance
        self.numbers = numbers
        self.playbooks = playbooks
        self.handler = handler
        self.heartbeats = heartbeats
        self.intake = intake
        self.reconciler = reconciler
        self.dispatcher = dispatcher
        self.watcher = watcher
        self.errands = errands
        self.contacts = contacts
        dispatcher.code_of = contacts.code
        intake.reporters.append(errands)
        self.diagnoser = diagnoser
        self.telemetry = telemetry
        self.pulse = Pulse(store, telemetry)
        self.targets = targets or {}
        measure = watcher.measure if watcher else None
        self.runner = Runner(store, handler, self.targets, measure, clock, telemetry)
        self.mitigations = Mitigations(store, handler, self.targets)
        self.rota = rota or Rota(store, playbooks, chance)
        self.foresight = Foresight(store, playbooks, self.rota, clock)
        intake.reporters.append(self.foresight)
        self.pulse = Pulse(store, telemetry)
        self._patience = patience
        self._bells: dict[str, asyncio.Event] = {}
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Make the store know the playbook and read what the steps keep in memory."""
        now = self.clock.now()
        await self.playbooks.refresh(now)
        await self.rota.adopt(self.playbooks.current, await self.playbooks.last_adopted(), now)
        await self.handler.awake.load(self.store)
        await self.heartbeats.load(now)
        await self.errands.load(now)
        await self.dispatcher.take_back(now)
        self.dispatcher.rung = self.ring
        self.handler.rung = self.ring
        if self.diagnoser is not None:
            self.diagnoser.rung = self.ring
        self.runner.rung = self.ring
        self.rota.rung = self._calendar_changed

    async def accept(self, source: str, body: bytes) -> tuple[Signal, ...]:
        """Keep a signal; when this returns, the sender may be told so."""
        signals = await self.intake.accept(source, body, self.clock.now())
        self.ring("intake")
        return signals

    async def handle(self, incident: IncidentId, command: AnyCommand) -> tuple[AnyEvent, ...]:
        """Carry out a person's command now."""
        events = await self.handler.handle(incident, command, self.clock.now())
        if self.watcher and any(isinstance(event, IncidentDeclared | StageChanged) for event in events):
            self.watcher.hurry()
        if events:
            self.ring()
        return events

    async def propose(self, incident: IncidentId, action: str, values: Values, by: Actor) -> RunId:
        """Ask for an action of the incident's playbook; answer the run. Raises `Refused`."""
        run = await self.mitigations.propose(incident, action, values, by, self.clock.now())
        self.ring()
        return run

    async def reload(self, rulebook: Rulebook) -> None:
        """Put another version of the playbook in force for incidents yet to come."""
        await self.rota.adopt(rulebook, self.playbooks.current, self.clock.now())
        await self.heartbeats.load(self.clock.now())
        self.ring()

    def _calendar_changed(self) -> None:
        self.foresight.hurry()
        self.ring()

    def ring(self, *names: str) -> None:
        """Wake these loops, or all of them: something has changed."""
        for name in names or self._bells:
            if name in self._bells:
                self._bells[name].set()

    def stop(self) -> None:
        """Ask the loops to end after the step they are in."""
        self._stopping.set()
        self.ring()

    async def run(self) -> None:
        """Step until `stop`, then let what is under way end, for as long as there is patience.

        What is broken off loses nothing: it is as if the process had been killed at that moment. Cancelled, it does not
        wait.
        """
        try:
            await self._step_until_stopped()
            if self.diagnoser is not None:
                await self.diagnoser.stop()
            await asyncio.gather(self.runner.settle(), self.dispatcher.stop(self._patience.deliveries))
        finally:
            self.dispatcher.break_off()

    async def _step_until_stopped(self) -> None:
        steps: dict[str, Step] = {
            "intake": self.intake.step,
            "reconciler": self.reconciler.step,
            "dispatcher": self.dispatcher.step,
            "errands": self.errands.step,
            "runner": self.runner.step,
        }
        if self.watcher is not None:
            steps["watcher"] = self.watcher.step
        if self.diagnoser is not None:
            steps["diagnoser"] = self.diagnoser.step
        for name in steps:
            self.pulse.stepped(name, self.clock.now())
        steps["pulse"] = self.pulse.step
        async with asyncio.TaskGroup() as group:
            loops = []
            for name, step in steps.items():
                bell = self._bells[name] = asyncio.Event()
                loops.append(group.create_task(self._loop(name, step, bell)))
            group.create_task(self._end_of(loops))

    async def _end_of(self, loops: Sequence[asyncio.Task[None]]) -> None:
        """See the loops to their end once it was asked for; a step that does not end is broken off."""
        await self._stopping.wait()
        _, late = await asyncio.wait(loops, timeout=self._patience.steps.total("seconds"))
        for loop in late:
            loop.cancel()

    async def _loop(self, name: str, step: Step, bell: asyncio.Event) -> None:
        while not self._stopping.is_set():
            bell.clear()
            now = self.clock.now()
            try:
                next_at = await step(now)
                self.pulse.stepped(name, now)
                if next_at is not None and next_at <= now:
                    await self._give_way(now)
            except StoreUnavailable as fault:
                self.telemetry.fault(name, fault, "store")
                next_at = now + _PAUSE_AFTER_FAULT
            except Exception as fault:  # A step that fails is tried again: stopping to page is not an answer.
                self.telemetry.fault(name, fault, "step")
                next_at = now + _PAUSE_AFTER_FAULT
            await self._sleep_until(next_at, bell)

    async def _give_way(self, began_at: Instant) -> None:
        """Rest as long as the step took: a backlog must not keep senders and people waiting for their answers."""
        took = self.clock.now() - began_at
        await asyncio.sleep(min(took, _RESTS_AT_MOST).total("seconds"))

    async def _sleep_until(self, next_at: Instant | None, bell: asyncio.Event) -> None:
        wait = _LOOKS_AT_LEAST_EVERY if next_at is None else min(next_at - self.clock.now(), _LOOKS_AT_LEAST_EVERY)
        seconds = wait.total("seconds")
        if seconds <= 0:
            await asyncio.sleep(0)  # Others may go first; a step is bounded, but there may be many.
            return
        try:
            async with asyncio.timeout(seconds):
                await bell.wait()
        except TimeoutError:
            return
