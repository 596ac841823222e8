"""Accounts: what a workspace spends a day."""

from alembic import op
from sqlalchemy import Column, String

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    """Who is charged for an attempt."""
    op.add_column("attempts", Column("account", String(200), nullable=False, server_default=""))
    op.create_index("ix_attempts_account", "attempts", ["account"])
