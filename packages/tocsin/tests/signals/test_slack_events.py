"""What Slack's Events API tells: a message was marked, and by whom."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.signals.port import Unreadable
from tocsin.signals.slack_events import Marked, marked


def event(**fields: Any) -> bytes:
    """An event as Slack wraps it, with the parts that its documentation shows."""
    envelope = {
        "token": "XXYYZZ",
        "team_id": "TXXXXXXXX",
        "api_app_id": "AXXXXXXXXX",
        "event": fields,
        "type": "event_callback",
        "event_id": "Ev08MFMKH6",
        "event_time": 1234567890,
    }
    return json.dumps(envelope).encode()


REACTION = {
    "type": "reaction_added",
    "user": "U024BE7LH",
    "reaction": "pushpin",
    "item_user": "U0G9QF9C6",
    "item": {"type": "message", "channel": "C0G9QF9GZ", "ts": "1360782400.498405"},
    "event_ts": "1360782804.083113",
}
PIN = {
    "type": "pin_added",
    "user": "U024BE7LH",
    "channel_id": "C0G9QF9GZ",
    "item": {
        "type": "message",
        "channel": "C0G9QF9GZ",
        "created": 1360782804,
        "created_by": "U024BE7LH",
        "message": {"type": "message", "user": "U0G9QF9C6", "ts": "1360782400.498405", "text": "the cache is cold"},
    },
    "event_ts": "1360782804.083113",
}


@pytest.mark.parametrize("said", [REACTION, PIN], ids=["reaction", "pin"])
def test_a_message_is_marked_by_the_reaction_and_by_pinning_it(said: dict[str, Any]) -> None:
    assert marked(event(**said)) == Marked("C0G9QF9GZ", "1360782400.498405", "U024BE7LH")


@pytest.mark.parametrize(
    "said",
    [
        {**REACTION, "reaction": "eyes"},
        {**REACTION, "type": "reaction_removed"},
        {**REACTION, "item": {"type": "file", "file": "F0HS27V1Z"}},
        {**PIN, "item": {"type": "file", "file_id": "F0HS27V1Z"}},
        {**PIN, "item": {"type": "message", "channel": "C0G9QF9GZ"}},
        {"type": "message", "channel": "C1", "text": "hello"},
        {},
    ],
)
def test_everything_else_asks_for_nothing(said: dict[str, Any]) -> None:
    assert marked(event(**said)) is None


def test_the_question_whether_an_address_is_ours_marks_nothing() -> None:
    assert marked(b'{"type":"url_verification","challenge":"x"}') is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"type":1}', b'{"type":"event_callback","event":[]}'])
def test_what_is_not_slacks_is_unreadable_with_a_remedy(body: bytes) -> None:
    with pytest.raises(Unreadable) as refused:
        marked(body)
    assert refused.value.remedy


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)).map(
        lambda value: json.dumps({"type": "event_callback", "event": value}).encode()
    )
)
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    try:
        found = marked(body)
    except Unreadable:
        return
    assert found is None or (found.channel and found.message)
