"""Alembic migrations, run inside the package."""
