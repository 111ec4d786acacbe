"""A rulebook with actions of the tests' own, and a tale in which they are asked for, approved and carried out."""

from functools import lru_cache
from typing import Any

from whenever import Instant

from tocsin.core.actions import Action, ActionId, FailureMode, FailureModeId, Parameter, ParameterKind, TargetKind, Verb
from tocsin.core.commands import (
    Acknowledge,
    ApproveMitigation,
    ProposeMitigation,
    RecordRunEnded,
    RecordRunStarted,
)
from tocsin.core.events import Actor, AnyEvent, Sample
from tocsin.core.ids import ComponentId, PersonId, RunId
from tocsin.core.rules import Rulebook
from tocsin.core.runs import Run

from .builders import BOOSTER, TUESDAY_MORNING, Tale, changed, rulebook, samples

UNDO, SCALE, RESTART, WIPE, LOGS, REINDEX = (
    ActionId(f"agent-booster.{name}") for name in ("undo", "scale", "restart", "wipe", "logs", "reindex")
)
DB_SCALE = ActionId("agentdb.scale")
BEFORE = {"revision": "2", "replicas": "3", "image": "booster:1.9.1", "pinned": "1", "pinned_image": "booster:1.9.0"}
MODULE_LOAD = FailureModeId("agent-booster.module-load")


def _action(key: ActionId, verb: Verb, **more: Any) -> Action:
    given: dict[str, Any] = {
        "clause": "M3",
        "title": key.partition(".")[2],
        "component": ComponentId(key.partition(".")[0]),
        "target": TargetKind.KUBERNETES,
        "workload": f"deployment/{key.partition('.')[0]}",
        "namespace": "agentic-flow",
        "changes": True,
        "approvals": 1,
    }
    return Action(id=key, verb=verb, **(given | more))


_REPLICAS = Parameter(name="replicas", kind=ParameterKind.INTEGER, default="6", minimum="0", maximum="20")
ACTIONS = (
    _action(UNDO, Verb.UNDO, title="roll back", risk="medium", expects="operations succeed again"),
    _action(RESTART, Verb.RESTART),
    _action(
        SCALE,
        Verb.SCALE,
        arguments={"replicas": "{replicas}"},
        parameters=(_REPLICAS,),
        inverse=SCALE,
        expects="p95 falls",
    ),
    _action(WIPE, Verb.EXEC, argv=("npx", "wipe"), risk="high", approvals=2),
    _action(REINDEX, Verb.EXEC, argv=("npx", "reindex"), approvals=0),
    _action(LOGS, Verb.LOGS, arguments={"tail": "100"}, changes=False, approvals=0),
    _action(DB_SCALE, Verb.SCALE, arguments={"replicas": "{replicas}"}, parameters=(_REPLICAS,), inverse=DB_SCALE),
)


@lru_cache
def armed() -> Rulebook:
    """Answer the shipped playbook with these actions, and no others."""
    mode = FailureMode(
        id=MODULE_LOAD,
        clause="M3",
        component=BOOSTER,
        title="module does not load",
        recognised="the health endpoint says so",
        thresholds=("agent-booster.down",),
        diagnostics=(LOGS,),
        mitigations=(UNDO, RESTART),
    )
    return changed(rulebook(), actions={one.id: one for one in ACTIONS}, failure_modes={MODULE_LOAD: mode})


class ArmedTale(Tale):
    """An incident over time in which things are done."""

    def __init__(self, now: Instant = TUESDAY_MORNING, rules: Rulebook | None = None) -> None:
        super().__init__(now, rules or armed())

    @classmethod
    def led(cls) -> "ArmedTale":
        """A SEV1 that the primary commands; figures are bad."""
        tale = cls()
        tale.declare()
        tale.acknowledge()
        tale.measure(good=False)
        return tale

    @property
    def leader(self) -> Actor:
        return Actor(self.primary, via="test")

    def run(self, key: str = "R1") -> Run:
        return self.state.runs.by_id[RunId(key)]

    def propose(self, action: str = UNDO, by: Actor | None = None, before: Any = None, **values: Any) -> Run:
        count = self.state.runs.count
        given = BEFORE if before is None else before
        self.do(ProposeMitigation(by=by or Actor(PersonId("jamal-haddad")), action=action, values=values, before=given))
        return self.run(f"R{max(count, self.state.runs.count)}")

    def approve(self, run: str = "R1", by: Actor | None = None) -> tuple[AnyEvent, ...]:
        return self.do(self.approval(run, by))

    def approval(self, run: str = "R1", by: Actor | None = None) -> ApproveMitigation:
        return ApproveMitigation(by=by or self.leader, run=RunId(run), digest=self.run(run).digest)

    def begin(self, run: str = "R1", before: Any = None, **more: Any) -> tuple[AnyEvent, ...]:
        given = self.run(run).before if before is None else before
        return self.do(RecordRunStarted(run=RunId(run), before=given, **more))

    def end(self, run: str = "R1", outcome: Any = "succeeded", **more: Any) -> tuple[AnyEvent, ...]:
        return self.do(RecordRunEnded(run=RunId(run), outcome=outcome, **more))

    def carried_out(self, action: str = UNDO, figures: tuple[Sample, ...] | None = None, **values: Any) -> Run:
        """Propose, approve, begin and end it."""
        run = self.propose(action, **values)
        self.approve(run.id)
        self.begin(run.id, samples=samples(good=False) if figures is None else figures)
        self.jump(0.2)
        self.end(run.id, output="done", exit_status=0, after=BEFORE)
        return self.run(run.id)

    def joins(self, person: str) -> Actor:
        actor = Actor(PersonId(person), via="test")
        self.do(Acknowledge(by=actor))
        return actor
