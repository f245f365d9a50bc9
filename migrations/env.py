"""Runs migrations on the connection that `reactions.storage.migrations` hands over, each in a transaction of its own."""

from alembic import context

from reactions.storage import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    render_as_batch=True,
    compare_type=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
