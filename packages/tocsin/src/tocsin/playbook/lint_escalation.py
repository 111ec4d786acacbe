"""Does escalation lead anywhere: can each level be reached, each rung be climbed, and does somebody hear the alarm?"""

from collections.abc import Callable, Iterator

from msgspec.structs import replace
from whenever import TimeDelta

from tocsin.core.rules import ComponentOwner, Page, RaiseLevel, Tell
from tocsin.playbook.document import Playbook
from tocsin.playbook.lint_references import Place
from tocsin.playbook.problems import Problem
from tocsin.playbook.sections import LadderDoc, LevelDoc, ReachedDoc
from tocsin.playbook.words import Act, spoken


def unreachable_levels(playbook: Playbook) -> Iterator[Problem]:
    """Find levels that no rung and no condition ever leads to (E1)."""
    by_rung = {rung.level for ladder in playbook.escalation.ladders.values() for rung in ladder.rungs}
    by_row = {act.consequence.level for act in _acts(playbook) if isinstance(act.consequence, RaiseLevel)}
    for number, level in enumerate(playbook.escalation.levels):
        place: Place = ("escalation.yaml", "levels", number)
        usable = [reached for reached in level.reached if _conditions(reached) == 1 and reached.severities]
        if not usable and level.number not in by_rung | by_row:
            yield playbook.problem(
                "unreachable-level",
                place,
                f"nothing ever leads to level {level.number}, {level.name}",
                'add a condition under "reached", or a rung with this level to a ladder',
            )
        yield from _odd_conditions(playbook, place, level)


def _acts(playbook: Playbook) -> Iterator[Act]:
    for severity in playbook.severities:
        yield from severity.on_declaration.do if severity.on_declaration else ()
        for name in ("acknowledge", "first_response", "initial_update", "resolution"):
            target = getattr(severity.targets, name)
            yield from target.then if target else ()
    for row in playbook.plan.deadlines:
        yield from row.then or ()
    for cadence in playbook.communication.cadences:
        if cadence.escalates_to is not None:
            yield cadence.escalates_to


def _conditions(reached: ReachedDoc) -> int:
    given = (reached.open_for, reached.not_improving_for, reached.flag)
    return reached.declared + reached.several_components + sum(one is not None for one in given)


def _odd_conditions(playbook: Playbook, place: Place, level: LevelDoc) -> Iterator[Problem]:
    seen: set[tuple[str, ReachedDoc]] = set()
    for number, reached in enumerate(level.reached):
        here = (*place, "reached", number)
        if _conditions(reached) != 1:
            yield playbook.problem(
                "unreachable-level",
                here,
                f"{_conditions(reached)} conditions stand here, and there must be exactly one",
                "give one of declared, open_for, not_improving_for, several_components and flag",
            )
        if reached.several_components and playbook.escalation.several_components > len(playbook.components):
            yield playbook.problem(
                "unreachable-level",
                here,
                f"it takes {playbook.escalation.several_components} components, there are {len(playbook.components)}",
                "lower several_components or take the condition out",
            )
        for severity in reached.severities:
            bare = (severity, replace(reached, severities=()))
            if bare in seen:
                yield playbook.problem("duplicate", here, f"{severity} has this condition twice", "remove one")
            seen.add(bare)


def ladders(playbook: Playbook) -> Iterator[Problem]:
    """Find severities that nobody hears of, and rungs that cannot be reached or lead nowhere (E2, E4)."""
    for number, severity in enumerate(playbook.severities):
        ladder = playbook.escalation.ladders.get(severity.id)
        told = severity.on_declaration.do if severity.on_declaration else ()
        if (ladder is None or not ladder.rungs) and not any(isinstance(act.consequence, Page | Tell) for act in told):
            yield playbook.problem(
                "nobody-hears",
                ("severities.yaml", "severities", number, "id"),
                f"nobody is paged or told of a {severity.id}",
                "add a ladder for it in escalation.yaml",
            )
        if ladder is not None:
            yield from _rungs(playbook, severity.id, ladder)
            target = severity.targets.acknowledge
            yield from _timing(playbook, severity.id, ladder, target.within.wall if target else None)


def _rungs(playbook: Playbook, severity: str, ladder: LadderDoc) -> Iterator[Problem]:
    reached = 0
    owners = any(doc.owner for doc in playbook.components.values())
    for number, rung in enumerate(ladder.rungs):
        place = ("escalation.yaml", "ladders", severity, "rungs", number)
        contact = playbook.escalation.contacts.get(rung.contact)
        if contact is not None and isinstance(contact.reach.target, ComponentOwner) and not owners:
            yield playbook.problem(
                "unreachable-rung", place, "no component has an owner, so this rung reaches nobody", "give them owners"
            )
        if rung.level is not None and rung.level <= reached:
            yield playbook.problem(
                "unreachable-rung",
                (*place, "level"),
                f"level {rung.level} was passed by an earlier rung ({reached}), so it is never raised here",
                "order the rungs by level",
            )
        reached = max(reached, rung.level or 0)


def _timing(playbook: Playbook, severity: str, ladder: LadderDoc, allowed: TimeDelta | None) -> Iterator[Problem]:
    """The second rung is for who is late: it should come no later than the acknowledgment was due."""
    first = ladder.rungs[0] if ladder.rungs else None
    contact = playbook.escalation.contacts.get(first.contact) if first else None
    if first is None or contact is None or allowed is None:
        return
    waits = first.waits or contact.answers_within
    if len(ladder.rungs) > 1 and waits > allowed:
        yield playbook.problem(
            "late-rung",
            ("escalation.yaml", "ladders", severity, "rungs", 0),
            f"the second rung waits {spoken(waits)}, but {severity} must be acknowledged in {spoken(allowed)}",
            'shorten "waits" or the contact\'s "answers_within"',
            "warning",
        )


def contacts_by(playbook: Playbook) -> Iterator[Problem]:
    """Find contacts that are said to be reached by nothing."""
    for key, contact in playbook.escalation.contacts.items():
        if not contact.by:
            yield playbook.problem(
                "no-method", ("escalation.yaml", "contacts", key, "by"), "reached by nothing", "name a kind: [pager]"
            )


CHECKS: tuple[Callable[[Playbook], Iterator[Problem]], ...] = (unreachable_levels, ladders, contacts_by)
