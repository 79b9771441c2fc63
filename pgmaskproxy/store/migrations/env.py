"""Alembic's entry: runs the steps on the connection the store hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from pgmaskproxy.store.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
