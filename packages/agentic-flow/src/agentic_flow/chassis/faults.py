"""Faults for drills: off unless allowed at the start, for local callers with the token only, each with a time limit.

A fault is a true cause (a damaged module, a thread that takes the processor), never a pretended answer. It is visible
in `p0_fault_active` from begin to end, and its end puts everything back.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from agentic_flow.chassis.component import Fault, Undo
from agentic_flow.chassis.limits import DEFAULT_FAULT_SECONDS, MAX_ADMIN_BODY_BYTES, MAX_FAULT_SECONDS
from agentic_flow.chassis.metrics import Metrics
from agentic_flow.chassis.problem import Problem, decode, read_body

log = logging.getLogger("faults")


class FaultOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What a drill asks for."""

    fault: str
    seconds: float = DEFAULT_FAULT_SECONDS
    parameters: dict[str, Any] = {}


@dataclass
class _Active:
    until: float
    undo: Undo
    timer: asyncio.TimerHandle


class Faults:
    """The faults of one service, and which of them are active until when."""

    def __init__(self, faults: Iterable[Fault], metrics: Metrics) -> None:
        self._faults = {fault.name: fault for fault in faults}
        self._metrics = metrics
        self._active: dict[str, _Active] = {}
        for name in self._faults:
            metrics.fault(name, active=False)

    def begin(self, order: FaultOrder) -> None:
        """Begin a fault; one that is active already is ended first and begins anew."""
        fault = self._faults.get(order.fault)
        if fault is None:
            raise Problem(422, "Unknown fault", f"There is no fault {order.fault!r}.", f"Use one of {self._names()}.")
        if not 0 < order.seconds <= MAX_FAULT_SECONDS:
            raise Problem(
                422, "No such time limit", f"{order.seconds} s is out of bounds.", f"At most {MAX_FAULT_SECONDS:.0f} s."
            )
        self.end(fault.name)
        undo = fault.begin(order.parameters)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(order.seconds, self.end, fault.name)
        self._active[fault.name] = _Active(loop.time() + order.seconds, undo, timer)
        self._metrics.fault(fault.name, active=True)
        log.warning("fault %s begins, for %g s", fault.name, order.seconds)

    def end(self, name: str) -> bool:
        """End a fault and put things back; say whether it was active."""
        active = self._active.pop(name, None)
        if active is None:
            return False
        active.timer.cancel()
        self._metrics.fault(name, active=False)
        active.undo()
        log.warning("fault %s ends", name)
        return True

    def end_all(self) -> list[str]:
        """End every fault."""
        return [name for name in list(self._active) if self.end(name)]

    def active(self) -> dict[str, float]:
        """Name the active faults and how many seconds each has left."""
        now = asyncio.get_running_loop().time()
        return {name: round(active.until - now, 3) for name, active in self._active.items()}

    def known(self) -> list[dict[str, str]]:
        """Describe every fault."""
        return [{"fault": fault.name, "description": fault.description} for fault in self._faults.values()]

    def _names(self) -> str:
        return ", ".join(sorted(self._faults))


class FaultDesk:
    """`/admin/faults`: GET lists, POST begins, DELETE ends."""

    def __init__(self, faults: Faults, allowed: bool, token: str) -> None:
        self._faults = faults
        self._allowed = allowed
        self._token = token

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        require_local(request)
        if not self._allowed:
            raise Problem(403, "Faults are off", "This service takes no faults.", "Start it with --allow-faults.")
        require_token(request, self._token)
        if request.method == "POST":
            self._faults.begin(decode(FaultOrder, await read_body(request, MAX_ADMIN_BODY_BYTES)))
        if request.method == "DELETE":
            self._clear(request.query_params.get("fault"))
        document = {"active": self._faults.active(), "faults": self._faults.known()}
        return Response(msgspec.json.encode(document), media_type="application/json")

    def _clear(self, name: str | None) -> None:
        if name is None:
            self._faults.end_all()
        else:
            self._faults.end(name)


def require_local(request: Request) -> None:
    """Turn away who does not call from this machine."""
    if not _is_loopback(request.client.host if request.client else ""):
        raise Problem(403, "Local only", "This path is for callers on this machine.", "Call it from the loopback.")


def require_token(request: Request, token: str) -> None:
    """Turn away who does not show the token."""
    shown = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not token or not hmac.compare_digest(shown.encode(), token.encode()):
        raise Problem(
            401,
            "Token missing",
            "This path needs the token.",
            "Send it as a bearer token.",
            {"WWW-Authenticate": "Bearer"},
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
