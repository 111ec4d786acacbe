"""The part of the Slack stand-in that has channels, members and pins: the conversations of one workspace.

Each method answers a dictionary, or raises `Refused` with the error that Slack documents for it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

BOT = "U0TOCSIN"

SCOPES = {
    "conversations.create": "channels:manage",
    "conversations.invite": "channels:manage",
    "conversations.setTopic": "channels:manage",
    "conversations.setPurpose": "channels:manage",
    "conversations.archive": "channels:manage",
    "conversations.join": "channels:join",
    "conversations.info": "channels:read",
    "conversations.list": "channels:read",
    "users.conversations": "channels:read",
    "conversations.history": "channels:history",
    "pins.add": "pins:write",
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "chat.getPermalink": "",
    "auth.test": "",
}
"""What a bot's token must have for each method; nothing for some."""

ONLY_FORMS = {
    "users.conversations",
    "conversations.info",
    "conversations.list",
    "conversations.history",
    "chat.getPermalink",
}
"""Methods that read; Slack does not look into a JSON body for their arguments."""


class Refused(Exception):
    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.more = more


@dataclass
class Channel:
    id: str
    name: str
    creator: str
    members: set[str]
    topic: str = ""
    purpose: str = ""
    is_archived: bool = False
    is_private: bool = False
    pins: list[str] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "is_channel": True,
            "is_archived": self.is_archived,
            "is_private": self.is_private,
            "is_member": BOT in self.members,
            "creator": self.creator,
            "topic": {"value": self.topic, "creator": self.creator, "last_set": 0},
            "purpose": {"value": self.purpose, "creator": self.creator, "last_set": 0},
        }


@dataclass
class Workspace:
    messages: list[dict[str, Any]]
    channels: dict[str, Channel] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)
    page: int = 100
    """Channels on one page of a listing."""
    topics_set: int = 0

    def call(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return _METHODS[method](self, arguments)

    def named(self, name: str) -> Channel:
        return next(each for each in self.channels.values() if each.name == name)

    def add(self, name: str, creator: str = "U0SOMEBODY", **more: Any) -> Channel:
        """A channel that somebody made by hand."""
        channel = Channel(f"C0ROOM{len(self.channels) + 1:03}", name, creator, {creator}, **more)
        self.channels[channel.id] = channel
        return channel

    def create(self, arguments: dict[str, Any]) -> dict[str, Any]:
        name = arguments.get("name", "")
        if not name:
            raise Refused("invalid_name_required")
        if len(name) > 80:
            raise Refused("invalid_name_maxlength")
        if not re.search(r"[a-z0-9]", name):
            raise Refused("invalid_name_punctuation")
        if not re.fullmatch(r"[a-z0-9_-]+", name):
            raise Refused("invalid_name_specials")
        if any(each.name == name for each in self.channels.values()):
            raise Refused("name_taken")  # An archived channel keeps its name.
        return {"channel": self.add(name, BOT, is_private=_true(arguments.get("is_private"))).shown()}

    def invite(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel = self._mine(arguments)
        users = arguments.get("users", "").split(",")
        if users == [""]:
            raise Refused("no_user")
        for user in users:
            error = self._uninvitable(channel, user)
            if error:
                raise Refused(error, errors=[{"user": user, "ok": False, "error": error}])
        channel.members.update(users)
        return {"channel": channel.shown()}

    def _uninvitable(self, channel: Channel, user: str) -> str:
        if user == BOT:
            return "cant_invite_self"
        if user not in self.users:
            return "user_not_found"
        return "already_in_channel" if user in channel.members else ""

    def set_topic(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel = self._mine(arguments)
        if len(arguments.get("topic", "")) > 250:
            raise Refused("too_long")
        channel.topic = arguments["topic"]
        self.topics_set += 1
        return {"channel": channel.shown()}

    def set_purpose(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel = self._mine(arguments)
        if len(arguments.get("purpose", "")) > 250:
            raise Refused("too_long")
        channel.purpose = arguments["purpose"]
        return {"purpose": channel.purpose}

    def archive(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel = self._known(arguments)
        if channel.is_archived:
            raise Refused("already_archived")
        if BOT not in channel.members:
            raise Refused("not_in_channel")
        channel.is_archived = True
        return {}

    def join(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel = self._known(arguments)
        if channel.is_private:
            raise Refused("channel_not_found")
        if channel.is_archived:
            raise Refused("is_archived")
        channel.members.add(BOT)
        return {"channel": channel.shown()}

    def info(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"channel": self._known(arguments).shown()}

    def listing(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return self._page(list(self.channels.values()), arguments)

    def mine(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return self._page([each for each in self.channels.values() if BOT in each.members], arguments)

    def _page(self, channels: list[Channel], arguments: dict[str, Any]) -> dict[str, Any]:
        if _true(arguments.get("exclude_archived")):
            channels = [each for each in channels if not each.is_archived]
        start = int(arguments.get("cursor") or 0)
        size = min(self.page, int(arguments.get("limit") or 100))
        following = str(start + size) if start + size < len(channels) else ""
        shown = [each.shown() for each in channels[start : start + size]]
        return {"channels": shown, "response_metadata": {"next_cursor": following}}

    def history(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel = self._known(arguments)
        if BOT not in channel.members:
            raise Refused("not_in_channel")
        latest, oldest = arguments.get("latest") or "9", arguments.get("oldest") or "0"
        found = [each for each in self.messages if each["channel"] == channel.id and oldest <= each["ts"] <= latest]
        newest = list(reversed(found))[: int(arguments.get("limit") or 100)]
        return {"messages": [_message(each, _true(arguments.get("include_all_metadata"))) for each in newest]}

    def permalink(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel = self._known(arguments)
        self._message(channel, arguments.get("message_ts"))
        number = arguments["message_ts"].replace(".", "")
        return {"channel": channel.id, "permalink": f"https://agentic.slack.example/archives/{channel.id}/p{number}"}

    def pin(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel = self._mine(arguments)
        message = self._message(channel, arguments.get("timestamp"))
        if message["ts"] in channel.pins:
            raise Refused("already_pinned")
        channel.pins.append(message["ts"])
        return {}

    def update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel = self._known(arguments)
        if channel.is_archived:
            raise Refused("is_archived")
        message = self._message(channel, arguments.get("ts"))
        if message.get("user", BOT) != BOT:
            raise Refused("cant_update_message")
        message.update({key: value for key, value in arguments.items() if key in ("text", "blocks", "metadata")})
        return {"channel": channel.id, "ts": message["ts"], "text": message.get("text", "")}

    def who(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"url": "https://agentic.slack.example/", "team": "agentic", "user": "tocsin", "user_id": BOT}

    def postable(self, channel: str) -> None:
        """Refuse a message to a channel that takes none from the app."""
        known = self.channels.get(channel)
        if known is None:
            return
        if known.is_archived:
            raise Refused("is_archived")
        if BOT not in known.members:
            raise Refused("not_in_channel")

    def _message(self, channel: Channel, ts: Any) -> dict[str, Any]:
        found = next((each for each in self.messages if each["channel"] == channel.id and each["ts"] == ts), None)
        if found is None:
            raise Refused("message_not_found")
        return found

    def _known(self, arguments: dict[str, Any]) -> Channel:
        channel = self.channels.get(arguments.get("channel", ""))
        if channel is None:
            raise Refused("channel_not_found")
        return channel

    def _mine(self, arguments: dict[str, Any]) -> Channel:
        channel = self._known(arguments)
        if channel.is_archived:
            raise Refused("is_archived")
        if BOT not in channel.members:
            raise Refused("not_in_channel")
        return channel


def _message(message: dict[str, Any], with_metadata: bool) -> dict[str, Any]:
    shown = {"type": "message", "ts": message["ts"], "text": message.get("text", ""), "user": message.get("user", BOT)}
    return {**shown, "metadata": message["metadata"]} if with_metadata and "metadata" in message else shown


def _true(value: Any) -> bool:
    return value in (True, 1, "1", "true", "True")


_METHODS: dict[str, Callable[[Workspace, dict[str, Any]], dict[str, Any]]] = {
    "auth.test": Workspace.who,
    "conversations.create": Workspace.create,
    "conversations.invite": Workspace.invite,
    "conversations.setTopic": Workspace.set_topic,
    "conversations.setPurpose": Workspace.set_purpose,
    "conversations.archive": Workspace.archive,
    "conversations.join": Workspace.join,
    "conversations.info": Workspace.info,
    "conversations.list": Workspace.listing,
    "users.conversations": Workspace.mine,
    "conversations.history": Workspace.history,
    "chat.getPermalink": Workspace.permalink,
    "chat.update": Workspace.update,
    "pins.add": Workspace.pin,
}
