"""The JSON Schema that `tocsin playbook schema` prints is true."""

from typing import Any

import jsonschema
import pytest

from tocsin.playbook.load import SHIPPED
from tocsin.playbook.reading import read
from tocsin.playbook.schema import FILES, json_schema

SHIPPED_FILES = sorted(path.relative_to(SHIPPED).as_posix() for path in SHIPPED.rglob("*.yaml"))


def part(schema: dict[str, Any], file: str) -> dict[str, Any]:
    name = "components/*.yaml" if "components/" in file else file.rpartition("/")[2]
    return {**schema["properties"][name], "$defs": schema["$defs"]}


def test_it_is_a_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert set(json_schema()["properties"]) == {*FILES, "components/*.yaml"}


@pytest.mark.parametrize("file", SHIPPED_FILES)
def test_every_shipped_file_validates_against_it(file: str) -> None:
    document = read(file, (SHIPPED / file).read_bytes())
    assert document.problems == []
    jsonschema.validate(document.value, part(json_schema(), file), cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    ("file", "value"),
    [
        ("heartbeats.yaml", {"heartbeats": {"w": {"within": "soon", "severity": "SEV4", "clause": "C4"}}}),
        ("heartbeats.yaml", {"heartbeats": {"w": {"within": "5m", "severity": "SEV4"}}}),
        ("heartbeats.yaml", {"heartbeat": {}}),
        ("people.yaml", {"people": {"ana": {"name": "Ana", "methods": [{"kind": "pigeon", "address": "x"}]}}}),
    ],
)
def test_it_refuses_what_the_loader_refuses(file: str, value: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, part(json_schema(), file), cls=jsonschema.Draft202012Validator)
