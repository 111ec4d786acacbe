"""Many runs in a few figures: how long until somebody answers, who is woken, how often at night, what is missed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tocsin.core.ids import PersonId, RuleId
from tocsin.simulate.run import Outcome


class Percentiles(msgspec.Struct, frozen=True):
    """In seconds. Nothing, if there was nothing to measure."""

    p50: float | None
    p90: float | None
    p99: float | None
    worst: float | None


class Missed(msgspec.Struct, frozen=True):
    """A promise of the playbook, and how often it was broken."""

    rule: RuleId
    clause: str
    title: str
    missed: int
    kept: int


class Distribution(msgspec.Struct, frozen=True):
    """What came of many runs."""

    title: str
    runs: int
    first_seed: int
    incidents: int
    acknowledged: int
    time_to_acknowledge_s: Mapping[str, Percentiles]
    """By severity."""
    time_to_resolve_s: Mapping[str, Percentiles]
    rang: Mapping[PersonId, float]
    """How often each person's phone rang, on average in a run."""
    rang_at_night: Mapping[PersonId, float]
    night_pages: Percentiles
    """Pages at night in a run (a count, not seconds)."""
    promises: tuple[Missed, ...]
    """Most missed first."""
    broken: tuple[str, ...]
    """Laws that were broken, each with the seed that shows it."""


def percentiles(values: Sequence[float]) -> Percentiles:
    """Answer the values below which 50, 90 and 99 of a hundred lie (nearest rank), and the worst."""
    ranked = sorted(values)
    if not ranked:
        return Percentiles(None, None, None, None)

    def at(share: float) -> float:
        place = max(0, -(-len(ranked) * share // 100) - 1)
        return ranked[int(place)]

    return Percentiles(at(50), at(90), at(99), ranked[-1])


class _Tally:
    """The sums of many runs; one run's timelines are forgotten when the next begins."""

    def __init__(self) -> None:
        self.runs = self.incidents = 0
        self.title = ""
        self.first_seed = 0
        self.to_acknowledge: dict[str, list[float]] = {}
        self.to_resolve: dict[str, list[float]] = {}
        self.rang: Counter[PersonId] = Counter()
        self.rang_at_night: Counter[PersonId] = Counter()
        self.night_pages: list[float] = []
        self.promises: dict[RuleId, Missed] = {}
        self.broken: list[str] = []

    def add(self, outcome: Outcome) -> None:
        """Take a run in."""
        self.title = outcome.title
        self.first_seed = self.first_seed if self.runs else outcome.seed
        self.runs += 1
        self.incidents += len(outcome.incidents)
        self.rang.update(each.person for each in outcome.woken)
        night = [each.person for each in outcome.woken if each.night]
        self.rang_at_night.update(night)
        self.night_pages.append(float(len(night)))
        self.broken += [f"seed {outcome.seed}: {each}" for each in outcome.broken]
        for story in outcome.incidents:
            if story.acknowledged_after is not None:
                seconds = story.acknowledged_after.total("seconds")
                self.to_acknowledge.setdefault(story.severity, []).append(seconds)
            if story.resolved_at is not None:
                seconds = (story.resolved_at - story.detected_at).total("seconds")
                self.to_resolve.setdefault(story.severity, []).append(seconds)
            for promise in story.promises:
                known = self.promises.get(promise.rule) or Missed(promise.rule, promise.clause, promise.title, 0, 0)
                self.promises[promise.rule] = msgspec.structs.replace(
                    known,
                    missed=known.missed + (promise.state == "missed"),
                    kept=known.kept + (promise.state == "kept"),
                )


def distribution(outcomes: Iterable[Outcome]) -> Distribution:
    """Sum up runs."""
    tally = _Tally()
    for outcome in outcomes:
        tally.add(outcome)
    often = sorted(tally.promises.values(), key=lambda each: (-each.missed, each.rule))
    return Distribution(
        title=tally.title,
        runs=tally.runs,
        first_seed=tally.first_seed,
        incidents=tally.incidents,
        acknowledged=sum(map(len, tally.to_acknowledge.values())),
        time_to_acknowledge_s={key: percentiles(tally.to_acknowledge[key]) for key in sorted(tally.to_acknowledge)},
        time_to_resolve_s={key: percentiles(tally.to_resolve[key]) for key in sorted(tally.to_resolve)},
        rang={person: number / tally.runs for person, number in tally.rang.most_common()},
        rang_at_night={person: number / tally.runs for person, number in tally.rang_at_night.most_common()},
        night_pages=percentiles(tally.night_pages),
        promises=tuple(often),
        broken=tuple(tally.broken),
    )
