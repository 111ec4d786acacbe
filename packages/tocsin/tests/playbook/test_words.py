"""The small words that an author writes."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whenever import TimeDelta

from tocsin.core.ids import PersonId, RoleName, RotationId
from tocsin.core.rules import (
    Clockwork,
    ComponentOwner,
    Everybody,
    InRole,
    MethodKind,
    OnRotation,
    Page,
    RaiseLevel,
    Tell,
    ThePerson,
)
from tocsin.playbook import words


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5m", 300), ("1h30m", 5400), ("0s", 0), ("90s", 90), ("2d", 172_800), ("1w", 604_800), ("1w2d3h4m5s", 788_645)],
)
def test_a_duration_is_written_as_people_do(text: str, seconds: int) -> None:
    assert words.duration(text) == TimeDelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "5min", "30m1h", "-5m", "1.5h", "PT5M", "5m ", "99999999999w"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|longer"):
        words.duration(text)


@given(st.integers(0, 365 * 86_400))
def test_a_duration_survives_being_spoken(seconds: int) -> None:
    assert words.duration(words.spoken(TimeDelta(seconds=seconds))) == TimeDelta(seconds=seconds)


@pytest.mark.clause("C2", "P1")
def test_an_allowance_names_its_clock() -> None:
    plain, moved, business = (words.allowance(t) for t in ("8h", "8h or next business day", "3 business days"))
    day = TimeDelta(hours=7)
    assert (plain.clockwork, plain.within(day)) == (Clockwork.WALL, TimeDelta(hours=8))
    assert (moved.clockwork, moved.within(day)) == (Clockwork.NEXT_DAY, TimeDelta(hours=8))
    assert (business.clockwork, business.within(day)) == (Clockwork.BUSINESS, TimeDelta(hours=21))


@pytest.mark.parametrize(
    "text", ["3 days", "0 business days", "8h or next business day please", "or next business day"]
)
def test_what_is_no_allowance_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"business|duration"):
        words.allowance(text)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("rotation sre-primary", OnRotation(RotationId("sre-primary"))),
        ("person ana", ThePerson(PersonId("ana"))),
        ("role communications", InRole(RoleName("communications"))),
        ("component owner", ComponentOwner()),
        ("everybody", Everybody()),
    ],
)
def test_whom_to_reach_is_written_as_it_is_said(text: str, target: object) -> None:
    assert words.whom(text).target == target


def test_an_act_names_whom_and_by_what() -> None:
    ana = ThePerson(PersonId("ana"))
    both = (MethodKind.PHONE, MethodKind.SLACK)
    assert words.act("page person ana by phone, slack").consequence == Page(ana, both)
    assert words.act("tell person ana").consequence == Tell(ana)
    assert words.act("raise level 3").consequence == RaiseLevel(3)


@pytest.mark.parametrize(
    "text", ["page", "page ana", "page person ana by pigeon", "raise level", "close it", "announce"]
)
def test_what_cannot_be_done_is_refused_with_what_can(text: str) -> None:
    with pytest.raises(ValueError, match="page WHOM by KIND"):
        words.act(text)


def accepts(parser: Callable[[str], object], text: str) -> bool:
    try:
        parser(text)
    except ValueError as error:
        return "longer" in str(error)  # Well written, only too much of it.
    return True


@given(st.text(max_size=30) | st.from_regex(words.ACT_PATTERN, fullmatch=True))
def test_the_patterns_of_the_json_schema_take_what_the_parsers_take(text: str) -> None:
    for pattern, parser in (
        (rf"(?=\d){words.DURATION_PATTERN}", words.duration),
        (words.WHOM_PATTERN, words.whom),
        (words.ACT_PATTERN, words.act),
    ):
        assert accepts(parser, text) == (re.fullmatch(pattern, text) is not None)
