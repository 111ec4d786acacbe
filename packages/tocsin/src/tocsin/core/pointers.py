"""Where to look next: the links that go with everything said of an incident."""

from collections.abc import Iterable

from tocsin.core.incident import Incident
from tocsin.core.messages import Link
from tocsin.core.rules import Rulebook

INCIDENT_PLACE = "{incident}"
"""Stands in a bridge's address for the incident's id, so that two incidents need not share a call."""


def links(incident: Incident, rules: Rulebook, *, in_room: bool = False) -> Iterable[Link]:
    """Answer the bridge, the room unless it is read there, and dashboards and health endpoints of what is affected."""
    url = bridge(incident, rules)
    if url:
        yield Link("Incident bridge", url)
    room = incident.room
    if room is not None and room.usable and room.url and not in_room:
        yield Link(f"Slack channel #{room.name}", room.url)
    for component in incident.components:
        part = rules.components.get(component)
        if part and part.dashboard_url:
            yield Link(f"{part.name} dashboard", part.dashboard_url)
        if part and part.health_url:
            yield Link(f"{part.name} health", part.health_url)


def bridge(incident: Incident, rules: Rulebook) -> str:
    """Answer where the responders talk; empty if this severity has no bridge, or its call is not made yet (R3).

    While a call of the incident's own may still come, no other is named: nobody must wait alone in the wrong one.
    """
    made = incident.bridge
    if made is not None and made.url:
        return made.url
    given_up = made is not None and made.failed
    if incident.severity not in rules.bridge_severities or (rules.bridge_by != "url" and not given_up):
        return ""
    return rules.bridge_url.replace(INCIDENT_PLACE, incident.id.lower())
