"""How each notification's last attempt went, and to which address."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is known of what was sent before."""
    with op.batch_alter_table("outbox") as outbox:
        outbox.add_column(sa.Column("outcome", sa.String(16), nullable=False, server_default=""))
        outbox.add_column(sa.Column("address", sa.String(16), nullable=False, server_default=""))


def downgrade() -> None:
    """Forget it."""
    with op.batch_alter_table("outbox") as outbox:
        outbox.drop_column("address")
        outbox.drop_column("outcome")
