"""Alerts through notifications that repeat, overtake each other, arrive late, flap, and are silenced (C4)."""

from typing import Any, Literal

import pytest
from msgspec.structs import replace
from whenever import Instant

from tocsin.core.alert import (
    Alert,
    Circumstances,
    Classified,
    Disposition,
    Matcher,
    Observation,
    Sighting,
    Silence,
    Turn,
    dated,
    group_key,
    observe,
    recheck,
)
from tocsin.core.classify import UNASSIGNED
from tocsin.core.events import Evidence
from tocsin.core.ids import AlertFingerprint, SilenceId
from tocsin.core.limits import CLOCK_SKEW_MAX, SIGNAL_AGE_MAX, SILENCED_RECHECK_EVERY
from tocsin.core.rules import FlapPolicy

from ..builders import BOOSTER, SEV2, TUESDAY_MORNING, minutes

NOW = TUESDAY_MORNING
FOUND = Classified(BOOSTER, SEV2, Evidence("row", "C3", "because"))
FLAPPING = FlapPolicy(changes=4, within=minutes(10), quiet_for=minutes(5))


def seen(status: Literal["firing", "resolved"], started_at: Instant | None = None, **more: Any) -> Observation:
    return Observation(AlertFingerprint("f"), status, {"alertname": "Down", "component": "x"}, {}, started_at, **more)


def around(now: Instant, *silences: Silence) -> Circumstances:
    return Circumstances(now, FLAPPING, silences, ())


def silence(**parts: Any) -> Silence:
    whole = Silence(
        SilenceId("SIL-1"), "silence", (Matcher("component", "x"),), NOW, NOW + minutes(60), "mara", "planned work"
    )
    return replace(whole, **parts)


class Watched:
    """One alert, told one thing after another."""

    def __init__(self) -> None:
        self.alert: Alert | None = None
        self.turns: list[Turn] = []

    def tell(self, at: Instant, what: Observation, *silences: Silence) -> Turn:
        return self._take(observe(self.alert, what, FOUND, around(at, *silences)))

    def look(self, at: Instant, *silences: Silence) -> Turn:
        assert self.alert is not None
        return self._take(recheck(self.alert, around(at, *silences)))

    def _take(self, sighting: Sighting) -> Turn:
        self.alert = sighting.alert
        self.turns.append(sighting.turn)
        return sighting.turn

    @property
    def state(self) -> Alert:
        assert self.alert is not None
        return self.alert


def test_an_alert_begins_is_repeated_and_ends() -> None:
    alert = Watched()

    assert alert.tell(NOW, seen("firing", NOW)) is Turn.BEGAN
    assert alert.tell(NOW + minutes(1), seen("firing", NOW)) is Turn.REPEATED
    assert alert.tell(NOW + minutes(2), seen("resolved", NOW)) is Turn.ENDED
    assert alert.tell(NOW + minutes(3), seen("resolved", NOW)) is Turn.REPEATED


def test_resolved_before_firing_is_no_firing_and_says_why() -> None:
    alert = Watched()

    assert alert.tell(NOW, seen("resolved", NOW - minutes(5))) is Turn.OVERTAKEN
    assert alert.state.disposition is Disposition.RESOLVED_BEFORE
    assert alert.tell(NOW + minutes(1), seen("firing", NOW - minutes(5))) is Turn.OVERTAKEN
    assert alert.state.status == "resolved"


def test_a_new_firing_after_that_begins() -> None:
    alert = Watched()
    alert.tell(NOW, seen("resolved", NOW - minutes(5)))

    assert alert.tell(NOW + minutes(2), seen("firing", NOW + minutes(1))) is Turn.BEGAN


def test_an_overtaken_notification_of_an_older_firing_is_passed_over() -> None:
    alert = Watched()
    alert.tell(NOW, seen("firing", NOW))

    assert alert.tell(NOW + minutes(1), seen("resolved", NOW - minutes(30))) is Turn.OVERTAKEN
    assert alert.state.status == "firing"


@pytest.mark.parametrize(
    ("claimed", "believed"),
    [
        (NOW - minutes(3), NOW - minutes(3)),
        (NOW + minutes(1), NOW),
        (NOW + CLOCK_SKEW_MAX + minutes(1), NOW),
        (NOW - SIGNAL_AGE_MAX - minutes(1), NOW),
        (None, NOW),
    ],
)
def test_a_senders_time_is_believed_within_reason(claimed: Instant | None, believed: Instant) -> None:
    assert dated(claimed, NOW) == believed


def test_an_alert_that_comes_and_goes_is_held_until_it_has_been_quiet() -> None:
    alert, at = Watched(), NOW
    for _ in range(2):
        alert.tell(at, seen("firing", at))
        alert.tell(at + minutes(1), seen("resolved", at))
        at += minutes(2)
    assert alert.turns == [Turn.BEGAN, Turn.ENDED, Turn.BEGAN, Turn.HELD]
    assert alert.state.status == "firing"

    assert alert.look(at + minutes(1)) is Turn.REPEATED, "not quiet for long enough"
    assert alert.tell(at + minutes(2), seen("firing", at + minutes(2))) is Turn.REPEATED
    assert alert.tell(at + minutes(3), seen("resolved", at + minutes(2))) is Turn.HELD
    assert alert.look(at + minutes(8)) is Turn.ENDED
    assert alert.state.recheck_at is None


def test_a_held_alert_that_comes_back_and_stays_is_firing_and_ends_like_any_other() -> None:
    alert, at = Watched(), NOW
    for _ in range(2):
        alert.tell(at, seen("firing", at))
        alert.tell(at + minutes(1), seen("resolved", at))
        at += minutes(2)
    alert.tell(at, seen("firing", at))

    assert alert.look(at + minutes(20)) is Turn.REPEATED
    assert alert.tell(at + minutes(30), seen("resolved", at)) is Turn.ENDED


@pytest.mark.parametrize(("kind", "named"), [("silence", "silenced"), ("maintenance", "maintenance")])
def test_a_silenced_alert_is_kept_with_the_name_of_its_suppression(
    kind: Literal["silence", "maintenance"], named: str
) -> None:
    alert = Watched()

    assert alert.tell(NOW, seen("firing", NOW), silence(kind=kind)) is Turn.SUPPRESSED
    assert alert.state.disposition == named
    assert alert.state.silence == "SIL-1"
    assert alert.state.incident is None
    assert alert.state.recheck_at == NOW + SILENCED_RECHECK_EVERY


def test_when_the_silence_is_over_an_alert_that_still_fires_begins() -> None:
    alert, quiet = Watched(), silence(ends_at=NOW + minutes(1))
    alert.tell(NOW, seen("firing", NOW), quiet)

    assert alert.look(NOW + minutes(0.5), quiet) is Turn.REPEATED
    assert alert.look(NOW + minutes(1), quiet) is Turn.BEGAN
    assert alert.state.disposition is Disposition.ATTACHED


def test_a_silence_ended_early_lets_the_alert_through_at_the_next_look() -> None:
    alert, quiet = Watched(), silence()
    alert.tell(NOW, seen("firing", NOW), quiet)
    alert.look(NOW + minutes(1), quiet)
    ended = replace(quiet, ended_early_at=NOW + minutes(1.5))

    assert alert.look(NOW + minutes(2), ended) is Turn.BEGAN


def test_an_alert_that_ends_while_silenced_troubles_nobody() -> None:
    alert = Watched()
    alert.tell(NOW, seen("firing", NOW), silence())

    assert alert.tell(NOW + minutes(3), seen("resolved", NOW), silence()) is Turn.SUPPRESSED
    assert alert.state.recheck_at is None


@pytest.mark.parametrize(
    ("matcher", "covers"),
    [
        (Matcher("component", "x"), True),
        (Matcher("component", "y"), False),
        (Matcher("component", "x|y", is_regex=True), True),
        (Matcher("component", "x.", is_regex=True), False),
        (Matcher("component", "y", is_equal=False), True),
        (Matcher("absent", ""), True),
    ],
)
def test_a_silence_covers_what_its_matchers_say(matcher: Matcher, covers: bool) -> None:
    labels = {"component": "x"}

    assert silence(matchers=(matcher,)).covers(labels, NOW) is covers
    assert not silence(matchers=(matcher,)).covers(labels, NOW - minutes(1))
    assert not silence(matchers=(matcher,)).covers(labels, NOW + minutes(60)), "it ends before its end"


def test_a_silence_covers_only_what_all_its_matchers_say() -> None:
    quiet = silence(matchers=(Matcher("component", "x"), Matcher("region", "eu")))

    assert quiet.covers({"component": "x", "region": "eu"}, NOW)
    assert not quiet.covers({"component": "x", "region": "us"}, NOW)


def test_alerts_of_one_component_belong_together_unless_the_playbook_divides_them() -> None:
    assert group_key(BOOSTER, {"region": "eu"}, ()) == "agent-booster"
    assert group_key(BOOSTER, {"region": "eu"}, ("region",)) == "agent-booster/region=eu"


def test_a_report_on_a_subject_of_its_own_is_no_alert_among_others_that_name_no_component() -> None:
    stray = group_key(UNASSIGNED, {"alertname": "DiskFull"}, ())

    assert group_key(UNASSIGNED, {"tocsin_subject": "playbook agentic-flow"}, ()) != stray
