"""A channel that keeps state of a page is told how it was settled; the others are left in peace (D2)."""

import pytest
from msgspec.structs import replace

from tocsin.core.commands import Acknowledge, AnyCommand, Decline, RecordDelivery, Resolve, Situation
from tocsin.core.decide import decide
from tocsin.core.incident import fold
from tocsin.core.messages import Intent, MessageKind, Settlement
from tocsin.core.notifications import intents
from tocsin.core.rules import Method

from ..builders import ENGINEERING_LEAD, SEV1, Tale, by

ALL = frozenset({"console"})


class Told(Tale):
    """A tale that remembers what it makes Tocsin say."""

    def __init__(self, settles: frozenset[str] = ALL) -> None:
        super().__init__()
        self.said: list[Intent] = []
        self.settles = settles

    @property
    def given(self) -> Situation:
        return replace(super().given, settles=self.settles)

    def tell(self, command: AnyCommand) -> list[Intent]:
        """Carry a command out; answer what pages are settled by it."""
        events = decide(self.incident, command, self.given)
        said = intents(self.incident, events, self.given)
        self.incident = fold(self.incident, events)
        self.said += said
        return [each for each in said if each.message.kind is MessageKind.SETTLED]

    def opened(self) -> "Told":
        before = Tale(self.now)
        before.declare(SEV1)
        self.incident = before.incident
        self.said += intents(None, before.events, self.given)
        return self

    def pages(self, person: str) -> set[str]:
        return {each.id for each in self.said if each.message.kind is MessageKind.PAGE and each.person == person}


def settled(told: list[Intent]) -> dict[str, Settlement]:
    return {each.message.settles.page: each.message.settles.how for each in told if each.message.settles}


@pytest.mark.clause("D2")
def test_whoever_answers_settles_all_their_own_pages_and_nobody_elses() -> None:
    tale = Told().opened()

    told = tale.tell(Acknowledge(by=by(tale.primary)))

    assert set(settled(told)) == tale.pages(tale.primary)
    assert set(settled(told).values()) == {Settlement.ACKNOWLEDGED}
    assert all("Acknowledged by" in each.message.text for each in told)
    assert tale.tell(Acknowledge(by=by(tale.primary))) == [], "said twice, it is said once"


@pytest.mark.clause("E4")
def test_a_page_that_is_declined_rings_no_longer() -> None:
    tale = Told().opened()

    told = tale.tell(Decline(by=by(tale.primary)))

    assert settled(told) == dict.fromkeys(tale.pages(tale.primary), Settlement.DECLINED)


def test_the_end_settles_every_page_that_was_sent_answered_or_not() -> None:
    tale = Told().opened()
    tale.tell(Acknowledge(by=by(tale.primary)))

    told = tale.tell(Resolve(by=by(tale.primary, commands=True), override_reason="false alarm"))

    assert set(settled(told)) == {each.id for each in tale.said if each.message.kind is MessageKind.PAGE}
    assert len({each.id for each in tale.said}) == len(tale.said)


def test_a_page_that_went_on_to_another_method_is_settled_there_too() -> None:
    tale = Told().opened()
    page = next(page for page in tale.state.pages.values() if page.person == ENGINEERING_LEAD)
    for method in page.trying:
        tale.tell(RecordDelivery(page=page.page, method=method, why="gone"))

    told = tale.tell(Acknowledge(by=by(ENGINEERING_LEAD)))

    assert set(settled(told)) == tale.pages(ENGINEERING_LEAD)
    assert len(told) > len(page.trying)


def test_only_channels_that_keep_state_are_told() -> None:
    assert Told(frozenset()).opened().tell(Acknowledge(by=by("ines-moreau"))) == []


def test_a_settlement_goes_where_the_page_went_and_demands_nobody() -> None:
    tale = Told().opened()

    for each in tale.tell(Acknowledge(by=by(tale.primary))):
        assert isinstance(each.method, Method)
        assert (each.channel, each.address) == (each.method.channel, each.method.address)
        assert (each.page, each.person) == (None, None)
