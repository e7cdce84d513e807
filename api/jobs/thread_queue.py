"""A queue of threads in this process, for tests: nothing but the table of jobs outlives it."""

import logging
import queue
import threading

from api.jobs.job_runner import JobRunner
from db.job_work import JobWork

log = logging.getLogger(__name__)


class ThreadQueue:
    """Runs each job in one of some threads, in the order of submission.

    Parameters
    ----------
    workers
        Jobs at the same time.
    max_interruptions
        Deaths of this process over one job before it is given up.
    """

    def __init__(self, runner: JobRunner, *, workers: int, max_interruptions: int = 3) -> None:
        self._runner = runner
        self._max_interruptions = max_interruptions
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f"solve-{i}", daemon=True) for i in range(workers)
        ]

    def start(self) -> None:
        """Take up what a dead server left, then begin working."""
        with self._runner.database.writing() as session:
            work = JobWork(session)
            work.interrupt((), self._max_interruptions)
            left = work.unfinished()
        for job_id in left:
            self._waiting.put(job_id)
        for thread in self._threads:
            thread.start()

    def submit(self, job_id: str) -> None:
        """Run a stored job, or those of a sweep, as soon as a thread is free."""
        with self._runner.database.reading() as session:
            jobs = JobWork(session).of_sweep(job_id)
        for each in jobs or [job_id]:
            self._waiting.put(each)

    def cancel(self, job_id: str) -> None:
        """Kill the process of a job, if it has one."""
        self._runner.cancel(job_id)

    def stop(self) -> None:
        """Kill every process and end the threads; their jobs stay unfinished in the database."""
        self._stopping = True
        self._runner.stop()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()
        self._runner.close()

    def _work(self) -> None:
        while (job_id := self._waiting.get()) is not None and not self._stopping:
            try:
                self._runner.run(job_id)
            except Exception:
                log.exception("job %s", job_id)
