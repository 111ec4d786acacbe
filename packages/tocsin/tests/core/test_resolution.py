"""Whether it holds (V1, V2), who may say so without proof (V4), and whether a mitigation helped (M5)."""

import pytest

from tocsin.core import events as e
from tocsin.core.commands import (
    AddComponent,
    AssignRole,
    ReachMilestone,
    Reason,
    RecordMeasurement,
    RecordMitigation,
    Refused,
    Reopen,
    Resolve,
    SetStage,
)
from tocsin.core.decide import decide
from tocsin.core.events import Actor
from tocsin.core.ids import INCIDENT_COMMANDER, ComponentId, PersonId
from tocsin.core.objectives import verdict
from tocsin.core.stages import Stage

from ..builders import SEV1, SEV2, Tale, by, minutes, only, samples

MARA = by("mara-lindqvist")
ROUTER = ComponentId("router")


def proven() -> Tale:
    return Tale().declare(SEV2).acknowledge().monitor().hold(30)


@pytest.mark.clause("V1")
def test_an_alert_that_began_since_the_last_measurement_is_enough_to_refuse() -> None:
    tale = proven()
    tale.fire("down", firing=1, worst=SEV2)
    tale.refused(Resolve(by=MARA), Reason.NOT_VERIFIED)


@pytest.mark.clause("V1", "V2", "V3")
def test_after_thirty_minutes_without_a_breach_anybody_may_resolve_and_the_figures_are_kept() -> None:
    tale = proven()

    (resolved,) = only(tale.do(Resolve(by=MARA)), e.IncidentResolved)

    assert isinstance(resolved, e.IncidentResolved)
    assert resolved.verified
    assert resolved.reason == ""
    assert len(resolved.samples) == len(samples())


@pytest.mark.clause("V2")
def test_a_minute_too_early_it_is_refused() -> None:
    Tale().declare(SEV2).acknowledge().monitor().hold(29).refused(Resolve(by=MARA), Reason.NOT_VERIFIED)


@pytest.mark.clause("V2")
def test_what_is_to_be_done_about_a_missing_proof_depends_on_whether_the_watch_has_begun() -> None:
    tale = Tale().declare(SEV2).acknowledge()
    for remedy in ("move to monitoring", "tocsin watch INC-1"):
        with pytest.raises(Refused, match="not proven") as refused:
            decide(tale.state, Resolve(by=MARA), tale.given)
        assert remedy in refused.value.remedy
        tale.monitor()


@pytest.mark.clause("V2")
def test_a_breach_starts_the_window_again() -> None:
    tale = Tale().declare(SEV2).acknowledge().monitor().hold(29)
    tale.measure(good=False)
    tale.jump(1)
    tale.refused(Resolve(by=MARA), Reason.NOT_VERIFIED)

    tale.hold(29)
    tale.refused(Resolve(by=MARA), Reason.NOT_VERIFIED)
    tale.wait(1)
    tale.measure()
    assert tale.do(Resolve(by=MARA))


@pytest.mark.clause("V1")
def test_missing_data_is_not_verified_and_starts_the_window_again() -> None:
    tale = Tale().declare(SEV2).acknowledge().monitor().hold(29)
    tale.measure(missing=True)
    tale.jump(1)

    assert tale.measure()
    assert tale.state.window_began_at == tale.now
    assert verdict(samples(missing=True)) == "no_data"
    assert verdict(()) == "no_data"


@pytest.mark.clause("V2")
def test_a_gap_between_measurements_starts_the_window_again() -> None:
    tale = Tale().declare(SEV2).acknowledge().monitor().hold(20)
    tale.jump(3)
    tale.measure()

    assert tale.state.window_began_at == tale.now


@pytest.mark.clause("V1")
def test_without_a_fresh_measurement_it_is_refused() -> None:
    proven().jump(3).refused(Resolve(by=MARA), Reason.NOT_VERIFIED)


@pytest.mark.clause("V2")
def test_while_an_alert_fires_the_objectives_do_not_count_as_held() -> None:
    tale = Tale().declare(SEV2)
    tale.fire("slow", firing=1, worst=SEV2)
    tale.acknowledge().monitor().hold(31)
    tale.refused(Resolve(by=MARA), Reason.NOT_VERIFIED)

    tale.clear("slow")
    tale.hold(30)

    assert tale.do(Resolve(by=MARA))


@pytest.mark.clause("V2")
def test_an_alert_that_fires_during_the_watch_starts_the_window_again() -> None:
    tale = Tale().declare(SEV2).acknowledge().monitor().hold(29)
    tale.fire("slow", firing=1, worst=SEV2)
    tale.jump(0.5)
    tale.measure()
    tale.clear("slow")
    tale.jump(0.5)
    tale.measure()

    assert tale.state.window_began_at == tale.now


@pytest.mark.clause("V4")
def test_only_the_commander_overrides_and_only_with_a_reason() -> None:
    tale = Tale().declare(SEV2).acknowledge()
    commander = Actor(tale.primary)

    tale.refused(Resolve(by=commander), Reason.NOT_VERIFIED)
    tale.refused(Resolve(by=commander, override_reason="  "), Reason.NOT_VERIFIED)
    tale.refused(Resolve(by=MARA, override_reason="I say so"), Reason.NOT_COMMANDER)

    (resolved,) = only(tale.do(Resolve(by=commander, override_reason="test traffic")), e.IncidentResolved)
    assert isinstance(resolved, e.IncidentResolved)
    assert (resolved.verified, resolved.reason) == (False, "test traffic")


@pytest.mark.clause("V4", "R4")
def test_whoever_takes_the_role_over_may_override() -> None:
    tale = Tale().declare(SEV2).acknowledge()
    tale.do(AssignRole(by=MARA, role=INCIDENT_COMMANDER, person=PersonId("mara-lindqvist")))

    assert tale.do(Resolve(by=MARA, override_reason="test traffic"))


def test_opened_again_the_proof_starts_anew() -> None:
    tale = proven()
    tale.do(Resolve(by=MARA))
    tale.jump(10)
    tale.do(Reopen(by=MARA, reason="it is back"))

    assert tale.state.stage is Stage.INVESTIGATING
    assert not tale.state.acknowledged
    tale.refused(Resolve(by=MARA), Reason.NOT_VERIFIED)


def test_an_alert_that_fires_again_opens_a_resolved_incident_again() -> None:
    tale = proven()
    tale.do(Resolve(by=MARA))
    tale.jump(10)

    tale.fire("down", firing=1, worst=SEV1)

    assert only(tale.events, e.IncidentReopened)
    assert tale.state.severity == SEV1
    assert not tale.state.resolved


@pytest.mark.clause("M5")
@pytest.mark.parametrize(
    ("before", "after", "found"),
    [(False, True, "improved"), (False, False, "unchanged"), (True, False, "worse")],
)
def test_five_minutes_after_a_mitigation_the_timeline_says_whether_it_helped(
    before: bool, after: bool, found: str
) -> None:
    tale = Tale().declare(SEV2).acknowledge()
    tale.measure(good=before)
    tale.jump(1)
    tale.do(RecordMitigation(by=MARA, what="rolled back"))
    tale.jump(1)
    tale.measure(good=after)

    (judged,) = (event for event in tale.wait(4) if isinstance(event, e.MitigationJudged))

    assert judged.verdict == found


@pytest.mark.clause("M5")
def test_figures_from_before_a_mitigation_prove_nothing() -> None:
    tale = Tale().declare(SEV2).acknowledge()
    tale.measure(good=False)
    tale.jump(1)
    tale.do(RecordMitigation(by=MARA, what="rolled back"))

    (judged,) = (event for event in tale.wait(5) if isinstance(event, e.MitigationJudged))

    assert judged.verdict == "no_data"


@pytest.mark.clause("M5")
def test_a_second_mitigation_is_judged_too() -> None:
    tale = Tale().declare(SEV2).acknowledge()
    for what in ("restarted", "rolled back"):
        tale.do(RecordMitigation(by=MARA, what=what))
        tale.wait(6)

    assert len(tale.of(e.MitigationJudged)) == 2


@pytest.mark.clause("V2")
def test_leaving_monitoring_ends_the_watch() -> None:
    tale = Tale().declare(SEV2).acknowledge().monitor().hold(20)
    tale.do(SetStage(by=MARA, stage=Stage.INVESTIGATING))
    tale.monitor().hold(20)

    tale.refused(Resolve(by=MARA), Reason.NOT_VERIFIED)


def test_outside_the_watch_only_a_verdict_that_turns_is_worth_an_entry() -> None:
    tale = Tale().declare(SEV2)
    tale.measure(good=False)
    for _ in range(3):
        tale.jump(0.25)
        tale.do(RecordMeasurement(samples=samples(good=False)))

    assert len(tale.of(e.ObjectivesMeasured)) == 1


@pytest.mark.clause("P1")
def test_a_post_mortem_told_as_published_too_soon_does_not_close_an_open_incident() -> None:
    tale = Tale().declare(SEV1)
    published = ReachMilestone(by=MARA, milestone="postmortem_published")
    tale.do(published)
    assert not tale.state.closed
    assert tale.owed()

    tale.jump(1)
    tale.do(Resolve(by=by("x", commands=True), override_reason="false alarm"))
    tale.jump(1)
    tale.do(published)

    assert tale.state.closed


@pytest.mark.clause("V1", "V2")
def test_a_component_that_is_affected_as_well_starts_the_window_again() -> None:
    tale = Tale().declare(SEV2).acknowledge().monitor().hold(29)
    tale.do(AddComponent(by=MARA, component=ROUTER))
    tale.refused(Resolve(by=MARA), Reason.NOT_VERIFIED)

    both = RecordMeasurement(samples=(*samples(), *samples(ROUTER)))
    tale.do(both)
    tale.wait(1)
    tale.do(both)
    tale.refused(Resolve(by=MARA), Reason.NOT_VERIFIED)
    assert tale.state.window_began_at == tale.now - minutes(1)


@pytest.mark.clause("V1")
def test_a_component_of_which_nothing_was_measured_is_not_proven_by_the_others() -> None:
    tale = Tale().declare(SEV2)
    tale.do(AddComponent(by=MARA, component=ROUTER))
    tale.acknowledge().monitor().hold(31)

    assert tale.state.verdict == "no_data"
    tale.refused(Resolve(by=MARA), Reason.NOT_VERIFIED)


@pytest.mark.clause("V2")
def test_a_mitigation_in_the_watch_starts_the_window_again() -> None:
    tale = Tale().declare(SEV2).acknowledge().monitor().hold(29)
    tale.do(RecordMitigation(by=MARA, what="drained node 7"))
    tale.jump(1)
    tale.measure()
    tale.refused(Resolve(by=MARA), Reason.NOT_VERIFIED)

    tale.hold(30)
    assert tale.do(Resolve(by=MARA))


@pytest.mark.clause("V2")
def test_an_alert_that_came_and_went_since_the_last_measurement_keeps_it_from_being_proven() -> None:
    tale = proven()
    tale.jump(0.1)
    tale.fire("slow", firing=1, worst=SEV2)
    tale.clear("slow")
    tale.refused(Resolve(by=MARA), Reason.NOT_VERIFIED)
