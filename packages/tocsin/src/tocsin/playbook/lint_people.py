"""Can each person be reached?"""

import re
from collections.abc import Callable, Collection, Iterator
from typing import Final

from tocsin.core.rules import MethodKind
from tocsin.playbook.document import Playbook
from tocsin.playbook.lint_references import Place
from tocsin.playbook.lint_rota import no_zone, zone_exists
from tocsin.playbook.problems import Problem
from tocsin.playbook.sections import PersonDoc
from tocsin.playbook.shape import meant

KNOWN_CHANNELS: Final = ("console", "webhook", "email", "slack")
"""The channels that Tocsin has. Which of them are set up is known at start only."""

KINDS: Final = (*(kind.value for kind in MethodKind), "status_page", "ticket", "webhook")
"""Kinds of contact that ``channels`` may speak of: of people, and of audiences."""

_ADDRESSES: Final = {
    "email": (r"[^@\s,;<>]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", "an e-mail address such as ana@example.org"),
    "slack": (
        r"#[a-z0-9_-]{1,80}|@?[UWCGD][A-Z0-9]{4,}",
        "a Slack channel (#incidents) or an id (U0AF1234)",
    ),
    "webhook": (r"https?://[^\s/]+(/\S*)?", "a URL such as https://hooks.example.org/tocsin"),
    "phone": (r"\+[0-9]{7,15}", "a number such as +15550100123"),
    "sms": (r"\+[0-9]{7,15}", "a number such as +15550100123"),
    "status_page": (r"https?://[^\s/]+(/\S*)?", "a URL such as https://status.example.org"),
}
"""What an address must look like: for a kind of contact, and for the channel that carries it."""


def channels(playbook: Playbook) -> Iterator[Problem]:
    """Find kinds of contact that are carried by a channel that does not exist, or do not exist themselves."""
    for kind, channel in playbook.about.channels.items():
        place = ("playbook.yaml", "channels", kind)
        if kind not in KINDS:
            remedy = meant(kind, KINDS, "the kinds are")
            yield playbook.problem("unknown-kind", place, f'there is no kind of contact "{kind}"', remedy)
        if channel not in KNOWN_CHANNELS:
            remedy = meant(channel, KNOWN_CHANNELS, "the channels are")
            yield playbook.problem("unknown-channel", place, f'there is no channel "{channel}"', remedy)


def methods(playbook: Playbook) -> Iterator[Problem]:
    """Find people who cannot be reached at all, and addresses that cannot be right."""
    for key, person in playbook.people.items():
        if not any(_carried(playbook, person)):
            yield playbook.problem(
                "no-method",
                ("people.yaml", "people", key),
                f"{person.name} has no working contact method",
                "add one whose kind stands under channels in playbook.yaml",
            )
        if not zone_exists(person.zone):
            yield no_zone(playbook, ("people.yaml", "people", key, "zone"), person.zone)
        for number, method in enumerate(person.methods):
            place = ("people.yaml", "people", key, "methods", number)
            channel = method.channel or playbook.channel_of(method.kind.value)
            if channel is None:
                yield _uncarried(playbook, place, method.kind.value)
            elif channel not in KNOWN_CHANNELS and method.channel:
                remedy = meant(channel, KNOWN_CHANNELS, "the channels are")
                yield playbook.problem("unknown-channel", place, f'there is no channel "{channel}"', remedy)
            yield from address_fits(playbook, place, method.kind.value, channel, method.address)


def _carried(playbook: Playbook, person: PersonDoc) -> Iterator[bool]:
    for method in person.methods:
        yield (method.channel or playbook.channel_of(method.kind.value)) in KNOWN_CHANNELS


def _uncarried(playbook: Playbook, place: Place, kind: str) -> Problem:
    remedy = meant(kind, playbook.about.channels, f'add "{kind}: console" to channels in playbook.yaml; carried are')
    return playbook.problem("unknown-channel", place, f'no channel carries "{kind}"', remedy)


def address_fits(playbook: Playbook, place: Place, kind: str, channel: str | None, address: str) -> Iterator[Problem]:
    """Hold an address against what its channel takes; where that takes anything, as the console does, its kind."""
    judge = channel if channel in _ADDRESSES else kind
    pattern, example = _ADDRESSES.get(judge, ("(?s:.*)", ""))
    if re.fullmatch(pattern, address) is None:
        yield playbook.problem(
            "bad-address", (*place, "address"), f'"{address}" is no address for {judge}', f"write {example}"
        )


def audiences(playbook: Playbook) -> Iterator[Problem]:
    """Find audiences that nothing can be sent to although something should be."""
    for key, audience in playbook.communication.audiences.items():
        place = ("communication.yaml", "audiences", key)
        if audience.through is None:
            if audience.announces:
                yield playbook.problem(
                    "unread-audience", place, "something is announced here but nothing carries it", 'add "through: …"'
                )
            continue
        channel = playbook.channel_of(audience.through)
        if channel is None:
            yield _uncarried(playbook, (*place, "through"), audience.through)
        yield from address_fits(playbook, place, audience.through, channel, audience.address)


def calendar(playbook: Playbook) -> Iterator[Problem]:
    """Find business hours that never come."""
    doc, place = playbook.about.calendar, ("playbook.yaml", "calendar")
    if not zone_exists(doc.zone):
        yield no_zone(playbook, (*place, "zone"), doc.zone)
    if doc.opens_at >= doc.closes_at:
        yield playbook.problem("no-time", place, "business hours end before they begin", "let closes_at be later")
    if not doc.weekdays:
        yield playbook.problem("no-time", (*place, "weekdays"), "no day is a business day", "name at least one")


def not_configured(playbook: Playbook, configured: Collection[str]) -> Iterator[Problem]:
    """Find kinds of contact whose channel is not set up here. What goes there ends among the dead letters."""
    for kind, channel in playbook.about.channels.items():
        if channel in KNOWN_CHANNELS and channel not in configured:
            yield _not_set_up(playbook, ("playbook.yaml", "channels", kind), channel)
    for key, person in playbook.people.items():
        for number, method in enumerate(person.methods):
            if method.channel in KNOWN_CHANNELS and method.channel not in configured:
                yield _not_set_up(playbook, ("people.yaml", "people", key, "methods", number), method.channel or "")


def _not_set_up(playbook: Playbook, place: Place, channel: str) -> Problem:
    remedy = f"set the channel {channel} up, or let console carry it"
    return playbook.problem("channel-not-set-up", place, f'the channel "{channel}" is not set up', remedy, "warning")


CHECKS: tuple[Callable[[Playbook], Iterator[Problem]], ...] = (channels, methods, audiences, calendar)
