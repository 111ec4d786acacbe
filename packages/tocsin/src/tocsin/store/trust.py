"""What the embedded store keeps about contact methods that are relied on, and about what was given up."""

from typing import Final

import sqlalchemy as sa

from tocsin.core.verification import Verification
from tocsin.store import tables as t
from tocsin.store.codec import decoder
from tocsin.store.instants import maybe
from tocsin.store.port import Attempt, LedgerEntry
from tocsin.store.queries import intent_from

_verification: Final = decoder(Verification)
_attempt: Final = decoder(Attempt)


_VERIFICATIONS: Final = sa.select(t.verifications.c.body).order_by(t.verifications.c.seq)


def verifications(connection: sa.Connection) -> tuple[Verification, ...]:
    """Answer what is known of contact methods that were to be confirmed."""
    return tuple(_verification.decode(body) for body in connection.scalars(_VERIFICATIONS))


_HEARD: Final = sa.select(t.heard.c.key).where(t.heard.c.key == sa.bindparam("given"))


def heard(connection: sa.Connection, key: str) -> bool:
    """Tell whether an answer by way of a provider counted before."""
    return connection.scalar(_HEARD, {"given": key}) is not None


_DEAD: Final = (
    sa.select(t.intents.c.id, t.intents.c.state, t.intents.c.next_at, t.intents.c.body)
    .where(t.dead_intent)
    .order_by(t.intents.c.seq.desc())
    .limit(sa.bindparam("limit"))
)
_TRIES: Final = (
    sa.select(t.attempts.c.body).where(t.attempts.c.intent == sa.bindparam("given")).order_by(t.attempts.c.at)
)


def given_up(connection: sa.Connection, limit: int) -> tuple[LedgerEntry, ...]:
    """Answer the newest dead letters."""
    return tuple(
        LedgerEntry(intent_from(row.body), _tries(connection, row.id), row.state, maybe(row.next_at))
        for row in connection.execute(_DEAD, {"limit": limit}).all()
    )


def _tries(connection: sa.Connection, intent: str) -> tuple[Attempt, ...]:
    return tuple(_attempt.decode(body) for body in connection.scalars(_TRIES, {"given": intent}))
