"""A bounded number of worker threads, each minding one solve process at a time."""

import logging
import queue
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from api.jobs.solve_process import SolveProcess
from db.answers import AnswerRepository
from db.database import Database
from db.jobs import JobRepository
from db.records import Job

log = logging.getLogger(__name__)
CHILD = (sys.executable, "-m", "api.jobs.child")
PROGRESS_EVERY_S = 0.2


class SubprocessQueue:
    """Runs each job in a process of its own and stores what it says.

    Parameters
    ----------
    workers
        Solves at the same time.
    pricing_allowance_s
        Time beside the scenario's ``time_limit_s`` before a solve is killed [s].
    max_attempts
        Starts of one job (over restarts of the server) before it is given up.
    command
        Program of the child.
    """

    def __init__(
        self,
        database: Database,
        *,
        workers: int,
        pricing_allowance_s: float,
        max_attempts: int = 3,
        command: Sequence[str] = CHILD,
    ) -> None:
        self._database = database
        self._allowance_s = pricing_allowance_s
        self._max_attempts = max_attempts
        self._command = command
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._active: dict[str, SolveProcess] = {}
        self._lock = threading.Lock()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f"solve-{i}", daemon=True) for i in range(workers)
        ]

    def start(self) -> None:
        """Take up what a dead server left, then begin working."""
        with self._database.writing() as session:
            left = JobRepository(session).requeue_interrupted(self._max_attempts)
        for job_id in left:
            self.submit(job_id)
        for thread in self._threads:
            thread.start()

    def submit(self, job_id: str) -> None:
        """Run a stored job as soon as a worker is free."""
        self._waiting.put(job_id)

    def cancel(self, job_id: str) -> None:
        """Kill the process of a job, if it has one."""
        with self._lock:
            process = self._active.get(job_id)
        if process is not None:
            process.kill("cancelled")

    def stop(self) -> None:
        """Kill every process and end the workers; their jobs stay unfinished in the database."""
        with self._lock:
            self._stopping = True
            active = list(self._active.values())
        for process in active:
            process.kill("stopping")
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (job_id := self._waiting.get()) is not None and not self._stopping:
            try:
                self._run(job_id)
            except Exception as error:
                log.exception("job %s", job_id)
                self._fail(job_id, f"the worker failed: {type(error).__name__}")

    def _run(self, job_id: str) -> None:
        with self._database.writing() as session:
            job = JobRepository(session).claim(job_id)
        if job is None:
            return
        process = SolveProcess(self._command)
        limit_s = self._allowance_s + float(job.scenario["options"]["time_limit_s"])
        timer = threading.Timer(limit_s, process.kill, ("expired",))
        timer.start()
        try:
            self._register(job, process)
            last = self._follow(job, process)
        finally:
            timer.cancel()
            process.kill("worker")
            code = process.close()
            with self._lock:
                self._active.pop(job_id, None)
        self._store(job, process, last, code)

    def _register(self, job: Job, process: SolveProcess) -> None:
        """Make the process known, and end it where the job was cancelled just before that."""
        with self._lock:
            self._active[job.id] = process
            stopping = self._stopping
        with self._database.reading() as session:
            now = JobRepository(session).get(job.id)
        if stopping:
            process.kill("stopping")
        elif now is None or now.state != "running":
            process.kill("cancelled")

    def _follow(self, job: Job, process: SolveProcess) -> dict[str, Any] | None:
        """Store progress as it comes, not more often than anybody reads it; the child's last word."""
        process.ask(job.scenario)
        last, phase, told_at = None, "", 0.0
        for message in process.messages():
            if message.get("kind") in ("answer", "error"):
                last = message
                break
            fresh = message["phase"] != phase
            if fresh or time.monotonic() - told_at >= PROGRESS_EVERY_S:
                with self._database.writing() as session:
                    JobRepository(session).progress(job.id, message["phase"], message["figures"])
                phase, told_at = message["phase"], time.monotonic()
        return last

    def _store(self, job: Job, process: SolveProcess, last: dict[str, Any] | None, code: int) -> None:
        words = process.last_words()
        if last is not None and last["kind"] == "answer":
            self._succeed(job.id, last)
        elif last is not None:
            self._fail(job.id, last["error"]["detail"], last["error"])
        elif process.killed_for == "expired":
            with self._database.writing() as session:
                JobRepository(session).finish(job.id, "expired")
        elif process.killed_for not in ("cancelled", "stopping"):
            log.error("job %s: the solve process ended with %d: %s", job.id, code, words)
            self._fail(job.id, f"the solve process ended with code {code} and no answer")

    def _succeed(self, job_id: str, answer: dict[str, Any]) -> None:
        with self._database.writing() as session:
            figures = {name: answer[name] for name in ("incumbent", "bound", "gap")}
            if JobRepository(session).finish(job_id, "succeeded", **figures):
                AnswerRepository(session).add(job_id, answer["text"])

    def _fail(self, job_id: str, detail: str, error: dict[str, Any] | None = None) -> None:
        with self._database.writing() as session:
            JobRepository(session).finish(job_id, "failed", error=error or {"detail": detail, "errors": []})
