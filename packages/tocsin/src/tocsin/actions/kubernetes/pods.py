"""Which pod an action means, and how lists are shown."""

from collections.abc import Mapping
from typing import Any, Final

from tocsin.actions.kubernetes import rollout
from tocsin.actions.kubernetes.api import TABLE, Api
from tocsin.actions.kubernetes.rights import GET_DEPLOYMENT, GET_SET, LIST_PODS
from tocsin.actions.port import Cause, Unreachable
from tocsin.core.actions import Rendered

_DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"


async def pods(api: Api, action: Rendered) -> list[dict[str, Any]]:
    """Answer the pods of a workload, the newest first. Raises `Unreachable` if it has none."""
    workload = await rollout.read(api, action)
    listed = await api.get(
        f"/api/v1/namespaces/{action.namespace}/pods", LIST_PODS, labelSelector=rollout.selector(workload)
    )
    found = sorted(listed["items"], key=lambda one: str(one["metadata"].get("creationTimestamp")), reverse=True)
    if not found:
        raise Unreachable(Cause.NOT_FOUND, f"{action.workload} has no pods", "scale it up, or look why none start")
    return found


def running(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Answer the newest pod in which a program can be run: a ready one, else one that runs."""
    alive = [one for one in found if (one.get("status") or {}).get("phase") == "Running"]
    if not alive:
        raise Unreachable(Cause.NOT_FOUND, "none of its pods is running", "read its logs, or look why none start")
    return next((one for one in alive if _is_ready(one)), alive[0])


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def container(pod: Mapping[str, Any], action: Rendered) -> str:
    """Answer the container that is meant: the one named, the pod's default one, or its first."""
    names = [one["name"] for one in pod["spec"]["containers"]]
    wanted = action.container or (pod["metadata"].get("annotations") or {}).get(_DEFAULT_CONTAINER) or names[0]
    if wanted not in names:
        raise Unreachable(Cause.NOT_FOUND, f'there is no container "{wanted}"', f"there are {', '.join(names)}")
    return str(wanted)


async def listed(api: Api, action: Rendered) -> str:
    """Answer what ``kubectl get`` shows: the server's own table."""
    if action.workload:
        right = GET_DEPLOYMENT if action.workload.startswith("deployment/") else GET_SET
        table = await api.get(rollout.path(action), right, TABLE)
    else:
        what = action.arguments.get("what", "pods")
        if what != "pods":
            raise Unreachable(Cause.UNSUPPORTED, f'"{what[:40]}" cannot be listed', "list pods, or name a workload")
        table = await api.get(f"/api/v1/namespaces/{action.namespace}/pods", LIST_PODS, TABLE, limit="500")
    return _table(table)


def _table(table: Mapping[str, Any]) -> str:
    columns = [
        (at, one["name"].upper()) for at, one in enumerate(table["columnDefinitions"]) if not one.get("priority")
    ]
    rows = [[str(row["cells"][at]) for at, _ in columns] for row in table.get("rows") or ()]
    if not rows:
        return "nothing is there"
    lines = [[name for _, name in columns], *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    return "\n".join(
        "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
