"""The four stages of an incident, and which may follow which (K2)."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Stage(StrEnum):
    """Where an open incident stands. Never "status" or "phase"."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


ORDER: Final = tuple(Stage)

FOLLOWERS: Final = MappingProxyType(
    {
        # A fix may be found before its cause is (M1), and may fail after it seemed to work: both ways are open.
        Stage.INVESTIGATING: frozenset({Stage.IDENTIFIED, Stage.MONITORING}),
        Stage.IDENTIFIED: frozenset({Stage.INVESTIGATING, Stage.MONITORING}),
        Stage.MONITORING: frozenset({Stage.INVESTIGATING, Stage.IDENTIFIED}),
        Stage.RESOLVED: frozenset(),  # Only `resolve` leads here and only `reopen` leads away.
    }
)


def may_follow(current: Stage, wanted: Stage) -> bool:
    """Tell whether a person may move an incident from one stage to the other."""
    return wanted in FOLLOWERS[current]


def later_than(stage: Stage) -> tuple[Stage, ...]:
    """Name the stages that come after this one."""
    return ORDER[ORDER.index(stage) + 1 :]
