"""A process of the simulation: the parts of a running Tocsin, all of which a crash throws away."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from whenever import Instant

from tocsin.core.commands import AnyCommand
from tocsin.core.ids import IncidentId
from tocsin.engine.clock import Chance, Numbers
from tocsin.engine.diagnostics import Diagnoser
from tocsin.engine.dispatcher import Dispatcher
from tocsin.engine.errands import Errands
from tocsin.engine.grouping import Grouping
from tocsin.engine.handler import Decision, Handler
from tocsin.engine.heartbeats import Heartbeats
from tocsin.engine.intake import Intake
from tocsin.engine.packets import Packets
from tocsin.engine.playbooks import Playbooks
from tocsin.engine.reconciler import Reconciler
from tocsin.engine.runner import Runner
from tocsin.engine.telemetry import Telemetry
from tocsin.engine.watcher import Watcher
from tocsin.simulate import laws
from tocsin.simulate.cluster import everywhere
from tocsin.simulate.dice import dice
from tocsin.simulate.faults import sign_link
from tocsin.simulate.laws import Laws
from tocsin.simulate.mishaps import Crash, SimulatedStore
from tocsin.simulate.service import SOURCE, SimulatedSignals
from tocsin.store.port import StoreUnavailable

if TYPE_CHECKING:
    from tocsin.simulate.world import World

Step = Callable[[Instant], Awaitable[Instant | None]]


class SimulatedTelemetry(Telemetry):
    """Remembers the errors of our own that a step isolated: in a simulation each of them is a broken law."""

    def __init__(self, laws: Laws) -> None:
        super().__init__()
        self._laws = laws

    def fault(self, step: str, fault: BaseException, where: str) -> None:
        """Take note of a fault, unless the scenario made it happen."""
        if not isinstance(fault, Crash | StoreUnavailable):
            self._laws.found([f"fault in {step} at {where}: {fault!r}"])


class LawfulHandler(Handler):
    """The handler, with every decision made once more to see that nothing comes of it."""

    def __init__(self, store: SimulatedStore, playbooks: Playbooks, telemetry: Telemetry, observed: Laws) -> None:
        super().__init__(store, playbooks, telemetry)
        self._observed = observed

    async def prepare(self, incident_id: IncidentId, commands: Sequence[AnyCommand], now: Instant) -> Decision:
        """Decide, and decide again."""
        before = await self.load(incident_id)
        decision = await super().prepare(incident_id, commands, now)
        given = decision.given
        self._observed.found(laws.nothing_is_decided_twice(before, decision.incident, commands, given))
        return decision


class Part:
    """One step of the engine, and when it wants to be called."""

    def __init__(self, name: str, step: Step) -> None:
        self.name = name
        self.step = step
        self.next_at: Instant | None = None
        self.seen = -1
        """The number of writes it has seen."""


class Process:
    """Tocsin while it runs: everything here is lost when it dies."""

    def __init__(self, world: "World", number: int) -> None:
        store, clock = world.store, world.clock
        self._store = store
        self.telemetry = SimulatedTelemetry(world.laws)
        self.playbooks = Playbooks(store, world.rules)
        if world.checked:
            self.handler: Handler = LawfulHandler(store, self.playbooks, self.telemetry, world.laws)
        else:
            self.handler = Handler(store, self.playbooks, self.telemetry)
        self.heartbeats = Heartbeats(store, self.playbooks)
        numbers = Numbers(store)
        grouping = Grouping(store, self.handler, numbers)
        chance = Chance(dice(world.seed, "process", number).getrandbits(64))
        decoders = {SOURCE: SimulatedSignals()}
        self.intake = Intake(store, self.handler, grouping, self.heartbeats, decoders, chance, self.telemetry)
        self.dispatcher = Dispatcher(
            store, self.handler, world.channels, sign_link, clock, chance, self.telemetry, world.rooms, world.bridges
        )
        self.reconciler = Reconciler(store, self.handler, self.telemetry)
        self.watcher = Watcher(store, self.handler, world.service, self.telemetry)
        self.errands = Errands(store, self.handler, numbers, Packets(store, self.handler))
        self.intake.reporters.append(self.errands)
        self.diagnoser = Diagnoser(store, self.handler, {}, world.service, clock, self.telemetry)
        targets = everywhere(world.cluster)
        self.runner = Runner(store, self.handler, targets, self.watcher.measure, clock, self.telemetry)
        self.timed = (
            Part("intake", self.intake.step),
            Part("reconciler", self.reconciler.step),
            Part("dispatcher", self._dispatch),
            Part("errands", self.errands.step),
            Part("diagnoser", self._diagnose),
            Part("runner", self._carry_out),
        )
        self.watch = Part("watcher", self.watcher.step)
        self.began_at = clock.now()
        self.looks_every = world.rules.watch.asks_every

    async def start(self, now: Instant) -> None:
        """Do what a starting engine does."""
        await self.playbooks.adopt(self.playbooks.current, now)
        await self.playbooks.refresh(now)
        await self.handler.awake.load(self._store)
        await self.heartbeats.load(now)
        await self.errands.load(now)
        await self.dispatcher.take_back(now)

    async def _dispatch(self, now: Instant) -> Instant | None:
        following = await self.dispatcher.step(now)
        await self.dispatcher.settle()
        return following

    async def _diagnose(self, now: Instant) -> Instant | None:
        following = await self.diagnoser.step(now)
        await self.diagnoser.settle()
        return following

    async def _carry_out(self, now: Instant) -> Instant | None:
        await self.runner.step(now)
        await self.runner.settle()
        return await self._store.next_run_at()
