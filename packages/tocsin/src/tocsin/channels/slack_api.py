"""What all that speaks to Slack's Web API shares: which refusals pass and which stay, and what to do about them.

One call is one attempt. A refusal is a value with Slack's own word for it, because some of them mean "done already".
"""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import httpx
import msgspec

from tocsin.channels.http import Answer, post, wait
from tocsin.channels.port import Deferred, Rejected

T = TypeVar("T")

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
    "restricted_action": "a setting of the Slack workspace keeps the app from it; ask its administrator",
    "ekm_access_denied": "the Slack workspace's administrators have suspended posting; ask them",
    "user_not_found": "no such person in Slack; check the address",
    "cant_invite": "Slack does not let this person be invited; check whether the account is still active",
    "ura_max_channels": "this person's Slack account may be in no more channels",
    "user_is_restricted": "a guest of the Slack workspace cannot be brought in by an app; ask its administrator",
    "method_not_supported_for_channel_type": "the app cannot come back into a private Slack channel; invite it",
    "duplicate_message_not_found": "an earlier attempt had been posted and has been removed since",
    "duplicate_channel_not_found": "an earlier attempt went to another Slack channel",
    "cant_update_message": "only the app that posted a message may change it",
    "message_limit_exceeded": "the Slack workspace has used up its messages; ask its administrator",
    "message_not_found": "somebody has deleted that message",
}  # fmt: skip

_ERROR = re.compile(r"[a-z0-9_]{1,60}")
_SCOPES = re.compile(r"[a-z0-9_:,. -]{1,120}")


class Refusal(msgspec.Struct, frozen=True):
    """Slack said no, in one word of its own."""

    error: str
    needed: str = ""
    """The scope that was missing."""

    def rejected(self) -> Rejected:
        """Answer the refusal as an outcome, with the way out."""
        return Rejected(why=self.why)

    @property
    def why(self) -> str:
        """Answer the refusal in words, with the way out."""
        if self.error == "missing_scope" and self.needed:
            return f"Slack answered missing_scope: give the app {self.needed}"
        remedy = REMEDIES.get(self.error)
        return f"Slack answered {self.error}" + (f": {remedy}" if remedy else "")


class _Verdict(msgspec.Struct, frozen=True):
    ok: bool
    error: str = ""
    needed: str = ""


def read(answer: Answer, kind: type[T]) -> T | Refusal | Deferred | Rejected:
    """Read what Slack answered: what was asked for, a refusal, or "not now"."""
    match answer.status:
        case 429:
            return Deferred(why="Slack asked to slow down", wait=wait(answer))
        case status if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return Deferred(why=f"Slack failed with {status}", wait=wait(answer))
        case status if status != httpx.codes.OK:
            return Rejected(why=f"Slack refused with {status}; check the base URL")
    try:
        verdict = msgspec.json.decode(answer.body, type=_Verdict)
        if verdict.ok:
            return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Deferred(why="Slack answered something that is not its protocol")
    error = verdict.error if _ERROR.fullmatch(verdict.error) else "an unreadable error"
    if error in RETRYABLE:
        return Deferred(why=f"Slack answered {error}", wait=wait(answer))
    return Refusal(error, verdict.needed if _SCOPES.fullmatch(verdict.needed) else "")


class SlackApi:
    """Calls methods of the Web API as one app."""

    def __init__(self, http: httpx.AsyncClient, token: str, base_url: str, timeout_s: float) -> None:
        self._http = http
        self._token = token
        self._base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s

    async def write(
        self, method: str, arguments: Mapping[str, Any], kind: type[T]
    ) -> T | Refusal | Deferred | Rejected:
        """Call a method that changes something; its arguments go as JSON."""
        return await self._call(method, msgspec.json.encode(arguments), "application/json; charset=utf-8", kind)

    async def read(
        self, method: str, arguments: Mapping[str, object], kind: type[T]
    ) -> T | Refusal | Deferred | Rejected:
        """Call a method that only answers; those take no JSON."""
        return await self._call(method, urlencode(arguments).encode(), "application/x-www-form-urlencoded", kind)

    async def _call(
        self, method: str, content: bytes, content_type: str, kind: type[T]
    ) -> T | Refusal | Deferred | Rejected:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content_type}
        answer = await post(self._http, f"{self._base_url}/{method}", content, headers, self._timeout_s)
        return answer if isinstance(answer, Deferred) else read(answer, kind)
