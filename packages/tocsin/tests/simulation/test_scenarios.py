"""The shipped scenarios, under several seeds: each is a story that must come out, and no law may be broken in any."""

import pytest
from whenever import TimeDelta

from tocsin.core import events as e
from tocsin.core.ids import PersonId
from tocsin.simulate.run import Story
from tocsin.simulate.scenario import load, shipped

from .conftest import SEEDS, Lawful

STORIES = ("module-load", "storm", "flapping", "slack-down", "rough-weather", "sunday-night-nobody", "wishes")


def of(story: Story, kind: type) -> list[e.AnyEvent]:
    return [event for event in story.timeline if isinstance(event, kind)]


@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
@pytest.mark.parametrize("name", STORIES)
def test_no_law_is_broken(name: str, seed: int, lawful: Lawful) -> None:
    outcome = lawful(name, seed)

    assert outcome.incidents, "a scenario in which nothing happens proves nothing"


def test_every_shipped_scenario_is_played_here_or_in_the_year() -> None:
    assert set(shipped()) == {*STORIES, "year"}


@pytest.mark.clause("E1", "E2", "E4")
def test_a_sev1_on_a_sunday_night_that_nobody_answers_ends_at_level_4_with_the_alarm(lawful: Lawful) -> None:
    outcome = lawful("sunday-night-nobody", 1)

    (story,) = outcome.incidents
    assert story.level == 4
    assert story.acknowledged_at is None
    assert story.resolved_at is None
    paged = [event for event in of(story, e.PersonPaged) if isinstance(event, e.PersonPaged)]
    first = {event.person: event.at - outcome.starts_at for event in reversed(paged)}
    assert first[PersonId("henrik-vogel")] == TimeDelta(minutes=30)
    assert first[PersonId("grace-okafor")] == TimeDelta(minutes=60)
    alarms = of(story, e.NobodyReachable)
    assert alarms[0].at - outcome.starts_at == TimeDelta(hours=2)
    assert len(alarms) > 5
    assert sum(woken.night for woken in outcome.woken) > 20


@pytest.mark.clause("V1", "V2", "V3", "M5", "P1")
def test_the_module_load_story_ends_verified_and_with_its_post_mortem(lawful: Lawful) -> None:
    (story,) = lawful("module-load", 1).incidents

    (resolved,) = of(story, e.IncidentResolved)
    assert isinstance(resolved, e.IncidentResolved)
    assert resolved.verified
    assert resolved.held_since is not None
    assert resolved.at - resolved.held_since >= TimeDelta(minutes=30)
    assert of(story, e.MitigationJudged)
    assert of(story, e.IncidentClosed)


@pytest.mark.clause("C5", "E1")
def test_a_storm_of_two_thousand_alerts_is_one_incident_for_each_component(lawful: Lawful) -> None:
    outcome = lawful("storm", 1)

    assert len(outcome.incidents) == 6
    booster = next(story for story in outcome.incidents if story.title.startswith("Agent Booster"))
    assert of(booster, e.SeverityRaised), "the worse alert raised it"
    assert any(of(story, e.SpreadNoticed) for story in outcome.incidents)


def test_a_flapping_alert_is_one_incident_and_wakes_nobody_for_each_change(lawful: Lawful) -> None:
    (story,) = lawful("flapping", 1).incidents

    assert len(of(story, e.AlertsAttached)) < 8
    assert len(of(story, e.PersonPaged)) <= 6


@pytest.mark.clause("E4")
def test_with_slack_down_a_notice_goes_by_the_next_method(lawful: Lawful) -> None:
    stories = lawful("slack-down", 1).incidents

    assert any(of(story, e.NotificationFailed) for story in stories)
    assert all(story.acknowledged_at for story in stories)


@pytest.mark.clause("E2", "E4")
def test_people_are_paged_as_they_wish_and_those_who_cannot_are_followed(lawful: Lawful) -> None:
    stories = lawful("wishes", 1).incidents

    assert any(of(story, e.PageRepeated) for story in stories)
    assert any(of(story, e.PageDeclined) for story in stories)
    assert any(event.quiet for story in stories for event in of(story, e.PersonPaged))  # type: ignore[attr-defined]


def test_rough_weather_is_rough(lawful: Lawful) -> None:
    outcomes = [lawful("rough-weather", seed) for seed in range(1, 5)]

    assert all(outcome.crashes > 10 for outcome in outcomes)
    # Where a delivery fails hangs on every write before it, so one seed alone may be spared.
    assert any(of(story, e.PageAttemptFailed) for outcome in outcomes for story in outcome.incidents)


def test_the_same_seed_tells_the_same_story_and_another_one_another(lawful: Lawful) -> None:
    assert lawful("rough-weather", 5) == lawful("rough-weather", 5)
    assert lawful("rough-weather", 5).incidents != lawful("rough-weather", 6).incidents


@pytest.mark.clause("C4")
def test_heartbeats_that_stop_become_a_monitoring_gap(lawful: Lawful) -> None:
    import msgspec

    quiet = msgspec.structs.replace(load("flapping"), service=(), heartbeats_stop_at=TimeDelta(hours=1))

    (story,) = lawful("flapping", 1, (), quiet).incidents

    assert story.severity == "SEV4"
    assert story.detected_at >= quiet.starts_at + TimeDelta(hours=1, minutes=5)
