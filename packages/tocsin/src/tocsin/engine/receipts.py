"""What a provider reports of a message after it took it over: it arrived, or it did not after all.

A provider that takes a message has not delivered it. When it says later that nobody answered the telephone, the page
has failed by that method as if it had been refused at once, and the next method has its turn.
"""

from tocsin.core.commands import RecordDelivery
from tocsin.core.ids import IntentId
from tocsin.core.messages import Intent
from tocsin.engine.serve import Engine
from tocsin.store.port import Attempt, Change, LedgerEntry


class Receipts:
    """Takes reports of providers about what they carry."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def arrived(self, key: IntentId, receipt: str, *, final: bool) -> bool:
        """Note that a message is in the provider's hands, or where it should be; tell whether it is one of ours.

        An attempt of ours that had no answer was not in vain then, and none need follow.
        """
        entry = await self._engine.store.obligation(key)
        if entry is None:
            return False
        if entry.state == "waiting":
            await self._end(entry.intent, receipt=receipt)
        elif final:
            attempt = Attempt(key, self._engine.clock.now(), "accepted", receipt, None)
            await self._engine.store.commit(Change(attempts=(attempt,)))
        return True

    async def failed(self, key: IntentId, why: str) -> bool:
        """Note that a message did not arrive; tell whether it is one of ours."""
        entry = await self._engine.store.obligation(key)
        if entry is None:
            return False
        if not _known_to_have_failed(entry, why):
            await self._end(entry.intent, why=why)
        return True

    async def _end(self, intent: Intent, receipt: str = "", why: str = "") -> None:
        now = self._engine.clock.now()
        attempt = Attempt(intent.id, now, "rejected" if why else "accepted", why or receipt, None)
        command = RecordDelivery(
            page=intent.page,
            method=intent.method,
            person=intent.person,
            intent=intent.id,
            text=intent.message.text,
            receipt=receipt,
            why=why,
        )
        await self._engine.handler.record(intent.incident, command, attempt)
        self._engine.ring()


def _known_to_have_failed(entry: LedgerEntry, why: str) -> bool:
    return any(attempt.detail == why for attempt in entry.attempts)
