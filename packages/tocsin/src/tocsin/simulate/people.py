"""Simulated people: they hear pages and answer them or not, and those who answered work on the incident (`team`).

The engine does not tell them what to do. They act on what they could know: the page that rang, and how the incident
stands.
"""

import heapq
from itertools import count
from typing import Final

import msgspec
from msgspec.structs import replace
from whenever import Instant, TimeDelta

from tocsin.core.commands import Acknowledge, AnyCommand, Decline, RecordMitigation, Situation
from tocsin.core.contact import RINGING
from tocsin.core.events import Actor
from tocsin.core.ids import IncidentId, PersonId
from tocsin.core.incident import Incident
from tocsin.core.messages import Message, MessageKind
from tocsin.core.rules import MethodKind, Rulebook
from tocsin.simulate.dice import dice
from tocsin.simulate.scenario import Answering, Scenario
from tocsin.simulate.service import Service
from tocsin.simulate.team import Act, acts

NIGHT_BEGINS: Final = 22
NIGHT_ENDS: Final = 7
"""Hours of the wall clock, in the zone of the playbook's calendar."""
_TAPS_AGAIN_AFTER: Final = TimeDelta(seconds=20)
"""How soon somebody tries again whose act could not be taken."""


class Ringing(msgspec.Struct, frozen=True):
    """A page that somebody could hear in their sleep."""

    at: Instant
    person: PersonId
    kind: MethodKind
    incident: IncidentId
    night: bool


def is_night(at: Instant, zone: str) -> bool:
    """Tell whether people sleep at an instant."""
    hour = at.to_tz(zone).hour
    return hour >= NIGHT_BEGINS or hour < NIGHT_ENDS


class People:
    """Everybody whom the playbook knows."""

    def __init__(self, scenario: Scenario, rules: Rulebook, service: Service, seed: int) -> None:
        self._scenario = scenario
        self._zone = rules.calendar.zone
        self._service = service
        self._seed = seed
        self._answers: list[tuple[Instant, int, Act]] = []
        self._order = count()
        self._plans: dict[IncidentId, Act] = {}
        self._seen: dict[IncidentId, Incident] = {}
        self._done: set[tuple[IncidentId, str]] = set()
        self.heard: list[Ringing] = []

    def next_at(self) -> Instant | None:
        """Answer when somebody does something."""
        due = [act.at for act in self._plans.values()]
        if self._answers:
            due.append(self._answers[0][0])
        return min(due, default=None)

    def take(self, now: Instant) -> Act | None:
        """Answer the next thing that somebody does now; `done` or `failed` must hear of it."""
        if self._answers and self._answers[0][0] <= now:
            return heapq.heappop(self._answers)[2]
        act = min(self._plans.values(), key=lambda act: (act.at, act.incident), default=None)
        if act is None or act.at > now:
            return None
        return self._plans.pop(act.incident)

    def done(self, act: Act, given: Situation, *, refused: bool) -> None:
        """Take note that an act was carried out or refused; it is not done again."""
        self._done.add((act.incident, act.name))
        incident = self._seen.get(act.incident)
        if incident is None:
            return
        if isinstance(act.command, RecordMitigation) and not refused:
            helps = dice(self._seed, "helps", act.incident, act.name).random() < self._scenario.team.mitigation_helps
            self._service.mitigated(incident.components, helps, given.now)
        self.look(incident, given)

    def failed(self, act: Act, now: Instant) -> None:
        """Take note that an act could not be taken: whoever wants it tries again."""
        self._answer(replace(act, at=now + _TAPS_AGAIN_AFTER))

    def hear(self, person: PersonId, kind: MethodKind, message: Message, key: str, at: Instant) -> None:
        """Let a message reach a person, who may take the incident in hand. A page rings."""
        if message.kind is MessageKind.PAGE and kind in RINGING:
            self.heard.append(Ringing(at, person, kind, message.incident, is_night(at, self._zone)))
        row = self._row(person, kind, at)
        if row is None or dice(self._seed, "answers", person, key).random() >= row.answers:
            return
        after = row.after.drawn(self._seed, "after", person, key)
        by = Actor(person, via=kind.value)
        cannot = row.declines and dice(self._seed, "declines", person, key).random() < row.declines
        command: AnyCommand = Decline(by=by, reason="not now") if cannot else Acknowledge(by=by)
        self._answer(Act(at + after, message.incident, command, f"answers.{key}"))

    def saw(self, incident: Incident) -> None:
        """Take note of how an incident stands, without a new plan."""
        self._seen[incident.id] = incident

    def look(self, incident: Incident, given: Situation) -> None:
        """See how an incident stands now, and work out what is done about it next."""
        self._seen[incident.id] = incident
        self._plans.pop(incident.id, None)
        wanted = acts(incident, given, self._scenario.team, self._seed)
        waiting = (act for act in wanted if (act.incident, act.name) not in self._done)
        following = min(waiting, key=lambda act: act.at, default=None)
        if following is not None:
            self._plans[incident.id] = replace(following, at=max(following.at, given.now))

    def _answer(self, act: Act) -> None:
        heapq.heappush(self._answers, (act.at, next(self._order), act))

    def _row(self, person: PersonId, kind: MethodKind, at: Instant) -> Answering | None:
        night = is_night(at, self._zone)
        for row in self._scenario.people:
            fits_time = row.when == "always" or (row.when == "night") == night
            if fits_time and (not row.who or person in row.who) and (not row.by or kind in row.by):
                return row
        return None
