"""The change of a shift (O3): which one comes, who hands over to whom, and who answers until it is accepted."""

from collections.abc import Iterable, Iterator

import msgspec
from whenever import Instant, TimeDelta

from tocsin.core.arrangements import Arranged
from tocsin.core.ids import PersonId, RotationId
from tocsin.core.incident import Incident
from tocsin.core.kinds import INCOMING, OUTGOING, Kind
from tocsin.core.limits import HANDOFFS_AHEAD_MAX
from tocsin.core.marks import SCHEDULED
from tocsin.core.oncall import next_change, on_call
from tocsin.core.rules import Duty, Rulebook

_BEFORE = TimeDelta(nanoseconds=1)


class Change(msgspec.Struct, frozen=True):
    """One person hands a rotation over to another at an instant."""

    rotation: RotationId
    at: Instant
    outgoing: PersonId
    incoming: PersonId

    @property
    def key(self) -> str:
        """Name this change, so that it is handed over once: with other people it is another one."""
        return f"hand-off:{self.rotation}:{self.at.format_iso()}:{self.outgoing}:{self.incoming}"


def changes(rules: Rulebook, since: Instant, until: Instant, arranged: Arranged) -> Iterator[Change]:
    """Answer the changes of shift after one instant and up to another that the playbook wants handed over."""
    known = arranged.known_to(rules.people)
    for name in rules.handoffs.rotations:
        rotation = rules.rotations.get(name)
        if rotation is None:
            continue
        at: Instant | None = since
        for _ in range(HANDOFFS_AHEAD_MAX):
            at = next_change(rotation, at, known) if at else None
            if at is None or at > until:
                break
            outgoing, incoming = on_call(rotation, at - _BEFORE, known), on_call(rotation, at, known)
            if outgoing and incoming and outgoing != incoming:
                yield Change(name, at, outgoing, incoming)


def next_opening(rules: Rulebook, after: Instant, arranged: Arranged) -> Instant | None:
    """Answer when the next hand-off after those up to an instant is to be opened."""
    known, before = arranged.known_to(rules.people), rules.handoffs.opens_before
    rotations = (rules.rotations[name] for name in rules.handoffs.rotations if name in rules.rotations)
    coming = (next_change(rotation, after + before, known) for rotation in rotations)
    return min((at - before for at in coming if at is not None), default=None)


class Pending(msgspec.Struct, frozen=True):
    """A hand-off that nobody has accepted yet."""

    rotation: RotationId
    at: Instant
    outgoing: PersonId


def pending(incident: Incident) -> Pending | None:
    """Answer what a hand-off leaves open, unless it was accepted or is over."""
    outgoing, mark = incident.roles.get(OUTGOING), incident.marks.get(SCHEDULED)
    if incident.kind is not Kind.HANDOFF or incident.acknowledged or incident.closed:
        return None
    if outgoing is None or mark is None or incident.rotation is None or INCOMING not in incident.roles:
        return None
    return Pending(incident.rotation, mark.last, outgoing)


def with_outgoing(duty: Duty, open_now: Iterable[Pending], at: Instant) -> Duty:
    """Answer who is on call with those who have not been relieved yet: a page between two shifts goes to both (O3)."""
    result: dict[RotationId, tuple[PersonId, ...]] = dict(duty)
    for each in sorted(open_now, key=lambda one: one.at, reverse=True):
        on = result.get(each.rotation, ())
        if each.at <= at and each.outgoing not in on:
            result[each.rotation] = (*on, each.outgoing)
    return result
