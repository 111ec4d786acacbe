"""Deadlines: rows over marks. Early, late and doubled ticks are harmless, and nothing that is owed ever vanishes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import events as e
from tocsin.core.commands import PostUpdate, ReachMilestone, Resolve, SetSeverity, Tick
from tocsin.core.deadlines import next_due_at
from tocsin.core.ids import AudienceId, Severity

from ..builders import SEV1, SEV2, SEV3, SEV4, Tale, by, minutes, only

MARA = by("mara-lindqvist")
STAKEHOLDERS, ROOM = AudienceId("stakeholders"), AudienceId("incident-channel")


@pytest.mark.clause("C2")
@pytest.mark.parametrize(
    ("severity", "acknowledge", "update", "resolution"),
    [(SEV1, 5, 15, 60), (SEV2, 15, 45, 240), (SEV3, 30, 120, None), (SEV4, 240, None, 7 * 24 * 60)],
)
def test_the_targets_of_each_severity(
    severity: Severity, acknowledge: int, update: int | None, resolution: int | None
) -> None:
    tale = Tale().declare(severity)
    owed, name = tale.owed(), severity.lower()

    assert owed[f"{name}.acknowledge"] == tale.now + minutes(acknowledge)
    assert owed.get(f"{name}.initial-update") == (tale.now + minutes(update) if update else None)
    if resolution:
        assert owed[f"{name}.resolution"] == tale.now + minutes(resolution)


@pytest.mark.clause("C2")
def test_a_first_response_is_owed_from_the_acknowledgment() -> None:
    tale = Tale().declare(SEV1)
    assert "sev1.first-response" not in tale.owed()

    tale.jump(3).acknowledge()

    assert tale.owed()["sev1.first-response"] == tale.now + minutes(10)


@pytest.mark.clause("K1")
@pytest.mark.parametrize(
    ("severity", "room", "stakeholders"), [(SEV1, 5, 15), (SEV2, 15, 30), (SEV3, 30, 60), (SEV4, None, 1440)]
)
def test_the_cadence_of_each_severity(severity: Severity, room: int | None, stakeholders: int) -> None:
    tale = Tale().declare(severity)
    name = severity.lower()

    assert tale.owed().get(f"{name}.update.incident-channel") == (tale.now + minutes(room) if room else None)
    assert tale.owed()[f"{name}.update.stakeholders"] == tale.now + minutes(stakeholders)


@pytest.mark.clause("K1")
def test_an_update_starts_its_round_again_and_a_missed_one_is_recorded_and_owed_again() -> None:
    tale = Tale().declare(SEV1).acknowledge()
    tale.wait(4)
    tale.do(PostUpdate(by=MARA, audience=ROOM, text="we know"))
    assert tale.owed()["sev1.update.incident-channel"] == tale.now + minutes(5)

    missed = [event.rule for event in tale.wait(5) if isinstance(event, e.DeadlineMissed)]

    assert missed == ["sev1.update.incident-channel"]
    assert tale.owed()["sev1.update.incident-channel"] == tale.now + minutes(5)


@pytest.mark.clause("K1")
def test_after_a_long_sleep_a_cadence_is_missed_once_and_says_how_often() -> None:
    tale = Tale().declare(SEV1).acknowledge().jump(33)

    events = [event for event in tale.do(Tick()) if isinstance(event, e.DeadlineMissed)]

    (room,) = (event for event in events if event.rule == "sev1.update.incident-channel")
    assert room.rounds == 6
    assert tale.owed()["sev1.update.incident-channel"] > tale.now


@pytest.mark.clause("C2")
def test_a_missed_target_is_recorded_once() -> None:
    tale = Tale().declare(SEV1)

    events = tale.wait(30)

    assert [event.rule for event in events if isinstance(event, e.DeadlineMissed)].count("sev1.acknowledge") == 1  # type: ignore[arg-type]


def test_an_early_tick_does_nothing() -> None:
    tale = Tale().declare(SEV1).jump(1)

    assert tale.do(Tick()) == ()


def test_a_doubled_tick_does_nothing_more() -> None:
    tale = Tale().declare(SEV1).jump(5)

    assert tale.do(Tick())
    assert tale.do(Tick()) == ()


@pytest.mark.clause("D3")
def test_the_initial_assessment_is_owed_in_two_minutes_and_a_measurement_is_one() -> None:
    tale = Tale().declare(SEV1)
    assert tale.owed()["sev1.assessment"] == tale.now + minutes(2)

    tale.measure(good=False)

    assert "sev1.assessment" not in tale.owed()


@pytest.mark.clause("P1")
def test_the_post_mortem_is_owed_after_the_resolution_and_closes_the_incident() -> None:
    tale = Tale().declare(SEV1)
    tale.do(Resolve(by=by("x", commands=True), override_reason="false alarm"))
    owed = tale.owed()
    assert owed["sev1.postmortem-draft"] == tale.now + minutes(24 * 60)
    assert "sev1.acknowledge" not in owed

    tale.do(ReachMilestone(by=MARA, milestone="postmortem_published"))

    assert tale.state.closed


@pytest.mark.clause("C5")
def test_lowered_it_owes_what_the_lower_severity_asks() -> None:
    tale = Tale().declare(SEV1).acknowledge().jump(1)
    tale.do(SetSeverity(by=MARA, severity=SEV3, reason="one user"))

    assert not [rule for rule in tale.owed() if rule.startswith("sev1")]
    assert tale.owed()["sev3.update.incident-channel"] == tale.now + minutes(30)


@given(
    severity=st.sampled_from([SEV1, SEV2, SEV3, SEV4]),
    looks=st.lists(st.floats(0.1, 90), min_size=1, max_size=12),
)
def test_however_ticks_come_an_open_incident_owes_something_and_nothing_due_stays_undone(
    severity: Severity, looks: list[float]
) -> None:
    tale = Tale().declare(severity)
    for look in looks:
        tale.jump(look).do(Tick())
        due = next_due_at(tale.rules, tale.state)
        assert due is not None
        assert due > tale.now


@given(severity=st.sampled_from([SEV1, SEV2, SEV3, SEV4]), late=st.floats(0, 600))
def test_a_late_tick_pages_everybody_whom_timely_ticks_page(severity: Severity, late: float) -> None:
    timely, tardy = Tale().declare(severity), Tale().declare(severity)
    timely.wait(late)
    tardy.jump(late)
    # A ladder is asked rung by rung from when it was really asked: being late costs time, never a rung.
    while len(_asked(tardy)) < len(_asked(timely)):
        due = next_due_at(tardy.rules, tardy.state)
        assert due is not None
        tardy.now = max(due, tardy.now)
        assert tardy.do(Tick()), "a deadline that is due does something"
    assert _asked(tardy) >= _asked(timely)


def _asked(tale: Tale) -> set[str]:
    return {event.person for event in only(tale.events, e.PersonPaged) if isinstance(event, e.PersonPaged)}
