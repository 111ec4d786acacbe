"""The second schema: what people arrange between them, and what is done to the watched system.

Frozen once released: it says what the schema was, whatever `store.tables` says today.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op
from whenever import Instant

revision = "0002"
down_revision = "0001"

SEQ = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables that the first schema did not have."""
    _kinds_of_timelines()
    _verifications()
    _heard()
    _arrangements()
    _imports()
    _adoptions()
    _pages()
    _gatherings()
    _attachments()
    _watch()
    _runs()
    _claims()


def _seq() -> "sa.Column[int]":
    return sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)


def _arrangements() -> None:
    """Let what people arrange have an id and an end of its own; the overrides there are move in."""
    op.create_table(
        "arrangements",
        _seq(),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("over_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("arrangements_over", "arrangements", ["over_at"])
    rows = op.get_bind().execute(sa.text("SELECT seq, ends_at, body FROM overrides ORDER BY seq")).all()
    for row in rows:
        body = {"type": "override", **json.loads(row.body), "id": f"OVR-{row.seq:010x}"}
        op.get_bind().execute(
            sa.text("INSERT INTO arrangements (id, over_at, body) VALUES (:id, :over_at, :body)"),
            {"id": body["id"], "over_at": row.ends_at, "body": json.dumps(body, separators=(",", ":"))},
        )
    op.drop_table("overrides")


def _imports() -> None:
    op.create_table(
        "imports",
        _seq(),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("rotation", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )


def _adoptions() -> None:
    """Remember when each version came into force; of those there are, when it was first loaded."""
    table = op.create_table(
        "adoptions",
        _seq(),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("adopted_at", sa.BigInteger, nullable=False),
    )
    rows = op.get_bind().execute(sa.text("SELECT version, loaded_at FROM playbooks ORDER BY loaded_at")).all()
    found = [{"version": row.version, "adopted_at": _nanoseconds(row.loaded_at)} for row in rows]
    op.bulk_insert(table, found)


def _pages() -> None:
    """Take who was paged when out of the timelines there are."""
    table = op.create_table(
        "pages",
        sa.Column("incident", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("pages_at", "pages", ["at", "person"])
    rows = op.get_bind().execute(sa.text("SELECT incident, number, body FROM events WHERE body LIKE '%person_paged%'"))
    for row in rows.all():
        event = json.loads(row.body)
        if event.get("type") == "person_paged":
            page = {"incident": row.incident, "number": row.number, "person": event["person"]}
            op.bulk_insert(table, [{**page, "at": _nanoseconds(event["at"])}])


def _watch() -> None:
    """Let alerts be found by when they began: while recovery is proven, those of other components are looked at."""
    op.create_index("alerts_started", "alerts", ["started_at", "fingerprint"])


def _runs() -> None:
    """What is done to the watched system: who holds a component, what the runner owes, what helped."""
    owed, judged = sa.text("next_at IS NOT NULL"), sa.text("verdict IN ('improved', 'unchanged', 'worse')")
    op.create_table(
        "runs",
        _seq(),
        sa.Column("incident", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("component", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("holds", sa.Text, unique=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("next_at", sa.BigInteger),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.UniqueConstraint("incident", "run"),
    )
    op.create_index("runs_due", "runs", ["next_at"], sqlite_where=owed, postgresql_where=owed)
    op.create_index(
        "runs_judged", "runs", ["component", "action", "verdict"], sqlite_where=judged, postgresql_where=judged
    )


def _claims() -> None:
    """Tell a message that somebody has in hand from one that waits for its next attempt."""
    op.add_column("intents", sa.Column("claimed_at", sa.BigInteger))
    op.create_index("intents_claimed", "intents", ["claimed_at", "seq"], **_partial("claimed_at IS NOT NULL"))


def _nanoseconds(text: str) -> int:
    return Instant.parse_iso(text).timestamp(unit="nanosecond")


def _verifications() -> None:
    op.create_table(
        "verifications",
        _seq(),
        sa.Column("method", sa.Text, nullable=False, unique=True),
        sa.Column("body", sa.Text, nullable=False),
    )


def _heard() -> None:
    op.create_table(
        "heard",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def _kinds_of_timelines() -> None:
    """Tell incidents from hand-offs and drills; what there was before are incidents."""
    op.add_column("incidents", sa.Column("kind", sa.Text, nullable=False, server_default="incident"))
    op.drop_index("incidents_number", "incidents")
    op.create_index("incidents_kind", "incidents", ["kind", "number"])
    op.drop_index("incidents_open", "incidents")
    is_open = sa.text("resolved_at IS NULL")
    columns = ["seq", "next_due_at", "resolved_at", "kind"]
    op.create_index("incidents_open", "incidents", columns, sqlite_where=is_open, postgresql_where=is_open)
    columns = ["kind", "seq", "resolved_at"]
    op.create_index("incidents_open_newest", "incidents", columns, sqlite_where=is_open, postgresql_where=is_open)


def _partial(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _gatherings() -> None:
    op.create_table(
        "gatherings",
        _seq(),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("gatherings_owed", "gatherings", ["rank", "seq", "state"], **_partial("state = 'owed'"))


def _attachments() -> None:
    op.create_table(
        "attachments",
        _seq(),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        sa.Column("kept_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
