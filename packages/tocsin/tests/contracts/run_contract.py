"""What every store must do for runs: hold a component for one of them, say what is owed, count what helped."""

import asyncio
from typing import Any

import pytest

from tocsin.core.actions import ActionId
from tocsin.core.ids import ComponentId, RunId
from tocsin.core.suggestions import Record
from tocsin.store.port import Change, Held, Lease, RunRow, Store

from .store_values import NOON, a_note, after, following, incident_id, opening

BOOSTER, AGENTDB = ComponentId("agent-booster"), ComponentId("agentdb")


def a_run(number: int, run: str = "R1", **changed: Any) -> RunRow:
    values: dict[str, Any] = {
        "incident": incident_id(number),
        "run": RunId(run),
        "component": BOOSTER,
        "action": ActionId("agent-booster.undo"),
        "holds": BOOSTER,
        "state": "ready",
        "next_at": NOON,
    }
    return RunRow(**(values | changed))


def over(number: int, run: str = "R1", **changed: Any) -> RunRow:
    return a_run(number, run, **({"holds": None, "state": "over", "next_at": None} | changed))


class RunContract:
    """Run on every store."""

    async def test_what_one_run_holds_no_other_can(self, store: Store) -> None:
        await store.commit(Change(appends=(opening(1),), runs=(a_run(1),)))
        with pytest.raises(Held) as refused:
            await store.commit(Change(appends=(opening(2),), runs=(a_run(2),)))
        assert (refused.value.component, refused.value.incident, refused.value.run) == (BOOSTER, "INC-1", "R1")
        assert await store.headline(incident_id(2)) is None, "nothing of the change was kept"
        await store.commit(Change(appends=(opening(2),), runs=(a_run(2, component=AGENTDB, holds=AGENTDB),)))

    async def test_the_same_run_may_go_on_holding_and_then_lets_go(self, store: Store) -> None:
        await store.commit(Change(runs=(a_run(1),)))
        await store.commit(Change(runs=(a_run(1, state="started", next_at=after(1)),)))
        await store.commit(Change(runs=(over(1),)))
        await store.commit(Change(runs=(a_run(2),)))
        assert [row.key for row in await store.runs_due(NOON, 9)] == [(incident_id(2), "R1")]

    async def test_one_change_may_let_go_and_take(self, store: Store) -> None:
        await store.commit(Change(runs=(a_run(1),)))
        await store.commit(Change(runs=(over(1), a_run(1, "R2"))))
        assert [row.run for row in await store.runs_due(NOON, 9)] == ["R2"]

    async def test_of_two_who_take_at_the_same_instant_one_is_told_who_was_first(self, store: Store) -> None:
        await store.commit(Change(appends=(opening(1), opening(2), opening(3))))
        takes = [
            store.commit(Change(appends=(following(number, 1, a_note("mine")),), runs=(a_run(number),)))
            for number in (1, 2, 3)
        ]
        answers = await asyncio.gather(*takes, return_exceptions=True)
        assert sorted(type(answer).__name__ for answer in answers) == ["Held", "Held", "NoneType"]

    async def test_what_is_owed_is_answered_longest_due_first(self, store: Store) -> None:
        rows = [over(n, state="ready", next_at=after(at)) for n, at in ((1, 5), (2, 3), (3, 9))]
        await store.commit(Change(runs=tuple(rows)))
        assert [row.incident for row in await store.runs_due(after(6), 9)] == ["INC-2", "INC-1"]
        assert [row.incident for row in await store.runs_due(after(99), 1)] == ["INC-2"]
        assert await store.next_run_at() == after(3)
        await store.commit(Change(runs=tuple(over(n) for n in (1, 2, 3))))
        assert await store.next_run_at() is None

    async def test_a_lease_is_renewed_of_what_is_being_done_and_of_nothing_else(self, store: Store) -> None:
        await store.commit(Change(runs=(a_run(1, state="started", next_at=after(1)), over(2))))
        leases = [Lease(incident_id(number), RunId("R1"), after(7)) for number in (1, 2, 3)]
        await store.commit(Change(leases=tuple(leases)))
        assert await store.runs_due(after(6), 9) == ()
        (row,) = await store.runs_due(after(7), 9)
        assert row == a_run(1, state="started", next_at=after(7))

    async def test_what_was_judged_is_counted_by_action_for_the_components_asked_for(self, store: Store) -> None:
        undo, restart = ActionId("agent-booster.undo"), ActionId("agent-booster.restart")
        judged = [("improved", undo), ("improved", undo), ("unchanged", undo), ("worse", restart), ("no_data", restart)]
        rows = [over(n, verdict=verdict, action=action) for n, (verdict, action) in enumerate(judged, start=1)]
        await store.commit(Change(runs=(*rows, over(9), over(8, component=AGENTDB, verdict="improved"))))
        assert await store.helped((BOOSTER,)) == {undo: Record(3, 2), restart: Record(1, 0)}
        assert await store.helped(()) == {}
