"""What each verb needs to be allowed in the cluster, and why: the one source of the Role, the docs and the errors."""

from collections.abc import Mapping
from typing import Final

import msgspec

from tocsin.core.actions import Verb


class Right(msgspec.Struct, frozen=True):
    """One permission, as a rule of a Role writes it."""

    group: str
    resource: str
    verb: str

    @property
    def rule(self) -> str:
        """Write the rule."""
        return f'apiGroups: ["{self.group}"], resources: ["{self.resource}"], verbs: ["{self.verb}"]'


GET_DEPLOYMENT: Final = Right("apps", "deployments", "get")
WATCH_DEPLOYMENT: Final = Right("apps", "deployments", "watch")
PATCH_DEPLOYMENT: Final = Right("apps", "deployments", "patch")
SCALE_DEPLOYMENT: Final = Right("apps", "deployments/scale", "patch")
GET_SET: Final = Right("apps", "statefulsets", "get")
WATCH_SET: Final = Right("apps", "statefulsets", "watch")
PATCH_SET: Final = Right("apps", "statefulsets", "patch")
SCALE_SET: Final = Right("apps", "statefulsets/scale", "patch")
LIST_REPLICA_SETS: Final = Right("apps", "replicasets", "list")
LIST_PODS: Final = Right("", "pods", "list")
READ_LOGS: Final = Right("", "pods/log", "get")
OPEN_EXEC: Final = Right("", "pods/exec", "get")
MAKE_EXEC: Final = Right("", "pods/exec", "create")

_BEFORE: Final = {GET_DEPLOYMENT: "to capture the state before, and to see how far a rollout has come"}
_SETTLING: Final = {WATCH_DEPLOYMENT: "to wait for the rollout"}
_CHANGING: Final = {**_BEFORE, PATCH_DEPLOYMENT: "to change its template", **_SETTLING}
_IN_PODS: Final = {GET_DEPLOYMENT: "to find the selector of its pods", LIST_PODS: "to choose a pod"}

RIGHTS: Final[Mapping[Verb, Mapping[Right, str]]] = {
    Verb.RESTART: _CHANGING,
    Verb.UNDO: {**_CHANGING, LIST_REPLICA_SETS: "to find the revision from before the incident"},
    Verb.SET_ENV: _CHANGING,
    Verb.SET_RESOURCES: _CHANGING,
    Verb.SCALE: {
        **_BEFORE,
        SCALE_DEPLOYMENT: "to set the number of replicas and nothing else",
        **_SETTLING,
    },
    Verb.LOGS: {**_IN_PODS, READ_LOGS: "to read the log"},
    Verb.EXEC: {
        **_IN_PODS,
        OPEN_EXEC: "to open the stream: a WebSocket begins with a GET",
        MAKE_EXEC: "asked for beside it by clusters from 1.35 on",
    },
    Verb.GET: {GET_DEPLOYMENT: "to show a deployment", LIST_PODS: "to show the pods"},
    Verb.HISTORY: {GET_DEPLOYMENT: "to find its revisions", LIST_REPLICA_SETS: "to show them"},
}
"""Of deployments. A stateful set needs the same on ``statefulsets``, and no replica sets."""

_OF_SETS: Final = {
    GET_DEPLOYMENT: GET_SET,
    WATCH_DEPLOYMENT: WATCH_SET,
    PATCH_DEPLOYMENT: PATCH_SET,
    SCALE_DEPLOYMENT: SCALE_SET,
}


def rights(verb: Verb, kind: str) -> Mapping[Right, str]:
    """Answer what a verb needs on a ``deployment`` or a ``statefulset``, or with no kind on a whole namespace."""
    found = RIGHTS.get(verb, {})
    if verb is Verb.GET:
        found = {right: why for right, why in found.items() if (right is LIST_PODS) == (not kind)}
    if kind != "statefulset":
        return found
    return {_OF_SETS.get(right, right): why for right, why in found.items() if right is not LIST_REPLICA_SETS}


def table() -> str:
    """Answer the table of verbs, rights and reasons as Markdown."""
    lines = ["| verb | group | resource | right | why |", "|---|---|---|---|---|"]
    for verb, needed in RIGHTS.items():
        for right, why in needed.items():
            lines.append(f"| `{verb}` | `{right.group or 'core'}` | `{right.resource}` | `{right.verb}` | {why} |")
    return "\n".join(lines) + "\n"
