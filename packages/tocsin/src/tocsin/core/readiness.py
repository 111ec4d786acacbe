"""Can this person be paged now, by two independent routes?

A route is a contact method that is carried by a channel which is set up and works, at an address that the person has
confirmed, and to which nothing was given up since. Two routes are independent if no provider carries both: where one
provider fails, the other still rings.
"""

from collections.abc import Collection, Mapping
from typing import Final

import msgspec
from whenever import Instant

from tocsin.core.contact import MethodKind
from tocsin.core.ids import ChannelName, PersonId
from tocsin.core.rules import JOINS, Method, Person
from tocsin.core.verification import key_of

ROUTES_NEEDED: Final = 2
NOBODYS: Final = frozenset({"console"})
"""Channels that reach whoever looks at them, and nobody in particular."""


class Facts(msgspec.Struct, frozen=True):
    """All that readiness depends on beside the person, as values."""

    configured: Collection[ChannelName] = frozenset()
    unhealthy: Mapping[ChannelName, str] = {}
    """Channels that fail now, and how."""
    verified: Mapping[str, Instant] = {}
    """By the key of a method at its address: when the person confirmed it."""
    given_up: Mapping[str, Instant] = {}
    """By the same key: when a message was given up there last."""


class Route(msgspec.Struct, frozen=True):
    """One way to a person, and what is wrong with it."""

    kind: MethodKind
    channel: ChannelName
    address: str
    verified: bool
    wrong: str = ""
    """Empty: it can be relied on."""


class Readiness(msgspec.Struct, frozen=True):
    """Whether somebody can be paged now."""

    person: PersonId
    name: str
    ready: bool
    routes: tuple[Route, ...]
    missing: str = ""
    """What is missing; empty if nothing is."""


def readiness(person: Person, facts: Facts) -> Readiness:
    """Answer whether a person can be paged now, by two independent routes."""
    routes = tuple(_route(person.id, method, facts) for method in person.methods)
    usable = [route for route in routes if not route.wrong]
    ready = any(_apart(one, other) for place, one in enumerate(usable) for other in usable[place + 1 :])
    return Readiness(person.id, person.name, ready, routes, "" if ready else _missing(routes, usable))


def ready(person: Person, facts: Facts) -> bool:
    """Tell whether a person can be paged now, by two independent routes."""
    return readiness(person, facts).ready


def _route(person: PersonId, method: Method, facts: Facts) -> Route:
    key = key_of(person, method)
    verified_at = facts.verified.get(key)
    wrong = _wrong(method, facts, verified_at, facts.given_up.get(key))
    return Route(method.kind, method.channel, method.address, verified_at is not None, wrong)


def _wrong(method: Method, facts: Facts, verified_at: Instant | None, given_up_at: Instant | None) -> str:
    providers = _providers(method.channel)
    set_up = [each for each in providers if each in facts.configured]
    if not set_up:
        return f"the channel {method.channel} is not set up"
    if NOBODYS.issuperset(set_up):
        return f"the {set_up[0]} reaches whoever looks at it, and nobody in particular"
    failing = [each for each in set_up if each in facts.unhealthy]
    if len(failing) == len(set_up):
        return f"{failing[0]} fails now: {facts.unhealthy[ChannelName(failing[0])]}"
    if verified_at is None:
        return "not confirmed by a code"
    if given_up_at is not None and given_up_at > verified_at:
        return f"a message was given up there on {given_up_at.format_iso()[:10]}; confirm it again"
    return ""


def _providers(channel: ChannelName) -> tuple[str, ...]:
    return tuple(channel.split(JOINS))


def _apart(one: Route, other: Route) -> bool:
    return not set(_providers(one.channel)) & set(_providers(other.channel))


def _missing(routes: tuple[Route, ...], usable: list[Route]) -> str:
    if not routes:
        return "no contact method"
    if not usable:
        return "no route that can be relied on"
    if len(usable) == 1:
        return f"only {usable[0].kind.value} can be relied on"
    return f"every route depends on {usable[0].channel}"
