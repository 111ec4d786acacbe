"""What a provider that keeps state of a page is told when the page is settled, and when it need not be told at all."""

from msgspec.structs import replace
from whenever import TimeDelta

from tocsin.channels.port import Deferred
from tocsin.core.messages import Message, Settled, Settlement
from tocsin.store.port import LedgerEntry

_LOOKS_AGAIN_AFTER = TimeDelta(seconds=1)


def settlement(message: Message, settled: Settled, page: LedgerEntry | None) -> Message | Deferred | None:
    """Answer the message with the provider's own name for the page; None if the provider never had it.

    An attempt without an answer may have arrived all the same, so its provider is told too. While an attempt is under
    way the telling waits: a page must not arrive after its own end.
    """
    if page is None:
        return None
    if page.state == "waiting" and (settled.how is Settlement.RESOLVED or not page.attempts):
        return Deferred(why="the page itself is under way", wait=_LOOKS_AGAIN_AFTER)
    if not any(attempt.outcome in ("accepted", "deferred") for attempt in page.attempts):
        return None
    receipt = next((attempt.detail for attempt in page.attempts if attempt.outcome == "accepted"), "")
    return replace(message, settles=replace(settled, receipt=receipt))
