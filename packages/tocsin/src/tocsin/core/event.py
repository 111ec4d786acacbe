"""What all events share: when, by whom, and the small values that several of them carry. Part of the stored format."""

from typing import Literal

import msgspec
from whenever import Instant

from tocsin.core.ids import AlertFingerprint, ComponentId, PersonId


class Actor(msgspec.Struct, frozen=True):
    """Who did it: a person, or Tocsin itself when ``person`` is absent."""

    person: PersonId | None = None
    via: str = ""
    """Where the act came in: ``cli``, ``api``, ``slack``, ``link``, ``alertmanager`` …"""
    commands: bool = False
    """Whether this actor's token has a commander's authority."""


TOCSIN = Actor(via="tocsin")


class Evidence(msgspec.Struct, frozen=True):
    """Why a severity was set: the row that decided, its clause, and what was seen."""

    rule: str
    clause: str
    because: str


class AlertBrief(msgspec.Struct, frozen=True):
    """An alert as the timeline names it."""

    fingerprint: AlertFingerprint
    name: str
    summary: str = ""
    started_at: Instant | None = None


class Sample(msgspec.Struct, frozen=True):
    """One measured figure against its bound. ``value`` is absent when there was no data, ``why`` then says so."""

    objective: str
    component: ComponentId
    title: str
    value: float | None
    holds: str
    bound: float
    unit: str = ""
    why: str = ""


Verdict = Literal["held", "breached", "no_data"]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all events share."""

    at: Instant
    by: Actor = TOCSIN
