"""The watch beside the objectives: quiet neighbours, quiet error logs, and how far the proof has come (V1–V3)."""

import pytest

from tocsin.core import events as e
from tocsin.core.alert import Alert, Disposition
from tocsin.core.commands import Reason, RecordMeasurement, Resolve
from tocsin.core.events import Sample
from tocsin.core.ids import AlertFingerprint, ComponentId, IncidentId, Severity
from tocsin.core.notifications import intents
from tocsin.core.objectives import holds, sample
from tocsin.core.policies import ErrorSpike
from tocsin.core.watching import errors_sample, progress, related, related_sample
from tocsin.core.wording import headline

from ..builders import BOOSTER, SEV1, SEV2, SEV4, TUESDAY_MORNING, Tale, by, minutes, rulebook, samples

MARA = by("mara-lindqvist")
SPIKE = ErrorSpike(times=3, least=0.1, ends_before=minutes(15))
PART = rulebook().components[BOOSTER]


def an_alert(name: str, component: str, severity: Severity = SEV2, **more: object) -> Alert:
    values: dict[str, object] = {
        "fingerprint": AlertFingerprint(name),
        "status": "firing",
        "labels": {"alertname": name},
        "annotations": {},
        "started_at": TUESDAY_MORNING,
        "ended_at": None,
        "seen_at": TUESDAY_MORNING,
        "component": ComponentId(component),
        "severity": severity,
        "rule": "row",
        "clause": "C3",
        "because": "measured",
        "group_key": component,
        "disposition": Disposition.ATTACHED,
        "incident": IncidentId("INC-2"),
    }
    return Alert(**{**values, **more})  # type: ignore[arg-type]


@pytest.mark.clause("V2")
def test_related_alerts_are_those_of_other_components_that_are_more_than_a_warning_and_not_silenced() -> None:
    tale = Tale().declare(SEV2)
    alerts = (
        an_alert("Slow", "agentdb"),
        an_alert("Own", BOOSTER),
        an_alert("Warning", "agentdb", SEV4),
        an_alert("Silenced", "agentdb", incident=None),
        an_alert("Over", "router", status="resolved"),
    )

    assert [alert.name for alert in related(alerts, tale.state, tale.rules)] == ["Slow", "Over"]


@pytest.mark.clause("V2")
@pytest.mark.parametrize(("number", "quiet"), [(0, True), (2, True), (3, False), (9, False)])
def test_from_so_many_on_they_are_a_spike_and_are_named(number: int, quiet: bool) -> None:
    one = related_sample(BOOSTER, tuple(an_alert(f"Slow{n}", "agentdb") for n in range(number)), 3)

    assert holds(one) is quiet
    assert ("Slow0 (agentdb)" in one.why) is not quiet


@pytest.mark.clause("V2")
@pytest.mark.parametrize(
    ("now", "before", "quiet"),
    [
        (0.0, 0.0, True),
        (0.1, 0.0, True),  # No more than the least is no spike.
        (0.11, 0.0, False),
        (0.29, 0.1, True),
        (0.31, 0.1, False),
        (0.2, None, False),  # Nobody knows what it was like: then only the least is quiet.
        (None, 0.1, False),  # What is not measured does not hold.
    ],
)
def test_an_error_log_is_held_against_a_healthy_hour(now: float | None, before: float | None, quiet: bool) -> None:
    assert holds(errors_sample(PART, SPIKE, now, before, "")) is quiet


def test_a_spike_of_errors_says_what_it_is_held_against() -> None:
    tale = Tale().declare(SEV2).acknowledge().monitor()
    loud = errors_sample(PART, SPIKE, 1.5, 0.2, "")
    tale.do(RecordMeasurement(samples=(*samples(), loud)))

    assert "1.5 /s, in a healthy hour 0.2 /s" in progress(tale.state, tale.given).missing


@pytest.mark.clause("V2")
def test_a_spike_of_related_alerts_starts_the_window_again() -> None:
    tale = Tale().declare(SEV2).acknowledge().monitor().hold(29)
    noisy = related_sample(BOOSTER, tuple(an_alert(f"Slow{n}", "agentdb") for n in range(3)), 3)
    tale.do(RecordMeasurement(samples=(*samples(), noisy)))
    assert tale.state.window_began_at is None

    tale.hold(29)
    assert progress(tale.state, tale.given).state == "holding"


@pytest.mark.clause("V2")
def test_an_alert_that_came_and_went_between_two_measurements_starts_the_window_again() -> None:
    tale = Tale().declare(SEV2).acknowledge().monitor().hold(20)
    tale.jump(0.1)
    tale.fire("blip", firing=1, worst=SEV2)
    tale.jump(0.1)
    tale.clear("blip")
    tale.jump(0.1)
    tale.measure()

    assert tale.state.window_began_at == tale.now
    tale.hold(29)
    tale.refused(Resolve(by=MARA), Reason.NOT_VERIFIED)


@pytest.mark.clause("V2")
def test_a_warning_that_came_and_went_does_not() -> None:
    tale = Tale().declare(SEV2).acknowledge().monitor().hold(20)
    began = tale.state.window_began_at
    tale.jump(0.1)
    tale.fire("blip", firing=1, worst=SEV4)
    tale.clear("blip")
    tale.measure()

    assert tale.state.window_began_at == began


@pytest.mark.clause("V1", "V2")
def test_the_progress_says_where_the_proof_stands_and_what_is_missing() -> None:
    tale = Tale().declare(SEV2).acknowledge()
    assert progress(tale.state, tale.given).state == "not_begun"

    tale.monitor()
    assert progress(tale.state, tale.given).state == "no_data"

    tale.measure(good=False)
    assert progress(tale.state, tale.given).state == "broken"

    tale.measure(missing=True)
    found = progress(tale.state, tale.given)
    assert (found.state, found.began_at, found.remaining_s) == ("no_data", None, None)
    assert "no series" in found.missing

    tale.hold(12)
    found = progress(tale.state, tale.given)
    assert (found.state, found.held_for_s, found.remaining_s) == ("holding", 720, 1080)
    assert found.missing == "the objectives have held for 720 s of 1800 s"

    tale.hold(18)
    assert (progress(tale.state, tale.given).state, progress(tale.state, tale.given).missing) == ("proven", "")

    tale.jump(5)
    assert progress(tale.state, tale.given).state == "no_data", "the proof must be fresh"
    tale.hold(31)
    tale.do(Resolve(by=MARA))
    assert progress(tale.state, tale.given).state == "resolved"


def measured() -> tuple[Sample, ...]:
    p95, success = PART.objectives
    return (
        sample(BOOSTER, p95, 0.003),
        sample(BOOSTER, success, 0.9997),
        related_sample(BOOSTER, (), 3),
        errors_sample(PART, SPIKE, 0.02, 0.03, ""),
    )


@pytest.mark.clause("V3")
def test_the_resolution_reads_as_the_playbooks_example_does() -> None:
    tale = Tale().declare(SEV1).acknowledge().monitor()
    for _ in range(62):
        tale.do(RecordMeasurement(samples=measured()))
        tale.wait(0.5)
    tale.do(RecordMeasurement(samples=measured()))
    before, given = tale.state, tale.given
    (resolved,) = (event for event in tale.do(Resolve(by=MARA)) if isinstance(event, e.IncidentResolved))

    assert headline(tale.state, resolved, tale.given).splitlines() == [
        "✅ SEV1 RESOLVED: Agent Booster restored to normal operation. (INC-1)",
        "p95 latency: 3 ms (SLO: < 5 ms)",
        "success rate: 99.97 % (SLO: > 99.9 %)",
        "alerts of other components since it holds: 0 (limit: < 3)",
        "error logs: 0.02 /s (limit: <= 0.1 /s)",
        "Next: Final customer e-mail with impact, root cause, resolution and prevention by 2026-11-25 10:31 UTC.",
    ]
    assert any("p95 latency: 3 ms" in each.message.text for each in intents(before, (resolved,), given))


@pytest.mark.clause("V4")
def test_a_resolution_without_proof_says_so_first_and_who_answers_for_it() -> None:
    tale = Tale().declare(SEV1).acknowledge().monitor()
    tale.measure(good=False)
    commander = by("mara-lindqvist", commands=True)
    (resolved,) = (
        event
        for event in tale.do(Resolve(by=commander, override_reason="the dashboard is wrong"))
        if isinstance(event, e.IncidentResolved)
    )

    lines = headline(tale.state, resolved, tale.given).splitlines()
    assert lines[0] == "⚠️ SEV1 RESOLVED WITHOUT PROOF: Agent Booster. (INC-1)"
    assert lines[1] == "Mara Lindqvist answers for it: the dashboard is wrong"
