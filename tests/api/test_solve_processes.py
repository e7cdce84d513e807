"""Solves are processes that can be killed, die with their server, and are taken up again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from db.answers import AnswerRepository
from db.database import Database
from db.jobs import JobRepository
from db.upgrade import upgrade
from tests.api.conftest import CHILD, PATIENCE_S, wait
from tests.api.sample_answer import scenario_document

SERVER = """
import sys, time
from api.jobs.wiring import durable_queue
from api.settings import Settings
from db.database import Database
settings = Settings(database_url=sys.argv[1], workers=1, solve_command=sys.argv[2:])
queue = durable_queue(settings, Database(settings.database_url))
queue.start()
time.sleep(600)
"""


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def written(path: Path) -> bool:
    return path.exists() and path.read_text().strip() != ""


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@linux
def test_cancelling_kills_the_whole_process_group(client: TestClient, tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    asked = {"scenario": scenario_document(name=f"sleep {marker}")}
    job = client.post("/v1/plan-jobs", json=asked).json()
    until(lambda: written(marker))
    grandchild = int(marker.read_text())
    assert alive(grandchild)
    client.delete(job["links"]["self"])
    until(lambda: not alive(grandchild))


@linux
def test_a_solve_past_its_time_expires(make_client: Callable[..., TestClient], tmp_path: Path) -> None:
    client = make_client(pricing_allowance_s=1.0)
    marker = tmp_path / "pid"
    asked = scenario_document(name=f"sleep {marker}", options={"time_limit_s": 0.5})
    job = wait(client, client.post("/v1/plan-jobs", json={"scenario": asked}).json()["id"])
    assert job["state"] == "expired"
    if written(marker):
        until(lambda: not alive(int(marker.read_text())))


def test_stopping_the_service_leaves_the_job_to_the_next_one(
    make_client: Callable[..., TestClient], tmp_path: Path
) -> None:
    marker = tmp_path / "seen"
    first = make_client()
    asked = {"scenario": scenario_document(name=f"once {marker}")}
    job = first.post("/v1/plan-jobs", json=asked).json()
    until(lambda: written(marker))
    first.app.state.services.queue.stop()  # type: ignore[attr-defined]
    assert first.get(job["links"]["self"]).json()["state"] == "queued"
    assert wait(make_client(), job["id"])["state"] == "succeeded"


@linux
def test_a_killed_server_takes_its_solves_along_and_the_next_finishes_them(tmp_path: Path) -> None:
    marker, url = tmp_path / "seen", f"sqlite:///{tmp_path / 'jobs.db'}"
    database = Database(url)
    upgrade(database)
    with database.writing() as session:
        asked = scenario_document(name=f"once {marker}", options={"time_limit_s": 30})
        job = JobRepository(session).add(asked, "once", {})

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", SERVER, url, *CHILD])

    def state() -> str:
        with database.reading() as session:
            found = JobRepository(session).get(job.id)
        assert found is not None
        return found.state

    server = start()
    until(lambda: written(marker))
    children = Path(f"/proc/{server.pid}/task").glob("*/children")
    child = int(" ".join(c.read_text() for c in children).split()[0])
    assert alive(child)
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    until(lambda: not alive(child))
    assert state() == "running"
    server = start()
    try:
        until(lambda: state() == "succeeded")
        with database.reading() as session:
            told = [event.kind for event in JobRepository(session).events(job.id, 0)]
            assert AnswerRepository(session).text(job.id) is not None
        assert told.count("done") == 1
        assert "log" in told
    finally:
        server.kill()
        server.wait()
        database.close()
