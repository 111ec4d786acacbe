"""A playbook's document to the rulebook that the core decides by. The document must have passed the lint."""

import math

from msgspec.structs import replace
from whenever import TimeDelta

from tocsin.core.actions import TargetKind
from tocsin.core.audience import Audience, RoomPolicy
from tocsin.core.contact import NotificationRule, QuietHours
from tocsin.core.diagnostics import BaselinePolicy, DiagnosticsPolicy
from tocsin.core.ids import AudienceId, ChannelName, ComponentId, PersonId, RoleName, RotationId, Severity
from tocsin.core.policies import ErrorSpike, ReliefPolicy, WatchPolicy
from tocsin.core.rules import (
    Classification,
    Component,
    FlapPolicy,
    GroupPolicy,
    Heartbeat,
    LabelRule,
    Level,
    Method,
    MitigationPolicy,
    Person,
    ReportRule,
    Rule,
    Rulebook,
    SeverityDefinition,
    Target,
)
from tocsin.core.storm import StormPolicy
from tocsin.playbook import rota
from tocsin.playbook.acting import actions, failure_modes
from tocsin.playbook.calendars import calendar
from tocsin.playbook.document import Playbook
from tocsin.playbook.errand_rows import errand_rows, handoff_policy, monthly_policy
from tocsin.playbook.indicators import error_log, objectives, thresholds
from tocsin.playbook.measured import ComponentDoc, ReportDoc
from tocsin.playbook.rows import SLACK, has_rooms, rows
from tocsin.playbook.sections import BridgeDoc, DiagnosticsDoc, ErrorsDoc, MethodDoc, NotifyDoc, SeverityDoc, WatchDoc

_ASKS_EVERY_MIN = TimeDelta(seconds=1)
"""However fast a demonstration runs, the objectives are not asked more often: Prometheus has no newer figures."""
_HEARTBEAT_MIN = TimeDelta(seconds=30)
"""However fast a demonstration runs, a heartbeat has this long: its sender's clock is not sped up."""


_NO_BRIDGE = BridgeDoc(severities=(), clause="R3")

EMERGENCY_CONTACT = "emergency-contact"
"""The id of an emergency contact who stands outside the playbook's people."""


def compiled(playbook: Playbook, *, speed: float = 1.0, workloads: TargetKind = TargetKind.KUBERNETES) -> Rulebook:
    """Answer the rulebook. ``speed`` divides every duration but the calendar's and the time limits of actions."""
    about, escalation = playbook.about, playbook.escalation
    bridge = about.bridge or _NO_BRIDGE
    namespaces = {doc.id: doc.namespace for doc in playbook.components.values()}
    book = Rulebook(
        id=about.id,
        version=f"{about.version}+{playbook.digest}",
        title=about.title,
        owner=about.owner,
        next_review_on=about.next_review_on,
        review_overdue_severity=Severity(about.review_overdue_severity),
        severities=tuple(_definition(severity) for severity in playbook.severities),
        rows={Severity(severity.id): rows(playbook, severity) for severity in playbook.severities}
        | errand_rows(playbook),
        levels=_levels(playbook),
        ladder={Severity(severity.id): _ladder(playbook, severity) for severity in playbook.severities},
        roles={Severity(severity.id): _roles(severity) for severity in playbook.severities},
        commanders=tuple(RoleName(role) for role in about.commanders),
        components={
            ComponentId(doc.id): _component(doc, about.watch.errors, speed) for doc in playbook.components.values()
        },
        classification=_classification(playbook, speed),
        people=_people(playbook, speed),
        rotations={RotationId(key): rota.rotation(key, doc) for key, doc in playbook.rotations.items()},
        ahead=rota.ahead(playbook.rota.ahead),
        fairness=rota.fairness(playbook.rota.fairness),
        audiences=_audiences(playbook),
        flags=escalation.flags,
        milestones=playbook.plan.milestones,
        calendar=calendar(about.calendar),
        watch=_watch(about.watch),
        grouping=GroupPolicy(about.grouping.by, about.grouping.reopens_within),
        flapping=FlapPolicy(about.flapping.changes, about.flapping.within, about.flapping.quiet_for),
        heartbeats=_heartbeats(playbook),
        mitigations=MitigationPolicy(
            about.mitigations.expires_within, about.mitigations.notable, about.mitigations.clause
        ),
        several_components=escalation.several_components,
        links=about.links,
        bridge_url=bridge.url,
        bridge_severities=tuple(Severity(one) for one in bridge.severities),
        bridge_by=bridge.by,
        bridge_clause=bridge.clause,
        emergency=_emergency(playbook),
        relief=_relief(playbook),
        storm=_storm(playbook),
        diagnostics=_diagnostics(about.diagnostics),
        actions=actions(playbook.acting, namespaces, workloads),
        failure_modes=failure_modes(playbook.acting),
        rooms=_rooms(playbook),
        handoffs=handoff_policy(playbook),
        test_pages=monthly_policy(playbook),
    )
    return book if speed == 1.0 else _hastened(book, speed)


def _watch(doc: WatchDoc) -> WatchPolicy:
    spike = doc.errors
    errors = ErrorSpike(spike.times, spike.least, spike.ends_before) if spike else None
    return WatchPolicy(doc.holds_for, doc.asks_every, doc.gap_max, doc.clause, doc.related_alerts, errors)


def _rooms(playbook: Playbook) -> RoomPolicy | None:
    doc = playbook.about.rooms
    if doc is None or not has_rooms(playbook):
        return None
    return RoomPolicy(tuple(Severity(one) for one in doc.severities), doc.archive_after, SLACK, doc.clause)


def _diagnostics(doc: DiagnosticsDoc) -> DiagnosticsPolicy:
    baseline = BaselinePolicy(doc.baseline.lasts, doc.baseline.looks_back, doc.baseline.margin)
    return DiagnosticsPolicy(doc.within, doc.each_within, baseline, doc.programs, doc.clause)


def _definition(severity: SeverityDoc) -> SeverityDefinition:
    return SeverityDefinition(
        Severity(severity.id), severity.name, severity.definition, severity.examples, severity.clause
    )


def _levels(playbook: Playbook) -> tuple[Level, ...]:
    contacts = playbook.escalation.contacts
    made = (
        Level(
            number=level.number,
            name=level.name,
            target=contacts[level.contact].reach.target,
            via=contacts[level.contact].by,
            answers_within=contacts[level.contact].answers_within,
            clause=level.clause,
        )
        for level in playbook.escalation.levels
    )
    return tuple(sorted(made, key=lambda level: level.number))


def _ladder(playbook: Playbook, severity: SeverityDoc) -> tuple[Target, ...]:
    ladder = playbook.escalation.ladders.get(severity.id)
    rungs = ladder.rungs if ladder else ()
    return tuple(dict.fromkeys(playbook.escalation.contacts[rung.contact].reach.target for rung in rungs))


def _roles(severity: SeverityDoc) -> dict[RoleName, Target]:
    return {RoleName(role): whom.target for role, whom in severity.roles.fill.items()}


def _component(doc: ComponentDoc, spike: ErrorsDoc | None, speed: float) -> Component:
    return Component(
        id=ComponentId(doc.id),
        name=doc.name,
        job=doc.job,
        owner=RotationId(doc.owner) if doc.owner else None,
        team=doc.team,
        health_url=doc.health_url,
        dashboard_url=doc.dashboard_url,
        objectives=objectives(doc, speed),
        clause=doc.clause,
        source=doc.source,
        release_query=doc.release.query if doc.release else "",
        release_label=doc.release.label if doc.release else "version",
        errors=error_log(doc, spike.baseline, speed) if spike else None,
    )


def _classification(playbook: Playbook, speed: float) -> Classification:
    table = playbook.classification
    made = (one for doc in playbook.components.values() for one in thresholds(doc, table, speed))
    return Classification(
        thresholds={one.id: one for one in made},
        labels=tuple(LabelRule(row.id, row.clause, row.when, Severity(row.severity)) for row in table.labels),
        reports=tuple(_report(row) for row in table.reports),
        fallback=Severity(table.fallback),
        gap=Severity(table.monitoring_gap.severity),
    )


def _report(row: ReportDoc) -> ReportRule:
    above = row.share_above
    if row.share_at_least is not None:
        above = math.nextafter(row.share_at_least, -math.inf)  # "At least" is "above the number before".
    return ReportRule(row.id, row.clause, Severity(row.severity), row.all_users, row.data_lost, above)


def _relief(playbook: Playbook) -> ReliefPolicy | None:
    doc = playbook.escalation.relief
    return ReliefPolicy(tuple(map(Severity, doc.severities)), doc.again_every, doc.clause) if doc else None


def _storm(playbook: Playbook) -> StormPolicy | None:
    doc = playbook.escalation.storm
    return StormPolicy(doc.rang_within, doc.acted_within, doc.counts_every, doc.clause) if doc else None


def _emergency(playbook: Playbook) -> PersonId | None:
    doc = playbook.escalation.emergency
    return PersonId(doc.person or EMERGENCY_CONTACT) if doc else None


def _people(playbook: Playbook, speed: float) -> dict[PersonId, Person]:
    found = _staff(playbook, speed)
    outside = playbook.escalation.emergency
    if outside is not None and outside.person is None:
        key = PersonId(EMERGENCY_CONTACT)
        found[key] = Person(key, outside.name or "Emergency contact", _methods(playbook, outside.methods))
    return found


def _methods(playbook: Playbook, docs: tuple[MethodDoc, ...]) -> tuple[Method, ...]:
    return tuple(
        Method(method.kind, ChannelName(channel), method.address)
        for method in docs
        if (channel := playbook.carrier(method))
    )


def _staff(playbook: Playbook, speed: float) -> dict[PersonId, Person]:
    return {
        PersonId(key): Person(
            id=PersonId(key),
            name=doc.name,
            methods=_methods(playbook, doc.methods),
            takes_command=doc.takes_command,
            notify=tuple(_notify(row, speed) for row in doc.notify),
            quiet=tuple(
                QuietHours(row.starts_at, row.ends_at, row.zone, tuple(map(Severity, row.rings))) for row in doc.quiet
            ),
            zone=doc.zone,
        )
        for key, doc in playbook.people.items()
    }


def _notify(row: NotifyDoc, speed: float) -> NotificationRule:
    every = row.every / speed if row.every else None
    return NotificationRule(row.by, row.after / speed, every, tuple(map(Severity, row.severities)))


def _audiences(playbook: Playbook) -> dict[AudienceId, Audience]:
    return {
        AudienceId(key): Audience(
            id=AudienceId(key),
            name=doc.name,
            channel=playbook.channel_of(doc.through) if doc.through else None,
            address=doc.address,
            severities=tuple(Severity(one) for one in doc.severities),
            announces=doc.announces,
            public=doc.public,
            in_room=doc.in_room,
        )
        for key, doc in playbook.communication.audiences.items()
    }


def _heartbeats(playbook: Playbook) -> dict[str, Heartbeat]:
    return {
        name: Heartbeat(
            name=name,
            within=doc.within,
            component=ComponentId(doc.component) if doc.component else None,
            severity=Severity(doc.severity),
            clause=doc.clause,
            alertname=doc.alertname,
        )
        for name, doc in playbook.heartbeats.items()
    }


def _hastened(book: Rulebook, speed: float) -> Rulebook:
    """Divide the durations. Queries and ``lasts`` are written at their speed already, the calendar keeps its hours."""
    asks_every, spike = max(book.watch.asks_every / speed, _ASKS_EVERY_MIN), book.watch.errors
    beats = {
        name: replace(one, within=max(one.within / speed, min(one.within, _HEARTBEAT_MIN)))
        for name, one in book.heartbeats.items()
    }
    return replace(
        book,
        rows={severity: tuple(_sooner(row, speed) for row in table) for severity, table in book.rows.items()},
        storm=_sooner_counted(book.storm, speed) if book.storm else None,
        relief=replace(book.relief, again_every=book.relief.again_every / speed) if book.relief else None,
        levels=tuple(replace(level, answers_within=level.answers_within / speed) for level in book.levels),
        watch=replace(
            book.watch,
            holds_for=book.watch.holds_for / speed,
            asks_every=asks_every,
            gap_max=max(book.watch.gap_max / speed, asks_every * 4),
            errors=replace(spike, ends_before=spike.ends_before / speed) if spike else None,
        ),
        mitigations=replace(book.mitigations, expires_within=book.mitigations.expires_within / speed),
        grouping=replace(book.grouping, reopens_within=book.grouping.reopens_within / speed),
        flapping=replace(book.flapping, within=book.flapping.within / speed, quiet_for=book.flapping.quiet_for / speed),
        heartbeats=beats,
        rooms=replace(book.rooms, archive_after=book.rooms.archive_after / speed) if book.rooms else None,
        handoffs=replace(book.handoffs, opens_before=book.handoffs.opens_before / speed),
        diagnostics=_past(book.diagnostics, speed),
    )


def _past(policy: DiagnosticsPolicy, speed: float) -> DiagnosticsPolicy:
    """Shorten the past as everything else. The time limits stay: no program and no network goes faster for it."""
    baseline = policy.baseline
    shorter = BaselinePolicy(baseline.lasts / speed, baseline.looks_back / speed, baseline.margin / speed)
    return replace(policy, baseline=shorter)


def _sooner_counted(storm: StormPolicy, speed: float) -> StormPolicy:
    return replace(
        storm,
        rang_within=storm.rang_within / speed,
        acted_within=storm.acted_within / speed,
        counts_every=storm.counts_every / speed,
    )


def _sooner(row: Rule, speed: float) -> Rule:
    return replace(row, within=row.within / speed, every=row.every / speed if row.every else None)
