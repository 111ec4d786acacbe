"""Which targets carry actions out, as the settings say: `tocsin.cli.wiring`'s other half.

Each is made at its first use. A Tocsin that nobody asks for an action pays for none.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from whenever import Instant

from tocsin.actions.port import Captured, Result, Target
from tocsin.cli.settings import Settings
from tocsin.core.actions import Rendered, TargetKind
from tocsin.engine.clock import Clock
from tocsin.engine.playbooks import Playbooks

if TYPE_CHECKING:
    import httpx


class Late:
    """A target that is made when it is first asked for something."""

    def __init__(self, make: Callable[[], Target]) -> None:
        self._make = make
        self._made: Target | None = None

    @property
    def _target(self) -> Target:
        if self._made is None:
            self._made = self._make()
        return self._made

    async def capture(self, action: Rendered, since: Instant | None = None) -> Captured:
        """Answer the state before."""
        return await self._target.capture(action, since)

    async def rehearse(self, action: Rendered, before: Captured) -> Result:
        """Try it without doing it."""
        return await self._target.rehearse(action, before)

    async def run(self, action: Rendered, before: Captured) -> Result:
        """Do it."""
        return await self._target.run(action, before)

    async def close(self) -> None:
        """Close what was made."""
        if self._made is not None:
            await self._made.close()


def targets(settings: Settings, playbooks: Playbooks, clock: Clock) -> Mapping[TargetKind, Target]:
    """Answer all targets. What is not set up says so when it is asked."""
    return {
        TargetKind.KUBERNETES: Late(lambda: _kubernetes(settings, clock)),
        TargetKind.SUPERVISOR: Late(lambda: _supervisor(settings)),
        TargetKind.HTTP: Late(lambda: _http(playbooks)),
        TargetKind.COMMAND: Late(lambda: _command(settings)),
    }


def _kubernetes(settings: Settings, clock: Clock) -> Target:
    from tocsin.actions.kubernetes.target import KubernetesTarget  # noqa: PLC0415 - as the module says.

    return KubernetesTarget(clock.now, settings.kubeconfig, settings.kube_context)


def _supervisor(settings: Settings) -> Target:
    from tocsin.actions.supervisor import SupervisorTarget  # noqa: PLC0415

    return SupervisorTarget(_client(), Path(settings.supervisor_state).expanduser())


def _http(playbooks: Playbooks) -> Target:
    from tocsin.actions.http import HttpTarget  # noqa: PLC0415

    def named() -> list[str]:
        rules = playbooks.current
        told = [url for action in rules.actions.values() if (url := action.arguments.get("url"))]
        return told + [part.health_url for part in rules.components.values() if part.health_url]

    return HttpTarget(_client(), named)


def _command(settings: Settings) -> Target:
    from tocsin.actions.command import CommandTarget  # noqa: PLC0415

    return CommandTarget(settings.commands, Path(settings.command_directory).expanduser())


def _client() -> "httpx.AsyncClient":
    import httpx  # noqa: PLC0415

    # No proxy of the environment: whom we call is decided by the playbook and the settings, not by a variable.
    return httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_connections=20, max_keepalive_connections=5))
