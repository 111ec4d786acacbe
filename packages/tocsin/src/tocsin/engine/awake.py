"""Who is awake, over all incidents: what a decision on one incident is told of the others.

Kept in memory, because every page asks it, and learned again from the headlines at a start. It is told of a decision as
soon as that is made, not only when it is kept: fifty incidents declared in one breath must not ring fifty times. What
turns out not to have been kept is forgotten; the pages that counted on it look again soon.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from whenever import Instant

from tocsin.core import marks as m
from tocsin.core.ids import IncidentId, PersonId, Severity
from tocsin.core.incident import Incident
from tocsin.core.kinds import Kind
from tocsin.core.pages import OpenPage
from tocsin.core.storm import Wakeful
from tocsin.store.port import Engagement, Headline, Store

INCIDENTS_LEARNED: Final = 10_000
"""Open incidents, newest first, that a start reads. What is older than so many others keeps nobody awake any more."""

_PAGE: Final = 1_000

_Instants = dict[Severity, dict[IncidentId, Instant]]
"""By severity, the incidents in the order of their instants: the latest stands last."""


class _Person:
    """What is known of one person over all incidents."""

    def __init__(self) -> None:
        self.rang: _Instants = {}
        self.acted: _Instants = {}
        self.told_at: Instant | None = None
        self.waiting: dict[IncidentId, None] = {}

    def wakeful(self, own: IncidentId) -> Wakeful:
        """Answer it as another incident than ``own`` is to see it."""
        return Wakeful(
            rang=_last(self.rang, own),
            acted=_last(self.acted, own),
            told_at=self.told_at,
            pages=len(self.waiting) - (own in self.waiting),
        )

    def enter(self, incident: IncidentId, severity: Severity, engagement: Engagement) -> None:
        """Take note of how the person stands in an incident."""
        self.told_at = max(filter(None, (self.told_at, engagement.told_at)), default=None)
        _put(self.rang, incident, severity, engagement.rang_at)
        _put(self.acted, incident, severity, engagement.acted_at)
        if engagement.waits:
            self.waiting[incident] = None
        else:
            self.waiting.pop(incident, None)

    def forget(self, incident: IncidentId) -> None:
        """Take an incident out. That something was told stays true."""
        self.waiting.pop(incident, None)
        for instants in (*self.rang.values(), *self.acted.values()):
            instants.pop(incident, None)


def _put(instants: _Instants, incident: IncidentId, severity: Severity, at: Instant | None) -> None:
    if at is not None and instants.get(severity, {}).get(incident) == at:
        return  # It keeps its place among the others.
    for known in instants.values():
        known.pop(incident, None)
    if at is not None:
        instants.setdefault(severity, {})[incident] = at


def _last(instants: _Instants, own: IncidentId) -> dict[Severity, Instant]:
    found = {}
    for severity, known in instants.items():
        for incident in reversed(known):
            if incident != own:
                found[severity] = known[incident]
                break
    return found


class _Seen(Mapping[PersonId, Wakeful]):
    """Everybody, as one incident sees them; worked out for whom it asks."""

    def __init__(self, people: Mapping[PersonId, _Person], own: IncidentId) -> None:
        self._people = people
        self._own = own

    def __getitem__(self, person: PersonId) -> Wakeful:
        return self._people[person].wakeful(self._own)

    def __iter__(self) -> Iterator[PersonId]:
        return iter(self._people)

    def __len__(self) -> int:
        return len(self._people)


class Wakefulness:
    """Knows who waits for what, and who was rung and did something when."""

    def __init__(self) -> None:
        self._people: dict[PersonId, _Person] = {}
        self._known: dict[IncidentId, tuple[Engagement, ...]] = {}
        self.unreached: dict[IncidentId, None] = {}
        """Incidents in which nobody could be reached, and nobody has it in hand."""

    async def load(self, store: Store) -> None:
        """Learn from what was kept."""
        before: IncidentId | None = None
        read = 0
        kept: list[Headline] = []
        while read < INCIDENTS_LEARNED:
            page = await store.headlines(open_only=True, before=before, limit=_PAGE)
            kept += page
            read += len(page)
            if len(page) < _PAGE:
                break
            before = page[-1].id
        for headline in reversed(kept):
            self._learn(headline.id, headline.severity, headline.engaged, unreached=headline.unreached)

    def seen_from(self, incident: IncidentId) -> Mapping[PersonId, Wakeful]:
        """Answer what keeps people awake in other incidents than this."""
        return _Seen(self._people, incident)

    def learn(self, incident: Incident) -> None:
        """Take note of how an incident stands."""
        self._learn(incident.id, incident.severity, engaged(incident), unreached=is_unreached(incident))

    def forget(self, incident: IncidentId) -> None:
        """Know nothing of an incident any more."""
        self.unreached.pop(incident, None)
        for engagement in self._known.pop(incident, ()):
            self._people[engagement.person].forget(incident)

    def waiting_for(self, person: PersonId) -> tuple[IncidentId, ...]:
        """Answer the incidents that wait for somebody's answer, in the order in which they came."""
        known = self._people.get(person)
        return tuple(known.waiting) if known else ()

    def _learn(
        self, incident: IncidentId, severity: Severity, engagements: tuple[Engagement, ...], *, unreached: bool
    ) -> None:
        if unreached:
            self.unreached[incident] = None
        else:
            self.unreached.pop(incident, None)
        if self._known.get(incident, ()) == engagements:
            return
        here = {engagement.person for engagement in engagements}
        for engagement in self._known.pop(incident, ()):
            if engagement.person not in here:
                self._people[engagement.person].forget(incident)
        if engagements:
            self._known[incident] = engagements
        for engagement in engagements:
            self._people.setdefault(engagement.person, _Person()).enter(incident, severity, engagement)


def engaged(incident: Incident) -> tuple[Engagement, ...]:
    """Answer who is asked in an incident or at work on it, and since when. An errand keeps nobody from being rung."""
    if incident.kind is not Kind.INCIDENT or incident.resolved or not (incident.pages or incident.responders):
        return ()
    people: dict[PersonId, list[OpenPage]] = {person: [] for person in incident.responders}
    for page in incident.pages.values():
        people.setdefault(page.person, []).append(page)
    return tuple(_engagement(incident, person, pages) for person, pages in people.items())


def _engagement(incident: Incident, person: PersonId, pages: list[OpenPage]) -> Engagement:
    return Engagement(
        person=person,
        waits=bool(pages),
        rang_at=max((page.rang_at for page in pages if page.rang_at), default=None),
        told_at=max((page.told_at for page in pages if page.told_at), default=None),
        acted_at=incident.acted.get(person) if person in incident.responders else None,
    )


def is_unreached(incident: Incident) -> bool:
    """Tell whether the alarm has sounded since it was opened, and nobody has taken it in hand."""
    unreached, opened = incident.marks.get(m.UNREACHED), incident.marks.get(m.OPENED)
    if unreached is None or opened is None or incident.acknowledged or incident.resolved:
        return False
    return unreached.last >= opened.last
