"""Sweeps of a project and their points; a point is stored once, whoever solves it."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.base import LOCAL_PROJECT
from db.clock import new_id, now
from db.job_intake import LOW, SWEEP, JobIntake, NewJob
from db.job_states import UNFINISHED
from db.records import Page, Sweep, SweepPoint
from db.tables import JobRow
from db.work_tables import SweepPointRow, SweepRow

CHUNK = 500


class SweepRepository:
    """Sweeps of one project; the caller commits."""

    def __init__(self, session: Session, project: str = LOCAL_PROJECT) -> None:
        self._session = session
        self._project = project

    def add(self, scenario: Any, axes: Any, total: int, *, revisions: dict[str, int], batch: int) -> Sweep:
        """Store a sweep and the jobs that solve it, ``batch`` points each."""
        row = SweepRow(
            id=new_id("sweep"),
            project=self._project,
            name=scenario["name"],
            scenario=scenario,
            axes=axes,
            revisions=revisions,
            total=total,
            created_at=now(),
        )
        self._session.add(row)
        self._session.flush()
        spans = [(first, min(batch, total - first)) for first in range(0, total, batch)]
        JobIntake(self._session).store(
            [
                NewJob(
                    scenario={"first": first, "count": count, "scenario": scenario, "axes": axes},
                    name=row.name,
                    revisions={},
                    project=self._project,
                    kind=SWEEP,
                    priority=LOW,
                    sweep_id=row.id,
                )
                for first, count in spans
            ]
        )
        return self._sweep(row)

    def get(self, sweep_id: str) -> Sweep | None:
        """One sweep, with how far it is."""
        row = self._session.get(SweepRow, sweep_id)
        return self._sweep(row) if row is not None and row.project == self._project else None

    def page(self, limit: int, after: str | None) -> Page:
        """Newest first."""
        asked = select(SweepRow).where(SweepRow.project == self._project)
        if after is not None:
            asked = asked.where(SweepRow.id < after)
        rows = list(self._session.scalars(asked.order_by(SweepRow.id.desc()).limit(limit + 1)))
        items = tuple(self._sweep(row) for row in rows[:limit])
        return Page(items=items, next=rows[limit - 1].id if len(rows) > limit else None)

    def jobs(self, sweep_id: str) -> list[str]:
        """Its jobs that have not ended."""
        asked = select(JobRow.id).where(
            JobRow.sweep_id == sweep_id, JobRow.project == self._project, JobRow.state.in_(UNFINISHED)
        )
        return list(self._session.scalars(asked))

    def cancel(self, sweep_id: str) -> None:
        """Mark it cancelled; the caller ends its jobs."""
        row = self._session.get_one(SweepRow, sweep_id)
        row.cancelled_at = row.cancelled_at or now()

    def points(self, sweep_id: str) -> Iterator[SweepPoint]:
        """Outcomes in order of their numbers, read in chunks."""
        after = -1
        while True:
            rows = list(
                self._session.scalars(
                    select(SweepPointRow)
                    .where(SweepPointRow.sweep_id == sweep_id, SweepPointRow.number > after)
                    .order_by(SweepPointRow.number)
                    .limit(CHUNK)
                )
            )
            yield from (SweepPoint(number=row.number, status=row.status, body=row.body) for row in rows)
            if len(rows) < CHUNK:
                return
            after = rows[-1].number
            self._session.expunge_all()

    def _sweep(self, row: SweepRow) -> Sweep:
        asked = (
            select(SweepPointRow.status, func.count())
            .where(SweepPointRow.sweep_id == row.id)
            .group_by(SweepPointRow.status)
        )
        statuses = {status: count for status, count in self._session.execute(asked)}  # noqa: C416
        done = sum(statuses.values())
        return Sweep(
            id=row.id,
            name=row.name,
            scenario=row.scenario,
            axes=row.axes,
            revisions=row.revisions,
            total=row.total,
            done=done,
            state=self._state(row, done),
            statuses=statuses,
            created_at=row.created_at,
        )

    def _state(self, row: SweepRow, done: int) -> str:
        if done == row.total:
            return "succeeded"
        if row.cancelled_at is not None:
            return "cancelled"
        states = set(self._session.scalars(select(JobRow.state).where(JobRow.sweep_id == row.id).distinct()))
        if states & set(UNFINISHED):
            return "running" if done or "running" in states else "queued"
        return "failed"


class SweepWork:
    """The worker's side: which points lack an outcome, and storing one; the caller commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def missing(self, sweep_id: str, first: int, count: int) -> list[int]:
        """Numbers of a batch without an outcome."""
        span = range(first, first + count)
        asked = select(SweepPointRow.number).where(
            SweepPointRow.sweep_id == sweep_id, SweepPointRow.number.between(first, span[-1])
        )
        there = set(self._session.scalars(asked))
        return [number for number in span if number not in there]

    def store(self, sweep_id: str, number: int, status: str, body: str) -> bool:
        """Store an outcome; False where the point has one."""
        if self._session.get(SweepPointRow, (sweep_id, number)) is not None:
            return False
        self._session.add(
            SweepPointRow(sweep_id=sweep_id, number=number, status=status, body=body, finished_at=now())
        )
        self._session.flush()
        return True
