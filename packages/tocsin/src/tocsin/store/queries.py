"""The questions a store answers, over one connection that sees one moment of the database."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import sqlalchemy as sa
from whenever import Instant

from tocsin.core.alert import Alert, Silence
from tocsin.core.events import AnyEvent
from tocsin.core.gathering import Gathering
from tocsin.core.ids import AlertFingerprint, Digest, GatheringId, IncidentId, IntentId, SignalId
from tocsin.core.kinds import Kind
from tocsin.core.messages import Intent
from tocsin.store import tables as t
from tocsin.store.codec import decoder, encode
from tocsin.store.instants import instant, maybe, nanoseconds
from tocsin.store.port import (
    Attachment,
    Attempt,
    Beat,
    Claimed,
    Counts,
    Handled,
    Headline,
    LedgerEntry,
    PlaybookVersion,
    Signal,
    SignalRecord,
    Token,
    Unaccounted,
)

_alert: Final = decoder(Alert)
_attempt: Final = decoder(Attempt)
_beat: Final = decoder(Beat)
_gathering: Final = decoder(Gathering)
_event: Final = decoder(AnyEvent)
_handled: Final = decoder(Handled)
_headline: Final = decoder(Headline)
_intent: Final = decoder(Intent)
_silence: Final = decoder(Silence)
_token: Final = decoder(Token)

_given: Final[sa.BindParameter[Any]] = sa.bindparam("given")
_limit: Final[sa.BindParameter[Any]] = sa.bindparam("limit")
# One parameter for any number of keys: the statement stays the same, and no limit on parameters is met.
_keys: Final = sa.select(sa.func.json_each(sa.bindparam("keys")).table_valued("value").c.value)


def intent_from(body: str) -> Intent:
    """Read an intent as it is stored."""
    found: Intent = _intent.decode(body)
    return found


_TIMELINE: Final = (
    sa.select(t.events.c.body)
    .where(t.events.c.incident == _given, t.events.c.number > sa.bindparam("after"))
    .order_by(t.events.c.number)
    .limit(_limit)
)


def timeline(connection: sa.Connection, incident: IncidentId, after: int, limit: int | None) -> tuple[AnyEvent, ...]:
    """Answer an incident's events after the first ``after``."""
    asked = {"given": incident, "after": after, "limit": -1 if limit is None else limit}
    return tuple(_event.decode(body) for body in connection.scalars(_TIMELINE, asked))


_HEADLINE: Final = sa.select(t.incidents.c.body).where(t.incidents.c.id == _given)


def headline(connection: sa.Connection, incident: IncidentId) -> Headline | None:
    """Answer an incident's headline."""
    body = connection.scalar(_HEADLINE, {"given": incident})
    return None if body is None else _headline.decode(body)


_HEADLINES: Final = (
    sa.select(t.incidents.c.body)
    .where(t.incidents.c.kind == sa.bindparam("kind"))
    .order_by(t.incidents.c.seq.desc())
    .limit(_limit)
)
_place_of_given: Final = sa.select(t.incidents.c.seq).where(t.incidents.c.id == _given).scalar_subquery()


def headlines(
    connection: sa.Connection, open_only: bool, before: IncidentId | None, limit: int, kind: Kind
) -> tuple[Headline, ...]:
    """List incidents, newest first."""
    listing = _HEADLINES
    if open_only:
        listing = listing.where(t.incidents.c.resolved_at.is_(None))
    if before is not None:
        listing = listing.where(t.incidents.c.seq < _place_of_given)
    found = connection.scalars(listing, {"given": before, "limit": limit, "kind": kind.value})
    return tuple(_headline.decode(body) for body in found)


_latest: Final = (
    sa.select(sa.func.max(t.incidents.c.seq))
    .where(t.incidents.c.group_key.in_(_keys))
    .group_by(t.incidents.c.group_key)
)
_LATEST_OF_GROUP: Final = sa.select(t.incidents.c.group_key, t.incidents.c.body).where(t.incidents.c.seq.in_(_latest))


def latest_of_group(connection: sa.Connection, group_keys: Sequence[str]) -> dict[str, Headline]:
    """Answer the newest incident of each group."""
    found = connection.execute(_LATEST_OF_GROUP, {"keys": _listed(group_keys)})
    return {row.group_key: _headline.decode(row.body) for row in found}


_DUE: Final = (
    sa.select(t.incidents.c.id)
    .where(t.incidents.c.next_due_at <= _given)
    .order_by(t.incidents.c.next_due_at, t.incidents.c.seq)
    .limit(_limit)
)


def due(connection: sa.Connection, now: Instant, limit: int) -> tuple[IncidentId, ...]:
    """Answer incidents whose next wake-up has come, longest due first."""
    return tuple(connection.scalars(_DUE, {"given": nanoseconds(now), "limit": limit}))


# A bare minimum or maximum over an index is one step to its end.
_NEXT_DUE: Final = sa.select(sa.func.min(t.incidents.c.next_due_at)).where(t.incidents.c.next_due_at.is_not(None))
_NEXT_RECHECK: Final = sa.select(sa.func.min(t.alerts.c.recheck_at)).where(t.alerts.c.recheck_at.is_not(None))
_NEXT_DELIVERY: Final = sa.select(sa.func.min(t.intents.c.next_at)).where(t.waiting_intent)
_LAST_NUMBER: Final = sa.select(sa.func.max(t.incidents.c.number)).where(t.incidents.c.kind == _given)


def next_due_at(connection: sa.Connection) -> Instant | None:
    """Answer when the next incident wants to be woken."""
    return maybe(connection.scalar(_NEXT_DUE))


def next_recheck_at(connection: sa.Connection) -> Instant | None:
    """Answer when the next alert must be looked at again."""
    return maybe(connection.scalar(_NEXT_RECHECK))


def next_delivery_at(connection: sa.Connection) -> Instant | None:
    """Answer when the next message wants to be delivered, or the next lease runs out."""
    return maybe(connection.scalar(_NEXT_DELIVERY))


def last_number(connection: sa.Connection, kind: Kind) -> int:
    """Answer the highest number given to one of a kind."""
    return connection.scalar(_LAST_NUMBER, {"given": kind.value}) or 0


_is_waiting: Final = t.signals.c.handled_at.is_(None)
_INBOX_SIZES: Final = (
    sa.select(t.signals.c.seq, t.signals.c.alerts).where(_is_waiting).order_by(t.signals.c.seq).limit(_limit)
)
_INBOX: Final = sa.select(t.signals).where(_is_waiting, t.signals.c.seq <= _given).order_by(t.signals.c.seq)


def inbox(connection: sa.Connection, limit_alerts: int) -> tuple[Signal, ...]:
    """Answer the oldest signals not yet handled. The sizes are looked at first: bodies may be large."""
    last, total = None, 0
    for row in connection.execute(_INBOX_SIZES, {"limit": max(limit_alerts, 1)}):
        total += max(row.alerts, 1)  # One without alerts is work too.
        if last is not None and total > limit_alerts:
            break
        last = row.seq
    return tuple(_signal(row) for row in connection.execute(_INBOX, {"given": last}))


_SIGNAL: Final = sa.select(t.signals).where(t.signals.c.id == _given)


def signal(connection: sa.Connection, signal_id: SignalId) -> SignalRecord | None:
    """Answer what became of a signal."""
    row = connection.execute(_SIGNAL, {"given": signal_id}).one_or_none()
    if row is None:
        return None
    return SignalRecord(_signal(row), None if row.outcome is None else _handled.decode(row.outcome))


def _signal(row: "sa.Row[Any]") -> Signal:
    received_at = Instant.from_timestamp(row.received_at, unit="nanosecond")
    return Signal(row.id, row.source, row.body, received_at, row.alerts)


_ALERTS: Final = sa.select(t.alerts.c.body).where(t.alerts.c.fingerprint.in_(_keys))


def alerts(connection: sa.Connection, fingerprints: Sequence[AlertFingerprint]) -> dict[AlertFingerprint, Alert]:
    """Answer what is known of these alerts."""
    found = _decoded_alerts(connection.scalars(_ALERTS, {"keys": _listed(fingerprints)}))
    return {alert.fingerprint: alert for alert in found}


_ALERTS_OF: Final = (
    sa.select(t.alerts.c.body)
    .where(t.alerts.c.incident == _given)
    # "firing" stands before "resolved" in the alphabet as well.
    .order_by(t.alerts.c.status, t.alerts.c.started_at.desc(), t.alerts.c.fingerprint)
    .limit(_limit)
)


def alerts_of(connection: sa.Connection, incident: IncidentId, limit: int) -> tuple[Alert, ...]:
    """Answer an incident's alerts, firing ones first, then the newest."""
    return _decoded_alerts(connection.scalars(_ALERTS_OF, {"given": incident, "limit": limit}))


_ALERTS_SINCE: Final = (
    sa.select(t.alerts.c.body)
    .where(t.alerts.c.started_at >= _given)
    .order_by(t.alerts.c.started_at, t.alerts.c.fingerprint)
    .limit(_limit)
)


def alerts_since(connection: sa.Connection, since: Instant, limit: int) -> tuple[Alert, ...]:
    """Answer alerts that began at or after an instant, the first ones first."""
    return _decoded_alerts(connection.scalars(_ALERTS_SINCE, {"given": nanoseconds(since), "limit": limit}))


_FIRING_OF: Final = (
    sa.select(t.alerts.c.severity, sa.func.count().label("number"))
    .where(t.alerts.c.incident == _given, t.alerts.c.status == "firing")
    .group_by(t.alerts.c.severity)
)


_RECHECK: Final = (
    sa.select(t.alerts.c.body)
    .where(t.alerts.c.recheck_at <= _given)
    .order_by(t.alerts.c.recheck_at, t.alerts.c.fingerprint)
    .limit(_limit)
)


def alerts_to_recheck(connection: sa.Connection, now: Instant, limit: int) -> tuple[Alert, ...]:
    """Answer alerts whose ``recheck_at`` has come, longest due first."""
    return _decoded_alerts(connection.scalars(_RECHECK, {"given": nanoseconds(now), "limit": limit}))


def _decoded_alerts(bodies: "sa.ScalarResult[str]") -> tuple[Alert, ...]:
    return tuple(_alert.decode(body) for body in bodies)


_CLAIMED: Final = (
    sa.select(t.intents.c.claimed_at, t.intents.c.attempts, t.intents.c.body)
    .where(t.claimed_intent)
    .order_by(t.intents.c.claimed_at, t.intents.c.seq)
)


def abandoned(connection: sa.Connection) -> tuple[Claimed, ...]:
    """Answer messages that somebody had in hand, those claimed first in front."""
    return tuple(
        Claimed(intent_from(row.body), row.attempts, instant(row.claimed_at)) for row in connection.execute(_CLAIMED)
    )


_INTENTS_OF: Final = (
    sa.select(t.intents.c.id, t.intents.c.state, t.intents.c.next_at, t.intents.c.body)
    .where(t.intents.c.incident == _given)
    .order_by(t.intents.c.seq)
)
_ATTEMPTS_OF: Final = (
    sa.select(t.attempts.c.intent, t.attempts.c.body)
    .join(t.intents, t.intents.c.id == t.attempts.c.intent)
    .where(t.intents.c.incident == _given)
    .order_by(t.attempts.c.intent, t.attempts.c.at)
)


def ledger(connection: sa.Connection, incident: IncidentId) -> tuple[LedgerEntry, ...]:
    """Answer every obligation to reach somebody in an incident, in the order in which they arose."""
    asked = {"given": incident}
    tried: dict[str, list[Attempt]] = {}
    for intent, body in connection.execute(_ATTEMPTS_OF, asked):
        tried.setdefault(intent, []).append(_attempt.decode(body))
    return tuple(
        LedgerEntry(intent_from(row.body), tuple(tried.get(row.id, ())), row.state, maybe(row.next_at))
        for row in connection.execute(_INTENTS_OF, asked)
    )


_INTENT: Final = sa.select(t.intents.c.state, t.intents.c.next_at, t.intents.c.body).where(t.intents.c.id == _given)
_ATTEMPTS_AT: Final = sa.select(t.attempts.c.body).where(t.attempts.c.intent == _given).order_by(t.attempts.c.at)


def obligation(connection: sa.Connection, intent: IntentId) -> LedgerEntry | None:
    """Answer one obligation to reach somebody, as the ledger has it."""
    asked = {"given": intent}
    row = connection.execute(_INTENT, asked).first()
    if row is None:
        return None
    tried = tuple(_attempt.decode(body) for body in connection.scalars(_ATTEMPTS_AT, asked))
    return LedgerEntry(intent_from(row.body), tried, row.state, maybe(row.next_at))


_SILENCES: Final = sa.select(t.silences.c.body).order_by(t.silences.c.seq)
_SILENCES_AFTER: Final = _SILENCES.where(t.silences.c.over_at > _given)


def silences(connection: sa.Connection, ending_after: Instant | None) -> tuple[Silence, ...]:
    """Answer silences and maintenance windows; all, or those not over by an instant."""
    if ending_after is None:
        return tuple(_silence.decode(body) for body in connection.scalars(_SILENCES))
    asked = {"given": nanoseconds(ending_after)}
    return tuple(_silence.decode(body) for body in connection.scalars(_SILENCES_AFTER, asked))


_TOKENS: Final = sa.select(t.tokens.c.body).order_by(t.tokens.c.seq)


def tokens(connection: sa.Connection) -> tuple[Token, ...]:
    """Answer all tokens, revoked ones too."""
    return tuple(_token.decode(body) for body in connection.scalars(_TOKENS))


_BEATS: Final = sa.select(t.beats.c.body).order_by(t.beats.c.name)


def beats(connection: sa.Connection) -> dict[str, Beat]:
    """Answer the last sign of life of every heartbeat."""
    found: list[Beat] = [_beat.decode(body) for body in connection.scalars(_BEATS)]
    return {beat.name: beat for beat in found}


_PLAYBOOK: Final = sa.select(t.playbooks).where(t.playbooks.c.version == _given)


def playbook(connection: sa.Connection, version: str) -> PlaybookVersion | None:
    """Answer a version of the playbook as it was first kept."""
    row = connection.execute(_PLAYBOOK, {"given": version}).one_or_none()
    if row is None:
        return None
    return PlaybookVersion(row.version, row.rulebook, Instant.parse_iso(row.loaded_at))


_owed: Final = sa.select(t.gatherings.c.body).where(t.owed_gathering, t.gatherings.c.id.not_in(_keys))
_GATHERINGS: Final = _owed.order_by(t.gatherings.c.rank, t.gatherings.c.seq).limit(_limit)


def gatherings(connection: sa.Connection, limit: int, besides: Collection[GatheringId]) -> tuple[Gathering, ...]:
    """Answer runs of diagnostics that are owed, lowest rank first, then in order of arrival."""
    found = connection.scalars(_GATHERINGS, {"keys": _listed(tuple(besides)), "limit": limit})
    return tuple(_gathering.decode(body) for body in found)


_ATTACHMENT: Final = sa.select(t.attachments).where(t.attachments.c.digest == _given)


def attachment(connection: sa.Connection, digest: Digest) -> Attachment | None:
    """Answer an output by its digest."""
    row = connection.execute(_ATTACHMENT, {"given": digest}).one_or_none()
    if row is None:
        return None
    return Attachment(Digest(row.digest), row.body, instant(row.kept_at))


def _count(*where: "sa.ColumnElement[bool]") -> "sa.ScalarSelect[int]":
    return sa.select(sa.func.count()).where(*where).scalar_subquery()


_open: Final = t.incidents.c.resolved_at.is_(None)
_COUNTS: Final = sa.select(
    _count(_open, t.incidents.c.kind == sa.literal_column("'incident'")).label("open"),
    _count(_is_waiting).label("signals"),
    sa.select(t.signals.c.received_at)
    .where(_is_waiting)
    .order_by(t.signals.c.seq)
    .limit(1)
    .scalar_subquery()
    .label("oldest_signal"),
    _count(t.waiting_intent).label("intents"),
    sa.select(sa.func.min(t.intents.c.next_at))
    .where(t.waiting_intent, t.intents.c.next_at <= _given)
    .scalar_subquery()
    .label("oldest_intent"),
    _count(t.dead_intent).label("dead"),
    _count(t.unaccounted_alert).label("strays"),
    _count(_open, t.incidents.c.next_due_at.is_(None)).label("idle"),
    _count(t.waiting_intent, t.intents.c.next_at.is_(None)).label("stuck"),
)


def counts(connection: sa.Connection, now: Instant) -> Counts:
    """Count what the metrics show."""
    row = connection.execute(_COUNTS, {"given": nanoseconds(now)}).one()
    return Counts(
        open_incidents=row.open,
        signals_waiting=row.signals,
        oldest_signal_at=maybe(row.oldest_signal),
        intents_waiting=row.intents,
        oldest_intent_due_at=maybe(row.oldest_intent),
        dead_letters=row.dead,
        unaccounted=row.strays + row.idle + row.stuck,
    )


_STRAYS: Final = (
    sa.select(t.alerts.c.fingerprint).where(t.unaccounted_alert).order_by(t.alerts.c.fingerprint).limit(_limit)
)
_IDLE: Final = (
    sa.select(t.incidents.c.id)
    .where(_open, t.incidents.c.next_due_at.is_(None))
    .order_by(t.incidents.c.seq)
    .limit(_limit)
)
_STUCK: Final = (
    sa.select(t.intents.c.id)
    .where(t.waiting_intent, t.intents.c.next_at.is_(None))
    .order_by(t.intents.c.seq)
    .limit(_limit)
)


def unaccounted(connection: sa.Connection, limit: int) -> Unaccounted:
    """Name what nobody owes."""
    asked = {"limit": limit}
    return Unaccounted(*(tuple(connection.scalars(each, asked)) for each in (_STRAYS, _IDLE, _STUCK)))


def _listed(keys: Sequence[str]) -> str:
    return encode(list(keys)).decode()
