"""No sequence of commands can lose a page, resolve unverified without a reason, or make an open incident owe nothing.

Hypothesis drives an incident by any commands at any times, with the shipped playbook. After each one the laws that the
simulation looks at are looked at here.
"""

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tocsin.core.commands import (
    Acknowledge,
    AddComponent,
    AddNote,
    AnyCommand,
    ApproveMitigation,
    AssignRole,
    AttachAlerts,
    CancelMitigation,
    CloseIncident,
    Decline,
    DelegateApproval,
    Diagnose,
    Escalate,
    MarkMessage,
    NoticeSpread,
    OpenRoom,
    PostUpdate,
    ProposeMitigation,
    RaiseFlag,
    ReachMilestone,
    RecordBridge,
    RecordDelivery,
    RecordDiagnostics,
    RecordMeasurement,
    RecordMitigation,
    RecordRoom,
    RecordRunEnded,
    RecordRunStarted,
    Refused,
    RejectMitigation,
    Relieve,
    Reopen,
    Resolve,
    SetSeverity,
    SetStage,
    Tick,
)
from tocsin.core.deadlines import next_due_at
from tocsin.core.decide import decide
from tocsin.core.diagnostics import DiagnosticResult, Ending
from tocsin.core.events import Actor, AnyEvent, Evidence
from tocsin.core.ids import ComponentId, DiagnosticId, IntentId, PersonId, RunId, Severity
from tocsin.core.incident import fold
from tocsin.core.judgement import commander
from tocsin.core.messages import Intent
from tocsin.core.notifications import intents
from tocsin.core.room_steps import OpenBridge, RoomFound
from tocsin.core.stages import Stage
from tocsin.engine.handler import headline
from tocsin.simulate import laws
from tocsin.store.port import Append

from ..arms import ACTIONS, BEFORE, armed
from ..builders import SEV1, SEV2, SEV3, SEV4, Tale, brief, changed, minutes, samples, zoom_rulebook

BOOK = armed()
BOOK = changed(BOOK, rooms=zoom_rulebook().rooms, rows=zoom_rulebook().rows, bridge_by="zoom")
SEVERITIES = st.sampled_from([SEV1, SEV2, SEV3, SEV4])
PEOPLE = st.sampled_from([*sorted(BOOK.people)[:8], "ines-moreau", "aisha-bello", "stranger"]).map(PersonId)
ACTORS = st.builds(Actor, st.one_of(PEOPLE, st.none()), st.just("test"), st.booleans())
WORDS = st.sampled_from(["", " ", "looking", "rolled back", "it is back"])
COMPONENTS = st.sampled_from(sorted(BOOK.components))
RUNS = st.integers(1, 4).map(lambda number: RunId(f"R{number}"))
STATES = st.sampled_from([BEFORE, BEFORE | {"revision": "3"}])

COMMANDS: st.SearchStrategy[AnyCommand] = st.one_of(
    st.builds(Acknowledge, by=ACTORS),
    st.builds(Decline, by=ACTORS),
    st.builds(
        Relieve,
        by=ACTORS,
        person=st.one_of(st.none(), PEOPLE),
        successor=st.one_of(st.none(), PEOPLE),
        asks_ladder=st.booleans(),
    ),
    st.builds(SetSeverity, by=ACTORS, severity=SEVERITIES, reason=WORDS),
    st.builds(SetStage, by=ACTORS, stage=st.sampled_from(Stage)),
    st.builds(
        AssignRole, by=ACTORS, role=st.sampled_from(["incident_commander", "communications", "king"]), person=PEOPLE
    ),
    st.builds(AddNote, by=ACTORS, text=WORDS),
    st.builds(AddComponent, by=ACTORS, component=COMPONENTS),
    st.builds(PostUpdate, by=ACTORS, audience=st.sampled_from(sorted(BOOK.audiences)), text=WORDS),
    st.builds(RecordMitigation, by=ACTORS, what=WORDS),
    st.builds(ProposeMitigation, by=ACTORS, action=st.sampled_from([one.id for one in ACTIONS]), before=STATES),
    st.builds(ApproveMitigation, by=ACTORS, run=RUNS, digest=st.just("of something else")),
    st.builds(RejectMitigation, by=ACTORS, run=RUNS, reason=WORDS),
    st.builds(CancelMitigation, by=ACTORS, run=RUNS, reason=WORDS),
    st.builds(DelegateApproval, by=ACTORS, person=st.one_of(PEOPLE, st.none())),
    st.builds(RecordRunStarted, run=RUNS, before=STATES, problem=st.sampled_from(["", "", "the dry run fails"])),
    st.builds(RecordRunEnded, run=RUNS, outcome=st.sampled_from(["succeeded", "failed", "unknown"]), after=STATES),
    st.builds(RaiseFlag, by=ACTORS, flag=st.sampled_from(sorted(BOOK.flags)), reason=WORDS),
    st.builds(Escalate, by=ACTORS, level=st.integers(0, 5), reason=WORDS),
    st.builds(ReachMilestone, by=ACTORS, milestone=st.sampled_from(sorted(BOOK.milestones)), text=WORDS),
    st.builds(
        NoticeSpread, components=st.lists(COMPONENTS, max_size=3).map(lambda names: tuple(map(ComponentId, names)))
    ),
    st.builds(OpenRoom, by=ACTORS, name=WORDS),
    st.builds(MarkMessage, by=ACTORS, message=st.sampled_from(["1.1", "2.2"])),
    st.builds(Diagnose, by=ACTORS, only=st.sampled_from([(), ("agent-booster.logs",), ("nothing",)])),
    st.builds(Resolve, by=ACTORS, override_reason=WORDS),
    st.builds(Reopen, by=ACTORS, reason=WORDS),
    st.builds(CloseIncident, by=ACTORS, reason=WORDS),
    st.just(Tick()),
)


class AnyIncident(RuleBasedStateMachine):
    """An incident to which anything may happen at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.tale = Tale(rules=BOOK)
        self.steps: list[Intent] = []
        self.firing = 0
        self.numbers = itertools.count()

    @initialize(severity=SEVERITIES)
    def declared(self, severity: Severity) -> None:
        self.tale.declare(severity)

    @rule(span=st.sampled_from([0.0, 0.3, 1.0, 5.0, 16.0, 61.0, 600.0]))
    def time_passes(self, span: float) -> None:
        self.tale.jump(span)

    @rule(span=st.sampled_from([5.0, 31.0]))
    def time_passes_with_ticks(self, span: float) -> None:
        self.tale.wait(span)

    @rule(command=COMMANDS)
    def anything_happens(self, command: AnyCommand) -> None:
        self._do(command)

    @rule(good=st.booleans(), missing=st.booleans())
    def it_is_measured(self, good: bool, missing: bool) -> None:
        self._do(RecordMeasurement(samples=samples(good=good, missing=missing)))

    @rule()
    def it_holds_for_half_an_hour(self) -> None:
        if not self.tale.state.resolved and not self.firing:
            self.tale.hold(30, every=2)

    @rule(severity=SEVERITIES)
    def an_alert_begins(self, severity: Severity) -> None:
        self.firing += 1
        self._attach(severity, began=True)

    @rule()
    def an_alert_ends(self) -> None:
        if self.firing:
            self.firing -= 1
            self._attach(None, began=False)

    def _attach(self, severity: Severity | None, *, began: bool) -> None:
        named = (brief(f"alert-{next(self.numbers)}", self.tale.now),)
        worst = SEV2 if self.firing else None
        if began:
            shows = Evidence("row", "C3", "measured")
            command = AttachAlerts(
                began=named,
                began_count=1,
                firing=self.firing,
                worst=worst,
                shows=severity,
                evidence=shows,
            )
        else:
            command = AttachAlerts(ended=named, ended_count=1, firing=self.firing, worst=worst)
        self._do(command)

    @rule(place=st.integers(0, 5), fails=st.booleans())
    def a_delivery_ends(self, place: int, fails: bool) -> None:
        pages = list(self.tale.state.pages.values())
        if not pages:
            return
        page = pages[place % len(pages)]
        method = page.trying[0] if page.trying else None
        if method is not None:
            words = {"why": "refused"} if fails else {"receipt": "r"}
            self._do(RecordDelivery(page=page.page, method=method, **words))  # type: ignore[arg-type]

    @rule(by=st.one_of(st.none(), PEOPLE), run=RUNS, begins=st.booleans())
    def a_run_is_approved(self, by: PersonId | None, run: RunId, begins: bool) -> None:
        known = self.tale.state.runs.by_id.get(run)
        leader = commander(self.tale.state, self.tale.given)
        person = by or (PersonId(leader) if leader else None)
        if known is None or person is None:
            return
        self._do(ApproveMitigation(by=Actor(person, "test"), run=run, digest=known.digest))
        if begins:
            self._do(RecordRunStarted(run=run, before=known.before, samples=samples(good=False)))

    @rule(place=st.integers(0, 3), answered=st.booleans())
    def diagnostics_are_gathered(self, place: int, answered: bool) -> None:
        owed = list(self.tale.state.diagnosed.gatherings)
        if not owed:
            return
        ending: Ending = "answered" if answered else "failed"
        result = DiagnosticResult(DiagnosticId("agent-booster.logs"), "logs", ComponentId("agent-booster"), ending)
        self._do(RecordDiagnostics(gathering=owed[place % len(owed)], results=(result,), summary=("it differs",)))

    @rule(place=st.integers(0, 30))
    def a_notice_is_given_up(self, place: int) -> None:
        method = BOOK.people[PersonId("mara-lindqvist")].methods[0]
        self._do(RecordDelivery(page=None, method=method, intent=IntentId(f"n{place}"), why="gone"))

    @rule(place=st.integers(0, 20), ends=st.sampled_from(["done", "done", "failed", "gone"]))
    def a_step_on_the_room_ends(self, place: int, ends: str) -> None:
        if not self.steps:
            return
        intent = self.steps.pop(place % len(self.steps))
        assert intent.step is not None
        why = "" if ends == "done" else "refused"
        if isinstance(intent.step, OpenBridge):
            made = RoomFound(id=intent.id, url=f"https://zoom.example/j/{intent.id}")
            self._do(RecordBridge(intent=intent.id, found=made, why=why))
            return
        found = RoomFound(id=f"{type(intent.step).__name__}-{intent.id}", text="x", author="U0AF0004")
        self._do(RecordRoom(step=intent.step, intent=intent.id, found=found, why=why, gone=ends == "gone"))

    def _do(self, command: AnyCommand) -> None:
        before, given = self.tale.state, self.tale.given
        try:
            events = decide(before, command, given)
        except Refused:
            return
        self._lawful(before, events)
        self.steps += [each for each in intents(before, events, given) if each.step is not None]
        self.tale.do(command)

    def _lawful(self, before: object, events: tuple[AnyEvent, ...]) -> None:
        state, given = self.tale.state, self.tale.given
        assert before is state
        after = fold(state, events)
        assert after is not None
        append = Append(headline(after, given), state.size, events)
        broken = [
            *laws.time_goes_forward(state.id, state.last_at, events),
            *laws.something_is_owed(append),
            *laws.pages_have_intents(append, intents(state, events, given)),
            *laws.resolutions_are_earned(after, events, BOOK),
            *laws.unanswered_goes_on(after, BOOK),
            *laws.pages_go_on(after),
            *laws.somebody_is_in_charge(after, BOOK),
            *laws.versions_count(after, append),
            *laws.stage_of_watch(after),
            *laws.runs_are_lawful(state, events, given),
        ]
        assert not broken

    @invariant()
    def what_is_due_can_always_be_done(self) -> None:
        if self.tale.incident is None:
            return
        self.tale.do(Tick())
        due = next_due_at(BOOK, self.tale.state)
        assert due is None or due > self.tale.now
        assert due is not None or self.tale.state.resolved

    def teardown(self) -> None:
        if self.tale.incident is not None:
            assert fold(None, self.tale.events) == self.tale.state


AnyIncident.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestAnyIncident = AnyIncident.TestCase


def test_the_window_of_the_machine_is_the_playbooks() -> None:
    assert BOOK.watch.holds_for == minutes(30)
