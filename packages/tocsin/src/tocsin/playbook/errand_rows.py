"""The sections about errands to rows and policies: rows that stand beside those of the severities, by other names."""

from typing import Any

from whenever import TimeDelta

from tocsin.core import marks as m
from tocsin.core.ids import PersonId, RotationId, RuleId, Severity
from tocsin.core.kinds import CHECKLIST, INCOMING, OUTGOING, TESTED, HandoffPolicy, Kind, TestPagePolicy, rows_of
from tocsin.core.marks import MarkName
from tocsin.core.rules import Close, Consequence, InRole, MethodKind, Page, Rule, RuleKind, Target, Tell
from tocsin.playbook.document import Playbook

_BOTH = (InRole(OUTGOING), InRole(INCOMING))


def errand_rows(playbook: Playbook) -> dict[Severity, tuple[Rule, ...]]:
    """Answer the rows of hand-offs and of drills."""
    return {rows_of(Kind.HANDOFF): _handoff(playbook), rows_of(Kind.DRILL): _drill(playbook)}


def handoff_policy(playbook: Playbook) -> HandoffPolicy:
    """Answer what is handed over, and when."""
    doc = playbook.handoff
    return HandoffPolicy(tuple(map(RotationId, doc.rotations)), doc.opens_before, doc.steps, doc.clause)


def monthly_policy(playbook: Playbook) -> TestPagePolicy:
    """Answer who is tested every month, each person once however many rotations they are in."""
    drills, monthly = playbook.drills, playbook.drills.monthly
    severity = Severity(drills.missed_severity) if drills.missed_severity else None
    if monthly is None:
        return TestPagePolicy(missed_severity=severity, clause=drills.clause)
    asked = (person for key in monthly.rotations for person in playbook.rotations[key].people)
    people = tuple(map(PersonId, dict.fromkeys(asked)))
    return TestPagePolicy(people, monthly.day, monthly.at, monthly.zone, severity, drills.clause)


def _handoff(playbook: Playbook) -> tuple[Rule, ...]:
    doc = playbook.handoff
    tells = tuple(Tell(each) for each in _BOTH)

    def row(name: str, title: str, kind: RuleKind, within: TimeDelta, **more: Any) -> Rule:
        return _row(Kind.HANDOFF, doc.clause, name, title, kind, m.SCHEDULED, within, **more)

    return (
        _row(Kind.HANDOFF, doc.clause, "opened", "Hand over", RuleKind.STEP, m.OPENED, TimeDelta.ZERO, then=tells),
        row(
            "checklist",
            "Finish the hand-off's checklist",
            RuleKind.TARGET,
            doc.done_within,
            until=(m.milestone(CHECKLIST),),
            owner=InRole(OUTGOING),
            then=tells,
        ),
        row(
            "acceptance",
            "Accept the hand-off; until then pages go to both",
            RuleKind.CADENCE,
            doc.accepted_within,
            ends=(m.ACKNOWLEDGED, m.RESOLVED),
            every=doc.reminds_every,
            owner=InRole(INCOMING),
            then=tells,
        ),
        row("lapse", "never finished", RuleKind.STEP, doc.lapses_within, then=(Close(),)),
    )


def _drill(playbook: Playbook) -> tuple[Rule, ...]:
    doc = playbook.drills
    asked: Target = InRole(TESTED)

    def row(name: str, title: str, kind: RuleKind, within: TimeDelta, **more: Any) -> Rule:
        return _row(Kind.DRILL, doc.clause, name, title, kind, m.OPENED, within, **more)

    return (
        row(
            "page",
            "This is a test: acknowledge it, nothing else is asked of you",
            RuleKind.STEP,
            TimeDelta.ZERO,
            until=(m.ACKNOWLEDGED,),
            then=(Page(asked, doc.by or tuple(MethodKind)),),
        ),
        row(
            "answer",
            "Answer the test page",
            RuleKind.TARGET,
            doc.answered_within,
            until=(m.ACKNOWLEDGED,),
            owner=asked,
            then=tuple(act.consequence for act in doc.then),
        ),
        row("end", "nobody answered", RuleKind.STEP, doc.ends_within, then=(Close(),)),
    )


def _row(
    errand: Kind,
    clause: str,
    name: str,
    title: str,
    kind: RuleKind,
    after: MarkName,
    within: TimeDelta,
    *,
    until: tuple[MarkName, ...] = (),
    ends: tuple[MarkName, ...] = (m.RESOLVED,),
    every: TimeDelta | None = None,
    owner: Target | None = None,
    then: tuple[Consequence, ...] = (),
) -> Rule:
    return Rule(
        id=RuleId(f"{errand.value}.{name}"),
        clause=clause,
        title=title,
        severity=rows_of(errand),
        kind=kind,
        after=after,
        within=within,
        until=until,
        ends=ends,
        every=every,
        owner=owner,
        then=then,
    )
