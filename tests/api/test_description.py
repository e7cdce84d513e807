"""The OpenAPI description agrees with what the service does."""

import json
import re

import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from tests.api.conftest import wait
from tests.api.sample_answer import scenario_document


@pytest.fixture(name="client", scope="module")
def one_service_for_all(shared_client: TestClient) -> TestClient:
    return shared_client


def test_every_reference_leads_somewhere(client: TestClient) -> None:
    description = client.get("/openapi.json").json()
    for name in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(description)):
        assert name in description["components"]["schemas"], name
    ids = [o["operationId"] for path in description["paths"].values() for o in path.values()]
    assert len(ids) == len(set(ids))


def test_examples_of_documents_are_accepted(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for kind in ("models", "clusters", "workloads", "slos", "price-books"):
        body = paths[f"/v1/{kind}"]["post"]["requestBody"]["content"]["application/json"]["example"]
        assert client.post(f"/v1/{kind}", json=body).status_code == 201, kind


def test_schemas_are_published_and_answers_follow_them(client: TestClient) -> None:
    names = [row["name"] for row in client.get("/v1/schemas").json()["items"]]
    assert {"scenario", "plans", "solve.replica-mix"} <= set(names)
    plans = client.get("/v1/schemas/plans.json").json()
    job = client.post("/v1/plan-jobs", json={"scenario": scenario_document()}).json()
    wait(client, job["id"])
    Draft202012Validator(plans).validate(client.get(job["links"]["result"]).json())


def test_the_catalogue_is_listed(client: TestClient) -> None:
    for kind, known in (
        ("models", "meta-llama/Meta-Llama-3.1-70B"),
        ("devices", "h100-sxm"),
        ("engines", "vllm"),
    ):
        rows = client.get(f"/v1/catalog/{kind}").json()["items"]
        assert known in [row.get("id", row.get("name")) for row in rows]
    assert client.get("/v1/catalog/animals").status_code == 422
