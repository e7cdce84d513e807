"""Calibrations over HTTP: stored, revised, named by scenarios, fitted from uploaded results."""

import copy
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.conftest import wait
from tests.api.sample_answer import scenario_document
from tests.cli.test_calibrate import LOADS, ROW, result

CALIBRATION: dict[str, Any] = {
    "schema": "shardwright.calibration/1",
    "name": "mine",
    "kind": "calibrated",
    "systems": [
        {
            "device": "h100-sxm",
            "engine": "vllm",
            "versions": ["0.19.0"],
            "models": ["meta-llama/Meta-Llama-3.1-8B"],
            "points": 10,
        }
    ],
    "parameters": {"memory/gemm": 0.5},
    "points": 10,
    "error_frac": {
        name: {"before_frac": 0.3, "after_frac": 0.1, "left_out_frac": None} for name in ("ttft_s", "tpot_s")
    },
    "error_band_frac": {"ttft_s": [0.8, 1.3], "tpot_s": [0.9, 1.1]},
    "fitted_on": "0123456789abcdef",
    "sources": ["bench.json"],
}
TEXT = "\n".join(json.dumps(result(load)) for load in LOADS)


def create(client: TestClient, content: Any = CALIBRATION) -> dict[str, Any]:
    answer = client.post("/v1/calibrations", json={"name": "first", "calibration": content})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def changed(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(CALIBRATION), **fields}


def kept(client: TestClient) -> list[tuple[str, int]]:
    items = client.get("/v1/calibrations").json()["items"]
    return [(item["id"], item["revision"]) for item in items]


def test_a_calibration_is_stored_and_its_revisions_never_change(client: TestClient) -> None:
    made = create(client)
    assert made["id"].startswith("calibration-")
    assert made["calibration"] == CALIBRATION
    where = made["links"]["self"]
    newer = changed(parameters={"memory/gemm": 0.1})
    revised = client.put(where, json={"name": "second", "calibration": newer})
    assert (revised.status_code, revised.json()["revision"]) == (200, 2)
    assert client.get(f"{where}/revisions/1").json()["calibration"] == CALIBRATION
    assert client.get(where).json()["calibration"] == newer
    assert [item["revision"] for item in client.get(f"{where}/revisions").json()["items"]] == [2, 1]
    assert client.delete(where).status_code == 204
    assert client.get(where).status_code == 404


def test_devices_are_stored_under_their_ids(client: TestClient) -> None:
    alias = changed()
    alias["systems"][0]["device"] = "H100"
    assert create(client, alias)["calibration"] == CALIBRATION


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        ({}, "/calibration"),
        ("mine.json", "/calibration"),
        (changed(parameters={"own": 99.0}), "/calibration/parameters/own"),
        (changed(parameters={"own": "fast"}), "/calibration/parameters/own"),
        (
            changed(systems=[{**CALIBRATION["systems"][0], "device": "abacus"}]),
            "/calibration/systems/0/device",
        ),
        (changed(error_band_frac={"ttft_s": [2, 1], "tpot_s": [1, 2]}), "/calibration/error_band_frac"),
        (changed(schema="shardwright.scenario/1"), "/calibration/schema"),
    ],
)
def test_a_bad_calibration_is_refused_and_nothing_stored(
    client: TestClient, content: Any, pointer: str
) -> None:
    made = create(client)
    body = {"name": "bad", "calibration": content}
    for answer in (client.post("/v1/calibrations", json=body), client.put(made["links"]["self"], json=body)):
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"].startswith(pointer)
    assert kept(client) == [(made["id"], 1)]


def test_a_job_records_the_revision_it_used(client: TestClient) -> None:
    made = create(client)
    client.put(made["links"]["self"], json={"name": "x", "calibration": changed(parameters={"own": 0.1})})
    for reference, number in (({"id": made["id"], "revision": 1}, 1), ({"id": made["id"]}, 2)):
        asked = {"scenario": scenario_document(calibration=reference)}
        job = wait(client, client.post("/v1/plan-jobs", json=asked).json()["id"])
        assert (job["state"], job["revisions"]) == ("succeeded", {made["id"]: number})
        used = client.get(job["links"]["result"]).json()["scenario"]["calibration"]
        assert used["parameters"] == ({"memory/gemm": 0.5} if number == 1 else {"own": 0.1})


def test_a_stored_scenario_keeps_the_revision_it_was_made_from(client: TestClient) -> None:
    made = create(client)
    scenario = client.post("/v1/scenarios", json=scenario_document(calibration={"id": made["id"]})).json()
    assert scenario["made_from"] == {made["id"]: 1}
    assert scenario["scenario"]["calibration"] == CALIBRATION


@pytest.mark.parametrize(
    ("reference", "pointer"),
    [
        ({"id": "calibration-none"}, "/scenario/calibration/id"),
        ({"id": 3}, "/scenario/calibration/id"),
        ("mine.json", "/scenario/calibration"),
        (changed(points=0), "/scenario/calibration/points"),
        (
            changed(systems=[{**CALIBRATION["systems"][0], "device": "abacus"}]),
            "/scenario/calibration/systems/0/device",
        ),
    ],
)
def test_a_scenario_under_no_calibration_is_refused(client: TestClient, reference: Any, pointer: str) -> None:
    answer = client.post("/v1/plan-jobs", json={"scenario": scenario_document(calibration=reference)})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert client.get("/v1/plan-jobs").json()["items"] == []


def test_predictions_are_corrected(client: TestClient) -> None:
    made = create(client)
    shipped = client.post("/v1/predict", json={"rows": [ROW]}).json()["rows"][0]
    for own in (CALIBRATION, {"id": made["id"]}, {"id": made["id"], "revision": 1}):
        found = client.post("/v1/predict", json={"rows": [ROW], "calibration": own}).json()["rows"][0]
        assert found["tpot_s"]["mean"] > 1.2 * shipped["tpot_s"]["mean"]
        assert found["evidence"]["kind"] == "calibrated"
    for own in ({"id": "none"}, "mine", {}):
        answer = client.post("/v1/predict", json={"rows": [ROW], "calibration": own})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"].startswith("/calibration")


def test_results_are_fitted_and_stored(client: TestClient) -> None:
    files = [
        {"name": "bench.jsonl", "text": TEXT},
        {"name": "open.json", "text": json.dumps(result(LOADS[0], request_rate=2.0))},
    ]
    answer = client.post("/v1/calibrations:fit", json={"name": "uploaded", "files": files})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert answer.headers["location"] == made["links"]["self"]
    assert [each["file"] for each in made.pop("refused")] == ["open.json"]
    assert client.get(made["links"]["self"]).json() == made
    own = made["calibration"]
    assert (own["name"], own["points"], own["systems"][0]["device"]) == ("uploaded", 6, "h100-sxm")
    assert own["error_frac"]["tpot_s"]["after_frac"] < own["error_frac"]["tpot_s"]["before_frac"] / 2
    assert own["sources"] == ["bench.jsonl (vllm-bench, 6 points)"]


def test_what_files_do_not_say_is_told_beside_them(client: TestClient) -> None:
    text = json.dumps(result(LOADS[0], gpu=None, tensor_parallel_size=None, model_id="mine"))
    system = {
        "model": "llama-3.1-8b",
        "device": "h200",
        "tp": 2,
        "precision": {"weights": "fp8", "kv": "fp8"},
    }
    body = {"name": "told", "files": [{"name": "a", "text": text}], "system": system}
    made = client.post("/v1/calibrations:fit", json=body).json()
    assert made["calibration"]["systems"][0]["device"] == "h200-sxm"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"files": []}, "/files"),
        ({"files": "x"}, "/files"),
        ({"files": [3]}, "/files/0"),
        ({"files": [{"name": "a"}]}, "/files/0/text"),
        ({"files": [{"name": "a", "text": 3}]}, "/files/0/text"),
        ({"files": [{"name": "a", "text": "{"}]}, "/files"),
        ({"files": [{"name": "a", "text": '{"a": 1}'}]}, "/files"),
        ({"files": [{"name": "a", "text": json.dumps(result(LOADS[0], request_rate=2.0))}]}, "/files"),
        ({"files": [{"name": "a", "text": "\n".join([json.dumps(result(LOADS[0]))] * 301)}]}, "/files"),
        ({"system": {"device": "abacus"}}, "/system/device"),
        ({"system": {"tp": 0}}, "/system/tp"),
        ({"system": {"colour": "red"}}, "/system/colour"),
        ({"system": 3}, "/system"),
        ({"name": ""}, "/name"),
        ({"name": 3}, "/name"),
        ({"more": 1}, "/more"),
    ],
)
def test_a_bad_upload_is_refused_and_nothing_stored(
    client: TestClient, change: dict[str, Any], pointer: str
) -> None:
    body = {"name": "x", "files": [{"name": "a", "text": TEXT}], **change}
    answer = client.post("/v1/calibrations:fit", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert kept(client) == []
