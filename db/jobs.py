"""Jobs as their project sees them: submitted, listed, cancelled, followed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.base import LOCAL_PROJECT
from db.clock import new_id, now
from db.job_states import FIGURES, UNFINISHED, finish, job_of
from db.records import Event, Job, Page
from db.tables import AnswerRow, EventRow, JobRow

PLAN, SWEEP = "plan", "sweep"
HIGH, NORMAL, LOW = 10, 50, 100
REUSABLE = ("optimal", "infeasible")
"""Answers that do not depend on how fast the machine was: the same question may be answered with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What a job is stored with."""

    scenario: Any
    name: str
    revisions: dict[str, int]
    kind: str = PLAN
    priority: int = NORMAL
    question_sha256: str | None = None
    sweep_id: str | None = None


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
        """Store a queued job."""
        return self.store(NewJob(scenario=scenario, name=name, revisions=revisions, **more))

    def store(self, new: NewJob) -> Job:
        """Store a queued job; where its question has an answer already, it is finished with that one."""
        before = self._answered(new.question_sha256)
        at = now()
        row = JobRow(
            id=new_id("job"),
            project=self._project,
            kind=new.kind,
            priority=new.priority,
            state="queued",
            scenario=new.scenario,
            scenario_name=new.name,
            question_sha256=new.question_sha256,
            sweep_id=new.sweep_id,
            revisions=new.revisions,
            attempts=0,
            interruptions=0,
            dispatched=False,
            dispatches=0,
            last_event=1,
            created_at=at,
        )
        events = [EventRow(job_id=row.id, number=1, kind="progress", data={"state": "queued"}, at=at)]
        if before is not None:
            row.state, row.finished_at, row.last_event = "succeeded", at, 2
            row.answered_by = before.answered_by or before.id
            for name in ("phase", *FIGURES):
                setattr(row, name, getattr(before, name))
            events.append(EventRow(job_id=row.id, number=2, kind="done", data={"state": row.state}, at=at))
        self._session.add(row)
        self._session.flush()
        self._session.add_all(events)
        self._session.flush()
        return job_of(row, None if before is None else self._status(row))

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

    def waiting(self) -> int:
        """How many jobs of all projects are not finished."""
        asked = select(func.count()).select_from(JobRow).where(JobRow.state.in_(UNFINISHED))
        return self._session.scalar(asked) or 0

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

    def _answered(self, question_sha256: str | None) -> JobRow | None:
        return answered(self._session, self._project, question_sha256)

    def _status(self, row: JobRow) -> str | None:
        key = row.answered_by or row.id
        return self._session.scalar(select(AnswerRow.status).where(AnswerRow.job_id == key))


def answered(session: Session, project: str, question_sha256: str | None) -> JobRow | None:
    """A job whose stored answer holds for a question, whatever the machine."""
    if question_sha256 is None:
        return None
    asked = (
        select(JobRow)
        .join(AnswerRow, AnswerRow.job_id == JobRow.id)
        .where(
            JobRow.project == project,
            JobRow.question_sha256 == question_sha256,
            JobRow.state == "succeeded",
            AnswerRow.status.in_(REUSABLE),
        )
        .limit(1)
    )
    return session.scalars(asked).first()


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
