"""The tables, for SQLAlchemy Core. A change here needs a migration beside it; a test compares the two.

Instants stand as nanoseconds since 1970 UTC, so that they can be compared and indexed. Where a row is a whole value, it
stands as JSON in ``body``, and only what is asked for by itself has a column. ``seq`` is the order of arrival. Every
question that is asked in a loop (what is due, what waits, how many) has a partial index, so it costs what it answers
and not what is kept. Such an index repeats the column of its own condition: SQLite would read every row otherwise.
"""

from typing import Any, Final

import sqlalchemy as sa

HEAD: Final = "0002"
"""The revision of the schema that this program reads and writes."""

metadata = sa.MetaData()

# SQLite numbers rows by itself only if the type is called INTEGER; everybody else wants the large kind.
_SEQ: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _seq() -> "sa.Column[int]":
    return sa.Column("seq", _SEQ, primary_key=True)


def _only(condition: "sa.ColumnElement[bool]") -> dict[str, Any]:
    """Say of an index that it holds such rows alone.

    In SQLite's words: SQLAlchemy loads the whole dialect of each database that is named here, and PostgreSQL's is 20 ms
    of every start. A store that needs it says it there.
    """
    return {"sqlite_where": condition}


signals = sa.Table(
    "signals",
    metadata,
    _seq(),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("received_at", sa.BigInteger, nullable=False),
    sa.Column("alerts", sa.Integer, nullable=False),
    sa.Column("handled_at", sa.BigInteger),
    sa.Column("outcome", sa.Text),
    # Last, because SQLite must walk through a long value to reach the columns after it.
    sa.Column("body", sa.LargeBinary, nullable=False),
)
_waiting_signal = signals.c.handled_at.is_(None)
sa.Index(
    "signals_waiting",
    signals.c.seq,
    signals.c.handled_at,
    **_only(_waiting_signal),
)

alerts = sa.Table(
    "alerts",
    metadata,
    _seq(),
    sa.Column("fingerprint", sa.Text, nullable=False, unique=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("disposition", sa.Text, nullable=False),
    sa.Column("incident", sa.Text),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("recheck_at", sa.BigInteger),
    sa.Column("body", sa.Text, nullable=False),
)
_has_incident = alerts.c.incident.is_not(None)
_rechecked = alerts.c.recheck_at.is_not(None)
unaccounted_alert = sa.and_(
    alerts.c.status == sa.literal_column("'firing'"),
    alerts.c.disposition == sa.literal_column("'attached'"),
    alerts.c.incident.is_(None),
)
"""It fires, no reason is given why it should have no incident, and yet it has none."""
sa.Index(
    "alerts_of_incident",
    alerts.c.incident,
    alerts.c.status,
    alerts.c.started_at.desc(),
    alerts.c.severity,
    **_only(_has_incident),
)
sa.Index(
    "alerts_to_recheck",
    alerts.c.recheck_at,
    alerts.c.fingerprint,
    **_only(_rechecked),
)
sa.Index("alerts_started", alerts.c.started_at, alerts.c.fingerprint)
sa.Index("alerts_unaccounted", alerts.c.seq, **_only(unaccounted_alert))

incidents = sa.Table(
    "incidents",
    metadata,
    _seq(),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("group_key", sa.Text, nullable=False),
    sa.Column("resolved_at", sa.BigInteger),
    sa.Column("next_due_at", sa.BigInteger),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False, server_default="incident"),
)
_open = incidents.c.resolved_at.is_(None)
_wakes = incidents.c.next_due_at.is_not(None)
sa.Index("incidents_kind", incidents.c.kind, incidents.c.number)
sa.Index("incidents_group", incidents.c.group_key, incidents.c.seq)
# The second column lets an open incident that owes nothing be found without reading any other, the last one lets
# incidents be counted without the errands.
sa.Index(
    "incidents_open",
    incidents.c.seq,
    incidents.c.next_due_at,
    incidents.c.resolved_at,
    incidents.c.kind,
    **_only(_open),
)
# Open ones of a kind, newest first, without sorting all that there are: asked at every start and by every measurement.
sa.Index("incidents_open_newest", incidents.c.kind, incidents.c.seq, incidents.c.resolved_at, **_only(_open))
sa.Index("incidents_due", incidents.c.next_due_at, **_only(_wakes))

events = sa.Table(
    "events",
    metadata,
    sa.Column("incident", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
    sqlite_with_rowid=False,  # A timeline lies together and is read in one go.
)

intents = sa.Table(
    "intents",
    metadata,
    _seq(),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("incident", sa.Text, nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("next_at", sa.BigInteger),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("claimed_at", sa.BigInteger),
)
waiting_intent = intents.c.state == sa.literal_column("'waiting'")
dead_intent = intents.c.state == sa.literal_column("'dead'")
claimed_intent = intents.c.claimed_at.is_not(None)
"""Somebody has it in hand, or had when they died."""
sa.Index("intents_of_incident", intents.c.incident, intents.c.seq)
sa.Index(
    "intents_by_rank",
    intents.c.rank,
    intents.c.created_at,
    intents.c.seq,
    intents.c.next_at,
    intents.c.channel,
    intents.c.state,
    **_only(waiting_intent),
)
sa.Index("intents_due", intents.c.next_at, intents.c.state, **_only(waiting_intent))
sa.Index("intents_claimed", intents.c.claimed_at, intents.c.seq, **_only(claimed_intent))
sa.Index("intents_dead", intents.c.seq, intents.c.state, **_only(dead_intent))

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("intent", sa.Text, primary_key=True),
    sa.Column("at", sa.BigInteger, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

silences = sa.Table(
    "silences",
    metadata,
    _seq(),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("over_at", sa.BigInteger, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

tokens = sa.Table(
    "tokens",
    metadata,
    _seq(),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("body", sa.Text, nullable=False),
)

beats = sa.Table(
    "beats",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)

verifications = sa.Table(
    "verifications",
    metadata,
    _seq(),
    sa.Column("method", sa.Text, nullable=False, unique=True),
    sa.Column("body", sa.Text, nullable=False),
)

heard = sa.Table(
    "heard",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
)

playbooks = sa.Table(
    "playbooks",
    metadata,
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("loaded_at", sa.Text, nullable=False),
    sa.Column("rulebook", sa.LargeBinary, nullable=False),
)

arrangements = sa.Table(
    "arrangements",
    metadata,
    _seq(),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("over_at", sa.BigInteger, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)
sa.Index("arrangements_over", arrangements.c.over_at)

imports = sa.Table(
    "imports",
    metadata,
    _seq(),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("rotation", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

adoptions = sa.Table(
    "adoptions",
    metadata,
    _seq(),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("adopted_at", sa.BigInteger, nullable=False),
)

pages = sa.Table(
    "pages",
    metadata,
    sa.Column("incident", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)
"""Who was paged when, taken out of the timelines as they are written: the load of a month is counted from it."""
sa.Index("pages_at", pages.c.at, pages.c.person)

gatherings = sa.Table(
    "gatherings",
    metadata,
    _seq(),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)
owed_gathering = gatherings.c.state == sa.literal_column("'owed'")
sa.Index(
    "gatherings_owed",
    gatherings.c.rank,
    gatherings.c.seq,
    gatherings.c.state,
    **_only(owed_gathering),
)

attachments = sa.Table(
    "attachments",
    metadata,
    _seq(),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("kept_at", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    _seq(),
    sa.Column("incident", sa.Text, nullable=False),
    sa.Column("run", sa.Text, nullable=False),
    sa.Column("component", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    # Unique, and absent of most: what a run does not hold, it does not keep from anybody.
    sa.Column("holds", sa.Text, unique=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("next_at", sa.BigInteger),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.UniqueConstraint("incident", "run"),
)
_owed_run = runs.c.next_at.is_not(None)
judged_run = runs.c.verdict.in_([sa.literal_column(f"'{verdict}'") for verdict in ("improved", "unchanged", "worse")])
"""The measurements said whether it helped."""
sa.Index("runs_due", runs.c.next_at, **_only(_owed_run))
sa.Index(
    "runs_judged",
    runs.c.component,
    runs.c.action,
    runs.c.verdict,
    **_only(judged_run),
)

schema_version = sa.Table(
    "alembic_version",
    metadata,
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own table, named here so that a new database can be made without loading Alembic."""
