"""What the embedded store keeps about who is on call: the rows it becomes, and the questions about it."""

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa
from whenever import Instant

from tocsin.core.arrangements import Arrangement, Imported
from tocsin.core.events import PersonPaged
from tocsin.core.ids import IncidentId, PersonId
from tocsin.core.kinds import Kind
from tocsin.store import tables as t
from tocsin.store.codec import decoder, encode
from tocsin.store.instants import NANOSECONDS_MAX, instant, nanoseconds
from tocsin.store.port import Adoption, Append, PageRecord

_arrangement: Final = decoder(Arrangement)
_imported: Final = decoder(Imported)
_given: Final[sa.BindParameter[Any]] = sa.bindparam("given")


def arrangement_row(arrangement: Arrangement) -> tuple[Any, ...]:
    """Answer the row of an arrangement."""
    return (arrangement.id, nanoseconds(arrangement.over_at), encode(arrangement).decode())


def import_row(imported: Imported) -> tuple[Any, ...]:
    """Answer the row of an imported calendar."""
    return (imported.id, imported.rotation, nanoseconds(imported.created_at), encode(imported).decode())


def adoption_row(adoption: Adoption) -> tuple[Any, ...]:
    """Answer the row of an adoption."""
    return (adoption.version, nanoseconds(adoption.adopted_at))


def page_rows(append: Append) -> Iterator[tuple[Any, ...]]:
    """Answer the rows of the pages among events that are appended. A test page is no load that anybody bears."""
    if append.headline.kind is not Kind.INCIDENT:
        return
    for number, event in enumerate(append.events, append.expected + 1):
        if isinstance(event, PersonPaged):
            yield (append.headline.id, number, nanoseconds(event.at), event.person)


_ARRANGEMENTS: Final = (
    sa.select(t.arrangements.c.body).where(t.arrangements.c.over_at > _given).order_by(t.arrangements.c.seq)
)


def arrangements(connection: sa.Connection, ending_after: Instant | None) -> tuple[Arrangement, ...]:
    """Answer overrides, absences and swaps: all, or those not over by an instant."""
    given = -NANOSECONDS_MAX if ending_after is None else nanoseconds(ending_after)
    return tuple(_arrangement.decode(body) for body in connection.scalars(_ARRANGEMENTS, {"given": given}))


_other: Final = t.imports.alias()
_counted_at: Final = (
    sa.select(sa.func.max(_other.c.seq))
    .where(_other.c.rotation == t.imports.c.rotation, _other.c.created_at <= _given)
    .scalar_subquery()
)
_IMPORTS: Final = (
    sa.select(t.imports.c.body)
    .where(sa.or_(t.imports.c.created_at > _given, t.imports.c.seq == _counted_at))
    .order_by(t.imports.c.seq)
)


def imports(connection: sa.Connection, since: Instant | None) -> tuple[Imported, ...]:
    """Answer imported calendars: all, or of each rotation what counted at an instant or later."""
    given = -NANOSECONDS_MAX if since is None else nanoseconds(since)
    return tuple(_imported.decode(body) for body in connection.scalars(_IMPORTS, {"given": given}))


_ADOPTIONS: Final = sa.select(t.adoptions.c.version, t.adoptions.c.adopted_at).order_by(t.adoptions.c.seq)


def adoptions(connection: sa.Connection) -> tuple[Adoption, ...]:
    """Answer which version of the playbook was in force from when on."""
    return tuple(Adoption(row.version, instant(row.adopted_at)) for row in connection.execute(_ADOPTIONS))


_PAGES: Final = (
    sa.select(t.pages.c.incident, t.pages.c.person, t.pages.c.at)
    .where(t.pages.c.at >= _given, t.pages.c.at < sa.bindparam("until"))
    .order_by(t.pages.c.at, t.pages.c.incident, t.pages.c.number)
    .limit(sa.bindparam("limit"))
)


def pages(connection: sa.Connection, since: Instant, until: Instant, limit: int) -> tuple[PageRecord, ...]:
    """Answer the pages from one instant to before another, oldest first."""
    asked = {"given": nanoseconds(since), "until": nanoseconds(until), "limit": limit}
    found = connection.execute(_PAGES, asked)
    return tuple(PageRecord(IncidentId(row.incident), PersonId(row.person), instant(row.at)) for row in found)
