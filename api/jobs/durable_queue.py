"""The queue of the service: DBOS keeps what is to be run, our own tables keep what became of it.

A job is accepted when its row is committed. The keeper hands queued rows to DBOS, a bounded number ahead of
the work, most urgent first; DBOS gives each to one executor. What it loses is found and handed over again.
"""

import logging
from typing import IO

from api.jobs import alone
from api.jobs.dbos_engine import DbosEngine
from api.jobs.job_runner import JobRunner
from api.jobs.keeper import Keeper
from db.workers import WorkerRepository

log = logging.getLogger(__name__)
DRAIN_S = 10.0


class DurableQueue:
    """Runs jobs under DBOS in this process and recovers those of processes that died.

    Parameters
    ----------
    system_url
        Database of DBOS: a SQLite file beside ours, or the same PostgreSQL.
    slots
        Jobs at the same time; 0 = this process only hands them over.
    max_interruptions
        Workers that may die over one job before it is given up.
    """

    def __init__(self, runner: JobRunner, *, system_url: str, slots: int, max_interruptions: int) -> None:
        self._runner = runner
        self._slots = slots
        self._lock: IO[str] | None = None
        self._engine = DbosEngine(runner, system_url=system_url, slots=slots)
        self._keeper = Keeper(runner, self._engine, slots=slots, max_interruptions=max_interruptions)

    @property
    def executor_id(self) -> str:
        """Name of this process for DBOS and in the table of workers."""
        return self._runner.worker_id

    def start(self) -> None:
        """Launch DBOS, enter the table of workers, begin to keep watch.

        Raises
        ------
        InvalidInput
            Another process works on the same SQLite database.
        """
        if self._runner.database.is_sqlite:
            self._lock = alone.hold(self._runner.database.url.database or "")
        self._engine.launch()
        with self._runner.database.writing() as session:
            workers = WorkerRepository(session)
            if self._lock is not None:  # nobody else can be: whoever is in the table is dead
                for dead in workers.all():
                    workers.bury(dead.id, dead.beat)
            workers.enter(self.executor_id, self._slots)
        self._runner.warm(self._slots)
        self._keeper.start()

    def submit(self, job_id: str) -> None:
        """A stored job waits to be handed over."""
        del job_id
        self._keeper.wake()

    def cancel(self, job_id: str) -> None:
        """Kill the process of a job, if it runs here; others see the row."""
        self._runner.cancel(job_id)

    def stop(self) -> None:
        """Stop in order: nothing new, running jobs go back to the queue, this worker leaves the table."""
        self._keeper.stop()
        self._runner.stop()
        self._engine.shut_down(DRAIN_S)
        try:
            with self._runner.database.writing() as session:
                WorkerRepository(session).leave(self.executor_id)
        except Exception as error:
            log.warning("could not leave the table of workers: %s", error)
        self._runner.close()
        if self._lock is not None:
            self._lock.close()
