"""Who runs jobs: one row per living process, with a beat that grows."""

import os
import socket

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from db.clock import now
from db.records import Worker
from db.work_tables import WorkerRow


class WorkerRepository:
    """Living workers; the caller commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def enter(self, worker_id: str, slots: int) -> None:
        """Make this process known."""
        self._session.add(
            WorkerRow(
                id=worker_id,
                host=socket.gethostname()[:255],
                pid=os.getpid(),
                slots=slots,
                beat=0,
                started_at=now(),
                seen_at=now(),
            )
        )
        self._session.flush()

    def beat(self, worker_id: str) -> bool:
        """Say that this process lives; False where others took it for dead."""
        beaten = self._session.execute(
            update(WorkerRow)
            .where(WorkerRow.id == worker_id)
            .values(beat=WorkerRow.beat + 1, seen_at=now())
            .returning(WorkerRow.id)
        )
        return beaten.scalar() is not None

    def all(self) -> list[Worker]:
        """Every worker, by age."""
        rows = self._session.scalars(select(WorkerRow).order_by(WorkerRow.started_at))
        return [
            Worker(
                id=row.id,
                host=row.host,
                pid=row.pid,
                slots=row.slots,
                beat=row.beat,
                started_at=row.started_at,
                seen_at=row.seen_at,
            )
            for row in rows
        ]

    def bury(self, worker_id: str, beat: int) -> bool:
        """Take a silent worker out; only one caller succeeds, and none where it has beaten since."""
        gone = self._session.execute(
            delete(WorkerRow).where(WorkerRow.id == worker_id, WorkerRow.beat == beat).returning(WorkerRow.id)
        )
        return gone.scalar() is not None

    def leave(self, worker_id: str) -> None:
        """This process ends in order."""
        self._session.execute(delete(WorkerRow).where(WorkerRow.id == worker_id))
