"""What a service must offer to be run by the chassis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.routing import Route

from agentic_flow.chassis.metrics import Metrics

Undo = Callable[[], None]
"""Puts things back as they were before a fault."""


@dataclass(frozen=True)
class Fault:
    """Something a drill may break: `begin` breaks it by a true cause and gives the way back."""

    name: str
    description: str
    begin: Callable[[Mapping[str, Any]], Undo]


@dataclass(frozen=True)
class Health:
    """How a service is: healthy or not, its release, and what else it has to say."""

    healthy: bool
    release: str
    detail: Mapping[str, Any] = field(default_factory=dict)


class Component(Protocol):
    """One of the six services."""

    @property
    def name(self) -> str:
        """Give the name it has in metrics and deployments."""

    @property
    def metrics(self) -> Metrics:
        """Give its metrics."""

    def start(self) -> None:
        """Get ready; a service that cannot get ready still starts, and says so in its health."""

    def stop(self) -> None:
        """Let go of what it holds."""

    def reload(self) -> None:
        """Read again what may have changed on disk (SIGHUP)."""

    def health(self) -> Health:
        """Say how it is."""

    def routes(self) -> Sequence[Route]:
        """Give its own paths."""

    def faults(self) -> Sequence[Fault]:
        """Give what a drill may break."""
