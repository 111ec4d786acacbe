"""Grouping: which incident an alert belongs to, and what its turn means there.

By default there is one open incident for each component. What begins to fire joins the open one, opens a resolved one
again while its reopen window lasts, and otherwise declares a new one. What stops firing is told to the incident it was
attached to, wherever that stands.
"""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec
from msgspec.structs import replace
from whenever import Instant

from tocsin.core import marks as m
from tocsin.core.alert import Alert, Sighting, Turn
from tocsin.core.commands import AnyCommand, AttachAlerts, Declare, NoticeSpread
from tocsin.core.events import Actor, AlertBrief, Evidence
from tocsin.core.ids import AlertFingerprint, ComponentId, IncidentId, Severity
from tocsin.core.limits import ALERTS_NAMED_PER_EVENT, ROWS_PER_PAGE, TITLE_LENGTH_MAX
from tocsin.core.rules import Rulebook
from tocsin.engine.clock import Numbers
from tocsin.engine.handler import Decision, Handler
from tocsin.store.port import Headline, Store

BY_SIGNAL = Actor(via="signal")


class Arrangement(msgspec.Struct, frozen=True):
    """The alerts as they are to be kept, and the decisions on their incidents."""

    alerts: tuple[Alert, ...]
    decisions: tuple[Decision, ...]


class _Turns:
    """What one incident is to be told."""

    def __init__(self) -> None:
        self.began: list[Alert] = []
        self.ended: list[Alert] = []


class Grouping:
    """Brings the turns of alerts to incidents."""

    def __init__(self, store: Store, handler: Handler, numbers: Numbers) -> None:
        self._store = store
        self._handler = handler
        self._numbers = numbers

    @asynccontextmanager
    async def arranged(self, sightings: Sequence[Sighting], now: Instant) -> AsyncIterator[Arrangement]:
        """Arrange alerts and decide on their incidents; the incidents are held until the caller has committed."""
        began = [each.alert for each in sightings if each.turn is Turn.BEGAN]
        latest = await self._store.latest_of_group(sorted({alert.group_key for alert in began}))
        # In the order in which they came, so that the same signals always make the same incidents.
        keys = dict.fromkeys(alert.group_key for alert in began)
        homes = {key: await self._home(key, latest.get(key), now) for key in keys}
        alerts = _last_of_each(sightings, homes)
        told = _turns(sightings, homes)
        async with self._handler.holding(told):
            try:
                decisions = [await self._decide(incident, turns, now) for incident, turns in told.items()]
                spread = await self._spread(decisions, now) if began else []
                yield Arrangement(alerts, tuple(_joined(decisions, spread)))
            except BaseException:
                self._numbers.forget()
                raise

    async def _home(self, group_key: str, latest: Headline | None, now: Instant) -> IncidentId:
        if latest is not None and self._takes_more(latest, now):
            return latest.id
        return await self._numbers.next()

    def _takes_more(self, latest: Headline, now: Instant) -> bool:
        if latest.resolved_at is None:
            return True
        window = self._handler.playbooks.current.grouping.reopens_within
        return not latest.closed and now - latest.resolved_at <= window

    async def _decide(self, incident: IncidentId, turns: _Turns, now: Instant) -> Decision:
        before = await self._handler.load(incident)
        firing = Counter(before.firing_by if before else {})
        firing.update(alert.severity for alert in turns.began)
        firing.subtract(alert.severity for alert in turns.ended)
        rules = self._handler.playbooks.current
        commands: list[AnyCommand] = []
        if before is None:
            commands.append(_declaration(incident, turns.began, rules))
        commands.append(_attachment(turns, firing, rules))
        return await self._handler.prepare(incident, commands, now)

    async def _spread(self, decisions: Sequence[Decision], now: Instant) -> list[Decision]:
        """Tell open incidents how many components are in trouble at once (E1)."""
        rules = self._handler.playbooks.current
        open_now = {each.id: each for each in await self._store.headlines(open_only=True, limit=ROWS_PER_PAGE)}
        open_now.update({each.incident.id: each.headline for each in decisions})
        in_trouble = {
            severity: _in_trouble(severity, open_now.values(), rules)
            for severity in {decision.incident.severity for decision in decisions}
        }
        result = []
        for decision in decisions:
            components = in_trouble[decision.incident.severity]
            if len(components) >= rules.several_components and m.SPREAD not in decision.incident.marks:
                result.append(await self._handler.extend(decision, NoticeSpread(components=components), now))
        return result


def _in_trouble(severity: Severity, open_now: Iterable[Headline], rules: Rulebook) -> tuple[ComponentId, ...]:
    """Name the components whose open incidents are at least so severe."""
    named = {
        component for other in open_now if not rules.worse(severity, other.severity) for component in other.components
    }
    return tuple(sorted(named))


def _joined(decisions: Sequence[Decision], extended: Sequence[Decision]) -> list[Decision]:
    by_id = {decision.incident.id: decision for decision in (*decisions, *extended)}
    return list(by_id.values())


def _last_of_each(sightings: Sequence[Sighting], homes: Mapping[str, IncidentId]) -> tuple[Alert, ...]:
    """Answer each alert as it stands after the step, with the incident it belongs to."""
    last: dict[AlertFingerprint, Alert] = {}
    for sighting in sightings:
        alert, before = sighting.alert, last.get(sighting.alert.fingerprint)
        home = homes[alert.group_key] if sighting.turn is Turn.BEGAN else before.incident if before else alert.incident
        last[alert.fingerprint] = alert if home == alert.incident else replace(alert, incident=home)
    return tuple(last.values())


def _turns(sightings: Sequence[Sighting], homes: Mapping[str, IncidentId]) -> dict[IncidentId, _Turns]:
    told: defaultdict[IncidentId, _Turns] = defaultdict(_Turns)
    at_home: dict[AlertFingerprint, IncidentId] = {}
    for sighting in sightings:
        alert = sighting.alert
        if sighting.turn is Turn.BEGAN:
            home = at_home[alert.fingerprint] = homes[alert.group_key]
            told[home].began.append(alert)
        elif sighting.turn is Turn.ENDED:
            incident = at_home.get(alert.fingerprint, alert.incident)
            if incident is not None:
                told[incident].ended.append(alert)
    return dict(told)


def _declaration(incident: IncidentId, began: Sequence[Alert], rules: Rulebook) -> Declare:
    worst = min(began, key=lambda alert: rules.rank(alert.severity))
    return Declare(
        by=BY_SIGNAL,
        incident=incident,
        title=_title(worst, rules),
        components=(worst.component,),
        severity=worst.severity,
        evidence=_evidence(worst),
        detected_at=min(alert.started_at for alert in began),
        group_key=worst.group_key,
        description=worst.annotations.get("description", ""),
    )


def _title(alert: Alert, rules: Rulebook) -> str:
    component = rules.components.get(alert.component)
    name = component.name if component else alert.labels.get("component", "")
    what = alert.summary or alert.name
    return (what if what.startswith(name) else f"{name}: {what}")[:TITLE_LENGTH_MAX]


def _attachment(turns: _Turns, firing: Mapping[Severity, int], rules: Rulebook) -> AttachAlerts:
    counted = {severity: count for severity, count in firing.items() if count > 0}
    shows = min(turns.began, key=lambda alert: rules.rank(alert.severity), default=None)
    return AttachAlerts(
        by=BY_SIGNAL,
        began=tuple(map(_brief, turns.began[:ALERTS_NAMED_PER_EVENT])),
        began_count=len(turns.began),
        ended=tuple(map(_brief, turns.ended[:ALERTS_NAMED_PER_EVENT])),
        ended_count=len(turns.ended),
        firing=sum(counted.values()),
        worst=min(counted, key=rules.rank, default=None),
        by_severity=counted,
        shows=shows.severity if shows else None,
        evidence=_evidence(shows) if shows else None,
        title=_title(shows, rules) if shows else "",
        detected_at=min((alert.started_at for alert in turns.began), default=None),
    )


def _brief(alert: Alert) -> AlertBrief:
    return AlertBrief(alert.fingerprint, alert.name, alert.summary, alert.started_at)


def _evidence(alert: Alert) -> Evidence:
    return Evidence(alert.rule, alert.clause, alert.because)
