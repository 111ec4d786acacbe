"""The supervisor's verbs, as commands that speak to the one running in the state directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import httpx
import msgspec

from agentic_flow.chassis.limits import DEFAULT_FAULT_SECONDS
from agentic_flow.commands.serve import STATE_OPTION
from agentic_flow.supervisor.state import State, StateError

_TIMEOUT_S = 300.0  # A change of many replicas waits for each.
_JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="Print the document as it is.")


@click.command("get")
@click.argument("service", default="booster")
@STATE_OPTION
@_JSON_OPTION
def get(service: str, state: Path, as_json: bool) -> None:
    """Show a service: its replicas, and the release of every revision."""
    _show(_call(state, "GET", service), as_json)


@click.command("logs")
@click.argument("service", default="booster")
@click.option("--tail", type=click.IntRange(min=0), default=100, show_default=True)
@STATE_OPTION
def logs(service: str, tail: int, state: Path) -> None:
    """Show the last lines that a service wrote."""
    for line in _call(state, "GET", f"{service}/logs?tail={tail}")["lines"]:
        click.echo(line)


@click.command("restart")
@click.argument("service")
@STATE_OPTION
@_JSON_OPTION
def restart(service: str, state: Path, as_json: bool) -> None:
    """Start a service's replicas anew: a revision with the same release."""
    _show(_call(state, "POST", f"{service}/restart"), as_json)


@click.command("undo")
@click.argument("service")
@click.option("--to-revision", type=int, help="The revision to go back to; see get.")
@STATE_OPTION
@_JSON_OPTION
def undo(service: str, to_revision: int | None, state: Path, as_json: bool) -> None:
    """Go back to the previous revision. After a restart that has the same release: name the revision you mean."""
    _show(_call(state, "POST", f"{service}/undo", {"to_revision": to_revision}), as_json)


@click.command("scale")
@click.argument("service")
@click.argument("replicas", type=int)
@STATE_OPTION
@_JSON_OPTION
def scale(service: str, replicas: int, state: Path, as_json: bool) -> None:
    """Run that many replicas."""
    _show(_call(state, "POST", f"{service}/scale", {"replicas": replicas}), as_json)


@click.command("set-env")
@click.argument("service")
@click.argument("changes", nargs=-1, required=True)
@STATE_OPTION
@_JSON_OPTION
def set_env(service: str, changes: tuple[str, ...], state: Path, as_json: bool) -> None:
    """Set variables (NAME=VALUE) or remove them (NAME-)."""
    _show(_call(state, "POST", f"{service}/env", {"set": dict(_change(text) for text in changes)}), as_json)


@click.command("set-resources")
@click.argument("service")
@click.option("--memory", type=int, help="MiB for each replica's own memory; without it the limit is lifted.")
@STATE_OPTION
@_JSON_OPTION
def set_resources(service: str, memory: int | None, state: Path, as_json: bool) -> None:
    """Bound the memory of each replica."""
    _show(_call(state, "POST", f"{service}/resources", {"memory_mib": memory}), as_json)


@click.command("deploy")
@click.argument("service")
@click.argument("release")
@click.option("--gate", is_flag=True, help="Withdraw the release unless it proves healthy first.")
@STATE_OPTION
@_JSON_OPTION
def deploy(service: str, release: str, gate: bool, state: Path, as_json: bool) -> None:
    """Run another release."""
    _show(_call(state, "POST", f"{service}/deploy", {"release": release, "gate": gate}), as_json)


@click.command("reload")
@click.argument("service")
@STATE_OPTION
@_JSON_OPTION
def reload(service: str, state: Path, as_json: bool) -> None:
    """Have every replica load its module from disk again."""
    _show(_call(state, "POST", f"{service}/reload"), as_json)


@click.command("fault")
@click.argument("service")
@click.argument("fault", required=False)
@click.option("--seconds", type=float, default=DEFAULT_FAULT_SECONDS, show_default=True)
@click.option("--parameter", "-p", "parameters", multiple=True, help="NAME=NUMBER, such as threads=8.")
@click.option("--clear", is_flag=True, help="End all faults instead.")
@STATE_OPTION
def fault(
    service: str, fault: str | None, seconds: float, parameters: tuple[str, ...], clear: bool, state: Path
) -> None:
    """Break something in every replica, for a drill (the supervisor must run with --allow-faults)."""
    if clear == (fault is not None):
        raise click.UsageError("Name a fault, or give --clear.")
    order = {"fault": fault, "seconds": seconds, "parameters": dict(_number(text) for text in parameters)}
    document = _call(state, "POST", f"{service}/clear-faults" if clear else f"{service}/fault", order)
    for replica, active in document["active"].items():
        click.echo(f"{replica}: {', '.join(f'{name} for {left:g} s' for name, left in active.items()) or 'no fault'}")


CONTROL_COMMANDS = (get, logs, restart, undo, scale, set_env, set_resources, deploy, reload, fault)


def _call(directory: Path, method: str, path: str, order: dict[str, Any] | None = None) -> Any:
    state = State(directory)
    try:
        url, token = state.control().url, state.token()
    except StateError as error:
        raise click.ClickException(f"{error}; start one with agentic-flow up") from None
    try:
        answer = httpx.request(
            method,
            f"{url}/services/{path}",
            content=msgspec.json.encode(order) if order else None,
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUT_S,
            trust_env=False,
        )
    except httpx.TransportError as error:
        raise click.ClickException(f"the supervisor at {url} does not answer: {error}") from None
    if answer.is_error:
        problem = answer.json()
        raise click.ClickException(f"{problem['detail']} {problem['remedy']}")
    return answer.json()


def _show(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(document)).decode())
        return
    click.echo(
        "{service}: release {release}, revision {revision}, {ready}/{replicas} ready, rollout {rollout}, "
        "port {port}".format(**document)
    )
    for process in document["processes"]:
        click.echo("  {name}  pid {pid}  {status}  release {release}  restarts {restarts}  {url}".format(**process))
        if process["error"]:
            click.echo(f"    {process['error']}")
    click.echo("history:")
    for revision in document["history"]:
        click.echo("  {number:>3}  {release:<10} {at}  {cause}".format(**revision))


def _change(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    if equals and name:
        return name, value
    if text.endswith("-") and len(text) > 1:
        return text[:-1], None
    raise click.BadParameter(f"{text!r} is neither NAME=VALUE nor NAME-.")


def _number(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, int(value) if value.isdecimal() else float(value)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not NAME=NUMBER.") from None
