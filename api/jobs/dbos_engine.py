"""DBOS: which process runs which job, and what it held when it died. Nothing else touches DBOS."""

import time
from datetime import UTC, datetime
from typing import Any

from api.jobs.job_runner import JobRunner

QUEUE = "solve"
POLL_EVERY_S = 0.1
SCHEMA = "1"
"""Version of the protocol between those who hand over and those who run: executors take only their own."""
ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]

_runners: list[JobRunner] = []
"""DBOS knows its workflows by name in the whole process: the one workflow runs under the newest runner."""


class DbosEngine:
    """One process of the queue.

    Parameters
    ----------
    system_url
        Database of DBOS.
    slots
        Jobs at the same time; 0 = this process only hands them over.
    """

    def __init__(self, runner: JobRunner, *, system_url: str, slots: int) -> None:
        self._runner = runner
        self._system_url = system_url
        self._migrates = system_url.startswith("sqlite")
        self._slots = slots
        self._workflow: Any = None

    def launch(self) -> None:
        """Begin to take jobs; a SQLite file is made or extended, other databases were migrated before."""
        from dbos import DBOS, DBOSConfig

        config: DBOSConfig = {
            "name": "shardwright",
            "system_database_url": self._system_url,
            "application_version": SCHEMA,
            "executor_id": self._runner.worker_id,
            "log_level": "ERROR",
            "run_migrations": self._migrates,
        }
        DBOS(config=config)
        _runners[:] = [self._runner]

        @DBOS.workflow(name="solve")
        def solve(job_id: str) -> None:
            _runners[-1].run(job_id)

        self._workflow = solve
        if not self._slots:
            DBOS.listen_queues([])
        DBOS.launch()
        if self._slots:
            DBOS.register_queue(QUEUE, worker_concurrency=self._slots, polling_interval_sec=POLL_EVERY_S)

    def shut_down(self, drain_s: float) -> None:
        """Take nothing more, wait a little for what runs."""
        from dbos import DBOS

        DBOS.destroy(workflow_completion_timeout_sec=int(drain_s))

    def enqueue(self, job_id: str, dispatches: int, priority: int) -> None:
        """Hand a job over; once, however often it is said."""
        from dbos import DBOS, SetEnqueueOptions, SetWorkflowID

        with SetWorkflowID(name_of(job_id, dispatches)), SetEnqueueOptions(priority=priority):
            DBOS.enqueue_workflow(QUEUE, self._workflow, job_id)

    def standing(self, names: list[str]) -> dict[str, tuple[str, str | None]]:
        """Status and executor of workflows by name; those DBOS does not know are missing."""
        from dbos import DBOS

        if not names:
            return {}
        found = DBOS.list_workflows(workflow_ids=names, load_input=False, load_output=False)
        return {each.workflow_id: (each.status, each.executor_id) for each in found}

    def resume(self, name: str) -> None:
        """Queue a workflow again whose executor is dead."""
        from dbos import DBOS

        DBOS.resume_workflow(name, queue_name=QUEUE)

    def forget_finished(self, age_s: float, limit: int = 500) -> None:
        """Delete workflows that ended that long ago: what became of their jobs is in our tables."""
        from dbos import DBOS

        before = datetime.fromtimestamp(time.time() - age_s, UTC).isoformat()
        ended = DBOS.list_workflows(
            status=ENDED, completed_before=before, limit=limit, load_input=False, load_output=False
        )
        if ended:
            DBOS.delete_workflows([each.workflow_id for each in ended])


def migrate(system_url: str) -> None:
    """Make or extend the tables of DBOS."""
    from dbos import run_dbos_database_migrations

    run_dbos_database_migrations(system_url)


def name_of(job_id: str, dispatches: int) -> str:
    """Name of the workflow of one dispatch of a job."""
    return f"{job_id}.{dispatches}"
