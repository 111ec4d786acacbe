"""`release` builds, lists and activates releases of Agent Booster's module."""

from __future__ import annotations

from pathlib import Path

import click

from agentic_flow.booster import releases
from agentic_flow.booster.releases import Corruption, ReleaseError, Target

_DIRECTORY = click.Path(path_type=Path, file_okay=False)


@click.group()
def release() -> None:
    """Build, list and activate releases."""


@release.command("build")
@click.argument("directory", type=_DIRECTORY)
@click.argument("version")
@click.option("--target", type=click.Choice([str(target) for target in Target]), default=str(Target.UNKNOWN))
@click.option("--corrupt", type=click.Choice([str(corruption) for corruption in Corruption]))
def build(directory: Path, version: str, target: str, corrupt: str | None) -> None:
    """Assemble the module and write the release VERSION into DIRECTORY."""
    try:
        manifest = releases.build(directory, version, Target(target), Corruption(corrupt) if corrupt else None)
    except ReleaseError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{manifest.version}  {manifest.target}  sha256 {manifest.sha256}")


@release.command("activate")
@click.argument("directory", type=_DIRECTORY)
@click.argument("version")
def activate(directory: Path, version: str) -> None:
    """Make VERSION the current release; a running service takes it up on SIGHUP."""
    try:
        releases.activate(directory, version)
    except ReleaseError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{version} is current")


@release.command("list")
@click.argument("directory", type=_DIRECTORY)
def list_releases(directory: Path) -> None:
    """List the releases; the current one is starred."""
    try:
        current = releases.current(directory)
    except ReleaseError:
        current = ""
    for manifest in releases.versions(directory):
        star = "*" if manifest.version == current else " "
        click.echo(f"{star} {manifest.version}  {manifest.target}  built {manifest.built_at}  {manifest.sha256[:12]}")
