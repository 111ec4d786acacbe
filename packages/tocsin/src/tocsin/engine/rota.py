"""Who was, is and will be on call, and what people arrange between them (O1, O2, O4).

The future is asked of the playbook in force. The past is asked of the versions that were in force then, with what was
arranged and imported at the time: a playbook that is changed today does not change who had the pager yesterday. What
was paged stands in the timelines and is not computed here.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise

import msgspec
from whenever import Instant, TimeDelta

from tocsin.core import arranging
from tocsin.core.arrangements import Arranged, Arrangement, Imported, Override, Sheet, Swap
from tocsin.core.arranging import Arranging, Found, Wish
from tocsin.core.event import Actor
from tocsin.core.foresight import Finding, found_ahead
from tocsin.core.ids import ChannelName, PersonId, RotationId
from tocsin.core.limits import PAGES_COUNTED_MAX
from tocsin.core.load import WEEK, Paged, PersonLoad, loads
from tocsin.core.oncall import Because, Gap, Shift, on_call_until, plan, posts
from tocsin.core.rules import Rulebook
from tocsin.engine.clock import Chance
from tocsin.engine.playbooks import Playbooks
from tocsin.store.port import Change, Store

_WARNED_FOR = TimeDelta(hours=24 * 60)
"""How much of a long arrangement is searched for what it would leave wrong."""


class Standing(msgspec.Struct, frozen=True):
    """Who is on call in one rotation at an instant."""

    rotation: RotationId
    name: str
    person: PersonId | None
    """The first one; None if nobody is."""
    person_name: str
    people: tuple[PersonId, ...] = ()
    """Everybody who is on call at once, the first one first."""
    ends_at: Instant | None = None
    """Until when the first one stays so; None if they never hand over."""
    because: Because | None = None
    instead_of: PersonId | None = None


class Roster(msgspec.Struct, frozen=True):
    """Who is on call in every rotation at an instant, and by which version of the playbook."""

    at: Instant
    oncall: tuple[Standing, ...]
    playbook: str
    known: bool = True
    """False: it was before the first playbook that this Tocsin knows; the one in force now answered."""


class Calendar(msgspec.Struct, frozen=True):
    """Who is on call when, and where somebody is missing."""

    since: Instant
    until: Instant
    """As far as it goes; less than was asked for, if there are too many shifts."""
    known_since: Instant | None
    """Before this no playbook was in force here, and nothing is said."""
    shifts: tuple[Shift, ...]
    gaps: tuple[Gap, ...]
    names: Mapping[str, str]
    """Of the people and the rotations."""


class Kept(msgspec.Struct, frozen=True):
    """What was arranged, and what is wrong with the calendar since then."""

    kept: tuple[Arrangement, ...]
    warnings: tuple[Finding, ...] = ()


class Load(msgspec.Struct, frozen=True):
    """What the last weeks asked of everybody."""

    since: Instant
    until: Instant
    people: tuple[PersonLoad, ...]
    warnings: tuple[str, ...]
    complete: bool
    """False: there were more pages than are counted at once."""


class _Epoch(msgspec.Struct, frozen=True):
    """A span in which one version of the playbook and one set of imported calendars counted."""

    since: Instant
    until: Instant
    rules: Rulebook
    arranged: Arranged


class Rota:
    """Answers about the calendar and keeps what people arrange."""

    def __init__(
        self, store: Store, playbooks: Playbooks, chance: Chance, channels: Collection[ChannelName] | None = None
    ) -> None:
        self._store = store
        self._playbooks = playbooks
        self._chance = chance
        self._channels = channels
        """What carries messages here; None: not known."""
        self._arranging = asyncio.Lock()
        self.rung: Callable[[], None] = lambda: None
        """Called when the calendar has changed."""

    async def roster(self, at: Instant) -> Roster:
        """Answer who is, was or will be on call at an instant."""
        epochs, _ = await self._epochs(at, at + TimeDelta(seconds=1))
        known = bool(epochs)
        current = self._playbooks.current
        beside = self._playbooks.arranged.known_to(current.people)
        epoch = epochs[0] if epochs else _Epoch(at, at, current, beside)
        standing = tuple(_standing(epoch, rotation, at) for rotation in epoch.rules.rotations)
        return Roster(at, standing, epoch.rules.version, known)

    async def calendar(
        self, since: Instant, until: Instant, rotations: Sequence[RotationId] = (), person: PersonId | None = None
    ) -> Calendar:
        """Answer who is on call when between two instants, in the past as it was."""
        epochs, known_since = await self._epochs(since, until)
        shifts: list[Shift] = []
        gaps: list[Gap] = []
        ends = [until]
        names: dict[str, str] = {}
        for epoch in epochs:
            for rotation in epoch.rules.rotations.values():
                if rotations and rotation.id not in rotations:
                    continue
                found = plan(rotation, epoch.since, epoch.until, epoch.arranged)
                shifts += (shift for shift in found.shifts if person is None or shift.person == person)
                gaps += () if rotation.gaps_allowed else found.gaps
                names[rotation.id] = rotation.name or rotation.id
                ends += [found.until] if found.until < epoch.until else []
            names |= {key: one.name for key, one in epoch.rules.people.items()}
        return Calendar(since, min(ends), known_since, _joined(shifts), tuple(gaps), names)

    async def ahead(self, now: Instant, until: Instant) -> tuple[Finding, ...]:
        """Answer what is wrong with the calendar from now on."""
        rules = self._playbooks.current
        return found_ahead(rules, now, until, self._playbooks.arranged.known_to(rules.people), self._channels)

    async def load(self, now: Instant, weeks: int) -> Load:
        """Answer what the last weeks asked of everybody."""
        since = now - WEEK * weeks
        found = await self._store.pages(since, now, PAGES_COUNTED_MAX)
        calendar = await self.calendar(since, now)
        paged = tuple(Paged(page.person, page.at) for page in found)
        people = loads(self._playbooks.current, paged, calendar.shifts, now, weeks)
        warnings = tuple(said for each in people for said in each.over)
        return Load(since, now, people, warnings, len(found) < PAGES_COUNTED_MAX)

    async def arrangements(self, now: Instant | None) -> tuple[Arrangement, ...]:
        """Answer what was arranged: all, or what is not over."""
        return await self._store.arrangements(now)

    async def changed_at(self) -> Instant:
        """Answer when the calendar was last arranged, imported or put under another playbook."""
        arrangements = await self._store.arrangements()
        instants = [at for each in arrangements for at in (each.created_at, each.withdrawn_at) if at is not None]
        instants += [each.answered_at for each in arrangements if isinstance(each, Swap) and each.answered_at]
        instants += [each.created_at for each in await self._store.imports()]
        instants += [each.adopted_at for each in await self._store.adoptions()]
        return max(instants)

    async def add_override(
        self, by: Actor, author: str, now: Instant, wish: Wish, person: str, instead_of: str | None, reason: str
    ) -> Kept:
        """Let somebody stand in. Raises `Refused` or `StoreUnavailable`."""
        async with self._arranging:
            given = await self._given(by, author, now)
            key = self._chance.arrangement_id("OVR")
            return await self._keep(
                (arranging.new_override(given, key, wish, person, instead_of=instead_of, reason=reason),), now
            )

    async def add_absence(self, by: Actor, author: str, now: Instant, person: str, wish: Wish, reason: str) -> Kept:
        """Let somebody be away. Raises `Refused` or `StoreUnavailable`."""
        async with self._arranging:
            given = await self._given(by, author, now)
            key = self._chance.arrangement_id("AWAY")
            return await self._keep((arranging.new_absence(given, key, person, wish, reason),), now)

    async def ask_swap(
        self,
        by: Actor,
        author: str,
        now: Instant,
        gives: Wish,
        other: str,
        takes: Wish | None,
        asked_by: str | None,
        reason: str,
    ) -> Kept:
        """Ask for a swap. Raises `Refused` or `StoreUnavailable`."""
        async with self._arranging:
            given = await self._given(by, author, now)
            key = self._chance.arrangement_id("SWAP")
            swap = arranging.new_swap(given, key, gives, other, takes=takes, asked_by=asked_by, reason=reason)
            return await self._keep((swap,), now)

    async def answer_swap(self, by: Actor, author: str, now: Instant, swap_id: str, accepts: bool) -> Kept:
        """Accept or decline a swap. Raises `Refused` or `StoreUnavailable`."""
        async with self._arranging:
            given = await self._given(by, author, now)
            swap = await self._find(swap_id, Swap)
            keys = self._chance.arrangement_id("OVR"), self._chance.arrangement_id("OVR")
            kept = arranging.accepted(given, swap, keys) if accepts else arranging.declined(given, swap)
            return await self._keep(kept or (swap,), now, unchanged=not kept)

    async def withdraw(self, by: Actor, author: str, now: Instant, key: str, kind: type[Found]) -> Kept:
        """Withdraw an arrangement; withdrawn before, it stays as it is. Raises `Refused` or `StoreUnavailable`."""
        async with self._arranging:
            given = await self._given(by, author, now)
            found = await self._find(key, kind)
            ended = arranging.withdrawn(given, found, given.arranged.overrides)
            return await self._keep(ended or (found,), now, unchanged=not ended)

    async def keep_import(self, imported: Imported, now: Instant) -> None:
        """Put an imported calendar in the place of the rotation's last one."""
        async with self._arranging:
            await self._store.commit(Change(imports=(imported,)))
            await self._changed(now)

    async def adopt(self, after: Rulebook, before: Rulebook | None, now: Instant) -> None:
        """Put a version in force; in the same transaction the shifts of whoever has left it fall to the next."""
        leaves = before is not None and before.version != after.version
        made = _handed_on(before, after, self._playbooks.arranged, now, self._chance) if before and leaves else ()
        await self._playbooks.adopt(after, now, tuple(made))
        await self._changed(now)

    async def _given(self, by: Actor, author: str, now: Instant) -> Arranging:
        current = await self._store.arrangements(now)
        arranging.not_too_many(current)
        swaps = tuple(each for each in current if isinstance(each, Swap))
        return Arranging(now, self._playbooks.current, self._playbooks.arranged, swaps, by, author)

    async def _find(self, key: str, kind: type[Found]) -> Found:
        return arranging.found(await self._store.arrangements(), key, kind)

    async def _keep(self, kept: tuple[Arrangement, ...], now: Instant, *, unchanged: bool = False) -> Kept:
        if unchanged:
            return Kept(kept)
        until = min(max(each.ends_at for each in kept), now + _WARNED_FOR)
        before = {finding.key for finding in await self.ahead(now, until)}
        await self._store.commit(Change(arrangements=kept))
        await self._changed(now)
        after = await self.ahead(now, until)
        return Kept(kept, tuple(finding for finding in after if finding.key not in before))

    async def _changed(self, now: Instant) -> None:
        await self._playbooks.refresh(now)
        self.rung()

    async def _epochs(self, since: Instant, until: Instant) -> tuple[list[_Epoch], Instant | None]:
        """Divide a span by what counted when; what was before the first playbook is left out."""
        adoptions = await self._store.adoptions()
        imports = await self._store.imports(since)
        arrangements = await self._store.arrangements(since)
        turns = {each.adopted_at for each in adoptions} | {each.created_at for each in imports}
        cuts = sorted({since, until} | {turn for turn in turns if since < turn < until})
        sheets = {each.id: Sheet.of(each.shifts) for each in imports}
        found: list[_Epoch] = []
        for begins_at, ends_at in pairwise(cuts):
            version = next((each.version for each in reversed(adoptions) if each.adopted_at <= begins_at), None)
            rules = None if version is None else await self._playbooks.version(version)
            if rules is not None:
                counted = {each.rotation: sheets[each.id] for each in imports if each.created_at <= begins_at}
                beside = Arranged.of(arrangements, counted).known_to(rules.people)
                found.append(_Epoch(begins_at, ends_at, rules, beside))
        return found, adoptions[0].adopted_at if adoptions else None


def _standing(epoch: _Epoch, key: RotationId, at: Instant) -> Standing:
    rotation = epoch.rules.rotations[key]
    found = posts(rotation, at, epoch.arranged)
    if not found:
        return Standing(key, rotation.name or key, None, "nobody")
    person = epoch.rules.people.get(found[0].person)
    return Standing(
        key,
        rotation.name or key,
        found[0].person,
        person.name if person else found[0].person,
        tuple(post.person for post in found),
        on_call_until(rotation, found[0].person, at, epoch.arranged),
        found[0].because,
        found[0].instead_of,
    )


def _joined(shifts: Iterable[Shift]) -> tuple[Shift, ...]:
    """Put together what only a change of the playbook had cut, and answer all in order."""
    joined: dict[tuple[RotationId, PersonId, str], Shift] = {}
    done: list[Shift] = []
    for shift in shifts:
        place = (shift.rotation, shift.person, shift.key)
        before = joined.get(place)
        if before is not None and before.ends_at == shift.starts_at and before.because == shift.because:
            joined[place] = msgspec.structs.replace(before, ends_at=shift.ends_at)
        else:
            done += [before] if before is not None else []
            joined[place] = shift
    return tuple(sorted((*done, *joined.values()), key=lambda each: (each.starts_at, each.rotation, each.person)))


def _handed_on(
    before: Rulebook, after: Rulebook, arranged: Arranged, now: Instant, chance: Chance
) -> Iterable[Override]:
    for key, rotation in before.rotations.items():
        standing = posts(rotation, now, arranged.known_to(before.people))
        gone = [post.person for post in standing if post.person not in after.people]
        if not gone or key not in after.rotations:
            continue
        people = [*rotation.people, *(one for layer in rotation.layers for one in layer.people)]
        place = people.index(gone[0]) if gone[0] in people else -1
        following = [one for one in (*people[place + 1 :], *people[: place + 1]) if one in after.people]
        ends_at = on_call_until(rotation, gone[0], now, arranged.known_to(before.people))
        if following and ends_at is not None:
            reason = f"{gone[0]} is no longer in the playbook"
            key_of = chance.arrangement_id("OVR")
            yield Override(key, following[0], now, ends_at, key_of, None, "tocsin", reason, now)
