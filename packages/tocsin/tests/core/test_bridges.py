"""The bridge that is made for each incident: when it is asked for, which address stands where, what a failure means."""

import pytest
from msgspec.structs import replace

from tocsin.core import events as e
from tocsin.core.audience import Announcement
from tocsin.core.bridges import BRIDGES
from tocsin.core.commands import OpenRoom, RecordBridge, Refused, SetSeverity
from tocsin.core.ids import AudienceId, Severity
from tocsin.core.messages import Intent
from tocsin.core.pointers import bridge
from tocsin.core.room_saga import summary
from tocsin.core.room_steps import OpenBridge, RoomFound
from tocsin.core.rules import Rulebook

from ..builders import SEV1, SEV2, SEV3, TUESDAY_MORNING, SendingTale, by, minutes, zoom_rulebook

CALL = RoomFound(id="93712000001", url="https://us02web.zoom.us/j/93712000001?pwd=b1NkR2hL")
TEMPLATE = "https://meet.example/{incident}"


class BridgeTale(SendingTale):
    def __init__(self, rules: Rulebook | None = None) -> None:
        super().__init__(TUESDAY_MORNING, rules or zoom_rulebook())

    @property
    def asked(self) -> list[Intent]:
        return [each for each in self.outbox if isinstance(each.step, OpenBridge)]

    def ended(self, why: str = "") -> tuple[e.AnyEvent, ...]:
        """The newest attempt at a call came to this."""
        return self.do(RecordBridge(intent=self.asked[-1].id, found=RoomFound() if why else CALL, why=why))

    @property
    def address(self) -> str:
        return bridge(self.state, self.rules)

    def links(self, intent: Intent) -> list[str]:
        return [link.url for link in intent.message.links if link.label == "Incident bridge"]


@pytest.mark.clause("R3")
@pytest.mark.parametrize(("severity", "calls"), [(SEV1, 1), (SEV2, 1), (SEV3, 0)])
def test_a_grave_incident_asks_for_a_call_of_its_own_once(severity: Severity, calls: int) -> None:
    tale = BridgeTale()
    tale.declare(severity)
    tale.wait(30)

    assert len(tale.asked) == len(tale.of(e.BridgeAsked)) == calls
    topics = {(each.channel, each.message.text) for each in tale.asked}
    assert topics <= {(BRIDGES, f"{severity} INC-1: Agent Booster: no operation succeeds")}


@pytest.mark.clause("R3")
def test_an_incident_that_grows_grave_gets_one_and_keeps_it_when_it_grows_worse_or_better() -> None:
    tale = BridgeTale()
    tale.declare(SEV3)
    tale.do(SetSeverity(by=by("mara-lindqvist"), severity=SEV2))
    tale.ended()
    tale.do(SetSeverity(by=by("mara-lindqvist"), severity=SEV1))
    tale.do(SetSeverity(by=by("mara-lindqvist", commands=True), severity=SEV3, reason="half of it is back"))

    assert len(tale.asked) == 1
    assert tale.address == CALL.url, "people talk there"


@pytest.mark.clause("R3")
def test_as_soon_as_it_is_made_its_link_stands_in_the_summary_and_in_every_message() -> None:
    tale = BridgeTale()
    tale.declare(SEV1)
    assert tale.address == ""
    assert not any(tale.links(each) for each in tale.sent)
    tale.sent.clear()
    events = tale.ended()
    said = [each for each in tale.sent if each.step is None]
    tale.sent.clear()
    tale.wait(10)

    assert [type(each) for each in events] == [e.BridgeOpened]
    assert {CALL.url} == {url for each in said for url in tale.links(each)}
    assert {CALL.url} == {url for each in tale.sent if each.page for url in tale.links(each)}
    assert CALL.url in [link.url for link in summary(tale.state, tale.given).links]


def test_the_room_is_told_and_the_public_never_is() -> None:
    book = zoom_rulebook()
    loud = {key: replace(each, announces=tuple(Announcement)) for key, each in book.audiences.items()}
    tale = BridgeTale(replace(book, audiences=loud))
    tale.declare(SEV1)
    tale.sent.clear()
    tale.ended()

    told = {each.address: each for each in tale.sent}
    public = {each.address for each in loud.values() if each.public}
    assert public, "there are some"
    assert loud[AudienceId("incident-channel")].address in told
    assert not public & set(told)


def test_no_message_to_the_public_lets_it_into_a_call_or_a_dashboard() -> None:
    book = zoom_rulebook()
    loud = {key: replace(each, announces=tuple(Announcement)) for key, each in book.audiences.items()}
    tale = BridgeTale(replace(book, audiences=loud))
    tale.declare(SEV1)
    tale.ended()
    tale.acknowledge()

    public = {each.address for each in loud.values() if each.public}
    said = [each.message for each in tale.sent if each.address in public]
    assert said
    assert all(each.links == () for each in said)


@pytest.mark.clause("R3")
def test_while_a_call_may_still_come_no_other_is_named_and_after_it_was_given_up_the_playbooks_is() -> None:
    tale = BridgeTale(zoom_rulebook(TEMPLATE))
    tale.declare(SEV1)
    assert tale.address == ""
    events = tale.ended("Zoom refused")

    assert [type(each) for each in events] == [e.BridgeFailed]
    assert tale.address == "https://meet.example/inc-1"
    assert tale.asked[0].give_up_at == tale.asked[0].created_at + minutes(3)


def test_where_the_playbook_has_no_address_to_use_instead_a_call_is_tried_for_hours() -> None:
    tale = BridgeTale()
    tale.declare(SEV1)

    assert tale.asked[0].give_up_at == tale.asked[0].created_at + minutes(120)
    tale.ended("no answer in time")
    assert tale.address == ""


def test_a_call_that_was_given_up_is_asked_for_again_by_hand_and_with_a_mark_of_its_own() -> None:
    tale = BridgeTale()
    tale.declare(SEV1)
    tale.ended("no token")
    first = tale.asked[0]
    tale.jump(5)
    tale.do(OpenRoom(by=by("mara-lindqvist")))
    tale.do(RecordBridge(intent=first.id, why="told late"))
    assert tale.state.bridge is not None
    assert not tale.state.bridge.failed
    tale.ended()

    marks = {each.step.mark for each in tale.asked if isinstance(each.step, OpenBridge)}
    assert len(marks) == len(tale.asked) == 2
    assert tale.address == CALL.url


def test_that_works_without_slack_too_and_what_nobody_can_give_is_refused() -> None:
    grave, slight = (BridgeTale(replace(zoom_rulebook(), rooms=None)) for _ in range(2))
    grave.declare(SEV1)
    grave.ended("no token")
    grave.do(OpenRoom(by=by("mara-lindqvist")))
    slight.declare(SEV3)
    with pytest.raises(Refused):
        slight.do(OpenRoom(by=by("mara-lindqvist")))

    assert len(grave.asked) == 2


def test_a_long_title_is_cut_to_what_zoom_takes() -> None:
    from tocsin.core.bridges import intent as row

    tale = BridgeTale()
    tale.declare(SEV1)
    long = replace(tale.state, title="x" * 400)
    asked = row(long, e.BridgeAsked(at=tale.now), tale.given)

    assert len(asked.message.text) == 200
    assert asked.message.text.endswith("…")
