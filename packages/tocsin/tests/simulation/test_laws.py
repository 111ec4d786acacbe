"""The laws can be broken: each one finds what it is there to find. A law that never speaks proves nothing."""

import msgspec
import pytest

from tocsin.core import events as e
from tocsin.core.commands import AddNote
from tocsin.core.contact import MethodKind, NotificationRule
from tocsin.core.events import Actor
from tocsin.core.ids import IncidentId
from tocsin.core.incident import Incident, fold
from tocsin.engine.handler import headline
from tocsin.simulate import laws
from tocsin.store.port import Append

from ..builders import SEV1, Tale, minutes, samples

replace = msgspec.structs.replace


def append(tale: Tale) -> Append:
    return Append(headline(tale.state, tale.given), 0, tuple(tale.events))


def test_an_open_incident_that_owes_nothing_is_found() -> None:
    good = append(Tale().declare())

    assert not list(laws.something_is_owed(good))
    assert list(laws.something_is_owed(replace(good, headline=replace(good.headline, next_due_at=None))))


def test_an_event_dated_before_the_one_ahead_of_it_is_found() -> None:
    tale = Tale().declare()
    late = replace(tale.events[-1], at=tale.now - minutes(1))

    assert not list(laws.time_goes_forward(tale.state.id, tale.now, tale.events))
    assert list(laws.time_goes_forward(tale.state.id, tale.now, [late]))


def test_a_headline_that_differs_from_its_timeline_is_found() -> None:
    tale = Tale().declare()
    lie = replace(append(tale), headline=replace(append(tale).headline, acknowledged=True))

    assert not list(laws.headline_is_true(append(tale), tale.state, tale.given))
    assert list(laws.headline_is_true(lie, tale.state, tale.given))


def test_a_page_without_a_message_is_found() -> None:
    assert list(laws.pages_have_intents(append(Tale().declare(SEV1)), ()))


@pytest.mark.clause("V1", "V4")
@pytest.mark.parametrize(
    "event",
    [
        e.IncidentResolved(at=Tale().now, verified=False),
        e.IncidentResolved(
            at=Tale().now, verified=True, samples=samples(good=False), held_since=Tale().now - minutes(40)
        ),
        e.IncidentResolved(at=Tale().now, verified=True, samples=samples(), held_since=Tale().now - minutes(29)),
        e.IncidentResolved(at=Tale().now, verified=True, samples=(), held_since=Tale().now - minutes(40)),
    ],
)
def test_a_resolution_that_was_not_earned_is_found(event: e.IncidentResolved) -> None:
    tale = Tale().declare()

    assert list(laws.resolutions_are_earned(tale.state, [event], tale.rules))


def test_a_command_that_does_it_again_is_found() -> None:
    tale = Tale().declare()
    before = tale.state
    forgotten = replace(before, said=None)

    assert list(laws.nothing_is_decided_twice(before, forgotten, [AddNote(by=Actor(), text="x")], tale.given))


@pytest.mark.clause("E4")
def test_an_unanswered_incident_that_asks_nobody_is_found() -> None:
    tale = Tale().declare()
    severity = tale.state.severity
    mute = replace(tale.rules, rows={severity: tuple(r for r in tale.rules.rows[severity] if "ladder" not in r.id)})

    assert not list(laws.unanswered_goes_on(tale.state, tale.rules))
    assert list(laws.unanswered_goes_on(tale.state, mute))


@pytest.mark.clause("E2", "E4")
def test_a_page_that_is_never_asked_again_or_for_ever_is_found() -> None:
    tale = Tale().declare()
    page = replace(
        next(iter(tale.state.pages.values())), plan=(NotificationRule((MethodKind.PHONE,), every=minutes(5)),)
    )

    def with_page(**parts: object) -> Incident:
        return replace(tale.state, pages={page.page: replace(page, **parts)})

    assert not list(laws.pages_go_on(with_page(next_at=tale.now)))
    assert list(laws.pages_go_on(with_page()))
    assert list(laws.pages_go_on(with_page(plan=(), rang_at=None))), "it was kept quiet and forgotten"
    assert list(laws.pages_go_on(with_page(next_at=tale.now, step=102)))


@pytest.mark.clause("R4")
def test_an_incident_that_was_taken_in_hand_and_is_in_nobodys_is_found() -> None:
    tale = Tale().declare().acknowledge()

    assert not list(laws.somebody_is_in_charge(tale.state, tale.rules))
    assert list(laws.somebody_is_in_charge(replace(tale.state, responders=(), roles={}), tale.rules))


def test_a_fold_that_is_not_what_the_timeline_says_is_found() -> None:
    tale = Tale().declare()

    assert not list(laws.folds_are_one(tale.state, tale.events))
    assert list(laws.folds_are_one(replace(tale.state, title="another"), tale.events))
    assert fold(None, tale.events) == tale.state


def test_obligations_that_nobody_owes_are_found() -> None:
    assert list(laws.accounted(1))
    assert list(laws.nothing_is_overdue("reconciler", Tale().now, Tale().now))
    assert list(laws.versions_count(Tale().declare().state, append(Tale().declare().acknowledge())))


def test_a_wrong_count_of_firing_alerts_is_found() -> None:
    tale = Tale().declare()
    tale.fire("a", firing=1, worst=SEV1)

    assert not list(laws.firing_is_counted([tale.state], {tale.state.id: 1}))
    assert list(laws.firing_is_counted([tale.state], {}))


def test_only_the_first_broken_laws_are_told() -> None:
    watch = laws.Laws(Tale().now)

    watch.found(f"{IncidentId('INC-1')} {number}" for number in range(100))

    assert len(watch.broken) == laws.BROKEN_MAX
