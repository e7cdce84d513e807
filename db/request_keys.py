"""``Idempotency-Key``: the same request sent twice leads to the same job."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from db.base import LOCAL_PROJECT
from db.clock import now
from db.tables import RequestKeyRow

KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedKey:
    """What a key was used for."""

    request_sha256: str
    job_id: str


class RequestKeyRepository:
    """Keys of one project of the last 24 hours; the caller commits."""

    def __init__(self, session: Session, project: str = LOCAL_PROJECT) -> None:
        self._session = session
        self._project = project

    def get(self, key: str) -> UsedKey | None:
        """What the key was used for, if it was."""
        row = self._session.get(RequestKeyRow, (self._project, key))
        if row is None or row.created_at < now() - KEPT:
            return None
        return UsedKey(request_sha256=row.request_sha256, job_id=row.job_id)

    def add(self, key: str, request_sha256: str, job_id: str) -> None:
        """Remember a key, forget the old ones."""
        self._session.execute(delete(RequestKeyRow).where(RequestKeyRow.created_at < now() - KEPT))
        self._session.add(
            RequestKeyRow(
                project=self._project, key=key, request_sha256=request_sha256, job_id=job_id, created_at=now()
            )
        )
        self._session.flush()
