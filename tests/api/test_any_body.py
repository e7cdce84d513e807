"""Whatever is sent: the answer is a problem of the client, and nothing stored changes."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from api.document_kinds import KINDS
from api.services import Services
from db.base import Base
from tests.api.hostile import resolves, spoilt

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
NAMES = st.sampled_from(
    ["scenario", "scenario_id", "revision", "name", "model", "cluster", "rows", "id", ""]
) | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
POSTS = st.sampled_from(["/v1/plan-jobs", "/v1/check", *(f"/v1/{kind}" for kind in KINDS)])
QUICK = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
JSON = {"content-type": "application/json"}


@pytest.fixture(name="client", scope="module")
def one_service_for_all(shared_client: TestClient) -> TestClient:
    return shared_client


def stored(client: TestClient) -> list[int | None]:
    services: Services = client.app.state.services  # type: ignore[attr-defined]
    with services.database.reading() as session:
        return [session.scalar(select(func.count()).select_from(t)) for t in Base.metadata.sorted_tables]


def refused(client: TestClient, path: str, body: bytes) -> None:
    before = stored(client)
    answer = client.post(path, content=body, headers=JSON)
    assert 400 <= answer.status_code < 500 or answer.status_code == 501, (body, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    assert stored(client) == before


@QUICK
@given(path=POSTS, body=st.binary(max_size=60))
def test_bytes(client: TestClient, path: str, body: bytes) -> None:
    refused(client, path, body)


@QUICK
@given(path=POSTS, value=st.dictionaries(NAMES, VALUES, max_size=4))
def test_values(client: TestClient, path: str, value: dict[str, Any]) -> None:
    refused(client, path, json.dumps(value).encode())


@QUICK
@given(document=spoilt())
def test_a_scenario_with_places_spoilt_never_breaks_the_service(
    client: TestClient, document: dict[str, Any]
) -> None:
    before, body = stored(client), {"scenario": document}
    answer = client.post("/v1/scenarios", content=json.dumps(body).encode(), headers=JSON)
    assert answer.status_code in (201, 422, 501), answer.text
    if answer.status_code < 400:
        return
    assert answer.headers["content-type"] == "application/problem+json"
    assert "root:" not in answer.text
    assert stored(client) == before
    if answer.status_code == 422:
        for fault in answer.json()["errors"]:
            assert fault["pointer"].startswith("/scenario"), fault
            assert resolves(fault["pointer"], body), fault
