"""The three kinds of patch, applied as the API describes them."""

import copy
from typing import Any

MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "ports": "containerPort",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "imagePullSecrets": "name",
    "conditions": "type",
    "ownerReferences": "uid",
}
"""Of the lists that a strategic merge takes apart; all others are replaced whole."""


class BadPatch(Exception):
    """A patch that cannot be applied."""


def merge(document: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def json_patch(document: Any, operations: Any) -> Any:
    """Apply a JSON patch (RFC 6902)."""
    if not isinstance(operations, list):
        raise BadPatch("a JSON patch is a list of operations")
    result = copy.deepcopy(document)
    for one in operations:
        result = _operation(result, one)
    return result


def _operation(document: Any, one: Any) -> Any:
    steps = [step.replace("~1", "/").replace("~0", "~") for step in one["path"].split("/")[1:]]
    parent = document
    for step in steps[:-1]:
        parent = _inside(parent, step)
    last = steps[-1]
    match one["op"]:
        case "test":
            if _inside(parent, last) != one["value"]:
                raise BadPatch(f"testing value {one['path']} failed")
        case "replace":
            _inside(parent, last)
            _put(parent, last, one["value"])
        case "add":
            if isinstance(parent, list):
                parent.insert(len(parent) if last == "-" else int(last), one["value"])
            else:
                parent[last] = one["value"]
        case "remove":
            _inside(parent, last)
            if isinstance(parent, list):
                del parent[int(last)]
            else:
                del parent[last]
        case other:
            raise BadPatch(f"unexpected kind: {other}")
    return document


def _put(parent: Any, last: str, value: Any) -> None:
    if isinstance(parent, list):
        parent[int(last)] = value
    else:
        parent[last] = value


def _inside(parent: Any, step: str) -> Any:
    try:
        return parent[int(step)] if isinstance(parent, list) else parent[step]
    except (KeyError, IndexError, ValueError):
        raise BadPatch(f"the path has no {step!r}") from None


def strategic(document: Any, patch: Any) -> Any:
    """Apply a strategic merge patch."""
    if not isinstance(patch, dict):
        raise BadPatch("a strategic merge patch is an object")
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    result = dict(document) if isinstance(document, dict) else {}
    retained = patch.get("$retainKeys")
    if retained is not None:
        result = {key: value for key, value in result.items() if key in retained}
    for key, value in patch.items():
        if key.startswith("$setElementOrder/") or key in ("$retainKeys", "$patch"):
            continue
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            result[name] = [one for one in result.get(name) or [] if one not in value]
        elif value is None:
            result.pop(key, None)
        elif isinstance(value, list) and key in MERGE_KEYS:
            result[key] = _lists(result.get(key) or [], value, MERGE_KEYS[key])
        elif isinstance(value, dict):
            result[key] = strategic(result.get(key), value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def _lists(items: list[Any], patch: list[Any], key: str) -> list[Any]:
    result = [copy.deepcopy(item) for item in items]
    for one in patch:
        if not isinstance(one, dict) or key not in one:
            raise BadPatch(f"map: {one} does not contain declared merge key: {key}")
        place = next((at for at, item in enumerate(result) if item.get(key) == one[key]), None)
        if one.get("$patch") == "delete":
            if place is not None:
                del result[place]
        elif place is None:
            result.append(strategic({}, one))
        else:
            result[place] = strategic(result[place], one)
    return result
