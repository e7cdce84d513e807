"""What all tables share: the metadata, instants in UTC, names of projects."""

from datetime import UTC, datetime
from typing import Annotated, Any

from sqlalchemy import DateTime, String
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.types import TypeDecorator

LOCAL_PROJECT = "local"
"""The project of a service without access control, and of what was stored before there were projects."""

ProjectName = Annotated[str, mapped_column(String(64))]


class Instant(TypeDecorator[datetime]):
    """Point in time, UTC; SQLite forgets the zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Attach UTC where the database dropped it."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Base(DeclarativeBase):
    """Root of the metadata."""
