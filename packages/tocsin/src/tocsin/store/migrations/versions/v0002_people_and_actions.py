"""The second schema: what people arrange between them, and what is done to the watched system.

Frozen once released: it says what the schema was, whatever `store.tables` says today.
"""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables that the first schema did not have."""
