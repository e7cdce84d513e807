"""A service on a temporary database whose solves are done by a scripted child."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.jobs.subprocess_queue import SubprocessQueue
from api.pages import form_token
from api.settings import Settings
from db.database import Database

CHILD = (sys.executable, str(Path(__file__).parent / "fake_child.py"))
FINISHED = ("succeeded", "failed", "cancelled", "expired")
PATIENCE_S = 60.0


def settings_in(folder: Path, **changes: Any) -> Settings:
    """Settings of a service that keeps its database in a folder."""
    chosen = {"max_body_bytes": 200_000, **changes}
    return Settings(database_url=f"sqlite:///{folder / 'service.db'}", **chosen)


class PageClient(TestClient):
    """Sends the forms of pages as a browser does: with the token of the page they stand on."""

    def post(self, url: Any, **options: Any) -> Any:
        """As it is for REST and for raw bodies."""
        if not str(url).startswith("/v1") and "content" not in options:
            if form_token.COOKIE not in self.cookies:
                self.get("/")
            form = "/" if url == "/memory-bar" else str(url)  # the bar reads the fields of the form at /
            token = form_token.token(self.cookies[form_token.COOKIE], form)
            options["data"] = {form_token.FIELD: token, **options.get("data", {})}
        return super().post(url, **options)


@contextmanager
def service(chosen: Settings) -> Iterator[TestClient]:
    """A running service whose solves are done by the scripted child."""
    database = Database(chosen.database_url)
    queue = SubprocessQueue(
        database,
        workers=2,
        pricing_allowance_s=chosen.pricing_allowance_s,
        max_attempts=chosen.max_attempts,
        command=CHILD,
    )
    try:
        with PageClient(create_app(chosen, queue), raise_server_exceptions=False) as client:
            yield client
    finally:
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
