"""Heartbeats: signals whose absence is the alert, and what Tocsin reports of itself (C4, Q2)."""

from collections.abc import Iterable

import msgspec
from whenever import Instant

from tocsin.core.alert import SUBJECT_LABEL, Observation
from tocsin.core.ids import AlertFingerprint
from tocsin.core.rules import Heartbeat, Rulebook
from tocsin.engine.playbooks import Playbooks
from tocsin.store.port import Beat, Change, Store


class Absences(msgspec.Struct, frozen=True):
    """Who has fallen silent, who has come back, and the sign-of-life table after that."""

    observations: tuple[Observation, ...]
    beats: tuple[Beat, ...]
    reviewed: str = ""
    """The playbook version whose overdue review is among them."""


class Heartbeats:
    """Knows when each heartbeat was last heard."""

    def __init__(self, store: Store, playbooks: Playbooks) -> None:
        self._store = store
        self._playbooks = playbooks
        self._beats: dict[str, Beat] = {}
        self._reviewed = ""
        """The playbook version whose overdue review has been reported by this process."""

    async def load(self, now: Instant) -> None:
        """Read the table; a heartbeat never heard counts from now."""
        self._beats = dict(await self._store.beats())
        new = [Beat(name, now) for name in self._playbooks.current.heartbeats if name not in self._beats]
        if new:
            await self._store.commit(Change(beats=tuple(new)))
            self._beats.update({beat.name: beat for beat in new})

    async def beat(self, name: str, now: Instant) -> bool:
        """Note a sign of life, durably; answer whether the playbook knows that heartbeat."""
        if name not in self._playbooks.current.heartbeats:
            return False
        before = self._beats.get(name)
        beat = Beat(name, now, before.missing_since if before else None)
        await self._store.commit(Change(beats=(beat,)))
        self._beats[name] = beat
        return True

    async def observations(self, now: Instant) -> Absences:
        """Answer what the heartbeats say now that they did not say before."""
        rules = self._playbooks.current
        observations: list[Observation] = []
        beats: list[Beat] = []
        for heartbeat in rules.heartbeats.values():
            beat = self._beats.get(heartbeat.name) or Beat(heartbeat.name, now)
            missing = now - beat.seen_at > heartbeat.within
            if missing == (beat.missing_since is not None):
                continue
            turned = Beat(beat.name, beat.seen_at, now if missing else None)
            observations.append(_absence(heartbeat, turned, now))
            beats.append(turned)
        review = self._review(rules, now)
        return Absences((*observations, *review), tuple(beats), rules.version if review else "")

    def heard(self, alertnames: Iterable[str], now: Instant) -> tuple[Beat, ...]:
        """Answer the signs of life that alerts of these names are: Alertmanager's Watchdog."""
        heard = set(alertnames)
        return tuple(
            Beat(each.name, now, self._beats.get(each.name, Beat(each.name, now)).missing_since)
            for each in self._playbooks.current.heartbeats.values()
            if each.alertname and each.alertname in heard
        )

    def kept(self, beats: Iterable[Beat], reviewed: str = "") -> None:
        """Take over what the store has kept. Before that nothing may be taken as said."""
        self._beats.update({beat.name: beat for beat in beats})
        self._reviewed = reviewed or self._reviewed

    def next_at(self, now: Instant) -> Instant | None:
        """Answer when the next heartbeat will be missed if it stays silent."""
        rules = self._playbooks.current
        ends = (
            beat.seen_at + rules.heartbeats[beat.name].within
            for beat in self._beats.values()
            if beat.name in rules.heartbeats and beat.missing_since is None
        )
        return min((end.add(milliseconds=1) for end in ends), default=None)

    def _review(self, rules: Rulebook, now: Instant) -> tuple[Observation, ...]:
        """Report a playbook whose review is overdue, once for each version (Q2)."""
        today = now.to_tz("UTC").date()
        if today <= rules.next_review_on or self._reviewed == rules.version:
            return ()
        labels = {
            "alertname": "PlaybookReviewOverdue",
            "severity": rules.review_overdue_severity,
            "clause": "Q2",
            SUBJECT_LABEL: f"playbook {rules.id}",
        }
        summary = f"The review of playbook {rules.title} was due on {rules.next_review_on}; its owner is {rules.owner}"
        fingerprint = AlertFingerprint(f"tocsin:playbook-review:{rules.id}:{rules.next_review_on}")
        return (Observation(fingerprint, "firing", labels, {"summary": summary}),)


def _absence(heartbeat: Heartbeat, beat: Beat, now: Instant) -> Observation:
    labels = {
        "alertname": "HeartbeatMissing",
        "heartbeat": heartbeat.name,
        "severity": heartbeat.severity,
        "component": heartbeat.component or "",
        "clause": heartbeat.clause,
    }
    summary = f"Nothing was heard from {heartbeat.name} for more than {heartbeat.within.total('seconds'):.0f} s"
    gone = beat.missing_since is not None
    return Observation(
        AlertFingerprint(f"tocsin:heartbeat:{heartbeat.name}"),
        "firing" if gone else "resolved",
        labels,
        {"summary": summary},
        started_at=now if gone else None,
        ended_at=None if gone else now,
    )
