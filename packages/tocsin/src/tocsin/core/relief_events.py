"""How an incident passes from one person to another. Part of the stored format."""

from whenever import Instant

from tocsin.core.event import Event
from tocsin.core.ids import PersonId


class ReliefAsked(Event, frozen=True, kw_only=True, tag="relief_asked"):
    """Somebody is to be relieved and stays in charge until another has answered."""

    person: PersonId
    successor: PersonId | None
    """Who is asked first; None if there was nobody to ask."""
    reason: str
    clause: str = ""


class ResponderRelieved(Event, frozen=True, kw_only=True, tag="responder_relieved"):
    """A responder was let go."""

    person: PersonId
    successor: PersonId | None = None
    """Who carries on; None if others do, or nobody."""
    reason: str = ""
    asks_again: bool = False
    """Nobody has it in hand any more: the ladder asks from its beginning."""
    clause: str = "R4"


class AcknowledgmentExtended(Event, frozen=True, kw_only=True, tag="acknowledgment_extended"):
    """The shift was to end by now, and whoever acknowledged is still on call."""

    person: PersonId
    until: Instant | None
    """None: nobody ever takes over from them."""
    clause: str = ""
