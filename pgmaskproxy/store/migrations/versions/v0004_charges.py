"""What has been spent of budgets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One row for each use that was charged, until it is of no account any more."""
    op.create_table(
        "charges",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("principal", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("use", sa.String(16), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
    )
    op.create_index("charges_by_principal", "charges", ["principal", "label", "use", "at"])
    op.create_index("charges_by_expiry", "charges", ["expires"])


def downgrade() -> None:
    """Nothing has been spent."""
    op.drop_table("charges")
