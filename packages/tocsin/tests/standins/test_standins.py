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
