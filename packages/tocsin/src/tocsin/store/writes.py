"""What a change writes: the rows it becomes, and the statements that take them.

Rows are made by the caller of `commit`, so that a value which cannot be written fails only its own change. The rows of
many changes are then put into one statement each, as far as nothing has to be looked at in between: an append must see
whether somebody was faster, and an attempt whether it is known already.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql.dml import ValuesBase
from whenever import Instant

from tocsin.core.alert import Alert, Silence
from tocsin.core.gathering import Gathering
from tocsin.core.ids import IncidentId
from tocsin.core.limits import ATTACHMENTS_KEPT
from tocsin.core.messages import Intent
from tocsin.core.verification import Verification
from tocsin.store import rota, runs, tables
from tocsin.store.codec import encode
from tocsin.store.instants import nanoseconds
from tocsin.store.port import (
    Append,
    Attachment,
    Attempt,
    Beat,
    Change,
    Conflict,
    Handled,
    Heard,
    PlaybookVersion,
    Signal,
    Token,
    number_of,
)
from tocsin.store.run_rows import Lease, RunRow

Row: TypeAlias = tuple[Any, ...]


def json(value: Any) -> str:
    """Write a value as JSON text, which a person with the database's own shell can read."""
    return encode(value).decode()


def _maybe(at: Instant | None) -> int | None:
    return None if at is None else nanoseconds(at)


@dataclass(frozen=True)
class Statement:
    """A statement compiled once, with the order in which it takes its parameters."""

    sql: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, statement: ValuesBase | sa.Update) -> "Statement":
        """Compile for SQLite."""
        compiled = statement.compile(dialect=sqlite.dialect(paramstyle="qmark"))
        return cls(str(compiled), tuple(compiled.positiontup or ()))


def _insert(table: sa.Table, *names: str) -> Any:
    return insert(table).values({name: sa.bindparam(name) for name in names})


def _keep_first(table: sa.Table, *names: str) -> Statement:
    return Statement.of(_insert(table, *names).on_conflict_do_nothing())


def _keep_last(table: sa.Table, key: str, *names: str) -> Statement:
    statement = _insert(table, key, *names)
    newer = {name: statement.excluded[name] for name in names}
    return Statement.of(statement.on_conflict_do_update(index_elements=[key], set_=newer))


_HANDLED: Final = Statement.of(
    sa.update(tables.signals)
    .where(tables.signals.c.id == sa.bindparam("signal"), tables.signals.c.handled_at.is_(None))
    .values(handled_at=sa.bindparam("at"), outcome=sa.bindparam("told"))
)


def _signal(signal: Signal) -> Row:
    return (signal.id, signal.source, nanoseconds(signal.received_at), signal.alerts, signal.body)


def _handled(handled: Handled) -> Row:
    return (nanoseconds(handled.at), json(handled), handled.signal)


def _alert(alert: Alert) -> Row:
    return (
        alert.fingerprint,
        alert.status,
        alert.disposition.value,
        alert.incident,
        alert.severity,
        nanoseconds(alert.started_at),
        _maybe(alert.recheck_at),
        json(alert),
    )


def _intent(intent: Intent) -> Row:
    created_at = nanoseconds(intent.created_at)
    return (
        intent.id,
        intent.incident,
        intent.rank,
        intent.channel,
        created_at,
        "waiting",
        nanoseconds(intent.not_before) if intent.not_before else created_at,
        0,
        json(intent),
    )


def _silence(silence: Silence) -> Row:
    over_at = min(silence.ends_at, silence.ended_early_at or silence.ends_at)
    return (silence.id, nanoseconds(over_at), json(silence))


def _token(token: Token) -> Row:
    return (token.id, json(token))


def _beat(beat: Beat) -> Row:
    return (beat.name, json(beat))


def _verification(verification: Verification) -> Row:
    return (verification.key, json(verification))


def _heard(heard: Heard) -> Row:
    return (heard.key, nanoseconds(heard.at))


def _playbook(playbook: PlaybookVersion) -> Row:
    return (playbook.version, playbook.loaded_at.format_iso(), playbook.rulebook)


def _gathering(gathering: Gathering) -> Row:
    return (gathering.id, gathering.rank, gathering.state, json(gathering))


def _attachment(attachment: Attachment) -> Row:
    return (attachment.digest, nanoseconds(attachment.kept_at), attachment.body)


_PLAIN: Final[tuple[tuple[str, Statement, Callable[[Any], Row]], ...]] = (
    ("signals", _keep_first(tables.signals, "id", "source", "received_at", "alerts", "body"), _signal),
    ("handled", _HANDLED, _handled),
    (
        "alerts",
        _keep_last(
            tables.alerts,
            "fingerprint",
            "status",
            "disposition",
            "incident",
            "severity",
            "started_at",
            "recheck_at",
            "body",
        ),
        _alert,
    ),
    (
        "intents",
        _keep_first(
            tables.intents,
            "id",
            "incident",
            "rank",
            "channel",
            "created_at",
            "state",
            "next_at",
            "attempts",
            "body",
        ),
        _intent,
    ),
    ("silences", _keep_last(tables.silences, "id", "over_at", "body"), _silence),
    ("tokens", _keep_last(tables.tokens, "id", "body"), _token),
    ("beats", _keep_last(tables.beats, "name", "body"), _beat),
    ("verifications", _keep_last(tables.verifications, "method", "body"), _verification),
    ("heard", _keep_first(tables.heard, "key", "at"), _heard),
    ("playbooks", _keep_first(tables.playbooks, "version", "loaded_at", "rulebook"), _playbook),
    ("arrangements", _keep_last(tables.arrangements, "id", "over_at", "body"), rota.arrangement_row),
    ("imports", _keep_first(tables.imports, "id", "rotation", "created_at", "body"), rota.import_row),
    ("adoptions", Statement.of(_insert(tables.adoptions, "version", "adopted_at")), rota.adoption_row),
    ("gatherings", _keep_last(tables.gatherings, "id", "rank", "state", "body"), _gathering),
    ("attachments", _keep_first(tables.attachments, "digest", "kept_at", "body"), _attachment),
)
"""What needs no look before it is written: a field of `Change`, the statement for its rows, and how a row is made."""

_INCIDENT: Final = _keep_first(
    tables.incidents, "id", "number", "version", "group_key", "resolved_at", "next_due_at", "body", "kind"
)
_HEADLINE: Final = Statement.of(
    sa.update(tables.incidents)
    .where(
        tables.incidents.c.id == sa.bindparam("incident"),
        tables.incidents.c.version == sa.bindparam("expected"),
    )
    .values({name: sa.bindparam(f"new_{name}") for name in ("version", "resolved_at", "next_due_at", "body")})
)
_EVENT: Final = Statement.of(_insert(tables.events, "incident", "number", "body"))
_PAGE: Final = Statement.of(_insert(tables.pages, "incident", "number", "at", "person"))

_ATTEMPT: Final = (
    insert(tables.attempts)
    .from_select(
        ["intent", "at", "body"],
        # Only of an intent that exists: an attempt at nothing says nothing.
        sa.select(
            tables.intents.c.id, sa.bindparam("at", type_=sa.BigInteger), sa.bindparam("told", type_=sa.Text)
        ).where(tables.intents.c.id == sa.bindparam("of")),
    )
    .on_conflict_do_nothing()
)
_is_waiting = tables.intents.c.state == "waiting"
_OUTCOME: Final = (
    sa.update(tables.intents)
    .where(tables.intents.c.id == sa.bindparam("of"))
    .values(
        attempts=tables.intents.c.attempts + 1,
        # What has ended stays ended, except that late good news is believed.
        state=sa.case(
            (sa.or_(_is_waiting, sa.bindparam("accepted", type_=sa.Boolean)), sa.bindparam("after")),
            else_=tables.intents.c.state,
        ),
        next_at=sa.case((_is_waiting, sa.bindparam("then", type_=sa.BigInteger)), else_=sa.null()),
        claimed_at=sa.null(),
    )
)


_newest: Final = sa.select(sa.func.max(tables.attachments.c.seq)).scalar_subquery()
_FORGET_OLDEST: Final = sa.delete(tables.attachments).where(tables.attachments.c.seq <= _newest - ATTACHMENTS_KEPT)


@dataclass(frozen=True, slots=True)
class _AppendRows:
    incident: IncidentId
    expected: int
    first: Row
    """The incident's row, if this opens it."""
    later: Row
    events: list[Row]
    pages: list[Row]


@dataclass(frozen=True, slots=True)
class Rows:
    """A change, ready to be written."""

    plain: tuple[list[Row], ...]
    """In the order of `_PLAIN`."""
    appends: tuple[_AppendRows, ...]
    attempts: tuple[dict[str, Any], ...]
    attaches: bool
    runs: tuple[RunRow, ...]
    leases: tuple[Lease, ...]
    size: int
    """About how many kilobytes: what a group is limited by."""

    @classmethod
    def of(cls, change: Change) -> "Rows":
        """Make the rows of a change."""
        plain = tuple([row(value) for value in getattr(change, kind)] for kind, _, row in _PLAIN)
        appends = tuple(map(_append_rows, change.appends))
        rows = sum(map(len, plain)) + sum(len(append.events) for append in appends)
        bodies = [signal.body for signal in change.signals] + [each.body for each in change.attachments]
        size = 1 + rows + sum(map(len, bodies)) // 1024
        attempts = tuple(map(_attempt, change.attempts))
        return cls(plain, appends, attempts, bool(change.attachments), change.runs, change.leases, size)

    @property
    def may_fail(self) -> bool:
        """Tell whether it can be refused although the database is well: somebody else was first."""
        return bool(self.appends or self.runs)


def _append_rows(append: Append) -> _AppendRows:
    headline, expected = append.headline, append.expected
    version = expected + len(append.events)
    derived = (version, _maybe(headline.resolved_at), _maybe(headline.next_due_at), json(headline))
    return _AppendRows(
        headline.id,
        expected,
        (headline.id, number_of(headline.id), version, headline.group_key, *derived[1:], headline.kind.value),
        (*derived, headline.id, expected),
        [(headline.id, number, json(event)) for number, event in enumerate(append.events, expected + 1)],
        list(rota.page_rows(append)),
    )


def _attempt(attempt: Attempt) -> dict[str, Any]:
    accepted = attempt.outcome == "accepted"
    then = None if accepted else _maybe(attempt.next_at)
    ended = attempt.outcome if attempt.outcome in ("accepted", "withdrawn") else "dead"
    return {
        "of": attempt.intent,
        "at": nanoseconds(attempt.at),
        "told": json(attempt),
        "accepted": accepted,
        "after": ended if then is None else "waiting",
        "then": then,
    }


def write(connection: sa.Connection, changes: Sequence[Rows]) -> None:
    """Write changes inside the transaction under way. Raises `Conflict` or `Held`; the caller then undoes them all."""
    for index, (_, statement, _) in enumerate(_PLAIN):
        rows = [row for change in changes for row in change.plain[index]]
        if rows:
            connection.exec_driver_sql(statement.sql, rows)
    for change in changes:
        for append in change.appends:
            _write_append(connection, append)
        for attempt in change.attempts:
            if connection.execute(_ATTEMPT, attempt).rowcount:
                connection.execute(_OUTCOME, attempt)
        runs.write(connection, change.runs, change.leases)
    if any(change.attaches for change in changes):
        connection.execute(_FORGET_OLDEST)


def _write_append(connection: sa.Connection, append: _AppendRows) -> None:
    opened = append.expected == 0 and connection.exec_driver_sql(_INCIDENT.sql, append.first).rowcount
    if not opened and not connection.exec_driver_sql(_HEADLINE.sql, append.later).rowcount:
        raise Conflict(f"{append.incident} does not have {append.expected} events")
    if append.events:
        connection.exec_driver_sql(_EVENT.sql, append.events)
    if append.pages:
        connection.exec_driver_sql(_PAGE.sql, append.pages)


@dataclass(frozen=True, slots=True)
class Claim:
    """A wish to lease messages; see `Store.claim`."""

    now: Instant
    lease_until: Instant
    limit: int
    busy: Mapping[str, int]

    @property
    def size(self) -> int:
        """About how many kilobytes it writes."""
        return self.limit


_LEASE: Final = sa.text(
    "UPDATE intents SET next_at = :until, claimed_at = :now WHERE seq IN (SELECT value FROM json_each(:taken)) "
    "RETURNING seq, attempts, body"
)


def claim(connection: sa.Connection, wish: Claim) -> tuple[tuple[str, int], ...]:
    """Lease messages inside the transaction that is under way; each as JSON, with the attempts made so far."""
    taken = _due_by_rank(connection, wish)
    if not taken:
        return ()
    until, chosen = nanoseconds(wish.lease_until), encode(taken).decode()
    leased = connection.execute(_LEASE, {"until": until, "now": nanoseconds(wish.now), "taken": chosen})
    found = {row.seq: (row.body, row.attempts) for row in leased}
    return tuple(found[seq] for seq in taken)


def _due_by_rank(connection: sa.Connection, wish: Claim) -> list[int]:
    """Name the rows to lease, in line. A channel that is limited is counted by itself: it must not hide the others."""
    at = nanoseconds(wish.now)
    few = connection.execute(_FIRST_DUE, {"now": at, "limit": FEW + 1}).all()
    if len(few) <= FEW:
        return _choose(few, wish)
    found = list(connection.execute(_DUE_ELSEWHERE, {"now": at, "limit": wish.limit, "busy": list(wish.busy)}))
    for channel, room in wish.busy.items():
        if room > 0:
            limits = {"now": at, "limit": min(room, wish.limit), "channel": channel}
            found.extend(connection.execute(_DUE_IN, limits))
    return _choose(found, wish)


def _choose(due: Iterable[Sequence[Any]], wish: Claim) -> list[int]:
    room = dict(wish.busy)
    chosen: list[int] = []
    for _rank, _created_at, seq, channel in sorted(due, key=tuple):
        left = room.get(channel, 1)
        if left > 0 and len(chosen) < wish.limit:
            chosen.append(seq)
            if channel in room:
                room[channel] = left - 1
    return chosen


FEW: Final = 256
"""Messages due at once that are simply read and sorted. More are found by their rank, which means passing by whatever
waits for later: good in a storm, dear when almost everything waits."""

_in_line = (tables.intents.c.rank, tables.intents.c.created_at, tables.intents.c.seq)
_due = (
    sa.select(*_in_line, tables.intents.c.channel)
    .where(tables.waiting_intent, tables.intents.c.next_at <= sa.bindparam("now"))
    .limit(sa.bindparam("limit"))
)
_FIRST_DUE: Final = _due.order_by(tables.intents.c.next_at)
_DUE_ELSEWHERE: Final = _due.where(tables.intents.c.channel.not_in(sa.bindparam("busy", expanding=True))).order_by(
    *_in_line
)
_DUE_IN: Final = _due.where(tables.intents.c.channel == sa.bindparam("channel")).order_by(*_in_line)
