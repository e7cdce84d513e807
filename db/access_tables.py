"""Tables of access: projects, keys (only their hashes), who did what."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Instant, ProjectName


class ProjectRow(Base):
    """A tenant; everything stored belongs to exactly one."""

    __tablename__ = "projects"
    name: Mapped[ProjectName] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(Instant)


class KeyRow(Base):
    """An API key: the SHA-256 of its secret, never the secret."""

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    project: Mapped[ProjectName] = mapped_column(ForeignKey("projects.name"), index=True)
    name: Mapped[str] = mapped_column(String(300))
    scope: Mapped[str] = mapped_column(String(16))
    secret_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime | None] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)


class SessionRow(Base):
    """Somebody logged in to the page: the SHA-256 of the cookie, never the cookie."""

    __tablename__ = "sessions"
    secret_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    project: Mapped[ProjectName]
    scope: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str] = mapped_column(String(300))
    key_id: Mapped[str | None] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(Instant)


class AuditRow(Base):
    """One thing that was asked of the service and changed something, or was refused."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_by_project", "project", "number"),)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    project: Mapped[ProjectName]
    actor: Mapped[str] = mapped_column(String(300))
    action: Mapped[str] = mapped_column(String(100))
    subject: Mapped[str] = mapped_column(String(300))
    detail: Mapped[Any] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(Instant)
