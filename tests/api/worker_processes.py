"""Workers as real processes over the scripted child, and what a test asks of the jobs they ran."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from db.database import Database
from db.jobs import JobRepository
from db.records import Job
from tests.api.conftest import CHILD, FINISHED, PATIENCE_S
from tests.api.sample_answer import scenario_document

WORKER = """
import json, signal, sys, threading
from api.jobs import keeper
from api.jobs.wiring import durable_queue
from api.settings import Settings
from db.database import Database
url, slots, wait_s, child = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]
keeper.DEAD_AFTER_S, keeper.BEAT_EVERY_S, keeper.RECONCILE_EVERY_S = wait_s, wait_s / 5, wait_s / 2
settings = Settings(database_url=url, workers=slots, solve_command=child, max_attempts=20)
queue = durable_queue(settings, Database(url))
queue.start()
print("ready", flush=True)
over = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: over.set())
over.wait()
queue.stop()
"""


@contextmanager
def worker(url: str, *, slots: int = 2, dead_after_s: float = 1.5) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs jobs; killed at the end, if it still lives."""
    arguments = [sys.executable, "-c", WORKER, url, str(slots), str(dead_after_s), *CHILD]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def url_of(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)


def submit(database: Database, names: list[str], **more: int) -> list[str]:
    """Store jobs the scripted child does what its name says for."""
    with database.writing() as session:
        jobs = JobRepository(session)
        return [jobs.add(scenario_document(name=name), name, {}, **more).id for name in names]


def look(database: Database, keys: list[str]) -> list[Job]:
    with database.reading() as session:
        found = [JobRepository(session).get(key) for key in keys]
    return [job for job in found if job is not None]


def until(condition: Callable[[], bool], patience_s: float = 2 * PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def wait_for_all(database: Database, keys: list[str]) -> None:
    until(lambda: all(job.state in FINISHED for job in look(database, keys)))


def assert_each_ended_once(database: Database, keys: list[str], state: str = "succeeded") -> None:
    """One end and one answer per job; attempts show how often it was begun."""
    with database.reading() as session:
        jobs = JobRepository(session)
        for key in keys:
            job = jobs.get(key)
            assert job is not None
            assert job.state == state, job.error
            assert job.status == "optimal"
            kinds = Counter(event.kind for event in jobs.events(key, 0))
            assert kinds["done"] == 1
            assert [event.number for event in jobs.events(key, 0)] == list(range(1, kinds.total() + 1))
