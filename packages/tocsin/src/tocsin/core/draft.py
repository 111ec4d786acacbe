"""Events in the making: each is folded as it is added, so the next is decided on what it made so."""

from tocsin.core.events import AnyEvent
from tocsin.core.incident import Incident, evolve


class Draft:
    """What a decision has come to so far. Lives for the length of one `decide`."""

    def __init__(self, incident: Incident) -> None:
        self.incident = incident
        self.events: list[AnyEvent] = []

    def add(self, event: AnyEvent) -> None:
        """Put one more event at the end."""
        self.incident = evolve(self.incident, event)
        self.events.append(event)
