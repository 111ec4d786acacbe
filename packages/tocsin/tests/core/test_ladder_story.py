"""The tables of E2 and E3, line by line, told in virtual time: who is reached how, when, and who is after them."""

import pytest

from tocsin.core import events as e
from tocsin.core.contact import MethodKind
from tocsin.core.events import AnyEvent, PersonPaged, PersonTold
from tocsin.core.ids import PersonId, Severity

from ..builders import (
    CTO,
    ENGINEERING_LEAD,
    PRODUCT_MANAGER,
    SEV1,
    SEV2,
    SEV3,
    SEV4,
    SUNDAY_NIGHT,
    VP,
    Tale,
    minutes,
    only,
)

PAGER, PHONE, SLACK = MethodKind.PAGER, MethodKind.PHONE, MethodKind.SLACK
PRIMARY, SECONDARY = Tale(SUNDAY_NIGHT).primary, Tale(SUNDAY_NIGHT).secondary

E2 = [
    # who, by what, on which rung, how long they have, who follows
    ("primary SRE", PRIMARY, (PAGER,), 1, 5, SECONDARY),
    ("secondary SRE", SECONDARY, (PAGER,), 2, 10, ENGINEERING_LEAD),
    ("Engineering Lead", ENGINEERING_LEAD, (PHONE, SLACK), 3, 15, VP),
    ("VP", VP, (PHONE,), 4, 30, CTO),
    ("CTO", CTO, (PHONE,), 5, 60, None),
]


def rung(tale: Tale, number: int) -> PersonPaged:
    severity = tale.state.severity.lower()
    (page,) = (
        event for event in tale.events if isinstance(event, PersonPaged) and event.rule == f"{severity}.ladder.{number}"
    )
    return page


def kinds(event: PersonPaged | PersonTold) -> tuple[MethodKind, ...]:
    return tuple(method.kind for method in event.methods)


@pytest.mark.clause("E2", "E4")
@pytest.mark.parametrize(("who", "person", "by", "place", "has", "after"), E2, ids=[line[0] for line in E2])
def test_each_line_of_the_ladder_is_reached_as_the_playbook_says_and_has_its_time(
    who: str, person: PersonId, by: tuple[MethodKind, ...], place: int, has: float, after: PersonId | None
) -> None:
    tale = Tale(SUNDAY_NIGHT).declare(SEV1)
    tale.wait(sum(line[4] for line in E2[: place - 1]))

    asked = rung(tale, place)
    assert (asked.person, kinds(asked), asked.at) == (person, by, tale.now), who

    before = len(tale.events)
    tale.wait(minutes(has) - minutes(1 / 60))
    late = [event for event in tale.events[before:] if isinstance(event, PersonPaged) and ".ladder." in str(event.rule)]
    assert late == [], "nobody else is asked while their time runs"

    tale.wait(1 / 60)
    if after is None:
        assert only(tale.events[before:], e.NobodyReachable)
    else:
        assert rung(tale, place + 1).person == after


@pytest.mark.clause("E2", "E4")
@pytest.mark.parametrize("place", range(1, 6))
def test_an_answer_on_any_rung_ends_the_ladder(place: int) -> None:
    tale = Tale(SUNDAY_NIGHT).declare(SEV1)
    tale.wait(sum(line[4] for line in E2[: place - 1]))

    tale.acknowledge(E2[place - 1][1])
    before = len(tale.events)
    tale.wait(9)

    assert [event for event in tale.events[before:] if isinstance(event, PersonPaged)] == []
    assert tale.state.acknowledged


@pytest.mark.clause("E2")
def test_the_vp_and_the_cto_are_for_a_sev1_only() -> None:
    tale = Tale(SUNDAY_NIGHT).declare(SEV2)
    tale.wait(29)

    asked = {event.person for event in tale.events if isinstance(event, PersonPaged)}
    assert asked == {PRIMARY, SECONDARY, ENGINEERING_LEAD}


@pytest.mark.clause("E2", "E4")
@pytest.mark.parametrize("empty", ["sre-primary", "sre-secondary"])
def test_a_step_with_nobody_on_call_does_not_burn_its_time(empty: str) -> None:
    tale = Tale(SUNDAY_NIGHT)
    gone = PRIMARY if empty == "sre-primary" else SECONDARY

    class Vacant(Tale):
        @property
        def given(self):  # type: ignore[no-untyped-def]
            from ..builders import changed

            known = super().given
            return changed(known, duty={key: who for key, who in known.duty.items() if key != empty})  # type: ignore[arg-type]

    tale = Vacant(SUNDAY_NIGHT).declare(SEV2)
    tale.wait(5)

    asked = [event.person for event in tale.events if isinstance(event, PersonPaged)]
    assert gone not in asked
    assert only(tale.events, e.NobodyOnCall)
    following = SECONDARY if empty == "sre-primary" else ENGINEERING_LEAD
    at = next(event.at for event in tale.events if isinstance(event, PersonPaged) and event.person == following)
    assert at == SUNDAY_NIGHT + minutes(0 if empty == "sre-primary" else 5), "at once, when it was their turn"


E3: dict[Severity, tuple[dict[PersonId, tuple[MethodKind, ...]], dict[PersonId, tuple[MethodKind, ...]], str]] = {
    # paged at once, told at once, announced where
    SEV1: ({PRIMARY: (PAGER,), ENGINEERING_LEAD: (PHONE, SLACK), PRODUCT_MANAGER: (PHONE, SLACK)}, {}, ""),
    SEV2: ({PRIMARY: (PAGER,)}, {ENGINEERING_LEAD: (SLACK,)}, ""),
    SEV3: ({}, {PRIMARY: (SLACK,)}, "team-channel"),
    SEV4: ({}, {PersonId("lucas-ferreira"): (SLACK,)}, "tickets"),
}


@pytest.mark.clause("E3", "D1")
@pytest.mark.parametrize("severity", E3)
def test_each_line_of_who_is_told_at_once(severity: Severity) -> None:
    paged, told, where = E3[severity]

    tale = Tale(SUNDAY_NIGHT).declare(severity)

    def reached(kind: type) -> dict[PersonId, tuple[MethodKind, ...]]:
        found: list[AnyEvent] = only(tale.events, kind)
        return {event.person: kinds(event) for event in found if isinstance(event, PersonPaged | PersonTold)}

    assert reached(PersonPaged) == paged
    if severity == SEV4:  # Whichever of the component's owners has the turn.
        assert list(reached(PersonTold).values()) == list(told.values())
    else:
        assert reached(PersonTold) == told
    assert [event.audience for event in only(tale.events, e.AudienceTold) if isinstance(event, e.AudienceTold)] == (
        [where] if where else []
    )
