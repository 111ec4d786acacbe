"""The packet of a hand-off: what the next person on call must know, gathered by itself (O3)."""

from collections.abc import Iterable

import msgspec
from whenever import Instant

from tocsin.core.alert import Silence
from tocsin.core.arrangements import Away, Override
from tocsin.core.deadlines import Deadline, deadlines
from tocsin.core.escalation import describe
from tocsin.core.events import NoteAdded
from tocsin.core.ids import IncidentId, PersonId, Severity
from tocsin.core.limits import PACKET_LINES_MAX, PACKET_SPAN, ROWS_PER_PAGE
from tocsin.core.stages import Stage
from tocsin.engine.handler import Handler
from tocsin.store.port import Headline, Store


class Owed(msgspec.Struct, frozen=True):
    """Something that is owed in an incident, by name and instant."""

    title: str
    clause: str
    owner: str
    due_at: Instant


class Case(msgspec.Struct, frozen=True):
    """An incident as a packet speaks of it."""

    id: IncidentId
    severity: Severity
    title: str
    stage: Stage
    commander: str
    opened_at: Instant
    resolved_at: Instant | None
    owed: tuple[Owed, ...]


class Remark(msgspec.Struct, frozen=True):
    """What somebody added to a hand-off."""

    at: Instant
    by: PersonId | None
    text: str


class Packet(msgspec.Struct, frozen=True):
    """Everything that goes from one shift to the next."""

    open: tuple[Case, ...]
    """Open incidents and what is due in them."""
    after: tuple[Case, ...]
    """Resolved ones in which something is still owed: a post-mortem, a final message."""
    lately: tuple[Case, ...]
    """Those of the last week that owe nothing any more."""
    silences: tuple[Silence, ...]
    """Silences and maintenance windows that end within a week."""
    overrides: tuple[Override, ...]
    """Who stands in for whom, now and within a week."""
    away: tuple[Away, ...]
    """Who is away then."""
    notes: tuple[Remark, ...]


class Packets:
    """Gathers packets. Reads, and never writes."""

    def __init__(self, store: Store, handler: Handler) -> None:
        self._store = store
        self._handler = handler

    async def gather(self, now: Instant, handoff: IncidentId | None = None) -> Packet:
        """Answer what is to be known now, with the notes of a hand-off if there is one yet."""
        newest = await self._store.headlines(limit=ROWS_PER_PAGE)
        still_open = await self._store.headlines(open_only=True, limit=ROWS_PER_PAGE)
        ended = [each for each in newest if each.resolved_at is not None]
        after = [each for each in ended if each.next_due_at is not None and not each.closed]
        week = now - PACKET_SPAN
        silences = await self._store.silences(ending_after=now)
        arranged = self._handler.playbooks.arranged
        cases = {each.id: await self._case(each) for each in (*still_open, *after)}
        owing = {name for name, case in cases.items() if case.owed}
        return Packet(
            open=tuple(cases[each.id] for each in still_open),
            after=tuple(cases[each.id] for each in after if each.id in owing),
            lately=tuple(_case(each, ()) for each in ended if each.opened_at >= week and each.id not in owing),
            silences=tuple(each for each in silences if each.ends_at <= now + PACKET_SPAN),
            overrides=tuple(each for each in arranged.overrides if _is_near(each, now)),
            away=tuple(each for each in arranged.away if _is_near(each, now)),
            notes=await self._notes(handoff) if handoff else (),
        )

    async def _case(self, headline: Headline) -> Case:
        incident = await self._handler.load(headline.id)
        assert incident is not None, "a headline has a timeline"
        owed = deadlines(await self._handler.playbooks.of(incident), incident)
        return _case(headline, tuple(_owed(each) for each in owed if each.rule.owner is not None))

    async def _notes(self, handoff: IncidentId) -> tuple[Remark, ...]:
        events = await self._store.timeline(handoff)
        return tuple(Remark(one.at, one.by.person, one.text) for one in events if isinstance(one, NoteAdded))


def _case(headline: Headline, owed: tuple[Owed, ...]) -> Case:
    return Case(
        headline.id,
        headline.severity,
        headline.title,
        headline.stage,
        headline.commander,
        headline.opened_at,
        headline.resolved_at,
        owed,
    )


def _owed(deadline: Deadline) -> Owed:
    rule = deadline.rule
    return Owed(rule.title, rule.clause, describe(rule.owner) if rule.owner else "Tocsin", deadline.due_at)


def told(packet: Packet) -> str:
    """Write a packet as plain text, the most pressing first, a line for each thing."""
    parts = (
        _part("Open incidents", (_line(case) for case in packet.open), "none"),
        _part("Owed after resolution", (_line(case) for case in packet.after), ""),
        _part("Incidents of the last week", (f"{each.severity} {each.id}: {each.title}" for each in packet.lately), ""),
        _part("Silences that end soon", (_silence(each) for each in packet.silences), ""),
        _part("Overrides", (_override(each) for each in packet.overrides), ""),
        _part("Away", (f"{each.person} until {_when(each.over_at)}" for each in packet.away), ""),
        _part("Notes", (f"{each.by or 'Tocsin'}: {each.text}" for each in packet.notes), ""),
    )
    return "\n\n".join(part for part in parts if part)


def _is_near(each: Override | Away, now: Instant) -> bool:
    return each.over_at > now and each.starts_at <= now + PACKET_SPAN


def _part(name: str, lines: Iterable[str], otherwise: str) -> str:
    found = list(lines)
    if not found:
        return f"{name}: {otherwise}" if otherwise else ""
    more = [f"  and {len(found) - PACKET_LINES_MAX} more"] if len(found) > PACKET_LINES_MAX else []
    return "\n".join([f"{name}:", *(f"  {line}" for line in found[:PACKET_LINES_MAX]), *more])


def _line(case: Case) -> str:
    next_owed = next(iter(case.owed), None)
    due = f"; {next_owed.title}, {next_owed.owner}, due {_when(next_owed.due_at)}" if next_owed else ""
    return f"{case.severity} {case.id}: {case.title} ({case.stage.value}, {case.commander or 'nobody leads'}){due}"


def _silence(each: Silence) -> str:
    return f"{each.id} until {_when(each.ends_at)}: {each.reason}"


def _override(each: Override) -> str:
    return f"{each.person} stands in on {each.rotation}, {_when(each.starts_at)} to {_when(each.ends_at)}"


def _when(at: Instant) -> str:
    text = at.format_iso()
    return f"{text[:10]} {text[11:16]} UTC"
