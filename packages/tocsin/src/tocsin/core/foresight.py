"""What is found before it happens: hours without anybody, people in two places at once or out of reach (O4).

Pure questions about a span of time; the lint asks them of the playbook alone, the engine of the playbook with all that
people have arranged.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import combinations, pairwise

import msgspec
from whenever import Instant

from tocsin.core.arrangements import NOTHING, Arranged
from tocsin.core.ids import ChannelName, PersonId, RotationId
from tocsin.core.oncall import cuts_between, next_change, plan, posts
from tocsin.core.rules import OnRotation, Rotation, Rulebook


class FindingKind(StrEnum):
    """What may be wrong with who is on call."""

    GAP = "gap"
    DOUBLE = "double"
    UNREACHABLE = "unreachable"


class Finding(msgspec.Struct, frozen=True):
    """Something that is wrong with who will be on call."""

    kind: FindingKind
    rotation: RotationId
    starts_at: Instant
    ends_at: Instant
    text: str
    remedy: str
    person: PersonId | None = None
    other: RotationId | None = None
    """The second rotation of a double booking."""

    @property
    def key(self) -> str:
        """Answer what stays the same while it is not mended, however time goes by."""
        return ":".join(each for each in (self.kind, self.rotation, self.other, self.person) if each)


class Double(msgspec.Struct, frozen=True):
    """One person in two rotations at the same time."""

    person: PersonId
    rotation: RotationId
    other: RotationId
    starts_at: Instant
    ends_at: Instant


def found_ahead(
    rules: Rulebook,
    since: Instant,
    until: Instant,
    arranged: Arranged = NOTHING,
    channels: Collection[ChannelName] | None = None,
) -> tuple[Finding, ...]:
    """Answer what is wrong between two instants: of each kind, rotation and person, the first time that it is so.

    With ``channels``, a contact method counts only if one of these carries it.
    """
    found: dict[str, Finding] = {}
    for finding in (*_gaps(rules, since, until, arranged), *_doubles(rules, since, until, arranged)):
        found.setdefault(finding.key, finding)
    for finding in _unreachable(rules, since, until, arranged, channels):
        found.setdefault(finding.key, finding)
    return tuple(sorted(found.values(), key=lambda each: (each.starts_at, each.key)))


def double_bookings(
    rotations: Sequence[Rotation], since: Instant, until: Instant, arranged: Arranged = NOTHING
) -> Iterator[Double]:
    """Answer who is on call in two of these rotations at the same time, in order of time."""
    cuts = sorted({cut for rotation in rotations for cut in cuts_between(rotation, since, until, arranged)})
    for starts_at, ends_at in pairwise(cuts):
        on = {each.id: {post.person for post in posts(each, starts_at, arranged)} for each in rotations}
        for one, other in combinations(on, 2):
            for person in sorted(on[one] & on[other]):
                yield Double(person, one, other, starts_at, ends_at)


def beside_each_other(rules: Rulebook) -> tuple[tuple[Rotation, ...], ...]:
    """Answer the rotations that one ladder asks, for each ladder that asks several."""
    ladders: dict[tuple[RotationId, ...], None] = {}
    for targets in rules.ladder.values():
        asked = tuple(dict.fromkeys(each.rotation for each in targets if isinstance(each, OnRotation)))
        if len(asked) > 1:
            ladders[asked] = None
    return tuple(tuple(rules.rotations[each] for each in asked) for asked in ladders)


def _gaps(rules: Rulebook, since: Instant, until: Instant, arranged: Arranged) -> Iterator[Finding]:
    for rotation in rules.rotations.values():
        if rotation.gaps_allowed:
            continue
        for gap in plan(rotation, since, until, arranged).gaps:
            # A gap that goes on after the last hour that was looked at is told whole.
            ends_at = gap.ends_at if gap.ends_at < until else next_change(rotation, gap.starts_at, arranged) or until
            who = "nobody is" if rotation.at_once == gap.missing else "too few people are"
            yield Finding(
                FindingKind.GAP,
                rotation.id,
                gap.starts_at,
                ends_at,
                f"{who} on call in {rotation.name or rotation.id} {_span(gap.starts_at, ends_at)}",
                f"tocsin override add {rotation.id} PERSON --from {_at(gap.starts_at)} --until {_at(ends_at)}",
            )


def _doubles(rules: Rulebook, since: Instant, until: Instant, arranged: Arranged) -> Iterator[Finding]:
    for ladder in beside_each_other(rules):
        for double in double_bookings(ladder, since, until, arranged):
            yield Finding(
                FindingKind.DOUBLE,
                double.rotation,
                double.starts_at,
                double.ends_at,
                f"{_name(rules, double.person)} is on call in {double.rotation} and {double.other} at the same time "
                f"{_span(double.starts_at, double.ends_at)}",
                f"tocsin override add {double.other} PERSON --from {_at(double.starts_at)} "
                f"--until {_at(double.ends_at)}",
                double.person,
                double.other,
            )


def _unreachable(
    rules: Rulebook, since: Instant, until: Instant, arranged: Arranged, channels: Collection[ChannelName] | None
) -> Iterator[Finding]:
    for rotation in rules.rotations.values():
        for shift in plan(rotation, since, until, arranged).shifts:
            if _can_be_reached(rules, shift.person, channels):
                continue
            yield Finding(
                FindingKind.UNREACHABLE,
                rotation.id,
                shift.starts_at,
                shift.ends_at,
                f"{_name(rules, shift.person)} is on call in {rotation.name or rotation.id} "
                f"{_span(shift.starts_at, shift.ends_at)} and has no working contact method",
                f"add a contact method of {shift.person} to people.yaml, or let somebody stand in",
                shift.person,
            )


def _can_be_reached(rules: Rulebook, person: PersonId, channels: Collection[ChannelName] | None) -> bool:
    known = rules.people.get(person)
    return known is not None and any(channels is None or method.channel in channels for method in known.methods)


def possible_keys(rules: Rulebook) -> Mapping[str, None]:
    """Answer the keys of all that could ever be found: what of it is reported and not found any more, is mended."""
    keys: list[str] = []
    for rotation in rules.rotations:
        keys.append(f"{FindingKind.GAP}:{rotation}")
        keys += (f"{FindingKind.UNREACHABLE}:{rotation}:{person}" for person in rules.people)
    for ladder in beside_each_other(rules):
        for one, other in combinations((each.id for each in ladder), 2):
            keys += (f"{FindingKind.DOUBLE}:{one}:{other}:{person}" for person in rules.people)
    return dict.fromkeys(keys)


def _name(rules: Rulebook, person: PersonId) -> str:
    known = rules.people.get(person)
    return known.name if known else person


def _span(starts_at: Instant, ends_at: Instant) -> str:
    return f"from {_at(starts_at)} to {_at(ends_at)}"


def _at(at: Instant) -> str:
    return f"{at.format_iso()[:16]}Z"
