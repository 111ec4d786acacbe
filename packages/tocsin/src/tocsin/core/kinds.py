"""The kinds of timelines: an incident, and the errands that run by the same deadlines: a hand-off, a drill.

An errand is no incident. It has rows of its own, compiled from the playbook under a name that nobody can choose as a
severity; lists, figures and gauges leave it out unless they are asked for it. All else is the same machinery.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec
from whenever import Time, TimeDelta

from tocsin.core.ids import PersonId, RoleName, RotationId, Severity


class Kind(StrEnum):
    """What a timeline is about."""

    INCIDENT = "incident"
    DRILL = "drill"
    """A test page: live, marked as a test, and asked of one person alone."""
    HANDOFF = "hand-off"
    """One shift ends and another begins (O3)."""


PREFIXES: Final[Mapping[Kind, str]] = {Kind.INCIDENT: "INC", Kind.DRILL: "TEST", Kind.HANDOFF: "HO"}
"""What the ids of each kind begin with; each kind is counted by itself."""

OUTGOING: Final = RoleName("outgoing")
INCOMING: Final = RoleName("incoming")
"""Whose shift ends with a hand-off, and whose begins."""
TESTED: Final = RoleName("tested")
"""Whom a test page asks."""

ASKED: Final[Mapping[Kind, RoleName]] = {Kind.DRILL: TESTED, Kind.HANDOFF: INCOMING}
"""Whose answer an errand waits for; nobody else's counts."""

CHECKLIST: Final = "checklist"
"""The milestone that the last step of a hand-off's checklist reaches by itself."""


def rows_of(kind: Kind) -> Severity:
    """Name the rows of an errand: what stands where an incident has its severity."""
    return Severity(kind.value)


class HandoffPolicy(msgspec.Struct, frozen=True):
    """Which changes of shift are handed over, how long before, and by what steps (O3)."""

    rotations: tuple[RotationId, ...] = ()
    opens_before: TimeDelta = TimeDelta(hours=24)
    steps: Mapping[str, str] = {}
    """The checklist: the name of a step to what it says."""
    clause: str = "O3"


class TestPagePolicy(msgspec.Struct, frozen=True):
    """Who is sent a test page every month, and when."""

    __test__ = False  # Not a test of ours, whatever its name begins with.

    people: tuple[PersonId, ...] = ()
    day: int = 1
    at: Time = Time(10)
    zone: str = "UTC"
    missed_severity: Severity | None = None
    """The severity of a test page that nobody answered; None: it is recorded and no more."""
    clause: str = "local"
