"""Runs in the database: who holds a component, what the runner owes, and what helped.

``holds`` is unique: of two approvals that would change the same component at once, in whatever incidents, the database
lets one through. Everything else here follows from the timelines and could be written anew from them.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import IntegrityError
from whenever import Instant

from tocsin.core.actions import ActionId
from tocsin.core.ids import ComponentId
from tocsin.core.suggestions import Record
from tocsin.store import tables as t
from tocsin.store.codec import decoder, encode
from tocsin.store.instants import instant, maybe, nanoseconds
from tocsin.store.run_rows import Held, Lease, RunRow

_row: Final = decoder(RunRow)

_keys = ("incident", "run")
_rest = ("component", "action", "holds", "state", "next_at", "verdict", "body")
_insert = insert(t.runs).values({name: sa.bindparam(name) for name in (*_keys, *_rest)})
_PUT: Final = _insert.on_conflict_do_update(
    index_elements=list(_keys), set_={name: _insert.excluded[name] for name in _rest}
)
_HOLDER: Final = sa.select(t.runs.c.incident, t.runs.c.run).where(t.runs.c.holds == sa.bindparam("given"))
_LEASE: Final = (
    sa.update(t.runs)
    .where(
        t.runs.c.incident == sa.bindparam("of"),
        t.runs.c.run == sa.bindparam("which"),
        t.runs.c.state == "started",
    )
    .values(next_at=sa.bindparam("until"))
)


def write(connection: sa.Connection, rows: Sequence[RunRow], leases: Sequence[Lease]) -> None:
    """Write inside the transaction that is under way. Raises `Held`."""
    for row in rows:
        try:
            connection.execute(_PUT, _values(row))
        except IntegrityError as error:
            holder = connection.execute(_HOLDER, {"given": row.holds}).one_or_none()
            if row.holds is None or holder is None:
                raise
            raise Held(row.holds, holder.incident, holder.run) from error
    for lease in leases:
        connection.execute(_LEASE, {"of": lease.incident, "which": lease.run, "until": nanoseconds(lease.until)})


def _values(row: RunRow) -> dict[str, Any]:
    return {
        "incident": row.incident,
        "run": row.run,
        "component": row.component,
        "action": row.action,
        "holds": row.holds,
        "state": row.state,
        "next_at": None if row.next_at is None else nanoseconds(row.next_at),
        "verdict": row.verdict,
        "body": encode(row).decode(),
    }


_DUE: Final = (
    sa.select(t.runs.c.body, t.runs.c.next_at)
    .where(t.runs.c.next_at <= sa.bindparam("given"))
    .order_by(t.runs.c.next_at, t.runs.c.seq)
    .limit(sa.bindparam("limit"))
)
_NEXT: Final = sa.select(sa.func.min(t.runs.c.next_at)).where(t.runs.c.next_at.is_not(None))
_components = sa.select(sa.func.json_each(sa.bindparam("keys")).table_valued("value").c.value)
_HELPED: Final = (
    sa.select(
        t.runs.c.action,
        sa.func.count().label("tried"),
        sa.func.sum(sa.case((t.runs.c.verdict == "improved", 1), else_=0)).label("helped"),
    )
    .where(t.runs.c.component.in_(_components), t.judged_run)
    .group_by(t.runs.c.action)
)


def due(connection: sa.Connection, now: Instant, limit: int) -> tuple[RunRow, ...]:
    """Answer what the runner must look at, longest due first."""
    found = connection.execute(_DUE, {"given": nanoseconds(now), "limit": limit})
    return tuple(_row.decode(row.body).leased_until(instant(row.next_at)) for row in found)


def next_at(connection: sa.Connection) -> Instant | None:
    """Answer when the runner must look next."""
    return maybe(connection.scalar(_NEXT))


def helped(connection: sa.Connection, components: Collection[ComponentId]) -> dict[ActionId, Record]:
    """Count what was judged on these components."""
    found = connection.execute(_HELPED, {"keys": encode(list(components)).decode()})
    return {ActionId(row.action): Record(row.tried, row.helped) for row in found}
