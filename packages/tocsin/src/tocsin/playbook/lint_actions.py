"""Can each action be done as it is written, and by nobody who may not? Does every known failure have a way out?"""

import re
from collections.abc import Callable, Iterator

from whenever import TimeDelta

from tocsin.core.actions import (
    ARGUMENTS,
    CARRIED,
    CHANGES,
    NEEDED,
    ON_WORKLOAD,
    READS,
    RUNS,
    Parameter,
    ParameterKind,
    TargetKind,
    Verb,
)
from tocsin.core.audience import Announcement
from tocsin.core.limits import ACTION_TIME_MAX
from tocsin.core.outbound import is_web_url
from tocsin.core.rendering import BadValue, amount, checked
from tocsin.playbook.acting import ActionDoc, namespace_of, parameter
from tocsin.playbook.document import Playbook
from tocsin.playbook.lint_references import Place
from tocsin.playbook.problems import Problem
from tocsin.playbook.shape import meant
from tocsin.playbook.words import spoken

FILE = "actions.yaml"

_BRACES = re.compile(r"\{[^{}]*\}")
_BLANK = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_WORKLOAD = re.compile(r"(deployment|statefulset)/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _each(playbook: Playbook) -> Iterator[tuple[Place, ActionDoc]]:
    for number, action in enumerate(playbook.acting.actions):
        yield (FILE, "actions", number), action


def approvals(playbook: Playbook) -> Iterator[Problem]:
    """Find what changes the world without an approval, and what says that it only reads and does not."""
    for place, action in _each(playbook):
        if action.changes and action.approvals == 0:
            yield playbook.problem(
                "unapproved", place, f"{action.id} changes the world and nobody approves it", 'add "approvals: 1"'
            )
        if not action.changes and action.verb in CHANGES:
            yield playbook.problem(
                "not-read-only",
                place,
                f"{action.id} says that it only reads, but {action.verb} changes the world",
                'add "changes: true" and "approvals: 1"',
            )
        if action.changes and action.verb in READS:
            yield playbook.problem(
                "not-read-only", place, f"{action.verb} changes nothing", 'take "changes" away, or choose another verb'
            )
        if action.changes and action.at_declaration:
            yield playbook.problem(
                "unapproved", place, f"{action.id} would change the world by itself", 'take "at_declaration" away'
            )


def targets(playbook: Playbook) -> Iterator[Problem]:
    """Find verbs that their target does not have, and workloads and namespaces that are not known."""
    namespaces = {doc.id: doc.namespace for doc in playbook.components.values()}
    workloads = {doc.id: doc.workloads for doc in playbook.components.values()}
    for place, action in _each(playbook):
        if action.verb not in CARRIED[action.target]:
            fit = [kind.value for kind, verbs in CARRIED.items() if action.verb in verbs]
            yield playbook.problem(
                "bad-verb",
                (*place, "verb"),
                f"{action.target} does not know {action.verb}",
                f"{action.verb} is for {' and '.join(fit)}",
            )
        if action.target is TargetKind.KUBERNETES and not namespace_of(action, namespaces):
            yield playbook.problem(
                "no-namespace",
                place,
                f"{action.id} has no namespace, so it would act in whichever one is set",
                'add "namespace: …" here or to its component',
            )
        if action.verb in ON_WORKLOAD or action.workload:
            yield from _workload(playbook, place, action, workloads.get(action.component or ""))


def _workload(playbook: Playbook, place: Place, action: ActionDoc, known: tuple[str, ...] | None) -> Iterator[Problem]:
    if not _WORKLOAD.fullmatch(action.workload):
        found = f'"{action.workload}" is no workload' if action.workload else f"{action.id} names no workload"
        yield playbook.problem("unknown-workload", place, found, "write deployment/NAME or statefulset/NAME")
    elif known is not None and action.workload not in known:
        yield playbook.problem(
            "unknown-workload",
            (*place, "workload"),
            f'{action.component} has no workload "{action.workload}"',
            meant(action.workload, known, "its workloads are"),
        )


def words(playbook: Playbook) -> Iterator[Problem]:
    """Find arguments that the verb does not know or lacks, and words that are no words."""
    for place, action in _each(playbook):
        known = ARGUMENTS[action.verb]
        for name in action.arguments:
            if name not in known:
                remedy = meant(name, known, "the arguments are") if known else "it takes none"
                yield playbook.problem(
                    "bad-argument", (*place, "arguments", name), f'{action.verb} has no argument "{name}"', remedy
                )
        for name in sorted(NEEDED.get(action.verb, frozenset()) - action.arguments.keys()):
            yield playbook.problem(
                "bad-argument", place, f"{action.verb} needs the argument {name}", f'add "{name}: …"'
            )
        if bool(action.argv) != (action.verb in RUNS):
            remedy = "write the program and its words as a list" if action.verb in RUNS else "take argv away"
            yield playbook.problem(
                "bad-argument", (*place, "argv"), f"argv is for {' and '.join(sorted(RUNS))}", remedy
            )
        yield from _values(playbook, place, action)


def _values(playbook: Playbook, place: Place, action: ActionDoc) -> Iterator[Problem]:
    given = {name: value.text for name, value in action.arguments.items()}
    variable, url = given.get("name", "A"), given.get("url", "https://a.example")
    if action.verb is Verb.SET_ENV and not _VARIABLE.fullmatch(variable):
        yield playbook.problem(
            "bad-argument",
            (*place, "arguments", "name"),
            f'"{variable}" cannot be a variable\'s name',
            "use letters, digits and underscores; a parameter may be its value, not its name",
        )
    if action.target is TargetKind.HTTP and not is_web_url(url):
        yield playbook.problem(
            "bad-argument", (*place, "arguments", "url"), f'"{url}" is no plain http or https URL', "write it out whole"
        )


def blanks(playbook: Playbook) -> Iterator[Problem]:
    """Find blanks that nothing fills, parameters that fill nothing, and blanks that are a part of a word."""
    for place, action in _each(playbook):
        used = set()
        for at, text in _texts(place, action):
            whole = _BLANK.fullmatch(text)
            if whole is None and _BRACES.search(text):
                yield playbook.problem(
                    "bad-blank",
                    at,
                    f'"{text}" fills a part of a word',
                    "a parameter fills a whole word, so that it can never become two",
                )
            elif whole is not None and whole[1] not in action.parameters:
                remedy = meant(whole[1], action.parameters, "add it under parameters; there are")
                yield playbook.problem("bad-blank", at, f'there is no parameter "{whole[1]}"', remedy)
            if whole is not None:
                used.add(whole[1])
        for name in action.parameters.keys() - used:
            yield playbook.problem(
                "bad-blank", (*place, "parameters", name), f'nothing uses the parameter "{name}"', f"write {{{name}}}"
            )


def _texts(place: Place, action: ActionDoc) -> Iterator[tuple[Place, str]]:
    for number, text in enumerate(action.argv):
        yield (*place, "argv", number), text
    for name, value in action.arguments.items():
        yield (*place, "arguments", name), value.text


def parameters(playbook: Playbook) -> Iterator[Problem]:
    """Find defaults outside their own bounds, and bounds that leave nothing."""
    for place, action in _each(playbook):
        for name, doc in action.parameters.items():
            at = (*place, "parameters", name)
            wrong = _bounds(parameter(name, doc))
            if wrong:
                yield playbook.problem("bad-parameter", at, *wrong)
            elif doc.default is not None:
                yield from _default(playbook, at, parameter(name, doc))


def _default(playbook: Playbook, place: Place, row: Parameter) -> Iterator[Problem]:
    try:
        checked(row, row.default)
    except BadValue as error:
        yield playbook.problem(
            "bad-parameter", (*place, "default"), f"the default is not allowed: {error.what}", error.remedy
        )


def _bounds(row: Parameter) -> tuple[str, str] | None:
    if row.kind is ParameterKind.CHOICE and not row.choices:
        return "a choice needs choices", 'add "choices: [one, other]"'
    if row.pattern and row.kind is not ParameterKind.TEXT:
        return f"a pattern is for a text, not for {row.kind}", "take it away or change the kind"
    try:
        re.compile(row.pattern)
        least, most = (None if one is None else amount(one) for one in (row.minimum, row.maximum))
    except re.error as error:
        return f"the pattern cannot be read: {error}", "try it in Python's re"
    except ValueError as error:
        return str(error), "write a whole number or a quantity such as 4Gi"
    if least is not None and most is not None and least > most:
        return "no value lies within these bounds", "swap minimum and maximum"
    return None


def inverses(playbook: Playbook) -> Iterator[Problem]:
    """Find inverses that change nothing or belong elsewhere, and time limits that are none."""
    known = {action.id: action for action in playbook.acting.actions}
    for place, action in _each(playbook):
        inverse = known.get(action.inverse or "")
        if inverse is not None and (not inverse.changes or inverse.component != action.component):
            yield playbook.problem(
                "bad-inverse",
                (*place, "inverse"),
                f"{inverse.id} cannot take {action.id} back",
                "name an action of the same component that changes something",
            )
        if not 0 < action.time_limit.total("seconds") <= ACTION_TIME_MAX.total("seconds"):
            yield playbook.problem(
                "no-time", (*place, "time_limit"), "this is no time limit", f"use up to {spoken(ACTION_TIME_MAX)}"
            )


def failures(playbook: Playbook) -> Iterator[Problem]:
    """Find failure modes without a way out, or whose diagnostics would change something."""
    known = {action.id: action for action in playbook.acting.actions}
    thresholds = {doc.id: [one.id for one in doc.thresholds] for doc in playbook.components.values()}
    for number, mode in enumerate(playbook.acting.failure_modes):
        place: Place = (FILE, "failure_modes", number)
        if not mode.mitigations:
            yield playbook.problem(
                "no-mitigation", place, f"nothing is known to be done about {mode.id}", "name its mitigations"
            )
        for at, name in enumerate(mode.diagnostics):
            if name in known and known[name].changes:
                yield playbook.problem(
                    "unapproved",
                    (*place, "diagnostics", at),
                    f"{name} changes the world and is no diagnostic",
                    "name it under mitigations",
                )
        of = [*thresholds.get(mode.component, ()), "unreachable", "gap"]
        for at, name in enumerate(mode.thresholds):
            if name not in of:
                yield playbook.problem(
                    "unknown-threshold",
                    (*place, "thresholds", at),
                    f'{mode.component} has no threshold "{name}"',
                    meant(name, of, "its thresholds are"),
                )
        yield from _elsewhere(playbook, place, mode.component, (*mode.diagnostics, *mode.mitigations))


def _elsewhere(playbook: Playbook, place: Place, component: str, names: tuple[str, ...]) -> Iterator[Problem]:
    known = {action.id: action for action in playbook.acting.actions}
    for name in names:
        if name in known and known[name].component not in (None, component):
            yield playbook.problem(
                "bad-mitigation",
                place,
                f"{name} is of {known[name].component}, not of {component}",
                "name an action of this component or of none",
                "warning",
            )


_APPROVED_AT_LEAST = TimeDelta(minutes=1)
_APPROVED_AT_MOST = TimeDelta(hours=4)


def approval_time(playbook: Playbook) -> Iterator[Problem]:
    """Find an approval that nobody can give in time, and one that outlives what it was given for."""
    expires_within = playbook.about.mitigations.expires_within
    if not _APPROVED_AT_LEAST <= expires_within <= _APPROVED_AT_MOST:
        yield playbook.problem(
            "approval-time",
            ("playbook.yaml", "mitigations", "expires_within"),
            f"an approval is good for {spoken(expires_within)}",
            f"choose from {spoken(_APPROVED_AT_LEAST)}, to read and decide, to {spoken(_APPROVED_AT_MOST)}: "
            "what was approved yesterday was approved for another state",
        )


def unannounced(playbook: Playbook) -> Iterator[Problem]:
    """Find changes to the world that no audience hears of."""
    changing = any(action.changes for _, action in _each(playbook))
    audiences = playbook.communication.audiences
    if changing and not any(Announcement.MITIGATION in audience.announces for audience in audiences.values()):
        yield playbook.problem(
            "unannounced",
            ("communication.yaml", "audiences"),
            "actions change the world and no audience hears of it",
            'add "mitigation" to what the incident\'s channel announces',
            "warning",
        )


CHECKS: tuple[Callable[[Playbook], Iterator[Problem]], ...] = (
    approvals,
    targets,
    words,
    blanks,
    parameters,
    inverses,
    failures,
    approval_time,
    unannounced,
)
