"""Admits operations up to a bound and works them off in turns of the event loop.

An operation takes a millisecond or so of pure computing, so it runs on the loop itself; what can be chosen is how many
run before the loop looks at its sockets again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from agentic_flow.chassis.problem import Problem

T = TypeVar("T")


class OperationQueue:
    """Operations admitted and not yet answered."""

    def __init__(self, most_admitted: int, per_turn: int) -> None:
        self._most_admitted = most_admitted
        self._per_turn = per_turn
        self._waiting: deque[Callable[[], None]] = deque()
        self._admitted = 0
        self._scheduled = False

    async def run(self, operation: Callable[[], T]) -> T:
        """Run an admitted operation when its turn comes."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._waiting.append(lambda: _settle(done, operation))
        self._schedule(loop)
        return await done

    def enter(self) -> None:
        """Take a place, if there is one."""
        if self._admitted >= self._most_admitted:
            raise Problem(
                503,
                "Overloaded",
                f"{self._most_admitted} operations are under way.",
                "Try again shortly, use /v1/batch, raise MAX_CONNECTIONS or add replicas.",
                {"Retry-After": "1"},
            )
        self._admitted += 1

    def leave(self) -> None:
        """Give the place back."""
        self._admitted -= 1

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._turn, loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled = False
        for _ in range(min(self._per_turn, len(self._waiting))):
            self._waiting.popleft()()
        if self._waiting:
            self._schedule(loop)


def _settle(done: asyncio.Future[T], operation: Callable[[], T]) -> None:
    if done.cancelled():
        return  # The caller has gone.
    try:
        done.set_result(operation())
    except Exception as error:
        done.set_exception(error)
