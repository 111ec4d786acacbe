"""Actions to try targets with."""

from tocsin.core.actions import Action, ActionId, Rendered, TargetKind, Verb
from tocsin.core.ids import ComponentId
from tocsin.core.rendering import render


def act(verb: Verb, target: TargetKind, **row: object) -> Rendered:
    """Answer an action without blanks, as it would be given to a target."""
    whole: dict[str, object] = {
        "id": ActionId("test.act"),
        "clause": "M3",
        "title": "Act",
        "component": ComponentId("test"),
        "target": target,
        "verb": verb,
        "changes": False,
        **row,
    }
    return render(Action(**whole))  # type: ignore[arg-type]
