"""Diagnostics: what the playbook has Tocsin look at, and what came of looking (D3, M2).

A diagnostic reads and never changes anything. How its output is read decides what the summary can say of it: a log
is searched for errors that are new, a list of pods for restarts, a health endpoint for the release in use.
"""

from enum import StrEnum
from typing import Literal

import msgspec
from whenever import TimeDelta

from tocsin.core.actions import ActionId
from tocsin.core.ids import ComponentId, DiagnosticId, Digest


class Reading(StrEnum):
    """What kind of thing an output is."""

    TEXT = "text"
    """Shown, and searched for what the failure modes are recognised by."""
    LOGS = "logs"
    """Lines, of which errors that are new are grouped and counted."""
    HEALTH = "health"
    """A health endpoint's JSON: its state, its release, its own words of what is wrong."""
    WORKLOADS = "workloads"
    """What runs: replicas, and how often they were restarted."""
    TARGETS = "targets"
    """What Prometheus scrapes of it: series that are 1 where a target answers."""
    CHANGES = "changes"
    """What was deployed or committed lately, newest first."""
    PAGE = "page"
    """What a web address answers: a Statuspage summary if it has the shape of one, else text."""


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """Ask Prometheus one question, now."""

    query: str
    source: str = ""
    """Which of several Prometheus is asked; empty: the one without a name."""


class Fetch(msgspec.Struct, frozen=True, tag="fetch"):
    """Get what stands at a web address."""

    url: str


class Look(msgspec.Struct, frozen=True, tag="look"):
    """Say where a person can look."""

    url: str


class Run(msgspec.Struct, frozen=True, tag="run"):
    """Run an action of the playbook that only reads."""

    action: ActionId


Way = Ask | Fetch | Look | Run


class Diagnostic(msgspec.Struct, frozen=True):
    """What to look at for a component, how, for how long at most, and how to read what comes of it."""

    id: DiagnosticId
    title: str
    component: ComponentId | None
    """None: of no one component, as the pods of a namespace or the last commits are."""
    way: Way
    reading: Reading = Reading.TEXT
    within: TimeDelta = TimeDelta(seconds=20)
    clause: str = "M2"


class BaselinePolicy(msgspec.Struct, frozen=True):
    """What "the last healthy hour" is."""

    lasts: TimeDelta = TimeDelta(hours=1)
    """How long a stretch is compared with."""
    looks_back: TimeDelta = TimeDelta(hours=6)
    """How far before the detection it may lie."""
    margin: TimeDelta = TimeDelta(minutes=5)
    """How much before the last healthy figure is left out: trouble begins before it is measured."""


class DiagnosticsPolicy(msgspec.Struct, frozen=True):
    """How diagnostics are gathered (D3)."""

    within: TimeDelta = TimeDelta(minutes=2)
    """All of them together. What has not answered by then is said to be missing."""
    each_within: TimeDelta = TimeDelta(seconds=20)
    """Each of those that no action says the time limit of."""
    baseline: BaselinePolicy = BaselinePolicy()
    programs: tuple[tuple[str, ...], ...] = ()
    """How the command lines may begin that a diagnostic runs; each is trusted to read only. Verbs that can do nothing
    but read need no leave."""
    clause: str = "D3"


Ending = Literal["answered", "link", "failed", "timed_out", "unavailable", "refused"]
"""How a diagnostic ended: ``link`` is only to be looked at, ``unavailable`` could not be asked at all, ``refused`` was
not allowed to be."""


class DiagnosticResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one diagnostic. The timeline keeps this; the output is an attachment, found by its digest."""

    diagnostic: DiagnosticId
    title: str
    component: ComponentId | None
    ending: Ending
    line: str = ""
    """What it did, as a person would type it."""
    said: str = ""
    """Its answer in one line, or why there is none."""
    exit_status: int | None = None
    took_s: float = 0.0
    size: int = 0
    """Bytes that are kept."""
    cut: bool = False
    """Whether there was more than is kept."""
    digest: Digest | None = None
