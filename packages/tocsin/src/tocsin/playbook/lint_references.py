"""Every name that a playbook speaks of must be a name that it knows, and must be known once."""

from collections.abc import Callable, Collection, Iterator
from typing import Any

from tocsin.core import marks as m
from tocsin.core.rules import Announce, InRole, OnRotation, Page, RaiseLevel, Tell, ThePerson
from tocsin.core.stages import Stage
from tocsin.playbook.base import Doc
from tocsin.playbook.document import Playbook
from tocsin.playbook.measured import ComponentDoc
from tocsin.playbook.problems import Problem
from tocsin.playbook.sections import SeveritiesDoc
from tocsin.playbook.shape import meant
from tocsin.playbook.words import Act, Whom

Place = tuple[str | int, ...]

_KINDS = {
    "severity": "severity",
    "severities": "severity",
    "rings": "severity",
    "review_overdue_severity": "severity",
    "fallback": "severity",
    "audience": "audience",
    "contact": "contact",
    "component": "component",
    "inverse": "action",
    "diagnostics": "action",
    "mitigations": "action",
    "flag": "flag",
    "level": "level",
}
"""Fields that hold a name, and the kind of thing it names."""


def leaves(part: Any, place: Place) -> Iterator[tuple[Place, Doc | None, str, Any]]:
    """Walk a document: answer every value with its place, the struct it stands in and its field there."""
    for field in part.__struct_fields__:
        yield from _inside(getattr(part, field), (*place, field), part, field)


def _inside(value: Any, place: Place, part: Doc, field: str) -> Iterator[tuple[Place, Doc | None, str, Any]]:
    if isinstance(value, Doc):
        yield from leaves(value, place)
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from _inside(item, (*place, number), part, field)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _inside(item, (*place, key), part, field)
    else:
        yield place, part, field, value


def everything(playbook: Playbook) -> Iterator[tuple[Place, Doc | None, str, Any]]:
    """Walk all files of a playbook."""
    for file, part in playbook.parts.items():
        yield from leaves(part, (file,))


def known(playbook: Playbook) -> dict[str, Collection[str]]:
    """Answer the names of each kind of thing."""
    return {
        "severity": [severity.id for severity in playbook.severities],
        "audience": playbook.communication.audiences,
        "contact": playbook.escalation.contacts,
        "component": [doc.id for doc in playbook.components.values()],
        "action": [action.id for action in playbook.acting.actions],
        "flag": playbook.escalation.flags,
        "level": [str(level.number) for level in playbook.escalation.levels],
        "rotation": playbook.rotations,
        "person": playbook.people,
        "role": {role for severity in playbook.severities for role in severity.roles.fill},
    }


def unknown_names(playbook: Playbook) -> Iterator[Problem]:
    """Find names of nothing: in fields, in "rotation …" and "person …", and in what is to be done."""
    names = known(playbook)
    for place, part, field, value in everything(playbook):
        for kind, name in _named(part, field, value):
            if name not in names[kind]:
                yield _unknown(playbook, place, kind, name, names[kind])
    for severity in playbook.escalation.ladders:
        if severity not in names["severity"]:
            place = ("escalation.yaml", "ladders", severity)
            yield _unknown(playbook, place, "severity", severity, names["severity"])


def _named(part: Doc | None, field: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Whom):
        yield from _target(value.target)
    elif isinstance(value, Act):
        yield from _consequence(value.consequence)
    elif value is None or isinstance(part, SeveritiesDoc):
        return
    elif isinstance(part, ComponentDoc) and field == "owner":
        yield "rotation", value
    elif field == "people" and isinstance(value, str):
        yield "person", value
    elif field in _KINDS and isinstance(value, str | int):
        yield _KINDS[field], str(value)


def _target(target: Any) -> Iterator[tuple[str, str]]:
    match target:
        case OnRotation(rotation):
            yield "rotation", rotation
        case ThePerson(person):
            yield "person", person
        case InRole(role):
            yield "role", role


def _consequence(consequence: Any) -> Iterator[tuple[str, str]]:
    match consequence:
        case Page(target) | Tell(target):
            yield from _target(target)
        case Announce(audience):
            yield "audience", audience
        case RaiseLevel(level):
            yield "level", str(level)


def _unknown(playbook: Playbook, place: Place, kind: str, name: str, names: Collection[str]) -> Problem:
    plural = {"person": "people", "severity": "severities"}.get(kind, f"{kind}s")
    remedy = meant(name, names, f"the {plural} are")
    return playbook.problem(f"unknown-{kind}", place, f'there is no {kind} "{name}"', remedy)


def unknown_marks(playbook: Playbook) -> Iterator[Problem]:
    """Find marks that nothing ever sets: a deadline laid between them would never come, or never end."""
    names = mark_names(playbook)
    for place, part, field, value in everything(playbook):
        if field not in ("after", "until", "ends") or not isinstance(value, str) or part is None:
            continue
        if value.startswith(("rule.", "empty.")):
            yield from _unknown_row(playbook, place, value)
        elif value not in names:
            yield playbook.problem(
                "unknown-mark", place, f'nothing sets the mark "{value}"', meant(value, names, "the marks are")
            )


def mark_names(playbook: Playbook) -> set[str]:
    """Answer all marks that an incident under this playbook can have, those of single rows left out."""
    return {
        *m.SINGLE,
        *(m.at_stage(stage) for stage in Stage),
        *(m.at_level(level.number) for level in playbook.escalation.levels),
        *(f"updated.{audience}" for audience in playbook.communication.audiences),
        *(f"flag.{flag}" for flag in playbook.escalation.flags),
        *(f"milestone.{name}" for name in playbook.plan.milestones),
    }


def _unknown_row(playbook: Playbook, place: Place, value: str) -> Iterator[Problem]:
    names = {doc.id for doc in playbook.plan.deadlines} | set(_TARGETS)
    family, _, name = value.partition(".")
    if name not in names:
        remedy = meant(name, names, "the rows are")
        yield playbook.problem("unknown-mark", place, f'there is no row "{name}" to wait for ({family})', remedy)


def unset_milestones(playbook: Playbook) -> Iterator[Problem]:
    """Find milestones and flags that nothing waits for: whoever reports them is not heard."""
    spoken_of = {value for _, _, field, value in everything(playbook) if field in ("after", "until", "ends")}
    spoken_of |= {f"flag.{value}" for _, _, field, value in everything(playbook) if field == "flag" and value}
    for family, file, key, names in (
        ("milestone", "deadlines.yaml", "milestones", playbook.plan.milestones),
        ("flag", "escalation.yaml", "flags", playbook.escalation.flags),
    ):
        for name in names:
            if f"{family}.{name}" not in spoken_of:
                yield playbook.problem(
                    f"unused-{family}",
                    (file, key, name),
                    f'nothing waits for the {family} "{name}"',
                    "name it in a deadline or a level, or remove it",
                    "warning",
                )


def duplicates(playbook: Playbook) -> Iterator[Problem]:
    """Find ids that stand for two things. A row's id is its own for each severity."""
    seen: dict[tuple[str, str], Place] = {}
    for kind, name, place in _identified(playbook):
        first = seen.setdefault((kind, name.lower()), place)
        if first != place:
            line = playbook.problem("", first, "", "").line
            yield playbook.problem(
                "duplicate",
                place,
                f'{kind} "{name}" is there twice, first on {first[0]}:{line}',
                "rename or remove one",
            )


def _identified(playbook: Playbook) -> Iterator[tuple[str, str, Place]]:
    for number, severity in enumerate(playbook.severities):
        yield "severity", severity.id, ("severities.yaml", "severities", number, "id")
    for number, level in enumerate(playbook.escalation.levels):
        yield "level", str(level.number), ("escalation.yaml", "levels", number, "number")
    yield from _rows(playbook)
    table = playbook.classification
    tables: dict[str, tuple[Any, ...]] = {
        "burn_rates": table.burn_rates,
        "labels": table.labels,
        "reports": table.reports,
    }
    for field, docs in tables.items():
        for number, row in enumerate(docs):
            yield f"row of {field}", row.id, ("classification.yaml", field, number, "id")
    for number, action in enumerate(playbook.acting.actions):
        yield "action", action.id, ("actions.yaml", "actions", number, "id")
    for number, mode in enumerate(playbook.acting.failure_modes):
        yield "failure mode", mode.id, ("actions.yaml", "failure_modes", number, "id")
    for file, doc in playbook.components.items():
        yield "component", doc.id, (file, "id")
        for number, objective in enumerate(doc.objectives):
            yield "objective", f"{doc.id}.{objective.id}", (file, "objectives", number, "id")
        for number, threshold in enumerate(doc.thresholds):
            yield "threshold", f"{doc.id}.{threshold.id}", (file, "thresholds", number, "id")


def _rows(playbook: Playbook) -> Iterator[tuple[str, str, Place]]:
    talk = playbook.communication
    lists: tuple[tuple[str, str, str, tuple[Any, ...]], ...] = (
        ("deadlines.yaml", "deadlines", "", playbook.plan.deadlines),
        ("communication.yaml", "notices", "notice.", talk.notices),
        ("communication.yaml", "cadences", "update.", talk.cadences),
    )
    for file, field, prefix, docs in lists:
        for number, doc in enumerate(docs):
            name = doc.audience if field == "cadences" else doc.id
            for severity in doc.severities:
                yield "row", f"{severity}.{prefix}{name}", (file, field, number)


def reserved_names(playbook: Playbook) -> Iterator[Problem]:
    """Find ids that Tocsin gives to rows of its own."""
    for number, doc in enumerate(playbook.plan.deadlines):
        if doc.id.startswith(_OURS):
            yield _reserved(playbook, ("deadlines.yaml", "deadlines", number, "id"), doc.id)
    for file, component in playbook.components.items():
        for number, threshold in enumerate(component.thresholds):
            if threshold.id in ("gap", "unreachable") or threshold.id.startswith(("burn.", "warning.", "region.")):
                yield _reserved(playbook, (file, "thresholds", number, "id"), threshold.id)


_TARGETS = ("acknowledge", "first-response", "initial-update", "resolution")
_OURS = ("declared", "room", "bridge", "ladder.", "alarm", "relief", "level.", *_TARGETS)


def _reserved(playbook: Playbook, place: Place, name: str) -> Problem:
    return playbook.problem("duplicate", place, f'the id "{name}" is made by Tocsin itself', "choose another")


CHECKS: tuple[Callable[[Playbook], Iterator[Problem]], ...] = (
    unknown_names,
    unknown_marks,
    unset_milestones,
    duplicates,
    reserved_names,
)
