"""The first schema: signals, alerts, incidents and their timelines, the outbox, and what people set.

Frozen: it says what the schema was, whatever `store.tables` says today.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SEQ = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make all tables."""
    _signals()
    _alerts()
    _incidents()
    _outbox()
    _settings()


def _partial(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _seq() -> "sa.Column[int]":
    return sa.Column("seq", SEQ, primary_key=True)


def _signals() -> None:
    op.create_table(
        "signals",
        _seq(),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("alerts", sa.Integer, nullable=False),
        sa.Column("handled_at", sa.BigInteger),
        sa.Column("outcome", sa.Text),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("signals_waiting", "signals", ["seq", "handled_at"], **_partial("handled_at IS NULL"))


def _alerts() -> None:
    op.create_table(
        "alerts",
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
    op.create_index(
        "alerts_of_incident",
        "alerts",
        ["incident", "status", sa.text("started_at DESC"), "severity"],
        **_partial("incident IS NOT NULL"),
    )
    op.create_index("alerts_to_recheck", "alerts", ["recheck_at", "fingerprint"], **_partial("recheck_at IS NOT NULL"))
    op.create_index(
        "alerts_unaccounted",
        "alerts",
        ["seq"],
        **_partial("status = 'firing' AND disposition = 'attached' AND incident IS NULL"),
    )


def _incidents() -> None:
    op.create_table(
        "incidents",
        _seq(),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("group_key", sa.Text, nullable=False),
        sa.Column("resolved_at", sa.BigInteger),
        sa.Column("next_due_at", sa.BigInteger),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("incidents_number", "incidents", ["number"])
    op.create_index("incidents_group", "incidents", ["group_key", "seq"])
    op.create_index(
        "incidents_open", "incidents", ["seq", "next_due_at", "resolved_at"], **_partial("resolved_at IS NULL")
    )
    op.create_index("incidents_due", "incidents", ["next_due_at"], **_partial("next_due_at IS NOT NULL"))
    op.create_table(
        "events",
        sa.Column("incident", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )


def _outbox() -> None:
    op.create_table(
        "intents",
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
    )
    op.create_index("intents_of_incident", "intents", ["incident", "seq"])
    op.create_index(
        "intents_by_rank",
        "intents",
        ["rank", "created_at", "seq", "next_at", "channel", "state"],
        **_partial("state = 'waiting'"),
    )
    op.create_index("intents_due", "intents", ["next_at", "state"], **_partial("state = 'waiting'"))
    op.create_index("intents_dead", "intents", ["seq", "state"], **_partial("state = 'dead'"))
    op.create_table(
        "attempts",
        sa.Column("intent", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )


def _settings() -> None:
    op.create_table(
        "silences",
        _seq(),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("over_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "tokens",
        _seq(),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "beats",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "playbooks",
        sa.Column("version", sa.Text, primary_key=True),
        sa.Column("loaded_at", sa.Text, nullable=False),
        sa.Column("rulebook", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "overrides",
        _seq(),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False, unique=True),
    )
