"""Another organisation's playbook, with other words and numbers, needs no code (issue: the second playbook)."""

import pytest
from whenever import Instant, TimeDelta

from tocsin.core.classify import classify_alert
from tocsin.core.ids import PersonId, RotationId, RuleId, Severity
from tocsin.core.oncall import on_call
from tocsin.core.rules import Rulebook, RuleKind, SoundAlarm, Tell, ThePerson
from tocsin.playbook.load import load_rulebook, shipped


@pytest.fixture(scope="module")
def shop() -> Rulebook:
    return load_rulebook(shipped("minimal"))


def test_severities_may_be_two_and_have_any_name(shop: Rulebook) -> None:
    assert [one.id for one in shop.severities] == ["MAJOR", "MINOR"]
    assert shop.worse(Severity("MAJOR"), Severity("MINOR"))


def test_its_numbers_are_its_own(shop: Rulebook) -> None:
    acknowledge = shop.rule(RuleId("major.acknowledge"))
    assert acknowledge is not None
    assert (acknowledge.within, acknowledge.clause) == (TimeDelta(minutes=10), "1")
    assert shop.watch.holds_for == TimeDelta(minutes=10)


def test_its_ladder_ends_in_an_alarm(shop: Rulebook) -> None:
    alarm = shop.rule(RuleId("major.alarm"))
    assert alarm is not None
    assert (alarm.after, alarm.then) == ("rule.major.ladder.2", (SoundAlarm(),))


def test_an_update_that_stays_out_calls_somebody_else(shop: Rulebook) -> None:
    escalated = shop.rule(RuleId("major.update.customers.escalated"))
    assert escalated is not None
    assert (escalated.within, escalated.every) == (TimeDelta(hours=2), TimeDelta(hours=2))
    (tell,) = escalated.then
    assert isinstance(tell, Tell)
    assert tell.target == ThePerson(PersonId("rosa"))
    assert escalated.kind is RuleKind.CADENCE


def test_its_shifts_turn_over_at_eight_in_lisbon(shop: Rulebook) -> None:
    rotation = shop.rotations[RotationId("shop")]
    assert on_call(rotation, Instant.from_utc(2025, 7, 3, 6, 59)) != on_call(rotation, Instant.from_utc(2025, 7, 3, 7))


def test_its_thresholds_classify_alerts(shop: Rulebook) -> None:
    assert classify_alert(shop, {"tocsin_rule": "orders.down"}, {}).severity == "MAJOR"
    assert classify_alert(shop, {"tocsin_rule": "orders.slow"}, {}).severity == "MINOR"
    assert classify_alert(shop, {"severity": "MINOR"}, {}).severity == "MINOR"


def test_a_whole_second_is_found_however_a_client_writes_its_edge(shop: Rulebook) -> None:
    assert '_bucket{le=~"2([.]0)?"}' in shop.classification.thresholds["orders.slow"].query
