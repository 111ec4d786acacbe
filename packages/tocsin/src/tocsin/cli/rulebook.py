"""A compiled playbook as a person reads it: what each severity means and asks, who is called, who takes turns."""

from typing import Any

from tocsin.cli.output import Piece, Screen, severity_style
from tocsin.core.escalation import describe
from tocsin.core.rules import BusinessCalendar, Clockwork, Rule, Rulebook, RuleKind
from tocsin.playbook.words import spoken


def write(screen: Screen, book: Rulebook) -> None:
    """Write it all."""
    screen.line((book.title, "bold"))
    screen.line(f"{book.id} {book.version}, owned by {book.owner}, next review {book.next_review_on}", indent=2)
    _severities(screen, book)
    _components(screen, book)
    _ladder(screen, book)
    _rotations(screen, book)
    _named(screen, "Audiences", {key: each.name for key, each in book.audiences.items()})
    _named(screen, "Flags", book.flags)
    _named(screen, "Milestones", book.milestones)


def _severities(screen: Screen, book: Rulebook) -> None:
    order = [each.id for each in book.severities]
    for severity in book.severities:
        screen.gap()
        screen.line(
            (f"{severity.id} {severity.name}", severity_style(severity.id, order)), (f"  {severity.clause}", "dim")
        )
        screen.line(severity.definition, indent=2)
        for example in severity.examples:
            screen.line(f"- {example}", indent=4)
        rows = [_owed(rule, book) for rule in book.rows.get(severity.id, ()) if rule.kind is not RuleKind.STEP]
        screen.table(("", "", "", ""), rows, wide=0, indent=2)


def _owed(rule: Rule, book: Rulebook) -> tuple[Piece, ...]:
    owner = describe(rule.owner) if rule.owner else ""
    return (rule.title, allowance(rule, book.calendar), owner, (rule.clause, "dim"))


def allowance(rule: Rule, calendar: BusinessCalendar) -> str:
    """Say how long something may take, or how often it is asked."""
    within = _within(rule, calendar)
    if rule.every is None:
        return within
    every = f"every {spoken(rule.every)}"
    return every if rule.within == rule.every else f"{every}, first after {within}"


def _within(rule: Rule, calendar: BusinessCalendar) -> str:
    """Say an allowance as the playbook's author did: business time in days, if whole days are meant."""
    match rule.clockwork:
        case Clockwork.WALL:
            return spoken(rule.within)
        case Clockwork.NEXT_DAY:
            return f"{spoken(rule.within)}, or next business day"
        case Clockwork.BUSINESS:
            days = rule.within.total("seconds") / _day_s(calendar)
            if days == int(days):
                return f"{days:.0f} business day{'' if days == 1 else 's'}"
            return f"{spoken(rule.within)} of business time"


def _day_s(calendar: BusinessCalendar) -> int:
    """Answer how many seconds a business day has."""
    opens, closes = calendar.opens_at, calendar.closes_at
    return 3600 * (closes.hour - opens.hour) + 60 * (closes.minute - opens.minute) + closes.second - opens.second


def _components(screen: Screen, book: Rulebook) -> None:
    screen.gap()
    screen.line(("Components", "bold"))
    rows: list[tuple[Piece, ...]] = [
        ((part.id, "bold"), part.name, part.team or (part.owner or ""), "; ".join(one.title for one in part.objectives))
        for part in book.components.values()
    ]
    screen.table(("", "", "", ""), rows, indent=2)


def _ladder(screen: Screen, book: Rulebook) -> None:
    screen.gap()
    screen.line(("Who is asked in turn until somebody answers", "bold"))
    for severity in book.severities:
        rungs = [describe(target) for target in book.ladder.get(severity.id, ())]
        screen.line((f"{severity.id}  ", "bold"), " → ".join(rungs) or "nobody", indent=2)
    screen.gap()
    screen.line(("Levels", "bold"))
    rows: list[tuple[Piece, ...]] = [
        (
            str(level.number),
            level.name,
            describe(level.target),
            f"answers within {spoken(level.answers_within)}",
            (level.clause, "dim"),
        )
        for level in book.levels
    ]
    screen.table(("", "", "", "", ""), rows, indent=2)


def _rotations(screen: Screen, book: Rulebook) -> None:
    screen.gap()
    screen.line(("Rotations", "bold"))
    rows: list[tuple[Piece, ...]] = [
        (
            "" if place else each.name or each.id,
            f"{layer.turn.count} {layer.turn.unit.value.removesuffix('s' if layer.turn.count == 1 else '')}",
            ", ".join(book.people[one].name for one in layer.people),
            (each.clause, "dim"),
        )
        for each in book.rotations.values()
        for place, layer in enumerate(each.stack)
    ]
    screen.table(("", "", "", ""), rows, indent=2)


def _named(screen: Screen, title: str, entries: Any) -> None:
    if not entries:
        return
    screen.gap()
    screen.line((title, "bold"))
    screen.table(("", ""), [(key, text) for key, text in entries.items()], indent=2)


def summary(book: Rulebook) -> dict[str, Any]:
    """Answer the same as plain values."""
    return {
        "id": book.id,
        "version": book.version,
        "title": book.title,
        "owner": book.owner,
        "next_review_on": book.next_review_on.format_iso(),
        "severities": [
            {
                "id": each.id,
                "name": each.name,
                "definition": each.definition,
                "examples": each.examples,
                "clause": each.clause,
                "owed": [_summary(rule) for rule in book.rows.get(each.id, ()) if rule.kind is not RuleKind.STEP],
                "ladder": [describe(target) for target in book.ladder.get(each.id, ())],
            }
            for each in book.severities
        ],
        "components": [
            {"id": part.id, "name": part.name, "team": part.team, "owner": part.owner, "objectives": part.objectives}
            for part in book.components.values()
        ],
        "levels": [
            {"number": level.number, "name": level.name, "who": describe(level.target), "clause": level.clause}
            for level in book.levels
        ],
        "rotations": {
            key: {"name": each.name, "people": each.people, "shift_days": each.shift_days, "clause": each.clause}
            for key, each in book.rotations.items()
        },
        "audiences": {key: each.name for key, each in book.audiences.items()},
        "flags": book.flags,
        "milestones": book.milestones,
    }


def _summary(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id,
        "title": rule.title,
        "kind": rule.kind,
        "within": rule.within.format_iso(),
        "every": rule.every and rule.every.format_iso(),
        "clockwork": rule.clockwork,
        "owner": describe(rule.owner) if rule.owner else "",
        "clause": rule.clause,
    }
