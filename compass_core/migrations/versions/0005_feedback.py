"""What people say of the answers."""

from alembic import op
from sqlalchemy import Column, Float, String, Text

revision, down_revision = "0005", "0004"


def upgrade() -> None:
    """A row for each person and hypothesis."""
    op.create_table(
        "feedback",
        Column("investigation", String(200), primary_key=True),
        Column("hypothesis", Text, primary_key=True),
        Column("person", String(200), primary_key=True),
        Column("feedback", Text, nullable=False),
        Column("at", Float, nullable=False),
    )
