"""Which channels fail now: remembered by whoever delivers, asked by whoever wants to know whom a page would reach."""

from collections.abc import Mapping

from tocsin.channels.port import Deferred, Outcome
from tocsin.core.ids import ChannelName
from tocsin.core.limits import CHANNEL_FAILS_AFTER


class ChannelHealth:
    """Counts failures in a row. A refusal is about a message; only a channel that does not answer fails."""

    def __init__(self) -> None:
        self._failures: dict[ChannelName, int] = {}
        self._why: dict[ChannelName, str] = {}

    def took(self, channel: ChannelName, outcome: Outcome) -> None:
        """Take note of what came of one attempt."""
        if isinstance(outcome, Deferred):
            self._failures[channel] = self._failures.get(channel, 0) + 1
            self._why[channel] = outcome.why
        else:
            self._failures.pop(channel, None)

    @property
    def failing(self) -> Mapping[ChannelName, str]:
        """Answer the channels that failed several times in a row, and how they did last."""
        return {name: self._why[name] for name, count in self._failures.items() if count >= CHANNEL_FAILS_AFTER}
