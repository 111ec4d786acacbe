"""From a body on the wire to an incident: grouping, silences, heartbeats, and what a restart in between leaves."""

import msgspec
import pytest
from msgspec.structs import replace
from whenever import TimeDelta

from tocsin.core import events as e
from tocsin.core.alert import Disposition, Matcher, Silence
from tocsin.core.commands import CloseIncident, Resolve
from tocsin.core.events import Actor
from tocsin.core.ids import AlertFingerprint, IncidentId, SilenceId
from tocsin.signals.port import Unreadable
from tocsin.store.port import Change, Conflict

from ..builders import SEV1, SEV2, SEV4, TUESDAY_MORNING, by, minutes
from .conftest import Whole
from .told import alert

NOW = TUESDAY_MORNING


async def test_an_accepted_alert_becomes_an_incident_with_its_evidence(whole: Whole) -> None:
    await whole.alerts(alert(since=NOW - minutes(2)))

    (declared,) = await whole.of(e.IncidentDeclared)
    assert isinstance(declared, e.IncidentDeclared)
    assert declared.severity == SEV1
    assert declared.detected_at == NOW - minutes(2)
    assert declared.evidence.rule == "agent-booster.down"
    assert await whole.unaccounted() == 0


async def test_a_storm_is_one_incident_for_each_component(whole: Whole) -> None:
    storm = [alert(instance=str(number), since=NOW) for number in range(700)]
    other = [alert("agentdb.cache-major", instance=str(number), since=NOW) for number in range(300)]
    body = {"version": "4", "alerts": [{"annotations": {}, **each} for each in (*storm, *other)]}

    await whole.intake.accept("alertmanager", msgspec.json.encode(body), NOW)
    await whole.take_in()

    assert len(await whole.incidents()) == 2
    found = [await whole.handler.load(IncidentId(name)) for name in await whole.incidents()]
    assert sorted(each.firing for each in found if each) == [300, 700]
    attached = [event for event in await whole.of(e.AlertsAttached) if isinstance(event, e.AlertsAttached)]
    assert sum(event.count for event in attached) == 700
    assert all(len(event.alerts) <= 20 for event in attached)


async def test_the_same_webhook_fifty_times_is_one_alert(whole: Whole) -> None:
    for _ in range(50):
        await whole.alerts(alert(since=NOW))

    assert len(await whole.of(e.AlertsAttached)) == 1


@pytest.mark.clause("C5")
async def test_a_worse_alert_raises_the_open_incident(whole: Whole) -> None:
    await whole.alerts(alert("agent-booster.p95-moderate", since=NOW))
    await whole.later(minutes=3).alerts(alert("agent-booster.down", since=NOW))

    (raised,) = await whole.of(e.SeverityRaised)
    assert isinstance(raised, e.SeverityRaised)
    assert raised.evidence.rule == "agent-booster.down"


@pytest.mark.clause("E1")
async def test_two_components_in_trouble_at_once_are_noticed(whole: Whole) -> None:
    await whole.alerts(alert("agent-booster.down", since=NOW))
    assert not await whole.of(e.SpreadNoticed)

    await whole.later(minutes=1).alerts(alert("agentdb.down", since=NOW))

    assert await whole.of(e.SpreadNoticed, "INC-2")


async def test_an_alert_that_fires_again_within_the_window_opens_the_incident_again(whole: Whole) -> None:
    await whole.alerts(alert(since=NOW))
    await whole.do(Resolve(by=by("x", commands=True), override_reason="fixed"))
    await whole.later(minutes=1).alerts(alert(status="resolved", since=NOW))
    await whole.later(minutes=30).alerts(alert(since=whole.clock.at))

    assert await whole.incidents() == ["INC-1"]
    assert await whole.of(e.IncidentReopened)


@pytest.mark.parametrize(("seconds", "incidents"), [(0, 1), (1, 2)])
async def test_after_the_window_it_is_a_new_incident(whole: Whole, seconds: int, incidents: int) -> None:
    await whole.alerts(alert(since=NOW))
    await whole.alerts(alert(status="resolved", since=NOW))
    await whole.do(Resolve(by=by("x", commands=True), override_reason="fixed"))
    await whole.later(minutes=60, seconds=seconds).alerts(alert(since=whole.clock.at))

    assert len(await whole.incidents()) == incidents


async def test_what_fires_after_its_incident_was_closed_is_a_new_incident_however_soon(whole: Whole) -> None:
    await whole.alerts(alert(since=NOW))
    await whole.alerts(alert(status="resolved", since=NOW))
    await whole.do(Resolve(by=by("x", commands=True), override_reason="fixed"))
    await whole.do(CloseIncident(by=by("x", commands=True), reason="nothing to learn"))
    await whole.later(minutes=1).alerts(alert(since=whole.clock.at))

    assert len(await whole.incidents()) == 2
    assert await whole.of(e.PersonPaged, "INC-2")


async def test_a_silenced_alert_waits_and_opens_its_incident_when_the_silence_ends(whole: Whole) -> None:
    silence = Silence(
        SilenceId("SIL-1"), "silence", (Matcher("component", "agent-booster"),), NOW, NOW + minutes(10), "mara", "work"
    )
    await whole.store.commit(Change(silences=(silence,)))
    await whole.alerts(alert(since=NOW))
    assert await whole.incidents() == []
    fingerprint = AlertFingerprint("agent-booster.down/0")
    kept = (await whole.store.alerts([fingerprint]))[fingerprint]
    assert (kept.disposition, kept.silence) == (Disposition.SILENCED, "SIL-1")
    assert await whole.unaccounted() == 0

    await whole.later(minutes=5).take_in()
    assert await whole.incidents() == []
    await whole.later(minutes=5).take_in()

    assert await whole.incidents() == ["INC-1"]


async def test_a_silence_ended_early_is_noticed_within_a_minute(whole: Whole) -> None:
    silence = Silence(
        SilenceId("SIL-1"), "maintenance", (Matcher("component", "agent-booster"),), NOW, NOW + minutes(60), "m", "work"
    )
    await whole.store.commit(Change(silences=(silence,)))
    await whole.alerts(alert(since=NOW))
    await whole.store.commit(Change(silences=(replace(silence, ended_early_at=NOW + minutes(2)),)))

    await whole.later(minutes=3).take_in()

    assert await whole.incidents() == ["INC-1"]


@pytest.mark.clause("C4")
async def test_a_watchdog_that_stops_is_a_monitoring_gap_and_its_return_clears_it(whole: Whole) -> None:
    watchdog: dict[str, object] = {"status": "firing", "labels": {"alertname": "Watchdog"}, "fingerprint": "w"}
    await whole.alerts(watchdog)
    assert await whole.incidents() == []

    following = await whole.later(minutes=9).take_in()
    assert await whole.store.headlines() == ()
    assert following == NOW + TimeDelta(minutes=10, milliseconds=1), "it says when to look again"

    await whole.later(minutes=2).take_in()
    (declared,) = await whole.of(e.IncidentDeclared)
    assert isinstance(declared, e.IncidentDeclared)
    assert declared.severity == SEV4

    await whole.alerts(watchdog)
    await whole.take_in()
    assert await whole.of(e.AlertsCleared)


@pytest.mark.clause("C4")
async def test_a_gap_is_told_once_even_over_a_restart(whole: Whole) -> None:
    await whole.later(minutes=11).take_in()
    other = await whole.later(minutes=11).again().start()
    await other.take_in()

    assert len(await other.store.headlines()) == 1
    assert len(await other.of(e.AlertsAttached)) == 1


@pytest.mark.clause("Q2")
async def test_an_overdue_review_of_the_playbook_is_a_sev4(whole: Whole) -> None:
    overdue = replace(whole.playbooks.current, next_review_on=NOW.to_tz("UTC").date().subtract(days=1), version="x")
    await whole.playbooks.adopt(overdue, NOW)

    await whole.take_in()
    await whole.again().take_in()

    (declared,) = await whole.of(e.IncidentDeclared)
    assert isinstance(declared, e.IncidentDeclared)
    assert (declared.severity, "review" in declared.title, declared.evidence.clause) == (SEV4, True, "Q2")


@pytest.mark.clause("C6")
async def test_a_persons_report_is_classified_by_its_answers(whole: Whole) -> None:
    body = b'{"title": "cannot log in", "component": "agentdb", "share": 0.3, "key": "ticket-7"}'
    await whole.intake.accept("report", body, NOW)
    await whole.intake.accept("report", body, NOW)
    await whole.take_in()

    (declared,) = await whole.of(e.IncidentDeclared)
    assert isinstance(declared, e.IncidentDeclared)
    assert declared.severity == SEV2
    assert "cannot log in" in declared.title


async def test_what_cannot_be_read_is_refused_before_anything_is_kept(whole: Whole) -> None:
    with pytest.raises(Unreadable):
        await whole.intake.accept("alertmanager", b"{", NOW)

    assert (await whole.store.counts(NOW)).signals_waiting == 0


async def test_an_accepted_signal_survives_a_restart_before_it_is_taken_in(whole: Whole) -> None:
    body = msgspec.json.encode({"version": "4", "alerts": [{"annotations": {}, **alert(since=NOW)}]})
    (signal,) = await whole.intake.accept("alertmanager", body, NOW)

    other = await whole.again().start()
    await other.take_in()

    assert await other.incidents() == ["INC-1"]
    record = await other.store.signal(signal.id)
    assert record is not None
    assert record.handled is not None
    assert record.handled.outcome == {"began": 1}


async def test_an_alert_of_an_unknown_component_has_an_incident_like_any_other(whole: Whole) -> None:
    await whole.alerts({"status": "firing", "labels": {"alertname": "Odd"}, "fingerprint": "o"})

    (declared,) = await whole.of(e.IncidentDeclared)
    assert isinstance(declared, e.IncidentDeclared)
    assert (declared.component, declared.severity) == ("unassigned", SEV2)


async def test_a_number_given_by_another_node_meanwhile_is_not_given_twice(whole: Whole) -> None:
    other = await whole.again().start()
    await other.take_in()
    await whole.alerts(alert(since=NOW))

    await other.alerts(alert("agentdb.down", since=NOW))

    assert await whole.incidents() == ["INC-1", "INC-2"]
    assert len(await whole.of(e.IncidentDeclared)) == 1


async def test_a_decision_on_an_old_timeline_is_refused_whole(whole: Whole) -> None:
    await whole.alerts(alert(since=NOW))
    decision = await whole.handler.prepare(
        IncidentId("INC-1"), [Resolve(by=Actor(commands=True), override_reason="x")], NOW
    )
    await whole.handler.commit([decision], Change())

    with pytest.raises(Conflict):
        await whole.handler.commit([decision], Change())
