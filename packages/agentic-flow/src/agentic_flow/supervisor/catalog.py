"""The services the supervisor knows, and what is particular to each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agentic_flow.booster import releases
from agentic_flow.supervisor.revisions import OrderRefused

_BUILD = (
    "Build and activate one first: agentic-flow release build DIR VERSION, agentic-flow release activate DIR VERSION."
)


@dataclass(frozen=True)
class Service:
    """One service: its short name, its name in deployments and metrics, and its releases."""

    name: str
    deployment: str
    releases: Path

    def current_release(self) -> str:
        """Name the release that is active."""
        try:
            return releases.current(self.releases)
        except releases.ReleaseError as error:
            raise OrderRefused(f"{self.name}: {error}.", _BUILD) from None

    def require_release(self, version: str) -> None:
        """Refuse a release that is not there. Whether it works is another matter."""
        try:
            releases.read(self.releases, version)
        except releases.ReleaseError as error:
            raise OrderRefused(f"{self.name}: {error}.", _BUILD) from None

    def activate(self, version: str) -> None:
        """Point to a release."""
        releases.activate(self.releases, version)


def catalog(directory: Path) -> dict[str, Service]:
    """List the services whose releases lie in a directory."""
    return {"booster": Service("booster", "agent-booster", directory)}


def short_name(asked: str) -> str:
    """Understand deployment/agent-booster, agent-booster and booster alike."""
    return asked.removeprefix("deployment/").removeprefix("agent-")
