"""Jobs as their project sees them: submitted, listed, cancelled, followed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.base import LOCAL_PROJECT
from db.job_intake import PLAN, JobIntake, NewJob
from db.job_states import finish, job_of
from db.records import Event, Job, Page
from db.tables import AnswerRow, EventRow, JobRow


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs a list holds; None leaves a field open."""

    state: str | None = None
    name: str | None = None
    status: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


class JobRepository:
    """Jobs of one project and their events; the caller commits."""

    def __init__(self, session: Session, project: str = LOCAL_PROJECT) -> None:
        self._session = session
        self._project = project

    def add(self, scenario: Any, name: str, revisions: dict[str, int], **more: Any) -> Job:
        """Store a queued job, or one that is answered from before."""
        new = NewJob(project=self._project, scenario=scenario, name=name, revisions=revisions, **more)
        return JobIntake(self._session).store([new])[0]

    def get(self, job_id: str) -> Job | None:
        """One job, with the status of its answer."""
        row = self._session.get(JobRow, job_id)
        if row is None or row.project != self._project:
            return None
        return job_of(row, self._status(row))

    def page(self, limit: int, after: str | None, wanted: JobFilter | str | None = None) -> Page:
        """Plan jobs, newest first."""
        chosen = wanted if isinstance(wanted, JobFilter) else JobFilter(state=wanted)
        asked = _filtered(self._listed(), chosen).order_by(JobRow.id.desc()).limit(limit + 1)
        if after is not None:
            asked = asked.where(JobRow.id < after)
        found: Any = self._session.execute(asked)
        rows = [job_of(row, status) for row, status in found]
        return Page(items=tuple(rows[:limit]), next=rows[limit - 1].id if len(rows) > limit else None)

    def ahead_of(self, job: Job) -> int:
        """How many queued jobs of all projects come before a queued one."""
        earlier = (JobRow.priority < job.priority) | (
            (JobRow.priority == job.priority) & (JobRow.id < job.id)
        )
        asked = select(func.count()).select_from(JobRow).where(JobRow.state == "queued", earlier)
        return self._session.scalar(asked) or 0

    def cancel(self, job_id: str) -> bool:
        """End an unfinished job as cancelled; its figures stay."""
        return finish(self._session, job_id, "cancelled", JobRow.project == self._project)

    def events(self, job_id: str, after: int, limit: int = 200) -> list[Event]:
        """Events that follow number ``after``."""
        asked = (
            select(EventRow)
            .join(JobRow, JobRow.id == EventRow.job_id)
            .where(JobRow.project == self._project, EventRow.job_id == job_id, EventRow.number > after)
            .order_by(EventRow.number)
            .limit(limit)
        )
        return [
            Event(number=row.number, kind=row.kind, data=row.data) for row in self._session.scalars(asked)
        ]

    def _listed(self) -> Any:
        return (
            select(JobRow, AnswerRow.status)
            .outerjoin(AnswerRow, AnswerRow.job_id == func.coalesce(JobRow.answered_by, JobRow.id))
            .where(JobRow.project == self._project, JobRow.kind == PLAN)
        )

    def _status(self, row: JobRow) -> str | None:
        key = row.answered_by or row.id
        return self._session.scalar(select(AnswerRow.status).where(AnswerRow.job_id == key))


def _filtered(asked: Any, wanted: JobFilter) -> Any:
    if wanted.state is not None:
        asked = asked.where(JobRow.state == wanted.state)
    if wanted.status is not None:
        asked = asked.where(AnswerRow.status == wanted.status)
    if wanted.name:
        asked = asked.where(JobRow.scenario_name.icontains(wanted.name, autoescape=True))
    if wanted.created_after is not None:
        asked = asked.where(JobRow.created_at > wanted.created_after)
    if wanted.created_before is not None:
        asked = asked.where(JobRow.created_at < wanted.created_before)
    return asked
