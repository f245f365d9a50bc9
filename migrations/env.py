"""Runs migrations on the connection that `reactions.migrating` hands over."""

from alembic import context

from reactions import models

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=models.metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
