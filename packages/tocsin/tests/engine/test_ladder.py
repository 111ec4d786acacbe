"""A ladder over time and trouble: another playbook comes into force, and the server is gone for a while."""

import asyncio

import msgspec
import pytest
from whenever import TimeDelta

from tocsin.core import events as e
from tocsin.core.commands import Acknowledge, Declare
from tocsin.core.contact import MethodKind, NotificationRule
from tocsin.core.events import Actor, AnyEvent, Evidence, PersonPaged
from tocsin.core.ids import ComponentId, IncidentId, PersonId, RoleName, Severity
from tocsin.core.narration import narrate
from tocsin.core.rules import Page, Rulebook, ThePerson
from tocsin.store.memory import MemoryStore

from ..builders import SEV1, SEV2, SUNDAY_NIGHT, Tale, changed
from .conftest import RememberingChannel, Whole, rules_now
from .test_storm import pass_until

PRIMARY, SECONDARY = Tale(SUNDAY_NIGHT).primary, Tale(SUNDAY_NIGHT).secondary
STRANGER = PersonId("chiara-conti")


async def at_night(rules: Rulebook | None = None) -> Whole:
    return await Whole(MemoryStore(), rules or rules_now(), SUNDAY_NIGHT, RememberingChannel()).start()


async def declared(whole: Whole, incident: str, severity: Severity) -> None:
    command = Declare(
        incident=IncidentId(incident),
        title="Agent Booster: no operation succeeds",
        components=(ComponentId("agent-booster"),),
        severity=severity,
        evidence=Evidence("agent-booster.down", "C3", "0 % of operations succeed"),
        detected_at=whole.clock.at,
        group_key=incident,
    )
    await whole.do(command, incident)


def asked(events: list[AnyEvent]) -> list[PersonId]:
    return [event.person for event in events if isinstance(event, PersonPaged)]


@pytest.mark.clause("D2", "R1")
async def test_of_two_who_answer_in_the_same_moment_both_are_written_and_one_leads() -> None:
    whole = await at_night()
    await declared(whole, "INC-1", SEV1)
    await pass_until(whole, SUNDAY_NIGHT + TimeDelta(minutes=6))

    await asyncio.gather(*(whole.do(Acknowledge(by=Actor(person))) for person in (SECONDARY, PRIMARY)))

    answered = {event.by.person for event in await whole.of(e.Acknowledged)}
    assert answered == {PRIMARY, SECONDARY}
    incident = await whole.handler.load(IncidentId("INC-1"))
    assert incident is not None
    assert set(incident.responders) == answered
    assert incident.roles[RoleName("incident_commander")] == incident.responders[0]


def another_playbook() -> Rulebook:
    """A later version, in which a SEV2 asks a stranger first."""
    rules = rules_now()
    rows = tuple(
        changed(row, then=(Page(ThePerson(STRANGER)),)) if ".ladder." in row.id else row  # type: ignore[arg-type]
        for row in rules.rows[SEV2]
    )
    return changed(rules, version="2.0+another", rows={**rules.rows, SEV2: rows})


@pytest.mark.clause("E2")
@pytest.mark.parametrize("restarted", [False, True], ids=["running", "and started again"])
async def test_an_incident_climbs_the_ladder_that_it_was_opened_under(restarted: bool) -> None:
    whole = await at_night()
    await declared(whole, "INC-1", SEV2)
    await pass_until(whole, SUNDAY_NIGHT + TimeDelta(minutes=3))

    await whole.playbooks.adopt(another_playbook(), whole.clock.at)
    if restarted:
        whole = await whole.again().start()
        assert whole.playbooks.current.version == "2.0+another"
    await declared(whole, "INC-2", SEV2)
    await pass_until(whole, SUNDAY_NIGHT + TimeDelta(minutes=16))

    assert asked(await whole.of(PersonPaged, "INC-1")) == [PRIMARY, SECONDARY, PersonId("mara-lindqvist")]
    by_the_new_one = asked(await whole.of(PersonPaged, "INC-2"))
    assert STRANGER in by_the_new_one
    assert SECONDARY not in by_the_new_one


@pytest.mark.clause("E2", "E4", "C2", "K1")
async def test_after_twenty_minutes_away_each_thing_that_came_due_is_done_once_in_order_and_said_to_be_late() -> None:
    rules = rules_now()
    eager = changed(
        rules.people[PRIMARY],  # type: ignore[arg-type]
        notify=(NotificationRule(by=(MethodKind.PAGER,), every=TimeDelta(minutes=4)),),
    )
    whole = await at_night(changed(rules, people={**rules.people, PRIMARY: eager}, storm=None))
    await declared(whole, "INC-1", SEV1)
    while await whole.dispatch() == whole.clock.at:
        pass
    before = len(await whole.timeline())

    whole.later(minutes=20)  # Nobody was there: neither a tick nor a delivery.
    whole = await whole.again().start()
    back_at = whole.clock.at
    while (following := await whole.reconciler.step(back_at)) is not None and following <= back_at:
        pass

    came = (await whole.timeline())[before:]
    done = [event for event in came if isinstance(event, e.StepTaken | e.DeadlineMissed | e.PageRepeated)]
    names = [event.page if isinstance(event, e.PageRepeated) else event.rule for event in done]
    assert len(names) == len(set(names)), "each once"
    assert {"sev1.ladder.2", "sev1.acknowledge", "sev1.update.incident-channel", "sev1.assessment"} <= set(names)
    assert [event.at for event in done] == [back_at] * len(done)
    first_due = [event for event in done if not isinstance(event, e.DeadlineMissed) or event.rounds == 1]
    assert [event.due_at for event in first_due] == sorted(event.due_at for event in first_due), "in order"
    (rung,) = (event for event in done if isinstance(event, e.StepTaken) and event.rule == "sev1.ladder.2")
    assert narrate(rung, rules).endswith(", 15 min late")
    (again,) = (event for event in done if isinstance(event, e.PageRepeated))
    assert (again.due_at, "16 min late" in narrate(again, rules)) == (SUNDAY_NIGHT + TimeDelta(minutes=4), True)
    (channel,) = (e_ for e_ in done if isinstance(e_, e.DeadlineMissed) and e_.rule == "sev1.update.incident-channel")
    assert channel.rounds == 4
    assert asked(came) == [SECONDARY], "the rung after has its own ten minutes from now on"
    assert (await whole.store.headlines())[0].next_due_at is not None
    assert msgspec.structs.asdict(rung)["due_at"] == SUNDAY_NIGHT + TimeDelta(minutes=5)
    assert await whole.unaccounted() == 0
