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


SMALL: dict[str, Any] = {
    "schema": "shardwright.scenario/1",
    "deployments": [
        {
            "name": "chat",
            "model": "meta-llama/Meta-Llama-3.1-8B",
            "workload": {"arrival": {"rate_per_s": 0.5}, "input_tokens": 3000, "output_tokens": 300},
            "slo": {"tpot_s": {"limit_s": 0.0001}},
        }
    ],
    "cluster": {"pools": [{"name": "a", "device": "h100-sxm", "nodes": 1, "devices_per_node": 1}]},
    "options": {"roles": ["aggregated"]},
}


def small(tpot_s: float, nodes: int | None = 1, **more: Any) -> dict[str, Any]:
    pools = [{**SMALL["cluster"]["pools"][0], "nodes": nodes}]
    deployment = {**SMALL["deployments"][0], "slo": {"tpot_s": {"limit_s": tpot_s}}}
    return {**SMALL, "deployments": [deployment], "cluster": {"pools": pools}, **more}


def test_requirements_follow_their_schema(client: TestClient) -> None:
    answer = client.post("/v1/requirements", json={"scenario": small(0.008), "devices": ["h200-sxm"]})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    Draft202012Validator(client.get("/v1/schemas/requirements.json").json()).validate(body)
    (row,) = body["deployments"][0]["fewest"]
    assert (row["device"], row["pool"], row["devices"]) == ("h200-sxm", None, 1)
    # 15.4 GB per token of one sequence in 8 ms
    assert body["deployments"][0]["floors"][0]["tpot_bytes_per_s"] == pytest.approx(15.42e9 / 0.008, rel=1e-3)
    assert body["scenario"]["objective"] == "max_goodput"


def test_requirements_nothing_meets_are_an_answer(client: TestClient) -> None:
    body = client.post("/v1/requirements", json={"scenario": SMALL}).json()
    assert body["status"] == "infeasible"
    (shortfall,) = body["deployments"][0]["fewest"][0]["shortfalls"]
    assert shortfall["cause"] == "tpot"
    assert shortfall["nearest_s"] > shortfall["limit_s"] == 0.0001


def test_requirements_leave_the_objective_aside(client: TestClient) -> None:
    """The largest goodput of a pool without size is refused as a plan, and no matter here."""
    unbounded = small(0.0001, nodes=None, objective="max_goodput")
    assert client.post("/v1/plan-jobs", json={"scenario": unbounded}).status_code == 422
    assert client.post("/v1/requirements", json={"scenario": unbounded}).status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/scenario"),
        ({"scenario": []}, "/scenario"),
        ({"scenario": {}}, "/scenario/deployments"),
        ({"scenario": {**SMALL, "objective": "max_fun"}}, "/scenario/objective"),
        ({"scenario": SMALL, "devices": 3}, "/devices"),
        ({"scenario": SMALL, "devices": []}, "/devices"),
        ({"scenario": SMALL, "devices": ["h100-sxm", "abacus"]}, "/devices/1"),
        ({"scenario": SMALL, "device": "all"}, "/device"),
    ],
)
def test_bad_requirements_name_the_field(client: TestClient, body: Any, pointer: str) -> None:
    answer = client.post("/v1/requirements", json=body)
    assert answer.status_code == 422, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
