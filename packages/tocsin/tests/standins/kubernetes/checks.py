"""What the API refuses in a workload: the rules that a wrong patch would break."""

import re
from typing import Any

from .cluster import Refused

_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?")
_VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_UNITS = {"": 1, "m": 0.001, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def check(kind: str, new: dict[str, Any], old: dict[str, Any]) -> None:
    """Refuse what is invalid."""
    spec, name = new["spec"], new["metadata"]["name"]
    if new["metadata"].get("resourceVersion") not in (None, old["metadata"]["resourceVersion"]):
        what = "the object has been modified; please apply your changes to the latest version and try again"
        raise Refused(409, "Conflict", f'Operation cannot be fulfilled on {kind} "{name}": {what}')
    found = [*_replicas(spec), *_template(spec), *_fixed(spec, old["spec"])]
    if found:
        raise Refused(422, "Invalid", f'{new["kind"]}.apps "{name}" is invalid: {"; ".join(found)}')


def _replicas(spec: dict[str, Any]) -> list[str]:
    replicas = spec.get("replicas", 1)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise Refused(
            400, "BadRequest", "json: cannot unmarshal string into Go struct field .spec.replicas of type int32"
        )
    return [f"spec.replicas: Invalid value: {replicas}: must be greater than or equal to 0"] if replicas < 0 else []


def _fixed(spec: dict[str, Any], before: dict[str, Any]) -> list[str]:
    return ["spec.selector: Invalid value: field is immutable"] if spec["selector"] != before["selector"] else []


def _template(spec: dict[str, Any]) -> list[str]:
    template, found = spec["template"], []
    labels = template["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in spec["selector"]["matchLabels"].items()):
        found.append("spec.template.metadata.labels: Invalid value: `selector` does not match template `labels`")
    annotations = template["metadata"].get("annotations") or {}
    if not all(isinstance(value, str) for value in annotations.values()):
        raise Refused(400, "BadRequest", "json: cannot unmarshal number into Go struct field .metadata.annotations")
    for at, container in enumerate(template["spec"]["containers"]):
        found += _container(f"spec.template.spec.containers[{at}]", container)
    return found


def _container(at: str, container: dict[str, Any]) -> list[str]:
    found = [f"{at}.{key}: Required value" for key in ("name", "image") if not container.get(key)]
    for number, one in enumerate(container.get("env") or []):
        if not _VARIABLE.fullmatch(one["name"]):
            found.append(f'{at}.env[{number}].name: Invalid value: "{one["name"]}"')
        if "value" in one and not isinstance(one["value"], str):
            raise Refused(
                400, "BadRequest", "json: cannot unmarshal number into Go struct field EnvVar.value of type string"
            )
        if one.get("value") and one.get("valueFrom"):
            found.append(f"{at}.env[{number}].valueFrom: may not be specified when `value` is not empty")
    limits = (container.get("resources") or {}).get("limits") or {}
    requests = (container.get("resources") or {}).get("requests") or {}
    for name, value in {**limits, **requests}.items():
        if not _QUANTITY.fullmatch(str(value)):
            raise Refused(400, "BadRequest", f"quantities must match the regular expression: {name} {value}")
    for name, value in requests.items():
        if name in limits and _size(value) > _size(limits[name]):
            found.append(
                f'{at}.resources.requests: Invalid value: "{value}": must be less than or equal to {name} limit'
            )
    return found


def _size(quantity: str) -> float:
    number, unit = re.fullmatch(r"([0-9.]+)(\D*)", quantity).groups()  # type: ignore[union-attr]  # it was checked.
    return float(number) * _UNITS[unit]
