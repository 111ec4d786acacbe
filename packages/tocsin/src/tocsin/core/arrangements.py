"""What people arrange between them beside the playbook: overrides, swaps, being away, an imported calendar (O4).

Each arrangement has an author, a reason and a day of making, and is withdrawn rather than deleted, so that the past can
be told as it was. None begins before it was made: what was, was.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping

import msgspec
from whenever import Instant

from tocsin.core.ids import ArrangementId, PersonId, RotationId


class Override(msgspec.Struct, frozen=True, tag="override"):
    """Somebody stands in for a rotation between two instants."""

    rotation: RotationId
    person: PersonId
    starts_at: Instant
    ends_at: Instant
    id: ArrangementId = ArrangementId("")
    instead_of: PersonId | None = None
    """Whose place it is where several are on call at once; else, or if that one is not on call, the first one's."""
    author: str = ""
    reason: str = ""
    created_at: Instant | None = None
    withdrawn_at: Instant | None = None
    withdrawn_by: str = ""
    swap: ArrangementId | None = None
    """The swap that it is one side of."""

    @property
    def over_at(self) -> Instant:
        """Answer when it ends, or ended early."""
        return min(self.ends_at, self.withdrawn_at or self.ends_at)

    def holds(self, at: Instant) -> bool:
        """Tell whether it is in force at an instant."""
        return self.starts_at <= at < self.over_at


class Away(msgspec.Struct, frozen=True, tag="away"):
    """Somebody cannot be on call between two instants: whoever is next in each rotation stands in."""

    person: PersonId
    starts_at: Instant
    ends_at: Instant
    id: ArrangementId = ArrangementId("")
    author: str = ""
    reason: str = ""
    created_at: Instant | None = None
    withdrawn_at: Instant | None = None
    withdrawn_by: str = ""

    @property
    def over_at(self) -> Instant:
        """Answer when it ends, or ended early."""
        return min(self.ends_at, self.withdrawn_at or self.ends_at)

    def holds(self, at: Instant) -> bool:
        """Tell whether it is in force at an instant."""
        return self.starts_at <= at < self.over_at


class Stretch(msgspec.Struct, frozen=True):
    """A time in a rotation that changes hands."""

    rotation: RotationId
    starts_at: Instant
    ends_at: Instant


class Swap(msgspec.Struct, frozen=True, tag="swap"):
    """Somebody asks another to take a shift, perhaps against one of theirs. Not in force before it is accepted."""

    id: ArrangementId
    asked_by: PersonId
    other: PersonId
    gives: Stretch
    takes: Stretch | None = None
    author: str = ""
    reason: str = ""
    created_at: Instant | None = None
    accepted: bool | None = None
    """None: not answered yet."""
    answered_at: Instant | None = None
    answered_by: str = ""
    withdrawn_at: Instant | None = None
    withdrawn_by: str = ""

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """Answer all that would change hands."""
        return (self.gives,) if self.takes is None else (self.gives, self.takes)

    @property
    def ends_at(self) -> Instant:
        """Answer when the last of it is over."""
        return max(each.ends_at for each in self.stretches)

    @property
    def over_at(self) -> Instant:
        """Answer from when on it is of no interest any more."""
        return min(self.ends_at, self.withdrawn_at or self.ends_at)

    @property
    def waits(self) -> bool:
        """Tell whether it still wants an answer."""
        return self.accepted is None and self.withdrawn_at is None


Arrangement = Override | Away | Swap


class Assignment(msgspec.Struct, frozen=True):
    """One shift of an imported calendar."""

    person: PersonId
    starts_at: Instant
    ends_at: Instant


class Imported(msgspec.Struct, frozen=True):
    """A rotation's shifts as an imported calendar has them; the next import of that rotation replaces it as a whole."""

    id: ArrangementId
    rotation: RotationId
    shifts: tuple[Assignment, ...]
    author: str
    source: str
    """What the file was called."""
    created_at: Instant


class Sheet(msgspec.Struct, frozen=True):
    """Imported shifts laid out so that an instant is found at once: from each cut on, these people."""

    cuts: tuple[Instant, ...] = ()
    people: tuple[tuple[PersonId, ...], ...] = ()

    @classmethod
    def of(cls, shifts: Iterable[Assignment]) -> "Sheet":
        """Lay shifts out. Of several at once, the one that began first comes first."""
        ordered = sorted(shifts, key=lambda each: (each.starts_at, each.ends_at, each.person))
        cuts = sorted({edge for each in ordered for edge in (each.starts_at, each.ends_at)})
        people: list[tuple[PersonId, ...]] = []
        running: list[Assignment] = []
        waiting = iter(ordered)
        following = next(waiting, None)
        for cut in cuts:
            running = [each for each in running if each.ends_at > cut]
            while following is not None and following.starts_at <= cut:
                running.append(following)
                following = next(waiting, None)
            people.append(tuple(dict.fromkeys(each.person for each in running)))
        return cls(tuple(cuts), tuple(people))

    def at(self, at: Instant) -> tuple[PersonId, ...]:
        """Answer whom the calendar names at an instant."""
        place = bisect_right(self.cuts, at) - 1
        return self.people[place] if place >= 0 else ()


class Arranged(msgspec.Struct, frozen=True):
    """All that stands beside the playbook."""

    overrides: tuple[Override, ...] = ()
    away: tuple[Away, ...] = ()
    imported: Mapping[RotationId, Sheet] = msgspec.field(default_factory=dict)

    @classmethod
    def of(cls, arrangements: Iterable[Arrangement], imported: Mapping[RotationId, Sheet] | None = None) -> "Arranged":
        """Sort arrangements by what they are. Swaps count through the overrides that they became."""
        found = tuple(arrangements)
        return cls(
            tuple(each for each in found if isinstance(each, Override)),
            tuple(each for each in found if isinstance(each, Away)),
            imported or {},
        )

    def known_to(self, people: Iterable[PersonId]) -> "Arranged":
        """Answer what is left once people whom the playbook does not know any more are passed over."""
        known = frozenset(people)
        return Arranged(
            tuple(each for each in self.overrides if each.person in known),
            self.away,
            {
                rotation: Sheet(
                    sheet.cuts, tuple(tuple(one for one in named if one in known) for named in sheet.people)
                )
                for rotation, sheet in self.imported.items()
            },
        )


NOTHING = Arranged()
"""Nobody has arranged anything."""
