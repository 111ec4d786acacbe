"""Can every hand-off and every test page be done, does it end, and does a drill leave everybody else alone?"""

from collections.abc import Callable, Iterator

from whenever import TimeDelta

from tocsin.core.kinds import CHECKLIST, Kind
from tocsin.core.rules import Announce, Remind
from tocsin.playbook.document import Playbook
from tocsin.playbook.problems import Problem
from tocsin.playbook.sections import MethodDoc
from tocsin.playbook.words import spoken


def handoff(playbook: Playbook) -> Iterator[Problem]:
    """Find hand-offs without a checklist, or that end before they may be accepted."""
    doc, file = playbook.handoff, "handoff.yaml"
    for number, name in enumerate(doc.rotations):
        if name not in playbook.rotations:
            yield _no_rotation(playbook, (file, "rotations", number), name)
    if doc.rotations and not doc.steps:
        yield playbook.problem("no-steps", (file, "steps"), "the checklist has no step", 'add "steps: {name: what …}"')
    if CHECKLIST in doc.steps:
        message = f'the id "{CHECKLIST}" is made by Tocsin itself'
        yield playbook.problem("duplicate", (file, "steps", CHECKLIST), message, "choose another")
    for field in ("done_within", "accepted_within"):
        span: TimeDelta = getattr(doc, field)
        if span >= doc.lapses_within:
            message = f"{field} ({spoken(span)}) is not over before the hand-off lapses ({spoken(doc.lapses_within)})"
            yield playbook.problem("never-due", (file, field), message, "let lapses_within be longer")
    for field in ("opens_before", "reminds_every"):
        if getattr(doc, field) <= TimeDelta.ZERO:
            yield playbook.problem("no-time", (file, field), f"{field} is no time at all", "write at least 1s")


def drills(playbook: Playbook) -> Iterator[Problem]:
    """Find test pages that would ask others, end before they may be answered, or test nobody."""
    doc, file = playbook.drills, "drills.yaml"
    for number, act in enumerate(doc.then):
        if not isinstance(act.consequence, Remind | Announce):
            message = "a test page asks nobody but its person"
            yield playbook.problem(
                "drill-asks-others", (file, "then", number), message, 'write "remind" or "announce …"'
            )
    if doc.answered_within >= doc.ends_within:
        message = f"it ends after {spoken(doc.ends_within)}, before its answer is late"
        yield playbook.problem("never-due", (file, "ends_within"), message, "let it be longer than answered_within")
    for number, name in enumerate(doc.monthly.rotations if doc.monthly else ()):
        if name not in playbook.rotations:
            yield _no_rotation(playbook, (file, "monthly", "rotations", number), name)
    known = [severity.id for severity in playbook.severities]
    if doc.missed_severity is not None and doc.missed_severity not in known:
        message = f'there is no severity "{doc.missed_severity}"'
        yield playbook.problem(
            "unknown-severity", (file, "missed_severity"), message, f"choose one of {', '.join(known)}"
        )


def names_of_kinds(playbook: Playbook) -> Iterator[Problem]:
    """Find severities that are called like the rows of an errand."""
    for number, severity in enumerate(playbook.severities):
        if severity.id.lower() in (Kind.DRILL, Kind.HANDOFF, Kind.INCIDENT):
            place = ("severities.yaml", "severities", number, "id")
            yield playbook.problem("duplicate", place, f'"{severity.id}" is a name of Tocsin\'s own', "choose another")


def one_route(playbook: Playbook) -> Iterator[Problem]:
    """Find people on call who could be reached in one way alone: where that fails, nobody hears the page."""
    on_call = {person for rotation in playbook.rotations.values() for person in rotation.people}
    for key, person in playbook.people.items():
        routes = {_route(playbook, method) for method in person.methods}
        if key in on_call and len(routes) == 1:
            yield playbook.problem(
                "one-route",
                ("people.yaml", "people", key, "methods"),
                f"{person.name} is on call and can be reached in one way only",
                "add a contact method that another channel carries",
                "warning",
            )


def _route(playbook: Playbook, method: MethodDoc) -> str:
    """Answer what a method depends on. As long as the console stands in for every channel, its kind is all there is."""
    channel = method.channel or playbook.channel_of(method.kind.value)
    return method.kind.value if channel in (None, "console") else str(channel)


def _no_rotation(playbook: Playbook, place: tuple[str | int, ...], name: str) -> Problem:
    names = ", ".join(playbook.rotations)
    return playbook.problem("unknown-rotation", place, f'there is no rotation "{name}"', f"the rotations are {names}")


CHECKS: tuple[Callable[[Playbook], Iterator[Problem]], ...] = (handoff, drills, names_of_kinds, one_route)
