"""Messages to Slack channels and people, by ``chat.postMessage`` and Block Kit.

Slack promises no idempotency to apps. Each message carries the key in its metadata, where a search finds it, and a
``client_msg_id`` made of it. The errors that Slack documents speak of duplicates by that id, and it has been seen to
keep them away; its argument list does not name it, so nothing of ours depends on it.
"""

import re
import uuid
from typing import Any, Final

import httpx
import msgspec

from tocsin.channels.http import Answer, post
from tocsin.channels.port import Accepted, Deferred, DeliveryKey, Outcome, Rejected
from tocsin.channels.slack_api import Refusal, read
from tocsin.channels.slack_blocks import blocks, fallback
from tocsin.core.messages import Message, Settled

PACE: Final = 1.0
"""Messages a second into one Slack channel, as documented."""

EVENT_TYPE: Final = "tocsin_message"
_KEYS: Final = uuid.UUID("6f1c53de-5a0c-5a0e-9f4b-70c51a000001")
"""The space in which delivery keys become the UUIDs that Slack takes."""

_ADDRESS = re.compile(r"[#@]?[\w.-]{1,80}")


_POSTED = re.compile(r"([A-Z0-9]{2,30}):(\d{1,12}\.\d{1,9})")
"""A receipt of ours: the Slack channel and the message's time, which is its name there."""

_GONE: Final = frozenset({"message_not_found", "channel_not_found", "is_archived"})
"""Where there is no message any more, no button is left under anybody's finger."""


class SlackChannel:
    """Posts messages as a Slack app; the address is a channel's or a person's id, or a channel's name.

    With ``answers`` a page has buttons that Slack brings back; without, a link. Once it is settled they are taken off.
    """

    settles = True

    def __init__(
        self,
        http: httpx.AsyncClient,
        token: str,
        base_url: str = "https://slack.com/api",
        timeout_s: float = 10,
        pace: float = PACE,
        answers: bool = False,
    ) -> None:
        self._http = http
        self._token = token
        self._base_url = base_url.rstrip("/")
        self._answers = answers
        self._timeout_s = timeout_s
        self._pace = pace

    @property
    def pace(self) -> float:
        """Messages a second."""
        return self._pace

    async def deliver(self, message: Message, address: str, key: DeliveryKey) -> Outcome:
        """Post the message once."""
        if not _ADDRESS.fullmatch(address):
            return Rejected(why="the address is neither the id nor the name of a Slack channel or person")
        if message.settles is not None:
            return await self._settle(message, message.settles)
        request = _request(message, address, key, self._answers)
        answer = await self._call("chat.postMessage", request)
        return answer if isinstance(answer, Deferred) else _outcome(answer, address, key)

    async def _settle(self, message: Message, settled: Settled) -> Outcome:
        """Take the buttons off a page and say how it ended."""
        posted = _POSTED.fullmatch(settled.receipt)
        if posted is None:
            return Accepted(receipt="nothing to change: no receipt names a message")
        changed = {"channel": posted[1], "ts": posted[2], **_shown(message, "", False)}
        answer = await self._call("chat.update", changed)
        if isinstance(answer, Deferred):
            return answer
        said = read(answer, _Said)
        if isinstance(said, Refusal) and said.error in _GONE:
            return Accepted(receipt=f"nothing to change: {said.error}")
        return _outcome(answer, posted[1], DeliveryKey(posted[2]))

    async def _call(self, method: str, arguments: dict[str, Any]) -> Answer | Deferred:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json; charset=utf-8"}
        content = msgspec.json.encode(arguments)
        return await post(self._http, f"{self._base_url}/{method}", content, headers, self._timeout_s)

    async def close(self) -> None:
        """Give back connections."""
        await self._http.aclose()


def _shown(message: Message, key: str, answers: bool) -> dict[str, Any]:
    return {"text": fallback(message), "blocks": blocks(message, key if answers else "")}


def _request(message: Message, address: str, key: DeliveryKey, answers: bool) -> dict[str, Any]:
    return {
        "channel": address,
        **_shown(message, key, answers),
        "client_msg_id": str(uuid.uuid5(_KEYS, key)),
        "metadata": {"event_type": EVENT_TYPE, "event_payload": {"key": key, "incident": message.incident}},
        # Alert text must not become mentions, and a preview must not open the acknowledge link.
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


class _Said(msgspec.Struct, frozen=True):
    channel: str = ""
    ts: str = ""


def _outcome(answer: Answer, address: str, key: DeliveryKey) -> Outcome:
    match read(answer, _Said):
        case _Said() as said:
            return Accepted(receipt=f"{said.channel or address}:{said.ts or key}")
        case Refusal() as refusal:
            return refusal.rejected()
        case outcome:
            return outcome
