"""Tables: stored documents with immutable revisions, jobs with their events, answers and plans."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from db import access_tables, work_tables  # noqa: F401 - one metadata holds every table
from db.base import LOCAL_PROJECT, Base, Instant, ProjectName


class DocumentRow(Base):
    """A named document of one kind; its content is in its revisions."""

    __tablename__ = "documents"
    project: Mapped[ProjectName] = mapped_column(server_default=LOCAL_PROJECT, index=True)
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
    """One job: its question, where it stands, how it ended.

    ``kind`` is plan, or sweep (a batch of the scenarios of ``sweep_id``). ``attempts`` counts the starts and
    fences them: only the newest may write. ``interruptions`` counts the deaths of workers. ``dispatches``
    numbers the times it was handed to the queue, ``dispatched`` tells whether it is there now.
    ``answered_by`` is the job whose stored answer serves this one too.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("jobs_by_state", "state", "created_at"),
        Index("jobs_by_project", "project", "kind", "id"),
        Index("jobs_by_question", "project", "question_sha256"),
        Index("jobs_to_dispatch", "dispatched", "state", "priority", "id"),
        Index("jobs_by_sweep", "sweep_id"),
    )
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    project: Mapped[ProjectName] = mapped_column(server_default=LOCAL_PROJECT)
    kind: Mapped[str] = mapped_column(String(16), server_default="plan")
    priority: Mapped[int] = mapped_column(Integer, server_default="50")
    state: Mapped[str] = mapped_column(String(16))
    phase: Mapped[str | None] = mapped_column(String(32))
    incumbent: Mapped[float | None] = mapped_column(Float)
    bound: Mapped[float | None] = mapped_column(Float)
    gap: Mapped[float | None] = mapped_column(Float)
    scenario: Mapped[Any] = mapped_column(JSON)
    scenario_name: Mapped[str] = mapped_column(String(300))
    question_sha256: Mapped[str | None] = mapped_column(String(64))
    answered_by: Mapped[str | None] = mapped_column(String(64))
    sweep_id: Mapped[str | None] = mapped_column(String(64))
    revisions: Mapped[Any] = mapped_column(JSON)
    error: Mapped[Any | None] = mapped_column(JSON)
    owner: Mapped[str | None] = mapped_column(String(64))
    attempts: Mapped[int] = mapped_column(Integer)
    interruptions: Mapped[int] = mapped_column(Integer, server_default="0")
    dispatched: Mapped[bool] = mapped_column(Boolean, server_default="0")
    dispatches: Mapped[int] = mapped_column(Integer, server_default="0")
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
    project: Mapped[ProjectName] = mapped_column(primary_key=True, server_default=LOCAL_PROJECT)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_sha256: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
