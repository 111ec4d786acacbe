"""Can each person be reached?"""

import re
from collections.abc import Callable, Collection, Iterator
from typing import Final

from tocsin.core.pointers import INCIDENT_PLACE
from tocsin.core.rules import JOINS, MethodKind
from tocsin.playbook.document import Playbook
from tocsin.playbook.lint_references import Place
from tocsin.playbook.lint_rota import no_zone, zone_exists
from tocsin.playbook.problems import Problem
from tocsin.playbook.sections import Carrier, PersonDoc, joined
from tocsin.playbook.shape import meant

KNOWN_CHANNELS: Final = ("console", "webhook", "email", "slack", "pagerduty", "voice", "sms", "apprise")
"""The channels that Tocsin has. Which of them are set up is known at start only."""

KINDS: Final = (*(kind.value for kind in MethodKind), "status_page", "ticket", "webhook")
"""Kinds of contact that ``channels`` may speak of: of people, and of audiences."""

_ADDRESSES: Final = {
    "email": (r"[^@\s,;<>]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", "an e-mail address such as ana@example.org"),
    "slack": (
        r"#[a-z0-9_-]{1,80}|@?[UWCGD][A-Z0-9]{4,}",
        "a Slack channel (#incidents) or an id (U0AF1234)",
    ),
    "pagerduty": (
        r"[A-Za-z0-9._+-]{1,64}(@[A-Za-z0-9.-]{1,190})?",
        "a user id of PagerDuty (PXPGF42), an e-mail address, or a name from TOCSIN_PAGERDUTY_ROUTES",
    ),
    "voice": (r"\+[0-9]{7,15}", "a number such as +15550100123"),
    "webhook": (r"https?://[^\s/]+(/\S*)?", "a URL such as https://hooks.example.org/tocsin"),
    "phone": (r"\+[0-9]{7,15}", "a number such as +15550100123"),
    "sms": (r"\+[0-9]{7,15}", "a number such as +15550100123"),
    "status_page": (r"https?://[^\s/]+(/\S*)?", "a URL such as https://status.example.org"),
}
"""What an address must look like: for a kind of contact, and for the channel that carries it."""


def channels(playbook: Playbook) -> Iterator[Problem]:
    """Find kinds of contact that are carried by a channel that does not exist, or do not exist themselves."""
    for kind, carrier in playbook.about.channels.items():
        place = ("playbook.yaml", "channels", kind)
        if kind not in KINDS:
            remedy = meant(kind, KINDS, "the kinds are")
            yield playbook.problem("unknown-kind", place, f'there is no kind of contact "{kind}"', remedy)
        yield from _known(playbook, place, carrier)


def _known(playbook: Playbook, place: Place, carrier: Carrier) -> Iterator[Problem]:
    """Find channels that do not exist, and lists that stand in for nothing."""
    names = _names(carrier)
    for channel in names:
        if channel not in KNOWN_CHANNELS:
            remedy = meant(channel, KNOWN_CHANNELS, "the channels are")
            yield playbook.problem("unknown-channel", place, f'there is no channel "{channel}"', remedy)
    if not names or len(set(names)) < len(names):
        why = "a channel stands in for itself here" if names else "no channel is named"
        yield playbook.problem("unknown-channel", place, why, "name each channel once, the best one first")


def _names(carrier: Carrier | None) -> tuple[str, ...]:
    return () if carrier is None else tuple(joined(carrier).split(JOINS)) if carrier else ()


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
            channel = playbook.carrier(method)
            if channel is None:
                yield _uncarried(playbook, place, method.kind.value)
            elif method.channel:
                yield from _known(playbook, place, method.channel)
            yield from address_fits(playbook, place, method.kind.value, channel, method.address)


def _carried(playbook: Playbook, person: PersonDoc) -> Iterator[bool]:
    for method in person.methods:
        yield any(name in KNOWN_CHANNELS for name in _names(playbook.carrier(method)))


def _uncarried(playbook: Playbook, place: Place, kind: str) -> Problem:
    remedy = meant(kind, playbook.about.channels, f'add "{kind}: console" to channels in playbook.yaml; carried are')
    return playbook.problem("unknown-channel", place, f'no channel carries "{kind}"', remedy)


def address_fits(playbook: Playbook, place: Place, kind: str, channel: str | None, address: str) -> Iterator[Problem]:
    """Hold an address against what its channel takes; where that takes anything, as the console does, its kind."""
    for name in _names(channel) or (kind,):
        judge = name if name in _ADDRESSES else kind
        pattern, example = _ADDRESSES.get(judge, ("(?s:.*)", ""))
        if re.fullmatch(pattern, address) is None:
            yield playbook.problem(
                "bad-address", (*place, "address"), f'"{address}" is no address for {judge}', f"write {example}"
            )
            return


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


def rooms(playbook: Playbook) -> Iterator[Problem]:
    """Find audiences that would read in a room which no incident gets, and bridges without an address."""
    if playbook.about.rooms is None:
        for key, audience in playbook.communication.audiences.items():
            if audience.in_room:
                place = ("communication.yaml", "audiences", key, "in_room")
                remedy = "give playbook.yaml a rooms section, or take in_room away"
                yield playbook.problem("no-rooms", place, "incidents get no Slack channel", remedy, "warning")
    bridge = playbook.about.bridge
    if bridge is not None and bridge.by == "url" and not bridge.url:
        remedy = 'add "url: …", or write "by: zoom" to give each incident a call of its own'
        yield playbook.problem("bad-address", ("playbook.yaml", "bridge"), "this bridge has no address", remedy)
    if bridge is not None and re.search(r"[{}]", bridge.url.replace(INCIDENT_PLACE, "")):
        message = "this address has a place for something that is not known"
        remedy = f"write {INCIDENT_PLACE} for the incident's id, or no braces"
        yield playbook.problem("bad-address", ("playbook.yaml", "bridge", "url"), message, remedy)


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
    for kind, carrier in playbook.about.channels.items():
        for channel in _missing(carrier, configured):
            yield _not_set_up(playbook, ("playbook.yaml", "channels", kind), channel)
    for key, person in playbook.people.items():
        for number, method in enumerate(person.methods):
            for channel in _missing(method.channel, configured):
                yield _not_set_up(playbook, ("people.yaml", "people", key, "methods", number), channel)
    bridge = playbook.about.bridge
    if bridge is not None and bridge.by != "url" and bridge.by not in configured:
        place, message = ("playbook.yaml", "bridge", "by"), f"{bridge.by} makes the bridges and is not set up"
        yield playbook.problem("channel-not-set-up", place, message, f"set {bridge.by} up, or give a url", "warning")


def _missing(carrier: Carrier | None, configured: Collection[str]) -> Iterator[str]:
    return (name for name in _names(carrier) if name in KNOWN_CHANNELS and name not in configured)


def _not_set_up(playbook: Playbook, place: Place, channel: str) -> Problem:
    remedy = f"set the channel {channel} up, or let console carry it"
    return playbook.problem("channel-not-set-up", place, f'the channel "{channel}" is not set up', remedy, "warning")


CHECKS: tuple[Callable[[Playbook], Iterator[Problem]], ...] = (channels, methods, audiences, rooms, calendar)
