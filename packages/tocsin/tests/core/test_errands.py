"""Hand-offs and drills: the same deadlines, other people, and nobody else is ever woken (O3)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from whenever import Instant

from tocsin.core import events as e
from tocsin.core import marks as m
from tocsin.core.arrangements import NOTHING, Arranged, Override
from tocsin.core.commands import (
    Acknowledge,
    AddNote,
    CloseIncident,
    Declare,
    Decline,
    Escalate,
    ReachMilestone,
    Reason,
    RecordDelivery,
    Refused,
    SetSeverity,
    Tick,
)
from tocsin.core.deadlines import next_due_at
from tocsin.core.decide import decide
from tocsin.core.errands import testable as refuse_untestable
from tocsin.core.events import Actor, Evidence
from tocsin.core.handoff import changes, next_opening, pending, with_outgoing
from tocsin.core.ids import IncidentId, IntentId, PersonId, RotationId
from tocsin.core.incident import fold
from tocsin.core.kinds import INCOMING, OUTGOING, TESTED, Kind, rows_of
from tocsin.core.messages import MessageKind
from tocsin.core.narration import clause_of
from tocsin.core.notifications import intents
from tocsin.core.rules import Person
from tocsin.engine.handler import headline
from tocsin.simulate import laws
from tocsin.store.port import Append

from ..builders import SEV1, TUESDAY_MORNING, Tale, by, changed, minutes, only, rulebook

MONDAY = Instant.from_utc(2026, 11, 30)
FRIDAY = MONDAY - minutes(56 * 60)
PRIMARY = RotationId("sre-primary")
OLD, NEW = PersonId("aisha-bello"), PersonId("daniel-kerr")
STRANGER = PersonId("ines-moreau")
STEPS = ("meeting", "incidents", "context", "documentation", "pager")


def handoff(now: Instant = FRIDAY) -> Tale:
    """A hand-off that has just opened."""
    tale = Tale(now)
    tale.do(
        Declare(
            incident=IncidentId("HO-1"),
            title="SRE primary from Aisha Bello to Daniel Kerr",
            components=(),
            severity=rows_of(Kind.HANDOFF),
            evidence=Evidence("hand-off", "O3", "the shift changes on 2026-11-30 at 00:00 UTC"),
            detected_at=now,
            group_key="hand-off:sre-primary",
            description="Open incidents: none",
            kind=Kind.HANDOFF,
            roles={OUTGOING: OLD, INCOMING: NEW},
            rotation=PRIMARY,
            scheduled_at=MONDAY,
        )
    )
    return tale


def drill(person: PersonId = NEW) -> Tale:
    """A test page that has just gone out."""
    tale = Tale(TUESDAY_MORNING)
    tale.do(
        Declare(
            incident=IncidentId("TEST-1"),
            title=f"TEST page to {person}",
            components=(),
            severity=rows_of(Kind.DRILL),
            evidence=Evidence("test-page", "local", "asked for by the playbook"),
            detected_at=tale.now,
            group_key=f"test-page:{person}",
            kind=Kind.DRILL,
            roles={TESTED: person},
        )
    )
    return tale


def told(tale: Tale, events: list[e.AnyEvent]) -> list[tuple[PersonId, bool]]:
    return [(event.person, event.reminder) for event in only(events, e.PersonTold) if isinstance(event, e.PersonTold)]


@pytest.mark.clause("O3")
def test_a_hand_off_tells_both_at_once_and_sends_both_the_packet() -> None:
    tale = handoff()
    assert told(tale, tale.events) == [(OLD, False), (NEW, False)]
    sent = intents(None, tale.events, tale.given)
    assert {intent.person for intent in sent} == {OLD, NEW}
    assert all("Open incidents: none" in intent.message.text for intent in sent)
    assert {intent.person: intent.message.asks for intent in sent} == {OLD: False, NEW: True}, "one of them is asked"
    assert not tale.of(e.PersonPaged), "nobody is woken for a hand-off"


@pytest.mark.clause("O3")
def test_a_hand_off_that_cannot_be_told_by_slack_is_told_by_email_and_rings_nobody() -> None:
    tale = handoff()
    _, slack, phone, email = tale.rules.people[NEW].methods
    failed = RecordDelivery(page=None, method=slack, person=NEW, intent=IntentId("HO-1.3.0"), text="look", why="down")

    (said,) = only(tale.do(failed), e.PersonTold)

    assert isinstance(said, e.PersonTold)
    assert said.methods == (email,)
    assert not only(tale.do(replace(failed, method=email, intent=IntentId("HO-1.4.0"))), e.PersonTold)
    person = replace(tale.rules.people[NEW], methods=(slack, phone))
    tale.rules = changed(tale.rules, people={**tale.rules.people, NEW: person})
    assert not only(tale.do(replace(failed, intent=IntentId("HO-1.5.0"))), e.PersonTold), "no phone rings for it"


@pytest.mark.clause("O3")
def test_a_hand_off_is_done_when_it_is_accepted_and_every_step_is_ticked() -> None:
    tale = handoff()
    for step in STEPS[:-1]:
        tale.do(ReachMilestone(by=by(OLD), milestone=step))
    tale.do(Acknowledge(by=by(NEW)))
    assert not tale.state.closed, "one step is left"
    tale.do(ReachMilestone(by=by(OLD), milestone=STEPS[-1]))
    assert {clause_of(event) for event in tale.of(e.MilestoneReached)} == {"O3"}
    assert (tale.state.outcome, tale.state.closed) == ("done", True)
    assert tale.wait(10_000) == [], "nothing is owed any more"
    assert not tale.of(e.DeadlineMissed)


@pytest.mark.clause("O3")
def test_a_checklist_that_is_not_done_in_time_is_missed_and_both_are_reminded() -> None:
    tale = handoff()
    tale.do(Acknowledge(by=by(NEW)))
    quiet = tale.wait(56 * 60 + 12 * 60 - 1)
    assert only(quiet, e.DeadlineMissed) == []
    late = tale.wait(1)
    assert [event.title for event in late if isinstance(event, e.DeadlineMissed)] == ["Finish the hand-off's checklist"]
    assert told(tale, late) == [(OLD, True), (NEW, True)]


@pytest.mark.clause("O3")
def test_until_it_is_accepted_both_are_reminded_and_then_no_more() -> None:
    tale = handoff()
    assert tale.wait(56 * 60 - 1) == [], "before the change nobody is reminded"
    assert told(tale, tale.wait(1)) == [(OLD, True), (NEW, True)]
    assert told(tale, tale.wait(4 * 60)) == [(OLD, True), (NEW, True)]
    tale.do(Acknowledge(by=by(NEW)))
    assert told(tale, tale.wait(4 * 60)) == []


@pytest.mark.clause("O3")
def test_a_hand_off_that_nobody_finishes_ends_as_missed() -> None:
    tale = handoff()
    tale.wait((56 + 48) * 60)
    assert (tale.state.outcome, tale.state.closed) == ("missed", True)


@pytest.mark.clause("O3")
def test_nobody_but_the_next_person_can_accept_and_twice_is_once() -> None:
    tale = handoff()
    for person in (OLD, STRANGER):
        tale.refused(Acknowledge(by=by(person)), Reason.NOT_ASKED)
    tale.do(Acknowledge(by=by(NEW)))
    assert tale.do(Acknowledge(by=by(NEW))) == ()


def test_a_step_that_the_checklist_does_not_have_is_refused() -> None:
    tale = handoff()
    for name in ("checklist", "postmortem_drafted", "nothing"):
        tale.refused(ReachMilestone(by=by(OLD), milestone=name), Reason.UNKNOWN_MILESTONE)


def test_what_steers_an_incident_is_refused_in_an_errand() -> None:
    for tale in (handoff(), drill()):
        tale.refused(SetSeverity(by=by(NEW), severity=SEV1), Reason.NOT_AN_INCIDENT)
        tale.refused(Escalate(by=by(NEW), level=4), Reason.NOT_AN_INCIDENT)
        tale.do(AddNote(by=by(NEW), text="seen"))


def test_an_errand_can_be_called_off_by_hand() -> None:
    tale = handoff()
    tale.do(CloseIncident(by=by(OLD), reason="swapped back"))
    assert tale.state.outcome == "called_off"
    tale.refused(Acknowledge(by=by(NEW)), Reason.ERRAND_OVER)


def test_a_test_page_goes_by_every_method_at_once_and_says_that_it_is_a_test() -> None:
    tale = drill()
    (paged,) = tale.of(e.PersonPaged)
    assert isinstance(paged, e.PersonPaged)
    assert set(paged.methods) == set(rulebook().people[NEW].methods)
    sent = intents(None, tale.events, tale.given)
    assert len(sent) == len(paged.methods)
    assert all(intent.message.drill and intent.message.kind is MessageKind.PAGE for intent in sent)
    assert all("TEST" in intent.message.subject for intent in sent)


def test_an_answer_ends_the_test_page_and_so_does_a_refusal() -> None:
    for command in (Acknowledge(by=by(NEW)), Decline(by=by(NEW), reason="on a plane")):
        tale = drill()
        tale.do(command)
        assert (tale.state.outcome, tale.state.closed, tale.state.pages) == ("done", True, {})


def test_an_unanswered_test_page_reminds_its_person_and_nobody_else_ever() -> None:
    tale = drill()
    late = tale.wait(15)
    assert told(tale, late) == [(NEW, True)]
    tale.wait(10_000)
    assert tale.state.outcome == "missed"
    assert {event.person for event in (*tale.of(e.PersonPaged), *tale.of(e.PersonTold))} == {NEW}  # type: ignore[union-attr]
    assert not tale.of(e.LevelRaised)


def test_a_test_page_asks_nobody_else_though_every_method_fails() -> None:
    tale = drill()
    (page,) = tale.state.pages.values()
    for method in page.trying:
        tale.do(RecordDelivery(page=page.page, method=method, why="gone"))
    tale.wait(10_000)
    assert len(tale.of(e.PersonUnreachable)) == 1
    assert tale.state.outcome == "missed"
    assert len(tale.of(e.PersonPaged)) == 1


def test_a_stranger_cannot_answer_a_test_page() -> None:
    tale = drill()
    tale.refused(Acknowledge(by=by(STRANGER)), Reason.NOT_ASKED)
    assert tale.do(Decline(by=by(STRANGER))) == ()


def test_whoever_has_no_contact_method_cannot_be_tested() -> None:
    silent = PersonId("silent")
    book = changed(rulebook(), people={silent: Person(silent, "Silent")})
    for person in (silent, PersonId("nobody")):
        with pytest.raises(Refused) as refusal:
            refuse_untestable(person, book)
        assert refusal.value.reason is Reason.NO_CONTACT_METHOD


@pytest.mark.clause("O3")
def test_between_two_shifts_pages_go_to_both_until_the_new_one_has_accepted() -> None:
    tale = handoff()
    waiting = pending(tale.state)
    assert waiting is not None
    on = {PRIMARY: (NEW,)}
    assert with_outgoing(on, [waiting], MONDAY - minutes(1)) == on, "the shift has not changed yet"
    assert with_outgoing(on, [waiting], MONDAY) == {PRIMARY: (NEW, OLD)}
    assert with_outgoing({PRIMARY: (OLD,)}, [waiting], MONDAY) == {PRIMARY: (OLD,)}, "nobody is asked twice"
    tale.do(Acknowledge(by=by(NEW)))
    assert pending(tale.state) is None


@pytest.mark.clause("O3")
def test_the_changes_of_shift_are_known_ahead_with_those_who_stand_in() -> None:
    book = rulebook()
    found = {change.rotation: change for change in changes(book, FRIDAY, MONDAY, NOTHING)}
    assert set(found) == set(book.handoffs.rotations)
    assert (found[PRIMARY].outgoing, found[PRIMARY].incoming, found[PRIMARY].at) == (OLD, NEW, MONDAY)
    stands_in = Override(PRIMARY, STRANGER, MONDAY, MONDAY + minutes(600))
    other = {change.rotation: change for change in changes(book, FRIDAY, MONDAY, Arranged.of((stands_in,)))}
    assert other[PRIMARY].incoming == STRANGER
    assert other[PRIMARY].key != found[PRIMARY].key, "with other people it is another hand-off"
    assert next_opening(book, TUESDAY_MORNING, NOTHING) == FRIDAY


COMMANDS = st.one_of(
    st.builds(Acknowledge, by=st.sampled_from([by(NEW), by(OLD), by(STRANGER)])),
    st.builds(Decline, by=st.sampled_from([by(NEW), by(OLD)])),
    st.builds(ReachMilestone, by=st.just(by(OLD)), milestone=st.sampled_from([*STEPS, "checklist", "x"])),
    st.builds(AddNote, by=st.just(by(NEW)), text=st.sampled_from(["a", "b", ""])),
    st.builds(CloseIncident, by=st.just(by(OLD)), reason=st.just("")),
    st.builds(Escalate, by=st.just(by(NEW)), level=st.integers(1, 4)),
    st.just(Tick()),
)


@given(st.booleans(), st.lists(st.tuples(COMMANDS, st.sampled_from([0.0, 1.0, 16.0, 300.0, 4000.0])), max_size=14))
@settings(max_examples=60, deadline=None)
def test_whatever_happens_an_errand_owes_something_until_it_ends_and_asks_its_own(
    is_drill: bool, story: list[tuple[object, float]]
) -> None:
    tale = drill() if is_drill else handoff()
    for command, span in story:
        tale.jump(span)
        before = tale.state
        try:
            events = decide(before, command, tale.given)  # type: ignore[arg-type]
        except Refused:
            continue
        tale.do(command)  # type: ignore[arg-type]
        append = Append(headline(tale.state, tale.given), before.size, events)
        broken = [
            *laws.something_is_owed(append),
            *laws.drills_ask_one_person(tale.state, events),
            *laws.errands_are_answered_by_their_own(tale.state, events),
            *laws.pages_have_intents(append, intents(before, events, tale.given)),
            *laws.versions_count(tale.state, append),
        ]
        assert not broken
    assert (next_due_at(tale.rules, tale.state) is None) == tale.state.closed
    assert fold(None, tale.events) == tale.state


def test_a_scheduled_instant_is_announced_first_and_comes_last() -> None:
    mark = handoff().state.marks[m.SCHEDULED]
    assert (mark.first, mark.last) == (FRIDAY, MONDAY)
    late = handoff(MONDAY + minutes(5)).state.marks[m.SCHEDULED]
    assert late.first == late.last == MONDAY + minutes(5), "a hand-off that opens late counts from then"


def test_an_answer_through_no_person_is_refused() -> None:
    drill().refused(Acknowledge(by=Actor(via="test")), Reason.PERSON_MISSING)
