"""Tables: stored documents with immutable revisions, plan jobs with their events, answers and plans."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class Instant(TypeDecorator[datetime]):
    """Point in time, UTC; SQLite forgets the zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Attach UTC where the database dropped it."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Base(DeclarativeBase):
    """Root of the metadata."""


class DocumentRow(Base):
    """A named document of one kind; its content is in its revisions."""

    __tablename__ = "documents"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), index=True)
    name: Mapped[str] = mapped_column(String(300))
    revision: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    deleted_at: Mapped[datetime | None] = mapped_column(Instant)


class RevisionRow(Base):
    """One immutable state of a document; ``refs`` are the revisions of other documents it was made from."""

    __tablename__ = "revisions"
    document_id: Mapped[str] = mapped_column(ForeignKey("documents.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(300))
    body: Mapped[Any] = mapped_column(JSON)
    sha256: Mapped[str] = mapped_column(String(64))
    refs: Mapped[Any] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(Instant)


class JobRow(Base):
    """One plan job: its question, where it stands, how it ended."""

    __tablename__ = "jobs"
    __table_args__ = (Index("jobs_by_state", "state", "created_at"),)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    phase: Mapped[str | None] = mapped_column(String(32))
    incumbent: Mapped[float | None] = mapped_column(Float)
    bound: Mapped[float | None] = mapped_column(Float)
    gap: Mapped[float | None] = mapped_column(Float)
    scenario: Mapped[Any] = mapped_column(JSON)
    scenario_name: Mapped[str] = mapped_column(String(300))
    revisions: Mapped[Any] = mapped_column(JSON)
    error: Mapped[Any | None] = mapped_column(JSON)
    attempts: Mapped[int] = mapped_column(Integer)
    last_event: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(Instant)
    started_at: Mapped[datetime | None] = mapped_column(Instant)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)


class EventRow(Base):
    """One thing that happened to a job; numbers grow by one within the job."""

    __tablename__ = "job_events"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    data: Mapped[Any] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(Instant)


class AnswerRow(Base):
    """The answer of a finished job, as the text that was sent."""

    __tablename__ = "answers"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    status: Mapped[str] = mapped_column(String(16))
    body: Mapped[str] = mapped_column(Text)


class PlanRow(Base):
    """One ranked plan of an answer."""

    __tablename__ = "plans"
    __table_args__ = (Index("plans_by_id", "plan_id"),)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    rank: Mapped[int] = mapped_column(Integer, primary_key=True)
    plan_id: Mapped[str] = mapped_column(String(80))
    objective_value: Mapped[float] = mapped_column(Float)
    body: Mapped[Any] = mapped_column(JSON)


class RequestKeyRow(Base):
    """An ``Idempotency-Key`` that was used, and the job it led to."""

    __tablename__ = "request_keys"
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_sha256: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
