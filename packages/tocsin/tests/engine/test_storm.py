"""Fifty incidents in one breath: whoever is on call is rung once, told how many there are, and no page is lost."""

from collections import Counter

import pytest
from whenever import Instant, TimeDelta

from tocsin.core import events as e
from tocsin.core.commands import Acknowledge
from tocsin.core.contact import RINGING
from tocsin.core.events import Actor, PersonPaged
from tocsin.core.ids import IncidentId, PersonId
from tocsin.core.messages import MessageKind
from tocsin.core.rules import GroupPolicy
from tocsin.store.memory import MemoryStore

from ..builders import SUNDAY_NIGHT, Tale, changed
from .conftest import RememberingChannel, Whole, rules_now

FIFTY = 50
PRIMARY, SECONDARY = Tale(SUNDAY_NIGHT).primary, Tale(SUNDAY_NIGHT).secondary


@pytest.fixture
async def stormy() -> Whole:
    rules = changed(rules_now(), grouping=GroupPolicy(by=("region",)), heartbeats={})
    return await Whole(MemoryStore(), rules, SUNDAY_NIGHT, RememberingChannel()).start()


async def storm(whole: Whole, number: int = FIFTY) -> list[IncidentId]:
    """Let so many regions fail at the same time."""
    alerts = [
        {
            "status": "firing",
            "labels": {
                "alertname": "Slow",
                "component": "agent-booster",
                "severity": "SEV2",
                "region": f"r{place}",
            },
            "startsAt": whole.clock.at.format_iso(),
            "fingerprint": f"f{place}",
        }
        for place in range(number)
    ]
    await whole.alerts(*alerts)  # type: ignore[arg-type]
    found = [IncidentId(each) for each in await whole.incidents()]
    assert len(found) == number
    return found


async def pass_until(whole: Whole, until: Instant) -> None:
    """Let time pass, with everything done as it falls due."""
    while True:
        while await whole.dispatch() == whole.clock.at:
            pass
        due = [at for at in (await whole.store.next_due_at(), await whole.store.next_delivery_at()) if at is not None]
        at = max(min(due, default=until), whole.clock.at)
        if at > until:
            break
        whole.clock.at = at
        while (following := await whole.reconciler.step(at)) is not None and following <= at:
            pass
    whole.clock.at = until


async def rang(whole: Whole, incidents: list[IncidentId]) -> Counter[PersonId]:
    """Count the steps of pages that rang, by person."""
    found: Counter[PersonId] = Counter()
    for incident in incidents:
        for event in await whole.timeline(incident):
            if isinstance(event, PersonPaged | e.PageRepeated):
                found[event.person] += any(method.kind in RINGING for method in event.methods)
    return found


async def test_whoever_is_on_call_is_rung_once_and_told_of_fifty(stormy: Whole) -> None:
    incidents = await storm(stormy)

    await pass_until(stormy, SUNDAY_NIGHT + TimeDelta(minutes=2))

    assert await rang(stormy, incidents) == {PRIMARY: 1}
    pages = [message for message, _, _ in stormy.channel.got if message.kind is MessageKind.PAGE]
    assert len(pages) == 2, "one that rang, one that says how many there are"
    assert "You have 50 open pages" in pages[-1].text
    for incident in incidents:
        (page,) = [event for event in await stormy.timeline(incident) if isinstance(event, PersonPaged)]
        assert page.person == PRIMARY, "each incident has its page all the same"
    assert len(stormy.handler.awake.waiting_for(PRIMARY)) == FIFTY
    assert await stormy.unaccounted() == 0


@pytest.mark.clause("E4")
async def test_without_an_answer_the_ladder_of_each_goes_on_and_each_person_is_rung_a_few_times(
    stormy: Whole,
) -> None:
    incidents = await storm(stormy)

    await pass_until(stormy, SUNDAY_NIGHT + TimeDelta(minutes=29))

    for incident in incidents:
        asked = {event.person for event in await stormy.timeline(incident) if isinstance(event, PersonPaged)}
        assert {PRIMARY, SECONDARY, PersonId("mara-lindqvist")} <= asked
    counted = await rang(stormy, incidents)
    assert all(number <= 4 for number in counted.values()), counted
    assert counted[SECONDARY] >= 1
    assert await stormy.unaccounted() == 0


async def test_when_one_is_taken_the_others_stay_quiet_and_go_on_waiting(stormy: Whole) -> None:
    incidents = await storm(stormy)
    await pass_until(stormy, SUNDAY_NIGHT + TimeDelta(minutes=2))

    await stormy.do(Acknowledge(by=Actor(PRIMARY)), incidents[0])
    await pass_until(stormy, SUNDAY_NIGHT + TimeDelta(minutes=28))

    assert (await rang(stormy, incidents))[PRIMARY] == 1
    assert len(stormy.handler.awake.waiting_for(PRIMARY)) == FIFTY - 1


async def test_a_restart_in_the_storm_remembers_who_was_rung(stormy: Whole) -> None:
    incidents = await storm(stormy)
    await pass_until(stormy, SUNDAY_NIGHT + TimeDelta(minutes=1))

    after = await stormy.again().start()
    await pass_until(after, SUNDAY_NIGHT + TimeDelta(minutes=4))

    assert await rang(after, incidents) == {PRIMARY: 1}
    assert len(after.handler.awake.waiting_for(PRIMARY)) == FIFTY


async def test_what_could_not_be_kept_has_rung_nobody(stormy: Whole) -> None:
    (incident,) = await storm(stormy, 1)
    stormy.handler.forget([incident])

    assert stormy.handler.awake.waiting_for(PRIMARY) == ()
    await stormy.handler.load(incident)
    assert stormy.handler.awake.waiting_for(PRIMARY) == (incident,), "read again, it is known again"
