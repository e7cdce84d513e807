"""Alembic entry: migrations run on the connection that :mod:`db.upgrade` hands over."""

from alembic import context

from db import tables  # noqa: F401 - the metadata is filled by it
from db.base import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
