"""Several processes: which of them live, who is asked to stop, and one investigation for an incident and channel."""

from alembic import op
from sqlalchemy import Column, Float, String, Text, text

revision, down_revision = "0004", "0003"


def upgrade() -> None:
    """Investigations also keep all that was found, and when they ended."""
    op.create_table("processes", Column("id", String(200), primary_key=True), Column("seen", Float, nullable=False))
    for column in (
        Column("channel", String(200), nullable=False, server_default=""),
        Column("stop", Text, nullable=False, server_default=""),
        Column("ended_at", Float),
        Column("found", Text),
    ):
        op.add_column("investigations", column)
    op.drop_index("one_running_per_incident", "investigations")
    running = text("ended IS NULL")
    both = ["incident", "channel"]
    op.create_index("one_running", "investigations", both, unique=True, sqlite_where=running, postgresql_where=running)
