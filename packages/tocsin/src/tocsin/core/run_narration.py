"""How the timeline tells of runs: what is asked for, who signed, what ran, what came of it."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from tocsin.core import events as e
from tocsin.core.effect import Shift, shifts
from tocsin.core.event import Sample

_NAMED_MAX = 4
"""Figures named in one line; the rest stands in the event."""


class Names(Protocol):
    """The names by which people call what the events name by id."""

    def person(self, person: str | None) -> str:
        """Name a person; Tocsin, if there is none."""
        ...


Quantity = Callable[[float, str], str]


def proposed(event: e.MitigationProposed, names: Names) -> str:
    """Say what would run, at what risk, and how many must approve it until when."""
    wants = {0: "needs no approval", 1: "needs approval", 2: "needs the approval of two people"}
    until = f", until {event.expires_at.format_iso()[11:19]} UTC" if event.approvals else ""
    undoes = f" to take {event.undoes} back" if event.undoes else ""
    head = f"{names.person(event.by.person)} proposed {event.run}{undoes}, {event.title}: {event.rendered.shown}"
    pinned = event.before.get("pinned_image", "")
    to = f" (to {pinned})" if pinned else ""
    return f"{head}{to}; {event.risk} risk, {wants[event.approvals]}{until}"


def approved(event: e.MitigationApproved, names: Names) -> str:
    """Say who signed, and as what."""
    role = {"commander": "Incident Commander", "delegate": "the commander's delegate", "second": "the second person"}
    rest = "" if event.complete else "; another person must approve it too"
    return f"{names.person(event.by.person)} approved {event.run} as {role[event.authority]}{rest}"


def started(event: e.MitigationStarted, names: Names) -> str:
    """Say what runs, by whose approval."""
    by = ", ".join(map(names.person, event.approved_by))
    return f"{event.run} runs{f', approved by {by}' if by else ''}: {event.shown}"


def ended(event: e.MitigationEnded, _: Names) -> str:
    """Say what became of it."""
    status = f", exit status {event.exit_status}" if event.exit_status is not None else ""
    last = next((line.strip() for line in reversed(event.output.splitlines()) if line.strip()), "")
    said = f": {last[:200]}" if last else ""
    remedy = f"; {event.remedy}" if event.remedy else ""
    match event.outcome:
        case "succeeded":
            return f"{event.run} succeeded{status}{said}"
        case "failed":
            return f"{event.run} FAILED{status}{f': {event.why}' if event.why else ''}{said}{remedy}"
        case "unknown":
            return f"{event.run}: OUTCOME UNKNOWN, look: {event.why}{remedy}"
        case _:
            return f"{event.run} was not run: {event.why}{remedy}"


def judged(event: e.MitigationJudged, quantity: Quantity) -> str:
    """Say whether it helped, with the figures."""
    what = f"{event.run}, {event.what}" if event.run else "The mitigation"
    early = ", judged early because the next one began" if event.cut_short else ""
    words = {
        "improved": "improved",
        "unchanged": "changed nothing",
        "worse": "made it worse",
        "no_data": "cannot be judged: no measurement before and after it",
    }
    pairs = tuple(shifts(event.before, event.after, 0.0))
    told = [pair for pair in pairs if pair.turn != "same"] or list(pairs)
    figures = "; ".join(_shift(pair, quantity) for pair in told[:_NAMED_MAX])
    return f"{what}: {words[event.verdict]}{early}{f': {figures}' if figures else ''}"


def _shift(shift: Shift, quantity: Quantity) -> str:
    after = shift.after
    bound = f"must be {after.holds} {quantity(after.bound, after.unit)}"
    return f"{after.title} {_value(shift.before, quantity)} → {_value(after, quantity)} ({bound})"


def _value(sample: Sample, quantity: Quantity) -> str:
    return "no data" if sample.value is None else quantity(sample.value, sample.unit)


def _reason(reason: str) -> str:
    return f": {reason}" if reason else ""


LINES: Mapping[type, Callable[[Any, Any], str]] = {
    e.MitigationProposed: proposed,
    e.MitigationApproved: approved,
    e.MitigationRejected: lambda v, n: f"{n.person(v.by.person)} rejected {v.run}{_reason(v.reason)}",
    e.MitigationWithdrawn: lambda v, n: f"{n.person(v.by.person)} took {v.run} back{_reason(v.reason)}",
    e.MitigationStarted: started,
    e.MitigationEnded: ended,
    e.ApprovalDelegated: lambda v, n: (
        f"{n.person(v.by.person)} lets {n.person(v.person)} approve in their stead"
        if v.person
        else f"{n.person(v.by.person)} approves in person again"
    ),
}
"""One line for each event, as in `core.narration`."""

CLAUSES: Mapping[type, str] = {
    e.MitigationProposed: "M3",
    e.MitigationApproved: "M4",
    e.MitigationRejected: "M4",
    e.MitigationWithdrawn: "M4",
    e.MitigationStarted: "M4",
    e.MitigationEnded: "M4",
    e.ApprovalDelegated: "M4",
}
"""The clause by which each comes about."""
