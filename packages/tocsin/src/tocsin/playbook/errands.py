"""The sections about errands: what is handed over at a change of shift, and whom a test page asks every month."""

from typing import Annotated

import msgspec
from msgspec import Meta
from whenever import Time, TimeDelta

from tocsin.core.rules import MethodKind
from tocsin.playbook import words
from tocsin.playbook.base import Clause, Doc, Key, Line
from tocsin.playbook.words import Act


class HandoffDoc(Doc, frozen=True, kw_only=True):
    """``handoff.yaml``: which changes of shift are handed over, by what checklist, and until when."""

    clause: Clause = "local"
    rotations: tuple[Key, ...] = ()
    opens_before: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(hours=24))
    """How long before the shift changes the hand-off opens."""
    done_within: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(hours=12))
    """How long after the change the checklist may take."""
    accepted_within: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta.ZERO)
    """How long after the change it may take until the hand-off is accepted."""
    reminds_every: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(hours=4))
    """How often both are reminded until then. All that time pages go to both."""
    lapses_within: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(hours=48))
    """How long after the change a hand-off that was never accepted ends all the same; then pages go to the new one."""
    steps: dict[Key, Line] = msgspec.field(default_factory=dict)
    """The checklist, in this order."""


class MonthlyDoc(Doc, frozen=True, kw_only=True):
    """A test page to everybody of these rotations, once a month."""

    rotations: tuple[Key, ...]
    day: Annotated[int, Meta(ge=1, le=28)] = 1
    at: Time = msgspec.field(default_factory=lambda: Time(10))
    zone: str = "UTC"


class DrillsDoc(Doc, frozen=True, kw_only=True):
    """``drills.yaml``: test pages, which are marked as tests and ask one person alone."""

    clause: Clause = "local"
    by: tuple[MethodKind, ...] = ()
    """The kinds of contact methods that are tested, all at once; empty: all that the person has."""
    answered_within: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(minutes=15))
    ends_within: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(hours=24))
    """How long an answer is waited for after all; then the test page was missed."""
    then: tuple[Act, ...] = msgspec.field(default_factory=lambda: (words.act("remind"),))
    """What follows if it is not answered in time. A drill asks nobody else, so only ``remind`` and ``announce``."""
    missed_severity: Key | None = None
    """The severity of the incident that a missed monthly test page becomes; absent: none is opened."""
    monthly: MonthlyDoc | None = None
