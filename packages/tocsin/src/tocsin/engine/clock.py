"""The only place where time and chance come from."""

import random
import secrets
from typing import Protocol

from whenever import Instant

from tocsin.core.ids import ArrangementId, IncidentId, SignalId, SilenceId
from tocsin.core.kinds import PREFIXES, Kind
from tocsin.store.port import Store


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> Instant:
        """Answer the present instant."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> Instant:
        """Answer the present instant."""
        return Instant.now()


class Chance:
    """Random choices and new ids. Under a seed they are the same every time."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(secrets.randbits(64) if seed is None else seed)  # noqa: S311 - no secret is made of it.

    def jitter(self) -> float:
        """Answer a factor between 0.5 and 1.5, so that those who wait together do not come back together."""
        return 0.5 + self._random.random()

    def signal_id(self) -> SignalId:
        """Make an id for an accepted signal."""
        return SignalId(f"S{self._random.getrandbits(80):020x}")

    def arrangement_id(self, kind: str) -> ArrangementId:
        """Make an id for what people arrange: ``OVR-…``, ``SWAP-…``, ``AWAY-…`` or ``CAL-…``."""
        return ArrangementId(f"{kind}-{self._random.getrandbits(40):010x}")

    def nonce(self) -> str:
        """Make a word that was never used before."""
        return f"{self._random.getrandbits(80):020x}"

    def silence_id(self) -> SilenceId:
        """Make an id for a silence."""
        return SilenceId(f"SIL-{self._random.getrandbits(40):010x}")


class Numbers:
    """Gives incidents and errands their numbers, each kind its own: INC-1, INC-2, HO-1 …"""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._last: dict[Kind, int] = {}

    async def next(self, kind: Kind = Kind.INCIDENT) -> IncidentId:
        """Answer the next id. Two nodes may answer the same one; the store refuses the second as a conflict."""
        if kind not in self._last:
            self._last[kind] = await self._store.last_number(kind)
        self._last[kind] += 1
        return IncidentId(f"{PREFIXES[kind]}-{self._last[kind]}")

    def forget(self) -> None:
        """Ask the store again next time: somebody else may have given numbers too."""
        self._last.clear()
