"""The levers of Agent Booster, read from the environment.

MAX_CONNECTIONS       operations admitted at once, waiting ones included; one more is answered 503 *overloaded*.
BATCH_SIZE            operations worked off before other connections get their turn: of a /v1/batch request always,
                      of single requests if BATCH_MODE is on. Larger favours throughput, smaller the others' latency.
BATCH_MODE            whether single requests that wait are worked off in batches too, rather than one by one.
CONFIDENCE_THRESHOLD  least share of anchored statements when elided parts are filled in; an edit below is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agentic_flow.chassis.settings import Environment


@dataclass(frozen=True)
class BoosterSettings:
    """Everything that can be set from outside."""

    releases: Path
    release: str | None = None
    max_connections: int = 500
    batch_mode: bool = False
    batch_size: int = 100
    confidence_threshold: float = 0.3

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> BoosterSettings:
        """Read the settings; RELEASES names the releases, RELEASE pins one of them over the current."""
        environment = Environment(variables)
        return cls(
            releases=Path(environment.text("RELEASES", "releases")),
            release=environment.text("RELEASE") or None,
            max_connections=environment.whole("MAX_CONNECTIONS", 500, 1, 100_000),
            batch_mode=environment.flag("BATCH_MODE", False),
            batch_size=environment.whole("BATCH_SIZE", 100, 1, 1000),
            confidence_threshold=environment.share("CONFIDENCE_THRESHOLD", 0.3),
        )
