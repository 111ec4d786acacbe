"""Where an incident's diagnostics stand: what is being gathered, and what was found last."""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from tocsin.core.actions import FailureModeId
from tocsin.core.diagnostic_events import DiagnosticsBegun, DiagnosticsGathered
from tocsin.core.ids import DiagnosticId, GatheringId


class Diagnosed(msgspec.Struct, frozen=True):
    """What the diagnostics of one incident said so far."""

    gatherings: Mapping[GatheringId, tuple[DiagnosticId, ...]] = {}
    """Runs that have not ended, and which diagnostics each is limited to; none: to no certain ones."""
    summary: tuple[str, ...] = ()
    """What the last look at everything found to differ from the last healthy hour."""
    suspected: tuple[FailureModeId, ...] = ()
    """Failure modes of the playbook that were recognised, the likeliest first."""

    def begun(self, event: DiagnosticsBegun) -> "Diagnosed":
        """Answer where it stands once a run has begun."""
        return replace(self, gatherings={**self.gatherings, event.gathering: event.only})

    def gathered(self, event: DiagnosticsGathered) -> "Diagnosed":
        """Answer where it stands once a run has ended."""
        only = self.gatherings.get(event.gathering, ())
        left = {key: which for key, which in self.gatherings.items() if key != event.gathering}
        if only:
            # A look at one thing alone does not take back what the look at everything has shown.
            together = dict.fromkeys((*self.suspected, *event.suspected))
            return replace(self, gatherings=left, suspected=tuple(together))
        return replace(self, gatherings=left, summary=event.summary, suspected=event.suspected)
