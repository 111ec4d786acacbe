"""What happens when diagnostics are gathered (D3, M2). Part of the stored format, as `core.events` says."""

from typing import Literal

from tocsin.core.actions import FailureModeId
from tocsin.core.diagnostics import DiagnosticResult
from tocsin.core.event import Event
from tocsin.core.ids import DiagnosticId, GatheringId

GatheringCause = Literal["declared", "raised", "reopened", "spread", "requested"]


class DiagnosticsBegun(Event, frozen=True, kw_only=True, tag="diagnostics_begun"):
    """What the playbook's diagnostics say is being gathered (D3, M2)."""

    gathering: GatheringId
    because: GatheringCause
    only: tuple[DiagnosticId, ...] = ()
    """Which ones; empty: all of the incident's components."""


class DiagnosticsGathered(Event, frozen=True, kw_only=True, tag="diagnostics_gathered"):
    """What the diagnostics said. Their output is kept beside the timeline, each found by its digest."""

    gathering: GatheringId
    results: tuple[DiagnosticResult, ...]
    summary: tuple[str, ...] = ()
    """What differs from the last healthy hour, the most telling first."""
    suspected: tuple[FailureModeId, ...] = ()
    """Failure modes of the playbook that were recognised, the likeliest first."""

    @property
    def answered(self) -> bool:
        """Tell whether any of them answered."""
        return any(result.ending == "answered" for result in self.results)
