"""Stored documents over HTTP: checked, revised, listed, deleted."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.document_kinds import KINDS
from tests.api.sample_answer import SMALL_CONFIG, scenario_document

GOOD: dict[str, Any] = {
    "models": "meta-llama/Meta-Llama-3.1-70B",
    "clusters": scenario_document()["cluster"],
    "workloads": scenario_document()["deployments"][0]["workload"],
    "slos": scenario_document()["deployments"][0]["slo"],
    "scenarios": scenario_document(),
    "price-books": {"h100-sxm": 2.75},
}
BAD: list[tuple[str, Any, str]] = [
    ("models", "no/such-model", "/model"),
    ("models", {"hf_config": "/etc/passwd"}, "/model/hf_config"),
    ("clusters", {"pools": []}, "/cluster/pools"),
    (
        "clusters",
        {"pools": [{"name": "a", "device": "abacus", "nodes": 1, "devices_per_node": 1}]},
        "/cluster/pools/0/device",
    ),
    (
        "workloads",
        {"arrival": {"rate_per_s": -1}, "input_tokens": 1, "output_tokens": 1},
        "/workload/arrival/rate_per_s",
    ),
    (
        "workloads",
        {"arrival": {"rate_per_s": 1}, "input_tokens": 1, "output_tokens": 1, "x": 1},
        "/workload/x",
    ),
    ("slos", {"ttft_s": {"limit_s": 0}}, "/slo/ttft_s/limit_s"),
    ("scenarios", scenario_document(objective="max_fun"), "/scenario/objective"),
    ("price-books", {"h100-sxm": "cheap"}, "/price_book"),
    ("price-books", {}, "/price_book"),
]


def create(client: TestClient, kind: str, content: Any = None, name: str = "first") -> dict[str, Any]:
    body = {"name": name, KINDS[kind].field: GOOD[kind] if content is None else content}
    answer = client.post(f"/v1/{kind}", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    assert answer.headers["location"] == made["links"]["self"]
    return made


@pytest.mark.parametrize("kind", GOOD)
def test_every_kind_is_stored_read_revised_listed_and_deleted(client: TestClient, kind: str) -> None:
    made = create(client, kind)
    where = made["links"]["self"]
    got = client.get(where)
    assert got.json() == made
    assert client.get(where, headers={"If-None-Match": got.headers["etag"]}).status_code == 304
    body = {"name": "second", KINDS[kind].field: GOOD[kind]}
    revised = client.put(where, json=body, headers={"If-Match": got.headers["etag"]})
    assert revised.status_code == 200
    assert (revised.json()["revision"], revised.json()["name"]) == (2, "second")
    stale = client.put(where, json=body, headers={"If-Match": got.headers["etag"]})
    assert stale.status_code == 412
    assert [r["revision"] for r in client.get(f"{where}/revisions").json()["items"]] == [2, 1]
    assert client.get(f"{where}/revisions/1").json()["name"] == "first"
    assert client.get(f"{where}/revisions/3").status_code == 404
    assert [d["id"] for d in client.get(f"/v1/{kind}").json()["items"]] == [made["id"]]
    assert client.delete(where).status_code == 204
    assert client.get(where).status_code == 404
    assert client.put(where, json=body).status_code == 404


@pytest.mark.parametrize(("kind", "content", "pointer"), BAD)
def test_a_bad_document_is_refused_with_its_pointer(
    client: TestClient, kind: str, content: Any, pointer: str
) -> None:
    made = create(client, kind)
    body = {"name": "bad", KINDS[kind].field: content}
    for answer in (client.post(f"/v1/{kind}", json=body), client.put(made["links"]["self"], json=body)):
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["errors"][0]["pointer"].startswith(pointer)
    assert client.get(f"/v1/{kind}").json()["items"][0]["revision"] == 1
    assert len(client.get(f"/v1/{kind}").json()["items"]) == 1


def test_a_model_is_stored_by_its_configuration(client: TestClient) -> None:
    made = create(client, "models", {"hf_config": SMALL_CONFIG})
    assert made["model"]["hf_config"]["hidden_size"] == 4096


def test_a_scenario_may_be_sent_bare_because_it_carries_its_name(client: TestClient) -> None:
    made = client.post("/v1/scenarios", json=scenario_document(name="bare"))
    assert made.status_code == 201
    assert made.json()["name"] == "bare"


def test_a_scenario_refers_to_stored_documents_and_keeps_their_revisions(client: TestClient) -> None:
    cluster, slo = create(client, "clusters"), create(client, "slos")
    prices = create(client, "price-books")
    asked = scenario_document(cluster={"id": cluster["id"]}, price_book={"id": prices["id"]})
    asked["deployments"][0]["slo"] = {"id": slo["id"], "revision": 1}
    made = create(client, "scenarios", asked)
    assert made["made_from"] == {cluster["id"]: 1, slo["id"]: 1, prices["id"]: 1}
    pool = made["scenario"]["cluster"]["pools"][0]
    assert (pool["device"], pool["price_usd_per_device_hour"]) == ("h100-sxm", 2.75)
    asked["deployments"][0]["slo"] = {"id": slo["id"], "revision": 2}
    answer = client.post("/v1/scenarios", json={"scenario": asked})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/scenario/deployments/0/slo/id"


def test_lists_come_in_pages(client: TestClient) -> None:
    made = [create(client, "slos", name=f"s{i}")["id"] for i in range(5)]
    first = client.get("/v1/slos?limit=3").json()
    rest = client.get(f"/v1/slos?limit=3&cursor={first['next']}").json()
    assert [d["id"] for d in first["items"] + rest["items"]] == made[::-1]
    assert rest["next"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=9999", "cursor=%00", "cursor=';drop"])
def test_bad_query_parameters_are_problems(client: TestClient, query: str) -> None:
    answer = client.get(f"/v1/models?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", [None, 3, "", "  ", "x" * 301])
def test_a_name_is_needed(client: TestClient, name: Any) -> None:
    answer = client.post("/v1/slos", json={"name": name, "slo": {}})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/name"


def test_missing_and_unknown_keys_are_all_told(client: TestClient) -> None:
    answer = client.post("/v1/slos", json={"slos": {}, "x": 1}).json()
    assert [(e["pointer"], e["detail"]) for e in answer["errors"]] == [
        ("/name", "missing"),
        ("/slo", "missing"),
        ("/slos", "unknown key"),
        ("/x", "unknown key"),
    ]


def test_every_unknown_name_of_a_scenario_is_told(client: TestClient) -> None:
    asked = scenario_document()
    asked["deployments"][0]["model"] = "no/such"
    asked["cluster"]["pools"][0]["device"] = "abacus"
    answer = client.post("/v1/scenarios", json={"scenario": asked})
    assert [e["pointer"] for e in answer.json()["errors"]] == [
        "/scenario/cluster/pools/0/device",
        "/scenario/deployments/0/model",
    ]


def test_a_document_of_too_many_values_is_refused_unread(make_client: Callable[..., TestClient]) -> None:
    client = make_client(max_body_bytes=2_000_000)
    asked = scenario_document(deployments=[0] * 201_000)
    answer = client.post("/v1/scenarios", json={"scenario": asked})
    assert answer.status_code == 422
    assert "more than 200,000 values" in answer.json()["detail"]
    pasted = client.post("/", data={"scenario_yaml": "- 0\n" * 100_000 + "0,0," * 60_000})
    assert pasted.status_code == 422
    assert "more than 200,000 values" in pasted.text


def test_without_if_match_nobody_is_refused_for_being_second(client: TestClient) -> None:
    made = create(client, "slos")
    body = {"name": "again", "slo": GOOD["slos"]}
    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(lambda _: client.put(made["links"]["self"], json=body), range(16)))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["revision"] for answer in answers) == list(range(2, 18))


def test_of_those_with_one_etag_one_wins(client: TestClient) -> None:
    made = create(client, "slos")
    tag = client.get(made["links"]["self"]).headers["etag"]
    body = {"name": "again", "slo": GOOD["slos"]}

    def revise(_: int) -> int:
        return client.put(made["links"]["self"], json=body, headers={"If-Match": tag}).status_code

    with ThreadPoolExecutor(8) as many:
        assert sorted(many.map(revise, range(8))) == [200, *[412] * 7]


@pytest.mark.parametrize("field", ["name", "slo"])
def test_a_nul_character_is_refused_because_not_every_database_holds_it(
    client: TestClient, field: str
) -> None:
    document: Any = {"name": "n", "slo": {"ttft_s": {"limit_s": 1.0}}}
    document[field] = "a\0b" if field == "name" else {"ttft_s\0": 1}
    answer = client.post("/v1/slos", json=document)
    assert answer.status_code == 422
    assert answer.json()["errors"][0] == {
        "pointer": f"/{field}",
        "detail": "the text holds a NUL character",
        "hint": "",
    }
