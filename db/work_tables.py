"""Tables of work: living workers, sweeps and their points."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Instant, ProjectName


class WorkerRow(Base):
    """A process that runs jobs; ``beat`` grows while it lives, the row goes when it ends or is found dead."""

    __tablename__ = "workers"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int] = mapped_column(Integer)
    slots: Mapped[int] = mapped_column(Integer)
    beat: Mapped[int] = mapped_column(Integer)
    started_at: Mapped[datetime] = mapped_column(Instant)
    seen_at: Mapped[datetime] = mapped_column(Instant)


class SweepRow(Base):
    """One scenario with axes: every combination of their values is solved."""

    __tablename__ = "sweeps"
    __table_args__ = (Index("sweeps_by_project", "project", "id"),)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    project: Mapped[ProjectName]
    name: Mapped[str] = mapped_column(String(300))
    scenario: Mapped[Any] = mapped_column(JSON)
    axes: Mapped[Any] = mapped_column(JSON)
    revisions: Mapped[Any] = mapped_column(JSON)
    total: Mapped[int] = mapped_column(Integer)
    cancelled_at: Mapped[datetime | None] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant)


class SweepPointRow(Base):
    """The outcome of one scenario of a sweep; there is none before it was solved."""

    __tablename__ = "sweep_points"
    sweep_id: Mapped[str] = mapped_column(ForeignKey("sweeps.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    status: Mapped[str] = mapped_column(String(16))
    body: Mapped[str] = mapped_column(Text)
    finished_at: Mapped[datetime] = mapped_column(Instant)
