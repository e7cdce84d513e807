"""How a job changes: every move is one guarded update, so that two workers never both win."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, update
from sqlalchemy.orm import Session

from db.clock import now
from db.records import Job
from db.tables import EventRow, JobRow

UNFINISHED = ("queued", "running")
FIGURES = ("incumbent", "bound", "gap")


def move(
    session: Session, job_id: str, origin: Iterable[str], *guards: ColumnElement[bool], **values: Any
) -> bool:
    """Change a job that is in one of the states ``origin``; False where it is not, or a guard fails."""
    changed = session.execute(
        update(JobRow)
        .where(JobRow.id == job_id, JobRow.state.in_(tuple(origin)), *guards)
        .values(**values)
        .returning(JobRow.id)
        .execution_options(synchronize_session="fetch")
    )
    return changed.scalar() is not None


def finish(
    session: Session,
    job_id: str,
    state: str,
    *guards: ColumnElement[bool],
    error: dict[str, Any] | None = None,
    **figures: Any,
) -> bool:
    """End an unfinished job; False where it had already ended, or a guard fails."""
    won = move(
        session,
        job_id,
        UNFINISHED,
        *guards,
        state=state,
        error=error,
        finished_at=now(),
        owner=None,
        **figures,
    )
    if won:
        tell(session, job_id, "done", {"state": state, **({"error": error} if error else {})})
    return won


def tell(session: Session, job_id: str, kind: str, data: dict[str, Any]) -> None:
    """Append an event; numbers grow by one within the job."""
    number = session.execute(
        update(JobRow)
        .where(JobRow.id == job_id)
        .values(last_event=JobRow.last_event + 1)
        .returning(JobRow.last_event)
    ).scalar_one()
    session.add(EventRow(job_id=job_id, number=number, kind=kind, data=data, at=now()))
    session.flush()


def job_of(row: JobRow, status: str | None) -> Job:
    """The record of a row, with the status of its answer."""
    return Job(
        id=row.id,
        project=row.project,
        kind=row.kind,
        priority=row.priority,
        state=row.state,
        phase=row.phase,
        incumbent=row.incumbent,
        bound=row.bound,
        gap=row.gap,
        scenario=row.scenario,
        scenario_name=row.scenario_name,
        revisions=row.revisions,
        error=row.error,
        attempts=row.attempts,
        question_sha256=row.question_sha256,
        answered_by=row.answered_by,
        sweep_id=row.sweep_id,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        status=status,
    )
