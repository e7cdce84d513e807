"""The whole service under faults: killed, its disk full, its solves hanging or eating memory; by counting."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from db.database import Database
from tests.api.conftest import CHILD
from tests.api.sample_answer import scenario_document
from tests.api.worker_processes import assert_each_ended_once, look, until, wait_for_all

pytestmark = pytest.mark.long

JOBS = 200
MOST_LATE = 2_000


@contextmanager
def serving(url: str, port: int, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """The real program with the scripted child; killed at the end, if it still lives."""
    environment = {
        **os.environ,
        "SHARDWRIGHT_SOLVE_COMMAND": json.dumps(CHILD),
        "SHARDWRIGHT_MAX_ATTEMPTS": "20",
        "SHARDWRIGHT_PRICING_ALLOWANCE_S": "6",
        "SHARDWRIGHT_MAX_WAITING_JOBS": "10000",
        **settings,
    }
    arguments = [sys.executable, "-m", "api.cli", "serve", "--port", str(port), "--db", url]
    process = subprocess.Popen(arguments, env=environment, stderr=subprocess.DEVNULL)
    try:
        until(lambda: answers(port))
        yield process
    finally:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    with suppress(httpx2.TransportError):
        return httpx2.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    return False


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def post(client: httpx2.Client, name: str) -> httpx2.Response:
    asked = scenario_document(name=name, options={"time_limit_s": 0.5})
    return client.post(
        "/v1/plan-jobs", json={"scenario": asked}, headers={"Idempotency-Key": name.replace(" ", "-")}
    )


def test_a_server_killed_while_it_accepts_200_jobs_keeps_every_one_it_accepted(tmp_path: Path) -> None:
    url, port = f"sqlite:///{tmp_path / 'service.db'}", free_port()
    accepted: dict[str, str] = {}
    for start in range(0, JOBS, 50):
        with serving(url, port) as server, httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
            for i in range(start, start + 50):
                accepted[str(i)] = post(client, f"pause 0.02 {i}").json()["id"]
            os.kill(server.pid, signal.SIGKILL)
            server.wait()
    database = Database(url)
    keys = list(accepted.values())
    assert len(set(keys)) == JOBS
    with serving(url, port), httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert post(client, "pause 0.02 7").json()["id"] == accepted["7"]
        wait_for_all(database, keys)
    assert_each_ended_once(database, keys)
    database.close()


def test_solves_that_hang_eat_memory_or_crash_end_once_among_200(tmp_path: Path) -> None:
    url, port = f"sqlite:///{tmp_path / 'service.db'}", free_port()
    wanted = {"hang": "expired", "hog": "failed", "crash": "failed", "fine": "succeeded"}
    kinds = ["fine"] * (JOBS - 12) + ["hang", "hog", "crash"] * 4
    with serving(url, port), httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
        keys = [post(client, f"{kind} {i}").json()["id"] for i, kind in enumerate(kinds)]
        database = Database(url)
        wait_for_all(database, keys)
    ended = Counter((kind, job.state) for kind, job in zip(kinds, look(database, keys), strict=True))
    assert ended == Counter((kind, wanted[kind]) for kind in kinds)
    database.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    where = tmp_path / "disk"
    where.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(where)], check=False, capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("mounting a small file system is not permitted")
    yield where
    subprocess.run(["umount", "-l", str(where)], check=False)


def test_a_full_disk_refuses_new_jobs_and_loses_none_of_200(small_disk: Path) -> None:
    url, port = f"sqlite:///{small_disk / 'service.db'}", free_port()
    with serving(url, port), httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        keys = [post(client, f"pause 0.02 {i}").json()["id"] for i in range(JOBS)]
        filler = small_disk / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as full:
            while True:
                full.write(b"\0" * 4096)
        late: list[httpx2.Response] = []  # the log has room for some more before the disk is needed
        while len(late) < MOST_LATE and (not late or late[-1].status_code == 202):
            late.append(post(client, f"late {len(late)}"))
        assert late[-1].status_code == 503, late[-1].text
        assert "nothing was stored" in late[-1].json()["detail"]
        filler.unlink()
        keys += [each.json()["id"] for each in late[:-1]]
        database = Database(url)
        wait_for_all(database, keys)
        assert post(client, f"late {len(late)}").status_code == 202
    assert_each_ended_once(database, keys)
    database.close()
