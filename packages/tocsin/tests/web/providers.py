"""A playbook whose people are reached by real providers, and channels that remember."""

from collections.abc import Callable

from msgspec.structs import replace

from tocsin.channels.port import Accepted, DeliveryKey, Outcome
from tocsin.core.ids import ChannelName, PersonId
from tocsin.core.messages import Message
from tocsin.core.rules import Method, MethodKind, Rulebook

CHANNELS = {
    MethodKind.PAGER: ChannelName("pagerduty"),
    MethodKind.SLACK: ChannelName("slack"),
    MethodKind.PHONE: ChannelName("voice"),
    MethodKind.SMS: ChannelName("sms"),
}


class Remembering:
    """Takes every message over and remembers it."""

    pace = 1000.0

    def __init__(self, settles: bool = False) -> None:
        self.settles = settles
        self.got: list[tuple[Message, str, DeliveryKey]] = []
        self.answer: Callable[[Message, DeliveryKey], Outcome] = lambda message, key: Accepted(f"r-{key}")

    async def deliver(self, message: Message, address: str, key: DeliveryKey) -> Outcome:
        self.got.append((message, address, key))
        return self.answer(message, key)

    async def close(self) -> None:
        pass

    def to(self, address: str) -> list[tuple[Message, DeliveryKey]]:
        """What came for one address."""
        return [(message, key) for message, to, key in self.got if to == address]


def by_providers(rules: Rulebook) -> Rulebook:
    """The same playbook with everything carried by its provider."""

    def carried(method: Method) -> Method:
        return replace(method, channel=CHANNELS.get(method.kind, method.channel))

    people = {key: replace(one, methods=tuple(map(carried, one.methods))) for key, one in rules.people.items()}
    audiences = {
        key: replace(one, channel=ChannelName("slack")) if one.address.startswith("#") else one
        for key, one in rules.audiences.items()
    }
    return replace(rules, people=people, audiences=audiences)


def address_of(rules: Rulebook, person: str, kind: MethodKind) -> str:
    """Where a person is reached by a kind of contact."""
    return next(method.address for method in rules.people[PersonId(person)].methods if method.kind is kind)
