"""What is said to somebody who pressed a button or typed a command in Slack, at the address that Slack gave for it."""

import json
import logging

import httpx

from tocsin.channels.http import Answer, post
from tocsin.core.outbound import AllowList

_log = logging.getLogger("tocsin.channels")


class SlackReplies:
    """Posts replies to addresses of Slack's own host and no other: the address comes from outside."""

    def __init__(
        self, http: httpx.AsyncClient, allowed: str = "https://hooks.slack.com", timeout_s: float = 10
    ) -> None:
        self._http = http
        self._allowed = AllowList((allowed,))
        self._timeout_s = timeout_s

    async def reply(self, url: str, text: str) -> bool:
        """Say something to the one person; tell whether Slack took it. What counts was kept before."""
        refusal = self._allowed.refusal(url)
        if refusal:
            _log.warning("no reply in Slack: %s", refusal)
            return False
        content = json.dumps({"response_type": "ephemeral", "replace_original": False, "text": text}).encode()
        answer = await post(self._http, url, content, {"Content-Type": "application/json"}, self._timeout_s)
        return isinstance(answer, Answer) and answer.status == httpx.codes.OK
