"""What should run, and the history of what did: pure functions from one state to the next.

As on Kubernetes, a restart or a changed variable is a revision like any other. *Undo* therefore goes back by one
revision, not by one release: after a bad deployment and a restart it leads to the same bad release again. The history
shows the release of every revision, and undo takes the number of the one that is meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from agentic_flow.supervisor.limits import MAX_MEMORY_MIB, MAX_REPLICAS, MAX_REVISIONS, MIN_MEMORY_MIB

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class OrderRefused(Exception):
    """An order that makes no sense, with what to do instead."""

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy


class Revision(msgspec.Struct, frozen=True):
    """One state of what should run."""

    number: int
    cause: str
    at: str
    release: str
    environment: dict[str, str] = {}
    memory_mib: int | None = None


class Plan(msgspec.Struct, frozen=True):
    """A service as it should be."""

    service: str
    replicas: int
    revisions: tuple[Revision, ...]
    in_place: int | None = None

    @property
    def running(self) -> Revision:
        """Give the newest revision whose replicas all came up; until there is one, the newest."""
        return next((revision for revision in self.revisions if revision.number == self.in_place), self.current)

    @property
    def current(self) -> Revision:
        """Give the newest revision."""
        return self.revisions[-1]


def first_plan(service: str, release: str, replicas: int, environment: Mapping[str, str], at: str) -> Plan:
    """Begin a history."""
    revision = Revision(number=1, cause=f"start with {release}", at=at, release=release, environment=dict(environment))
    return scale(Plan(service=service, replicas=1, revisions=(revision,)), replicas)


def scale(plan: Plan, replicas: int) -> Plan:
    """Change the number of replicas; that is no revision."""
    if not 1 <= replicas <= MAX_REPLICAS:
        raise OrderRefused(f"{replicas} replicas are out of bounds.", f"Use 1 to {MAX_REPLICAS}.")
    return msgspec.structs.replace(plan, replicas=replicas)


def deploy(plan: Plan, release: str, at: str) -> Plan:
    """Run another release."""
    return _next(plan, msgspec.structs.replace(plan.current, release=release), f"deploy {release}", at)


def restart(plan: Plan, at: str) -> Plan:
    """Run the same again, in new processes."""
    return _next(plan, plan.current, "restart", at)


def set_environment(plan: Plan, changes: Mapping[str, str | None], at: str) -> Plan:
    """Set variables, or remove those set to None."""
    for name, value in changes.items():
        if not _NAME.fullmatch(name) or "\0" in (value or ""):
            raise OrderRefused(f"{name[:40]!r} cannot be set.", "Use letters, digits and underscores for the name.")
    merged = {**plan.current.environment, **changes}
    environment = {name: value for name, value in merged.items() if value is not None}
    cause = "set env " + " ".join(f"{name}-" if value is None else f"{name}={value}" for name, value in changes.items())
    return _next(plan, msgspec.structs.replace(plan.current, environment=environment), cause, at)


def set_memory(plan: Plan, mebibytes: int | None, at: str) -> Plan:
    """Bound the memory of each replica, or lift the bound."""
    if mebibytes is not None and mebibytes < MIN_MEMORY_MIB:
        raise OrderRefused(f"{mebibytes} MiB are too little to start in.", f"Use at least {MIN_MEMORY_MIB}.")
    if mebibytes is not None and mebibytes > MAX_MEMORY_MIB:
        raise OrderRefused(f"{mebibytes} MiB are more than a bound can be.", f"Use at most {MAX_MEMORY_MIB}, or none.")
    cause = f"set resources memory={mebibytes or 'unlimited'}"
    return _next(plan, msgspec.structs.replace(plan.current, memory_mib=mebibytes), cause, at)


def undo(plan: Plan, to_revision: int | None, at: str) -> Plan:
    """Go back to an earlier revision: the one named, or the one before the current."""
    if to_revision is None and len(plan.revisions) < 2:
        raise OrderRefused("There is no earlier revision.", "Deploy the release you want.")
    number = plan.revisions[-2].number if to_revision is None else to_revision
    found = next((revision for revision in plan.revisions if revision.number == number), None)
    if found is None:
        raise OrderRefused(f"There is no revision {number}.", "Read the history with get.")
    return _next(plan, found, f"undo to revision {number}", at)


def put_in_place(plan: Plan) -> Plan:
    """Remember that the newest revision came up: more replicas, and a later start, are of it and of no worse one."""
    return msgspec.structs.replace(plan, in_place=plan.current.number)


def _next(plan: Plan, like: Revision, cause: str, at: str) -> Plan:
    revision = msgspec.structs.replace(like, number=plan.current.number + 1, cause=cause, at=at)
    return msgspec.structs.replace(plan, revisions=(*plan.revisions, revision)[-MAX_REVISIONS:])
