"""The fold: an incident is its timeline and nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from tocsin.core import events as e
from tocsin.core import marks as m
from tocsin.core.commands import AddNote, CloseIncident, PostUpdate, Resolve, SetStage
from tocsin.core.events import Actor, AnyEvent
from tocsin.core.ids import AlertFingerprint, AudienceId
from tocsin.core.incident import evolve, fold
from tocsin.core.marks import Mark, marked
from tocsin.core.narration import clause_of, narrate
from tocsin.core.stages import Stage
from tocsin.store.codec import decoder, encode

from ..builders import SEV1, SUNDAY_NIGHT, Tale, by, minutes, rulebook

TIMELINES = sorted((Path(__file__).parent / "timelines").glob("*.json"))
MARA = by("mara-lindqvist")


def test_folding_at_once_is_the_same_as_folding_step_by_step() -> None:
    tale = Tale().declare(SEV1)
    tale.wait(20)
    tale.acknowledge().monitor().hold(5)

    assert fold(None, tale.events) == tale.state
    half = len(tale.events) // 2
    assert fold(fold(None, tale.events[:half]), tale.events[half:]) == tale.state
    assert tale.state.size == len(tale.events)


def test_a_timeline_begins_with_its_declaration_and_has_only_one() -> None:
    tale = Tale().declare()

    with pytest.raises(AssertionError):
        evolve(None, e.NoteAdded(at=tale.now, text="x"))
    with pytest.raises(AssertionError):
        evolve(tale.state, tale.events[0])


def test_a_mark_keeps_the_first_and_the_last_time() -> None:
    at = SUNDAY_NIGHT
    marks = marked(marked({}, at, m.UPDATED), at + minutes(5), m.UPDATED)

    assert marks[m.UPDATED] == Mark(at, at + minutes(5))
    assert marked(marks, at, m.UPDATED)[m.UPDATED].last == at + minutes(5), "the last time does not go back"


def test_going_back_a_stage_forgets_that_the_later_ones_were_reached() -> None:
    tale = Tale().declare().acknowledge().monitor().hold(3)
    tale.do(SetStage(by=MARA, stage=Stage.INVESTIGATING))

    assert m.at_stage(Stage.MONITORING) not in tale.state.marks
    assert tale.state.window_began_at is None


@pytest.mark.clause("C2")
def test_only_a_persons_act_after_the_acknowledgment_is_a_first_response() -> None:
    tale = Tale().declare()
    tale.do(AddNote(by=MARA, text="I see it too"))
    assert m.RESPONDED not in tale.state.marks

    tale.acknowledge()
    tale.measure(good=False)
    assert m.RESPONDED not in tale.state.marks

    tale.do(PostUpdate(by=Actor(tale.primary), audience=AudienceId("stakeholders"), text="we know"))
    assert m.RESPONDED in tale.state.marks


def test_resolved_and_closed_it_owes_nothing() -> None:
    tale = Tale().declare()
    tale.do(Resolve(by=by("x", commands=True), override_reason="false alarm"))
    assert tale.owed(), "the post-mortem is owed"
    tale.do(CloseIncident(by=MARA))

    assert tale.state.closed
    assert tale.owed() == {}


@pytest.mark.parametrize("path", TIMELINES, ids=lambda path: path.stem)
def test_old_timelines_load_for_ever(path: Path) -> None:
    events = decoder(tuple[AnyEvent, ...]).decode(path.read_bytes())

    incident = fold(None, events)

    assert incident is not None
    assert incident.size == len(events)
    for event in events:
        assert narrate(event, rulebook())


def test_the_old_timelines_hold_every_kind_of_event() -> None:
    kept = {type(event) for path in TIMELINES for event in decoder(tuple[AnyEvent, ...]).decode(path.read_bytes())}

    assert kept == set(get_args(AnyEvent))


def _one_of_each() -> Iterator[AnyEvent]:
    for path in TIMELINES:
        yield from decoder(tuple[AnyEvent, ...]).decode(path.read_bytes())


def test_every_event_survives_being_stored_and_reads_as_one_plain_line() -> None:
    read = decoder(AnyEvent)
    for event in _one_of_each():
        assert read.decode(encode(event)) == event
        line = narrate(event, rulebook())
        assert line.strip() == line
        assert "\n" not in line
        assert "Instant(" not in line
        assert "None" not in line
        assert isinstance(clause_of(event), str)


def test_an_alert_that_joins_an_incident_of_another_title_says_what_it_is_about() -> None:
    ines, ben = (e.AlertBrief(AlertFingerprint(name), name, f"{name} is\nout of reach") for name in ("Ines", "Ben"))
    fired = e.AlertsAttached(at=SUNDAY_NIGHT, alerts=(ines,), count=1, firing=1)
    assert narrate(fired, rulebook()) == "1 alert fired: Ines (Ines is out of reach); 1 firing"
    many = e.AlertsAttached(at=SUNDAY_NIGHT, alerts=(ines, ben), count=50, firing=50)
    assert narrate(many, rulebook()) == "50 alerts fired: Ines, Ben and 48 more; 50 firing"
