"""A severity's chapters to its rows: targets, paging, ladders, levels, cadences and deadlines become one table.

Row ids begin with the severity (``sev1.ladder.2``), so that a row can be found by its id alone.
"""

from collections.abc import Iterator

from whenever import TimeDelta

from tocsin.core import marks as m
from tocsin.core.ids import AudienceId, ChannelName, RuleId, Severity
from tocsin.core.marks import MarkName
from tocsin.core.rules import (
    Clockwork,
    Consequence,
    MethodKind,
    NextOnLadder,
    OpenABridge,
    OpenARoom,
    Page,
    RaiseLevel,
    Remind,
    Rule,
    RuleKind,
    SoundAlarm,
    Target,
    Tell,
)
from tocsin.core.stages import Stage
from tocsin.core.worktime import day_length
from tocsin.playbook.calendars import calendar
from tocsin.playbook.document import Playbook
from tocsin.playbook.sections import (
    CadenceDoc,
    DeadlineDoc,
    LevelDoc,
    NoticeDoc,
    ReachedDoc,
    RungDoc,
    SeverityDoc,
    TargetDoc,
)
from tocsin.playbook.words import Allowance, spoken

SLACK = ChannelName("slack")
"""Only where this carries Slack's messages can incidents have Slack channels of their own."""

AFTER_THE_END = (m.RESOLVED, "milestone.", m.CLOSED)
"""What begins with one of these is owed after the resolution, so a resolution does not end it."""


def rows(playbook: Playbook, severity: SeverityDoc) -> tuple[Rule, ...]:
    """Answer all rows of one severity."""
    return (
        *_declaration(severity),
        *_room(playbook, severity),
        *_bridge(playbook, severity),
        *_ladder(playbook, severity),
        *_relief(playbook, severity),
        *_levels(playbook, severity),
        *_targets(playbook, severity),
        *_cadences(playbook, severity),
        *(_notice(playbook, severity, doc) for doc in playbook.communication.notices if severity.id in doc.severities),
        *(_deadline(playbook, severity, doc) for doc in playbook.plan.deadlines if severity.id in doc.severities),
    )


def row_id(severity: str, name: str) -> RuleId:
    """Answer the id of a severity's row."""
    return RuleId(f"{severity.lower()}.{name}")


def _declaration(severity: SeverityDoc) -> Iterator[Rule]:
    at_once = severity.on_declaration
    if at_once is not None:
        yield Rule(
            id=row_id(severity.id, "declared"),
            clause=at_once.clause,
            title=f"{severity.id} declared",
            severity=Severity(severity.id),
            kind=RuleKind.STEP,
            after=m.OPENED,
            within=TimeDelta.ZERO,
            then=tuple(act.consequence for act in at_once.do),
        )


def has_rooms(playbook: Playbook) -> bool:
    """Tell whether incidents can have Slack channels of their own."""
    return playbook.channel_of(MethodKind.SLACK.value) == SLACK


def _room(playbook: Playbook, severity: SeverityDoc) -> Iterator[Rule]:
    rooms = playbook.about.rooms
    if rooms is not None and severity.id in rooms.severities and has_rooms(playbook):
        yield _at_opening(severity, "room", rooms.clause, "open a Slack channel for the incident", OpenARoom())


def _bridge(playbook: Playbook, severity: SeverityDoc) -> Iterator[Rule]:
    bridge = playbook.about.bridge
    if bridge is not None and bridge.by != "url" and severity.id in bridge.severities:
        yield _at_opening(severity, "bridge", bridge.clause, "open a call for the incident", OpenABridge())


def _at_opening(severity: SeverityDoc, name: str, clause: str, title: str, then: OpenARoom | OpenABridge) -> Rule:
    return Rule(
        id=row_id(severity.id, name),
        clause=clause,
        title=title,
        severity=Severity(severity.id),
        kind=RuleKind.STEP,
        after=m.OPENED,
        within=TimeDelta.ZERO,
        then=(then,),
    )


def _ladder(playbook: Playbook, severity: SeverityDoc) -> Iterator[Rule]:
    """Chain the rungs: each is due when the one before it has waited in vain, the alarm when the last one has."""
    ladder = playbook.escalation.ladders.get(severity.id)
    if ladder is None:
        return
    after, within = m.OPENED, TimeDelta.ZERO
    for place, rung in enumerate(ladder.rungs, start=1):
        contact = playbook.escalation.contacts[rung.contact]
        name = rung.contact.replace("-", " ")
        vain = "no acknowledgment yet, " if place > 1 else ""
        rule = Rule(
            id=row_id(severity.id, f"ladder.{place}"),
            clause=ladder.clause if place > 1 else contact.clause,
            title=_sentence(f"{vain}{'telling' if rung.tells else 'paging'} {name}"),
            severity=Severity(severity.id),
            kind=RuleKind.STEP,
            after=after,
            within=within,
            until=(m.ACKNOWLEDGED,),
            then=_asks(playbook, rung),
        )
        yield rule
        after, within = m.ruled(rule.id), rung.waits or contact.answers_within
    if ladder.alarm is not None:
        yield Rule(
            id=row_id(severity.id, "alarm"),
            clause=ladder.alarm.clause,
            title="Nobody has acknowledged",
            severity=Severity(severity.id),
            kind=RuleKind.STEP,
            after=after,
            within=within,
            ends=(m.ACKNOWLEDGED, m.RESOLVED),
            every=ladder.alarm.again_every,
            then=(SoundAlarm(), *(act.consequence for act in ladder.alarm.do)),
        )


def _relief(playbook: Playbook, severity: SeverityDoc) -> Iterator[Rule]:
    """Ask the next one on the ladder to take over, as long as nobody has."""
    doc = playbook.escalation.relief
    if doc is not None and severity.id in playbook.escalation.ladders:
        yield Rule(
            id=row_id(severity.id, "relief"),
            clause=doc.clause,
            title="Nobody has taken over yet",
            severity=Severity(severity.id),
            kind=RuleKind.STEP,
            after=m.RELIEF_ASKED,
            within=doc.again_every,
            ends=(m.ANSWERED, m.RESOLVED),
            every=doc.again_every,
            then=(Page(NextOnLadder()),),
        )


def _asks(playbook: Playbook, rung: RungDoc) -> tuple[Consequence, ...]:
    contact = playbook.escalation.contacts[rung.contact]
    kind = Tell if rung.tells else Page
    asks = kind(contact.reach.target, rung.by if rung.by is not None else contact.by)
    return (asks,) if rung.level is None else (RaiseLevel(rung.level), asks)


def _levels(playbook: Playbook, severity: SeverityDoc) -> Iterator[Rule]:
    for level in playbook.escalation.levels:
        for reached in level.reached:
            if severity.id in reached.severities:
                yield _level(severity, level, reached)


def _level(severity: SeverityDoc, level: LevelDoc, reached: ReachedDoc) -> Rule:
    name, title, after, within = _condition(severity, reached)
    repeats = reached.not_improving_for
    # An hour that ends without improvement is answered once; after that the level has been reached.
    ends = (m.RESOLVED, m.at_stage(Stage.MONITORING), m.at_level(level.number)) if repeats else (m.RESOLVED,)
    return Rule(
        id=row_id(severity.id, f"level.{level.number}.{name}"),
        clause=level.clause,
        title=title,
        severity=Severity(severity.id),
        kind=RuleKind.STEP,
        after=after,
        within=within,
        until=(m.IMPROVED,) if repeats else (),
        ends=ends,
        every=repeats,
        then=(RaiseLevel(level.number),),
    )


def _condition(severity: SeverityDoc, reached: ReachedDoc) -> tuple[str, str, MarkName, TimeDelta]:
    """Answer a condition's name, its words, and the mark and allowance that it comes to."""
    if reached.open_for is not None:
        span = spoken(reached.open_for)
        return f"open-{span}", f"{severity.id} open for {span}", m.OPENED, reached.open_for
    if reached.not_improving_for is not None:
        span = spoken(reached.not_improving_for)
        return f"not-improving-{span}", f"{severity.id} not improving for {span}", m.OPENED, reached.not_improving_for
    if reached.several_components:
        return "spread", "several components are affected", m.SPREAD, TimeDelta.ZERO
    if reached.flag is not None:
        title = f"flag: {reached.flag.replace('_', ' ')}"
        return f"flag-{reached.flag}", title, m.flagged(reached.flag), TimeDelta.ZERO
    return "declared", f"{severity.id} declared", m.OPENED, TimeDelta.ZERO


def _targets(playbook: Playbook, severity: SeverityDoc) -> Iterator[Rule]:
    targets = severity.targets
    wanted: tuple[tuple[str, TargetDoc | None, MarkName, MarkName, str], ...] = (
        ("acknowledge", targets.acknowledge, m.DETECTED, m.ACKNOWLEDGED, "acknowledge"),
        ("first-response", targets.first_response, m.ACKNOWLEDGED, m.RESPONDED, "first response"),
        ("initial-update", targets.initial_update, m.OPENED, m.UPDATED, "initial status update"),
        ("resolution", targets.resolution, m.DETECTED, m.RESOLVED, "target resolution"),
    )
    for name, doc, after, until, title in wanted:
        if doc is not None:
            yield _owed(
                playbook,
                severity,
                name=name,
                clause=targets.clause,
                title=_sentence(title),
                after=after,
                within=doc.within,
                until=(until,),
                owner=doc.owner.target if doc.owner else None,
                then=tuple(act.consequence for act in doc.then),
            )


def _owed(
    playbook: Playbook,
    severity: SeverityDoc,
    *,
    name: str,
    clause: str,
    title: str,
    after: MarkName,
    within: Allowance,
    until: tuple[MarkName, ...],
    ends: tuple[MarkName, ...] = (m.RESOLVED,),
    every: TimeDelta | None = None,
    owner: Target | None = None,
    then: tuple[Consequence, ...] = (Remind(),),
) -> Rule:
    kind = RuleKind.STEP if owner is None else RuleKind.TARGET if every is None else RuleKind.CADENCE
    return Rule(
        id=row_id(severity.id, name),
        clause=clause,
        title=title,
        severity=Severity(severity.id),
        kind=kind,
        after=after,
        within=within.within(day_length(calendar(playbook.about.calendar))),
        until=until,
        ends=ends,
        every=every,
        clockwork=within.clockwork,
        owner=owner,
        then=then,
    )


def _cadences(playbook: Playbook, severity: SeverityDoc) -> Iterator[Rule]:
    for doc in playbook.communication.cadences:
        if severity.id in doc.severities:
            yield from _cadence(playbook, severity, doc)


def _cadence(playbook: Playbook, severity: SeverityDoc, doc: CadenceDoc) -> Iterator[Rule]:
    audience = playbook.communication.audiences[doc.audience].name
    until = (m.updated(AudienceId(doc.audience)),)
    owner = doc.owner.target if doc.owner else None
    yield _owed(
        playbook,
        severity,
        name=f"update.{doc.audience}",
        clause=doc.clause,
        title=f"Update {audience} every {spoken(doc.every)}",
        after=m.OPENED,
        within=Allowance(doc.first_within or doc.every, Clockwork.WALL),
        until=until,
        every=doc.every,
        owner=owner,
    )
    if doc.escalates_within is not None and doc.escalates_to is not None:
        yield _owed(
            playbook,
            severity,
            name=f"update.{doc.audience}.escalated",
            clause=doc.clause,
            title=f"No update to {audience} in {spoken(doc.escalates_within)}",
            after=m.OPENED,
            within=Allowance(doc.escalates_within, Clockwork.WALL),
            until=until,
            every=doc.escalates_within,
            owner=owner,
            then=(doc.escalates_to.consequence,),
        )


def _notice(playbook: Playbook, severity: SeverityDoc, doc: NoticeDoc) -> Rule:
    return _owed(
        playbook,
        severity,
        name=f"notice.{doc.id}",
        clause=doc.clause,
        title=_sentence(doc.title),
        after=MarkName(doc.after),
        within=doc.within,
        until=(m.updated(AudienceId(doc.audience)),),
        ends=_ends(doc.after),
        owner=doc.owner.target if doc.owner else None,
    )


def _deadline(playbook: Playbook, severity: SeverityDoc, doc: DeadlineDoc) -> Rule:
    then = doc.then
    return _owed(
        playbook,
        severity,
        name=doc.id,
        clause=doc.clause,
        title=_sentence(doc.title),
        after=_mark(severity, doc.after),
        within=doc.within,
        until=tuple(_mark(severity, name) for name in doc.until),
        ends=_ends(doc.after) if doc.ends is None else tuple(_mark(severity, name) for name in doc.ends),
        every=doc.every,
        owner=doc.owner.target if doc.owner else None,
        then=(Remind(),) if then is None else tuple(act.consequence for act in then),
    )


def _ends(after: str) -> tuple[MarkName, ...]:
    return (m.REOPENED, m.CLOSED) if after.startswith(AFTER_THE_END) else (m.RESOLVED,)


def _mark(severity: SeverityDoc, name: str) -> MarkName:
    """A row of the same severity is spoken of by its own name: ``rule.postmortem-draft``."""
    for family in ("rule.", "empty."):
        if name.startswith(family):
            return MarkName(family + row_id(severity.id, name.removeprefix(family)))
    return MarkName(name)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
