"""Alerts: what the watched system says is wrong, seen through notifications that repeat, overtake each other and get lost."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

import msgspec
from whenever import Instant

from tocsin.core.ids import AlertFingerprint, ComponentId, IncidentId, Severity, SilenceId


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
    beats: str = ""
    """If set, this is no alert but a sign of life of the heartbeat so named."""


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
