"""What somebody wrote last in an incident, by which the same request sent twice is known."""

import msgspec
from whenever import Instant

from tocsin.core.ids import PersonId


class Utterance(msgspec.Struct, frozen=True):
    """The last thing that somebody wrote."""

    by: PersonId | None
    where: str
    text: str
    at: Instant
