"""The step that opens hand-offs and test pages: once, in time, across restarts (O3)."""

import pytest
from msgspec.structs import replace
from whenever import Instant

from tocsin.core import events as e
from tocsin.core.arrangements import Override
from tocsin.core.commands import Acknowledge, AddNote, Declare, ReachMilestone
from tocsin.core.events import TOCSIN, Evidence
from tocsin.core.ids import ArrangementId, IncidentId, PersonId, RotationId, Severity
from tocsin.core.kinds import Kind
from tocsin.engine.errand_views import ErrandViews
from tocsin.engine.errands import ALIVE
from tocsin.store.memory import MemoryStore
from tocsin.store.port import Beat, Change, Headline

from ..builders import BOOSTER, SEV1, by, changed, minutes
from .conftest import RememberingChannel, Whole, rules_now


def declare(severity: Severity) -> Declare:
    return Declare(
        incident=IncidentId("INC-1"),
        title="Nothing works",
        components=(BOOSTER,),
        severity=severity,
        evidence=Evidence("row", "C3", "0 % of operations succeed"),
        detected_at=FRIDAY - minutes(30),
        group_key="agent-booster",
    )


MONDAY = Instant.from_utc(2026, 11, 30)
FRIDAY = MONDAY - minutes(56 * 60)
TEST_DAY = Instant.from_utc(2026, 12, 10, 10)
PRIMARY = RotationId("sre-primary")
OLD, NEW = PersonId("aisha-bello"), PersonId("daniel-kerr")


async def started(at: Instant) -> Whole:
    return await Whole(MemoryStore(), rules_now(), at, RememberingChannel()).start()


async def errands(whole: Whole, kind: Kind, *, open_only: bool = False) -> list[Headline]:
    return list(reversed(await whole.store.headlines(kind=kind, open_only=open_only)))


async def look(whole: Whole, at: Instant) -> Instant | None:
    whole.clock.at = at
    return await whole.errands.step(at)


async def primary(whole: Whole, at: Instant) -> tuple[PersonId, ...]:
    return (await whole.playbooks.situation(None, at)).duty[PRIMARY]


@pytest.mark.clause("O3")
async def test_a_hand_off_opens_before_the_change_of_shift_and_only_once() -> None:
    whole = await started(FRIDAY - minutes(60))
    assert await look(whole, FRIDAY - minutes(60)) == FRIDAY
    assert await errands(whole, Kind.HANDOFF) == []
    for _ in range(3):
        await look(whole, FRIDAY)
    opened = await errands(whole, Kind.HANDOFF)
    assert [each.id for each in opened] == ["HO-1", "HO-2"]
    assert opened[0].title == "SRE primary from Aisha Bello to Daniel Kerr"
    again = await whole.again().start()
    await look(again, FRIDAY + minutes(1))
    assert len(await errands(again, Kind.HANDOFF)) == 2
    assert await whole.store.headlines() == (), "it is no incident"
    assert (await whole.store.counts(FRIDAY)).open_incidents == 0
    assert await whole.unaccounted() == 0


@pytest.mark.clause("O3")
async def test_pages_go_to_both_from_the_change_on_until_it_is_accepted_a_restart_included() -> None:
    whole = await started(FRIDAY)
    await look(whole, FRIDAY)
    assert await primary(whole, MONDAY - minutes(1)) == (OLD,)
    assert await primary(whole, MONDAY) == (NEW, OLD)
    again = await whole.again().start()
    again.clock.at = MONDAY + minutes(2)
    assert await primary(again, again.clock.at) == (NEW, OLD)
    await again.do(declare(SEV1), "INC-1")
    paged = {event.person for event in await again.of(e.PersonPaged, "INC-1")}
    assert {NEW, OLD} <= paged
    await again.do(Acknowledge(by=by(NEW)), "HO-1")
    assert await primary(again, again.clock.at) == (NEW,)


@pytest.mark.clause("O3")
async def test_a_tocsin_that_slept_over_the_change_opens_it_late_and_one_that_never_ran_does_not() -> None:
    late = MONDAY + minutes(90)
    fresh = await started(late)
    await look(fresh, late)
    assert await errands(fresh, Kind.HANDOFF) == []

    slept = Whole(MemoryStore(), rules_now(), late, RememberingChannel())
    await slept.store.commit(Change(beats=(Beat(ALIVE, FRIDAY - minutes(5)),)))
    await slept.start()
    await look(slept, late)
    assert len(await errands(slept, Kind.HANDOFF)) == 2
    assert await primary(slept, late) == (NEW, OLD)


@pytest.mark.clause("O3", "O4")
async def test_a_change_of_the_plan_calls_the_hand_off_off_and_opens_the_one_that_comes() -> None:
    whole = await started(FRIDAY)
    await look(whole, FRIDAY)
    stands_in = Override(PRIMARY, PersonId("ines-moreau"), MONDAY - minutes(60), MONDAY + minutes(600))
    await whole.store.commit(Change(arrangements=(stands_in,)))
    await whole.playbooks.refresh(FRIDAY)
    await look(whole, FRIDAY + minutes(30))
    by_title = {each.title: each for each in await errands(whole, Kind.HANDOFF)}
    assert by_title["SRE primary from Aisha Bello to Daniel Kerr"].closed
    open_now = [each.title for each in await errands(whole, Kind.HANDOFF, open_only=True)]
    assert "SRE primary from Aisha Bello to Ines Moreau" in open_now


@pytest.mark.clause("O3", "O4")
@pytest.mark.parametrize("accepted", [False, True])
async def test_a_shift_that_goes_back_before_it_was_taken_over_leaves_no_hand_off(accepted: bool) -> None:
    whole = await started(FRIDAY)
    await look(whole, FRIDAY)
    stand_in = PersonId("ines-moreau")
    stands_in = Override(PRIMARY, stand_in, FRIDAY + minutes(1), FRIDAY + minutes(600), id=ArrangementId("OV-1"))
    await whole.store.commit(Change(arrangements=(stands_in,)))
    await whole.playbooks.refresh(FRIDAY)
    await look(whole, FRIDAY + minutes(2))
    there = {each.title: each for each in await errands(whole, Kind.HANDOFF)}[
        "SRE primary from Aisha Bello to Ines Moreau"
    ]
    if accepted:
        await whole.do(Acknowledge(by=by(stand_in)), there.id)

    taken_back = replace(stands_in, withdrawn_at=FRIDAY + minutes(5))
    await whole.store.commit(Change(arrangements=(taken_back,)))
    await whole.playbooks.refresh(FRIDAY + minutes(5))
    await look(whole, FRIDAY + minutes(6))
    await look(whole, FRIDAY + minutes(7))

    opened = [each.title for each in await errands(whole, Kind.HANDOFF, open_only=True)]
    assert (there.title in opened) is accepted, "who took it over still owes the checklist"
    assert await primary(whole, FRIDAY + minutes(8)) == (OLD,)


@pytest.mark.clause("O3")
async def test_the_packet_holds_what_is_open_and_due_and_the_notes_that_people_add() -> None:
    whole = await started(FRIDAY - minutes(30))
    await whole.do(declare(SEV1), "INC-1")
    await look(whole, FRIDAY)
    declared = (await whole.timeline("HO-1"))[0]
    assert isinstance(declared, e.IncidentDeclared)
    assert "INC-1" in declared.description
    await whole.dispatch()
    assert any(
        "INC-1" in message.text and message.subject.startswith("hand-off HO-1") for message, *_ in whole.channel.got
    )
    await whole.do(AddNote(by=by(OLD), text="agentdb-3 is slow since Friday"), "HO-1")
    view = await ErrandViews(whole.store, whole.handler).handoff(IncidentId("HO-1"), FRIDAY)
    assert view is not None
    assert [case.id for case in view.packet.open] == ["INC-1"]
    assert view.packet.open[0].owed
    assert [note.text for note in view.packet.notes] == ["agentdb-3 is slow since Friday"]
    await whole.do(ReachMilestone(by=by(OLD), milestone="meeting"), "HO-1")
    view = await ErrandViews(whole.store, whole.handler).handoff(IncidentId("HO-1"), FRIDAY)
    assert view is not None
    assert [(step.name, step.by) for step in view.steps if step.done_at] == [("meeting", OLD)]


async def test_the_link_of_a_hand_off_is_for_whoever_is_asked() -> None:
    whole = await started(FRIDAY)
    await look(whole, FRIDAY)
    await whole.dispatch()
    links = {(message.incident, bool(message.acknowledge_url), address) for message, address, _ in whole.channel.got}
    asked = whole.playbooks.current.people[NEW].methods
    assert {address for name, linked, address in links if name == "HO-1" and linked} <= {each.address for each in asked}
    assert any(linked for name, linked, _ in links if name == "HO-1")


async def test_everybody_on_the_rotations_is_tested_once_a_month() -> None:
    whole = await started(TEST_DAY - minutes(10))
    await look(whole, TEST_DAY - minutes(10))
    assert await errands(whole, Kind.DRILL) == []
    for _ in range(2):
        await look(whole, TEST_DAY)
    await look(await whole.again().start(), TEST_DAY + minutes(3))
    opened = await errands(whole, Kind.DRILL)
    assert len(opened) == len(whole.playbooks.current.test_pages.people) == 4
    await look(whole, TEST_DAY.to_tz("UTC").add(months=1).to_instant())
    assert len(await errands(whole, Kind.DRILL)) == 8


async def test_the_monthly_test_pages_go_by_the_clock_of_their_zone_and_after_a_sleep_as_soon_as_it_is_over() -> None:
    book = rules_now()
    here = changed(book, test_pages=replace(book.test_pages, zone="Asia/Kathmandu"))
    due = TEST_DAY - minutes(5 * 60 + 45)
    whole = await Whole(MemoryStore(), here, due - minutes(10), RememberingChannel()).start()
    await look(whole, due - minutes(1))
    assert await errands(whole, Kind.DRILL) == []
    await look(whole, due + minutes(240))
    assert len(await errands(whole, Kind.DRILL)) == 4


async def test_a_missed_monthly_test_page_becomes_an_incident_until_the_next_one_is_answered() -> None:
    whole = await started(TEST_DAY - minutes(10))
    await look(whole, TEST_DAY)
    await whole.do(Acknowledge(by=by("ines-moreau")), "TEST-1")
    whole.later(minutes=24 * 60)
    await whole.reconciler.step(whole.clock.now())
    await whole.take_in()
    missed = [each for each in await whole.store.headlines() if "test page" in each.title]
    assert {each.severity for each in missed} == {"SEV4"}
    assert len(await whole.store.alerts_of(missed[0].id)) == 3
    again = await whole.again().start()
    await again.take_in()
    assert len(await again.store.headlines()) == len(await whole.store.headlines()), "a restart says nothing twice"

    await look(again, TEST_DAY.to_tz("UTC").add(months=1).to_instant())
    for headline in await errands(again, Kind.DRILL, open_only=True):
        incident = await again.handler.load(headline.id)
        assert incident is not None
        await again.do(Acknowledge(by=by(next(iter(incident.roles.values())))), headline.id)
    await again.take_in()
    assert {alert.status for alert in await again.store.alerts_of(missed[0].id)} == {"resolved"}


async def test_a_test_page_asked_for_by_hand_is_one_as_long_as_it_waits_and_counts_against_nobody() -> None:
    whole = await started(MONDAY)
    first = await whole.errands.test(NEW, TOCSIN, MONDAY)
    assert await whole.errands.test(NEW, TOCSIN, MONDAY) == first
    whole.later(minutes=25 * 60)
    await whole.reconciler.step(whole.clock.now())
    await whole.take_in()
    assert [each for each in await whole.store.headlines() if "test page" in each.title] == []
    assert await whole.errands.test(NEW, TOCSIN, whole.clock.now()) != first
    counted = whole.telemetry.registry.get_sample_value
    assert counted("tocsin_errands_total", {"kind": "drill", "outcome": "missed"}) == 1
    assert counted("tocsin_deadlines_missed_total", {"clause": "local"}) is None, "a drill colours no figure"


async def test_a_test_page_says_what_happened_by_each_method_and_in_what_time() -> None:
    whole = await started(MONDAY)
    name = await whole.errands.test(NEW, TOCSIN, MONDAY)
    whole.later(seconds=2)
    await whole.dispatch()
    whole.later(seconds=28)
    await whole.do(Acknowledge(by=by(NEW)), name)
    view = await ErrandViews(whole.store, whole.handler).test_page(name)
    assert view is not None
    assert (view.outcome, view.answered_after_s, view.answered_via) == ("done", 30.0, "test")
    methods = whole.playbooks.current.people[NEW].methods
    assert {each.kind for each in view.methods} == {each.kind.value for each in methods}
    assert {(each.state, each.after_s) for each in view.methods} == {("accepted", 2.0)}
    assert all(message.drill for message, *_ in whole.channel.got)
