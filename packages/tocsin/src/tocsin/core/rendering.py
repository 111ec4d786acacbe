"""An action and values to the exact thing that would run. Whatever could add a word to it is refused.

A value fills one whole word of an argument vector or one whole argument, never a part of one, so a value cannot end one
word and begin another. Beyond that each kind has its own grammar, and no value may begin with a dash: the program that
reads it would take it for a flag.
"""

import re
import shlex
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from tocsin.core.actions import NEEDED, Action, ActionId, Parameter, ParameterKind, Rendered, TargetKind, Verb
from tocsin.core.commands import Reason, Refused
from tocsin.core.limits import PARAMETER_LENGTH_MAX
from tocsin.core.rules import Rulebook

PLAIN_TEXT: Final = r"[A-Za-z0-9_./:@%+,=-]*"
"""Of a text whose row gives no pattern: nothing that a shell or a query would read as more than text."""

BY_CONTAINER: Final = "_by_container"
"""Ends the name of a fact that stands for an argument's where no one value of it brings back what was so."""

_BLANK: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_INTEGER: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_QUANTITY: Final = re.compile(r"(?P<number>[0-9]{1,15}(?:\.[0-9]{1,3})?)(?P<unit>m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_HOST: Final = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_ADDRESS_6: Final = re.compile(r"(?=.*:.*:)[0-9A-Fa-f:.]{2,45}")
_UNITS: Final = {
    "m": Decimal("0.001"), "": Decimal(1),
    "k": Decimal(10) ** 3, "M": Decimal(10) ** 6, "G": Decimal(10) ** 9, "T": Decimal(10) ** 12,
    "Ki": Decimal(2) ** 10, "Mi": Decimal(2) ** 20, "Gi": Decimal(2) ** 30, "Ti": Decimal(2) ** 40,
}  # fmt: skip


class BadValue(ValueError):
    """A value that may not stand in a blank."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy


def find(rules: Rulebook, action: str) -> Action:
    """Answer an action of the playbook. Raises `Refused` if it is not in it: nothing else can ever run."""
    found = rules.actions.get(ActionId(action))
    if found is None:
        near = [known for known in rules.actions if known.partition(".")[0] == action.partition(".")[0]]
        choices = ", ".join(sorted(near or rules.actions)) or "none at all"
        raise Refused(
            Reason.UNKNOWN_ACTION, f'"{action[:80]}" is no action of the playbook', f"choose one of {choices}"
        )
    return found


def render(action: Action, values: Mapping[str, object] | None = None) -> Rendered:
    """Fill an action's blanks. What is not given takes its default; None leaves an optional value out."""
    given = dict(values or {})
    for name in given:
        if action.parameter(name) is None:
            known = ", ".join(one.name for one in action.parameters)
            remedy = f"it takes {known}" if known else "it takes no parameters"
            raise Refused(Reason.UNKNOWN_PARAMETER, f'{action.id} has no parameter "{name[:80]}"', remedy)
    filled = {one.name: _value(action, one, given.get(one.name, one.default)) for one in action.parameters}
    arguments = {name: value for name, text in action.arguments.items() if (value := _filled(text, filled)) is not None}
    rendered = Rendered(
        action=action.id,
        component=action.component,
        target=action.target,
        verb=action.verb,
        workload=action.workload,
        namespace=action.namespace,
        container=action.container,
        argv=tuple(word for text in action.argv if (word := _filled(text, filled)) is not None),
        arguments=arguments,
        parameters=filled,
        changes=action.changes,
        time_limit_s=round(action.time_limit.total("seconds")),
        shown="",
    )
    missing = sorted(NEEDED.get(action.verb, frozenset()) - arguments.keys())
    if missing:
        raise Refused(Reason.BAD_PARAMETER, f"{action.id} lacks {missing[0]}", "give it a value")
    return replace(rendered, shown=shown(rendered))


def pinned(rendered: Rendered, before: Mapping[str, str]) -> Rendered:
    """Name in an undo the revision that the captured state found to be the one from before the incident.

    Without it, an undo after a restart or a changed variable would lead to the same broken image. What is not an undo,
    or names its revision already, stays as it is.
    """
    revision = before.get("pinned")
    if rendered.verb is not Verb.UNDO or revision is None or "to_revision" in rendered.arguments:
        return rendered
    exact = replace(rendered, arguments={**rendered.arguments, "to_revision": revision})
    return replace(exact, shown=shown(exact))


def taking_back(action: Action, rendered: Rendered, before: Mapping[str, str]) -> dict[str, str | None] | None:
    """Answer the values with which the inverse action restores the state before; None if there is no inverse.

    A captured fact bears the name of the argument that sets it. A variable that was not set is left out again; what was
    set so that no value brings it back, as from a secret, is a person's to restore.
    """
    if action.inverse is None:
        return None
    facts = {**before, "to_revision": before.get("revision")} if rendered.verb is Verb.UNDO else dict(before)
    blanks = {name: found[1] for name, text in action.arguments.items() if (found := _BLANK.fullmatch(text))}
    if any(f"{argument}{BY_CONTAINER}" in facts for argument in blanks):
        return None
    return {parameter: facts.get(argument) for argument, parameter in blanks.items()}


def shown(rendered: Rendered) -> str:
    """Write the line of the shell that does the same."""
    match rendered.target:
        case TargetKind.KUBERNETES:
            words = ("kubectl", *_kubectl(rendered))
        case TargetKind.SUPERVISOR:
            words = ("agentic-flow", *_supervisor(rendered))
        case TargetKind.HTTP:
            body = ("--data", rendered.arguments.get("body", "")) if rendered.verb is Verb.HTTP_POST else ()
            words = ("curl", "-sS", *body, rendered.arguments["url"])
        case TargetKind.COMMAND:
            words = rendered.argv
    return shlex.join(words)


def _kubectl(rendered: Rendered) -> tuple[str, ...]:
    given, namespace = rendered.arguments, ("-n", rendered.namespace)
    container = ("-c", rendered.container) if rendered.container else ()
    match rendered.verb:
        case Verb.RESTART:
            return "rollout", "restart", rendered.workload, *namespace
        case Verb.UNDO:
            revision = (f"--to-revision={given['to_revision']}",) if "to_revision" in given else ()
            return "rollout", "undo", rendered.workload, *revision, *namespace
        case Verb.HISTORY:
            return "rollout", "history", rendered.workload, *namespace
        case Verb.SCALE:
            return "scale", rendered.workload, f"--replicas={given['replicas']}", *namespace
        case Verb.SET_ENV:
            return "set", "env", rendered.workload, *container, _variable(given), *namespace
        case Verb.SET_RESOURCES:
            limits = (
                ",".join(f"{name}={given.get(name, '0')}" for name in ("cpu", "memory") if name in given) or "memory=0"
            )
            return "set", "resources", rendered.workload, *container, f"--limits={limits}", *namespace
        case Verb.LOGS:
            return "logs", rendered.workload, *container, f"--tail={given.get('tail', '-1')}", *namespace
        case Verb.EXEC:
            return "exec", rendered.workload, *container, *namespace, "--", *rendered.argv
        case _:
            return "get", rendered.workload or given.get("what", "pods"), *namespace


def _supervisor(rendered: Rendered) -> tuple[str, ...]:
    given, service = rendered.arguments, rendered.workload
    match rendered.verb:
        case Verb.UNDO:
            revision = ("--to-revision", given["to_revision"]) if "to_revision" in given else ()
            return "undo", service, *revision
        case Verb.SCALE:
            return "scale", service, given["replicas"]
        case Verb.SET_ENV:
            return "set-env", service, _variable(given)
        case Verb.SET_RESOURCES:
            memory = ("--memory", str(mebibytes(given["memory"]))) if "memory" in given else ()
            return "set-resources", service, *memory
        case Verb.LOGS:
            return "logs", service, "--tail", given.get("tail", "100")
        case Verb.RESTART:
            return "restart", service
        case Verb.EXEC:
            return "exec", service, "--", *rendered.argv
        case _:
            return ("get", service) if service else ("get",)


def _variable(given: Mapping[str, str]) -> str:
    return f"{given['name']}={given['value']}" if "value" in given else f"{given['name']}-"


def _filled(text: str, filled: Mapping[str, str | None]) -> str | None:
    blank = _BLANK.fullmatch(text)
    return filled[blank[1]] if blank else text


def blanks(action: Action) -> tuple[str, ...]:
    """Answer the names of an action's blanks, in the order of its words."""
    texts = (*action.argv, *action.arguments.values())
    return tuple(found[1] for text in texts if (found := _BLANK.fullmatch(text)))


def mebibytes(quantity: str) -> int:
    """Answer a quantity of memory in whole mebibytes."""
    return int(amount(quantity) / _UNITS["Mi"])


def amount(quantity: str) -> Decimal:
    """Answer what a quantity comes to: ``4Gi`` in bytes, ``500m`` in processors. Raises ValueError."""
    found = _QUANTITY.fullmatch(quantity)
    if found is None:
        raise ValueError(f'"{quantity[:40]}" is no quantity; write one like 4Gi or 500m')
    return Decimal(found["number"]) * _UNITS[found["unit"] or ""]


def _value(action: Action, parameter: Parameter, given: object) -> str | None:
    try:
        return checked(parameter, given)
    except BadValue as error:
        raise Refused(Reason.BAD_PARAMETER, f"{action.id}: {parameter.name}: {error.what}", error.remedy) from None


def checked(parameter: Parameter, given: object) -> str | None:
    """Answer a value as it is written into the blank. Raises `BadValue`."""
    if given is None:
        if parameter.optional:
            return None
        raise BadValue("no value is given", _wanted(parameter))
    text = _text(parameter, given)
    if len(text) > PARAMETER_LENGTH_MAX:
        raise BadValue(f"the value has {len(text)} characters", f"{PARAMETER_LENGTH_MAX} are allowed")
    if text.startswith("-"):
        raise BadValue(f"{_quoted(text)} begins with a dash and would be read as a flag", _wanted(parameter))
    if not text.isprintable():
        raise BadValue(f"{_quoted(text)} holds characters that cannot be seen", _wanted(parameter))
    _GRAMMARS[parameter.kind](parameter, text)
    return text


def _text(parameter: Parameter, given: object) -> str:
    if isinstance(given, bool):
        given = "true" if given else "false"
    if isinstance(given, int) and parameter.kind in (ParameterKind.INTEGER, ParameterKind.QUANTITY):
        given = str(given)
    if not isinstance(given, str):
        raise BadValue(f"{_quoted(given)} is of the wrong type", _wanted(parameter))
    return given


def _integer(parameter: Parameter, text: str) -> None:
    if not _INTEGER.fullmatch(text):
        raise BadValue(f"{_quoted(text)} is no whole number", _wanted(parameter))
    _within(parameter, text, Decimal)


def _quantity(parameter: Parameter, text: str) -> None:
    if not _QUANTITY.fullmatch(text):
        raise BadValue(f"{_quoted(text)} is no quantity", _wanted(parameter))
    _within(parameter, text, amount)


def _within(parameter: Parameter, text: str, size: Callable[[str], Decimal]) -> None:
    if parameter.minimum is not None and size(text) < size(parameter.minimum):
        raise BadValue(f"{text} is too little", _wanted(parameter))
    if parameter.maximum is not None and size(text) > size(parameter.maximum):
        raise BadValue(f"{text} is too much", _wanted(parameter))


def _choice(parameter: Parameter, text: str) -> None:
    if text not in parameter.choices:
        raise BadValue(f"{_quoted(text)} is not among the choices", _wanted(parameter))


def _host(parameter: Parameter, text: str) -> None:
    if not (_HOST.fullmatch(text) or _ADDRESS_6.fullmatch(text)):
        raise BadValue(f"{_quoted(text)} is neither a host name nor an address", _wanted(parameter))


def _plain(parameter: Parameter, text: str) -> None:
    if not re.fullmatch(parameter.pattern or PLAIN_TEXT, text):
        raise BadValue(f"{_quoted(text)} holds what may not stand there", _wanted(parameter))


_GRAMMARS: Final[Mapping[ParameterKind, Callable[[Parameter, str], None]]] = {
    ParameterKind.INTEGER: _integer,
    ParameterKind.QUANTITY: _quantity,
    ParameterKind.CHOICE: _choice,
    ParameterKind.HOST: _host,
    ParameterKind.TEXT: _plain,
}


def _wanted(parameter: Parameter) -> str:
    match parameter.kind:
        case ParameterKind.CHOICE:
            return f"give one of {', '.join(parameter.choices)}"
        case ParameterKind.HOST:
            return "give a host name or an address such as 8.8.8.8"
        case ParameterKind.TEXT:
            return f"give a text that matches {parameter.pattern or PLAIN_TEXT}"
        case kind:
            least, most = parameter.minimum, parameter.maximum
            bounds = (f"from {least}" if least else "", f"up to {most}" if most else "")
            noun = "a whole number" if kind is ParameterKind.INTEGER else "a quantity such as 4Gi"
            return " ".join(word for word in (f"give {noun}", *bounds) if word)


def _quoted(value: object) -> str:
    return repr(value)[:80]
