"""The playbook's actions as rows: what may be done to the watched system, by which verb, with which parameters.

An action is data. `tocsin.core.rendering` lays values over it and answers the exact thing that would run; an adapter in
`tocsin.actions` carries that out. Nothing in between adds a word to it, so what a person approved is what runs.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal, NewType

import msgspec
from whenever import TimeDelta

from tocsin.core.ids import ComponentId

ActionId = NewType("ActionId", str)
"""``agent-booster.undo``: the component's id and what is done."""

FailureModeId = NewType("FailureModeId", str)


class TargetKind(StrEnum):
    """What carries an action out."""

    KUBERNETES = "kubernetes"
    """A cluster, through its API."""
    SUPERVISOR = "supervisor"
    """The supervisor of services on one machine; it has a cluster's verbs."""
    HTTP = "http"
    """A URL of the allow-list."""
    COMMAND = "command"
    """A program of this machine, by its argument vector."""


class Verb(StrEnum):
    """What is done. A closed list: what is not here cannot be done."""

    RESTART = "restart"
    UNDO = "undo"
    SCALE = "scale"
    SET_ENV = "set_env"
    SET_RESOURCES = "set_resources"
    LOGS = "logs"
    GET = "get"
    HISTORY = "history"
    EXEC = "exec"
    HTTP_GET = "http_get"
    HTTP_POST = "http_post"
    COMMAND = "command"


READS: Final = frozenset({Verb.LOGS, Verb.GET, Verb.HISTORY, Verb.HTTP_GET})
"""What can only read."""

RUNS: Final = frozenset({Verb.EXEC, Verb.COMMAND})
"""What reads or changes as its program does; the playbook says which."""

CHANGES: Final = frozenset(Verb) - READS - RUNS
"""What always changes the world."""

ON_WORKLOAD: Final = frozenset(
    {Verb.RESTART, Verb.UNDO, Verb.SCALE, Verb.SET_ENV, Verb.SET_RESOURCES, Verb.LOGS, Verb.HISTORY, Verb.EXEC}
)
"""What needs a workload to be done to."""

ARGUMENTS: Final[Mapping[Verb, frozenset[str]]] = {
    Verb.RESTART: frozenset(),
    Verb.UNDO: frozenset({"to_revision"}),
    Verb.SCALE: frozenset({"replicas"}),
    Verb.SET_ENV: frozenset({"name", "value"}),
    Verb.SET_RESOURCES: frozenset({"memory", "cpu"}),
    Verb.LOGS: frozenset({"tail"}),
    Verb.GET: frozenset({"what"}),
    Verb.HISTORY: frozenset(),
    Verb.EXEC: frozenset(),
    Verb.HTTP_GET: frozenset({"url"}),
    Verb.HTTP_POST: frozenset({"url", "body"}),
    Verb.COMMAND: frozenset(),
}
"""The arguments that each verb knows."""

NEEDED: Final[Mapping[Verb, frozenset[str]]] = {
    Verb.SCALE: frozenset({"replicas"}),
    Verb.SET_ENV: frozenset({"name"}),
    Verb.HTTP_GET: frozenset({"url"}),
    Verb.HTTP_POST: frozenset({"url"}),
}
"""The arguments without which a verb means nothing. What is left out of ``set_env`` and ``set_resources`` is removed;
a revision left out of ``undo`` is pinned when the state before is captured."""

CARRIED: Final[Mapping[TargetKind, frozenset[Verb]]] = {
    TargetKind.KUBERNETES: ON_WORKLOAD | {Verb.GET},
    TargetKind.SUPERVISOR: (ON_WORKLOAD | {Verb.GET}) - {Verb.EXEC},
    TargetKind.HTTP: frozenset({Verb.HTTP_GET, Verb.HTTP_POST}),
    TargetKind.COMMAND: frozenset({Verb.COMMAND}),
}
"""Which target carries which verbs out."""


class ParameterKind(StrEnum):
    """What a parameter's value may look like."""

    INTEGER = "integer"
    TEXT = "text"
    CHOICE = "choice"
    QUANTITY = "quantity"
    """Of memory or processors, as Kubernetes writes it: ``4Gi``, ``500m``."""
    HOST = "host"
    """A host name or an address."""


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One blank in an action, and what may be written into it."""

    name: str
    kind: ParameterKind
    title: str = ""
    default: str | None = None
    optional: bool = False
    """Whether it may be left out altogether (given as null)."""
    minimum: str | None = None
    maximum: str | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    """Of a text; the whole of it must match."""
    clause: str = ""


Risk = Literal["low", "medium", "high"]
Approvals = Literal[0, 1, 2]


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """Something that may be done, with its blanks."""

    id: ActionId
    clause: str
    title: str
    component: ComponentId | None = None
    """None: it is of no one component and may be asked for any."""
    target: TargetKind
    verb: Verb
    workload: str = ""
    """As ``kubectl`` names it: ``deployment/agent-booster``."""
    namespace: str = ""
    container: str = ""
    """Empty: as ``kubectl`` chooses: every one to set something in, the default one to read or to run in."""
    argv: tuple[str, ...] = ()
    """Of ``exec`` and ``command``. A word that is ``{name}`` and nothing else is a parameter."""
    arguments: Mapping[str, str] = {}
    """Of the other verbs; a value may be ``{name}``."""
    parameters: tuple[Parameter, ...] = ()
    changes: bool
    """Whether it changes the world. What does needs an approval (M4)."""
    risk: Risk = "low"
    approvals: Approvals = 0
    """How many people must approve it; two for what the playbook marks destructive."""
    expects: str = ""
    """What should be seen if it helps."""
    inverse: ActionId | None = None
    """What takes it back."""
    fits: tuple[FailureModeId, ...] = ()
    """The failure modes that it is a mitigation or a diagnostic of."""
    at_declaration: bool = False
    """Whether it is run by itself when an incident of its component is declared (M2, D3). Only what reads may be."""
    time_limit: TimeDelta = TimeDelta(minutes=1)
    """Of the real clock: a playbook that runs faster does not make a program run faster."""

    def parameter(self, name: str) -> Parameter | None:
        """Find a parameter by its name."""
        return next((one for one in self.parameters if one.name == name), None)


class FailureMode(msgspec.Struct, frozen=True, kw_only=True):
    """A known way for a component to fail: how it is recognised, what to look at, what to do, in order."""

    id: FailureModeId
    clause: str
    component: ComponentId
    title: str
    recognised: str
    """How a person knows it."""
    thresholds: tuple[str, ...] = ()
    """The component's thresholds that speak for it, by their ids in the rulebook."""
    logs: tuple[str, ...] = ()
    """Words in the component's logs that speak for it."""
    diagnostics: tuple[ActionId, ...] = ()
    mitigations: tuple[ActionId, ...] = ()


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """An action with its blanks filled: exactly what would run, and the line that a person reads."""

    action: ActionId
    component: ComponentId | None = None
    target: TargetKind
    verb: Verb
    workload: str = ""
    namespace: str = ""
    container: str = ""
    argv: tuple[str, ...] = ()
    arguments: Mapping[str, str] = {}
    parameters: Mapping[str, str | None] = {}
    """The values that filled the blanks; None was left out on purpose."""
    changes: bool
    time_limit_s: int
    shown: str
    """The equal line of the shell: ``kubectl rollout restart deployment/agent-booster -n agentic-flow``."""

    @property
    def digest(self) -> str:
        """Answer what an approval signs: SHA-256 over the canonical JSON of all of it."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()
