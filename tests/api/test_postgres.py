"""Several workers on a PostgreSQL of their own: killed, doubled, cut off, and every job still ends once."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count

import httpx2
import pytest

from api.jobs.dbos_engine import migrate
from api.jobs.wiring import system_url
from db.database import Database
from db.jobs import JobRepository
from db.upgrade import upgrade
from db.workers import WorkerRepository
from tests import postgres
from tests.api.conftest import FINISHED
from tests.api.test_faults import free_port, post, serving
from tests.api.worker_processes import (
    assert_each_ended_once,
    look,
    submit,
    until,
    url_of,
    wait_for_all,
    worker,
)

pytestmark = [
    pytest.mark.long,
    pytest.mark.postgres,
    pytest.mark.skipif(postgres.binaries() is None, reason="no PostgreSQL server is installed"),
]
JOBS = 200
_numbers = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Server]:
    with postgres.server(tmp_path_factory.mktemp("postgres")) as made:
        yield made


@pytest.fixture
def database(server: postgres.Server) -> Iterator[Database]:
    made = Database(server.database(f"case_{next(_numbers)}"))
    upgrade(made)
    migrate(system_url(made.url))
    yield made
    made.close()


def done(database: Database, keys: list[str]) -> int:
    return sum(job.state in FINISHED for job in look(database, keys))


def test_workers_killed_over_200_jobs_lose_none_and_double_none(database: Database) -> None:
    keys = submit(database, [f"pause 0.03 {i}" for i in range(JOBS)])
    with worker(url_of(database)) as steady:
        for part in (20, 60, 100, 140):
            with worker(url_of(database)) as victim:
                until(lambda n=part: done(database, keys) >= n)  # type: ignore[misc]
                os.kill(victim.pid, signal.SIGKILL)
        wait_for_all(database, keys)
        assert steady.poll() is None
        until(lambda: len(_workers(database)) == 1)
    assert_each_ended_once(database, keys)


def test_the_database_killed_over_200_jobs_loses_none(database: Database, server: postgres.Server) -> None:
    keys = submit(database, [f"pause 0.03 {i}" for i in range(JOBS)])
    with worker(url_of(database)), worker(url_of(database)):
        for part in (20, 90):
            until(lambda n=part: done(database, keys) >= n)  # type: ignore[misc]
            server.kill()
            time.sleep(1)
            server.start()
        wait_for_all(database, keys)
    assert_each_ended_once(database, keys)


def test_a_worker_that_only_seemed_dead_changes_nothing(database: Database) -> None:
    keys = submit(database, [f"pause 3 {i}" for i in range(4)])
    with worker(url_of(database)) as frozen, worker(url_of(database)):
        until(lambda: sum(job.state == "running" for job in look(database, keys)) >= 3)
        os.kill(frozen.pid, signal.SIGSTOP)
        wait_for_all(database, keys)
        os.kill(frozen.pid, signal.SIGCONT)
        until(lambda: len(_workers(database)) == 2)
        time.sleep(1)
    assert_each_ended_once(database, keys)


def test_two_claims_of_one_job_run_it_once(database: Database) -> None:
    from db.job_work import JobWork

    [key] = submit(database, ["fine"])
    won: list[object] = []

    def claim(owner: str) -> None:
        with database.writing() as session:
            won.append(JobWork(session).claim(key, owner))

    threads = [threading.Thread(target=claim, args=(f"w{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(each is not None for each in won) == 1


def _workers(database: Database) -> list[str]:
    with database.reading() as session:
        return [each.id for each in WorkerRepository(session).all()]


def test_documents_and_jobs_are_stored_as_on_sqlite(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from db.base import Base

    with database.connection() as connection:
        ours = MigrationContext.configure(connection, opts={"compare_type": True, "include_schemas": False})
        differences = compare_metadata(ours, Base.metadata)
    assert differences == []
    with database.writing() as session:
        key = JobRepository(session).add({"a": [1, 2.5, None]}, "ü", {"x": 1}).id
    [job] = look(database, [key])
    assert (job.scenario, job.scenario_name, job.revisions) == ({"a": [1, 2.5, None]}, "ü", {"x": 1})


def test_two_servers_and_a_worker_share_the_work_and_outlive_the_database(
    database: Database, server: postgres.Server
) -> None:
    url, ports = url_of(database), (free_port(), free_port())
    with ExitStack() as running, worker(url):
        clients = []
        for port in ports:
            running.enter_context(serving(url, port, SHARDWRIGHT_WORKERS="0"))
            clients.append(
                running.enter_context(httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30))
            )
        with ThreadPoolExecutor(16) as many:
            made = list(many.map(lambda i: post(clients[i % 2], f"fine {i // 2}").json()["id"], range(60)))
        assert len(set(made)) == 30  # each key was sent to both servers
        wait_for_all(database, made)
        assert_each_ended_once(database, sorted(set(made)))
        server.kill()
        away = clients[0].get(f"/v1/plan-jobs/{made[0]}")
        assert (away.status_code, away.headers["content-type"]) == (503, "application/problem+json")
        assert post(clients[1], "late").status_code == 503
        server.start()
        until(lambda: clients[0].get(f"/v1/plan-jobs/{made[0]}").status_code == 200)
        until(lambda: post(clients[1], "late").status_code == 202)
        late = post(clients[0], "late").json()["id"]
        wait_for_all(database, [late])
        assert_each_ended_once(database, [late])
