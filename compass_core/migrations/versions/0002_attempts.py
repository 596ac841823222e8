"""The ledger."""

from alembic import op
from sqlalchemy import Column, Integer, String, Text

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    """A row for each attempt at a call of a model."""
    op.create_table(
        "attempts",
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("investigation", String(200), nullable=False, index=True),
        Column("attempt", Text, nullable=False),
        sqlite_autoincrement=True,
    )
