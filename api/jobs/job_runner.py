"""Runs one job from its claim to its one outcome, whatever happens to the process that solves it."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from api.jobs import sweep_batch
from api.jobs.child_pool import ChildPool
from api.jobs.held import Held
from db.answers import AnswerRepository
from db.database import Database
from db.job_intake import SWEEP
from db.job_work import JobWork
from db.patience import patiently
from db.records import Job

log = logging.getLogger(__name__)
PROGRESS_EVERY_S = 0.2
Made = TypeVar("Made")


class JobRunner:
    """Solves claimed jobs in child processes and stores what they say; safe from many threads.

    Parameters
    ----------
    worker_id
        Name of this process in the table of workers.
    pricing_allowance_s
        Time beside the scenario's ``time_limit_s`` before a solve is killed [s].
    """

    def __init__(
        self, database: Database, children: ChildPool, *, worker_id: str, pricing_allowance_s: float
    ) -> None:
        self.database = database
        self.worker_id = worker_id
        self._children = children
        self._allowance_s = pricing_allowance_s
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def run(self, job_id: str) -> None:
        """Claim a job and bring it to its end; does nothing where it is not to be had."""
        if self._stopping.is_set():
            return
        job = self.write(lambda session: JobWork(session).claim(job_id, self.worker_id))
        if job is None or self.write(lambda session: JobWork(session).answer_from_before(job)):
            return
        with self._holding(job) as held:
            if job.kind == SWEEP:
                sweep_batch.run(self, held)
            else:
                self._solve(held)

    def cancel(self, job_id: str) -> None:
        """Kill the process of a job, if it runs here."""
        with self._lock:
            held = self._held.get(job_id)
        if held is not None:
            held.process.kill("cancelled")

    def drop_what_is_no_longer_ours(self) -> None:
        """Kill solves of jobs that were cancelled elsewhere, or given to another worker."""
        with self._lock:
            held = {job_id: each.job.attempts for job_id, each in self._held.items()}
        if held:
            with self.database.reading() as session:
                gone = JobWork(session).no_longer(held)
            for job_id in gone:
                self.cancel(job_id)

    def stop(self) -> None:
        """Kill every solve; their jobs go back to the queue."""
        self._stopping.set()
        with self._lock:
            active = list(self._held.values())
        for held in active:
            held.process.kill("stopping")

    def warm(self, count: int) -> None:
        """Start so many processes before the first job comes."""
        self._children.warm(count)

    def close(self) -> None:
        """End the processes kept warm; after the last job."""
        self._children.close()

    def write(self, action: Callable[[Session], Made]) -> Made:
        """Result of a transaction that is tried until the database takes it."""

        def once() -> Made:
            with self.database.writing() as session:
                return action(session)

        return patiently(once, self._stopping)

    def ask(self, held: Held, question: Any, limit_s: float) -> Iterator[dict[str, Any]]:
        """What the child says to one question, within a time after which it is killed."""
        timer = threading.Timer(limit_s, held.process.kill, ("expired",))
        timer.daemon = True
        timer.start()
        try:
            yield from held.process.ask(question)
        finally:
            timer.cancel()

    def renew(self, held: Held) -> None:
        """Another child for the rest of a job whose last one has ended."""
        dead, held.process = held.process, self._children.take()
        dead.close()
        dead.last_words()
        if self._stopping.is_set():
            held.process.kill("stopping")

    def limit_s(self, scenario: Any) -> float:
        """Time one solve of a scenario may take in all [s]."""
        return self._allowance_s + float(scenario["options"]["time_limit_s"])

    @contextmanager
    def _holding(self, job: Job) -> Iterator[Held]:
        """A child for a job, known to whoever cancels; back to the pool, or ended and its job settled."""
        held = Held(job, self._children.take())
        with self._lock:
            self._held[job.id] = held
        if self._stopping.is_set():
            held.process.kill("stopping")
        try:
            yield held
        finally:
            with self._lock:
                self._held.pop(job.id, None)
            if held.process.is_alive:
                self._children.put(held.process)
            else:
                self._settle(held)

    def _solve(self, held: Held) -> None:
        """Store progress as it comes, not more often than anybody reads it, then the outcome."""
        phase, told_at = "", 0.0
        for message in self.ask(held, {"scenario": held.job.scenario}, self.limit_s(held.job.scenario)):
            if message.get("kind") == "answer":
                self.write(lambda session, m=message: _store(session, held.job, m))  # type: ignore[misc]
            elif message.get("kind") == "error":
                self.write(lambda s, m=message: JobWork(s).finish(held.job, "failed", error=m["error"]))  # type: ignore[misc]
            elif message["phase"] != phase or time.monotonic() - told_at >= PROGRESS_EVERY_S:
                self._tell(held, message)
                phase, told_at = message["phase"], time.monotonic()

    def _tell(self, held: Held, message: dict[str, Any]) -> None:
        """Progress is worth no waiting: where the database does not take it, the next one comes soon."""
        with suppress(DBAPIError), self.database.writing() as session:
            if not JobWork(session).progress(held.job, message["phase"], message["figures"]):
                held.process.kill("cancelled")

    def _settle(self, held: Held) -> None:
        """The process has ended before the job: by us for a reason, or by itself."""
        code, words = held.process.close(), held.process.last_words()
        reason = held.process.killed_for
        if reason == "cancelled":
            return
        if reason == "stopping":
            with suppress(DBAPIError), self.database.writing() as session:
                JobWork(session).give_back(held.job)
            return
        if reason == "expired":
            self.write(lambda session: JobWork(session).finish(held.job, "expired"))
            return
        detail = f"the solve process ended with code {code} and no answer"
        error = {"detail": detail, "errors": []}
        if self.write(lambda session: JobWork(session).finish(held.job, "failed", error=error)):
            log.error("job %s: %s: %s", held.job.id, detail, words)


def _store(session: Session, job: Job, message: dict[str, Any]) -> None:
    figures = {name: message[name] for name in ("incumbent", "bound", "gap")}
    if JobWork(session).finish(job, "succeeded", **figures):
        AnswerRepository(session).add(job.id, message["text"])
