"""One service under supervision: brings what runs in line with what should, and keeps it running.

A change replaces the replicas one by one. Each new one must be *live* (answer at all) before an old one is stopped,
so a good change drops no request. Whether it is *healthy* is not waited for unless asked (`gate`): a release that
starts and then fails every operation goes through, as it does where nobody checks. That is the incident to be
drilled; the gate is the lesson from it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import httpx
import msgspec

from agentic_flow.supervisor.limits import (
    BACK_OFF_FIRST_S,
    BACK_OFF_MOST_S,
    LIVE_WITHIN_S,
    MAX_LOG_LINES,
    READY_WITHIN_S,
    SETTLE_WITHIN_S,
    STEADY_AFTER_S,
)
from agentic_flow.supervisor.replica import Answer, Launch, Replica
from agentic_flow.supervisor.revisions import Plan, Revision, put_in_place

log = logging.getLogger("supervisor")


@dataclass
class _Slot:
    """A place for a replica, whose process may be replaced after a crash."""

    replica: Replica
    keeper: asyncio.Task[None]
    restarts: int = 0


class Deployment:
    """The replicas of one service."""

    def __init__(self, plan: Plan, launch: Launch, http: httpx.AsyncClient, save: Callable[[Plan], None]) -> None:
        self.plan = plan
        self.port = launch.port
        self._launch = launch
        self._http = http
        self._save = save
        self._slots: list[_Slot] = []
        self._log: deque[str] = deque(maxlen=MAX_LOG_LINES)
        self._changing = asyncio.Lock()
        self._started = 0
        self._rollout = "complete"

    async def start(self) -> None:
        """Bring up what the plan says."""
        async with self._changing:
            self._save(self.plan)
            all_live = await self._fill()
            self._rollout = "complete" if all_live and self.plan.running is self.plan.current else "stuck"
            if self._rollout == "complete":
                self._keep_in_place()

    async def stop(self) -> None:
        """Stop every replica."""
        async with self._changing:
            slots, self._slots = self._slots, []
            await asyncio.gather(*(self._retire(slot) for slot in slots))

    async def change(self, step: Callable[[Plan, str], Plan], gate: bool = False) -> dict[str, Any]:
        """Make a new revision and put it in place; with a gate, only if it proves healthy."""
        async with self._changing:
            before, self.plan = self.plan, step(self.plan, _now())
            self._note(f"revision {self.plan.current.number}: {self.plan.current.cause}")
            in_place = await self._roll(_healthy if gate else _live)
            if gate and not in_place:
                self.plan = before  # Nothing was replaced; the revision never came to be.
                self._note("the revision did not prove healthy and was withdrawn")
            self._save(self.plan)
            if in_place:
                self._keep_in_place()
            self._rollout = "complete" if in_place else "withdrawn" if gate else "stuck"
            await self._settle()
        return await self.describe()

    async def scale(self, step: Callable[[Plan], Plan]) -> dict[str, Any]:
        """Change the number of replicas."""
        async with self._changing:
            self.plan = step(self.plan)
            self._save(self.plan)
            surplus, self._slots = self._slots[self.plan.replicas :], self._slots[: self.plan.replicas]
            await asyncio.gather(*(self._retire(slot) for slot in surplus))
            await self._fill()
            await self._settle()
        return await self.describe()

    def reload(self) -> None:
        """Tell every replica to read again what may have changed on disk."""
        for slot in self._slots:
            slot.replica.reload()

    def logs(self, tail: int) -> list[str]:
        """Give the last lines that the replicas and the supervisor wrote."""
        return list(self._log)[-tail:] if tail > 0 else []

    @property
    def replicas(self) -> list[Replica]:
        """Give the replicas."""
        return [slot.replica for slot in self._slots]

    async def describe(self) -> dict[str, Any]:
        """Tell what should run, what does, and the history."""
        slots = list(self._slots)
        answers = await asyncio.gather(*(slot.replica.ask(self._http) for slot in slots))
        return {
            "service": self.plan.service,
            "port": self.port,
            "replicas": self.plan.replicas,
            "ready": sum(answer.ready for answer in answers),
            "revision": self.plan.current.number,
            "release": self.plan.current.release,
            "rollout": self._rollout,
            "processes": [_describe(slot, answer) for slot, answer in zip(slots, answers, strict=True)],
            "history": [msgspec.to_builtins(revision) for revision in self.plan.revisions],
        }

    async def _roll(self, met: Callable[[Answer], bool]) -> bool:
        """Replace the replicas one by one; stop at the first that does not come up."""
        for index in range(len(self._slots)):
            fresh = await self._launch_slot(self.plan.current)
            within = LIVE_WITHIN_S if met is _live else READY_WITHIN_S
            if not await fresh.replica.wait_until(self._http, met, within):
                self._note(f"{fresh.replica.name} did not come up; the old replicas stay")
                await self._retire(fresh)
                return False
            old, self._slots[index] = self._slots[index], fresh
            await self._retire(old)
        return True

    def _keep_in_place(self) -> None:
        self.plan = put_in_place(self.plan)
        self._save(self.plan)

    async def _fill(self) -> bool:
        """Start what is missing, of the revision that is known to come up; say whether all did."""
        missing = self.plan.replicas - len(self._slots)
        fresh = [await self._launch_slot(self.plan.running) for _ in range(missing)]
        self._slots += fresh
        waiting = (slot.replica.wait_until(self._http, _live, LIVE_WITHIN_S) for slot in fresh)
        return all(await asyncio.gather(*waiting))

    async def _settle(self) -> None:
        """Give the replicas a moment to get ready; an answer that tells of failure is worth having, too."""
        waiting = (slot.replica.wait_until(self._http, _healthy, SETTLE_WITHIN_S) for slot in self._slots)
        await asyncio.gather(*waiting)

    async def _launch_slot(self, revision: Revision) -> _Slot:
        replica = await self._launch_replica(revision)
        slot = _Slot(replica, keeper=asyncio.create_task(asyncio.sleep(0)))
        slot.keeper = asyncio.create_task(self._keep(slot))
        return slot

    async def _launch_replica(self, revision: Revision) -> Replica:
        self._started += 1
        replica = Replica(f"{self.plan.service}-{self._started}", self._launch, revision, self._write_log)
        await replica.start()
        return replica

    async def _keep(self, slot: _Slot) -> None:
        """Start the replica again whenever it ends by itself, ever more slowly if it keeps doing so."""
        pause = BACK_OFF_FIRST_S
        while True:
            code = await slot.replica.wait()
            self._note(f"{slot.replica.name} ended with {code}; starting again in {pause:g} s")
            if monotonic() - slot.replica.started_at >= STEADY_AFTER_S:
                pause = BACK_OFF_FIRST_S
            await asyncio.sleep(pause)
            pause = min(pause * 2, BACK_OFF_MOST_S)
            slot.restarts += 1
            await self._relaunch(slot)

    async def _relaunch(self, slot: _Slot) -> None:
        """Put a new process in the slot; one half started when the slot is retired must not be lost from sight."""
        starting = asyncio.ensure_future(self._launch_replica(slot.replica.revision))
        try:
            slot.replica = await asyncio.shield(starting)
        except asyncio.CancelledError:
            slot.replica = await starting
            raise

    async def _retire(self, slot: _Slot) -> None:
        slot.keeper.cancel()
        await asyncio.gather(slot.keeper, return_exceptions=True)
        await slot.replica.stop()

    def _note(self, sentence: str) -> None:
        log.info("%s: %s", self.plan.service, sentence)
        self._write_log("supervisor", f"{_now()} {sentence}")

    def _write_log(self, source: str, line: str) -> None:
        self._log.append(f"[{source}] {line}")


def _live(answer: Answer) -> bool:
    return answer.live


def _healthy(answer: Answer) -> bool:
    return answer.ready


def _describe(slot: _Slot, answer: Answer) -> dict[str, Any]:
    replica = slot.replica
    return {
        "name": replica.name,
        "pid": replica.pid,
        "url": replica.url,
        "revision": replica.revision.number,
        "release": replica.revision.release,
        "status": "ready" if answer.ready else "unhealthy" if answer.live else "down",
        "error": answer.error,
        "restarts": slot.restarts,
        "uptime_s": round(monotonic() - replica.started_at, 1),
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
