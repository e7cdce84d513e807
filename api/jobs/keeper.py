"""Keeps watch beside the work: hands jobs over, beats, finds the dead, takes up what they left."""

import logging
import threading
import time
from collections.abc import Callable

from api.jobs.dbos_engine import ENDED, DbosEngine, name_of
from api.jobs.job_runner import JobRunner
from db.job_work import JobWork
from db.records import Worker
from db.workers import WorkerRepository

log = logging.getLogger(__name__)
LOOK_EVERY_S = 0.2
BEAT_EVERY_S = 2.0
DEAD_AFTER_S = 10.0
RECONCILE_EVERY_S = 5.0
FORGET_EVERY_S = 60.0
FORGET_AFTER_S = 600.0
AHEAD = 32
"""Queued jobs of one priority that DBOS holds at most: a later, more urgent one has to pass only those."""


class Keeper:
    """Two threads: one looks often and does little, the other looks after the dead."""

    def __init__(self, runner: JobRunner, engine: DbosEngine, *, slots: int, max_interruptions: int) -> None:
        self._runner = runner
        self._engine = engine
        self._slots = slots
        self._max_interruptions = max_interruptions
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._told = ""
        self._seen: dict[str, tuple[int, float]] = {}
        self._threads = [
            threading.Thread(target=self._often, name="keeper-dispatch", daemon=True),
            threading.Thread(target=self._seldom, name="keeper-recovery", daemon=True),
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """There is something to hand over."""
        self._woken.set()

    def stop(self) -> None:
        """End both threads."""
        self._stopping.set()
        self._woken.set()
        for thread in self._threads:
            thread.join()

    def _often(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            self._try(self._runner.drop_what_is_no_longer_ours)
            self._try(self.dispatch)
            self._woken.wait(LOOK_EVERY_S)

    def _seldom(self) -> None:
        due = {self.beat: BEAT_EVERY_S, self.recover: RECONCILE_EVERY_S, self._forget: FORGET_EVERY_S}
        last = {action: time.monotonic() for action in due}
        self._try(self.recover)
        while not self._stopping.wait(BEAT_EVERY_S):
            for action, every_s in due.items():
                if time.monotonic() - last[action] >= every_s:
                    last[action] = time.monotonic()
                    self._try(action)

    def _try(self, action: Callable[[], object]) -> None:
        """A watch that fails is tried again at the next turn; nothing is concluded from an outage."""
        try:
            action()
        except Exception as error:
            self._seen.clear()
            words = f"{getattr(action, '__name__', 'keeper')}: {error}".splitlines()[0]
            if not self._stopping.is_set() and words != self._told:
                log.warning(words)
                self._told = words

    def dispatch(self) -> None:
        """Hand queued jobs to the engine."""
        with self._runner.database.reading() as session:
            found = JobWork(session).to_dispatch(AHEAD)
        for job_id, dispatches, priority in found:
            self._engine.enqueue(job_id, dispatches, priority)
        if found:
            self._runner.write(lambda session: JobWork(session).mark_dispatched(found))

    def beat(self) -> None:
        """Say that this process lives; look who does not."""
        worker_id = self._runner.worker_id
        with self._runner.database.writing() as session:
            workers = WorkerRepository(session)
            if not workers.beat(worker_id):
                log.warning("this worker was taken for dead")
                workers.enter(worker_id, self._slots)
            everyone = workers.all()
        if any(
            [self._bury(worker) for worker in everyone if worker.id != worker_id and self._is_silent(worker)]
        ):
            self.recover()

    def _is_silent(self, worker: Worker) -> bool:
        """Whether a worker has not beaten for long, by this process's own clock."""
        at = time.monotonic()
        beat, since = self._seen.get(worker.id, (-1, at))
        if beat != worker.beat:
            since = at
        self._seen[worker.id] = (worker.beat, since)
        return at - since > DEAD_AFTER_S

    def _bury(self, worker: Worker) -> bool:
        with self._runner.database.writing() as session:
            won = WorkerRepository(session).bury(worker.id, worker.beat)
        if won:
            log.warning("worker %s on %s is dead", worker.id, worker.host)
        self._seen.pop(worker.id, None)
        return won

    def recover(self) -> None:
        """Queue again what ran on the dead, and what the engine has lost."""
        with self._runner.database.writing() as session:
            living = [worker.id for worker in WorkerRepository(session).all()]
            work = JobWork(session)
            work.interrupt(living, self._max_interruptions)
            waiting = work.dispatched()
        names = {name_of(*each): each for each in waiting}
        standing = self._engine.standing(list(names))
        for name, (job_id, dispatches) in names.items():
            status, executor = standing.get(name, ("missing", None))
            if status == "PENDING" and executor not in living:
                self._engine.resume(name)
            elif status == "missing" or status in ENDED:
                self._runner.write(lambda s, j=job_id, d=dispatches: JobWork(s).dispatch_again(j, d))  # type: ignore[misc]

    def _forget(self) -> None:
        self._engine.forget_finished(FORGET_AFTER_S)
