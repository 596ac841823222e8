"""Declared incidents, investigations and posts."""

from alembic import op
from sqlalchemy import Column, Integer, String, Text, text

revision, down_revision = "0001", None


def upgrade() -> None:
    """The first tables."""
    number = Column("id", Integer, primary_key=True, autoincrement=True)
    op.create_table("incidents", number, Column("incident", Text, nullable=False), sqlite_autoincrement=True)
    op.create_table(
        "investigations",
        Column("id", String(200), primary_key=True),
        Column("incident", String(200), nullable=False),
        Column("investigation", Text, nullable=False),
        Column("ended", Integer),
        Column("conclusion", Text),
    )
    op.create_table(
        "posts",
        Column("investigation", String(200), primary_key=True),
        Column("step", String(200), primary_key=True),
        Column("post", Text, nullable=False),
    )
    running = text("ended IS NULL")
    op.create_index("one_running_per_incident", "investigations", ["incident"], unique=True, sqlite_where=running, postgresql_where=running)
