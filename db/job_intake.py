"""Jobs come in: many at once in a few statements, some of them answered already."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, func, insert, select
from sqlalchemy.orm import Session

from db.base import LOCAL_PROJECT
from db.clock import new_id, now
from db.job_states import FIGURES, UNFINISHED, job_of
from db.records import Job
from db.tables import AnswerRow, EventRow, JobRow

PLAN, SWEEP = "plan", "sweep"
HIGH, NORMAL, LOW = 10, 50, 100
REUSABLE = ("optimal", "infeasible")
"""Answers that do not depend on how fast the machine was: the same question may be answered with them."""
BLANK = ("phase", *FIGURES, "error", "owner", "answered_by", "sweep_id", "started_at", "finished_at")
COUNTS = ("attempts", "interruptions", "dispatches")
_JOBS, _EVENTS = JobRow.__table__, EventRow.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What a job is stored with."""

    scenario: Any
    name: str
    revisions: dict[str, int]
    project: str = LOCAL_PROJECT
    kind: str = PLAN
    priority: int = NORMAL
    question_sha256: str | None = None
    sweep_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A job whose stored answer holds for its question, whatever the machine."""

    job_id: str
    status: str
    figures: dict[str, Any]


class JobIntake:
    """Stores jobs of all projects; the caller commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def waiting(self) -> int:
        """How many jobs of all projects are not finished."""
        asked = select(func.count()).select_from(JobRow).where(JobRow.state.in_(UNFINISHED))
        return self._session.scalar(asked) or 0

    def store(self, new: Sequence[NewJob]) -> list[Job]:
        """Store queued jobs; one whose question has an answer already is finished with that one."""
        known = known_answers(self._session, {each.question_sha256 for each in new} - {None})
        rows: list[dict[str, Any]] = []
        events: list[dict[str, Any]] = []
        jobs: list[Job] = []
        for each in new:
            before = known.get((each.project, each.question_sha256))
            row = _row(each, before)
            rows.append(row)
            events += _events(row)
            jobs.append(job_of(JobRow(**row), None if before is None else before.status))
        if rows:
            assert isinstance(_JOBS, Table)
            assert isinstance(_EVENTS, Table)
            self._session.execute(insert(_JOBS), rows)
            self._session.execute(insert(_EVENTS), events)
        return jobs


def known_answers(session: Session, questions: Collection[str | None]) -> dict[tuple[str, str | None], Known]:
    """Answers there are already, by project and question."""
    if not questions:
        return {}
    asked = (
        select(JobRow, AnswerRow.status)
        .join(AnswerRow, AnswerRow.job_id == JobRow.id)
        .where(
            JobRow.question_sha256.in_(questions),
            JobRow.state == "succeeded",
            AnswerRow.status.in_(REUSABLE),
        )
        .order_by(JobRow.id.desc())
    )
    return {
        (row.project, row.question_sha256): Known(
            job_id=row.id,
            status=status,
            figures={name: getattr(row, name) for name in ("phase", *FIGURES)},
        )
        for row, status in session.execute(asked)
    }


def _row(new: NewJob, before: Known | None) -> dict[str, Any]:
    at = now()
    row: dict[str, Any] = {
        **dict.fromkeys(BLANK),
        **dict.fromkeys(COUNTS, 0),
        "id": new_id("job"),
        "project": new.project,
        "kind": new.kind,
        "priority": new.priority,
        "state": "queued",
        "dispatched": False,
        "scenario": new.scenario,
        "scenario_name": new.name,
        "question_sha256": new.question_sha256,
        "sweep_id": new.sweep_id,
        "revisions": new.revisions,
        "last_event": 1,
        "created_at": at,
    }
    if before is not None:
        done = {"state": "succeeded", "finished_at": at, "last_event": 2, "answered_by": before.job_id}
        row |= done | before.figures
    return row


def _events(row: dict[str, Any]) -> list[dict[str, Any]]:
    first = {"job_id": row["id"], "number": 1, "kind": "progress", "data": {"state": "queued"}}
    last = {"job_id": row["id"], "number": 2, "kind": "done", "data": {"state": row["state"]}}
    told = [first] if row["state"] == "queued" else [first, last]
    return [{**event, "at": row["created_at"]} for event in told]
