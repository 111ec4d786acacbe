"""A target that lives in memory: workloads with revisions, for the simulation and for tests.

It answers as the real ones do and changes nothing but itself. Every port has an implementation like this, held to the
same contract suite.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from whenever import Instant

from tocsin.actions.output import kept
from tocsin.actions.port import Captured, Cause, Result, Unreachable
from tocsin.core.actions import Rendered, Verb
from tocsin.core.revisions import Revision, before_incident


class State(msgspec.Struct, frozen=True):
    """What a revision runs."""

    image: str = "service:1.0"
    environment: Mapping[str, str] = {}
    memory: str | None = None
    at: Instant | None = None

    @property
    def template(self) -> str:
        """Answer all of it, a restart's instant aside."""
        return repr((self.image, sorted(self.environment.items()), self.memory))


@dataclass
class Workload:
    """One workload: its replicas, its history, the lines it logged, and what its programs answer."""

    replicas: int = 2
    history: dict[int, State] = field(default_factory=lambda: {1: State()})
    lines: list[str] = field(default_factory=list)
    programs: dict[tuple[str, ...], Result] = field(default_factory=dict)

    @property
    def revision(self) -> int:
        """Answer the number of the current revision."""
        return max(self.history)

    @property
    def state(self) -> State:
        """Answer what runs."""
        return self.history[self.revision]

    def become(self, state: State) -> None:
        """Make a new revision."""
        self.history[self.revision + 1] = state


class MemoryTarget:
    """Workloads by the name that ``kubectl`` gives them."""

    def __init__(self, workloads: Mapping[str, Workload] | None = None) -> None:
        self.workloads = dict(workloads or {})
        self.ran: list[Rendered] = []
        self.fails: Result | None = None
        """If set, what every run answers instead of doing anything."""

    async def capture(self, action: Rendered, since: Instant | None = None) -> Captured:
        """Answer the state before."""
        if not action.workload:
            return Captured()
        workload = self._find(action)
        facts = _facts(workload, action)
        if action.verb is Verb.UNDO:
            facts |= _undoes(workload, action, since)
        return Captured(facts)

    async def rehearse(self, action: Rendered, before: Captured) -> Result:
        """Try it on nothing."""
        return Result("succeeded", "rehearsed in memory")

    async def run(self, action: Rendered, before: Captured) -> Result:
        """Do it."""
        self.ran.append(action)
        if self.fails is not None:
            return self.fails
        if not action.workload:
            return Result("succeeded", "\n".join(sorted(self.workloads)))
        try:
            workload = self._find(action)
        except Unreachable as error:
            return Result("failed", error.why, remedy=error.remedy)
        if action.verb is Verb.UNDO and int(action.arguments.get("to_revision", 0)) not in workload.history:
            return Result("failed", "there is no such revision", remedy="read the history and name one")
        result = _done(workload, action)
        return msgspec.structs.replace(result, facts=_facts(workload, action))

    async def close(self) -> None:
        """Nothing is held."""

    def _find(self, action: Rendered) -> Workload:
        found = self.workloads.get(action.workload)
        if found is None:
            raise Unreachable(
                Cause.NOT_FOUND, f'there is no "{action.workload}"', f"there are {', '.join(sorted(self.workloads))}"
            )
        return found


def _facts(workload: Workload, action: Rendered) -> dict[str, str]:
    state = workload.state
    facts = {"replicas": str(workload.replicas), "revision": str(workload.revision), "image": state.image}
    if action.verb is Verb.SET_ENV and action.arguments["name"] in state.environment:
        facts["value"] = state.environment[action.arguments["name"]]
    if action.verb is Verb.SET_RESOURCES and state.memory is not None:
        facts["memory"] = state.memory
    return facts


def _undoes(workload: Workload, action: Rendered, since: Instant | None) -> dict[str, str]:
    named = action.arguments.get("to_revision")
    history = [Revision(number, one.image, one.template, one.at) for number, one in workload.history.items()]
    if named is not None:
        found = next((one for one in history if str(one.number) == named), None)
        why = "named by the person who asks"
    else:
        wanted = before_incident(history, workload.revision, since)
        found, why = (wanted.revision, wanted.why) if wanted else (None, "")
    if found is None:
        raise Unreachable(Cause.NOT_FOUND, "there is no revision to go back to", "deploy the release you want")
    return {"pinned": str(found.number), "pinned_image": found.image, "pinned_why": why}


def _done(workload: Workload, action: Rendered) -> Result:
    given, state = action.arguments, workload.state
    match action.verb:
        case Verb.RESTART:
            workload.become(state)
        case Verb.UNDO:
            workload.become(workload.history[int(given["to_revision"])])
        case Verb.SCALE:
            workload.replicas = int(given["replicas"])
        case Verb.SET_ENV:
            others = {name: value for name, value in state.environment.items() if name != given["name"]}
            value = {given["name"]: given["value"]} if "value" in given else {}
            workload.become(msgspec.structs.replace(state, environment=others | value))
        case Verb.SET_RESOURCES:
            workload.become(msgspec.structs.replace(state, memory=given.get("memory")))
        case Verb.LOGS:
            said, cut = kept("\n".join(workload.lines[-int(given.get("tail", "100")) :]))
            return Result("succeeded", said, 0, cut)
        case Verb.HISTORY:
            lines = (f"{number}  {one.image}" for number, one in sorted(workload.history.items()))
            return Result("succeeded", "\n".join(lines))
        case Verb.EXEC:
            unknown = Result("failed", f"{action.argv[0]}: not found", exit_status=127)
            return workload.programs.get(action.argv, unknown)
        case _:
            pass
    return Result("succeeded", f"{action.workload}: {state.image}, {workload.replicas} replicas")
