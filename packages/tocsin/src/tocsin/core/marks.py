"""Marks: the first and the last time that something happened in an incident.

Events set marks, deadlines are laid between them. A mark's name is plain text so that a playbook can speak of it;
the families below are all there are, and the playbook's lint refuses a name that nothing sets.
"""

from collections.abc import Mapping
from typing import Final, NewType

import msgspec
from whenever import Instant

from tocsin.core.ids import AudienceId, RuleId
from tocsin.core.stages import Stage

MarkName = NewType("MarkName", str)

DETECTED: Final = MarkName("detected")
"""The start of the first alert, or the time of the report (C2)."""
OPENED: Final = MarkName("opened")
"""Declared, or opened again."""
ACKNOWLEDGED: Final = MarkName("acknowledged")
"""Somebody who can take command said: I am on it."""
ANSWERED: Final = MarkName("answered")
"""Somebody who can take command answered a page, be it the first to do so or not."""
RELIEF_ASKED: Final = MarkName("relief_asked")
"""Whoever has it in hand is to be relieved, and stays in charge until another has answered."""
RESPONDED: Final = MarkName("responded")
"""The first act of a responder after the acknowledgment (C2)."""
UPDATED: Final = MarkName("updated")
"""An update was posted to any audience."""
IMPROVED: Final = MarkName("improved")
"""Measurement showed a lower severity than before (E5)."""
MEASURED: Final = MarkName("measured")
"""The objectives and the health endpoint were asked (D3)."""
DIAGNOSED: Final = MarkName("diagnosed")
"""Diagnostics were gathered, and at least one of them answered (D3, M2)."""
MITIGATED: Final = MarkName("mitigated")
JUDGED: Final = MarkName("judged")
"""The timeline says whether the last mitigation helped (M5)."""
SPREAD: Final = MarkName("spread")
"""So many components are affected that the playbook calls it several (E1)."""
UNREACHED: Final = MarkName("unreached")
"""Nobody could be reached (E4)."""
SCHEDULED: Final = MarkName("scheduled")
"""What was announced comes: the change of shift that a hand-off is about. Set ahead: first announced, last comes."""
RESOLVED: Final = MarkName("resolved")
REOPENED: Final = MarkName("reopened")
CLOSED: Final = MarkName("closed")

SINGLE: Final = frozenset(
    {
        DETECTED,
        OPENED,
        ACKNOWLEDGED,
        ANSWERED,
        RELIEF_ASKED,
        RESPONDED,
        UPDATED,
        IMPROVED,
        MEASURED,
        DIAGNOSED,
        MITIGATED,
        JUDGED,
        SPREAD,
        UNREACHED,
    }
    | {RESOLVED, REOPENED, CLOSED}
)
FAMILIES: Final = ("stage.", "level.", "updated.", "flag.", "milestone.", "rule.", "empty.")


def at_stage(stage: Stage) -> MarkName:
    """Name the mark of reaching a stage."""
    return MarkName(f"stage.{stage.value}")


def at_level(level: int) -> MarkName:
    """Name the mark of reaching an escalation level."""
    return MarkName(f"level.{level}")


def updated(audience: AudienceId) -> MarkName:
    """Name the mark of an update to one audience."""
    return MarkName(f"updated.{audience}")


def flagged(flag: str) -> MarkName:
    """Name the mark of a flag that a person set (E1: an architectural decision, a vendor, the law …)."""
    return MarkName(f"flag.{flag}")


def milestone(name: str) -> MarkName:
    """Name the mark of a milestone that a person reports (P1: the draft, the review, the publication)."""
    return MarkName(f"milestone.{name}")


def ruled(rule: RuleId) -> MarkName:
    """Name the mark of a rule having come due and been answered."""
    return MarkName(f"rule.{rule}")


def emptied(rule: RuleId) -> MarkName:
    """Name the mark of a rule that reached nobody, so that what waits for it need not wait."""
    return MarkName(f"empty.{rule}")


class Mark(msgspec.Struct, frozen=True):
    """When something first and last happened."""

    first: Instant
    last: Instant


Marks = Mapping[MarkName, Mark]


def marked(marks: Marks, at: Instant, *names: MarkName) -> dict[MarkName, Mark]:
    """Answer the marks with these names set at an instant."""
    result = dict(marks)
    for name in names:
        before = result.get(name)
        result[name] = Mark(before.first if before else at, max(at, before.last) if before else at)
    return result


def announced(marks: Marks, at: Instant, comes_at: Instant | None) -> dict[MarkName, Mark]:
    """Answer the marks with what was announced at an instant for another one, if anything was."""
    return {**marks, SCHEDULED: Mark(at, max(at, comes_at))} if comes_at else dict(marks)


def without(marks: Marks, *names: MarkName) -> dict[MarkName, Mark]:
    """Answer the marks with these names unset."""
    return {name: mark for name, mark in marks.items() if name not in names}
