"""What should run, and how undo finds its way through the history."""

from __future__ import annotations

import pytest

from agentic_flow.supervisor import revisions
from agentic_flow.supervisor.revisions import OrderRefused, Plan

AT = "2026-01-01T00:00:00+00:00"


def plan() -> Plan:
    return revisions.first_plan("booster", "1.9.0", 2, {"BATCH_SIZE": "5"}, AT)


def test_undo_goes_back_one_revision() -> None:
    bad = revisions.deploy(plan(), "1.9.1", AT)
    good = revisions.undo(bad, None, AT)
    assert (good.current.number, good.current.release, good.current.cause) == (3, "1.9.0", "undo to revision 1")


def test_undo_after_a_restart_leads_to_the_same_bad_release() -> None:
    restarted = revisions.restart(revisions.deploy(plan(), "1.9.1", AT), AT)
    assert revisions.undo(restarted, None, AT).current.release == "1.9.1"
    assert revisions.undo(restarted, 1, AT).current.release == "1.9.0"
    assert [revision.release for revision in restarted.revisions] == ["1.9.0", "1.9.1", "1.9.1"]


def test_undo_brings_back_environment_and_memory_too() -> None:
    changed = revisions.set_memory(
        revisions.set_environment(plan(), {"BATCH_SIZE": None, "BATCH_MODE": "true"}, AT), 512, AT
    )
    assert (changed.current.environment, changed.current.memory_mib) == ({"BATCH_MODE": "true"}, 512)
    first = revisions.undo(changed, 1, AT).current
    assert (first.environment, first.memory_mib) == ({"BATCH_SIZE": "5"}, None)


def test_scaling_is_no_revision() -> None:
    assert revisions.scale(plan(), 6).revisions == plan().revisions


def test_the_history_is_bounded() -> None:
    long = plan()
    for _ in range(200):
        long = revisions.restart(long, AT)
    assert len(long.revisions) == 50
    assert long.current.number == 201


@pytest.mark.parametrize(
    "order",
    [
        lambda: revisions.undo(plan(), None, AT),
        lambda: revisions.undo(plan(), 7, AT),
        lambda: revisions.scale(plan(), 0),
        lambda: revisions.scale(plan(), 1000),
        lambda: revisions.set_memory(plan(), 1, AT),
        lambda: revisions.set_memory(plan(), 10**30, AT),
        lambda: revisions.set_environment(plan(), {"A=B": "x"}, AT),
        lambda: revisions.set_environment(plan(), {"A": "\0"}, AT),
    ],
)
def test_orders_without_sense_are_refused_with_a_remedy(order) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(OrderRefused) as caught:
        order()
    assert caught.value.remedy
