"""What the API says of itself, and the tables that it prints."""

from typing import Any

from .cluster import Object, is_ready

VERSION = {"major": "1", "minor": "32", "gitVersion": "v1.32.0-standin", "platform": "linux/amd64"}

_VERBS = ["get", "list", "patch", "watch"]


def _resource(name: str, kind: str, short: list[str], verbs: list[str] | None = None, **more: Any) -> Object:
    singular = kind.lower() if "/" not in name else ""
    return {"name": name, "singularName": singular, "namespaced": True, "kind": kind, "verbs": verbs or _VERBS} | (
        {"shortNames": short} if short else {}
    ) | more  # fmt: skip


_SCALE = {"group": "autoscaling", "version": "v1"}
DISCOVERY: dict[str, Object] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "/apis": {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [
            {
                "name": "apps",
                "versions": [{"groupVersion": "apps/v1", "version": "v1"}],
                "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"},
            }
        ],
    },
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            _resource("namespaces", "Namespace", ["ns"], ["get"]) | {"namespaced": False},
            _resource("pods", "Pod", ["po"], ["get", "list", "watch"], categories=["all"]),
            _resource("pods/log", "Pod", [], ["get"]),
            _resource("pods/exec", "PodExecOptions", [], ["create", "get"]),
        ],
    },
    "/apis/apps/v1": {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": "apps/v1",
        "resources": [
            _resource("deployments", "Deployment", ["deploy"], categories=["all"]),
            _resource("deployments/scale", "Scale", [], ["get", "patch"], **_SCALE),
            _resource("statefulsets", "StatefulSet", ["sts"], categories=["all"]),
            _resource("statefulsets/scale", "Scale", [], ["get", "patch"], **_SCALE),
            _resource("replicasets", "ReplicaSet", ["rs"], ["get", "list", "watch"]),
        ],
    },
    "/version": VERSION,
}

KINDS = {
    "pods": ("v1", "Pod"),
    "deployments": ("apps/v1", "Deployment"),
    "statefulsets": ("apps/v1", "StatefulSet"),
    "replicasets": ("apps/v1", "ReplicaSet"),
}


def status(code: int, reason: str, message: str, details: dict[str, str] | None = None) -> Object:
    """A refusal, as the API words it."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    } | ({"details": details} if details else {})


def listing(resource: str, items: list[Object], version: int) -> Object:
    """A list of objects."""
    api, kind = KINDS[resource]
    return {"kind": f"{kind}List", "apiVersion": api, "metadata": {"resourceVersion": str(version)}, "items": items}


def table(resource: str, items: list[Object], version: int) -> Object:
    """The table that people are shown."""
    names = ["Name", "Ready", "Status", "Restarts", "Age"] if resource == "pods" else _OF_WORKLOADS
    columns = [{"name": name, "type": "string", "format": "", "description": "", "priority": 0} for name in names]
    columns.append({"name": "Images", "type": "string", "format": "", "description": "", "priority": 1})
    rows = [{"cells": _cells(resource, one), "object": _partial(one)} for one in items]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": str(version)},
        "columnDefinitions": columns,
        "rows": rows,
    }


_OF_WORKLOADS = ["Name", "Ready", "Up-to-date", "Available", "Age"]


def _partial(one: Object) -> Object:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": one["metadata"]}


def _cells(resource: str, one: Object) -> list[Any]:
    state, name = one.get("status") or {}, one["metadata"]["name"]
    if resource == "pods":
        containers = one["spec"]["containers"]
        ready = len(containers) if is_ready(one) else 0
        images = ",".join(container["image"] for container in containers)
        return [name, f"{ready}/{len(containers)}", state.get("phase", "Pending"), 0, "1m", images]
    wanted = one["spec"].get("replicas", 1)
    counts = [state.get("updatedReplicas") or 0, state.get("availableReplicas") or 0]
    images = ",".join(container["image"] for container in one["spec"]["template"]["spec"]["containers"])
    return [name, f"{state.get('readyReplicas') or 0}/{wanted}", *counts, "1m", images]


def scale(one: Object) -> Object:
    """The subresource that knows the number of replicas and nothing else."""
    meta = {key: one["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")}
    labels = one["spec"]["selector"]["matchLabels"]
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": meta,
        "spec": {"replicas": one["spec"].get("replicas", 1)},
        "status": {
            "replicas": (one.get("status") or {}).get("replicas", 0),
            "selector": ",".join(f"{key}={value}" for key, value in labels.items()),
        },
    }
