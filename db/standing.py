"""Where the service stands: jobs by state, what waits, who works."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.clock import now
from db.tables import JobRow
from db.work_tables import WorkerRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Counts over all projects; ``jobs`` by kind and state."""

    jobs: dict[tuple[str, str], int]
    oldest_queued_s: float
    workers: int
    slots: int


def standing(session: Session) -> Standing:
    """Read it now."""
    counted = select(JobRow.kind, JobRow.state, func.count()).group_by(JobRow.kind, JobRow.state)
    oldest = session.scalar(
        select(JobRow.created_at).where(JobRow.state == "queued").order_by(JobRow.created_at).limit(1)
    )
    workers, slots = session.execute(select(func.count(), func.sum(WorkerRow.slots))).one()
    return Standing(
        jobs={(kind, state): count for kind, state, count in session.execute(counted)},
        oldest_queued_s=0.0 if oldest is None else (now() - oldest).total_seconds(),
        workers=workers,
        slots=slots or 0,
    )
