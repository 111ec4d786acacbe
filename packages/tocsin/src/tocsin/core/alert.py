"""Alerts: what the watched system says is wrong, seen through notifications that repeat, overtake and get lost.

`observe` is the whole of it: what was known of an alert and what is now said about it go in; what is known then, and
what that means for an incident, come out. A repeated notification changes nothing, one that was overtaken is passed
over, an alert that comes and goes is held as firing until it has been quiet, a silenced one is looked at again.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, Literal

import msgspec
from msgspec.structs import replace
from whenever import Instant

from tocsin.core.events import Evidence
from tocsin.core.ids import AlertFingerprint, ComponentId, IncidentId, Severity, SilenceId
from tocsin.core.limits import (
    CLOCK_SKEW_MAX,
    FLIPS_REMEMBERED,
    SIGNAL_AGE_MAX,
    SILENCED_RECHECK_EVERY,
)
from tocsin.core.rules import FlapPolicy

SUBJECT_LABEL: Final = "tocsin_subject"
"""The label of a report that is an incident by itself, such as the overdue review of the playbook (Q2)."""


class Answers(msgspec.Struct, frozen=True):
    """What a person answered when reporting (C6)."""

    all_users: bool = False
    data_lost: bool = False
    share: float | None = None
    """Share of operations affected, 0 to 1."""


class Observation(msgspec.Struct, frozen=True):
    """One thing that one signal says about one alert."""

    fingerprint: AlertFingerprint
    status: Literal["firing", "resolved"]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    started_at: Instant | None = None
    ended_at: Instant | None = None
    answers: Answers | None = None


class Classified(msgspec.Struct, frozen=True):
    """Which component and severity an alert or a report speaks of, and by which row."""

    component: ComponentId
    severity: Severity
    evidence: Evidence


class Disposition(StrEnum):
    """What became of an accepted alert: it has an incident, or a named reason why not."""

    ATTACHED = "attached"
    SILENCED = "silenced"
    MAINTENANCE = "maintenance"
    RESOLVED_BEFORE = "resolved_before"
    """Its resolution had come in before it did."""


class Alert(msgspec.Struct, frozen=True):
    """What is known of one alert."""

    fingerprint: AlertFingerprint
    status: Literal["firing", "resolved"]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    started_at: Instant
    ended_at: Instant | None
    seen_at: Instant
    component: ComponentId
    severity: Severity
    rule: str
    clause: str
    because: str
    group_key: str
    disposition: Disposition
    incident: IncidentId | None = None
    silence: SilenceId | None = None
    changes: tuple[Instant, ...] = ()
    """When it last began or stopped, newest last: by these it is known to flap."""
    recheck_at: Instant | None = None
    """When it must be looked at again: a flapping alert's quiet time or a silence ends."""

    @property
    def name(self) -> str:
        """Answer what people call it."""
        return self.labels.get("alertname", self.fingerprint)

    @property
    def summary(self) -> str:
        """Answer its one-line explanation, if it has one."""
        return self.annotations.get("summary", "")


class Matcher(msgspec.Struct, frozen=True):
    """A condition on one label, as in Alertmanager. Regular expressions match the whole value."""

    label: str
    value: str
    is_regex: bool = False
    is_equal: bool = True


class Silence(msgspec.Struct, frozen=True):
    """Alerts that are kept from opening incidents for a while, by whom and why."""

    id: SilenceId
    kind: Literal["silence", "maintenance"]
    matchers: tuple[Matcher, ...]
    starts_at: Instant
    ends_at: Instant
    author: str
    reason: str
    ended_early_at: Instant | None = None

    def covers(self, labels: Mapping[str, str], at: Instant) -> bool:
        """Tell whether an alert with these labels is kept quiet at an instant."""
        ends_at = self.ends_at if self.ended_early_at is None else min(self.ends_at, self.ended_early_at)
        return self.starts_at <= at < ends_at and all(_matches(matcher, labels) for matcher in self.matchers)


def _matches(matcher: Matcher, labels: Mapping[str, str]) -> bool:
    value = labels.get(matcher.label, "")
    equal = re.fullmatch(matcher.value, value) is not None if matcher.is_regex else value == matcher.value
    return equal is matcher.is_equal


class Turn(StrEnum):
    """What an observation means for an incident."""

    BEGAN = "began"
    ENDED = "ended"
    REPEATED = "repeated"
    """Nothing new; a sender repeats what still holds."""
    OVERTAKEN = "overtaken"
    """Older than what is known; a later notification came first."""
    SUPPRESSED = "suppressed"
    """It began, and a silence or a maintenance window covers it."""
    HELD = "held"
    """It stopped, but it flaps: it counts as firing until it has been quiet."""


class Sighting(msgspec.Struct, frozen=True):
    """What is known of an alert after an observation, and what turn that is."""

    alert: Alert
    turn: Turn


class Circumstances(msgspec.Struct, frozen=True):
    """What an observation is judged by."""

    now: Instant
    flapping: FlapPolicy
    silences: tuple[Silence, ...]
    group_by: tuple[str, ...]


def dated(claimed: Instant | None, now: Instant) -> Instant:
    """Answer when an alert began, if its sender's word can be believed; else now."""
    if claimed is None or claimed > now + CLOCK_SKEW_MAX or claimed < now - SIGNAL_AGE_MAX:
        return now
    return min(claimed, now)


def observe(known: Alert | None, seen: Observation, classified: Classified, given: Circumstances) -> Sighting:
    """Answer what is known of an alert after one more observation."""
    if known is None:
        return _first(seen, classified, given)
    if seen.started_at is not None and dated(seen.started_at, given.now) < known.started_at:
        return Sighting(known, Turn.OVERTAKEN)
    if seen.status == "firing":
        return _fires(known, seen, classified, given)
    return _stops(known, seen, given)


def _first(seen: Observation, classified: Classified, given: Circumstances) -> Sighting:
    alert = _new(seen, classified, given)
    if seen.status == "resolved":
        ended = replace(
            alert, status="resolved", ended_at=seen.ended_at or given.now, disposition=Disposition.RESOLVED_BEFORE
        )
        return Sighting(ended, Turn.OVERTAKEN)
    return _begun(alert, given)


def _new(seen: Observation, classified: Classified, given: Circumstances) -> Alert:
    return Alert(
        fingerprint=seen.fingerprint,
        status="firing",
        labels=seen.labels,
        annotations=seen.annotations,
        started_at=dated(seen.started_at, given.now),
        ended_at=None,
        seen_at=given.now,
        component=classified.component,
        severity=classified.severity,
        rule=classified.evidence.rule,
        clause=classified.evidence.clause,
        because=classified.evidence.because,
        group_key=group_key(classified.component, seen.labels, given.group_by),
        disposition=Disposition.ATTACHED,
        changes=(given.now,),
    )


def group_key(component: ComponentId, labels: Mapping[str, str], by: Sequence[str]) -> str:
    """Answer which alerts belong together: those of one component, and of one value of each label named.

    What is reported about a subject of its own is not mixed with what happens to name no component we know.
    """
    subject = labels.get(SUBJECT_LABEL)
    apart = (f"{SUBJECT_LABEL}={subject}",) if subject else ()
    return "/".join((component, *apart, *(f"{label}={labels.get(label, '')}" for label in by)))


def _begun(alert: Alert, given: Circumstances) -> Sighting:
    silence = next((each for each in given.silences if each.covers(alert.labels, given.now)), None)
    if silence is None:
        attached = replace(alert, disposition=Disposition.ATTACHED, silence=None, recheck_at=None)
        return Sighting(attached, Turn.BEGAN)
    disposition = Disposition.SILENCED if silence.kind == "silence" else Disposition.MAINTENANCE
    recheck_at = min(silence.ends_at, given.now + SILENCED_RECHECK_EVERY)
    quiet = replace(alert, disposition=disposition, silence=silence.id, incident=None, recheck_at=recheck_at)
    return Sighting(quiet, Turn.SUPPRESSED)


def _fires(known: Alert, seen: Observation, classified: Classified, given: Circumstances) -> Sighting:
    if known.status == "firing":
        # Held while flapping: it has come back before it was quiet.
        back = known.ended_at is not None
        changes = _changed(known, given) if back else known.changes
        recheck_at = None if back else known.recheck_at
        still = replace(known, seen_at=given.now, ended_at=None, changes=changes, recheck_at=recheck_at)
        return Sighting(still, Turn.REPEATED)
    if seen.started_at is not None and dated(seen.started_at, given.now) == known.started_at:
        return Sighting(known, Turn.OVERTAKEN)  # The same firing, whose end is known already.
    again = replace(_new(seen, classified, given), changes=_changed(known, given), incident=known.incident)
    return _begun(again, given)


def _stops(known: Alert, seen: Observation, given: Circumstances) -> Sighting:
    if known.status == "resolved" or known.ended_at is not None:
        return Sighting(known, Turn.REPEATED)
    ended_at = min(seen.ended_at or given.now, given.now)
    stopped = replace(known, seen_at=given.now, ended_at=ended_at, changes=_changed(known, given))
    if flaps(stopped, given) and stopped.disposition is Disposition.ATTACHED:
        return Sighting(replace(stopped, recheck_at=given.now + given.flapping.quiet_for), Turn.HELD)
    return _ended(stopped)


def _ended(alert: Alert) -> Sighting:
    turn = Turn.ENDED if alert.disposition is Disposition.ATTACHED else Turn.SUPPRESSED
    return Sighting(replace(alert, status="resolved", recheck_at=None), turn)


def _changed(alert: Alert, given: Circumstances) -> tuple[Instant, ...]:
    since = given.now - given.flapping.within
    return (*(at for at in alert.changes if at >= since), given.now)[-FLIPS_REMEMBERED:]


def flaps(alert: Alert, given: Circumstances) -> bool:
    """Tell whether an alert came and went so often lately that its stopping is not to be believed."""
    since = given.now - given.flapping.within
    return sum(at >= since for at in alert.changes) >= given.flapping.changes


def recheck(alert: Alert, given: Circumstances) -> Sighting:
    """Look at an alert again: its flapping may have calmed down, or its silence may be over."""
    if alert.recheck_at is None or alert.recheck_at > given.now:
        return Sighting(alert, Turn.REPEATED)
    if alert.status == "firing" and alert.ended_at is not None:
        return _ended(alert)
    if alert.status == "firing" and alert.silence is not None:
        return _begun(alert, given)
    return Sighting(replace(alert, recheck_at=None), Turn.REPEATED)
