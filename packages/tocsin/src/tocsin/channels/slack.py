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

from tocsin.channels.http import Answer, post, wait
from tocsin.channels.port import Accepted, Deferred, DeliveryKey, Outcome, Rejected
from tocsin.channels.slack_blocks import blocks, fallback
from tocsin.core.messages import Message, Settled

PACE: Final = 1.0
"""Messages a second into one Slack channel, as documented."""

EVENT_TYPE: Final = "tocsin_message"
_KEYS: Final = uuid.UUID("6f1c53de-5a0c-5a0e-9f4b-70c51a000001")
"""The space in which delivery keys become the UUIDs that Slack takes."""

_ADDRESS = re.compile(r"[#@]?[\w.-]{1,80}")
_ERROR = re.compile(r"[a-z0-9_]{1,60}")

RETRYABLE: Final = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "service_unavailable", "fatal_error", "request_timeout",
     "team_added_to_org"}
)  # fmt: skip

REMEDIES: Final = {
    "channel_not_found": "no such Slack channel, or the app may not see it; check the address and invite the app",
    "not_in_channel": "the app is not in that Slack channel; invite it",
    "is_archived": "that Slack channel is archived; give another address",
    "invalid_auth": "Slack does not know our token; make a new one and configure it",
    "not_authed": "no token is configured for Slack; configure one",
    "account_inactive": "the token's Slack account is gone; make a new token",
    "token_revoked": "the Slack token was revoked; make a new one",
    "token_expired": "the Slack token has expired; make a new one",
    "missing_scope": "the Slack token lacks a scope; give the app chat:write",
    "restricted_action": "a setting of the Slack workspace keeps the app from posting there; ask its administrator",
    "ekm_access_denied": "the Slack workspace's administrators have suspended posting; ask them",
    "user_not_found": "no such person in Slack; check the address",
    "duplicate_message_not_found": "an earlier attempt had been posted and has been removed since",
    "duplicate_channel_not_found": "an earlier attempt went to another Slack channel",
    "cant_update_message": "only the app that posted a message may change it",
    "message_limit_exceeded": "the Slack workspace has used up its messages; ask its administrator",
}  # fmt: skip


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
        said = _read(answer) if answer.status == httpx.codes.OK else None
        if said is not None and said.error in _GONE:
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
    ok: bool
    error: str = ""
    channel: str = ""
    ts: str = ""


def _outcome(answer: Answer, address: str, key: DeliveryKey) -> Outcome:
    match answer.status:
        case 429:
            return Deferred(why="Slack asked to slow down", wait=wait(answer))
        case status if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return Deferred(why=f"Slack failed with {status}", wait=wait(answer))
        case status if status != httpx.codes.OK:
            return Rejected(why=f"Slack refused with {status}; check the base URL")
    said = _read(answer)
    if said is None:
        return Deferred(why="Slack answered something that is not its protocol")
    if said.ok:
        return Accepted(receipt=f"{said.channel or address}:{said.ts or key}")
    return _refusal(said.error if _ERROR.fullmatch(said.error) else "an unreadable error", answer)


def _read(answer: Answer) -> _Said | None:
    try:
        return msgspec.json.decode(answer.body, type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _refusal(error: str, answer: Answer) -> Outcome:
    if error in RETRYABLE:
        return Deferred(why=f"Slack answered {error}", wait=wait(answer))
    remedy = REMEDIES.get(error)
    return Rejected(why=f"Slack answered {error}" + (f": {remedy}" if remedy else ""))
