"""Pace: how many messages a second each channel takes, kept as a bucket that fills with time."""

from collections.abc import Mapping

from whenever import Instant

from tocsin.core.ids import ChannelName


class Paces:
    """Says how much room each channel has. One a second means one a second, however long it was quiet before."""

    def __init__(self, per_second: Mapping[ChannelName, float]) -> None:
        self._per_second = per_second
        self._size = {name: max(1.0, pace) for name, pace in per_second.items()}
        self._tokens = dict(self._size)
        self._filled_at: Instant | None = None

    def room(self, now: Instant) -> dict[str, int]:
        """Answer how many messages each channel takes now."""
        self._fill(now)
        return {name: int(tokens) for name, tokens in self._tokens.items()}

    def took(self, counts: Mapping[ChannelName, int], now: Instant) -> None:
        """Note what was taken from each."""
        self._fill(now)
        for name, count in counts.items():
            if name in self._tokens:
                self._tokens[name] -= count

    def open_at(self, now: Instant) -> Instant | None:
        """Answer when a channel that has no room now will have some; None if all have room."""
        waits = [(1 - tokens) / self._per_second[name] for name, tokens in self._tokens.items() if tokens < 1]
        return now.add(seconds=min(waits)) if waits else None

    def _fill(self, now: Instant) -> None:
        if self._filled_at is not None and now > self._filled_at:
            passed_s = (now - self._filled_at).total("seconds")
            for name, pace in self._per_second.items():
                self._tokens[name] = min(self._size[name], self._tokens[name] + pace * passed_s)
        self._filled_at = (
            now  # A clock that was set back fills from where it stands, or the channels would stand still.
        )
