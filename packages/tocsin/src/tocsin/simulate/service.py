"""The watched system, scripted: what is broken when, which alerts that fires, what the objectives' queries answer.

Its alerts reach Tocsin as Alertmanager would bring them: one notification when they begin and one when they end, again
and again while they fire, and until it was told that they were accepted. Nothing it says is ever taken back silently.
"""

import heapq
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import count
from typing import Final

from msgspec.structs import replace
from whenever import Instant, TimeDelta

from tocsin.core.alert import Observation
from tocsin.core.classify import THRESHOLD_LABEL
from tocsin.core.ids import AlertFingerprint, ComponentId
from tocsin.core.rules import Component, Objective, Rulebook, Threshold
from tocsin.metrics.port import Figure, History
from tocsin.simulate.dice import dice
from tocsin.simulate.scenario import Breakage, Rate, Scenario, ScenarioError
from tocsin.store.codec import decoder, encode

SOURCE: Final = "simulated"
"""The name of the decoder that reads what this service sends."""

ALERTS_PER_BODY: Final = 500
_RESENDS_AFTER: Final = TimeDelta(seconds=15)
"""How long a sender waits that was not told its notification was accepted."""
_BEATS_EVERY: Final = TimeDelta(minutes=4)
_YEAR: Final = TimeDelta(hours=24 * 365)

Accept = Callable[[str, bytes], Awaitable[object]]
_observations = decoder(tuple[Observation, ...])


class SimulatedSignals:
    """Reads what the simulated service sends."""

    def split(self, body: bytes) -> tuple[tuple[bytes, int], ...]:
        """Answer the body as its one part."""
        return ((body, len(_observations.decode(body))),)

    def observations(self, part: bytes) -> tuple[Observation, ...]:
        """Read a part."""
        read: tuple[Observation, ...] = _observations.decode(part)
        return read


class Trouble:
    """One breakage while it lasts."""

    def __init__(self, number: int, breakage: Breakage, component: Component | None, labels: dict[str, str]) -> None:
        self.number = number
        self.breakage = breakage
        self.component = component
        self.labels = labels
        self.over = False
        self.mending = False
        self.firing_since: Instant | None = None

    def observations(self, at: Instant) -> Iterator[Observation]:
        """Answer what its alerts say now."""
        for place in range(self.breakage.alerts):
            labels = {**self.labels, "instance": f"{self.breakage.component}-{place}"}
            # One alert's fingerprint is made of its labels, so the same thing breaking again is the same alert.
            name = f"{labels.get(THRESHOLD_LABEL) or labels.get('alertname')}/{labels['instance']}"
            firing = self.firing_since is not None
            yield Observation(
                fingerprint=AlertFingerprint(name),
                status="firing" if firing else "resolved",
                labels=labels,
                annotations={},
                started_at=self.firing_since,
                ended_at=None if firing else at,
            )


class Service:
    """Breaks, alerts and recovers by the script; answers the objectives' queries. Implements `Measurements`."""

    def __init__(self, scenario: Scenario, rules: Rulebook, seed: int) -> None:
        self._scenario = scenario
        self._rules = rules
        self._seed = seed
        self._agenda: list[tuple[Instant, int, Callable[[Instant], None]]] = []
        self._order = count()
        self._outbox: dict[int, tuple[Observation, ...]] = {}
        self._send_at: Instant | None = None
        self.troubles: dict[int, Trouble] = {}
        self.sent: dict[AlertFingerprint, Observation] = {}
        """The last thing about each alert that was accepted."""
        self._queries = _queries(rules)
        logs = [component.errors for component in rules.components.values() if component.errors]
        self._error_logs = {query for log in logs for query in (log.query, log.usual)}
        self._health = {part.health_url: part.id for part in rules.components.values() if part.health_url}
        self._watchdogs = tuple(each.alertname for each in rules.heartbeats.values() if each.alertname)
        self._beats_named = tuple(each.name for each in rules.heartbeats.values() if not each.alertname)
        self._beats_due: tuple[str, ...] = ()
        self.version = 0
        """Grows whenever its figures may have changed."""
        self._plan()

    def _plan(self) -> None:
        numbers = count()
        breakages = [*self._scenario.service, *_by_chance(self._scenario, self._rules, self._seed)]
        for breakage in sorted(breakages, key=lambda each: each.at):
            number = next(numbers)
            component, labels = _meaning(breakage, self._rules)
            trouble = Trouble(number, breakage, component, labels)
            at = self._scenario.starts_at + breakage.at
            self._do_at(at, lambda now, trouble=trouble: self._break(trouble, now))  # type: ignore[misc]  # bound early.
        if self._rules.heartbeats:
            self._do_at(self._scenario.starts_at, self._beat)

    def next_at(self) -> Instant | None:
        """Answer when something happens to it, or it has something to send."""
        due = [self._agenda[0][0]] if self._agenda else []
        if self._send_at is not None:
            due.append(self._send_at)
        return min(due, default=None)

    async def step(self, now: Instant, accept: Accept) -> None:
        """Let happen what is due, and send what it has to say. Raises whatever ``accept`` raises; then sends again."""
        while self._agenda and self._agenda[0][0] <= now:
            _, _, act = heapq.heappop(self._agenda)
            act(now)
        if self._send_at is None or self._send_at > now:
            return
        self._send_at = now + _RESENDS_AFTER  # Until we were told that all of it was accepted.
        for number, said in list(self._outbox.items()):
            for start in range(0, len(said), ALERTS_PER_BODY):
                await accept(SOURCE, encode(said[start : start + ALERTS_PER_BODY]))
            if number >= 0:
                self.sent.update({each.fingerprint: each for each in said})
            del self._outbox[number]
        self._send_at = None

    def beats(self) -> tuple[str, ...]:
        """Answer which heartbeats beat since this was last asked."""
        due, self._beats_due = self._beats_due, ()
        return due

    def mitigated(self, components: Iterable[ComponentId], helps: bool, now: Instant) -> None:
        """Somebody did something about these components."""
        wanted = set(components)
        for trouble in self.troubles.values():
            hit = trouble.component is None or trouble.component.id in wanted
            if helps and hit and trouble.breakage.mends == "by mitigation":
                self._mend_after(trouble, now)

    async def ask(self, query: str, source: str = "", at: Instant | None = None) -> Figure:
        """Answer an objective's query: a good figure, or a bad one while its component is broken."""
        if query in self._error_logs:
            return Figure(0.0)  # It was a quiet service before, and scripted trouble writes no log.
        known = self._queries.get(query)
        if known is None:
            return Figure(None, "the simulated service does not know this query")
        component, objective = known
        trouble = self._trouble_of(component)
        if trouble is None:
            return Figure(_good(objective))
        return Figure(None, "no series") if trouble.breakage.no_data else Figure(_bad(objective))

    async def history(self, query: str, since: Instant, until: Instant, every: TimeDelta, source: str = "") -> History:
        """Answer nothing: what was is not kept."""
        return History(why="the simulated service keeps no past")

    async def probe(self, url: str) -> Figure:
        """Answer for a health endpoint."""
        component = self._health.get(url)
        broken = component is not None and self._trouble_of(component) is not None
        return Figure(0.0, "answers 503") if broken else Figure(1.0)

    async def close(self) -> None:
        """Nothing to give back."""

    def _trouble_of(self, component: ComponentId) -> Trouble | None:
        mine = (each for each in self.troubles.values() if each.component and each.component.id == component)
        return next(mine, None)

    def _do_at(self, at: Instant, act: Callable[[Instant], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._order), act))

    def _break(self, trouble: Trouble, now: Instant) -> None:
        self.troubles[trouble.number] = trouble
        self.version += 1
        detected = trouble.breakage.detected_after.drawn(self._seed, "detected", trouble.number)
        self._do_at(now + detected, lambda at: self._fire(trouble, at))
        if trouble.breakage.mends == "by itself":
            self._mend_after(trouble, now)

    def _mend_after(self, trouble: Trouble, now: Instant) -> None:
        if not trouble.mending:
            trouble.mending = True
            span = trouble.breakage.recovers_after.drawn(self._seed, "recovers", trouble.number)
            self._do_at(now + span, lambda at: self._mend(trouble, at))

    def _mend(self, trouble: Trouble, now: Instant) -> None:
        self.troubles.pop(trouble.number, None)
        trouble.over = True
        self.version += 1
        if trouble.firing_since is not None:
            self._stop(trouble, now)

    def _fire(self, trouble: Trouble, now: Instant) -> None:
        if trouble.over:
            return
        trouble.firing_since = now
        self._say(trouble, now)
        self._repeat_later(trouble, now)
        self._flap(trouble, now, self._stop)

    def _stop(self, trouble: Trouble, now: Instant) -> None:
        if trouble.firing_since is None:
            return
        trouble.firing_since = None
        self._say(trouble, now)
        if not trouble.over:
            self._flap(trouble, now, self._fire)

    def _flap(self, trouble: Trouble, now: Instant, turn: Callable[[Trouble, Instant], None]) -> None:
        if trouble.breakage.flaps is not None:
            span = trouble.breakage.flaps.drawn(self._seed, "flaps", trouble.number, now)
            self._do_at(now + span, lambda at: turn(trouble, at))

    def _repeat_later(self, trouble: Trouble, now: Instant) -> None:
        since = trouble.firing_since

        def again(at: Instant) -> None:
            if since is not None and trouble.firing_since == since:
                self._say(trouble, at)
                self._repeat_later(trouble, at)

        self._do_at(now + self._scenario.resends_every, again)

    def _say(self, trouble: Trouble, now: Instant) -> None:
        # What was not accepted yet is kept in front: a sender does not forget a firing because it has ended since.
        before = self._outbox.pop(trouble.number, ())
        self._outbox[trouble.number] = (*before, *trouble.observations(now))
        self._send_at = now

    def _beat(self, now: Instant) -> None:
        stops = self._scenario.heartbeats_stop_at
        if stops is not None and now >= self._scenario.starts_at + stops:
            return
        self._beats_due = self._beats_named
        if self._watchdogs:
            self._outbox[-1] = tuple(
                Observation(AlertFingerprint(f"watchdog/{name}"), "firing", {"alertname": name}, {})
                for name in self._watchdogs
            )
            self._send_at = now
        self._do_at(now + _BEATS_EVERY, self._beat)


def _queries(rules: Rulebook) -> dict[str, tuple[ComponentId, Objective]]:
    return {
        objective.query: (component.id, objective)
        for component in rules.components.values()
        for objective in component.objectives
    }


def _good(objective: Objective) -> float:
    """Answer a figure well within an objective."""
    if objective.holds in ("<", "<="):
        return objective.bound / 2
    return (1 + objective.bound) / 2 if objective.holds == ">" and objective.bound < 1 else objective.bound


def _bad(objective: Objective) -> float:
    """Answer a figure far outside of it."""
    return objective.bound * 20 if objective.holds in ("<", "<=") else 0.0


def _meaning(breakage: Breakage, rules: Rulebook) -> tuple[Component | None, dict[str, str]]:
    """Answer the component that is broken and the labels of its alerts. Raises `ScenarioError`."""
    component = next((part for part in rules.components.values() if part.id == breakage.component), None)
    if breakage.labels:
        return component, {"component": breakage.component, **breakage.labels}
    if component is None:
        known = ", ".join(rules.components)
        raise ScenarioError(f'the playbook has no component "{breakage.component}". Remedy: name one of {known}.')
    threshold = _threshold(breakage, component, rules)
    if threshold is None:
        if breakage.severity in {definition.id for definition in rules.severities}:
            name = f"{component.id} is {breakage.severity}"
            return component, {"alertname": name, "component": component.id, "severity": breakage.severity}
        raise ScenarioError(
            f'component "{component.id}" has no threshold "{breakage.threshold or breakage.severity}". '
            "Remedy: name one of the playbook's, or give labels."
        )
    return component, {"alertname": threshold.title, "component": component.id, THRESHOLD_LABEL: threshold.id}


def _threshold(breakage: Breakage, component: Component, rules: Rulebook) -> Threshold | None:
    for threshold in rules.classification.thresholds.values():
        wanted = breakage.threshold in (threshold.id, threshold.id.removeprefix(f"{component.id}."))
        if threshold.component == component.id and (wanted or threshold.severity == breakage.severity):
            return threshold
    return None


def _by_chance(scenario: Scenario, rules: Rulebook, seed: int) -> Iterator[Breakage]:
    """Draw when what breaks, for every rate."""
    for place, rate in enumerate(scenario.rates):
        chance = dice(seed, "rate", place)
        mean = rate.a_year * scenario.lasts.total("seconds") / _YEAR.total("seconds")
        at = 0.0
        while mean > 0 and (at := at + chance.expovariate(mean)) < 1:
            component = chance.choice(rate.components or tuple(rules.components))
            yield _drawn(rate, component, scenario.lasts * at)


def _drawn(rate: Rate, component: str, at: TimeDelta) -> Breakage:
    shared = {name: getattr(rate, name) for name in ("severity", "alerts", "mends", "recovers_after", "flaps")}
    whole = TimeDelta(seconds=round(at.total("seconds")))
    return replace(Breakage(component), at=whole, **shared)
