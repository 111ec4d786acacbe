"""Storms: whoever is awake already is rung once, whatever else happens, and told how much waits for them.

Each incident decides by itself, so what keeps a person awake elsewhere is given to it as a value. A page that does not
ring for that reason is a page all the same: it waits for its answer, its ladder goes on, and if the person turns out to
be asleep after all, its next step rings.
"""

from collections.abc import Mapping

import msgspec
from whenever import Instant, TimeDelta

from tocsin.core.ids import PersonId, Severity


class StormPolicy(msgspec.Struct, frozen=True):
    """When somebody counts as awake already."""

    rang_within: TimeDelta
    """A page of theirs for something as severe rang so long ago at most, and is open still."""
    acted_within: TimeDelta
    """They are at work on something as severe, and did something in it so long ago at most."""
    counts_every: TimeDelta
    """How often at most they are told how many pages wait for them."""
    clause: str


class Wakeful(msgspec.Struct, frozen=True):
    """What keeps one person awake in other incidents."""

    rang: Mapping[Severity, Instant] = {}
    """When a page that is still open rang last, by the severity of its incident."""
    acted: Mapping[Severity, Instant] = {}
    """When they last did something in an incident that they are at work on, by its severity."""
    told_at: Instant | None = None
    """When any page last reached out to them, ringing or not."""
    pages: int = 0
    """How many other incidents wait for their answer."""


NOT_AWAKE = Wakeful()

Awake = Mapping[PersonId, Wakeful]
