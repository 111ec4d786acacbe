"""The runner: at most once, looked at right before, and an end for everything that was begun (M3, M4)."""

import asyncio

import pytest
from whenever import Instant

from tocsin.actions.memory import MemoryTarget, State, Workload
from tocsin.actions.port import Captured, Result
from tocsin.core import events as e
from tocsin.core.actions import Rendered, TargetKind
from tocsin.core.commands import Acknowledge, ApproveMitigation, AssignRole, Reason, Refused
from tocsin.core.events import Actor
from tocsin.core.ids import INCIDENT_COMMANDER, IncidentId, PersonId, RunId
from tocsin.core.limits import RUN_LEASE
from tocsin.core.runs import Run
from tocsin.engine.mitigations import Mitigations
from tocsin.engine.runner import Runner
from tocsin.metrics.port import Figure
from tocsin.store.memory import MemoryStore
from tocsin.store.port import Change, StoreUnavailable

from ..arms import SCALE, UNDO, armed
from ..builders import TUESDAY_MORNING, changed, minutes
from .conftest import RememberingChannel, Whole

LEADER, OTHER = PersonId("aisha-bello"), PersonId("jamal-haddad")
INC = IncidentId("INC-1")
BOOSTER = "deployment/agent-booster"
R1 = RunId("R1")


def deployed() -> MemoryTarget:
    old, new = TUESDAY_MORNING - minutes(600), TUESDAY_MORNING - minutes(5)
    return MemoryTarget(
        {BOOSTER: Workload(history={1: State("booster:1.9.0", at=old), 2: State("booster:1.9.1", at=new)})}
    )


class Hanging(MemoryTarget):
    """A target whose command never ends by itself."""

    def __init__(self) -> None:
        super().__init__(deployed().workloads)
        self.begun = asyncio.Event()

    async def run(self, action: Rendered, before: Captured) -> Result:
        self.ran.append(action)
        self.begun.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets that event")


class Strict(MemoryTarget):
    """A target whose dry run says no."""

    async def rehearse(self, action: Rendered, before: Captured) -> Result:
        return Result("failed", "exceeded quota, said https://tocsin:hunter2@cluster", remedy="ask for more")


class Blind(MemoryTarget):
    """A target that breaks its promise when it is looked at again."""

    async def rehearse(self, action: Rendered, before: Captured) -> Result:
        raise KeyError("spec")


class Broken(MemoryTarget):
    """A target that breaks its promise never to raise."""

    async def run(self, action: Rendered, before: Captured) -> Result:
        self.ran.append(action)
        raise RuntimeError("a bug of ours")


class Forgetful(MemoryStore):
    """A store whose disk is full when it is told so."""

    full = False

    async def commit(self, change: Change) -> None:
        if self.full:
            raise StoreUnavailable("the disk is full")
        await super().commit(change)


class Field:
    """An engine, a target, and an incident that is led."""

    def __init__(self, target: MemoryTarget, store: MemoryStore | None = None) -> None:
        self.target = target
        rules = changed(armed(), next_review_on=armed().next_review_on.replace(year=2030))
        self.whole = Whole(store or MemoryStore(), rules, TUESDAY_MORNING, RememberingChannel())
        self._equip()

    def _equip(self) -> None:
        whole, targets = self.whole, {TargetKind.KUBERNETES: self.target}
        self.runner = Runner(whole.store, whole.handler, targets, whole.watcher.measure, whole.clock, whole.telemetry)
        self.mitigations = Mitigations(whole.store, whole.handler, targets)

    async def led(self) -> "Field":
        await self.whole.start()
        await self.whole.alerts(
            {
                "status": "firing",
                "fingerprint": "f1",
                "labels": {"alertname": "Down", "component": "agent-booster", "severity": "SEV1"},
                "startsAt": TUESDAY_MORNING.format_iso(),
            }
        )
        await self.whole.do(Acknowledge(by=Actor(LEADER, via="test")))
        return self

    async def killed(self) -> None:
        """The process is gone with all it had in memory; another one comes up over the same store."""

        async def gone(*_: object) -> None:
            raise StoreUnavailable("the process is gone")

        self.runner._write = gone  # type: ignore[method-assign]  # What is dead writes nothing.
        for task in self.runner._under_way.values():
            task.cancel()
        self.whole = self.whole.again()
        self._equip()
        await self.whole.start()

    async def propose(self, action: str = UNDO, **values: int) -> RunId:
        return await self.mitigations.propose(INC, action, values, Actor(OTHER, via="test"), self.whole.clock.now())

    async def approve(self, run: RunId = R1) -> None:
        digest = (await self.run(run)).digest
        await self.whole.do(ApproveMitigation(by=Actor(LEADER, via="test"), run=run, digest=digest))

    async def step(self) -> Instant | None:
        following = await self.runner.step(self.whole.clock.now())
        await self.runner.settle()
        return following

    async def run(self, run: RunId = R1) -> Run:
        incident = await self.whole.handler.load(INC)
        assert incident is not None
        return incident.runs.by_id[run]

    async def done(self, action: str = UNDO, **values: int) -> Run:
        run = await self.propose(action, **values)
        await self.approve(run)
        await self.step()
        return await self.run(run)


@pytest.mark.clause("M3", "M4")
async def test_what_was_approved_is_done_once_and_its_output_is_in_the_timeline_and_the_channel() -> None:
    field = await Field(deployed()).led()
    field.whole.service.figure = Figure(0.5)
    run = await field.done(UNDO)
    for _ in range(3):
        await field.step()
    assert [rendered.shown for rendered in field.target.ran] == [run.rendered.shown]
    assert field.target.workloads[BOOSTER].state.image == "booster:1.9.0"
    (ended,) = await field.whole.of(e.MitigationEnded)
    assert isinstance(ended, e.MitigationEnded)
    assert (ended.outcome, ended.output_bytes) == ("succeeded", len(ended.output))
    assert len(ended.output_digest) == 64
    (started,) = await field.whole.of(e.MitigationStarted)
    assert isinstance(started, e.MitigationStarted)
    assert started.samples, "the objectives were asked right before"
    assert started.rehearsed == "rehearsed in memory"
    await field.whole.dispatch()
    said = [message for message, address, _ in field.whole.channel.got if address.startswith("#inc")]
    assert any("R1 succeeded" in message.subject for message in said)


@pytest.mark.clause("M4")
async def test_without_an_approval_nothing_is_done() -> None:
    field = await Field(deployed()).led()
    await field.propose(UNDO)
    assert await field.step() is None
    assert field.target.ran == []


@pytest.mark.clause("M4")
async def test_an_approver_who_handed_the_role_over_before_it_began_has_approved_nothing() -> None:
    field = await Field(deployed()).led()
    await field.propose(UNDO)
    await field.approve()
    await field.whole.do(AssignRole(by=Actor(LEADER), role=INCIDENT_COMMANDER, person=PersonId("mara-lindqvist")))
    await field.step()
    run = await field.run()
    assert (run.outcome, field.target.ran) == ("not_run", [])
    assert "may no longer" in run.why


@pytest.mark.clause("M4")
async def test_a_world_that_changed_since_the_approval_is_left_alone() -> None:
    field = await Field(deployed()).led()
    await field.propose(UNDO)
    await field.approve()
    field.target.workloads[BOOSTER].replicas = 9
    await field.step()
    run = await field.run()
    assert (run.outcome, field.target.ran) == ("not_run", [])
    assert "replicas was 2, is 9" in run.why


@pytest.mark.clause("M4")
async def test_what_cannot_be_seen_any_more_is_not_touched() -> None:
    field = await Field(deployed()).led()
    await field.propose(UNDO)
    await field.approve()
    field.target.workloads.clear()
    await field.step()
    assert (await field.run()).why.startswith("the state before cannot be captured")
    assert field.target.ran == []


@pytest.mark.clause("M4")
async def test_a_command_that_fails_says_how_and_is_not_tried_again() -> None:
    field = await Field(deployed()).led()
    field.target.fails = Result("failed", "exceeded quota\n", exit_status=1, remedy="ask for more quota")
    run = await field.done(UNDO)
    await field.step()
    assert (run.outcome, run.exit_status, run.remedy) == ("failed", 1, "ask for more quota")
    assert len(field.target.ran) == 1


@pytest.mark.clause("M4")
async def test_what_the_dry_run_refuses_is_not_done() -> None:
    field = await Field(Strict(deployed().workloads)).led()
    run = await field.done(UNDO)
    assert (run.outcome, field.target.ran) == ("not_run", [])
    assert run.why == "the dry run failed: exceeded quota, said https://[redacted]@cluster"
    assert run.remedy == "ask for more"


@pytest.mark.clause("M4")
async def test_what_a_target_says_is_told_to_nobody_with_a_secret_in_it() -> None:
    field = await Field(deployed()).led()
    field.target.fails = Result("unknown", "asked https://tocsin:hunter2@cluster\n[the connection broke]")
    run = await field.done(UNDO)
    assert run.output == "asked https://[redacted]@cluster\n[the connection broke]"
    assert run.why == "nobody knows how far it came: the connection broke"


@pytest.mark.clause("M4")
async def test_a_flood_of_output_is_cut_in_the_timeline_and_known_by_its_digest() -> None:
    field = await Field(deployed()).led()
    field.target.fails = Result("succeeded", "begin\n" + "x" * 79 + "\n" + "line\n" * 10_000 + "end\n", exit_status=0)
    run = await field.done(UNDO)
    assert len(run.output.encode()) < 9_000
    assert run.output.startswith("begin")
    assert run.output.rstrip().endswith("end")
    (ended,) = await field.whole.of(e.MitigationEnded)
    assert isinstance(ended, e.MitigationEnded)
    assert ended.output_bytes > 50_000


@pytest.mark.clause("M4")
async def test_a_server_killed_while_a_command_runs_leaves_unknown_look_and_never_runs_it_again() -> None:
    field = await Field(target := Hanging()).led()
    await field.propose(UNDO)
    await field.approve()
    await field.runner.step(field.whole.clock.now())
    await target.begun.wait()
    store = field.whole.store
    before = await store.timeline(INC)

    await field.killed()
    await asyncio.sleep(0)
    assert await store.timeline(INC) == before
    assert await field.step() is not None, "its lease is not over yet"
    assert await store.timeline(INC) == before
    field.whole.later(seconds=RUN_LEASE.total("seconds") + 1)
    for _ in range(3):
        await field.step()

    run = await field.run()
    assert (run.outcome, len(target.ran)) == ("unknown", 1)
    assert run.why.startswith("Tocsin was ended while it ran")
    assert "look at deployment/agent-booster" in run.remedy
    assert "agent-booster.logs" in run.remedy
    with pytest.raises(Refused) as refused:
        await field.approve()
    assert refused.value.reason is Reason.APPROVAL_USED


@pytest.mark.clause("M4")
async def test_what_is_being_done_is_not_taken_for_lost_however_long_it_takes() -> None:
    field = await Field(target := Hanging()).led()
    await field.propose(UNDO)
    await field.approve()
    await field.runner.step(field.whole.clock.now())
    await target.begun.wait()
    other = Field(deployed(), field.whole.store)
    for _ in range(10):
        field.whole.later(seconds=4)
        other.whole.clock.at = field.whole.clock.at
        await field.runner.step(field.whole.clock.now())
        await other.runner.step(other.whole.clock.now())
        await other.runner.settle()
    assert (await other.run()).outcome is None
    assert other.target.ran == []
    for task in field.runner._under_way.values():
        task.cancel()
    await field.runner.settle()


@pytest.mark.clause("M4")
async def test_two_servers_over_one_store_do_it_once() -> None:
    field = await Field(deployed()).led()
    await field.propose(UNDO)
    await field.approve()
    other = Field(deployed(), field.whole.store)
    now = field.whole.clock.now()
    await asyncio.gather(field.runner.step(now), other.runner.step(now))
    await asyncio.gather(field.runner.settle(), other.runner.settle())
    assert len(field.target.ran) + len(other.target.ran) == 1
    field.whole.handler.forget([INC])
    assert (await field.run()).outcome == "succeeded"


@pytest.mark.clause("M4")
async def test_a_server_that_is_stopped_says_of_what_it_cannot_wait_for_that_nobody_knows() -> None:
    field = await Field(target := Hanging()).led()
    await field.propose(UNDO)
    await field.approve()
    await field.runner.step(field.whole.clock.now())
    await target.begun.wait()
    for task in field.runner._under_way.values():
        task.cancel()  # As `settle` does when its time is over.
    await field.runner.settle()
    run = await field.run()
    assert (run.outcome, run.why) == ("unknown", "Tocsin was stopped while it ran")


async def test_a_fault_of_a_target_is_counted_and_leaves_unknown() -> None:
    field = await Field(Broken(deployed().workloads)).led()
    run = await field.done(UNDO)
    assert (run.outcome, run.why) == ("unknown", "fault in the target: RuntimeError")


async def test_a_fault_while_it_is_looked_at_again_ends_it_and_is_not_met_again_and_again() -> None:
    field = await Field(Blind(deployed().workloads)).led()
    run = await field.done(UNDO)
    assert (run.outcome, field.target.ran) == ("not_run", [])
    assert run.why == "fault while the state before was looked at: KeyError"
    assert await field.step() is None


async def test_an_end_that_could_not_be_written_is_written_when_that_is_possible() -> None:
    store = Forgetful()
    field = await Field(target := deployed(), store).led()
    await field.propose(UNDO)
    await field.approve()
    happened = target.run

    async def then_full(action: Rendered, before: Captured) -> Result:
        store.full = True
        return await happened(action, before)

    target.run = then_full  # type: ignore[method-assign]  # The disk fills up while the command runs.
    await field.step()
    assert (await field.run()).outcome is None
    store.full = False
    field.whole.later(seconds=30)
    await field.step()
    assert (await field.run()).outcome == "succeeded"
    assert len(target.ran) == 1


@pytest.mark.clause("M5")
async def test_worse_has_the_inverse_ready_with_the_state_it_would_begin_with() -> None:
    field = await Field(deployed()).led()
    field.whole.service.figure, field.whole.service.health = Figure(0.002), Figure(1.0)
    await field.done(SCALE, replicas=9)
    field.whole.service.health = Figure(0.0, "answers 503")
    field.whole.later(minutes=1)
    await field.whole.watcher.step(field.whole.clock.now())
    field.whole.later(minutes=4.5)
    await field.whole.reconciler.step(field.whole.clock.now())
    inverse = await field.run(RunId("R2"))
    assert inverse.rendered.shown.endswith("--replicas=2 -n agentic-flow")
    assert inverse.before["replicas"] == "9"
    await field.approve(RunId("R2"))
    await field.step()
    assert field.target.workloads[BOOSTER].replicas == 2


@pytest.mark.clause("M3")
async def test_what_helped_before_is_suggested_first_with_the_counts() -> None:
    field = await Field(deployed()).led()
    first = [each.action for each in await field.mitigations.suggested(INC) or ()]
    field.whole.service.health = Figure(0.0, "answers 503")
    await field.done(SCALE, replicas=4)
    field.whole.service.health = Figure(1.0)
    field.whole.later(minutes=1)
    await field.whole.watcher.step(field.whole.clock.now())
    field.whole.later(minutes=4.5)
    await field.whole.reconciler.step(field.whole.clock.now())
    then = await field.mitigations.suggested(INC) or ()
    records = {each.action: (each.record.helped, each.record.tried) for each in then}
    assert records[SCALE] == (1, 1)
    order = [each.action for each in then]
    assert order.index(SCALE) < first.index(SCALE)
