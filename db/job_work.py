"""Jobs as workers see them: of all projects, dispatched, claimed, run under a fence, ended once."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from db.clock import now
from db.job_intake import known_answers
from db.job_states import FIGURES, UNFINISHED, finish, job_of, move, tell
from db.records import Job
from db.tables import JobRow


class JobWork:
    """The worker's side of the table of jobs; the caller commits.

    ``attempts`` of a claimed job is its fence: whoever was taken for dead and is not can write nothing.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def claim(self, job_id: str, owner: str) -> Job | None:
        """Take a queued job for running; None where somebody else did, or it has ended."""
        values = {"state": "running", "started_at": now(), "owner": owner, "attempts": JobRow.attempts + 1}
        if not move(self._session, job_id, ("queued",), **values):
            return None
        tell(self._session, job_id, "progress", {"state": "running"})
        row = self._session.get_one(JobRow, job_id, populate_existing=True)
        return job_of(row, None)

    def answer_from_before(self, job: Job) -> bool:
        """End a claimed job with the stored answer of the same question, if there is one by now."""
        known = known_answers(self._session, {job.question_sha256} - {None})
        before = known.get((job.project, job.question_sha256))
        if before is None:
            return False
        figures = {name: before.figures[name] for name in FIGURES}
        return self.finish(job, "succeeded", answered_by=before.job_id, **figures)

    def progress(self, job: Job, phase: str, figures: Mapping[str, float | None]) -> bool:
        """Store where a claimed job stands; False where it is no longer ours."""
        known = {name: figures[name] for name in FIGURES if figures.get(name) is not None}
        mine = JobRow.attempts == job.attempts
        won = move(self._session, job.id, ("running",), mine, phase=phase, **known)
        if won:
            data = {"state": "running", "phase": phase, **known}
            tell(self._session, job.id, "incumbent" if known else "progress", data)
        return won

    def finish(self, job: Job, state: str, *, error: dict[str, Any] | None = None, **figures: Any) -> bool:
        """End a claimed job; False where it is no longer ours, or has ended."""
        mine = JobRow.attempts == job.attempts
        return finish(self._session, job.id, state, mine, error=error, **figures)

    def is_ours(self, job: Job) -> bool:
        """Whether a claimed job still runs under our claim; holds it until the end of the transaction."""
        return move(self._session, job.id, ("running",), JobRow.attempts == job.attempts, phase="solving")

    def give_back(self, job: Job) -> bool:
        """Put a claimed job back to the queue, to be dispatched anew: its worker stops in order."""
        values = {"state": "queued", "owner": None, "dispatched": False, "dispatches": JobRow.dispatches + 1}
        mine = JobRow.attempts == job.attempts
        won = move(self._session, job.id, ("running",), mine, phase=None, started_at=None, **values)
        if won:
            tell(
                self._session, job.id, "log", {"state": "queued", "message": "the worker stops; queued again"}
            )
        return won

    def interrupt(self, living: Collection[str], max_interruptions: int) -> list[str]:
        """Queue again what ran on workers that live no more; what killed too many of them fails."""
        asked = select(JobRow).where(JobRow.state == "running", JobRow.owner.not_in(tuple(living)))
        back = []
        for row in list(self._session.scalars(asked)):
            seen = JobRow.attempts == row.attempts
            died = row.interruptions + 1
            if died >= max_interruptions:
                finish(self._session, row.id, "failed", seen, error=_gave_up(died))
                continue
            values = {"state": "queued", "owner": None, "interruptions": died}
            if move(self._session, row.id, ("running",), seen, phase=None, started_at=None, **values):
                message = {"state": "queued", "message": "its worker died; queued again"}
                tell(self._session, row.id, "log", message)
                back.append(row.id)
        return back

    def unfinished(self) -> list[str]:
        """Every job that has not ended, most urgent first."""
        asked = select(JobRow.id).where(JobRow.state.in_(UNFINISHED)).order_by(JobRow.priority, JobRow.id)
        return list(self._session.scalars(asked))

    def of_sweep(self, sweep_id: str) -> list[str]:
        """Unfinished jobs of a sweep, in order."""
        asked = select(JobRow.id).where(JobRow.sweep_id == sweep_id, JobRow.state.in_(UNFINISHED))
        return list(self._session.scalars(asked.order_by(JobRow.id)))

    def to_dispatch(self, ahead: int) -> list[tuple[str, int, int]]:
        """Queued jobs the queue lacks (id, dispatches, priority), ``ahead`` of each priority at most."""
        waiting = (
            select(JobRow.priority, func.count())
            .where(JobRow.dispatched.is_(True), JobRow.state == "queued")
            .group_by(JobRow.priority)
        )
        there = {level: count for level, count in self._session.execute(waiting)}  # noqa: C416
        levels = self._session.scalars(
            select(JobRow.priority).where(JobRow.dispatched.is_(False), JobRow.state == "queued").distinct()
        )
        found: list[tuple[str, int, int]] = []
        for level in sorted(levels):
            asked = (
                select(JobRow.id, JobRow.dispatches, JobRow.priority)
                .where(JobRow.dispatched.is_(False), JobRow.state == "queued", JobRow.priority == level)
                .order_by(JobRow.id)
                .limit(max(0, ahead - there.get(level, 0)))
            )
            found += [(row.id, row.dispatches, row.priority) for row in self._session.execute(asked)]
        return found

    def mark_dispatched(self, handed: Collection[tuple[str, int, int]]) -> None:
        """Remember which jobs the queue has."""
        for job_id, dispatches, _ in handed:
            self._session.execute(
                update(JobRow)
                .where(JobRow.id == job_id, JobRow.dispatches == dispatches)
                .values(dispatched=True)
            )

    def dispatched(self, limit: int = 200) -> list[tuple[str, int]]:
        """Queued jobs the queue should have (id, dispatches), the oldest first."""
        asked = (
            select(JobRow.id, JobRow.dispatches)
            .where(JobRow.dispatched.is_(True), JobRow.state == "queued")
            .order_by(JobRow.id)
            .limit(limit)
        )
        return [(row.id, row.dispatches) for row in self._session.execute(asked)]

    def dispatch_again(self, job_id: str, dispatches: int) -> bool:
        """The queue has lost a job: it is to be handed over once more."""
        same = JobRow.dispatches == dispatches
        return move(
            self._session, job_id, ("queued",), same, dispatched=False, dispatches=JobRow.dispatches + 1
        )

    def no_longer(self, held: Mapping[str, int]) -> set[str]:
        """Which of the jobs held (id to attempts) are no longer to be worked on."""
        asked = select(JobRow.id, JobRow.attempts).where(JobRow.id.in_(held), JobRow.state == "running")
        ours = {row.id for row in self._session.execute(asked) if row.attempts == held[row.id]}
        return set(held) - ours


def _gave_up(times: int) -> dict[str, Any]:
    detail = f"{times} workers died while they solved it"
    return {"detail": detail, "errors": []}
