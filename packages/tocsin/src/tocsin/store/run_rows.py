"""What the store keeps of a run beside the timeline, and what it answers to whoever comes second."""

from typing import Literal

import msgspec
from whenever import Instant

from tocsin.core.actions import ActionId
from tocsin.core.ids import ComponentId, IncidentId, RunId


class Held(Exception):
    """A run wants to change a component that another run is changing. Nothing of the change was kept."""

    def __init__(self, component: ComponentId, incident: str, run: str) -> None:
        super().__init__(f"{incident} {run} is changing {component}")
        self.component = component
        self.incident = incident
        self.run = run


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed of a run without folding its incident. Derived; the timeline is the truth."""

    incident: IncidentId
    run: RunId
    component: ComponentId
    action: ActionId
    holds: ComponentId | None
    """What nobody else may change meanwhile: `Held` is the answer to whoever tries."""
    state: Literal["ready", "started", "over"]
    next_at: Instant | None
    """When the runner must look at it: at once if it is ready, at the end of its lease if it was started."""
    verdict: str = ""

    @property
    def key(self) -> tuple[IncidentId, RunId]:
        """Answer what it is known by."""
        return self.incident, self.run

    @property
    def counts(self) -> bool:
        """Tell whether the measurements said something of it."""
        return self.verdict in ("improved", "unchanged", "worse")

    def leased_until(self, until: Instant) -> "RunRow":
        """Answer it with another end of its lease."""
        return msgspec.structs.replace(self, next_at=until)


class Lease(msgspec.Struct, frozen=True):
    """Whoever began a run lives, and is believed until then."""

    incident: IncidentId
    run: RunId
    until: Instant
