"""What labels stick to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One row for each column that was ever seen in a labelled relation, one for each database."""
    op.create_table(
        "labels",
        sa.Column("database", sa.Text, primary_key=True),
        sa.Column("oid", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("accepted", sa.JSON, nullable=False),
        sa.Column("seen", sa.JSON, nullable=False),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("derived", sa.Boolean, nullable=False),
        sa.Column("drift", sa.String(16), nullable=False),
    )
    op.create_table(
        "label_stamps",
        sa.Column("database", sa.Text, primary_key=True),
        sa.Column("policy", sa.String(64), nullable=False),
        sa.Column("links", sa.String(64), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """Labels go by names alone."""
    op.drop_table("label_stamps")
    op.drop_table("labels")
