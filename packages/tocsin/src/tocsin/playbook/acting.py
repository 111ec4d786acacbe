"""The section about what may be done: actions and the failure modes that they fit, and how they become rows."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta
from whenever import TimeDelta

from tocsin.core.actions import (
    Action,
    ActionId,
    Approvals,
    FailureMode,
    FailureModeId,
    Parameter,
    ParameterKind,
    Risk,
    TargetKind,
    Verb,
)
from tocsin.core.ids import ComponentId
from tocsin.playbook.base import Clause, Doc, Key, Line
from tocsin.playbook.words import Plain

Blank = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
"""A parameter's name, as it stands between braces."""


class ParameterDoc(Doc, frozen=True, kw_only=True):
    """A blank in an action, and what may be written into it."""

    kind: ParameterKind
    title: str = ""
    default: Plain | None = None
    optional: bool = False
    """Whether it may be left out: a variable is then removed, a revision found."""
    minimum: Plain | None = None
    maximum: Plain | None = None
    choices: tuple[Plain, ...] = ()
    pattern: str = ""
    """Of a text: a regular expression that the whole of it must match."""
    clause: str = ""


class ActionDoc(Doc, frozen=True, kw_only=True):
    """Something that may be done to the watched system."""

    id: Key
    title: Line
    clause: Clause
    component: Key | None = None
    """Absent: it is of no one component."""
    target: TargetKind = TargetKind.KUBERNETES
    verb: Verb
    workload: str = ""
    """As ``kubectl`` names it: ``deployment/agent-booster``."""
    namespace: str = ""
    """Else the component's."""
    container: str = ""
    argv: tuple[Line, ...] = ()
    """The words of ``exec`` and ``command``; one that is ``{name}`` is a parameter."""
    arguments: dict[Key, Plain] = msgspec.field(default_factory=dict)
    parameters: dict[Blank, ParameterDoc] = msgspec.field(default_factory=dict)
    changes: bool = False
    """Whether it changes the world."""
    risk: Risk = "low"
    approvals: Approvals = 0
    """How many people must approve it."""
    expects: str = ""
    inverse: Key | None = None
    """The action that takes it back; it may be itself, with the value from before."""
    at_declaration: bool = False
    """Whether it is run by itself when an incident is declared."""
    time_limit: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(minutes=1))


class FailureModeDoc(Doc, frozen=True, kw_only=True):
    """A known way for a component to fail: how it is recognised, what to look at, what to do, in order."""

    id: Key
    title: Line
    clause: Clause
    component: Key
    recognised: Line
    thresholds: tuple[Key, ...] = ()
    """The component's thresholds that speak for it."""
    logs: tuple[Line, ...] = ()
    """Words in its logs that speak for it."""
    diagnostics: tuple[Key, ...] = ()
    mitigations: tuple[Key, ...] = ()


class ActionsDoc(Doc, frozen=True, kw_only=True):
    """``actions.yaml``."""

    actions: tuple[ActionDoc, ...] = ()
    failure_modes: tuple[FailureModeDoc, ...] = ()


def actions(
    doc: ActionsDoc, namespaces: Mapping[str, str], workloads: TargetKind = TargetKind.KUBERNETES
) -> dict[ActionId, Action]:
    """Answer the actions; those that are for a cluster go to whatever runs the workloads."""
    fits: dict[str, list[FailureModeId]] = {}
    for mode in doc.failure_modes:
        for name in (*mode.diagnostics, *mode.mitigations):
            fits.setdefault(name, []).append(FailureModeId(mode.id))
    return {
        ActionId(one.id): Action(
            id=ActionId(one.id),
            clause=one.clause,
            title=one.title,
            component=ComponentId(one.component) if one.component else None,
            target=workloads if one.target is TargetKind.KUBERNETES else one.target,
            verb=one.verb,
            workload=one.workload,
            namespace=namespace_of(one, namespaces),
            container=one.container,
            argv=one.argv,
            arguments={name: value.text for name, value in one.arguments.items()},
            parameters=tuple(parameter(name, blank) for name, blank in one.parameters.items()),
            changes=one.changes,
            risk=one.risk,
            approvals=one.approvals,
            expects=one.expects,
            inverse=ActionId(one.inverse) if one.inverse else None,
            fits=tuple(dict.fromkeys(fits.get(one.id, ()))),
            at_declaration=one.at_declaration,
            time_limit=one.time_limit,
        )
        for one in doc.actions
    }


def namespace_of(action: ActionDoc, namespaces: Mapping[str, str]) -> str:
    """Answer the namespace that an action is for; nothing, where the target has none."""
    if action.target is not TargetKind.KUBERNETES:
        return action.namespace
    return action.namespace or namespaces.get(action.component or "", "")


def parameter(name: str, doc: ParameterDoc) -> Parameter:
    """Answer a blank as a row."""
    return Parameter(
        name=name,
        kind=doc.kind,
        title=doc.title or name.replace("_", " "),
        default=doc.default.text if doc.default else None,
        optional=doc.optional,
        minimum=doc.minimum.text if doc.minimum else None,
        maximum=doc.maximum.text if doc.maximum else None,
        choices=tuple(one.text for one in doc.choices),
        pattern=doc.pattern,
        clause=doc.clause,
    )


def failure_modes(doc: ActionsDoc) -> dict[FailureModeId, FailureMode]:
    """Answer the failure modes, their thresholds by the ids that alerts carry."""
    return {
        FailureModeId(one.id): FailureMode(
            id=FailureModeId(one.id),
            clause=one.clause,
            component=ComponentId(one.component),
            title=one.title,
            recognised=one.recognised,
            thresholds=tuple(f"{one.component}.{name}" for name in one.thresholds),
            logs=one.logs,
            diagnostics=tuple(ActionId(name) for name in one.diagnostics),
            mitigations=tuple(ActionId(name) for name in one.mitigations),
        )
        for one in doc.failure_modes
    }
