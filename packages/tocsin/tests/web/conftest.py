"""A town for each test, under the shipped playbook."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace
from whenever import Date, TimeDelta

from tocsin.core.audience import RoomPolicy
from tocsin.core.ids import ChannelName
from tocsin.core.rules import Rulebook
from tocsin.playbook.load import load_rulebook, shipped

from .town import Town


@pytest.fixture(scope="session")
def agentic_flow() -> Rulebook:
    """Agentic Flow's playbook, compiled."""
    # Reviewed in time, or every test would begin with an incident about that (Q2).
    # A room is there for whoever asks, and for no incident by itself.
    rooms = RoomPolicy((), TimeDelta(hours=1), ChannelName("slack"))
    return replace(load_rulebook(shipped("agentic-flow")), next_review_on=Date(2027, 1, 1), rooms=rooms)


@pytest.fixture
async def town(agentic_flow: Rulebook) -> AsyncIterator[Town]:
    """A server that is up, with nothing in it."""
    made = Town(agentic_flow)
    await made.engine.start()
    yield made
    await made.http.aclose()
