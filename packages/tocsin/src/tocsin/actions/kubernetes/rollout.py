"""Workloads as the cluster keeps them: their facts, their revisions, and when a change is in place."""

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Final

import msgspec
from whenever import Instant

from tocsin.actions.kubernetes.api import Api
from tocsin.actions.kubernetes.rights import GET_DEPLOYMENT, GET_SET, LIST_REPLICA_SETS, WATCH_DEPLOYMENT, WATCH_SET
from tocsin.actions.port import Cause, Unreachable
from tocsin.core.actions import Rendered, Verb
from tocsin.core.rendering import BY_CONTAINER
from tocsin.core.revisions import Revision

REVISION: Final = "deployment.kubernetes.io/revision"
CAUSE: Final = "kubernetes.io/change-cause"
RESTARTED: Final = "kubectl.kubernetes.io/restartedAt"
HASH: Final = "pod-template-hash"

WATCH_FOR_S: Final = "30"
"""Seconds of one watch; a proxy on the way would cut a longer one in silence."""

PAUSE_S: Final = 0.5
"""Between two watches, so that a server which ends each at once is not asked without end."""


class Kept(msgspec.Struct, frozen=True):
    """A revision that the cluster has kept, with the template to go back to."""

    revision: Revision
    template: dict[str, Any]
    cause: str = ""


def plural(action: Rendered) -> tuple[str, str]:
    """Answer the kind's resource and the name of an action's workload."""
    kind, _, name = action.workload.partition("/")
    return f"{kind}s", name


def path(action: Rendered) -> str:
    """Answer the path of an action's workload."""
    resource, name = plural(action)
    return f"/apis/apps/v1/namespaces/{action.namespace}/{resource}/{name}"


async def read(api: Api, action: Rendered) -> dict[str, Any]:
    """Read an action's workload."""
    right = GET_DEPLOYMENT if action.workload.startswith("deployment/") else GET_SET
    found: dict[str, Any] = await api.get(path(action), right)
    return found


def selector(workload: Mapping[str, Any]) -> str:
    """Answer the selector of a workload's pods, as a query writes it."""
    chosen = workload["spec"]["selector"]
    parts = [f"{key}={value}" for key, value in sorted((chosen.get("matchLabels") or {}).items())]
    for one in chosen.get("matchExpressions") or ():
        match one["operator"]:
            case "In" | "NotIn":
                word = "in" if one["operator"] == "In" else "notin"
                parts.append(f"{one['key']} {word} ({','.join(one['values'])})")
            case "Exists":
                parts.append(one["key"])
            case _:
                parts.append(f"!{one['key']}")
    return ",".join(parts)


async def history(api: Api, action: Rendered, workload: Mapping[str, Any]) -> list[Kept]:
    """Answer the revisions of a deployment, the oldest first."""
    if not action.workload.startswith("deployment/"):
        raise Unreachable(
            Cause.UNSUPPORTED, "only deployments keep revisions to go back to", "deploy the release you want"
        )
    sets = await api.get(
        f"/apis/apps/v1/namespaces/{action.namespace}/replicasets", LIST_REPLICA_SETS, labelSelector=selector(workload)
    )
    uid = workload["metadata"]["uid"]
    owned = [one for one in sets["items"] if _owner(one) == uid and _number(one) is not None]
    return sorted((_kept(one) for one in owned), key=lambda one: one.revision.number)


def _owner(replica_set: Mapping[str, Any]) -> str | None:
    owners = replica_set["metadata"].get("ownerReferences") or ()
    return next((one["uid"] for one in owners if one.get("controller")), None)


def _number(replica_set: Mapping[str, Any]) -> int | None:
    text = (replica_set["metadata"].get("annotations") or {}).get(REVISION, "")
    return int(text) if text.isdecimal() else None


def _kept(replica_set: Mapping[str, Any]) -> Kept:
    meta = replica_set["metadata"]
    template = _without_hash(replica_set["spec"]["template"])
    number = _number(replica_set)
    assert number is not None
    at = _instant(meta.get("creationTimestamp"))
    revision = Revision(number, images(template), _digest(template), at)
    return Kept(revision, template, (meta.get("annotations") or {}).get(CAUSE, ""))


def _without_hash(template: Mapping[str, Any]) -> dict[str, Any]:
    meta = dict(template.get("metadata") or {})
    meta["labels"] = {key: value for key, value in (meta.get("labels") or {}).items() if key != HASH}
    return {**template, "metadata": meta}


def _digest(template: Mapping[str, Any]) -> str:
    """Answer what a template comes to, a restart aside."""
    meta = dict(template.get("metadata") or {})
    meta["annotations"] = {key: value for key, value in (meta.get("annotations") or {}).items() if key != RESTARTED}
    if not meta["annotations"]:
        del meta["annotations"]
    return hashlib.sha256(msgspec.json.encode({**template, "metadata": meta}, order="sorted")).hexdigest()


def _instant(text: str | None) -> Instant | None:
    try:
        return Instant.parse_iso(text) if text else None
    except ValueError:
        return None


def images(template: Mapping[str, Any]) -> str:
    """Answer the images of a template's containers."""
    return ", ".join(one.get("image", "") for one in template["spec"]["containers"])


def containers(workload: Mapping[str, Any], action: Rendered) -> list[dict[str, Any]]:
    """Answer the containers that an action speaks of: the one it names, else all. Raises `Unreachable`."""
    every: list[dict[str, Any]] = workload["spec"]["template"]["spec"]["containers"]
    chosen = [one for one in every if action.container in ("", one["name"])]
    if not chosen:
        names = ", ".join(one["name"] for one in every)
        raise Unreachable(Cause.NOT_FOUND, f'there is no container "{action.container}"', f"there are {names}")
    return chosen


def facts(workload: Mapping[str, Any], action: Rendered) -> dict[str, str]:
    """Answer what a workload is set to, and what it has for the arguments of an action.

    An approval signs it, so nothing is in it that changes by itself.
    """
    spec = workload["spec"]
    found = {"replicas": str(spec.get("replicas", 1)), "image": images(spec["template"])}
    if number := (workload["metadata"].get("annotations") or {}).get(REVISION):
        found["revision"] = str(number)
    chosen = containers(workload, action)
    if action.verb is Verb.SET_ENV:
        found |= _common("value", {one["name"]: _variable(one, action.arguments["name"]) for one in chosen})
    if action.verb is Verb.SET_RESOURCES:
        for name in ("memory", "cpu"):
            found |= _common(name, {one["name"]: _limit(one, name) for one in chosen})
    return found


class _Setting(msgspec.Struct, frozen=True):
    """What one container is set to; None: nothing."""

    text: str | None
    plain: bool = True
    """Whether writing the text would set it so; what comes from a secret or a field would not."""


def _common(argument: str, settings: Mapping[str, _Setting]) -> dict[str, str]:
    """Answer the value that all containers have; where no one value brings back what is so, what each of them has."""
    first = next(iter(settings.values()))
    if first.plain and all(each == first for each in settings.values()):
        return {} if first.text is None else {argument: first.text}
    told = ", ".join(f"{name} has {each.text or 'none'}" for name, each in settings.items())
    return {f"{argument}{BY_CONTAINER}": told}


def _variable(container: Mapping[str, Any], name: str) -> _Setting:
    found = next((one for one in container.get("env") or () if one["name"] == name), None)
    if found is None:
        return _Setting(None)
    if origin := found.get("valueFrom"):
        return _Setting(f"that of {msgspec.json.encode(origin, order='sorted').decode()}", plain=False)
    return _Setting(str(found.get("value", "")))


def _limit(container: Mapping[str, Any], name: str) -> _Setting:
    limits = (container.get("resources") or {}).get("limits") or {}
    return _Setting(str(limits[name]) if name in limits else None)


def health(workload: Mapping[str, Any]) -> dict[str, str]:
    """Answer how a workload is at this moment."""
    return {"ready": str((workload.get("status") or {}).get("readyReplicas") or 0)}


def progress(workload: Mapping[str, Any]) -> tuple[bool, str]:
    """Tell whether a change is in place, and how far it is.

    The rules are those of ``kubectl rollout status``, and none may be too many: it does not wait for scaling down.
    """
    spec, status, wanted = workload["spec"], workload.get("status") or {}, workload["spec"].get("replicas", 1)
    total, updated = status.get("replicas") or 0, status.get("updatedReplicas") or 0
    ready = status.get("availableReplicas") or 0
    if (status.get("observedGeneration") or 0) < workload["metadata"].get("generation", 0):
        return False, "the change has not been taken up yet"
    if updated < wanted and _is_rolling(spec):
        return False, f"{updated} of {wanted} replicas are of the new revision"
    if total > wanted:
        return False, f"{total - wanted} more replicas than wanted are still there"
    if ready < wanted:
        return False, f"{ready} of {wanted} replicas are available"
    return True, f"{ready} of {wanted} replicas are available"


def _is_rolling(spec: Mapping[str, Any]) -> bool:
    return (spec.get("updateStrategy") or {}).get("type") != "OnDelete"


def stuck(workload: Mapping[str, Any]) -> str | None:
    """Answer why a rollout has given up, if it has."""
    for one in (workload.get("status") or {}).get("conditions") or ():
        if one["type"] == "Progressing" and one["status"] == "False":
            return f"{one.get('reason', 'it does not progress')}: {one.get('message', '')}"
        if one["type"] == "ReplicaFailure" and one["status"] == "True":
            return f"{one.get('reason', 'replicas fail')}: {one.get('message', '')}"
    return None


async def settled(api: Api, action: Rendered, workload: dict[str, Any]) -> dict[str, Any]:
    """Watch a workload until a change is in place or has given up; the time limit is the caller's."""
    while not _is_over(workload):
        try:
            workload = await _watched(api, action, workload)
        except Unreachable as error:
            if error.cause not in (Cause.ABSENT, Cause.REFUSED):
                raise
            # Cut on the way, as proxies do; or the version to watch from is too old by now, or the API is busy. Whether
            # the cluster is really gone, the next reading shows.
        if not _is_over(workload):
            await asyncio.sleep(PAUSE_S)
            workload = await read(api, action)
    return workload


async def _watched(api: Api, action: Rendered, workload: dict[str, Any]) -> dict[str, Any]:
    """Answer a workload as it was at the end of one watch."""
    resource, name = plural(action)
    changes = api.watch(
        f"/apis/apps/v1/namespaces/{action.namespace}/{resource}",
        WATCH_DEPLOYMENT if resource == "deployments" else WATCH_SET,
        fieldSelector=f"metadata.name={name}",
        resourceVersion=workload["metadata"]["resourceVersion"],
        timeoutSeconds=WATCH_FOR_S,
    )
    async with aclosing(changes):
        async for change in changes:
            if change["type"] not in ("ADDED", "MODIFIED"):
                break
            workload = change["object"]
            if _is_over(workload):
                break
    return workload


def _is_over(workload: Mapping[str, Any]) -> bool:
    return progress(workload)[0] or _given_up(workload)


def _given_up(workload: Mapping[str, Any]) -> bool:
    """What a condition says is of this change only once the change was taken up."""
    taken_up = ((workload.get("status") or {}).get("observedGeneration") or 0) >= workload["metadata"]["generation"]
    return taken_up and stuck(workload) is not None
