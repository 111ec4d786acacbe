"""`serve` runs one service in this process; `up` runs the supervisor with all of them."""

from __future__ import annotations

import os
from pathlib import Path

import click

from agentic_flow.booster.service import Booster
from agentic_flow.booster.settings import BoosterSettings
from agentic_flow.chassis.app import Access
from agentic_flow.chassis.run import Listening, die_with, limit_memory, run
from agentic_flow.chassis.settings import SettingsError
from agentic_flow.supervisor import run as supervisor
from agentic_flow.supervisor.limits import MAX_REPLICAS
from agentic_flow.supervisor.revisions import OrderRefused
from agentic_flow.supervisor.state import StateError

STATE_OPTION = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=".agentic-flow",
    envvar="AGENTIC_FLOW_STATE",
    show_default=True,
    help="The supervisor's directory.",
)


@click.group()
def serve() -> None:
    """Run one service in this process."""


@serve.command("booster")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True)
@click.option("--inherit", type=int, multiple=True, help="Listen on this inherited socket instead.")
@click.option("--parent", type=int, help="End when this parent process ends.")
@click.option("--memory", type=click.IntRange(min=1), help="Bound the process's own memory, in MiB.")
@click.option("--allow-faults", is_flag=True, help="Let drills break things (needs ADMIN_TOKEN).")
def serve_booster(
    host: str, port: int, inherit: tuple[int, ...], parent: int | None, memory: int | None, allow_faults: bool
) -> None:
    """Run Agent Booster; RELEASES names the directory of its releases."""
    if parent is not None:
        die_with(parent)
    if memory is not None:
        limit_memory(memory)
    try:
        component = Booster(BoosterSettings.read(os.environ))
        access = Access(allow_faults, os.environ.get("ADMIN_TOKEN", ""))
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    run(component, Listening(host, port, inherit), access)


@click.command()
@STATE_OPTION
@click.option("--releases", type=click.Path(path_type=Path, file_okay=False), help="Default: releases in the state.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Agent Booster's port.")
@click.option("--control-port", type=click.IntRange(0, 65535), default=7700, show_default=True)
@click.option("--replicas", type=click.IntRange(1, MAX_REPLICAS), default=1, show_default=True)
@click.option("--allow-faults", is_flag=True, help="Let drills break things.")
def up(
    state: Path, releases: Path | None, host: str, port: int, control_port: int, replicas: int, allow_faults: bool
) -> None:
    """Run the supervisor and, under it, the services."""
    options = supervisor.Options(
        state=state,
        releases=releases or state / "releases",
        host=host,
        port=port,
        control_port=control_port,
        replicas=replicas,
        allow_faults=allow_faults,
    )
    try:
        supervisor.run(options)
    except OrderRefused as error:
        raise click.ClickException(f"{error.sentence} {error.remedy}") from None
    except (StateError, OSError) as error:
        raise click.ClickException(str(error)) from None
