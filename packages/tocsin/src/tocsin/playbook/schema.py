"""A playbook's files: which there are, what may stand in each, and the JSON Schema of the whole.

An organisation's rules are written in the order in which people think of them: what severities there are and what each
one asks, who is on call, who is called next, who is told how often. `tocsin.playbook.compile` turns them into the rows
that the core decides by.
"""

from typing import Any

import msgspec
from whenever import Date, Time, TimeDelta

from tocsin.playbook import words
from tocsin.playbook.acting import ActionsDoc
from tocsin.playbook.base import Doc
from tocsin.playbook.errands import DrillsDoc, HandoffDoc
from tocsin.playbook.measured import ClassificationDoc, ComponentDoc, HeartbeatsDoc
from tocsin.playbook.rota import RotationsDoc
from tocsin.playbook.sections import (
    AboutDoc,
    CommunicationDoc,
    DeadlinesDoc,
    EscalationDoc,
    PeopleDoc,
    SeveritiesDoc,
)
from tocsin.playbook.words import Act, Allowance, Plain, TurnWord, Whom

FILES: dict[str, type[Doc]] = {
    "playbook.yaml": AboutDoc,
    "severities.yaml": SeveritiesDoc,
    "people.yaml": PeopleDoc,
    "rotations.yaml": RotationsDoc,
    "escalation.yaml": EscalationDoc,
    "communication.yaml": CommunicationDoc,
    "classification.yaml": ClassificationDoc,
    "deadlines.yaml": DeadlinesDoc,
    "heartbeats.yaml": HeartbeatsDoc,
    "actions.yaml": ActionsDoc,
    "handoff.yaml": HandoffDoc,
    "drills.yaml": DrillsDoc,
}
"""The files of a playbook; beside them stands one file for each component in ``components/``."""

OPTIONAL = frozenset({"deadlines.yaml", "heartbeats.yaml", "actions.yaml", "handoff.yaml", "drills.yaml"})


def dec_hook(kind: type, value: Any) -> Any:
    """Read a leaf that `msgspec` does not know. Raises ValueError with what to write instead."""
    if kind is Plain:
        return words.plain(value)
    if not isinstance(value, str):
        unit = "; write its unit, too" if kind in (TimeDelta, Allowance) and isinstance(value, int) else ""
        raise ValueError(f"expected text such as {_EXAMPLES[kind]}, found {value!r}{unit}")
    try:
        return _READERS[kind](value)
    except ValueError as error:
        if kind in (Date, Time):
            raise ValueError(f'"{value}" is not a {kind.__name__.lower()}; write {_EXAMPLES[kind]}') from error
        raise


_READERS: dict[type, Any] = {
    TimeDelta: words.duration,
    Allowance: words.allowance,
    Whom: words.whom,
    Act: words.act,
    TurnWord: words.turn,
    Date: Date.parse_iso,
    Time: Time.parse_iso,
}
_EXAMPLES: dict[type, str] = {
    TimeDelta: "5m or 1h30m",
    Allowance: "5m, 3 business days, or 8h or next business day",
    Whom: "rotation sre-primary",
    Act: "page rotation sre-primary by pager",
    Plain: "4Gi",
    TurnWord: "12h, 7d, 2w or 1 month",
    Date: "2025-12-08",
    Time: '"09:00"',
}
_SCHEMAS: dict[type, dict[str, Any]] = {
    TimeDelta: {"type": "string", "pattern": rf"^(?=\d){words.DURATION_PATTERN}$"},
    Allowance: {"type": "string", "pattern": f"^{words.ALLOWANCE_PATTERN}$"},
    Whom: {"type": "string", "pattern": f"^{words.WHOM_PATTERN}$"},
    Act: {"type": "string", "pattern": f"^{words.ACT_PATTERN}$"},
    Plain: {"type": ["string", "integer", "boolean"]},
    TurnWord: {"type": "string", "pattern": f"^{words.TURN_PATTERN}$"},
    Date: {"type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
    Time: {"type": "string", "pattern": r"^\d{2}:\d{2}(:\d{2})?$"},
}


def json_schema() -> dict[str, Any]:
    """Answer the JSON Schema of a whole playbook: one property for each file, and one for the components."""
    kinds = [*FILES.values(), ComponentDoc]
    parts, shared = msgspec.json.schema_components(kinds, schema_hook=_schema_hook, ref_template="#/$defs/{name}")
    of_file = dict(zip([*FILES, "components/*.yaml"], parts, strict=True))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tocsin playbook",
        "description": "Each property is one file of the playbook's folder.",
        "type": "object",
        "properties": of_file,
        "required": [name for name in FILES if name not in OPTIONAL],
        "$defs": shared,
    }


def _schema_hook(kind: type) -> dict[str, Any]:
    return _SCHEMAS[kind] | {"examples": [_EXAMPLES[kind]]}
