"""Sweeps over REST: every combination once, in order, whatever happens to the processes that solve them."""

import csv
import io
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from api.routes.sweeps import batch_size
from db.database import Database
from db.sweeps import SweepRepository
from db.upgrade import upgrade
from models.sweep import Axis
from planner import sweep
from tests.api.conftest import PATIENCE_S
from tests.api.sample_answer import scenario_document
from tests.api.worker_processes import until, url_of, worker

NODES = {"change": "cluster.pools.h100.nodes", "values": [1, 2, 3]}
TPOT = {"change": "slo.chat.tpot_s.limit_s", "values": [0.03, 0.05]}


def submit(
    client: TestClient, name: str = "fine", axes: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    asked = {"scenario": scenario_document(name=name), "axes": axes or [NODES, TPOT]}
    answer = client.post("/v1/sweeps", json=asked)
    assert answer.status_code == 202, answer.text
    made: dict[str, Any] = answer.json()
    assert answer.headers["location"] == made["links"]["self"]
    return made


def finished(client: TestClient, made: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        now: dict[str, Any] = client.get(made["links"]["self"]).json()
        if now["state"] not in ("queued", "running"):
            return now
        time.sleep(0.02)
    raise AssertionError("the sweep did not end")


def test_a_sweep_has_one_line_per_combination(client: TestClient) -> None:
    made = submit(client)
    assert (made["total"], made["done"], made["state"]) == (6, 0, "queued")
    done = finished(client, made)
    assert (done["state"], done["done"], done["statuses"]) == ("succeeded", 6, {"optimal": 6})
    lines = client.get(f"{made['links']['self']}/results").text.splitlines()
    assert [json.loads(line)["number"] for line in lines] == list(range(6))
    table = list(csv.DictReader(io.StringIO(client.get(f"{made['links']['self']}/results?format=csv").text)))
    assert [row["status"] for row in table] == ["optimal"] * 6
    assert list(table[0])[:3] == ["number", NODES["change"], TPOT["change"]]
    assert [item["id"] for item in client.get("/v1/sweeps").json()["items"]] == [made["id"]]
    assert client.get("/v1/plan-jobs").json()["items"] == []


def test_a_point_that_crashes_is_told_and_the_others_go_on(client: TestClient) -> None:
    done = finished(client, submit(client, "crash"))
    assert (done["state"], done["statuses"], done["failed"]) == ("succeeded", {"optimal": 5, "failed": 1}, 1)
    bad = json.loads(client.get(f"{done['links']['self']}/results").text.splitlines()[3])
    assert bad["changes"] == {NODES["change"]: 2, TPOT["change"]: 0.05}
    assert "without an answer" in bad["reason"]


def test_cancelling_keeps_what_is_done(client: TestClient) -> None:
    made = submit(client, "pause 0.2", [{**NODES, "values": list(range(1, 41))}])
    until(lambda: client.get(made["links"]["self"]).json()["done"] > 0)
    stopped = client.delete(made["links"]["self"]).json()
    assert stopped["state"] == "cancelled"
    time.sleep(0.5)
    later = client.get(made["links"]["self"]).json()
    assert 0 < later["done"] < 40
    assert len(client.get(made["links"]["results"]).text.splitlines()) == later["done"]


@pytest.mark.parametrize(
    ("axes", "pointer"),
    [
        ([{"change": "cluster.pools.h200.nodes", "values": [1]}], "/axes/0/change"),
        ([NODES, {**TPOT, "values": [0.1, -1]}], "/axes/1/values/1"),
        ([NODES, NODES], "/axes/1/change"),
        ([{**NODES, "values": []}], "/axes/0/values"),
        (
            [{**NODES, "values": list(range(1, 201))}, {**TPOT, "values": [i / 1e3 for i in range(1, 101)]}],
            "/axes",
        ),
        ([{"change": NODES["change"]}], "/axes/0/values"),
        ([], "/axes"),
        ("nodes", "/axes"),
    ],
)
def test_what_cannot_be_swept_is_refused(client: TestClient, axes: Any, pointer: str) -> None:
    answer = client.post("/v1/sweeps", json={"scenario": scenario_document(), "axes": axes})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert client.get("/v1/sweeps").json()["items"] == []


def test_the_same_key_gives_the_same_sweep(client: TestClient) -> None:
    asked = {"scenario": scenario_document(name="fine"), "axes": [NODES]}
    headers = {"Idempotency-Key": "once"}
    first, second = (client.post("/v1/sweeps", json=asked, headers=headers).json() for _ in range(2))
    assert first["id"] == second["id"]
    assert len(client.get("/v1/sweeps").json()["items"]) == 1
    other = client.post("/v1/sweeps", json={**asked, "axes": [TPOT]}, headers=headers)
    job = client.post("/v1/plan-jobs", json={"scenario": asked["scenario"]}, headers=headers)
    assert (other.status_code, job.status_code) == (422, 422)


def test_there_is_no_such_sweep(client: TestClient) -> None:
    for answer in (
        client.get("/v1/sweeps/sweep-0"),
        client.get("/v1/sweeps/sweep-0/results"),
        client.delete("/v1/sweeps/sweep-0"),
    ):
        assert answer.status_code == 404


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_numbers_run_over_every_combination_once(sizes: list[int]) -> None:
    axes = tuple(Axis(change=f"a{i}", values=tuple(range(size))) for i, size in enumerate(sizes))
    seen = [tuple(c.to for c in sweep.changes_at(axes, n)) for n in range(sweep.total(axes))]
    assert seen == sorted(set(seen))
    assert len(seen) == sweep.total(axes)


@given(st.integers(1, 10_000), st.integers(1, 64))
def test_batches_are_neither_empty_nor_too_large(total: int, slots: int) -> None:
    assert 1 <= batch_size(total, slots) <= 50


def test_a_worker_killed_half_way_through_2000_points_loses_none(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'jobs.db'}")
    upgrade(database)
    axes = [{"change": "x", "values": list(range(2_000))}]
    with database.writing() as session:
        made = SweepRepository(session).add(
            scenario_document(name="fine"), axes, 2_000, revisions={}, batch=50
        )

    def done() -> int:
        with database.reading() as session:
            found = SweepRepository(session).get(made.id)
        assert found is not None
        return found.done

    with worker(url_of(database)) as victim:
        until(lambda: done() >= 700)
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
    assert done() < 2_000
    with worker(url_of(database)):
        until(lambda: done() == 2_000)
        with database.reading() as session:
            sweeps = SweepRepository(session)
            until(lambda: sweeps.jobs(made.id) == [])
    with database.reading() as session:
        assert [point.number for point in SweepRepository(session).points(made.id)] == list(range(2_000))
    database.close()
