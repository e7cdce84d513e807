"""Plan jobs over HTTP: submit, follow, fetch, cancel."""

import copy
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from db.request_keys import RequestKeyRepository
from models import catalog, codec
from models.plan import RankedPlans
from tests.api.conftest import wait
from tests.api.sample_answer import scenario_document


def submit(client: TestClient, **headers: str) -> dict[str, Any]:
    answer = client.post("/v1/plan-jobs", json={"scenario": scenario_document()}, headers=headers)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/plan-jobs/{answer.json()['id']}"
    assert int(answer.headers["retry-after"]) > 0
    job: dict[str, Any] = answer.json()
    return job


def test_a_job_is_queued_solved_and_answered(client: TestClient) -> None:
    queued = submit(client)
    assert queued["state"] in ("queued", "running")
    job = wait(client, queued["id"])
    assert (job["state"], job["status"], job["incumbent"], job["gap"]) == ("succeeded", "optimal", 12.31, 0.0)
    answer = client.get(job["links"]["result"])
    assert answer.headers["content-type"] == "application/json"
    ranked = codec.from_plain(RankedPlans, answer.json())
    assert ranked.scenario.name == "llama-70b-2x8-h100"
    listed = client.get("/v1/plans").json()["items"]
    assert [p["rank"] for p in listed] == [1, 2]
    plan = client.get(listed[0]["links"]["self"]).json()
    assert plan["job_id"] == job["id"]
    assert plan["plan"] == answer.json()["plans"][0]
    assert client.get("/v1/plan-jobs?state=succeeded").json()["items"] == [job]
    assert client.get("/v1/plan-jobs?state=failed").json()["items"] == []


def test_infeasible_is_a_job_that_succeeded(client: TestClient) -> None:
    asked = {"scenario": scenario_document(name="infeasible")}
    job = wait(client, client.post("/v1/plan-jobs", json=asked).json()["id"])
    assert (job["state"], job["status"]) == ("succeeded", "infeasible")
    assert client.get(job["links"]["result"]).json()["infeasibility"]["relaxations"]


def test_a_stored_scenario_is_planned_at_the_revision_asked(client: TestClient) -> None:
    made = client.post("/v1/scenarios", json={"scenario": scenario_document(name="old")}).json()
    client.put(made["links"]["self"], json={"scenario": scenario_document(name="new")})
    for asked, name, number in (({"revision": 1}, "old", 1), ({}, "new", 2)):
        body = {"scenario_id": made["id"], **asked}
        job = wait(client, client.post("/v1/plan-jobs", json=body).json()["id"])
        assert (job["scenario_name"], job["revisions"]) == (name, {made["id"]: number})
    assert client.post("/v1/plan-jobs", json={"scenario_id": made["id"], "revision": 3}).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/scenario"),
        ({"scenario": None}, "/scenario"),
        ({"scenario": {"schema": "shardwright.scenario/9"}}, "/scenario"),
        ({"scenario": scenario_document(), "revision": 1}, "/revision"),
        ({"scenario_id": 7}, "/scenario_id"),
        ({"scenario_id": "x", "revision": 2**70}, "/revision"),
        ({"scenario_id": "x", "revision": True}, "/revision"),
        ({"scenario": scenario_document(), "scenario_id": "x"}, "/scenario"),
    ],
)
def test_a_bad_request_names_the_field(client: TestClient, body: Any, pointer: str) -> None:
    answer = client.post("/v1/plan-jobs", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)
    assert client.get("/v1/plan-jobs").json()["items"] == []


@pytest.mark.parametrize(
    ("place", "value"),
    [("model", {"hf_config": "/etc/passwd"}), ("workload", {"arrival": {"trace": {"path": "/etc/passwd"}}})],
)
def test_no_path_of_the_server_is_opened(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, place: str, value: Any
) -> None:
    asked = scenario_document()
    asked["deployments"][0][place] = value
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("opened"))
    answer = client.post("/v1/plan-jobs", json={"scenario": asked})
    assert answer.status_code in (422, 501)
    assert "root:" not in answer.text


def test_the_same_key_gives_the_same_job(client: TestClient) -> None:
    first, again = submit(client, **{"Idempotency-Key": "k-1"}), submit(client, **{"Idempotency-Key": "k-1"})
    assert first["id"] == again["id"]
    assert submit(client, **{"Idempotency-Key": "k-2"})["id"] != first["id"]
    other = {"scenario": scenario_document(name="other")}
    answer = client.post("/v1/plan-jobs", json=other, headers={"Idempotency-Key": "k-1"})
    assert answer.status_code == 422
    assert len(client.get("/v1/plan-jobs").json()["items"]) == 2


def test_a_running_job_is_cancelled_and_keeps_its_incumbent(client: TestClient, tmp_path: Path) -> None:
    asked = {"scenario": scenario_document(name=f"sleep {tmp_path / 'pid'}")}
    job = client.post("/v1/plan-jobs", json=asked).json()
    wait(client, job["id"], lambda j: j["incumbent"] is not None)
    assert client.get(job["links"]["result"]).status_code == 409
    cancelled = client.delete(job["links"]["self"]).json()
    assert (cancelled["state"], cancelled["incumbent"], cancelled["bound"]) == ("cancelled", 11.0, 12.5)
    assert client.delete(job["links"]["self"]).json()["state"] == "cancelled"
    assert client.get(job["links"]["result"]).status_code == 409


def test_too_many_waiting_jobs_are_refused(make_client: Callable[..., TestClient], tmp_path: Path) -> None:
    client = make_client(max_waiting_jobs=1)
    asked = {"scenario": scenario_document(name=f"sleep {tmp_path / 'pid'}")}
    assert client.post("/v1/plan-jobs", json=asked).status_code == 202
    refused = client.post("/v1/plan-jobs", json=asked)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0


def events(client: TestClient, job_id: str, **headers: str) -> list[dict[str, Any]]:
    text = client.get(f"/v1/plan-jobs/{job_id}/events", headers=headers).text
    blocks = [dict(line.split(": ", 1) for line in b.splitlines()) for b in text.split("\n\n") if b]
    return [{**b, "id": int(b["id"]), "data": json.loads(b["data"])} for b in blocks]


def test_events_tell_the_whole_story_and_resume(client: TestClient) -> None:
    job = submit(client)
    seen = events(client, job["id"])
    assert [e["id"] for e in seen] == list(range(1, len(seen) + 1))
    assert seen[0]["data"] == {"state": "queued"}
    assert seen[-1]["event"] == "done"
    assert seen[-1]["data"] == {"state": "succeeded"}
    assert any(e["event"] == "incumbent" and e["data"]["incumbent"] == 12.31 for e in seen)
    assert events(client, job["id"], **{"Last-Event-ID": "2"}) == seen[2:]
    assert events(client, job["id"], **{"Last-Event-ID": str(len(seen))}) == []
    assert client.get("/v1/plan-jobs/job-0/events").status_code == 404


@pytest.mark.parametrize(("name", "words"), [("crash", "ended with code 1"), ("refuse", "h100: no price")])
def test_a_solve_that_fails_says_why(client: TestClient, name: str, words: str) -> None:
    asked = {"scenario": scenario_document(name=name)}
    job = wait(client, client.post("/v1/plan-jobs", json=asked).json()["id"])
    assert job["state"] == "failed"
    assert words in job["error"]["detail"]
    assert words in client.get(job["links"]["result"]).json()["detail"]


def unpriced(document: dict[str, Any]) -> None:
    document["objective"] = "min_cost"
    document["cluster"]["pools"][0]["device"] = next(
        device.id for device in catalog.devices() if device.price_usd_per_hour is None
    )


def unbounded(document: dict[str, Any]) -> None:
    document["cluster"]["pools"][0]["nodes"] = None


def unknown_twice(document: dict[str, Any]) -> None:
    document["cluster"]["pools"][0]["device"] = "abacus"
    document["deployments"][0]["model"] = "nobody/nothing"


@pytest.mark.parametrize(
    ("spoil", "pointers"),
    [
        (unpriced, ["/scenario/cluster/pools/0/price_usd_per_device_hour"]),
        (unbounded, ["/scenario/cluster/pools/0/nodes"]),
        (unknown_twice, ["/scenario/cluster/pools/0/device", "/scenario/deployments/0/model"]),
    ],
)
@pytest.mark.parametrize("path", ["/v1/plan-jobs", "/v1/scenarios"])
def test_what_pricing_would_refuse_is_refused_before_it_is_stored(
    client: TestClient, spoil: Callable[[dict[str, Any]], None], pointers: list[str], path: str
) -> None:
    document = copy.deepcopy(scenario_document())
    spoil(document)
    answer = client.post(path, json={"scenario": document})
    assert answer.status_code == 422, answer.text
    assert [fault["pointer"] for fault in answer.json()["errors"]] == pointers
    assert client.get(path).json()["items"] == []


def test_what_is_not_built_is_told_at_its_place(client: TestClient) -> None:
    answer = client.post("/v1/plan-jobs", json={"scenario": scenario_document(options={"verify": "top1"})})
    assert answer.status_code == 501
    assert answer.json()["errors"][0]["pointer"] == "/scenario/options/verify"


def test_twenty_posts_at_once_are_twenty_jobs_and_one_key_is_one_job(client: TestClient) -> None:
    def post(key: str) -> str:
        answer = client.post(
            "/v1/plan-jobs", json={"scenario": scenario_document()}, headers={"Idempotency-Key": key}
        )
        assert answer.status_code == 202, answer.text
        made: str = answer.json()["id"]
        client.delete(f"/v1/plan-jobs/{made}")
        return made

    with ThreadPoolExecutor(20) as many:
        assert len(set(many.map(post, map(str, range(20))))) == 20
        assert len(set(many.map(post, ["same"] * 20))) == 1


def test_a_key_that_another_request_stores_in_between_gives_the_job_of_that_request(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = submit(client, **{"Idempotency-Key": "raced"})
    seen, blind = RequestKeyRepository.get, iter([True])
    monkeypatch.setattr(
        RequestKeyRepository, "get", lambda self, key: None if next(blind, False) else seen(self, key)
    )
    assert submit(client, **{"Idempotency-Key": "raced"})["id"] == first["id"]
    assert len(client.get("/v1/plan-jobs").json()["items"]) == 1
