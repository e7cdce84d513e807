"""A service on a temporary database whose solves are done by a scripted child."""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import Request
from fastapi.testclient import TestClient

from api.app import create_app
from api.jobs.child_pool import ChildPool
from api.jobs.job_runner import JobRunner
from api.jobs.thread_queue import ThreadQueue
from api.pages import form_token
from api.settings import Settings
from db.database import Database

CHILD = (sys.executable, str(Path(__file__).parent / "fake_child.py"))
FINISHED = ("succeeded", "failed", "cancelled", "expired")
PATIENCE_S = 60.0
A_REQUEST = Request({"type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": []})


def settings_in(folder: Path, **changes: Any) -> Settings:
    """Settings of a service that keeps its database in a folder."""
    chosen = {"max_body_bytes": 200_000, **changes}
    return Settings(database_url=f"sqlite:///{folder / 'service.db'}", **chosen)


def thread_queue(database: Database, chosen: Settings, workers: int = 2) -> ThreadQueue:
    """A queue of threads over the scripted child."""
    runner = JobRunner(
        database, ChildPool(CHILD), worker_id="threads", pricing_allowance_s=chosen.pricing_allowance_s
    )
    return ThreadQueue(runner, workers=workers, max_interruptions=chosen.max_attempts)


class PageClient(TestClient):
    """Sends the forms of pages as a browser does: with the token of the page they stand on."""

    def post(self, url: Any, **options: Any) -> Any:
        """As it is for REST and for raw bodies."""
        if not str(url).startswith("/v1") and "content" not in options:
            if form_token.COOKIE not in self.cookies:
                self.get("/", follow_redirects=True)
            form = "/" if url == "/memory-bar" else str(url)  # the bar reads the fields of the form at /
            token = form_token.token(self.cookies[form_token.COOKIE], form)
            options["data"] = {form_token.FIELD: token, **options.get("data", {})}
        return super().post(url, **options)


@contextmanager
def service(chosen: Settings) -> Iterator[TestClient]:
    """A running service whose solves are done by the scripted child."""
    database = Database(chosen.database_url)
    queue = thread_queue(database, chosen)
    try:
        with PageClient(create_app(chosen, queue), raise_server_exceptions=False) as client:
            yield client
    finally:
        database.close()


@contextmanager
def served(chosen: Settings, workers: int = 1) -> Iterator[tuple[str, Database]]:
    """A service behind a real port, and its database."""
    database = Database(chosen.database_url)
    app = create_app(chosen, thread_queue(database, chosen, workers))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        deadline = time.monotonic() + PATIENCE_S
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", database
        finally:
            server.should_exit = True
            thread.join()
            database.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def make_client(tmp_path: Path) -> Iterator[Callable[..., TestClient]]:
    """Starts services on one database, one after the other or side by side."""
    with ExitStack() as running:
        yield lambda **changes: running.enter_context(service(settings_in(tmp_path, **changes)))


@pytest.fixture
def client(make_client: Callable[..., TestClient]) -> TestClient:
    return make_client()


@pytest.fixture(scope="module")
def shared_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One service for the tests of a file that leave nothing behind."""
    with service(settings_in(tmp_path_factory.mktemp("service"))) as client:
        yield client


def wait(
    client: TestClient, job_id: str, until: Callable[[dict[str, Any]], bool] | None = None
) -> dict[str, Any]:
    """Poll a job until it ends, or until ``until`` holds."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        job: dict[str, Any] = client.get(f"/v1/plan-jobs/{job_id}").json()
        if job["state"] in FINISHED or (until is not None and until(job)):
            return job
        time.sleep(0.02)
    raise AssertionError(f"job {job_id} did not end")
