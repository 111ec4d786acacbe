"""What is wrong with next week's calendar is an incident this week: gaps, double bookings, people out of reach (O4).

A finding is an alert like any other. It is brought once, by a fingerprint that stays the same however time goes by, and
it ends when it is not found any more. What is reported is asked of the store each time: no restart opens one twice.
"""

from collections.abc import Iterator

from whenever import Instant, TimeDelta

from tocsin.core.alert import SUBJECT_LABEL, Observation
from tocsin.core.foresight import Finding, FindingKind, possible_keys
from tocsin.core.ids import AlertFingerprint
from tocsin.core.rules import Rulebook
from tocsin.engine.clock import Clock
from tocsin.engine.playbooks import Playbooks
from tocsin.engine.rota import Rota
from tocsin.store.port import Store

_LOOKS_EVERY = TimeDelta(hours=1)
"""How often is looked, whether something was changed or not: time itself brings the future nearer."""

_NAMES = {
    FindingKind.GAP: "OnCallGap",
    FindingKind.DOUBLE: "OnCallDoubleBooking",
    FindingKind.UNREACHABLE: "OnCallUnreachable",
}
_PREFIX = "tocsin:oncall:"


class Foresight:
    """Looks ahead along the calendar, and back along the pages."""

    def __init__(self, store: Store, playbooks: Playbooks, rota: Rota, clock: Clock) -> None:
        self._store = store
        self._playbooks = playbooks
        self._rota = rota
        self._clock = clock
        self._looks_at: Instant | None = None
        self._looked: tuple[str, Instant] | None = None
        """The look whose findings are not reported yet: at which version, and when."""
        self._seen = ""
        """The version of the playbook that was looked at last."""
        self._keys: dict[str, None] = {}
        """All that may be reported; what an earlier version of the playbook could report, too."""

    def hurry(self) -> None:
        """Look at the next step: something was arranged."""
        self._looks_at = self._looked = None

    async def observations(self) -> tuple[Observation, ...]:
        """Answer what is found now and is not reported, and what is reported and not found any more."""
        rules, now = self._playbooks.current, self._clock.now()
        if self._seen == rules.version and self._looks_at is not None and now < self._looks_at:
            return ()
        await self._learn(rules)
        found = dict(await self._found(rules, now))
        known = await self._store.alerts([AlertFingerprint(_PREFIX + key) for key in self._keys])
        firing = {alert.fingerprint.removeprefix(_PREFIX) for alert in known.values() if alert.status == "firing"}
        begun = [observation for key, observation in found.items() if key not in firing]
        ended = [_mended(key, now) for key in sorted(firing - found.keys())]
        self._looked = (rules.version, now)
        if not begun and not ended:
            self.told()
        return (*begun, *ended)

    def told(self) -> None:
        """Rest until the next look: what was found is reported."""
        if self._looked is not None:
            self._seen, self._looks_at = self._looked[0], self._looked[1] + _LOOKS_EVERY
            self._looked = None

    async def _learn(self, rules: Rulebook) -> None:
        """Know all that could be reported, by the version before too: what it reported must be able to end."""
        if self._seen == rules.version:
            return
        if not self._seen:
            earlier = [each.version for each in await self._store.adoptions() if each.version != rules.version]
            before = await self._playbooks.version(earlier[-1]) if earlier else None
            self._keys |= _keys(before) if before else {}
        self._keys |= _keys(rules)

    async def _found(self, rules: Rulebook, now: Instant) -> Iterator[tuple[str, Observation]]:
        calendar, loads = rules.ahead, rules.fairness
        made: list[tuple[str, Observation]] = []
        if calendar is not None:
            for finding in await self._rota.ahead(now, now + calendar.looks):
                made.append((finding.key, _reported(finding, calendar.severity, calendar.clause, now)))
        if loads is not None and loads.severity is not None:
            for person in (await self._rota.load(now, 1)).people:
                if person.over:
                    labels = {"alertname": "OnCallLoad", "severity": loads.severity, "clause": loads.clause}
                    said = {"summary": "; ".join(person.over), "description": "tocsin oncall load shows everybody's."}
                    made.append((f"load:{person.person}", _firing(f"load:{person.person}", labels, said, "load", now)))
        return iter(made)


def _keys(rules: Rulebook) -> dict[str, None]:
    return {**possible_keys(rules), **{f"load:{person}": None for person in rules.people}}


def _reported(finding: Finding, severity: str, clause: str, now: Instant) -> Observation:
    labels = {
        "alertname": _NAMES[finding.kind],
        "severity": severity,
        "clause": clause,
        "rotation": finding.rotation,
        "person": finding.person or "",
    }
    said = {"summary": finding.text, "description": finding.remedy}
    return _firing(finding.key, labels, said, "calendar", now)


def _firing(key: str, labels: dict[str, str], said: dict[str, str], subject: str, now: Instant) -> Observation:
    fingerprint = AlertFingerprint(_PREFIX + key)
    return Observation(fingerprint, "firing", {**labels, SUBJECT_LABEL: f"on call: {subject}"}, said, started_at=now)


def _mended(key: str, now: Instant) -> Observation:
    return Observation(AlertFingerprint(_PREFIX + key), "resolved", {"alertname": "OnCall"}, {}, ended_at=now)
