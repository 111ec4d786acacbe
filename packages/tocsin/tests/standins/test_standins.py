"""The stand-in for Slack, checked with Slack's own client: what passes here must be what Slack's protocol is."""

import asyncio
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from .server import Response
from .slack import TOKEN, Slack, slack

HEADER = {"type": "header", "text": {"type": "plain_text", "text": "A headline"}}


async def post(state: Slack, token: str = TOKEN, **arguments: Any) -> Any:
    client = WebClient(token, base_url=f"{state.base_url}/", timeout=5)
    return await asyncio.to_thread(client.chat_postMessage, **arguments)


async def refusal(state: Slack, token: str = TOKEN, **arguments: Any) -> str:
    with pytest.raises(SlackApiError) as refused:
        await post(state, token, **arguments)
    return str(refused.value.response["error"])


async def test_slacks_own_client_posts_and_reads_the_answer() -> None:
    async with slack() as state:
        answer = await post(state, channel="#incidents", text="hello", blocks=[HEADER])

    assert (answer["ok"], answer["channel"], answer["ts"]) == (True, "C0INCIDENTS", "1700000000.000001")
    assert state.messages[0]["text"] == "hello"


@pytest.mark.filterwarnings("ignore:The top-level:UserWarning")
async def test_slacks_own_client_is_refused_as_slack_refuses() -> None:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}
    button = {"type": "button", "text": {"type": "plain_text", "text": "go"}, "url": "javascript:x"}
    async with slack() as state:
        assert await refusal(state, "", channel="#incidents", text="x") == "not_authed"
        assert await refusal(state, "xoxb-no", channel="#incidents", text="x") == "invalid_auth"
        assert await refusal(state, channel="#nowhere", text="x") == "channel_not_found"
        assert await refusal(state, channel="C0SEV1", text="") == "no_text"
        assert await refusal(state, channel="C0SEV1", text="x", blocks=[section]) == "invalid_blocks"
        assert await refusal(state, channel="C0SEV1", text="x", blocks=[HEADER] * 51) == "invalid_blocks"
        assert await refusal(state, channel="C0SEV1", text="x", blocks=[{"type": "fancy"}]) == "invalid_blocks"
        actions = {"type": "actions", "elements": [button]}
        assert await refusal(state, channel="C0SEV1", text="x", blocks=[actions]) == "invalid_blocks"
        assert state.messages == []


async def test_slacks_own_client_understands_the_rate_limit() -> None:
    async with slack() as state:
        state.clock = lambda: 1.0
        await post(state, channel="C0SEV1", text="one")
        with pytest.raises(SlackApiError) as limited:
            await post(state, channel="C0SEV1", text="two")

    assert limited.value.response.status_code == 429
    assert limited.value.response.headers["retry-after"] == "1"


async def test_a_switched_answer_is_what_slacks_own_client_gets() -> None:
    async with slack() as state:
        state.answer = Response(200, b'{"ok":false,"error":"fatal_error"}')

        assert await refusal(state, channel="C0SEV1", text="x") == "fatal_error"


async def call(state: Slack, method: str, **arguments: Any) -> Any:
    client = WebClient(TOKEN, base_url=f"{state.base_url}/", timeout=5)
    return await asyncio.to_thread(getattr(client, method), **arguments)


async def test_slacks_own_client_makes_fills_and_archives_a_channel() -> None:
    async with slack() as state:
        state.workspace.users.add("U0ANA")
        made = (await call(state, "conversations_create", name="sev1-agent-booster-down"))["channel"]
        room = made["id"]
        await call(state, "conversations_setTopic", channel=room, topic="SEV1")
        await call(state, "conversations_setPurpose", channel=room, purpose="ours")
        await call(state, "conversations_invite", channel=room, users=["U0ANA"])
        ts = (await post(state, channel=room, text="hello"))["ts"]
        await call(state, "pins_add", channel=room, timestamp=ts)
        await call(state, "chat_update", channel=room, ts=ts, text="hello again")
        (mine,) = (await call(state, "users_conversations", types="public_channel"))["channels"]
        (said,) = (await call(state, "conversations_history", channel=room))["messages"]
        link = (await call(state, "chat_getPermalink", channel=room, message_ts=ts))["permalink"]
        await call(state, "conversations_archive", channel=room)
        known = (await call(state, "conversations_info", channel=room))["channel"]

    assert (mine["name"], mine["creator"], mine["purpose"]["value"]) == ("sev1-agent-booster-down", "U0TOCSIN", "ours")
    assert (said["text"], room in link, known["is_archived"]) == ("hello again", True, True)


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("conversations_create", {"name": "Sev1"}, "invalid_name_specials"),
        ("conversations_create", {"name": "a" * 81}, "invalid_name_maxlength"),
        ("conversations_create", {"name": "--"}, "invalid_name_punctuation"),
        ("conversations_create", {"name": ""}, "invalid_name_required"),
        ("conversations_create", {"name": "mine"}, "name_taken"),
        ("conversations_create", {"name": "theirs"}, "name_taken"),
        ("conversations_invite", {"channel": "C0ROOM001", "users": "U0NOBODY"}, "user_not_found"),
        ("conversations_invite", {"channel": "C0ROOM001", "users": "U0TOCSIN"}, "cant_invite_self"),
        ("conversations_invite", {"channel": "C0ROOM002", "users": "U0NOBODY"}, "is_archived"),
        ("conversations_setTopic", {"channel": "C0ROOM003", "topic": "x"}, "not_in_channel"),
        ("conversations_setTopic", {"channel": "C0ROOM001", "topic": "x" * 251}, "too_long"),
        ("conversations_setTopic", {"channel": "C0NOWHERE", "topic": "x"}, "channel_not_found"),
        ("conversations_join", {"channel": "C0ROOM002"}, "is_archived"),
        ("conversations_archive", {"channel": "C0ROOM002"}, "already_archived"),
        ("pins_add", {"channel": "C0ROOM001", "timestamp": "1.1"}, "message_not_found"),
        ("chat_update", {"channel": "C0ROOM001", "ts": "1.1", "text": "x"}, "message_not_found"),
        ("chat_postMessage", {"channel": "C0ROOM002", "text": "x"}, "is_archived"),
        ("chat_postMessage", {"channel": "C0ROOM003", "text": "x"}, "not_in_channel"),
    ],
)
async def test_slacks_own_client_is_refused_rooms_as_slack_refuses(
    method: str, arguments: dict[str, Any], error: str
) -> None:
    async with slack() as state:
        state.workspace.add("mine", "U0TOCSIN")
        state.workspace.add("old", "U0TOCSIN", is_archived=True)
        state.workspace.add("theirs")
        with pytest.raises(SlackApiError) as refused:
            await call(state, method, **arguments)

    assert refused.value.response["error"] == error
