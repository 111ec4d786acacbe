"""What is worth trying first: the playbook's mitigations, by what is seen and by what helped before (M3).

What fits a recognised failure mode comes first. Among what fits equally, the record decides: how often it was tried on
this component and how often the measurements improved, with one success and one failure assumed of everything, so that
something tried once and in vain does not stand behind what nobody ever tried in vain twice.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from tocsin.core.actions import Action, ActionId, Approvals, FailureMode, FailureModeId, Parameter, Risk
from tocsin.core.commands import Refused
from tocsin.core.ids import ComponentId
from tocsin.core.proposing import signatures
from tocsin.core.rendering import render
from tocsin.core.rules import Rulebook


class Record(msgspec.Struct, frozen=True):
    """How often an action was tried on its component, and how often it helped."""

    tried: int = 0
    helped: int = 0


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """One action that could be done now."""

    action: ActionId
    title: str
    component: ComponentId | None
    changes: bool
    risk: Risk
    approvals: Approvals
    expects: str
    inverse: ActionId | None
    parameters: tuple[Parameter, ...]
    shown: str
    """What would run with the playbook's values; empty if it needs a value of its own."""
    fits: tuple[str, ...]
    """The failure modes that are seen now and that it is a mitigation or a diagnostic of."""
    record: Record


def suggestions(
    rules: Rulebook,
    components: Collection[ComponentId],
    seen: Collection[str],
    suspected: Sequence[FailureModeId],
    helped: Mapping[ActionId, Record],
) -> tuple[Suggestion, ...]:
    """Answer the actions of these components, best first; what only reads comes last.

    ``seen`` are the thresholds that were breached, ``suspected`` the failure modes that diagnostics recognised.
    """
    modes = recognised(rules, components, seen, suspected)
    mine = [one for one in rules.actions.values() if one.component is None or one.component in components]
    places = {action: place for place, action in enumerate(_in_order(modes, mine))}

    def rank(action: Action) -> tuple[bool, bool, float, int]:
        fits = any(action.id in (*mode.mitigations, *mode.diagnostics) for mode in modes)
        return not action.changes, not fits, -_likelihood(helped.get(action.id, Record())), places[action.id]

    return tuple(
        _suggestion(action, modes, helped.get(action.id, Record()), signatures(action, rules))
        for action in sorted(mine, key=rank)
    )


def recognised(
    rules: Rulebook, components: Collection[ComponentId], seen: Collection[str], suspected: Sequence[FailureModeId]
) -> tuple[FailureMode, ...]:
    """Answer the failure modes that something speaks for: what diagnostics suspect first."""
    here = [mode for mode in rules.failure_modes.values() if mode.component in components]
    by_diagnostics = [mode for key in suspected for mode in here if mode.id == key]
    by_threshold = [mode for mode in here if set(mode.thresholds) & set(seen)]
    return tuple(dict.fromkeys((*by_diagnostics, *by_threshold)))


def _in_order(modes: Sequence[FailureMode], mine: Sequence[Action]) -> tuple[ActionId, ...]:
    """Answer actions in the order in which the failure modes name them, then the playbook."""
    named = (action for mode in modes for action in (*mode.mitigations, *mode.diagnostics))
    return tuple(dict.fromkeys((*named, *(action.id for action in mine))))


def _likelihood(record: Record) -> float:
    return (record.helped + 1) / (record.tried + 2)


def _suggestion(action: Action, modes: Sequence[FailureMode], record: Record, approvals: Approvals) -> Suggestion:
    fits = tuple(mode.title for mode in modes if action.id in (*mode.mitigations, *mode.diagnostics))
    return Suggestion(
        action=action.id,
        title=action.title,
        component=action.component,
        changes=action.changes,
        risk=action.risk,
        approvals=approvals,
        expects=action.expects,
        inverse=action.inverse,
        parameters=action.parameters,
        shown=_shown(action),
        fits=fits,
        record=record,
    )


def _shown(action: Action) -> str:
    try:
        return render(action).shown
    except Refused:
        return ""  # It needs a value that only a person can give.
