"""One look at a server from outside: its health, its heartbeat, its clock, and the figures of its obligations."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

import httpx
import msgspec
from whenever import Instant, TimeDelta

from tocsin.watchdog.judge import Finding, Limits, Trouble

TIMEOUT_S: Final = 10.0
"""For one question. A server that takes longer answers nobody else either."""

LAG: Final = "tocsin_obligation_lag_seconds"
UNACCOUNTED: Final = "tocsin_unaccounted_obligations"


class _Health(msgspec.Struct):
    status: str
    now: str
    beat_at: str | None


class Probe:
    """Asks one server."""

    def __init__(
        self, http: httpx.AsyncClient, url: str, token: str, limits: Limits, clock: Callable[[], Instant]
    ) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._token = token
        self._limits = limits
        self._clock = clock

    async def look(self) -> tuple[Finding, ...]:
        """Answer everything that is wrong; nothing if all is well. Raises nothing for what the world does."""
        asked_at = self._clock()
        answer = await self._ask("/health")
        if isinstance(answer, Finding):
            return (answer,)
        if answer.status_code != httpx.codes.OK:
            return (Finding(Trouble.UNWELL, f"{self._url}/health answers {answer.status_code}"),)
        try:
            health = msgspec.json.decode(answer.content, type=_Health)
            theirs = Instant.parse_iso(health.now)
            beat_at = Instant.parse_iso(health.beat_at) if health.beat_at else None
        except (msgspec.DecodeError, ValueError, UnicodeDecodeError):
            return (Finding(Trouble.STRANGER, f"what answers at {self._url} is not Tocsin"),)
        clocks = tuple(self._clocks(theirs, asked_at))  # Before the next question takes its time.
        return (*self._alive(theirs, beat_at), *clocks, *await self._figures())

    def _alive(self, theirs: Instant, beat_at: Instant | None) -> Iterator[Finding]:
        """Judge the heartbeat by the server's own clock: a clock that is wrong is a trouble of its own."""
        if beat_at is None:
            yield Finding(Trouble.HEARTBEAT, "its engine has not proven yet that it steps and commits")
        elif theirs - beat_at > self._limits.late:
            late = (theirs - beat_at).total("seconds")
            yield Finding(Trouble.HEARTBEAT, f"its engine has not stepped and committed for {late:.0f} s")

    def _clocks(self, theirs: Instant, asked_at: Instant) -> Iterator[Finding]:
        took = self._clock() - asked_at
        off = theirs - (asked_at + took / 2)
        if abs(off) - took / 2 > self._limits.drift:
            way = "ahead of" if off > TimeDelta.ZERO else "behind"
            words = f"its clock is {abs(off).total('seconds'):.0f} s {way} the watchdog's; one of them is wrong"
            yield Finding(Trouble.DRIFT, words)

    async def _figures(self) -> list[Finding]:
        answer = await self._ask("/metrics")
        if isinstance(answer, Finding):
            return [answer]
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            words = f"it refuses our token ({answer.status_code}), so its obligations cannot be watched"
            return [Finding(Trouble.TOKEN, words)]
        if answer.status_code != httpx.codes.OK:
            return [Finding(Trouble.UNWELL, f"{self._url}/metrics answers {answer.status_code}")]
        figures = dict(_figures_in(answer.text))
        if LAG not in figures or UNACCOUNTED not in figures:
            return [Finding(Trouble.STRANGER, f"{self._url}/metrics does not speak of Tocsin's obligations")]
        return list(self._obligations(figures))

    def _obligations(self, figures: dict[str, float]) -> Iterator[Finding]:
        if figures[LAG] > self._limits.lag.total("seconds"):
            yield Finding(Trouble.LAG, f"a signal or a message has waited for {figures[LAG]:.0f} s")
        if figures[UNACCOUNTED] > self._limits.unaccounted:
            yield Finding(Trouble.UNACCOUNTED, f"{figures[UNACCOUNTED]:.0f} obligations are owed by nobody")

    async def _ask(self, path: str) -> httpx.Response | Finding:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._http.get(self._url + path, headers=headers, timeout=TIMEOUT_S)
        except (httpx.TimeoutException, TimeoutError):
            return Finding(Trouble.UNREACHABLE, f"{self._url} did not answer in {TIMEOUT_S:.0f} s")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            return Finding(Trouble.UNREACHABLE, f"nothing answers at {self._url} ({type(error).__name__})")


def _figures_in(text: str) -> Iterator[tuple[str, float]]:
    """Read the figures without labels out of what Prometheus reads."""
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name in (LAG, UNACCOUNTED):
            try:
                yield name, float(value)
            except ValueError:
                continue
