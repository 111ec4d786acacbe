"""Runs in memory: who holds a component, what the runner owes, and what helped."""

from collections.abc import Collection, Iterable, Mapping

from whenever import Instant

from tocsin.core.actions import ActionId
from tocsin.core.ids import ComponentId
from tocsin.core.suggestions import Record
from tocsin.store.run_rows import Held, Lease, RunRow

Key = tuple[str, str]


class RunsInMemory:
    """The rows of all runs, in order of arrival."""

    def __init__(self) -> None:
        self._rows: dict[Key, RunRow] = {}

    def check(self, rows: Iterable[RunRow]) -> None:
        """See that nothing is held twice after these. Raises `Held`."""
        after = {row.holds: row for row in self._rows.values() if row.holds}
        for row in rows:
            after = {holds: other for holds, other in after.items() if other.key != row.key}
            if row.holds and row.holds in after:
                raise Held(row.holds, *after[row.holds].key)
            if row.holds:
                after[row.holds] = row

    def put(self, rows: Iterable[RunRow], leases: Iterable[Lease]) -> None:
        """Keep these; a lease counts only of what is being done."""
        for row in rows:
            self._rows[row.key] = row
        for lease in leases:
            known = self._rows.get((lease.incident, lease.run))
            if known is not None and known.state == "started":
                self._rows[known.key] = known.leased_until(lease.until)

    def due(self, now: Instant, limit: int) -> tuple[RunRow, ...]:
        """Answer what the runner must look at, longest due first."""
        ripe = [(row.next_at, place, row) for place, row in enumerate(self._rows.values()) if row.next_at is not None]
        return tuple(row for at, _, row in sorted(ripe, key=lambda each: each[:2]) if at <= now)[:limit]

    def next_at(self) -> Instant | None:
        """Answer when the runner must look next."""
        return min((row.next_at for row in self._rows.values() if row.next_at is not None), default=None)

    def helped(self, components: Collection[ComponentId]) -> Mapping[ActionId, Record]:
        """Count what was judged on these components."""
        found: dict[ActionId, Record] = {}
        for row in self._rows.values():
            if row.component in components and row.counts:
                known = found.get(row.action, Record())
                found[row.action] = Record(known.tried + 1, known.helped + (row.verdict == "improved"))
        return found
