"""Canaries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The values that are looked for in what is sent."""
    op.create_table(
        "canaries",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("value", sa.Text, nullable=False, unique=True),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("database", sa.Text, nullable=False),
        sa.Column("column", sa.Text, nullable=False),
        sa.Column("planted", sa.Float, nullable=False),
        sa.Column("retired", sa.Float),
    )


def downgrade() -> None:
    """Nothing is looked for any more."""
    op.drop_table("canaries")
