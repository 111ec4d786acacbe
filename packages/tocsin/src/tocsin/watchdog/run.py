"""The watchdog at work: look, judge, say, and wait for the next look."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec
from whenever import Instant, TimeDelta

from tocsin.channels.port import Accepted, Channel, DeliveryKey, Outcome, Rejected
from tocsin.core.ids import IncidentId, Severity
from tocsin.core.messages import Link, Message, MessageKind
from tocsin.watchdog.judge import Finding, Limits, Say, State, Trouble, judged, said
from tocsin.watchdog.memory import Memory, Sent

_log = logging.getLogger("tocsin.watchdog")


class Looks(Protocol):
    """Looks at a server."""

    async def look(self) -> tuple[Finding, ...]:
        """Answer everything that is wrong; nothing if all is well."""
        ...


class Way(msgspec.Struct, frozen=True):
    """One way to somebody who can help."""

    channel: str
    address: str


class Watchdog:
    """Looks at one server and pages by its own ways."""

    def __init__(
        self,
        probe: Looks,
        memory: Memory,
        channels: Mapping[str, Channel],
        ways: Sequence[Way],
        limits: Limits,
        clock: Callable[[], Instant],
        url: str = "",
    ) -> None:
        self._probe = probe
        self._memory = memory
        self._channels = channels
        self._ways = ways
        self._limits = limits
        self._clock = clock
        self._url = url
        self._stopping = asyncio.Event()
        self._logged: set[Trouble] = set()

    async def step(self) -> tuple[Finding, ...]:
        """Look once, and say what is to be said; answer what was found."""
        findings = await self._probe.look()
        now = self._clock()
        decided: list[Say | None] = []

        def change(state: State) -> State:
            after, say = judged(state, findings, now, self._limits)
            decided.append(say)
            return after

        self._memory.change(change)
        say = decided[-1]
        if say is not None and await self._tell(say):
            self._memory.change(lambda state: said(state, say, self._clock()))
        return findings

    async def run(self, every: TimeDelta) -> None:
        """Step until told to stop. A step that fails is logged and tried again: a dead watchdog watches nothing."""
        while not self._stopping.is_set():
            try:
                self._log(await self.step())
            except Exception:
                _log.exception("the watchdog could not look, remember or speak; it tries again")
            try:
                async with asyncio.timeout(every.total("seconds")):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    def _log(self, findings: tuple[Finding, ...]) -> None:
        """Write a line for each trouble when there are others than before."""
        if {each.trouble for each in findings} != self._logged:
            self._logged = {each.trouble for each in findings}
            for finding in findings:
                _log.warning("%s: %s", finding.trouble.value, finding.words)

    def stop(self) -> None:
        """End after the step under way."""
        self._stopping.set()

    async def close(self) -> None:
        """Let go of everything."""
        for channel in self._channels.values():
            await channel.close()
        self._memory.close()

    async def _tell(self, say: Say) -> bool:
        """Say it by every way at once; answer whether any of them took it."""
        outcomes = await asyncio.gather(*(self._deliver(say, way) for way in self._ways))
        return any(isinstance(outcome, Accepted) for outcome in outcomes)

    async def _deliver(self, say: Say, way: Way) -> Outcome:
        now = self._clock()
        key = DeliveryKey(f"watchdog-{'well' if say.well else 'alarm'}-{say.number}-{int(now.timestamp())}")
        try:
            outcome = await self._channels[way.channel].deliver(_message(say, self._url), way.address, key)
        except Exception as fault:  # A channel that breaks its promise must not silence the others.
            _log.exception("the channel %s broke", way.channel)
            outcome = Rejected(f"fault in the channel: {type(fault).__name__}")
        detail = outcome.receipt if isinstance(outcome, Accepted) else outcome.why
        name = type(outcome).__name__.lower()
        self._memory.sent(Sent(now, say.subject, way.channel, way.address, name, detail))
        if not isinstance(outcome, Accepted):
            _log.error("not delivered by %s to %s: %s", way.channel, way.address, detail)
        return outcome


def _message(say: Say, url: str) -> Message:
    return Message(
        kind=MessageKind.NOTICE if say.well else MessageKind.ALARM,
        subject=say.subject,
        incident=IncidentId("WATCHDOG"),
        severity=Severity("watchdog"),
        text=say.text,
        links=(Link("Server", url),) if url else (),
    )
