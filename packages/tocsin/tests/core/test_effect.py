"""Whether a mitigation helped: figure against figure, and what follows if it did harm (M5)."""

import pytest
from msgspec.structs import replace

from tocsin.core import events as e
from tocsin.core.commands import RecordMeasurement, RecordMitigation
from tocsin.core.effect import effect
from tocsin.core.events import Sample
from tocsin.core.ids import ComponentId
from tocsin.core.narration import narrate
from tocsin.core.runs import RunState

from ..arms import RESTART, SCALE, UNDO, ArmedTale
from ..builders import BOOSTER, only, samples


def latency(value: float | None, bound: float = 0.005) -> Sample:
    return Sample("p95", BOOSTER, "p95 latency", value, "<", bound, "s", "" if value is not None else "no series")


def success(value: float | None) -> Sample:
    return Sample("success", BOOSTER, "success rate", value, ">", 0.999, "1")


@pytest.mark.clause("M5")
@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((success(0.0), latency(None)), (success(0.9995), latency(0.003)), "improved"),
        ((latency(0.050),), (latency(0.020),), "improved"),
        ((latency(0.050),), (latency(0.049),), "unchanged"),
        ((latency(0.050),), (latency(0.080),), "worse"),
        ((latency(0.003),), (latency(0.009),), "worse"),
        ((latency(0.001),), (latency(0.004),), "unchanged"),
        ((success(0.5), latency(0.003)), (success(0.9999), latency(0.009)), "unchanged"),
        ((success(0.5), latency(0.003)), (success(0.5), latency(None)), "unchanged"),
        ((latency(0.050),), (latency(None),), "no_data"),
        ((latency(None),), (latency(0.050),), "no_data"),
        ((), (latency(0.003),), "no_data"),
        ((latency(0.050),), (), "no_data"),
    ],
)
def test_figures_are_compared_not_counted(before: tuple[Sample, ...], after: tuple[Sample, ...], expected: str) -> None:
    assert effect(before, after, 0.1) == expected


def judged(tale: ArmedTale) -> e.MitigationJudged:
    (event,) = only(tale.wait(5), e.MitigationJudged)
    assert isinstance(event, e.MitigationJudged)
    return event


@pytest.mark.clause("M5")
def test_after_five_minutes_the_timeline_says_with_the_figures_that_it_helped() -> None:
    tale = ArmedTale.led()
    tale.carried_out(UNDO)
    tale.jump(1)
    tale.measure()

    event = judged(tale)

    assert (event.run, event.verdict, event.what) == ("R1", "improved", "roll back")
    assert tale.run().verdict == "improved"
    told = narrate(event, tale.rules)
    assert told.startswith("R1, roll back: improved: ")
    assert "success rate 0 % → 100 % (must be > 99.9 %)" in told


@pytest.mark.clause("M5")
def test_before_is_what_was_measured_right_before_it_began() -> None:
    tale = ArmedTale.led()
    fresh = tuple(replace(each, value=0.5) for each in samples() if each.objective.endswith("success"))
    tale.carried_out(UNDO, figures=fresh)
    tale.jump(1)
    tale.measure()
    assert judged(tale).before == fresh


@pytest.mark.clause("M5")
def test_what_did_harm_has_its_inverse_ready_and_waiting_for_approval() -> None:
    tale = ArmedTale.led()
    tale.carried_out(SCALE, replicas=9, figures=samples())
    tale.jump(1)
    tale.measure(good=False)

    assert judged(tale).verdict == "worse"

    inverse = tale.run("R2")
    assert inverse.state is RunState.PROPOSED
    assert inverse.undoes == "R1"
    assert inverse.asked_by is None
    assert inverse.rendered.shown == "kubectl scale deployment/agent-booster --replicas=3 -n agentic-flow"
    assert inverse.needs == 1, "it never runs by itself"
    assert tale.approve("R2")


@pytest.mark.clause("M5")
def test_what_helped_is_not_taken_back() -> None:
    tale = ArmedTale.led()
    tale.carried_out(SCALE, replicas=9)
    tale.jump(1)
    tale.measure()
    assert judged(tale).verdict == "improved"
    assert tale.state.runs.count == 1


@pytest.mark.clause("M5")
def test_harm_without_an_inverse_is_said_and_nothing_is_made_up() -> None:
    tale = ArmedTale.led()
    tale.carried_out(RESTART, figures=samples())
    tale.jump(1)
    tale.measure(good=False)
    assert judged(tale).verdict == "worse"
    assert tale.state.runs.count == 1


@pytest.mark.clause("M5")
def test_a_mitigation_that_begins_before_the_last_was_judged_has_it_judged_early() -> None:
    tale = ArmedTale.led()
    tale.carried_out(RESTART)
    tale.jump(1)
    tale.propose(UNDO)
    tale.approve("R2")

    (early,) = only(tale.begin("R2", samples=samples(good=False)), e.MitigationJudged)

    assert isinstance(early, e.MitigationJudged)
    assert (early.run, early.verdict, early.cut_short) == ("R1", "unchanged", True)
    tale.jump(0.1)
    tale.end("R2")
    tale.jump(1)
    tale.measure()
    assert judged(tale).run == "R2"


@pytest.mark.clause("M5")
def test_what_is_done_by_hand_meanwhile_is_told_apart() -> None:
    tale = ArmedTale.led()
    tale.carried_out(RESTART)
    tale.jump(1)
    (early,) = only(tale.do(RecordMitigation(by=tale.leader, what="drained a node")), e.MitigationJudged)
    assert isinstance(early, e.MitigationJudged)
    assert early.run == "R1"
    tale.jump(1)
    tale.measure()
    by_hand = judged(tale)
    assert by_hand.run is None
    assert narrate(by_hand, tale.rules).startswith("The mitigation: improved")


@pytest.mark.clause("M5")
def test_only_the_figures_of_the_component_it_was_done_to_count() -> None:
    tale = ArmedTale.led()
    tale.carried_out(UNDO)
    tale.jump(1)
    other = tuple(replace(each, component=ComponentId("agentdb")) for each in samples())
    tale.do(RecordMeasurement(samples=(*samples(good=False), *other)))
    assert judged(tale).verdict == "unchanged"


@pytest.mark.clause("M5")
def test_without_a_measurement_after_it_nothing_is_claimed() -> None:
    tale = ArmedTale.led()
    tale.carried_out(UNDO)
    assert judged(tale).verdict == "no_data"
