"""Plan jobs: every change of state is one guarded update, so that two workers never both win."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from db.clock import new_id, now
from db.records import Event, Job, Page
from db.tables import AnswerRow, EventRow, JobRow

UNFINISHED = ("queued", "running")
FIGURES = ("incumbent", "bound", "gap")


class JobRepository:
    """Jobs and their events; the caller commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, scenario: Any, name: str, revisions: dict[str, int]) -> Job:
        """Store a queued job."""
        row = JobRow(
            id=new_id("job"),
            state="queued",
            scenario=scenario,
            scenario_name=name,
            revisions=revisions,
            attempts=0,
            last_event=0,
            created_at=now(),
        )
        self._session.add(row)
        self._session.flush()
        self.tell(row.id, "progress", {"state": "queued"})
        return _job(row, None)

    def get(self, job_id: str) -> Job | None:
        """One job, with the status of its answer."""
        row = self._session.get(JobRow, job_id)
        return None if row is None else _job(row, self._status(job_id))

    def page(self, limit: int, after: str | None, state: str | None = None) -> Page:
        """Newest first."""
        asked = (
            select(JobRow, AnswerRow.status)
            .outerjoin(AnswerRow, AnswerRow.job_id == JobRow.id)
            .order_by(JobRow.id.desc())
            .limit(limit + 1)
        )
        if after is not None:
            asked = asked.where(JobRow.id < after)
        if state is not None:
            asked = asked.where(JobRow.state == state)
        rows = [_job(row, status) for row, status in self._session.execute(asked)]
        return Page(items=tuple(rows[:limit]), next=rows[limit - 1].id if len(rows) > limit else None)

    def waiting(self) -> int:
        """How many jobs are not finished."""
        asked = select(func.count()).select_from(JobRow).where(JobRow.state.in_(UNFINISHED))
        return self._session.scalar(asked) or 0

    def claim(self, job_id: str) -> Job | None:
        """Take a queued job for running; None where somebody else did, or it was cancelled."""
        won = self._move(job_id, ("queued",), state="running", started_at=now(), attempts=JobRow.attempts + 1)
        if not won:
            return None
        self.tell(job_id, "progress", {"state": "running"})
        return self.get(job_id)

    def progress(self, job_id: str, phase: str, figures: dict[str, float | None]) -> None:
        """Store where a running job stands."""
        known = {name: figures[name] for name in FIGURES if figures.get(name) is not None}
        if self._move(job_id, ("running",), phase=phase, **known):
            kind = "incumbent" if known else "progress"
            self.tell(job_id, kind, {"state": "running", "phase": phase, **known})

    def finish(self, job_id: str, state: str, *, error: dict[str, Any] | None = None, **figures: Any) -> bool:
        """End an unfinished job; False where it had already ended."""
        won = self._move(job_id, UNFINISHED, state=state, error=error, finished_at=now(), **figures)
        if won:
            self.tell(job_id, "done", {"state": state, **({"error": error} if error else {})})
        return won

    def requeue_interrupted(self, max_attempts: int) -> list[str]:
        """Put back what a dead server left running; ids of all that wait, oldest first."""
        asked = select(JobRow).where(JobRow.state.in_(UNFINISHED)).order_by(JobRow.id)
        ids = []
        for row in list(self._session.scalars(asked)):
            if row.state == "running" and row.attempts >= max_attempts:
                self.finish(row.id, "failed", error=_gave_up(row.attempts))
                continue
            if self._move(row.id, ("running",), state="queued", started_at=None, phase=None):
                self.tell(row.id, "log", {"state": "queued", "message": "the server stopped; queued again"})
            ids.append(row.id)
        return ids

    def tell(self, job_id: str, kind: str, data: dict[str, Any]) -> None:
        """Append an event."""
        number = self._session.execute(
            update(JobRow)
            .where(JobRow.id == job_id)
            .values(last_event=JobRow.last_event + 1)
            .returning(JobRow.last_event)
        ).scalar_one()
        self._session.add(EventRow(job_id=job_id, number=number, kind=kind, data=data, at=now()))
        self._session.flush()

    def events(self, job_id: str, after: int, limit: int = 200) -> list[Event]:
        """Events that follow number ``after``."""
        asked = (
            select(EventRow)
            .where(EventRow.job_id == job_id, EventRow.number > after)
            .order_by(EventRow.number)
            .limit(limit)
        )
        return [
            Event(number=row.number, kind=row.kind, data=row.data) for row in self._session.scalars(asked)
        ]

    def _status(self, job_id: str) -> str | None:
        return self._session.scalar(select(AnswerRow.status).where(AnswerRow.job_id == job_id))

    def _move(self, job_id: str, origin: Iterable[str], **values: Any) -> bool:
        changed = self._session.execute(
            update(JobRow)
            .where(JobRow.id == job_id, JobRow.state.in_(tuple(origin)))
            .values(**values)
            .returning(JobRow.id)
            .execution_options(synchronize_session="fetch")
        )
        return changed.scalar() is not None


def _gave_up(attempts: int) -> dict[str, Any]:
    return {"detail": f"the solve was interrupted {attempts} times", "errors": []}


def _job(row: JobRow, status: str | None) -> Job:
    return Job(
        id=row.id,
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
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        status=status,
    )
