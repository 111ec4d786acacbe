"""The reconciler, the watcher, the handler and the playbooks, step by step."""

import asyncio

import pytest
from msgspec.structs import replace
from whenever import TimeDelta

from tocsin.core import events as e
from tocsin.core.arrangements import Override
from tocsin.core.commands import Acknowledge, AddNote, SetStage
from tocsin.core.events import Actor
from tocsin.core.ids import IncidentId, PersonId, RotationId
from tocsin.core.stages import Stage
from tocsin.metrics.port import Figure
from tocsin.store.port import Change, StoreUnavailable

from ..builders import TUESDAY_MORNING, by, minutes
from .conftest import Whole
from .told import alert

NOW = TUESDAY_MORNING
MARA = by("mara-lindqvist")
SEV2_ALERT = "agent-booster.p95-major"


@pytest.mark.clause("E4")
async def test_the_reconciler_wakes_what_is_due_and_says_when_to_come_back(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    following = await whole.reconciler.step(NOW)
    assert following == NOW + minutes(2)
    assert len(await whole.of(e.PersonPaged)) == 1

    whole.later(minutes=5)
    await whole.reconciler.step(whole.clock.at)

    assert len(await whole.of(e.PersonPaged)) == 2


async def test_an_early_a_late_and_a_doubled_tick_are_harmless(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    before = len(await whole.timeline())
    await whole.reconciler.step(NOW - minutes(1))
    assert len(await whole.timeline()) == before

    whole.later(minutes=5)
    await asyncio.gather(*(whole.reconciler.step(whole.clock.at) for _ in range(5)))

    assert len(await whole.of(e.PersonPaged)) == 2


async def test_one_incident_that_cannot_be_decided_does_not_keep_the_others_from_being_woken(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    await whole.alerts(alert("agentdb.cache-major", since=NOW))
    whole.store._timelines[IncidentId("INC-1")].reverse()  # A timeline that no fold can read.
    whole.handler.forget([IncidentId("INC-1"), IncidentId("INC-2")])

    following = await whole.later(minutes=5).reconciler.step(whole.clock.at)

    assert len(await whole.of(e.PersonPaged, "INC-2")) == 2
    assert following is not None
    assert following > whole.clock.at, "the one that fails is tried again later, not at once for ever"


async def test_after_a_restart_the_deadlines_are_the_same(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    other = await whole.again().start()

    assert await other.reconciler.step(NOW) == await whole.reconciler.step(NOW)


async def test_two_at_once_on_one_incident_are_both_carried_out(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    other = await whole.again().start()

    await asyncio.gather(
        whole.do(AddNote(by=MARA, text="one")), other.do(AddNote(by=MARA, text="two")), whole.do(Acknowledge(by=MARA))
    )

    notes = [event.text for event in await whole.timeline() if isinstance(event, e.NoteAdded)]
    assert sorted(notes) == ["one", "two"]
    assert len(await whole.of(e.Acknowledged)) == 1


async def test_a_decision_made_on_an_old_timeline_is_made_anew(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    other = await whole.again().start()
    await other.do(AddNote(by=MARA, text="hello"))
    await whole.do(Acknowledge(by=MARA))

    assert await other.do(Acknowledge(by=MARA)) == (), "decided on what the other one wrote"
    assert len(await whole.of(e.Acknowledged)) == 1


async def test_time_never_runs_backwards_in_a_timeline(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    await whole.later(minutes=-30).do(AddNote(by=MARA, text="the clock was set back"))

    at = [event.at for event in await whole.timeline()]
    assert at == sorted(at)


async def test_an_open_incident_keeps_the_playbook_it_was_opened_under(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    old = whole.playbooks.current
    newer = replace(old, version="2.0", rows=dict.fromkeys(old.rows, ()))
    await whole.playbooks.adopt(newer, NOW)

    whole.later(minutes=5)
    await whole.reconciler.step(whole.clock.at)
    assert len(await whole.of(e.PersonPaged)) == 2

    restarted = Whole(whole.store, newer, whole.clock.at, whole.channel)
    incident = await restarted.handler.load(IncidentId("INC-1"))
    assert (await restarted.playbooks.of(incident)).version == old.version
    assert (await restarted.playbooks.of(None)).version == "2.0"


@pytest.mark.clause("O4")
async def test_who_is_on_call_changes_with_the_shift_and_with_an_override(whole: Whole) -> None:
    rotation = RotationId("sre-primary")
    monday = NOW + TimeDelta(hours=24 * 7)
    this_week = (await whole.playbooks.situation(None, NOW)).duty[rotation][0]
    next_week = (await whole.playbooks.situation(None, monday)).duty[rotation][0]
    assert this_week != next_week

    override = Override(rotation, PersonId("mara-lindqvist"), NOW + minutes(10), NOW + minutes(20))
    await whole.store.commit(Change(arrangements=(override,)))
    await whole.playbooks.refresh(NOW)

    for after, expected in ((0, this_week), (10, "mara-lindqvist"), (19, "mara-lindqvist"), (20, this_week)):
        assert (await whole.playbooks.situation(None, NOW + minutes(after))).duty[rotation] == (expected,)
    standing_in = await whole.playbooks.situation(None, override.starts_at)
    assert standing_in.shift_ends_at(rotation, override.person) == override.ends_at
    assert standing_in.shift_ends_at(rotation, this_week) is None, "they are not on call now"


@pytest.mark.clause("V1", "D3")
async def test_the_watcher_tells_open_incidents_what_was_measured(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))

    following = await whole.watcher.step(NOW)

    assert following == NOW + whole.playbooks.current.watch.asks_every
    (measured,) = await whole.of(e.ObjectivesMeasured)
    assert isinstance(measured, e.ObjectivesMeasured)
    assert measured.verdict == "no_data"
    assert len(measured.samples) == 3, "two objectives and the health endpoint"


async def test_the_watcher_asks_in_its_rhythm_unless_it_is_hurried(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    await whole.watcher.step(NOW)
    asked = len(whole.service.asked)
    await whole.watcher.step(NOW + TimeDelta(seconds=1))
    assert len(whole.service.asked) == asked

    whole.watcher.hurry()
    await whole.watcher.step(NOW + TimeDelta(seconds=2))

    assert len(whole.service.asked) == asked * 2


async def test_a_clock_set_back_tears_no_gap_into_the_watch(whole: Whole) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    await whole.watcher.step(NOW)
    asked = len(whole.service.asked)

    await whole.watcher.step(NOW - minutes(10))

    assert len(whole.service.asked) > asked


async def test_with_nothing_open_nothing_is_asked(whole: Whole) -> None:
    await whole.watcher.step(NOW)

    assert whole.service.asked == []


@pytest.mark.clause("V2")
async def test_the_watch_proves_recovery_over_the_window(whole: Whole) -> None:
    await whole.alerts(alert("router.success-major", since=NOW))
    await whole.alerts(alert("router.success-major", status="resolved", since=NOW))
    await whole.do(Acknowledge(by=MARA))
    await whole.do(SetStage(by=MARA, stage=Stage.MONITORING))
    whole.service.figure = Figure(0.999)
    until = NOW + minutes(31)
    while whole.clock.at < until:
        whole.later(seconds=15)
        await whole.watcher.step(whole.clock.at)

    last = [event for event in await whole.timeline() if isinstance(event, e.ObjectivesMeasured)][-1]
    assert last.window_began_at is not None
    assert last.at - last.window_began_at >= minutes(30)


async def test_a_store_that_fails_keeps_nothing_and_forgets_nothing(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    await whole.alerts(alert(SEV2_ALERT, since=NOW))
    works = whole.store.commit

    async def fails(change: Change) -> None:
        raise StoreUnavailable("no disk")

    monkeypatch.setattr(whole.store, "commit", fails)
    with pytest.raises(StoreUnavailable):
        await whole.do(Acknowledge(by=Actor(PersonId("mara-lindqvist"))))
    assert not await whole.of(e.Acknowledged)

    monkeypatch.setattr(whole.store, "commit", works)
    assert await whole.do(Acknowledge(by=MARA))
