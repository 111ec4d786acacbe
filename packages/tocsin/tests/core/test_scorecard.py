"""Which promises were kept: the targets of the playbook against what the timeline shows (C2, K1)."""

import pytest

from tocsin.core.commands import AddNote, PostUpdate, Resolve, SetSeverity
from tocsin.core.events import Actor
from tocsin.core.ids import AudienceId
from tocsin.core.scorecard import Promise, promises

from ..builders import SEV1, SEV3, Tale, by, minutes


def scored(tale: Tale) -> dict[str, Promise]:
    return {promise.rule: promise for promise in promises(tale.rules, tale.events)}


@pytest.mark.clause("C2")
def test_a_target_met_in_time_is_kept_and_one_met_too_late_is_missed() -> None:
    tale = Tale().declare(SEV1)
    tale.wait(3)
    tale.acknowledge()
    tale.wait(11)
    tale.do(AddNote(by=Actor(tale.primary), text="I see it"))

    found = scored(tale)

    assert found["sev1.acknowledge"].state == "kept"
    assert found["sev1.acknowledge"].met_at == tale.now - minutes(11)
    assert found["sev1.first-response"].state == "missed"
    assert found["sev1.first-response"].met_at == tale.now
    assert found["sev1.resolution"].state == "open"


@pytest.mark.clause("C2")
def test_a_target_that_nobody_ever_met_is_missed_without_a_time() -> None:
    tale = Tale().declare(SEV1)
    tale.wait(30)

    assert scored(tale)["sev1.acknowledge"].state == "missed"
    assert scored(tale)["sev1.acknowledge"].met_at is None


@pytest.mark.clause("K1")
def test_of_a_cadence_the_missed_rounds_are_counted() -> None:
    tale = Tale().declare(SEV1).acknowledge()
    tale.wait(10)
    tale.do(PostUpdate(by=Actor(tale.primary), audience=AudienceId("incident-channel"), text="we know"))
    tale.wait(5)

    assert scored(tale)["sev1.update.incident-channel"].rounds == 3


@pytest.mark.clause("C2")
def test_a_second_responder_changes_no_score() -> None:
    tale = Tale().declare(SEV1).acknowledge()
    tale.jump(1)
    tale.do(AddNote(by=Actor(tale.primary), text="I see it"))
    tale.jump(0.5)
    tale.acknowledge(tale.secondary)

    kept = [promise for promise in promises(tale.rules, tale.events) if promise.rule == "sev1.first-response"]
    assert [promise.state for promise in kept] == ["kept"]


def test_the_resolution_settles_its_target() -> None:
    tale = Tale().declare(SEV1).acknowledge().jump(1)
    tale.do(Resolve(by=by("x", commands=True), override_reason="false alarm"))

    assert scored(tale)["sev1.resolution"].state == "kept"


def test_a_severity_that_was_lowered_leaves_what_it_asked_before_in_the_score() -> None:
    tale = Tale().declare(SEV1)
    tale.wait(6)
    tale.do(SetSeverity(by=by("mara-lindqvist"), severity=SEV3, reason="one user"))

    assert scored(tale)["sev1.acknowledge"].state == "missed"
    assert scored(tale)["sev3.acknowledge"].state == "open"
