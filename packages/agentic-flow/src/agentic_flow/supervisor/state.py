"""The supervisor's directory: plans, the token, and where its control address is written.

token         for the control address and the replicas' fault paths; readable by its owner only
control.json  the control address of the running supervisor
plans.json    what should run, with its history; survives the supervisor
lock          held while a supervisor runs here
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from agentic_flow.supervisor.revisions import Plan


class StateError(Exception):
    """The state directory cannot be used as asked."""


class Control(msgspec.Struct, frozen=True):
    """Where the supervisor listens."""

    url: str
    pid: int


class State:
    """The files of one state directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Claim the directory for this process; the kernel gives it free when the process ends."""
        self.directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise StateError(f"another supervisor runs in {self.directory}") from None
        try:
            yield
        finally:
            os.close(descriptor)

    def token(self) -> str:
        """Give the token, made at first use."""
        path = self.directory / "token"
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(secrets.token_urlsafe(24))
        return path.read_text(encoding="utf-8").strip()

    def plans(self) -> dict[str, Plan]:
        """Read what should run."""
        try:
            return msgspec.json.decode((self.directory / "plans.json").read_bytes(), type=dict[str, Plan])
        except FileNotFoundError:
            return {}
        except msgspec.DecodeError as error:
            raise StateError(f"plans.json cannot be read: {error}") from None

    def save(self, plan: Plan) -> None:
        """Keep a plan."""
        self._write("plans.json", self.plans() | {plan.service: plan})

    def announce(self, control: Control) -> None:
        """Write where the supervisor listens."""
        self._write("control.json", control)

    def control(self) -> Control:
        """Read where the supervisor listens."""
        try:
            return msgspec.json.decode((self.directory / "control.json").read_bytes(), type=Control)
        except (OSError, msgspec.DecodeError):
            raise StateError(f"no supervisor has announced itself in {self.directory}") from None

    def _write(self, name: str, document: object) -> None:
        draft = self.directory / f".{name}.draft"
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(document)))
        draft.replace(self.directory / name)
