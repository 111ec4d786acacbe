"""Is everything that is owed owed by somebody, in an order that can be kept, and does it never fall silent?"""

from collections.abc import Callable, Iterator
from typing import Any

from whenever import TimeDelta

from tocsin.core.ids import INCIDENT_COMMANDER
from tocsin.core.rules import InRole, Remind
from tocsin.playbook.document import Playbook
from tocsin.playbook.lint_references import Place, everything
from tocsin.playbook.problems import Problem
from tocsin.playbook.sections import DeadlineDoc, SeverityDoc, TargetDoc
from tocsin.playbook.words import Whom, spoken

_REPEATS = (
    "every",
    "again_every",
    "asks_every",
    "not_improving_for",
    "escalates_within",
    "scrape_every",
    "window",
    "counts_every",
)
"""Fields whose duration something is divided by or waits for again and again."""


def no_acknowledgment(playbook: Playbook) -> Iterator[Problem]:
    """Find severities that nobody need acknowledge (C2)."""
    for number, severity in enumerate(playbook.severities):
        if severity.targets.acknowledge is None:
            yield playbook.problem(
                "no-acknowledge-target",
                ("severities.yaml", "severities", number, "targets"),
                f"{severity.id} has no acknowledgment target",
                'add "acknowledge: {within: …, owner: …}"',
            )


def owned_by_nobody(playbook: Playbook) -> Iterator[Problem]:
    """Find what is owed by nobody, or by a role that the severity does not fill."""
    for place, title, severities, owner in _owed(playbook):
        if owner is None:
            yield playbook.problem(
                "owned-by-nobody",
                place,
                f"nobody owns the deadline {title}",
                'add "owner: role …" or "owner: rotation …"',
            )
            continue
        for severity in playbook.severities:
            if severity.id in severities:
                yield from _unfilled(playbook, place, severity, owner)


def _owed(playbook: Playbook) -> Iterator[tuple[Place, str, tuple[str, ...], Whom | None]]:
    for number, severity in enumerate(playbook.severities):
        for name in ("acknowledge", "first_response", "initial_update", "resolution"):
            target: TargetDoc | None = getattr(severity.targets, name)
            if target is not None:
                place: Place = ("severities.yaml", "severities", number, "targets", name)
                yield place, f"{severity.id} {name}", (severity.id,), target.owner
    for number, cadence in enumerate(playbook.communication.cadences):
        place = ("communication.yaml", "cadences", number)
        yield place, f"update {cadence.audience}", cadence.severities, cadence.owner
    for number, notice in enumerate(playbook.communication.notices):
        yield ("communication.yaml", "notices", number), notice.title, notice.severities, notice.owner
    for number, row in enumerate(playbook.plan.deadlines):
        if row.owner is not None or not _is_carried_out(row):
            yield ("deadlines.yaml", "deadlines", number), row.title, row.severities, row.owner


def _is_carried_out(row: DeadlineDoc) -> bool:
    """A row without an owner is Tocsin's own, if it says what Tocsin is to do; reminding nobody is nothing."""
    return any(not isinstance(act.consequence, Remind) for act in row.then or ())


def _unfilled(playbook: Playbook, place: Place, severity: SeverityDoc, owner: Whom) -> Iterator[Problem]:
    target, filled = owner.target, severity.roles.fill
    # Where no commander is named, whoever holds the first role stands in for one.
    stands_in = isinstance(target, InRole) and target.role == INCIDENT_COMMANDER and bool(filled)
    if isinstance(target, InRole) and target.role not in filled and not stands_in:
        yield playbook.problem(
            "owned-by-nobody",
            (*place, "owner"),
            f'{severity.id} fills no role "{target.role}", so nobody owns this',
            f"name one of {', '.join(filled) or 'the roles that you add'}, or fill the role in severities.yaml",
        )


def led_by_nobody(playbook: Playbook) -> Iterator[Problem]:
    """Find severities in which no role leads: nobody could approve a mitigation or override a resolution (M4, V4)."""
    commanders = playbook.about.commanders
    for number, severity in enumerate(playbook.severities):
        if not any(role in severity.roles.fill for role in commanders):
            yield playbook.problem(
                "led-by-nobody",
                ("severities.yaml", "severities", number, "roles", "fill"),
                f"nobody leads a {severity.id}: no role of it is one of the commanders {', '.join(commanders)}",
                'name the role that leads under "commanders" in playbook.yaml, or fill one of those',
            )


def owes_nothing(playbook: Playbook) -> Iterator[Problem]:
    """Find severities whose open incidents could come to owe nothing: they would be forgotten."""
    for number, severity in enumerate(playbook.severities):
        talked = any(severity.id in cadence.severities for cadence in playbook.communication.cadences)
        rows = (row for row in playbook.plan.deadlines if severity.id in row.severities)
        if not talked and not any(_goes_on(row) for row in rows):
            yield playbook.problem(
                "owes-nothing",
                ("severities.yaml", "severities", number, "id"),
                f"an open {severity.id} may come to owe nothing: no update repeats until it is resolved",
                "add a cadence for it in communication.yaml, a daily one is enough",
            )


def _goes_on(row: DeadlineDoc) -> bool:
    lasting = row.ends is None or set(row.ends) <= {"resolved"}
    return row.every is not None and row.owner is not None and row.after in ("opened", "detected") and lasting


def never_due(playbook: Playbook) -> Iterator[Problem]:
    """Find rows that are over as soon as they begin."""
    for number, row in enumerate(playbook.plan.deadlines):
        place = ("deadlines.yaml", "deadlines", number)
        for field, names in (("until", row.until), ("ends", row.ends or ())):
            if row.after in names:
                yield playbook.problem(
                    "never-due",
                    (*place, field),
                    f'"{row.after}" both begins and ends the row "{row.id}", so it can never come due',
                    f"take {row.after} out of {field}",
                )


def without_end(playbook: Playbook) -> Iterator[Problem]:
    """Find durations of nothing where something is repeated or divided by them."""
    for place, _, field, value in everything(playbook):
        if field in _REPEATS and isinstance(value, TimeDelta) and value <= TimeDelta.ZERO:
            yield playbook.problem(
                "no-time", place, f"{field} is no time at all, so this would never stop", "write at least 1s"
            )


def missed_at_once(playbook: Playbook) -> Iterator[Problem]:
    """Find targets that leave no time at all, and a watch that proves nothing over time (C2, V2)."""
    for number, severity in enumerate(playbook.severities):
        for name in ("acknowledge", "first_response", "initial_update", "resolution"):
            target: TargetDoc | None = getattr(severity.targets, name)
            if target is not None and not target.within.business_days and target.within.wall <= TimeDelta.ZERO:
                place: Place = ("severities.yaml", "severities", number, "targets", name, "within")
                yield playbook.problem(
                    "no-time", place, f"{severity.id} misses this as it begins", "give it a minute, or leave it out"
                )
    if playbook.about.watch.holds_for <= TimeDelta.ZERO:
        yield playbook.problem(
            "no-watch",
            ("playbook.yaml", "watch", "holds_for"),
            "one measurement is enough to resolve: nothing must hold for any time",
            "say how long the objectives must hold, such as 10m",
            "warning",
        )


def cadences(playbook: Playbook) -> Iterator[Problem]:
    """Find cadences longer than their escalation, and those that no audience reads.

    ``escalates_within`` counts from the last update. If it is shorter than the cadence itself, somebody is called
    before the update was even due.
    """
    for number, doc in enumerate(playbook.communication.cadences):
        place: Place = ("communication.yaml", "cadences", number)
        longest = max(doc.every, doc.first_within or doc.every)
        if doc.escalates_within is not None and doc.escalates_within < longest:
            yield playbook.problem(
                "cadence-escalation",
                (*place, "escalates_within"),
                f"escalates after {spoken(doc.escalates_within)}, before the update is due after {spoken(longest)}",
                f"let it escalate after {spoken(longest)} or later",
            )
        if (doc.escalates_within is None) != (doc.escalates_to is None):
            yield playbook.problem(
                "cadence-escalation", place, "escalates_within and escalates_to belong together", "give both or neither"
            )
        yield from _unread(playbook, place, doc)
    for number, notice in enumerate(playbook.communication.notices):
        yield from _unread(playbook, ("communication.yaml", "notices", number), notice)


def _unread(playbook: Playbook, place: Place, doc: Any) -> Iterator[Problem]:
    audience = playbook.communication.audiences.get(doc.audience)
    for severity in doc.severities if audience else ():
        if audience is not None and severity not in audience.severities:
            kind = "public cadence" if audience.public else "update"
            yield playbook.problem(
                "cadence-without-audience",
                (*place, "audience"),
                f'the {kind} is owed for {severity}, but the audience "{doc.audience}" does not read about {severity}',
                f"add {severity} to the audience's severities, or take it out here",
            )


def target_order(playbook: Playbook) -> Iterator[Problem]:
    """Find response targets that a worse severity keeps more slowly than a milder one."""
    for name in ("acknowledge", "first_response", "initial_update", "resolution"):
        before: tuple[str, TimeDelta] | None = None
        for number, severity in enumerate(playbook.severities):
            target: TargetDoc | None = getattr(severity.targets, name)
            if target is None or target.within.business_days:
                continue
            if before is not None and target.within.wall < before[1]:
                yield playbook.problem(
                    "target-order",
                    ("severities.yaml", "severities", number, "targets", name),
                    f"{severity.id} must be quicker here ({spoken(target.within.wall)}) than the worse {before[0]} "
                    f"({spoken(before[1])})",
                    "list the severities worst first, and give the worse one the shorter target",
                    "warning",
                )
            before = severity.id, target.within.wall


CHECKS: tuple[Callable[[Playbook], Iterator[Problem]], ...] = (
    no_acknowledgment,
    owned_by_nobody,
    led_by_nobody,
    owes_nothing,
    never_due,
    without_end,
    missed_at_once,
    cadences,
    target_order,
)
