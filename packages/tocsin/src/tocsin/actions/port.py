"""The port of the actions: a rendered action goes in, what became of it comes out.

The way of one action is: `capture` the state before; `tocsin.core.rendering.pinned` with its facts, so that an undo
names its revision; show, approve; `rehearse`, where the target can; `run`, once. A target makes exactly one attempt,
bounded in time and output, and never through a shell. Output comes back redacted.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, Protocol

import msgspec
from whenever import Instant

from tocsin.core.actions import Rendered
from tocsin.core.redaction import redacted


class Cause(StrEnum):
    """Why a target could not be asked: a closed list, because each is a metric label."""

    ABSENT = "absent"
    """Nothing answers there, or it is not set up."""
    UNAUTHORISED = "unauthorised"
    """It does not know us."""
    FORBIDDEN = "forbidden"
    """It knows us and a permission is missing."""
    NOT_FOUND = "not_found"
    """There is no such workload, pod, container or revision."""
    UNSUPPORTED = "unsupported"
    """This target does not do such a thing."""
    REFUSED = "refused"
    """It found the action itself wrong."""
    TIMED_OUT = "timed_out"


class Unreachable(Exception):
    """The state before could not be captured, so nothing is known and nothing was done."""

    def __init__(self, cause: Cause, why: str, remedy: str = "") -> None:
        self.cause = cause
        self.why = redacted(why)  # It may quote what somebody else has said.
        self.remedy = remedy
        super().__init__(self.why)


class Captured(msgspec.Struct, frozen=True):
    """The state before: what an approval signs beside the action, and what its inverse goes back to.

    It is what was set and by whomever, not how it fares: a fact that changes by itself would void every approval.

    A fact bears the name of the argument that sets it (``replicas``, ``value``, ``memory``). Of workloads there are
    also ``revision`` and ``image``, and for an undo ``pinned``: the revision from before the incident, with
    ``pinned_image`` and ``pinned_why``. Where containers differ, or a secret is behind a value, ``value_by_container``
    stands for ``value``, and there is nothing to go back to by setting one.
    """

    facts: Mapping[str, str] = {}


Status = Literal["succeeded", "failed", "unknown"]


def broken_off(action: Rendered) -> Status:
    """Answer what is to be said of an attempt whose end nobody heard: what changes the world may have done so."""
    return "unknown" if action.changes else "failed"


class Result(msgspec.Struct, frozen=True):
    """What became of it. ``unknown``: it was begun and nobody heard how it ended; look, do not repeat."""

    status: Status
    output: str = ""
    """What it said, redacted and bounded."""
    exit_status: int | None = None
    truncated: bool = False
    facts: Mapping[str, str] = {}
    """The state after, as far as it is known."""
    remedy: str = ""
    """What to do about a failure, if that is known."""


class Target(Protocol):
    """Something that actions are done to."""

    async def capture(self, action: Rendered, since: Instant | None = None) -> Captured:
        """Answer the state before, changing nothing; ``since`` is when the incident was detected.

        Raises `Unreachable`.
        """
        ...

    async def rehearse(self, action: Rendered, before: Captured) -> Result:
        """Try it without doing it, where that can be done; else say so and succeed."""
        ...

    async def run(self, action: Rendered, before: Captured) -> Result:
        """Do it: one attempt, never longer than its time limit. Never raises for what the world does."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...
