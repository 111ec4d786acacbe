"""The dispatcher: brings what the outbox holds to the channels, and what became of it back as commands.

At least once, by lease: a message belongs to whoever claimed it until the lease runs out, so a dispatcher that dies in
the middle is not missed for long; and the next one does not even wait for that, where it is known that nobody else
lives. A page overtakes everything. An attempt is one attempt; whether to try again later or
by another method is written down before it is done.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

from msgspec.structs import replace
from whenever import Instant, TimeDelta

from tocsin.channels.port import Accepted, Channel, Deferred, DeliveryKey, Outcome, Rejected, in_doubt
from tocsin.channels.rooms_port import Bridges, Rooms
from tocsin.core.commands import RecordDelivery
from tocsin.core.ids import ChannelName
from tocsin.core.limits import (
    BACKOFF_FIRST,
    BACKOFF_MAX,
    DELIVERIES_AT_ONCE,
    DELIVERIES_PER_STEP,
    DELIVERY_LEASE,
)
from tocsin.core.messages import Intent, Link, Message, MessageKind
from tocsin.core.verification import CODE, NO_TIMELINE
from tocsin.engine.clock import Chance, Clock
from tocsin.engine.handler import Handler
from tocsin.engine.health import ChannelHealth
from tocsin.engine.links import DECLINES
from tocsin.engine.pace import Paces
from tocsin.engine.rooms import RoomSteps, record
from tocsin.engine.settling import settlement
from tocsin.engine.telemetry import Telemetry
from tocsin.store.port import Attempt, AttemptOutcome, Change, Store, StoreUnavailable

SignLink = Callable[[Intent, Instant], str]
"""Makes the signed link by which the receiver of a page acknowledges it."""


_BREAKS_OFF_WITHIN_S = 1

_NOBODY_HEARD = "the server ended while it was under way, and nobody heard what became of it"


class Dispatcher:
    """Empties the outbox."""

    def __init__(
        self,
        store: Store,
        handler: Handler,
        channels: Mapping[ChannelName, Channel],
        sign_link: SignLink,
        clock: Clock,
        chance: Chance,
        telemetry: Telemetry,
        rooms: Rooms | None = None,
        bridges: Bridges | None = None,
    ) -> None:
        self._store = store
        self._handler = handler
        self._rooms = RoomSteps(handler, rooms, bridges, clock)
        self._channels = channels
        self._sign_link = sign_link
        self._clock = clock
        self._chance = chance
        self._telemetry = telemetry
        paces = {name: channel.pace for name, channel in channels.items()}
        self._paces = Paces({**paces, **self._rooms.paces})
        self._under_way: set[asyncio.Task[None]] = set()
        self.health = ChannelHealth()
        self.code_of: Callable[[str], str] = lambda _: ""
        """Makes the code that a message brings; known once the contacts are wired."""
        self.rung: Callable[[], None] = lambda: None
        """Called when an attempt ends, so that whoever sleeps looks again."""

    async def take_back(self, now: Instant) -> None:
        """Take in hand again, at a start, what dispatchers now dead had in hand; before the first step.

        Nobody heard what became of it, so it counts as an attempt without an answer, made when it was claimed: the
        ledger has it, a provider that keeps state of a page is told how that ended, and back-off keeps a server that
        dies again and again from ringing at every start. From that instant on a channel in doubt waits, too.
        """
        attempts = []
        for claimed in await self._store.abandoned():
            intent, began_at = claimed.intent, min(claimed.claimed_at, now)  # The clock may have been set back.
            carrier = self._rooms.carrier(intent) if intent.step else self._channels.get(intent.channel)
            doubt = in_doubt(carrier, intent.message.kind)
            again_at = max(now, self._next_at(began_at, claimed.attempts, doubt))
            attempts.append(Attempt(intent.id, claimed.claimed_at, "deferred", _NOBODY_HEARD, again_at))
        if attempts:
            await self._store.commit(Change(attempts=tuple(attempts)))

    async def step(self, now: Instant) -> Instant | None:
        """Begin as many attempts as there is room for; answer when the next one is due."""
        room = min(DELIVERIES_PER_STEP, DELIVERIES_AT_ONCE - len(self._under_way))
        if room <= 0:
            return None  # An attempt that ends will ring.
        claimed = await self._store.claim(now, now + DELIVERY_LEASE, room, self._paces.room(now))
        self._paces.took(Counter(intent.channel for intent, _ in claimed), now)
        for intent, tries in claimed:
            task = asyncio.create_task(self._attempt(intent, tries))
            self._under_way.add(task)
            task.add_done_callback(self._ended)
        if claimed:
            return now
        following = await self._store.next_delivery_at()
        return self._paces.open_at(now) if following is not None and following <= now else following

    async def settle(self) -> None:
        """Wait until no attempt is under way."""
        while self._under_way:
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def stop(self, within: TimeDelta) -> None:
        """Let what is under way end, for so long. The rest is broken off; still claimed, a start takes it back."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=within.total("seconds"))
        self.break_off()
        if self._under_way:
            # A moment to let go of a connection; what does not even end now is left behind.
            await asyncio.wait(self._under_way, timeout=min(within.total("seconds"), _BREAKS_OFF_WITHIN_S))

    def break_off(self) -> None:
        """Break off all that is under way, and do not wait."""
        for task in self._under_way:
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            # The lease runs out and the message is due again: nothing is lost by an attempt that broke.
            self._telemetry.fault("dispatcher", fault, task.get_name())
        self.rung()

    async def _attempt(self, intent: Intent, tries: int) -> None:
        if await self._pointless(intent):
            await self._end(intent, "withdrawn", "answered before this attempt")
            return
        message = await self._message(intent)
        if message is None:
            await self._end(intent, "withdrawn", "the page never left")
            return
        outcome = message if isinstance(message, Deferred) else await self._deliver(intent, message)
        if outcome is None:
            await self._end(intent, "withdrawn", "overtaken by what happened since")
            return
        now = self._clock.now()
        self._telemetry.deliveries.labels(intent.channel, type(outcome).__name__.lower()).inc()
        self.health.took(intent.channel, outcome)
        match outcome:
            case Accepted(receipt):
                if intent.message.kind is MessageKind.PAGE:
                    self._telemetry.handover.observe(max(0.0, (now - intent.created_at).total("seconds")))
                await self._end(intent, "accepted", receipt, outcome)
            case Deferred(why, wait) if (next_at := self._next_at(now, tries, wait)) < intent.give_up_at:
                await self._store.commit(Change(attempts=(Attempt(intent.id, now, "deferred", why, next_at),)))
            case Deferred(why, _):
                await self._end(intent, "deferred", why)
            case Rejected(why):
                await self._end(intent, "rejected", why, outcome)

    async def _pointless(self, intent: Intent) -> bool:
        """Tell whether a page was answered, or its incident resolved, while it waited."""
        if intent.page is None or intent.message.kind is not MessageKind.PAGE:
            return False
        incident = await self._handler.load(intent.incident)
        return incident is not None and intent.page not in incident.pages

    async def _message(self, intent: Intent) -> Message | Deferred | None:
        """Complete a message with what is known only now. None: nothing is to be said any more."""
        if intent.message.settles is not None:
            page = await self._store.obligation(intent.message.settles.page)
            return settlement(intent.message, intent.message.settles, page)
        return self._addressed(intent)

    async def _deliver(self, intent: Intent, message: Message) -> Outcome | None:
        """Make one attempt; None if it is pointless by now."""
        try:
            return await (self._rooms.take(intent) if intent.step else self._send(intent, message))
        except StoreUnavailable:
            raise  # The lease runs out and it is tried again.
        except Exception as fault:  # A channel that breaks its promise must not cost a page.
            self._telemetry.fault("channel", fault, intent.id)
            return Deferred(f"fault in channel {intent.channel}: {type(fault).__name__}")

    async def _send(self, intent: Intent, message: Message) -> Outcome:
        channel = self._channels.get(intent.channel)
        if channel is None:
            return Rejected(f'channel "{intent.channel}" is not configured')
        return await channel.deliver(message, intent.address, DeliveryKey(intent.id))

    def _addressed(self, intent: Intent) -> Message:
        if intent.approval is not None and intent.person is not None:
            way = Link("Approve or reject", self._sign_link(intent, self._clock.now()))
            return replace(intent.message, links=(way, *intent.message.links))
        if intent.message.verifies:
            return _with_code(intent.message, self.code_of(intent.message.verifies))
        is_page = intent.message.kind is MessageKind.PAGE
        if not (is_page or intent.message.asks) or intent.person is None:
            return intent.message
        url = self._sign_link(intent, self._clock.now())
        declines = f"{url}{DECLINES}" if url and is_page else ""  # A hand-off cannot be declined, only left open.
        return replace(intent.message, acknowledge_url=url, decline_url=declines)

    def _next_at(self, now: Instant, tries: int, wait: TimeDelta | None) -> Instant:
        backoff: TimeDelta = min(BACKOFF_FIRST * 2 ** min(tries, 16), BACKOFF_MAX)
        wanted: TimeDelta = max(backoff * self._chance.jitter(), wait or TimeDelta.ZERO)
        return now + wanted

    async def _end(self, intent: Intent, outcome: AttemptOutcome, detail: str, answer: Outcome | None = None) -> None:
        """Write the end of an intent, and tell the incident where it must know."""
        now = self._clock.now()
        attempt = Attempt(intent.id, now, outcome, detail, None)
        failed = outcome in ("rejected", "deferred")
        if intent.step is not None and outcome != "withdrawn":
            told = record(intent, answer, detail if failed else "")
            await self._handler.handle(intent.incident, told, now, attempts=(attempt,))
            return
        quiet = not failed and (intent.page is None or outcome == "withdrawn")
        if quiet or intent.incident == NO_TIMELINE:
            await self._store.commit(Change(attempts=(attempt,)))
            return
        command = RecordDelivery(
            page=intent.page,
            method=intent.method,
            person=intent.person,
            intent=intent.id,
            text=intent.message.text,
            receipt="" if failed else detail,
            why=detail if failed else "",
        )
        await self._handler.record(intent.incident, command, attempt)


def _with_code(message: Message, code: str) -> Message:
    """Write the code in, now that the message leaves."""
    subject, text = (part.replace(CODE, code) for part in (message.subject, message.text))
    return replace(message, subject=subject, text=text, verifies="")
