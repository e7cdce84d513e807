"""The page without a browser: what the form does, and what each page says."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.pages.form_fields import DEFAULTS, choices
from api.pages.plan_page import shown_plan
from api.render.quantities import amount
from planner import pipeline
from tests.api.conftest import A_REQUEST, wait
from tests.api.sample_answer import EXAMPLE, SMALL_CONFIG, scenario_document
from tests.planner.scenes import deployment, scenario


def submit(client: TestClient, **changes: str) -> str:
    answer = client.post("/", data={**DEFAULTS, **changes}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    where = answer.headers["location"]
    wait(client, where.rpartition("/")[2])
    return where


def paste(name: str) -> str:
    return EXAMPLE.read_text().replace("name: llama-70b-2x8-h100", f"name: {name}")


def test_the_form_offers_the_whole_catalogue(client: TestClient) -> None:
    text = client.get("/").text
    offered = choices()
    for value in (*offered.models, *offered.devices, *offered.engines, *offered.objectives):
        assert f'value="{value}"' in text
    for name in DEFAULTS:
        assert f'name="{name}"' in text


def test_every_field_has_a_label(client: TestClient) -> None:
    text = client.get("/").text
    ids = re.findall(r'<(?:input|select|textarea)[^>]* id="([^"]+)"', text)
    assert set(ids) == set(DEFAULTS) - {"arrival"}
    for name in ids:
        assert f'<label for="{name}">' in text


def test_what_is_typed_becomes_the_scenario(client: TestClient) -> None:
    where = submit(
        client,
        name="typed",
        nodes="3",
        arrival="concurrency",
        concurrency="32",
        tpot_limit_ms="40",
        tpot_percentile="mean",
        ttft_limit_s="",
        prefix_hit_percent="25",
        weights="",
        objective="min_cost",
    )
    answer = client.get(f"/v1/plan-jobs/{where.rpartition('/')[2]}/result").json()["scenario"]
    deployment = answer["deployments"][0]
    assert deployment["workload"]["arrival"]["concurrency"] == 32
    assert deployment["workload"]["prefix_hit_frac"] == 0.25
    assert deployment["slo"] == {
        "ttft_s": None,
        "e2e_s": None,
        "tpot_s": {"limit_s": 0.04, "percentile": "mean"},
    }
    assert deployment["precisions"] == []
    assert answer["cluster"]["pools"][0]["nodes"] == 3
    assert answer["objective"] == "min_cost"


def test_a_pasted_scenario_gives_the_ranked_plans(client: TestClient) -> None:
    where = client.post("/", data={"scenario_yaml": paste("pasted")}, follow_redirects=False).headers[
        "location"
    ]
    wait(client, where.rpartition("/")[2])
    text = client.get(where).text
    for words in (
        "pasted",
        "optimal",
        "12.31",
        "3 × tp2 prefill",
        "near miss",
        "kv cache",
        "tensor-parallel all-reduce",
        "$40.00",
        "27.9 GiB",
    ):
        assert words in text, words
    plan = client.get("/plans/plan-1-16")
    assert plan.status_code == 200
    assert "Memory of the worst rank" in plan.text


def test_pasted_parts_replace_the_fields(client: TestClient) -> None:
    cluster = "cluster:\n  pools:\n  - {name: a, device: l40s, nodes: 2, devices_per_node: 4}\n"
    where = submit(client, cluster_yaml=cluster)
    scenario = client.get(f"/v1/plan-jobs/{where.rpartition('/')[2]}/result").json()["scenario"]
    assert scenario["cluster"]["pools"][0]["device"] == "l40s"


def test_infeasible_shows_what_stands_in_the_way(client: TestClient) -> None:
    where = client.post("/", data={"scenario_yaml": paste("infeasible")}, follow_redirects=False).headers[
        "location"
    ]
    wait(client, where.rpartition("/")[2])
    text = client.get(where).text
    for words in ("What stands in the way", "slo.chat.tpot_s.limit_s", "0.0071", "yes, then a plan exists"):
        assert words in text


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("nodes", "two", "not a whole number"),
        ("nodes", "0", "greater than or equal to 1"),
        ("rate_per_s", "", "needed"),
        ("rate_per_s", "-3", "greater than or equal to 0.000001"),
        ("rate_per_s", "nan", "finite"),
        ("input_tokens", "many", "not a number"),
        ("device", "abacus", "abacus"),
        ("model", "no/such", "no/such"),
        ("hf_config", "{", ""),
        ("hf_config", '"/etc/passwd"', "path"),
        ("cluster_yaml", "pools: 3", "/cluster/pools"),
        ("scenario_yaml", "a: 1", "/schema: missing"),
        ("scenario_yaml", "- 1", "object"),
        ("scenario_yaml", "- " * 50_000, "deeper"),
        ("cluster_yaml", "{" * 50_000, "deeper"),
        ("ttft_limit_s", "0", "more than 0"),
        ("objective", "max_fun", "max_fun"),
        ("top_k", "1000", "100"),
        ("ttft_percentile", "2", ""),
        ("prefix_hit_percent", "300", ""),
    ],
)  # fmt: skip
def test_a_mistake_is_told_at_its_field_and_nothing_typed_is_lost(
    client: TestClient, field: str, value: str, words: str
) -> None:
    answer = client.post("/", data={**DEFAULTS, "name": "kept <b>", field: value})
    assert answer.status_code == 422
    at = {"ttft_percentile": "ttft_limit_s"}.get(field, field)
    message = re.search(rf'id="{at}-wrong-1">(.*?)</p>', answer.text, re.DOTALL)
    assert message, answer.text
    assert words in message.group(1)
    assert 'value="kept &lt;b&gt;"' in answer.text
    assert "<b>" not in answer.text
    assert client.get("/v1/plan-jobs").json()["items"] == []


def test_names_are_escaped_everywhere(client: TestClient) -> None:
    asked = scenario_document(name="<script>alert(1)</script>")
    job = client.post("/v1/plan-jobs", json={"scenario": asked}).json()
    wait(client, job["id"])
    for path in ("/jobs", f"/jobs/{job['id']}", "/plans/plan-1-16"):
        text = client.get(path).text
        assert "<script>" not in text
        assert "alert(1)</script" not in text


def test_a_running_job_refreshes_itself_and_can_be_cancelled(client: TestClient, tmp_path: Path) -> None:
    where = client.post(
        "/", data={"scenario_yaml": paste(f"sleep {tmp_path / 'pid'}")}, follow_redirects=False
    ).headers["location"]
    wait(client, where.rpartition("/")[2], lambda job: job["incumbent"] is not None)
    text = client.get(where).text
    assert 'http-equiv="refresh"' in text
    assert "solving" in text
    text = client.post(f"{where}/cancel").text
    assert "was stopped" in text
    assert 'http-equiv="refresh"' not in text


def test_a_failed_job_says_why(client: TestClient) -> None:
    assert "h100: no price" in client.get(submit(client, scenario_yaml=paste("refuse"))).text


def test_jobs_are_listed(client: TestClient) -> None:
    assert "No job yet" in client.get("/jobs").text
    submit(client, name="first question")
    assert "first question" in client.get("/jobs").text


@pytest.mark.parametrize("path", ["/jobs/none", "/plans/none", "/nothing"])
def test_what_is_not_there_is_a_page_for_browsers(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "Not Found" in answer.text


def test_pages_load_nothing_from_elsewhere(
    client: TestClient, make_client: Callable[..., TestClient]
) -> None:
    where = submit(client)
    for path in ("/", where, "/jobs", "/plans/plan-1-16"):
        text = client.get(path).text
        assert not re.findall(r'(?:src|href|action)="(?!/|#)', text)
        assert "style=" not in text
        scripts = re.findall(r"<script([^>]*)>(.?)", text, re.DOTALL)
        assert all(
            'type="application/json"' in kind or (" src=" in kind and end == "<") for kind, end in scripts
        )
    assert "url(" not in client.get("/static/style.css").text


def test_a_published_configuration_may_hold_infinity(client: TestClient) -> None:
    config = json.dumps(SMALL_CONFIG)[:-1] + ', "rope_scale": Infinity, "x": [NaN, 1e999]}'
    answer = client.post("/", data={**DEFAULTS, "hf_config": config}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    asked = client.post("/", data={**DEFAULTS, "cluster_yaml": '{"pools": [{"nodes": Infinity}]}'})
    assert asked.status_code == 422
    assert "not a finite number" in asked.text


def test_groups_that_the_best_plan_lacks_stand_out_and_each_deployment_is_named(client: TestClient) -> None:
    text = client.get(submit(client)).text
    assert text.count('class="layout differs"') == 1
    assert "2 × tp8 aggregated" in text.partition('class="layout differs"')[2][:60]
    assert "max goodput" in client.get("/jobs").text


def test_an_empty_paste_says_so_and_keeps_the_form(client: TestClient) -> None:
    answer = client.post("/", data={"scenario_yaml": "  "})
    assert answer.status_code == 422
    assert "nothing was pasted" in answer.text
    assert "this is needed" not in answer.text
    assert f'value="{DEFAULTS["input_tokens"]}"' in answer.text


def test_classes_of_traffic_are_told_on_the_page() -> None:
    kinds = [
        {"name": "short", "share": 3, "input_tokens": 500, "output_tokens": 200},
        {"name": "long", "share": 1, "input_tokens": 6000, "output_tokens": 300},
    ]
    answer = pipeline.plan(scenario(deployment(classes=kinds), options={"roles": ["aggregated"], "top_k": 1}))
    asked: Any = {"id": "job-1"}
    text = bytes(shown_plan(A_REQUEST, asked, answer, answer.plans[0]).body).decode()
    carried = answer.plans[0].groups[0].class_request_per_s
    for name, rate_per_s in carried.items():
        assert f"<strong>chat/{name}</strong>" in text
        assert f"{name} {amount(rate_per_s)}/s" in text
