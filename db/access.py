"""Projects, their API keys and sessions, and the audit log."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from db.access_tables import AuditRow, KeyRow, ProjectRow, SessionRow
from db.clock import new_id, now
from db.records import Page

SCOPES = ("read", "write", "admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An API key without its secret."""

    id: str
    project: str
    name: str
    scope: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a secret belongs to, and what it opens."""

    project: str
    scope: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One line of the audit log."""

    project: str
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    number: int = 0
    at: datetime | None = None


class AccessRepository:
    """Keys, sessions and audit of all projects; the caller commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_project(self, name: str) -> bool:
        """Make a project; False where it exists."""
        if self._session.get(ProjectRow, name) is not None:
            return False
        self._session.add(ProjectRow(name=name, created_at=now()))
        self._session.flush()
        return True

    def projects(self) -> list[str]:
        """Every project, by name."""
        return list(self._session.scalars(select(ProjectRow.name).order_by(ProjectRow.name)))

    def add_key(
        self, project: str, name: str, scope: str, secret: str, expires_at: datetime | None = None
    ) -> Key:
        """Store the hash of a new key."""
        row = KeyRow(
            id=new_id("key"),
            project=project,
            name=name,
            scope=scope,
            secret_sha256=sha256(secret),
            created_at=now(),
            expires_at=expires_at,
        )
        self._session.add(row)
        self._session.flush()
        return _key(row)

    def keys(self, project: str | None = None) -> list[Key]:
        """Keys of a project, or of all, newest first."""
        asked = select(KeyRow).order_by(KeyRow.id.desc())
        if project is not None:
            asked = asked.where(KeyRow.project == project)
        return [_key(row) for row in self._session.scalars(asked)]

    def key(self, key_id: str, project: str | None = None) -> Key | None:
        """One key."""
        row = self._session.get(KeyRow, key_id)
        return _key(row) if row is not None and project in (None, row.project) else None

    def revoke(self, key_id: str) -> None:
        """Close a key, and the sessions opened with it."""
        row = self._session.get_one(KeyRow, key_id)
        row.revoked_at = row.revoked_at or now()
        self._session.execute(delete(SessionRow).where(SessionRow.key_id == key_id))

    def expire(self, key_id: str, at: datetime) -> None:
        """Let a key end at an instant, unless it ends sooner."""
        row = self._session.get_one(KeyRow, key_id)
        row.expires_at = at if row.expires_at is None else min(at, row.expires_at)

    def identity(self, secret: str) -> Identity | None:
        """Who an API key belongs to; None where it is unknown, revoked or over."""
        asked = select(KeyRow).where(KeyRow.secret_sha256 == sha256(secret))
        row = self._session.scalars(asked).first()
        if (
            row is None
            or row.revoked_at is not None
            or (row.expires_at is not None and row.expires_at <= now())
        ):
            return None
        return Identity(project=row.project, scope=row.scope, actor=f"{row.id} {row.name}"[:300])

    def key_of(self, secret: str) -> str | None:
        """Id of the key of a secret."""
        return self._session.scalar(select(KeyRow.id).where(KeyRow.secret_sha256 == sha256(secret)))

    def open_session(self, secret: str, who: Identity, lasts: timedelta, key_id: str | None = None) -> None:
        """Store the hash of a session of the page; those that are over go."""
        self._session.execute(delete(SessionRow).where(SessionRow.expires_at <= now()))
        self._session.add(
            SessionRow(
                secret_sha256=sha256(secret),
                project=who.project,
                scope=who.scope,
                actor=who.actor,
                key_id=key_id,
                expires_at=now() + lasts,
            )
        )
        self._session.flush()

    def session(self, secret: str) -> Identity | None:
        """Who a session belongs to."""
        row = self._session.get(SessionRow, sha256(secret))
        if row is None or row.expires_at <= now():
            return None
        if row.key_id is not None:
            key = self._session.get(KeyRow, row.key_id)
            if key is None or key.revoked_at is not None or (key.expires_at and key.expires_at <= now()):
                return None
        return Identity(project=row.project, scope=row.scope, actor=row.actor)

    def close_session(self, secret: str) -> None:
        """Log out."""
        self._session.execute(delete(SessionRow).where(SessionRow.secret_sha256 == sha256(secret)))

    def tell(self, deeds: Sequence[Deed]) -> None:
        """Append to the audit log."""
        rows = [
            {
                "project": deed.project,
                "actor": deed.actor,
                "action": deed.action,
                "subject": deed.subject,
                "detail": deed.detail,
                "at": deed.at or now(),
            }
            for deed in deeds
        ]
        self._session.execute(insert(AuditRow), rows)

    def audit(self, project: str, limit: int, before: int | None) -> Page:
        """Audit log of a project, newest first."""
        asked = select(AuditRow).where(AuditRow.project == project).order_by(AuditRow.number.desc())
        if before is not None:
            asked = asked.where(AuditRow.number < before)
        rows = list(self._session.scalars(asked.limit(limit + 1)))
        items = tuple(
            Deed(
                number=row.number,
                project=row.project,
                actor=row.actor,
                action=row.action,
                subject=row.subject,
                detail=row.detail,
                at=row.at,
            )
            for row in rows[:limit]
        )
        return Page(items=items, next=str(rows[limit - 1].number) if len(rows) > limit else None)


def sha256(secret: str) -> str:
    """What is stored of a secret: it has 256 random bits, so that no slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(row: KeyRow) -> Key:
    return Key(
        id=row.id,
        project=row.project,
        name=row.name,
        scope=row.scope,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
