"""Answers of finished jobs and their ranked plans."""

import json
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from db.base import LOCAL_PROJECT
from db.records import Page, StoredPlan
from db.tables import AnswerRow, JobRow, PlanRow


class AnswerRepository:
    """Answers by job, plans by id, of one project; the caller commits."""

    def __init__(self, session: Session, project: str = LOCAL_PROJECT) -> None:
        self._session = session
        self._project = project

    def add(self, job_id: str, text: str) -> None:
        """Store one answer (JSON text, ``shardwright.plans/1``) and each of its plans."""
        answer = json.loads(text)
        self._session.add(AnswerRow(job_id=job_id, status=answer["status"], body=text))
        for plan in answer["plans"]:
            self._session.add(
                PlanRow(
                    job_id=job_id,
                    rank=plan["rank"],
                    plan_id=plan["id"],
                    objective_value=plan["objective_value"],
                    body=plan,
                )
            )
        self._session.flush()

    def text(self, job_id: str) -> str | None:
        """The answer as it was written, be it by an earlier job with the same question."""
        job = self._session.get(JobRow, job_id)
        if job is None or job.project != self._project:
            return None
        row = self._session.get(AnswerRow, job.answered_by or job_id)
        return None if row is None else row.body

    def plan(self, plan_id: str) -> StoredPlan | None:
        """One plan; of equal plans found by several jobs, the one of the first, so that it never changes."""
        asked = self._mine().where(PlanRow.plan_id == plan_id).order_by(PlanRow.job_id).limit(1)
        row = self._session.scalars(asked).first()
        return None if row is None else _stored(row)

    def page(self, limit: int, after: str | None) -> Page:
        """Plans of the newest job first, by rank; ``after`` is ``job/rank``."""
        asked = self._mine().order_by(PlanRow.job_id.desc(), PlanRow.rank).limit(limit + 1)
        if after is not None:
            job_id, _, rank = after.partition("/")
            later_rank = (PlanRow.job_id == job_id) & (PlanRow.rank > int(rank))
            asked = asked.where((PlanRow.job_id < job_id) | later_rank)
        rows = [_stored(row) for row in self._session.scalars(asked)]
        last = rows[limit - 1] if len(rows) > limit else None
        return Page(items=tuple(rows[:limit]), next=f"{last.job_id}/{last.rank}" if last else None)

    def _mine(self) -> Select[Any]:
        return (
            select(PlanRow).join(JobRow, JobRow.id == PlanRow.job_id).where(JobRow.project == self._project)
        )


def _stored(row: PlanRow) -> StoredPlan:
    return StoredPlan(
        id=row.plan_id,
        job_id=row.job_id,
        rank=row.rank,
        objective_value=row.objective_value,
        body=row.body,
    )
