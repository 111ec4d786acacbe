"""The objects of the cluster, and the controllers that bring the world in line with them, step by step."""

import asyncio
import copy
import json
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"
CONTROLLER_HASH = "controller-revision-hash"
GONE_AFTER = 20
"""Steps without progress after which a rollout is given up; the real one counts seconds."""

Object = dict[str, Any]
Key = tuple[str, str, str]
"""Resource, namespace, name."""


class Refused(Exception):
    """What the API answers as a Status with a code."""

    def __init__(self, code: int, reason: str, message: str, **details: str) -> None:
        super().__init__(message)
        self.details = details
        self.code = code
        self.reason = reason
        self.message = message


@dataclass
class User:
    """Somebody with a token or a certificate, and what they may do: ``apps/deployments:patch``; ``*`` is all of it."""

    name: str
    may: frozenset[str] = frozenset({"*"})


@dataclass
class Program:
    """What a program in a container does."""

    out: str = ""
    err: str = ""
    code: int = 0
    hangs: bool = False
    floods: bool = False
    breaks_off: bool = False
    """The connection ends before the program does."""


@dataclass
class Cluster:
    """One cluster."""

    users: dict[str, User] = field(default_factory=lambda: {"token-of-tocsin": User("tocsin")})
    """By token."""
    broken: set[str] = field(default_factory=set)
    """Images whose pods run and never become ready."""
    programs: dict[tuple[str, ...], Program] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    """What pods log, by image."""
    executed: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    """Pod, container and words of what was run."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    cuts: int = 0
    """So many watches are cut in the middle of a line, as a proxy would."""
    expired: int = 0
    """So many watches are refused: the version to begin with is older than what is remembered."""
    paused: bool = False
    """The controllers do nothing."""
    step_s: float = 0.002

    def __post_init__(self) -> None:
        self.objects: dict[Key, Object] = {}
        self.version = 1000
        self.events: deque[tuple[int, str, str, Object]] = deque()
        self.changed = asyncio.Event()
        self.seconds = 0
        self._stalled: dict[Key, int] = {}
        self._names = 0

    # Objects.

    def get(self, resource: str, namespace: str, name: str) -> Object:
        found = self.objects.get((resource, namespace, name))
        if found is None:
            group = "" if resource == "pods" else "apps"
            whole = f"{resource}.{group}" if group else resource
            raise Refused(404, "NotFound", f'{whole} "{name}" not found', name=name, group=group, kind=resource)
        return found

    def namespace(self, name: str) -> Object:
        """A namespace is there if something is in it."""
        if not any(space == name for _, space, _ in self.objects):
            raise Refused(404, "NotFound", f'namespaces "{name}" not found', name=name, kind="namespaces")
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "status": {"phase": "Active"}}

    def listed(self, resource: str, namespace: str) -> list[Object]:
        found = [one for (kind, space, _), one in sorted(self.objects.items()) if kind == resource]
        return [one for one in found if namespace in ("", one["metadata"]["namespace"])]

    def put(self, resource: str, new: Object) -> Object:
        """Keep an object; a changed spec is a new generation, and whoever watches hears of it."""
        meta = new["metadata"]
        key = (resource, meta["namespace"], meta["name"])
        old = self.objects.get(key)
        if old is not None and _without_version(old) == _without_version(new):
            return old
        if old is None:
            self._names += 1
            meta.setdefault("uid", f"00000000-0000-4000-8000-{self._names:012d}")
            meta.setdefault("creationTimestamp", self.now())
            meta["generation"] = 1
        elif old["spec"] != new["spec"]:
            meta["generation"] = old["metadata"]["generation"] + 1
        self.version += 1
        meta["resourceVersion"] = str(self.version)
        self.objects[key] = new
        self._tell("ADDED" if old is None else "MODIFIED", resource, new)
        return new

    def remove(self, resource: str, one: Object) -> None:
        del self.objects[(resource, one["metadata"]["namespace"], one["metadata"]["name"])]
        self.version += 1
        one["metadata"]["resourceVersion"] = str(self.version)
        self._tell("DELETED", resource, one)

    def _tell(self, kind: str, resource: str, one: Object) -> None:
        self.events.append((self.version, kind, resource, copy.deepcopy(one)))
        self.changed.set()
        self.changed = asyncio.Event()

    def now(self) -> str:
        """Each moment is a second later than the one before: two things never happen at once."""
        self.seconds += 1
        minutes, seconds = divmod(self.seconds, 60)
        hours, minutes = divmod(minutes, 60)
        return f"2026-01-05T{9 + hours:02d}:{minutes:02d}:{seconds:02d}Z"

    # What operators do.

    def deploy(
        self, name: str, image: str, replicas: int = 2, namespace: str = "agentic-flow", **container: Any
    ) -> Object:
        """Make a deployment, or give it another image as a release would."""
        key = ("deployments", namespace, name)
        if key in self.objects:
            new = copy.deepcopy(self.objects[key])
            new["spec"]["template"]["spec"]["containers"][0].update(image=image, **container)
        else:
            new = _workload("Deployment", name, namespace, image, replicas, container)
        return self.put("deployments", new)

    def set_up(self, name: str, image: str, replicas: int = 2, namespace: str = "agentic-flow") -> Object:
        """Make a stateful set."""
        return self.put("statefulsets", _workload("StatefulSet", name, namespace, image, replicas, {}))

    async def settle(self) -> None:
        """Let the controllers work until nothing changes any more."""
        for _ in range(500):
            before = self.version
            self.step()
            if self.version == before:
                return
        raise AssertionError("the controllers never come to rest")

    async def work(self) -> None:
        """Let the controllers work for ever, a step at a time."""
        while True:
            if not self.paused:
                self.step()
            await asyncio.sleep(self.step_s)

    # Controllers.

    def step(self) -> None:
        """Take one step of everything."""
        for one in self.listed("deployments", ""):
            self._deployment(copy.deepcopy(one))
        for one in self.listed("statefulsets", ""):
            self._stateful_set(copy.deepcopy(one))

    def _deployment(self, deployment: Object) -> None:
        meta, spec = deployment["metadata"], deployment["spec"]
        sets = [one for one in self.listed("replicasets", meta["namespace"]) if _owned(one, deployment)]
        new = self._current(deployment, sets)
        annotations = meta.setdefault("annotations", {})
        annotations[REVISION] = new["metadata"]["annotations"][REVISION]
        self._roll(deployment, new, [one for one in sets if one["metadata"]["name"] != new["metadata"]["name"]])
        pods = [one for one in self.listed("pods", meta["namespace"]) if _chosen(spec["selector"], one)]
        mine = [one for one in pods if one["metadata"]["labels"][HASH] == new["metadata"]["labels"][HASH]]
        ready, updated = [one for one in pods if is_ready(one)], len(mine)
        done = updated == len(ready) == len(pods) == spec["replicas"]
        deployment["status"] = {
            "observedGeneration": meta["generation"],
            "replicas": len(pods),
            "updatedReplicas": updated,
            "readyReplicas": len(ready),
            "availableReplicas": len(ready),
            "unavailableReplicas": max(0, spec["replicas"] - len(ready)),
            "conditions": self._conditions(deployment, new, done),
        }
        self.put("deployments", deployment)

    def _current(self, deployment: Object, sets: list[Object]) -> Object:
        """Find the replica set of the template, or make it; a template that comes again takes a new number."""
        wanted = deployment["spec"]["template"]
        last = max((int(one["metadata"]["annotations"][REVISION]) for one in sets), default=0)
        found = next((one for one in sets if _bare(one["spec"]["template"]) == wanted), None)
        if found is None:
            return self.put("replicasets", _replica_set(deployment, last + 1))
        if int(found["metadata"]["annotations"][REVISION]) < last:
            found = copy.deepcopy(found)
            found["metadata"]["annotations"][REVISION] = str(last + 1)
            self.put("replicasets", found)
        return found

    def _roll(self, deployment: Object, new: Object, old: list[Object]) -> None:
        """One pod more or one less: a new one first, an old one only when enough are ready."""
        wanted = deployment["spec"]["replicas"]
        mine = self._pods(new)
        others = [pod for one in old for pod in self._pods(one)]
        for pod in mine:
            self._start(pod)
        ready = [pod for pod in (*mine, *others) if is_ready(pod)]
        if len(mine) > wanted:
            self.remove("pods", mine[-1])
        elif len(mine) + len(others) > wanted and (surplus := _surplus(others, len(ready) > wanted)) is not None:
            self.remove("pods", surplus)
        elif len(mine) < wanted and len(mine) + len(others) <= wanted:
            self.put("pods", self._pod(new))
        for one in (new, *old):
            count = len(self._pods(one))
            self.put("replicasets", {**copy.deepcopy(one), "spec": {**one["spec"], "replicas": count}})

    def _conditions(self, deployment: Object, new: Object, done: bool) -> list[Object]:
        key = ("deployments", deployment["metadata"]["namespace"], deployment["metadata"]["name"])
        mark = json.dumps([one["metadata"]["name"] for one in self._pods(new) if is_ready(one)])
        mark_key = (*key[:2], f"{key[2]}/{mark}/{deployment['metadata']['generation']}")
        self._stalled[mark_key] = self._stalled.get(mark_key, 0) + 1
        name = new["metadata"]["name"]
        if done:
            return [_condition("True", "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.')]
        if self._stalled[mark_key] > GONE_AFTER:
            return [_condition("False", "ProgressDeadlineExceeded", f'ReplicaSet "{name}" has timed out progressing.')]
        return [_condition("True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.')]

    def _stateful_set(self, one: Object) -> None:
        meta, spec = one["metadata"], one["spec"]
        pods = [pod for pod in self.listed("pods", meta["namespace"]) if _owned(pod, one)]
        for pod in pods:
            self._start(pod)
        digest = _letters(zlib.crc32(json.dumps(spec["template"], sort_keys=True).encode()))
        stale = [pod for pod in pods if pod["metadata"]["labels"][CONTROLLER_HASH] != digest]
        if len(pods) < spec["replicas"] and all(map(is_ready, pods)):
            taken = {pod["metadata"]["name"] for pod in pods}
            name = next(f"{meta['name']}-{n}" for n in range(99) if f"{meta['name']}-{n}" not in taken)
            self.put(
                "pods",
                _pod(name, one, spec["template"], {**spec["template"]["metadata"]["labels"], CONTROLLER_HASH: digest}),
            )
        elif len(pods) > spec["replicas"]:
            self.remove("pods", max(pods, key=lambda pod: pod["metadata"]["name"]))
        elif stale and all(map(is_ready, pods)):
            self.remove("pods", stale[-1])
        ready = [pod for pod in pods if is_ready(pod)]
        one["status"] = {
            "observedGeneration": meta["generation"],
            "replicas": len(pods),
            "readyReplicas": len(ready),
            "availableReplicas": len(ready),
            "updatedReplicas": len(pods) - len(stale),
        }
        self.put("statefulsets", one)

    def _pods(self, replica_set: Object) -> list[Object]:
        return [one for one in self.listed("pods", replica_set["metadata"]["namespace"]) if _owned(one, replica_set)]

    def _pod(self, replica_set: Object) -> Object:
        self._names += 1
        name = f"{replica_set['metadata']['name']}-{_letters(self._names * 7919)}"
        template = replica_set["spec"]["template"]
        return _pod(name, replica_set, template, template["metadata"]["labels"])

    def _start(self, pod: Object) -> None:
        image = pod["spec"]["containers"][0]["image"]
        good = image not in self.broken
        started = {**copy.deepcopy(pod), "status": _status(pod, good)}
        self.put("pods", started)
        pod["status"] = started["status"]


def _surplus(others: list[Object], spare: bool) -> Object | None:
    """Answer an old pod that may go: one that serves nobody, or one that there is a spare for."""
    idle = next((pod for pod in others if not is_ready(pod)), None)
    return idle or (others[0] if others and spare else None)


def is_ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _status(pod: Object, good: bool) -> Object:
    containers = [
        {"name": one["name"], "image": one["image"], "ready": good, "restartCount": 0, "state": {"running": {}}}
        for one in pod["spec"]["containers"]
    ]
    word = "True" if good else "False"
    return {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": word}],
        "containerStatuses": containers,
    }


def _condition(status: str, reason: str, message: str) -> Object:
    return {"type": "Progressing", "status": status, "reason": reason, "message": message}


def _without_version(one: Object) -> Object:
    meta = {key: value for key, value in one["metadata"].items() if key not in ("resourceVersion", "generation")}
    return {**one, "metadata": meta}


def _owned(one: Object, owner: Object) -> bool:
    return any(ref["uid"] == owner["metadata"]["uid"] for ref in one["metadata"].get("ownerReferences") or ())


def _chosen(selector: Object, one: Object) -> bool:
    labels = one["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in selector["matchLabels"].items())


def _owner(kind: str, one: Object) -> list[Object]:
    meta = one["metadata"]
    return [{"apiVersion": "apps/v1", "kind": kind, "name": meta["name"], "uid": meta["uid"], "controller": True}]


def _bare(template: Object) -> Object:
    labels = {key: value for key, value in template["metadata"]["labels"].items() if key != HASH}
    return {**template, "metadata": {**template["metadata"], "labels": labels}}


def _replica_set(deployment: Object, revision: int) -> Object:
    meta, spec = deployment["metadata"], deployment["spec"]
    digest = _letters(zlib.crc32(json.dumps(spec["template"], sort_keys=True).encode()))
    template = copy.deepcopy(spec["template"])
    template["metadata"]["labels"][HASH] = digest
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{meta['name']}-{digest}",
            "namespace": meta["namespace"],
            "labels": dict(template["metadata"]["labels"]),
            "annotations": {REVISION: str(revision)},
            "ownerReferences": _owner("Deployment", deployment),
        },
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {**spec["selector"]["matchLabels"], HASH: digest}},
            "template": template,
        },
        "status": {"replicas": 0},
    }


def _pod(name: str, owner: Object, template: Object, labels: Object) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": owner["metadata"]["namespace"],
            "labels": dict(labels),
            "ownerReferences": _owner(owner["kind"], owner),
        },
        "spec": copy.deepcopy(template["spec"]),
        "status": {"phase": "Pending"},
    }


def _workload(kind: str, name: str, namespace: str, image: str, replicas: int, container: Object) -> Object:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": dict(labels)},
            "template": {
                "metadata": {"labels": dict(labels)},
                "spec": {"containers": [{"name": name, "image": image, "env": [], **container}]},
            },
        },
        "status": {},
    }


def _letters(number: int) -> str:
    alphabet, text = "bcdfghjklmnpqrstvwxz2456789", ""
    for _ in range(5):
        number, at = divmod(number, len(alphabet))
        text += alphabet[at]
    return text


def matching(selector: str) -> Callable[[Object], bool]:
    """Read a label selector."""
    tests = [_label(part) for part in _parts(selector)]
    return lambda one: all(test(one["metadata"].get("labels") or {}) for test in tests)


def _parts(selector: str) -> Iterator[str]:
    return (part.strip() for part in re.split(r",(?![^(]*\))", selector) if part.strip())


def _label(part: str) -> Callable[[dict[str, str]], bool]:
    among = re.fullmatch(r"(\S+) (in|notin) \(([^)]*)\)", part)
    if among:
        values = {value.strip() for value in among[3].split(",")}
        return lambda labels: (labels.get(among[1]) in values) == (among[2] == "in")
    equal = re.fullmatch(r"([^!=\s]+)\s*(==|=|!=)\s*(\S*)", part)
    if equal:
        return lambda labels: (labels.get(equal[1]) == equal[3]) == (equal[2] != "!=")
    if re.fullmatch(r"![\w./-]+", part):
        return lambda labels: part[1:] not in labels
    if re.fullmatch(r"[\w./-]+", part):
        return lambda labels: part in labels
    raise Refused(400, "BadRequest", f"unable to parse requirement: {part}")
