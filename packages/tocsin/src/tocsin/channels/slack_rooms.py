"""Slack channels as incidents' rooms: one step, one attempt, and nothing done twice.

Slack knows no idempotency, so each step finds out whether an attempt before it got through although its answer was
lost. A channel of ours carries the key of its making in its purpose, and is made and marked by one attempt at a time; a
summary carries its key in its metadata; everything else Slack itself answers with "already so".
"""

import asyncio
import re
from typing import Any, Final

import httpx
import msgspec

from tocsin.channels.rooms_port import Accepted, Deferred, DeliveryKey, Found, Gone, Outcome, Rejected
from tocsin.channels.slack_api import Refusal, SlackApi
from tocsin.channels.slack_blocks import blocks, fallback
from tocsin.core.messages import Message
from tocsin.core.room_steps import (
    ArchiveRoom,
    CreateRoom,
    Invite,
    PinSummary,
    PostSummary,
    ReadMessage,
    RejoinRoom,
    RoomFound,
    RoomStep,
    SetTopic,
    UpdateSummary,
)

PACE: Final = 1.0
"""Steps a second. Slack allows some methods 20 a minute, in bursts; beyond that it says for how long to wait."""

EVENT_TYPE: Final = "tocsin_summary"
PURPOSE_MAX: Final = 250
TOPIC_MAX: Final = 250
PAGES_MAX: Final = 10
"""Pages of the app's own channels that are searched for one it made, a thousand on each."""

NAMES_TRIED: Final = 4
_LOOKS_BACK: Final = 50
"""Messages of a room in which a summary is looked for: it is among the first that are posted there."""

_WHOLE_STEP_S: Final = 30
"""A step of several calls must be over before its lease is."""

_GONE: Final = frozenset({"channel_not_found", "is_archived", "not_in_channel"})
_USER = re.compile(r"@?([UW][A-Z0-9]{2,})")

Failed = Refusal | Deferred | Rejected


class _Me(msgspec.Struct, frozen=True):
    user_id: str
    url: str = ""


class _Text(msgspec.Struct, frozen=True):
    value: str = ""


class _Channel(msgspec.Struct, frozen=True):
    id: str
    name: str = ""
    creator: str = ""
    purpose: _Text = _Text()


class _Made(msgspec.Struct, frozen=True):
    channel: _Channel


class _More(msgspec.Struct, frozen=True):
    next_cursor: str = ""


class _Listed(msgspec.Struct, frozen=True):
    channels: tuple[_Channel, ...]
    response_metadata: _More = _More()


class _Metadata(msgspec.Struct, frozen=True):
    event_payload: dict[str, Any] = {}


class _Post(msgspec.Struct, frozen=True):
    ts: str
    text: str = ""
    user: str = ""
    metadata: _Metadata = _Metadata()


class _History(msgspec.Struct, frozen=True):
    messages: tuple[_Post, ...]


class _Posted(msgspec.Struct, frozen=True):
    ts: str


class _Permalink(msgspec.Struct, frozen=True):
    permalink: str


class _Nothing(msgspec.Struct, frozen=True):
    pass


class SlackRooms:
    """Makes and keeps the Slack channels of incidents, as a Slack app."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        token: str,
        base_url: str = "https://slack.com/api",
        timeout_s: float = 10,
        pace: float = PACE,
    ) -> None:
        self._api = SlackApi(http, token, base_url, timeout_s)
        self._pace = pace
        self._me: _Me | None = None
        self._making = asyncio.Lock()

    @property
    def pace(self) -> float:
        """Steps a second."""
        return self._pace

    async def take(self, step: RoomStep, message: Message, key: DeliveryKey) -> Outcome:
        """Try a step once."""
        try:
            async with asyncio.timeout(_WHOLE_STEP_S):
                found = await self._take(step, message, key)
        except TimeoutError:
            return Deferred(why="no answer in time")
        if isinstance(found, Refusal):
            return Gone(why=found.why) if found.error in _GONE else found.rejected()
        return found

    async def _take(self, step: RoomStep, message: Message, key: DeliveryKey) -> Outcome | Refusal:
        match step:
            case CreateRoom():
                return await self._create(step, message, key)
            case SetTopic(room):
                return await self._do("conversations.setTopic", channel=room, topic=message.text[:TOPIC_MAX])
            case PostSummary(room):
                return await self._post_once(room, message, key)
            case UpdateSummary():
                return await self._update(step, message, key)
            case PinSummary(room, ts):
                return await self._do("pins.add", "already_pinned", channel=room, timestamp=ts)
            case Invite():
                return await self._invite(step)
            case RejoinRoom(room):
                return await self._do("conversations.join", channel=room)
            case ReadMessage(room, ts):
                return await self._read(room, ts)
            case ArchiveRoom(room):
                return await self._do("conversations.archive", "already_archived", channel=room)

    async def _do(self, method: str, *same: str, **arguments: str) -> Outcome | Refusal:
        """Call a method whose success needs no words; ``same`` names the refusals that mean "it is so already"."""
        said = await self._api.write(method, arguments, _Nothing)
        if isinstance(said, _Nothing) or (isinstance(said, Refusal) and said.error in same):
            return Accepted(receipt=arguments["channel"])
        return said

    # Making one, so that it is ours and made once.

    async def _create(self, step: CreateRoom, message: Message, key: DeliveryKey) -> Outcome | Refusal:
        me = await self._who_am_i()
        if not isinstance(me, _Me):
            return me
        async with self._making:  # Between the making and the mark, no other attempt may take it for unclaimed.
            for name in _names(step):
                made = await self._make(name, key, me)
                if made is None:
                    continue  # Somebody else's.
                if not isinstance(made, _Channel):
                    return made
                return await self._claim(made, message, key, me)
        return Rejected(
            why=f"{NAMES_TRIED} names like {step.name} are taken in Slack; open the room by hand with another"
        )

    async def _make(self, name: str, key: DeliveryKey, me: _Me) -> _Channel | Failed | None:
        """Make a channel, or find the one that an earlier attempt made; None if the name is another's."""
        said = await self._api.write("conversations.create", {"name": name, "is_private": False}, _Made)
        if isinstance(said, _Made):
            return said.channel
        if not (isinstance(said, Refusal) and said.error == "name_taken"):
            return said
        return await self._ours(name, key, me)

    async def _ours(self, name: str, key: DeliveryKey, me: _Me) -> _Channel | Failed | None:
        """Find a channel of this name that we made with this key, or made and had no time to mark."""
        cursor = ""
        for _ in range(PAGES_MAX):
            asked = {"types": "public_channel", "exclude_archived": "true", "limit": 1000, "cursor": cursor}
            said = await self._api.read("users.conversations", asked, _Listed)
            if not isinstance(said, _Listed):
                return said
            for channel in said.channels:
                if channel.name == name:
                    unmarked = channel.creator == me.user_id and not channel.purpose.value
                    return channel if unmarked or _mark(key) in channel.purpose.value else None
            cursor = said.response_metadata.next_cursor
            if not cursor:
                break
        return None

    async def _claim(self, made: _Channel, message: Message, key: DeliveryKey, me: _Me) -> Outcome | Refusal:
        if _mark(key) not in made.purpose.value:
            purpose = f"{message.text[: PURPOSE_MAX - len(_mark(key)) - 1]} {_mark(key)}"
            said = await self._do("conversations.setPurpose", channel=made.id, purpose=purpose)
            if not isinstance(said, Accepted):
                return said
        url = f"{me.url.rstrip('/')}/archives/{made.id}" if me.url else ""
        return Found(receipt=made.id, found=RoomFound(id=made.id, name=made.name, url=url))

    async def _who_am_i(self) -> _Me | Failed:
        if self._me is None:
            said = await self._api.read("auth.test", {}, _Me)
            if not isinstance(said, _Me):
                return said
            self._me = said
        return self._me

    # The summary.

    async def _post_once(self, room: str, message: Message, key: DeliveryKey) -> Outcome | Refusal:
        before = await self._posted_before(room, key)
        if isinstance(before, str):
            return Found(receipt=before, found=RoomFound(id=before))
        if before is not None:
            return before
        said = await self._api.write("chat.postMessage", {"channel": room, **_said(message, key)}, _Posted)
        return Found(receipt=said.ts, found=RoomFound(id=said.ts)) if isinstance(said, _Posted) else said

    async def _posted_before(self, room: str, key: DeliveryKey) -> str | Failed | None:
        """Answer the message of an earlier attempt; None if there is none, or we may not look."""
        asked = {"channel": room, "limit": _LOOKS_BACK, "include_all_metadata": "true"}
        said = await self._api.read("conversations.history", asked, _History)
        if isinstance(said, _History):
            same = (each.ts for each in said.messages if each.metadata.event_payload.get("key") == key)
            return next(same, None)
        return None if isinstance(said, Refusal) and said.error == "missing_scope" else said

    async def _update(self, step: UpdateSummary, message: Message, key: DeliveryKey) -> Outcome | Refusal:
        words = _said(message, key)
        # The mark of the message that was posted stays; else an attempt at posting it would not find it any more.
        del words["metadata"]
        said = await self._api.write("chat.update", {"channel": step.room, "ts": step.message, **words}, _Nothing)
        if isinstance(said, Refusal) and said.error == "message_not_found":
            return await self._post_once(step.room, message, key)
        return Accepted(receipt=step.message) if isinstance(said, _Nothing) else said

    # People, and what they mark.

    async def _invite(self, step: Invite) -> Outcome | Refusal:
        user = _USER.fullmatch(step.address)
        if user is None:
            return Rejected(
                why=f'"{step.address}" is not a Slack member id; write the one from their profile (U0AF1234)'
            )
        return await self._do(
            "conversations.invite", "already_in_channel", "cant_invite_self", channel=step.room, users=user[1]
        )

    async def _read(self, room: str, ts: str) -> Outcome | Refusal:
        asked = {"channel": room, "latest": ts, "oldest": ts, "inclusive": "true", "limit": 1}
        said = await self._api.read("conversations.history", asked, _History)
        if not isinstance(said, _History):
            return said
        message = next((each for each in said.messages if each.ts == ts), None)
        if message is None:
            return Rejected(why="the message is not in the Slack channel any more, or stands in a thread")
        link = await self._api.read("chat.getPermalink", {"channel": room, "message_ts": ts}, _Permalink)
        url = link.permalink if isinstance(link, _Permalink) else ""
        return Found(receipt=ts, found=RoomFound(id=ts, url=url, text=message.text, author=message.user))


def _names(step: CreateRoom) -> list[str]:
    more = [f"{step.name}-{step.suffix}-{number}" for number in range(2, NAMES_TRIED)]
    return [step.name, f"{step.name}-{step.suffix}", *more]


def _mark(key: DeliveryKey) -> str:
    return f"[tocsin {key}]"


def _said(message: Message, key: DeliveryKey) -> dict[str, Any]:
    return {
        "text": fallback(message),
        "blocks": blocks(message),
        "metadata": {"event_type": EVENT_TYPE, "event_payload": {"key": key, "incident": message.incident}},
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }
