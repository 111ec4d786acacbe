"""The diagnosis: what differs from the last healthy hour, in a few lines, the most telling first (D3, M2).

Everything is given as values: the outputs, redacted and bounded; the figures now and when they were well; the releases
then and now. What could not be looked at is said too: a summary must not look complete when it is not.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from whenever import Instant

from tocsin.core.actions import FailureMode, FailureModeId
from tocsin.core.baseline import Compared
from tocsin.core.diagnostics import Diagnostic, DiagnosticResult, Reading
from tocsin.core.ids import ComponentId
from tocsin.core.limits import SUMMARY_LINES_MAX
from tocsin.core.loglines import recent
from tocsin.core.narration import quantity
from tocsin.core.objectives import holds
from tocsin.core.readings import Said, read, shortened

NOTABLE: Final = 2.0
"""From how many times its healthy figure on an indicator that still holds is worth a line."""

SEARCHED: Final = frozenset({Reading.LOGS, Reading.HEALTH, Reading.TEXT, Reading.WORKLOADS})
"""What the words of a failure mode are looked for in."""


class Gathered(msgspec.Struct, frozen=True):
    """One diagnostic, what became of it, and what it said."""

    diagnostic: Diagnostic
    result: DiagnosticResult
    output: str = ""


class Releases(msgspec.Struct, frozen=True):
    """The releases of a component that were in use in the last healthy stretch, and those in use now."""

    component: ComponentId
    before: tuple[str, ...] = ()
    now: tuple[str, ...] = ()


class Comparison(msgspec.Struct, frozen=True):
    """What was measured now and when all was well."""

    figures: tuple[Compared, ...] = ()
    releases: tuple[Releases, ...] = ()
    healthy_until: Instant | None = None
    """When the last healthy stretch ended, or where it is taken to have ended."""
    why: str = ""
    """Why there is nothing to compare with, if there is not."""


class Diagnosis(msgspec.Struct, frozen=True):
    """What it all comes to."""

    summary: tuple[str, ...]
    suspected: tuple[FailureModeId, ...] = ()


def diagnose(
    gathered: Sequence[Gathered],
    comparison: Comparison,
    modes: Iterable[FailureMode],
    names: Mapping[ComponentId, str],
    evidence: str = "",
) -> Diagnosis:
    """Sum up. ``evidence`` is the row that set the incident's severity; ``names`` are those of its components."""
    said = [(one, read_of(one, comparison.healthy_until)) for one in gathered if one.result.ending == "answered"]
    suspicions = _suspicions(gathered, comparison.healthy_until, modes, evidence)
    lines = [
        *_suspected(suspicions),
        *_releases(comparison.releases, names),
        *_figures(comparison.figures),
        *dict.fromkeys(concern for _, each in sorted(said, key=_telling) for concern in each.concerns),
        *_nothing(gathered, comparison),
        *_missing(gathered),
    ]
    bounded = tuple(shortened(line) for line in lines[:SUMMARY_LINES_MAX])
    return Diagnosis(bounded, tuple(each.mode.id for each in suspicions))


_FIRST: Final = (Reading.CHANGES, Reading.HEALTH, Reading.LOGS, Reading.TARGETS, Reading.WORKLOADS, Reading.PAGE)


def _telling(one: tuple[Gathered, Said]) -> int:
    reading = one[0].diagnostic.reading
    return _FIRST.index(reading) if reading in _FIRST else len(_FIRST)


def read_of(one: Gathered, since: Instant | None) -> Said:
    """Read one output."""
    return read(one.diagnostic.reading, one.output, since)


class _Suspicion(msgspec.Struct, frozen=True):
    mode: FailureMode
    word: str
    """What of its words was found; empty if only the alert speaks for it."""
    where: str


def _suspicions(
    gathered: Sequence[Gathered], since: Instant | None, modes: Iterable[FailureMode], evidence: str
) -> list[_Suspicion]:
    """Name the failure modes whose words were found. Where none was, those that the alert itself speaks for."""
    found, possible = [], []
    for mode in modes:
        word, where = _recognised(mode, gathered, since)
        if word:
            found.append(_Suspicion(mode, word, where))
        elif evidence and evidence in mode.thresholds:
            possible.append(_Suspicion(mode, "", evidence))
    # Of two that were recognised, the one that the alert speaks for as well is the likelier.
    return sorted(found, key=lambda each: evidence not in each.mode.thresholds) or possible


def _recognised(mode: FailureMode, gathered: Sequence[Gathered], since: Instant | None) -> tuple[str, str]:
    for one in gathered:
        if one.diagnostic.component not in (mode.component, None) or one.diagnostic.reading not in SEARCHED:
            continue
        # What the log said last week is no sign of today's trouble.
        text = recent(one.output, since) if one.diagnostic.reading is Reading.LOGS else one.output
        text = text.casefold()
        word = next((word for word in mode.logs if word.casefold() in text), "")
        if word:
            return word, _PLACES.get(one.diagnostic.reading, one.diagnostic.title)
    return "", ""


_PLACES: Final = {
    Reading.LOGS: "the logs",
    Reading.HEALTH: "the health endpoint",
    Reading.WORKLOADS: "the list of what runs",
}


def _suspected(suspicions: Sequence[_Suspicion]) -> Iterable[str]:
    sure = [each for each in suspicions if each.word]
    if sure:
        yield from (f"looks like: {each.mode.title} (“{each.word}” in {each.where})" for each in sure[:2])
    elif suspicions:
        yield f"could be: {', or '.join(each.mode.title for each in suspicions[:3])}"


def _releases(releases: Iterable[Releases], names: Mapping[ComponentId, str]) -> Iterable[str]:
    for each in releases:
        name = names.get(each.component, each.component)
        if each.now and each.before and set(each.now) != set(each.before):
            yield f"release changed: {name} {' and '.join(each.before)} → {' and '.join(each.now)}"
        elif len(each.now) > 1:
            yield f"several releases at once: {name} {' and '.join(each.now)}"


def _figures(figures: Iterable[Compared]) -> Iterable[str]:
    """Say what does not hold, and what holds but is far from where it was; what cannot be measured comes last."""
    telling = [each for each in figures if not holds(each.now) or _far_off(each)]
    return (_figure(each) for each in sorted(telling, key=lambda each: (each.now.value is None, holds(each.now))))


def _far_off(figure: Compared) -> bool:
    ratio = figure.ratio
    if ratio is None or figure.now.unit == "1":
        return False
    worse = ratio if figure.now.holds in ("<", "<=") else 1 / ratio if ratio else float("inf")
    return worse >= NOTABLE


def _figure(figure: Compared) -> str:
    now, healthy = figure.now, figure.healthy
    was = f"; was {quantity(healthy.value, now.unit)}" if healthy else ""
    if now.value is None:
        return f"{now.title}: no data ({now.why}){was}"
    times = f", {figure.ratio:.3g} ×" if figure.ratio and now.unit != "1" else ""
    bound = f"must be {now.holds} {quantity(now.bound, now.unit)}"
    return f"{now.title} {quantity(now.value, now.unit)} ({bound}{was}{times})"


def _nothing(gathered: Sequence[Gathered], comparison: Comparison) -> Iterable[str]:
    """Say where there was nothing to compare with, if anything answered at all."""
    if comparison.why:
        yield f"no baseline: {comparison.why}"


_ENDED: Final = {
    "failed": "failed",
    "timed_out": "no answer in time",
    "unavailable": "not reachable",
    "refused": "not allowed",
}


def _missing(gathered: Sequence[Gathered]) -> Iterable[str]:
    for ending, words in _ENDED.items():
        lost = [one.result for one in gathered if one.result.ending == ending]
        if lost:
            names = ", ".join(dict.fromkeys(result.title for result in lost))
            whys = dict.fromkeys(result.said for result in lost if result.said)
            why = f" ({'; '.join(list(whys)[:2])})" if whys else ""
            yield f"{words}: {names}{why}"
