"""Runs revisions on the connection and inside the transaction that `Database.upgrade()` has opened."""

from __future__ import annotations

from alembic import context

from fhir_plugin.adapters.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
