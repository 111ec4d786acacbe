"""May people arrange this? Overrides, swaps and absences are made here, or refused with the way out (O4).

A responder arranges their own shifts, a commander anybody's. Nothing begins in the past: what was, was. A swap is a
question; only its acceptance makes the overrides that count, and it looks again whether both still have what they give.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec
from msgspec.structs import replace
from whenever import Instant, TimeDelta

from tocsin.core.arrangements import Arranged, Arrangement, Away, Override, Stretch, Swap
from tocsin.core.commands import Reason, Refused
from tocsin.core.event import Actor
from tocsin.core.ids import ArrangementId, PersonId, RotationId
from tocsin.core.limits import ARRANGED_AHEAD_MAX, ARRANGED_FOR_MAX, ARRANGEMENTS_MAX
from tocsin.core.oncall import holds_throughout
from tocsin.core.rules import Rotation, Rulebook

Found = TypeVar("Found", Override, Away, Swap)


class Arranging(msgspec.Struct, frozen=True):
    """All that an arrangement may depend on, as values."""

    now: Instant
    rules: Rulebook
    arranged: Arranged
    swaps: tuple[Swap, ...]
    """Those that are not over."""
    by: Actor
    author: str

    def has(self, person: PersonId, stretch: Stretch) -> bool:
        """Tell whether a person is on call during the whole of a stretch."""
        rotation = self.rules.rotations[stretch.rotation]
        beside = self.arranged.known_to(self.rules.people)
        return holds_throughout(rotation, person, stretch.starts_at, stretch.ends_at, beside)


class Wish(msgspec.Struct, frozen=True):
    """A stretch as somebody asks for it; without a beginning it begins now."""

    rotation: str
    starts_at: Instant | None
    ends_at: Instant


def new_override(
    given: Arranging, key: ArrangementId, wish: Wish, person: str, *, instead_of: str | None = None, reason: str = ""
) -> Override:
    """Answer an override: somebody stands in. Raises `Refused`."""
    stretch = _stretch(given, wish)
    stand_in = known_person(given.rules, person)
    replaced = known_person(given.rules, instead_of) if instead_of else None
    if not (given.by.commands or given.by.person == stand_in or _is_own(given, stretch)):
        raise _not_yours("an override", f"{stretch.rotation} is not yours all that time, and neither do you stand in")
    return Override(
        stretch.rotation,
        stand_in,
        stretch.starts_at,
        stretch.ends_at,
        key,
        replaced,
        given.author,
        reason,
        given.now,
    )


def new_absence(given: Arranging, key: ArrangementId, person: str, wish: Wish, reason: str = "") -> Away:
    """Answer an absence: whoever is next stands in. Raises `Refused`."""
    who = known_person(given.rules, person)
    if not given.by.commands and given.by.person != who:
        raise _not_yours("an absence", f"{who} is somebody else")
    starts_at, ends_at = _span(given.now, wish.starts_at, wish.ends_at)
    return Away(who, starts_at, ends_at, key, given.author, reason, given.now)


def new_swap(
    given: Arranging,
    key: ArrangementId,
    gives: Wish,
    other: str,
    *,
    takes: Wish | None = None,
    asked_by: str | None = None,
    reason: str = "",
) -> Swap:
    """Answer a swap that is asked for: nothing changes before the other has accepted it. Raises `Refused`."""
    asking, asked = _asker(given, asked_by), known_person(given.rules, other)
    if asking == asked:
        raise Refused(Reason.OVERLAPS, "nobody can swap with themselves", "Name somebody else.")
    swap = Swap(
        key,
        asking,
        asked,
        _stretch(given, gives),
        _stretch(given, takes) if takes else None,
        given.author,
        reason,
        given.now,
    )
    _both_have_it(given, swap)
    for known in given.swaps:
        if _in_the_way(known, swap):
            detail = f"{known.id} of {known.asked_by} and {known.other} is about some of the same time"
            raise Refused(Reason.OVERLAPS, detail, f"Let it be answered, or withdraw it: tocsin swap remove {known.id}")
    return swap


def accepted(given: Arranging, swap: Swap, keys: tuple[ArrangementId, ArrangementId]) -> tuple[Arrangement, ...]:
    """Answer a swap accepted and the overrides that it becomes; nothing if it was accepted before. Raises `Refused`."""
    _may_answer(given, swap)
    if swap.accepted and swap.withdrawn_at is None:
        return ()  # A second tap is agreement, not a mistake.
    _still_open(given, swap)
    cut = replace(swap, gives=_from_now(swap.gives, given.now), takes=_from_now(swap.takes, given.now))
    _both_have_it(given, cut)
    told = replace(swap, accepted=True, answered_at=given.now, answered_by=given.author)
    overrides = [_side(given, cut.gives, swap.other, swap.asked_by, swap, keys[0])]
    if cut.takes is not None:
        overrides.append(_side(given, cut.takes, swap.asked_by, swap.other, swap, keys[1]))
    return (told, *overrides)


def declined(given: Arranging, swap: Swap) -> tuple[Arrangement, ...]:
    """Answer a swap declined; nothing if it was declined before. Raises `Refused`."""
    _may_answer(given, swap)
    if swap.accepted is False:
        return ()
    _still_open(given, swap)
    return (replace(swap, accepted=False, answered_at=given.now, answered_by=given.author),)


def withdrawn(given: Arranging, one: Arrangement, overrides: Iterable[Override]) -> tuple[Arrangement, ...]:
    """Answer an arrangement withdrawn, and of a swap that was accepted both sides. Raises `Refused`."""
    if not given.by.commands and given.by.person not in _parties(one):
        raise _not_yours("an arrangement", f"{one.id} is not yours")
    if one.withdrawn_at is not None or one.over_at <= given.now:
        return ()  # It is over already: that is what was asked for.
    swap = one.id if isinstance(one, Swap) else one.swap if isinstance(one, Override) else None
    sides = [each for each in overrides if swap and each.swap == swap and each.id != one.id]
    ends = [one, *(each for each in sides if each.withdrawn_at is None and each.over_at > given.now)]
    return tuple(replace(each, withdrawn_at=given.now, withdrawn_by=given.author) for each in ends)


def not_too_many(current: Sequence[Arrangement]) -> None:
    """Refuse one more if there are too many that are not over. Raises `Refused`."""
    if len(current) >= ARRANGEMENTS_MAX:
        detail = f"{ARRANGEMENTS_MAX} arrangements are not over yet"
        remedy = "Withdraw some, or change the playbook's rotations instead."
        raise Refused(Reason.TOO_MANY_ARRANGEMENTS, detail, remedy)


def found(arrangements: Iterable[Arrangement], key: str, kind: type[Found]) -> Found:
    """Answer an arrangement of a kind by its id. Raises `Refused`."""
    for each in arrangements:
        if each.id == key and isinstance(each, kind):
            return each
    noun = kind.__name__.lower()
    remedy = f"`tocsin {noun} list --all` shows those that there are."
    raise Refused(Reason.UNKNOWN_ARRANGEMENT, f'there is no {noun} "{key[:80]}"', remedy)


def known_person(rules: Rulebook, person: str) -> PersonId:
    """Answer a person of the playbook. Raises `Refused`, naming those there are."""
    if person not in rules.people:
        raise Refused(
            Reason.UNKNOWN_PERSON, f'there is no person "{person[:80]}"', f"choose one of {', '.join(rules.people)}"
        )
    return PersonId(person)


def known_rotation(rules: Rulebook, rotation: str) -> Rotation:
    """Answer a rotation of the playbook. Raises `Refused`, naming those there are."""
    found = rules.rotations.get(RotationId(rotation))
    if found is None:
        names = ", ".join(rules.rotations)
        raise Refused(Reason.UNKNOWN_ROTATION, f'there is no rotation "{rotation[:80]}"', f"choose one of {names}")
    return found


def _stretch(given: Arranging, wish: Wish) -> Stretch:
    rotation = known_rotation(given.rules, wish.rotation)
    starts_at, ends_at = _span(given.now, wish.starts_at, wish.ends_at)
    return Stretch(rotation.id, starts_at, ends_at)


def _span(now: Instant, starts_at: Instant | None, ends_at: Instant) -> tuple[Instant, Instant]:
    """Cut a span to what is still to come. Raises `Refused`."""
    if starts_at is not None and ends_at <= starts_at:
        detail = f"it ends at {_at(ends_at)}, before it begins at {_at(starts_at)}"
        raise Refused(Reason.WRONG_SPAN, detail, "Give an end after the beginning.")
    begins_at = max(starts_at or now, now)
    if ends_at <= begins_at:
        raise Refused(Reason.WRONG_SPAN, f"it was over at {_at(ends_at)}", f"Give an end after now, {_at(now)}.")
    if ends_at - begins_at > ARRANGED_FOR_MAX or begins_at - now > ARRANGED_AHEAD_MAX:
        days = _days(ARRANGED_AHEAD_MAX), _days(ARRANGED_FOR_MAX)
        detail = f"an arrangement begins at most {days[0]} days ahead and lasts at most {days[1]} days"
        raise Refused(Reason.WRONG_SPAN, detail, "Give a nearer end, or change the playbook's rotation instead.")
    return begins_at, ends_at


def _days(span: TimeDelta) -> int:
    return int(span.total("hours")) // 24


def _at(at: Instant) -> str:
    return f"{at.format_iso()[:16]}Z"


def _is_own(given: Arranging, stretch: Stretch) -> bool:
    return given.by.person is not None and given.has(given.by.person, stretch)


def _not_yours(what: str, detail: str) -> Refused:
    remedy = f"Arrange your own shifts, or have {what} made by somebody whose token has the role commander."
    return Refused(Reason.NOT_YOURS, detail, remedy)


def _asker(given: Arranging, asked_by: str | None) -> PersonId:
    if asked_by is None:
        if given.by.person is None:
            remedy = "Say whose shift it is with --asked-by PERSON, or use a token made with --person."
            raise Refused(Reason.PERSON_MISSING, "it is not said whose shift is given", remedy)
        return given.by.person
    who = known_person(given.rules, asked_by)
    if not given.by.commands and given.by.person != who:
        raise _not_yours("a swap", f"{who} is somebody else")
    return who


def _both_have_it(given: Arranging, swap: Swap) -> None:
    for person, stretch in ((swap.asked_by, swap.gives), (swap.other, swap.takes)):
        if stretch is not None and not given.has(person, stretch):
            span = f"{_at(stretch.starts_at)} to {_at(stretch.ends_at)}"
            detail = f"{person} is not on call in {stretch.rotation} all the time from {span}"
            remedy = "`tocsin oncall calendar` shows who is; ask for a part of one shift."
            raise Refused(Reason.NOT_ON_CALL, detail, remedy)


def _in_the_way(known: Swap, swap: Swap) -> bool:
    if known.accepted is False or known.withdrawn_at is not None:
        return False
    return any(
        one.rotation == other.rotation and one.starts_at < other.ends_at and other.starts_at < one.ends_at
        for one in known.stretches
        for other in swap.stretches
    )


def _may_answer(given: Arranging, swap: Swap) -> None:
    if not given.by.commands and given.by.person != swap.other:
        raise _not_yours("the answer", f"{swap.id} asks {swap.other}")


def _still_open(given: Arranging, swap: Swap) -> None:
    answer = "accepted" if swap.accepted else "declined"
    if swap.withdrawn_at is not None:
        raise Refused(Reason.ALREADY_ANSWERED, f"{swap.id} was withdrawn", "Ask for another swap.")
    if swap.accepted is not None:
        raise Refused(Reason.ALREADY_ANSWERED, f"{swap.id} was {answer} already", "Ask for another swap.")
    if any(each.ends_at <= given.now for each in swap.stretches):
        raise Refused(Reason.WRONG_SPAN, f"a shift of {swap.id} is over already", "Ask for another swap.")


def _from_now(stretch: Stretch | None, now: Instant) -> "Stretch | None":
    return None if stretch is None else replace(stretch, starts_at=max(stretch.starts_at, now))


def _side(
    given: Arranging, stretch: Stretch, person: PersonId, instead_of: PersonId, swap: Swap, key: ArrangementId
) -> Override:
    return Override(
        stretch.rotation,
        person,
        stretch.starts_at,
        stretch.ends_at,
        key,
        instead_of,
        given.author,
        swap.reason,
        given.now,
        swap=swap.id,
    )


def _parties(one: Arrangement) -> set[str | None]:
    match one:
        case Override():
            return {one.person, one.instead_of, one.author}
        case Away():
            return {one.person}
        case Swap():
            return {one.asked_by, one.other} if one.accepted else {one.asked_by}
