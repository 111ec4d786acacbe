"""The world: the real engine over a simulated disk, among simulated people, channels and services, in virtual time.

Time jumps to the earliest instant at which anybody wants something: a step of the engine, a person, the service, the
script. There everybody acts, over and over, until nothing more happens at that instant. The laws are looked at after
every write and whenever all is quiet. A crash throws the engine away and builds a new one over the same disk.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec.structs import replace
from whenever import Instant, TimeDelta

from tocsin.core import marks as m
from tocsin.core.alert import Matcher, Silence
from tocsin.core.commands import AnyCommand, ProposeMitigation, Refused, Situation
from tocsin.core.events import AnyEvent, ObjectivesMeasured
from tocsin.core.ids import ChannelName, ComponentId, IncidentId, SilenceId
from tocsin.core.incident import Incident, fold
from tocsin.core.proposing import rendered_for
from tocsin.core.rules import Rulebook
from tocsin.simulate import laws
from tocsin.simulate.cluster import Cluster
from tocsin.simulate.dice import dice
from tocsin.simulate.faults import SimulatedChannel, channel_names, rerouted
from tocsin.simulate.laws import Laws
from tocsin.simulate.mishaps import Crash, CrashPoint, SimulatedStore, VirtualClock
from tocsin.simulate.people import People
from tocsin.simulate.process import Part, Process
from tocsin.simulate.rooms import SimulatedBridges, SimulatedRooms
from tocsin.simulate.scenario import Scenario
from tocsin.simulate.service import Service
from tocsin.simulate.team import Act
from tocsin.simulate.wishes import wished
from tocsin.store.memory import MemoryStore
from tocsin.store.port import Change, StoreUnavailable

ROUNDS_MAX: Final = 2_000
"""How often everybody may act at one instant. More is an engine that never comes to rest."""

_PAUSE_AFTER_FAULT: Final = TimeDelta(seconds=1)
_EARLY_BY: Final = TimeDelta(seconds=1)


class World:
    """One run of a scenario."""

    def __init__(
        self,
        scenario: Scenario,
        rules: Rulebook,
        seed: int,
        *,
        crashes: Sequence[CrashPoint] = (),
        checked: bool = True,
    ) -> None:
        self.scenario = scenario
        self.rules = prepared(rules, scenario)
        self.seed = seed
        self.checked = checked
        self.clock = VirtualClock(scenario.starts_at)
        self.laws = Laws(scenario.starts_at)
        self.store = SimulatedStore(crashes, self._crash_by_chance)
        self.store.kept = self._kept
        self.service = Service(scenario, self.rules, seed)
        self.people = People(scenario, self.rules, self.service, seed)
        self.cluster = Cluster(self.rules, scenario.starts_at, self._world_changed)
        self.channels = {name: self._channel(name) for name in channel_names(self.rules)}
        self.rooms = SimulatedRooms(scenario, seed, lambda: self.clock.true)
        self.bridges = SimulatedBridges(scenario, seed, lambda: self.clock.true)
        self.incidents: dict[IncidentId, Incident] = {}
        self.crashes = 0
        self.ended_at = scenario.starts_at + scenario.lasts
        self._changed: dict[IncidentId, None] = {}
        self._process: Process | None = None
        self._up_at: Instant | None = scenario.starts_at
        self._held_until: Instant | None = None
        self._script = sorted(_script(scenario), key=lambda event: event[0])
        self._watched: object = None

    def _channel(self, name: ChannelName) -> SimulatedChannel:
        return SimulatedChannel(name, self.rules, self.scenario, self.people, self.seed, lambda: self.clock.true)

    async def play(self) -> None:
        """Let the scenario happen."""
        await self._set_silences()
        while (at := self._next_at()) is not None and at < self.ended_at:
            self.clock.true = max(at, self.clock.true)
            self.laws.watch(self.clock.true)
            await self._instant()
        self.clock.true = self.ended_at
        for incident in self.incidents.values():
            self.laws.found(laws.folds_are_one(incident, await self.store.timeline(incident.id)))

    def _next_at(self) -> Instant | None:
        wanted = [self._script[0][0]] if self._script else []
        process = self._process
        if process is None:
            wanted += [self._up_at] if self._up_at else []
        elif self._held_until is not None:
            wanted.append(self._held_until)
        else:
            parts = (*process.timed, process.watch)
            wanted += [self.clock.true_of(part.next_at) for part in parts if part.next_at is not None]
        wanted += [at for at in (self.service.next_at(), self.people.next_at()) if at is not None]
        return min(wanted, default=None)

    async def _instant(self) -> None:
        """Let everybody act at this instant until nothing happens any more."""
        for _ in range(ROUNDS_MAX):
            before = self.store.writes
            try:
                acted = await self._round()
            except Crash:
                self._died()
                continue
            except StoreUnavailable:
                self._held_until = self.clock.true + _PAUSE_AFTER_FAULT
                return
            if self.store.crashed:
                self._died()
            elif not acted and self.store.writes == before:
                break
        else:
            self.laws.found([f"the engine does not come to rest in {ROUNDS_MAX} rounds"])
        if self.checked and self._process is not None and self._held_until is None and not self.store.out_of_order:
            await self._check_quiet()

    async def _round(self) -> bool:
        now = self.clock.true
        acted = self._follow_script(now)
        if self._held_until is not None and now >= self._held_until:
            self._held_until = None
        if self._process is None and self._up_at is not None and now >= self._up_at:
            await self._boot()
        acted |= await self._let_service_act(now)
        while (act := self.people.take(now)) is not None:
            await self._let_person_act(act, now)
            acted = True
        if self._process is not None and self._held_until is None:
            for part in self._process.timed:
                acted |= await self._let_part_act(part)
            acted |= await self._let_watcher_act(self._process)
        await self._show_people()
        return acted

    async def _boot(self) -> None:
        self._up_at = None
        process = self._process = Process(self, self.crashes)
        self._watched = None
        try:
            await process.start(self.clock.now())
        except StoreUnavailable:
            self._process = None
            self._up_at = self.clock.true + _PAUSE_AFTER_FAULT

    def _died(self) -> None:
        """Throw the process away; whatever it had begun finds the disk gone."""
        self._process = None
        self.store.crashed = False
        self.crashes += 1
        span = self.scenario.mishaps.restarts_after.drawn(self.seed, "restart", self.crashes)
        self._up_at = self.clock.true + span

    async def _let_service_act(self, now: Instant) -> bool:
        due = self.service.next_at()
        if due is None or due > now:
            return False
        try:
            await self.service.step(now, self._accept)
            for name in self.service.beats():
                if self._process is not None:
                    await self._process.heartbeats.beat(name, self.clock.now())
        except StoreUnavailable:
            pass  # Answered 503, or not at all: the sender sends again.
        return True

    async def _accept(self, source: str, body: bytes) -> object:
        if self._process is None:
            raise StoreUnavailable("nobody listens")
        return await self._process.intake.accept(source, body, self.clock.now())

    async def _let_person_act(self, act: Act, now: Instant) -> None:
        process = self._process
        if process is None:
            self.people.failed(act, now)
            return
        refused = False
        try:
            command = await self._seen(act, process)
            await process.handler.handle(act.incident, command, self.clock.now())
        except Refused:
            refused = True
        except StoreUnavailable:
            self.people.failed(act, now)
            return
        except Crash:
            self.people.failed(act, now)
            raise
        given = await process.playbooks.situation(self.incidents.get(act.incident), now)
        self.people.done(act, replace(given, now=now), refused=refused)

    async def _seen(self, act: Act, process: Process) -> AnyCommand:
        """Answer the act's command; whoever asks for an action has looked at what it is done to."""
        command, incident = act.command, self.incidents.get(act.incident)
        if not isinstance(command, ProposeMitigation) or incident is None:
            return command
        rules = await process.playbooks.of(incident)
        rendered = rendered_for(rules, command.action, command.values)
        captured = await self.cluster.capture(rendered, incident.at(m.DETECTED))
        return replace(command, before=captured.facts)

    def _world_changed(self, component: ComponentId) -> None:
        """Somebody did something to a component: it may help."""
        drawn = dice(self.seed, "helps", component, self.clock.true).random()
        helps = drawn < self.scenario.team.mitigation_helps
        self.service.mitigated((component,), helps, self.clock.true)

    async def _let_part_act(self, part: Part) -> bool:
        now = self.clock.now()
        timely = part.next_at is not None and part.next_at <= now
        if not timely and part.seen == self.store.writes:
            return False
        part.seen = self.store.writes
        following = await part.step(now)
        if self.scenario.mishaps.extra_ticks:
            following = await part.step(now)
        part.next_at = self._late(part, following, now)
        return timely

    def _late(self, part: Part, following: Instant | None, now: Instant) -> Instant | None:
        """Answer when a part is really woken that wants to be woken then: timers are late, and early."""
        if following is None or following <= now:
            return following
        if self.scenario.mishaps.extra_ticks and following - _EARLY_BY > now:
            return following - _EARLY_BY
        return following + self.scenario.mishaps.late_ticks.drawn(self.seed, "late", part.name, following)

    async def _let_watcher_act(self, process: Process) -> bool:
        """Let the watcher measure when it is time to, and when measuring again could tell anything new."""
        now, part = self.clock.now(), process.watch
        state = (self.service.version, self.store.appended)
        if part.next_at is None and self._watched == state:
            return False
        if part.next_at is None:
            # It was let sleep: it goes on in the rhythm in which it would have measured all the time.
            part.next_at = _on_beat(process, now)
        if part.next_at > now:
            return False
        part.next_at = await part.step(now)
        if part.next_at == now + process.looks_every and (self.service.version, self.store.appended) == state:
            # The same answers to the same incidents, and nothing was worth a word: so it will be until one changes.
            self._watched, part.next_at = state, None
        return True

    async def _show_people(self) -> None:
        """Let those concerned see what has changed in their incidents."""
        process = self._process
        if process is None:
            return
        changed, self._changed = self._changed, {}
        for incident_id in changed:
            incident = self.incidents[incident_id]
            if incident.responders:
                given = await process.playbooks.situation(incident, self.clock.now())
                self.people.look(incident, replace(given, now=self.clock.true))

    def _follow_script(self, now: Instant) -> bool:
        followed = False
        while self._script and self._script[0][0] <= now:
            _, act = self._script.pop(0)
            act(self)
            followed = True
        return followed

    def _crash_by_chance(self, write: int) -> CrashPoint | None:
        share = self.scenario.mishaps.crashes
        if not share:
            return None
        chance = dice(self.seed, "crash", write)
        if chance.random() >= share:
            return None
        return CrashPoint("before" if chance.random() < 0.5 else "after", write)

    async def _set_silences(self) -> None:
        silences = tuple(
            Silence(
                id=SilenceId(f"SIL-{place}"),
                kind=quiet.kind,
                matchers=(Matcher(quiet.label, quiet.value),),
                starts_at=self.scenario.starts_at + quiet.from_,
                ends_at=self.scenario.starts_at + quiet.until,
                author="the scenario",
                reason=quiet.reason,
            )
            for place, quiet in enumerate(self.scenario.quiet)
        )
        if silences:
            await MemoryStore.commit(
                self.store, Change(silences=silences)
            )  # Before the story, so nothing happens to it.

    def _kept(self, change: Change) -> None:
        """Look at every change that was kept: what people will see of it, and whether it is lawful."""
        for append in change.appends:
            if not append.events:
                continue
            key = append.headline.id
            before = self.incidents.get(key)
            given = Situation(now=append.events[-1].at, rules=self.rules, duty={})
            self.laws.found(laws.runs_are_lawful(before, append.events, given))
            if before is not None:
                self.laws.found(laws.time_goes_forward(key, before.last_at, append.events))
            incident = fold(before, append.events)
            assert incident is not None, "a kept append has events"
            self.incidents[key] = incident
            self.cluster.kept(append.events, {run.id: run.rendered for run in incident.runs.by_id.values()})
            if before is None or not _only_measured_again(before, incident, append.events):
                self._changed[key] = None
            self.people.saw(incident)
            self.laws.found(laws.versions_count(incident, append))
            self.laws.found(laws.something_is_owed(append))
            self.laws.found(laws.pages_have_intents(append, change.intents))
            self.laws.found(laws.resolutions_are_earned(incident, append.events, self.rules))
            self.laws.found(laws.stage_of_watch(incident))
            self.laws.found(laws.unanswered_goes_on(incident, self.rules))
            self.laws.found(laws.drills_ask_one_person(incident, append.events))
            self.laws.found(laws.errands_are_answered_by_their_own(incident, append.events))
            self.laws.found(laws.pages_go_on(incident))
            self.laws.found(laws.somebody_is_in_charge(incident, self.rules))
            if self.checked and self._process is not None:
                given = Situation(now=incident.last_at, rules=self.rules, duty={})
                self.laws.found(laws.headline_is_true(append, incident, given))

    async def _check_quiet(self) -> None:
        now = self.clock.now()
        self.laws.found(laws.accounted((await self.store.counts(now)).unaccounted))
        self.laws.found(laws.looked_at(await self.store.gatherings(1)))
        if not self.scenario.mishaps.late_ticks.most and not self.scenario.mishaps.clock:
            self.laws.found(laws.nothing_is_overdue("reconciler", await self.store.next_due_at(), now))
            self.laws.found(laws.nothing_is_overdue("dispatcher", await self.store.next_delivery_at(), now))
        self.laws.found(self._alerts_known())
        self.laws.found(self.cluster.unlawful())
        self.laws.found(laws.firing_is_counted(self.incidents.values(), self.store.firing_attached()))

    def _alerts_known(self) -> Iterator[str]:
        """Every alert whose notification was accepted is known, with an incident or a named reason why not."""
        for fingerprint, said in self.service.sent.items():
            known = self.store.known(fingerprint)
            if said.status == "firing" and (known is None or (known.incident is None and not known.silence)):
                yield f"alert {fingerprint} was accepted, and there is no incident and no named reason why not"


def _only_measured_again(before: Incident, after: Incident, events: Sequence[AnyEvent]) -> bool:
    """Tell whether this is one more measurement that says what the last one said; nobody changes a plan for that."""
    return (
        all(isinstance(event, ObjectivesMeasured) for event in events)
        and before.window_began_at is not None
        and (before.verdict, before.window_began_at) == (after.verdict, after.window_began_at)
    )


def prepared(rules: Rulebook, scenario: Scenario) -> Rulebook:
    """Fit a playbook to a story: its own channels for each kind of contact, and the story's date and rhythm."""
    book = rerouted(wished(rules, scenario))
    if scenario.watch_every is not None:
        book = replace(book, watch=replace(book.watch, asks_every=scenario.watch_every))
    if scenario.heartbeats == "left out":
        book = replace(book, heartbeats={})
    if not scenario.review_overdue:
        after = (scenario.starts_at + scenario.lasts).to_tz("UTC").date().add(days=1)
        book = replace(book, next_review_on=max(after, book.next_review_on))
    return book


def _on_beat(process: Process, now: Instant) -> Instant:
    """Answer the next instant of the watcher's rhythm, which began with the process."""
    beat = process.looks_every
    passed = int((now - process.began_at) / beat)
    at = process.began_at + beat * passed
    return at if at >= now else at + beat


def _script(scenario: Scenario) -> Iterator[tuple[Instant, Callable[[World], None]]]:
    """Answer what befalls the machine, and when."""

    def set_store(out_of_order: bool) -> Callable[[World], None]:
        def act(world: World) -> None:
            world.store.out_of_order = out_of_order

        return act

    def set_clock(by: TimeDelta) -> Callable[[World], None]:
        def act(world: World) -> None:
            world.clock.offset += by

        return act

    for outage in scenario.mishaps.outages:
        at = scenario.starts_at + outage.at
        yield at, set_store(True)
        yield at + outage.lasts, set_store(False)
    for jump in scenario.mishaps.clock:
        yield scenario.starts_at + jump.at, set_clock(jump.forward - jump.back)
