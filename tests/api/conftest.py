"""A service on a temporary database whose solves are done by a scripted child."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.jobs.subprocess_queue import SubprocessQueue
from api.settings import Settings
from db.database import Database

CHILD = (sys.executable, str(Path(__file__).parent / "fake_child.py"))
FINISHED = ("succeeded", "failed", "cancelled", "expired")
PATIENCE_S = 60.0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(database_url=f"sqlite:///{tmp_path / 'service.db'}", max_body_bytes=200_000)


@pytest.fixture
def make_client(settings: Settings) -> Iterator[Callable[..., TestClient]]:
    """Starts services on one database, one after the other or side by side."""
    running: list[TestClient] = []

    def make(**changes: Any) -> TestClient:
        chosen = settings.model_copy(update=changes)
        queue = SubprocessQueue(
            Database(chosen.database_url),
            workers=2,
            pricing_allowance_s=chosen.pricing_allowance_s,
            max_attempts=chosen.max_attempts,
            command=CHILD,
        )
        client = TestClient(create_app(chosen, queue), raise_server_exceptions=False)
        client.__enter__()
        running.append(client)
        return client

    yield make
    for client in running:
        client.__exit__(None, None, None)


@pytest.fixture
def client(make_client: Callable[..., TestClient]) -> TestClient:
    return make_client()


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
