"""Predictions and checks over HTTP, priced for real."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from tests.api.sample_answer import scenario_document

ROW: dict[str, Any] = {
    "id": "a",
    "model": "meta-llama/Meta-Llama-3.1-70B",
    "device": "h100-sxm",
    "engine": {"name": "vllm", "version": None},
    "precision": {"weights": "fp8", "kv": "fp8"},
    "input_tokens": 3000,
    "output_tokens": 300,
    "concurrency": 32,
    "devices": 4,
    "groups": [{"role": "aggregated", "replicas": 1, "parallelism": {"tp": 4}}],
}


@pytest.fixture(name="client", scope="module")
def one_service_for_all(shared_client: TestClient) -> TestClient:
    return shared_client


def test_one_row_gives_one_answer_that_follows_its_schema(client: TestClient) -> None:
    answer = client.post("/v1/predict", json=ROW)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "ok"
    assert 0 < answer.json()["tpot_s"]["mean"] < 1
    Draft202012Validator(client.get("/v1/schemas/prediction.json").json()).validate(answer.json())
    Draft202012Validator(client.get("/v1/schemas/predict-row.json").json()).validate(ROW)


def test_rows_are_answered_in_order_and_a_bad_one_says_why(client: TestClient) -> None:
    rows = [ROW, {**ROW, "id": "b", "device": "abacus"}, {**ROW, "id": "c"}]
    answer = client.post("/v1/predict", json={"rows": rows}).json()["rows"]
    assert [(r["id"], r["status"]) for r in answer] == [("a", "ok"), ("b", "invalid"), ("c", "ok")]
    assert "abacus" in answer[1]["reason"]


def test_the_number_of_rows_is_bounded(client: TestClient) -> None:
    answer = client.post("/v1/predict", json={"rows": [0] * 5001})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/rows"
    assert client.post("/v1/predict", json={"rows": 3}).status_code == 422


def test_a_configuration_is_held_against_a_scenario(client: TestClient) -> None:
    config = [{"role": "aggregated", "replicas": 2, "parallelism": {"tp": 8}}]
    answer = client.post("/v1/check", json={"scenario": scenario_document(), "config": config})
    assert answer.status_code == 200, answer.text
    assert answer.json()["feasible"] is True
    assert answer.json()["gap_to_best"] > 0


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"scenario": scenario_document()}, "/config"),
        ({"scenario": {}, "config": []}, "/scenario"),
        ({"scenario": scenario_document(), "config": []}, "/config"),
        ({"scenario": scenario_document(), "config": [{"role": "cook"}]}, "/config"),
    ],
)
def test_a_bad_check_names_the_field(client: TestClient, body: Any, pointer: str) -> None:
    answer = client.post("/v1/check", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)


def test_a_pasted_engine_command_line_is_not_built(client: TestClient) -> None:
    asked = {"scenario": scenario_document(), "config": "vllm serve x --tensor-parallel-size 8"}
    answer = client.post("/v1/check", json=asked)
    assert answer.status_code == 501, answer.text
    assert answer.json()["errors"][0]["pointer"] == "/config"
    assert client.post("/v1/check", json={**asked, "config": "hello"}).status_code == 422
