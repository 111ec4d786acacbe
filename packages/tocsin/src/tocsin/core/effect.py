"""Did it help? (M5). Figure by figure, what was measured before a mitigation against what was measured after it.

Only objectives that were or are missed say anything: a figure that moves within its bound is no improvement. Of one
that is missed before and after, the distance to its bound is compared; less than the playbook calls notable is noise.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec
from whenever import Instant

from tocsin.core import marks as m
from tocsin.core.event import Sample
from tocsin.core.events import MitigationJudged
from tocsin.core.incident import Incident
from tocsin.core.objectives import holds, shortfall
from tocsin.core.rules import Rulebook

Turn = Literal["better", "worse", "same", "unknown"]
Effect = Literal["improved", "unchanged", "worse", "no_data"]


class Shift(msgspec.Struct, frozen=True):
    """One objective before and after."""

    before: Sample
    after: Sample
    turn: Turn


def shifts(before: tuple[Sample, ...], after: tuple[Sample, ...], notable: float) -> Iterator[Shift]:
    """Answer every objective that was measured, or tried to, both times."""
    later = {(sample.component, sample.objective): sample for sample in after}
    for sample in before:
        match = later.get((sample.component, sample.objective))
        if match is not None:
            yield Shift(sample, match, _turn(sample, match, notable))


def _turn(before: Sample, after: Sample, notable: float) -> Turn:
    if after.value is None:
        return "unknown"
    held, holds_now = holds(before), holds(after)
    if held != holds_now:
        return "better" if holds_now else "worse"
    if held:
        return "same"
    if before.value is None:
        return "unknown"
    was, now = shortfall(before), shortfall(after)
    if abs(was - now) <= notable * abs(was):
        return "same"
    return "better" if now < was else "worse"


def effect(before: tuple[Sample, ...], after: tuple[Sample, ...], notable: float) -> Effect:
    """Sum up: what got better against what got worse; no data if no figure can be compared."""
    turns = [shift.turn for shift in shifts(before, after, notable)]
    better, worse = turns.count("better"), turns.count("worse")
    if better != worse:
        return "improved" if better > worse else "worse"
    return "unchanged" if better or "same" in turns else "no_data"


def judged(
    incident: Incident, rules: Rulebook, now: Instant, fresh: tuple[Sample, ...] = (), *, cut_short: bool = False
) -> MitigationJudged:
    """Say whether the last mitigation helped. Figures from before it prove nothing, and neither does their absence.

    ``fresh`` are figures of this moment, for a judgement that cannot wait because the next mitigation begins.
    """
    run = incident.runs.by_id.get(incident.runs.awaiting) if incident.runs.awaiting else None
    mitigated_at, measured_at = incident.at(m.MITIGATED), incident.measured_at
    late = mitigated_at is not None and measured_at is not None and measured_at > mitigated_at
    after = fresh or (incident.samples if late else ())
    component = run.component if run else None
    before = tuple(each for each in incident.samples_before if component in (None, each.component))
    after = tuple(each for each in after if component in (None, each.component))
    return MitigationJudged(
        at=now,
        verdict=effect(before, after, rules.mitigations.notable),
        before=before,
        after=after,
        run=run.id if run else None,
        what=run.title if run else "",
        cut_short=cut_short,
    )


def awaits_judgement(incident: Incident) -> bool:
    """Tell whether a mitigation was made that nothing has been said about yet."""
    mitigated_at, judged_at = incident.at(m.MITIGATED), incident.at(m.JUDGED)
    return mitigated_at is not None and (judged_at is None or judged_at < mitigated_at)
