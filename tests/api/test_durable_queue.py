"""The service's own queue in real processes: killed, stopped, doubled, and every job still ends once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.database import Database
from db.job_work import JobWork
from db.jobs import JobRepository
from db.upgrade import upgrade
from db.workers import WorkerRepository
from tests.api.conftest import CHILD, FINISHED
from tests.api.worker_processes import (
    WORKER,
    assert_each_ended_once,
    look,
    submit,
    until,
    url_of,
    wait_for_all,
    worker,
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'jobs.db'}")
    upgrade(made)
    yield made
    made.close()


def test_killed_again_and_again_every_job_ends_once(database: Database) -> None:
    keys = submit(database, [f"pause 0.05 {i}" for i in range(60)])
    for _ in range(3):
        with worker(url_of(database)) as process:
            at_least = sum(job.state in FINISHED for job in look(database, keys)) + 5
            until(lambda n=at_least: sum(job.state in FINISHED for job in look(database, keys)) >= n)  # type: ignore[misc]
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
    assert any(job.state not in FINISHED for job in look(database, keys))
    with worker(url_of(database)):
        wait_for_all(database, keys)
    assert_each_ended_once(database, keys)
    assert any(job.attempts > 1 for job in look(database, keys))


def test_a_stopped_worker_leaves_its_job_to_the_next(database: Database, tmp_path: Path) -> None:
    marker = tmp_path / "seen"
    [key] = submit(database, [f"once {marker}"])
    with worker(url_of(database)) as process:
        until(marker.exists)
        process.terminate()
        assert process.wait(30) == 0
    [job] = look(database, [key])
    assert (job.state, job.attempts) == ("queued", 1)
    with database.reading() as session:
        assert WorkerRepository(session).all() == []
    with worker(url_of(database)):
        wait_for_all(database, [key])
    assert_each_ended_once(database, [key])


def test_cancelling_from_another_process_stops_the_solve(database: Database, tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    [key] = submit(database, [f"sleep {marker}"])
    with worker(url_of(database)):
        until(lambda: marker.exists() and marker.read_text() != "")
        grandchild = Path(f"/proc/{marker.read_text()}")
        until(lambda: look(database, [key])[0].incumbent is not None)
        with database.writing() as session:
            assert JobRepository(session).cancel(key)
        until(lambda: not grandchild.exists() or ") Z" in (grandchild / "stat").read_text())
    [job] = look(database, [key])
    assert (job.state, job.incumbent) == ("cancelled", 11.0)


def test_what_ends_its_process_ends_once_and_the_next_job_runs(database: Database) -> None:
    bad = submit(database, ["crash a", "hog b", "crash c"])
    good = submit(database, ["fine d"])
    with worker(url_of(database), slots=1):
        wait_for_all(database, bad + good)
    assert [job.state for job in look(database, bad)] == ["failed"] * 3
    assert_each_ended_once(database, good)


def test_a_job_the_queue_has_lost_is_handed_over_again(database: Database, tmp_path: Path) -> None:
    [key] = submit(database, ["fine"])
    with database.writing() as session:
        JobWork(session).mark_dispatched([(key, 0, 50)])
    with worker(url_of(database)):
        wait_for_all(database, [key])
    assert_each_ended_once(database, [key])


def test_urgent_jobs_pass_those_that_wait(database: Database) -> None:
    low = submit(database, [f"pause 0.05 {i}" for i in range(40)], priority=100)
    high = submit(database, ["fine"], priority=10)
    with worker(url_of(database), slots=1):
        wait_for_all(database, low + high)
    ends = {job.id: job.finished_at for job in look(database, low + high)}
    assert sum(ends[key] < ends[high[0]] for key in low) <= 2  # type: ignore[operator]


def test_a_second_service_on_the_same_file_is_refused(database: Database) -> None:
    with worker(url_of(database)) as first:
        arguments = [sys.executable, "-c", WORKER, url_of(database), "1", "5", *CHILD]
        second = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode != 0
        assert f"in use by another service (process {first.pid})" in second.stderr
