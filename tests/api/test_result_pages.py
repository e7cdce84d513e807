"""Pages of answers and plans: charts, orders, comparison, the inside of a step, what a change would bring."""

import gzip
import json
import re
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.guard import SECURITY_HEADERS
from api.pages.axis import around, si
from api.pages.node_map import node_rows
from api.pages.plotly_script import plotly_path, plotly_style_ids
from api.pages.rendering import layer_words
from db.answers import AnswerRepository
from db.job_work import JobWork
from db.jobs import JobRepository
from models import codec
from models.plan import Placed, RankedPlans
from planner import pipeline
from tests.api.sample_answer import group, plan, solved
from tests.api.sample_answer import scenario as sample_scenario

PLOTLY = files("plotly") / "package_data" / "plotly.min.js"
Stored = tuple[str, RankedPlans]


def store(client: TestClient, answer: RankedPlans) -> str:
    """Put an answer that was really solved where the pages find it; the id of its job."""
    database = client.app.state.services.database  # type: ignore[attr-defined]
    with database.writing() as session:
        jobs = JobRepository(session)
        job = jobs.add(codec.to_plain(answer.scenario), answer.scenario.name, {})
        claimed = JobWork(session).claim(job.id, "test")
        assert claimed is not None
        JobWork(session).finish(claimed, "succeeded")
        AnswerRepository(session).add(job.id, codec.to_json(answer, indent=None))
    return str(job.id)


@pytest.fixture(scope="module")
def really() -> RankedPlans:
    """Two roles on two nodes, with what more would bring."""
    return pipeline.plan(sample_scenario(options={"sensitivity": True, "top_k": 3}))


@pytest.fixture(scope="module")
def stored(shared_client: TestClient, really: RankedPlans) -> Stored:
    return store(shared_client, really), really


def chart_data(text: str, name: str) -> Any:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', text, re.DOTALL)
    assert found, name
    return json.loads(found.group(1))


# ---- plotly


def test_plotly_is_served_from_the_package_compressed_and_for_ever(shared_client: TestClient) -> None:
    path = plotly_path()
    assert path == f"/static/vendor/plotly-{version('plotly')}.min.js"
    with shared_client.stream("GET", path, headers={"accept-encoding": "gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert gzip.decompress(raw) == PLOTLY.read_bytes()
    assert len(raw) < len(PLOTLY.read_bytes()) / 2
    plain = shared_client.get(path, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == PLOTLY.read_bytes()
    assert shared_client.get("/static/vendor/plotly-0.0.0.min.js").status_code == 404


def test_the_policy_for_scripts_and_styles_stays_strict() -> None:
    policy = SECURITY_HEADERS["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "unsafe" not in policy
    assert plotly_style_ids()


def test_only_pages_with_a_chart_load_plotly(shared_client: TestClient, stored: Stored) -> None:
    job, answer = stored
    for path, wanted in ((f"/jobs/{job}", True), (f"/plans/{answer.plans[0].id}", True), ("/jobs", False)):
        assert (f'<script src="{plotly_path()}" defer>' in shared_client.get(path).text) == wanted


# ---- the answer


def test_every_plan_is_a_point_with_a_link(shared_client: TestClient, stored: Stored) -> None:
    job, answer = stored
    text = shared_client.get(f"/jobs/{job}").text
    data = chart_data(text, "pareto-0")
    points = [p for series in data["series"] for p in series["points"]]
    said = " ".join(p["words"] for p in points)
    for p in answer.plans:
        assert f"plan {p.rank}, " in said
    first = next(p for p in points if p["label"].rstrip("+") == "1")
    assert first["link"] == "#plan-1"
    assert first["x"] == pytest.approx(1 / answer.plans[0].predicted["chat"].tpot_s["mean"])
    assert data["wanted"] == pytest.approx(1 / 0.05)
    assert 'role="group" aria-label="Plans by output tokens' in text
    shapes = [series["shape"] for series in data["series"]]
    assert len(set(shapes)) == len(shapes)


@pytest.mark.parametrize(
    ("view", "first"), [("ranked", 1), ("simplest", 2), ("fewest", 1), ("cheapest", 1), ("nonsense", 1)]
)
def test_a_view_orders_the_table_without_scripts(client: TestClient, view: str, first: int) -> None:
    job = store(client, solved())
    text = client.get(f"/jobs/{job}?view={view}").text
    rows = re.findall(r'<th scope="row" data-label="plan"><a href="#plan-(\d)"', text)
    assert int(rows[0]) == first
    assert sorted(rows) == ["1", "2"]
    current = re.findall(r'<a href="/jobs/[^"]+\?view=(\w+)#plans" aria-current="true">', text)
    assert current == [view if view != "nonsense" else "ranked"]


def test_a_miss_is_told_in_percent(client: TestClient) -> None:
    from dataclasses import replace

    made = solved()
    missed = replace(
        made.plans[1].slo["chat"], status="missed", margins_frac={"ttft_s": -0.12, "tpot_s": 0.2}
    )
    plans = (made.plans[0], replace(made.plans[1], slo={"chat": missed}))
    text = client.get(f"/jobs/{store(client, replace(made, plans=plans))}").text
    assert "missed, misses by 12 %" in text
    assert "over by 12 %" in text


def test_prices_of_the_relaxation_stand_beside_exact_answers(
    shared_client: TestClient, stored: Stored
) -> None:
    job, answer = stored
    text = shared_client.get(f"/jobs/{job}").text
    assert answer.certificate is not None
    assert answer.certificate.lp_duals["pool:h100"] > 0
    assert "Prices of the LP relaxation" in text
    assert "device of pool h100" in text
    assert answer.sensitivities
    assert answer.sensitivities[0].statement in text.replace("&#39;", "'")


# ---- the plan


def test_the_inside_of_a_step_is_that_of_the_chosen_group(shared_client: TestClient, stored: Stored) -> None:
    _, answer = stored
    found = answer.plans[0]
    assert len(found.groups) > 1
    for number in range(len(found.groups)):
        text = shared_client.get(f"/plans/{found.id}?group={number}").text
        graph = shared_client.get(f"/v1/plans/{found.id}/cost-graph?group={number}").json()
        assert graph["matches_plan"] is not False
        shares = re.findall(r'<td class="n quiet">(?:&lt; )?([\d.]+) %</td>', text.partition("waterfall")[2])
        assert sum(map(float, shares)) == pytest.approx(100, abs=1.5)
        assert f'id="roofline-{number}"' in text
        assert "this version prices the step" not in text
    assert shared_client.get(f"/plans/{found.id}?group=99").status_code == 200


def test_a_plan_that_this_version_prices_otherwise_is_marked(client: TestClient) -> None:
    store(client, solved())
    text = client.get("/plans/plan-2-16").text
    assert "Inside one step" in text  # the sample names no step of an aggregated group: nothing to compare
    assert client.get("/v1/plans/plan-2-16/cost-graph").json()["matches_plan"] is None


def test_json_and_scenario_can_be_taken_along(shared_client: TestClient, stored: Stored) -> None:
    import html

    import yaml

    from models.plan import Plan
    from models.scenario import Scenario

    _, answer = stored
    text = shared_client.get(f"/plans/{answer.plans[0].id}").text
    sources = [html.unescape(s) for s in re.findall(r'data-copy="[A-Z]+">(.*?)</pre>', text, re.DOTALL)]
    assert codec.from_plain(Plan, json.loads(sources[0])) == answer.plans[0]
    assert codec.from_plain(Scenario, yaml.safe_load(sources[1])) == answer.scenario


def test_what_if_tells_the_difference_and_stores_nothing(shared_client: TestClient, stored: Stored) -> None:
    _, answer = stored
    path = f"/plans/{answer.plans[0].id}/what-if"
    before = shared_client.get("/v1/plans").json()
    text = shared_client.post(
        path, data={"cluster.pools.h100.nodes": "3", "slo.chat.tpot_s.limit_s": "0.05"}
    ).text
    assert "cluster.pools.h100.nodes from 2 to 3" in text
    assert re.search(r"\+\d", text.partition('role="status"')[2])
    assert "slo.chat.tpot_s.limit_s from" not in text  # it has the value it had
    assert shared_client.get("/v1/plans").json() == before


@pytest.mark.parametrize(
    ("value", "words"), [("many", "is not a number"), ("-1", "greater than"), ("1e99", ""), ("2.5", "")]
)
def test_what_cannot_be_asked_is_told_and_kept(
    shared_client: TestClient, stored: Stored, value: str, words: str
) -> None:
    path = f"/plans/{stored[1].plans[0].id}/what-if"
    answer = shared_client.post(path, data={"cluster.pools.h100.nodes": value})
    assert answer.status_code == 422
    alert = answer.text.partition('role="alert"')[2]
    assert words in alert
    assert f'value="{value}"' in answer.text


def test_nothing_changed_is_said(shared_client: TestClient, stored: Stored) -> None:
    path = f"/plans/{stored[1].plans[0].id}/what-if"
    assert "Nothing was changed" in shared_client.post(path, data={"cluster.pools.h100.nodes": "2"}).text
    foreign = shared_client.post(path, data={}, headers={"origin": "http://elsewhere.example"})
    assert foreign.status_code == 403


def test_hundreds_of_nodes_share_rows_and_tensor_parallel_groups_have_frames() -> None:
    from dataclasses import replace

    many = group("decode", 400, 4)
    placement = tuple(
        Placed(group=0, replica=r, devices=tuple(("h100", r // 2, 4 * (r % 2) + d) for d in range(4)))
        for r in range(400)
    )
    rows, more = node_rows(replace(plan(1, (many,), 1.0), placement=placement), sample_scenario())
    assert more == 0
    assert [row.name for row in rows] == ["h100 nodes 0-199 (200 alike)"]
    assert [c.first for c in rows[0].cells] == [True, False, False, False] * 2
    assert [c.last for c in rows[0].cells] == [False, False, False, True] * 2
    few, _ = node_rows(replace(plan(1, (many,), 1.0), placement=placement[:3]), sample_scenario())
    assert [row.name for row in few] == ["h100 node 0", "h100 node 1"]
    assert [c.text for c in few[1].cells] == ["A3"] * 4 + ["·"] * 4


# ---- two plans


def test_two_plans_are_compared_in_words(client: TestClient) -> None:
    store(client, solved())
    selected = client.get("/compare?plan=plan-1-16&plan=plan-2-16", follow_redirects=False)
    assert selected.status_code == 303
    assert selected.headers["location"] == "/compare?a=plan-1-16&b=plan-2-16"
    text = client.get(selected.headers["location"]).text
    for words in ("only in A", "only in B", "<strong>A</strong> is better", "= equal", "−1.35"):
        assert words in text, words


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 422), ("plan=plan-1-16", 422), ("a=plan-1-16&b=none", 404), ("plan=a&plan=b&plan=c", 422)],
)
def test_a_comparison_takes_two_plans(client: TestClient, query: str, status: int) -> None:
    store(client, solved())
    answer = client.get(f"/compare?{query}", headers={"accept": "text/html"})
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")


# ---- REST


def test_cost_graph_and_roofline_over_rest(shared_client: TestClient, stored: Stored) -> None:
    _, answer = stored
    found = answer.plans[0]
    names = [f"{g.deployment}/{g.role}/{g.parallelism.short()}" for g in found.groups]
    for number, name in enumerate(names):
        graph = shared_client.get(f"/v1/plans/{found.id}/cost-graph?group={number}").json()
        by_id = {node["id"]: node["time_s"] for node in graph["nodes"]}
        assert sum(by_id[i] for i in graph["critical_path"]) == pytest.approx(graph["step_s"])
        if name not in names[number + 1 :]:
            assert graph["step_s"] == pytest.approx(
                sum(found.explanation.breakdown_s[name].values()), rel=1e-5
            )
        roofline = shared_client.get(f"/v1/plans/{found.id}/roofline?group={number}").json()
        assert roofline["device"] == "h100-sxm"
        assert {o["bound"] for o in roofline["operators"]} <= {"compute", "memory", "launch"}


@pytest.mark.parametrize("what", ["cost-graph", "roofline"])
def test_what_is_not_there_is_a_problem(shared_client: TestClient, stored: Stored, what: str) -> None:
    one = stored[1].plans[0].id
    for path, status in (
        (f"/v1/plans/none/{what}", 404),
        (f"/v1/plans/{one}/{what}?group=99", 422),
        (f"/v1/plans/{one}/{what}?group=-1", 422),
        (f"/v1/plans/{one}/{what}?group=x", 422),
    ):
        answer = shared_client.get(path)
        assert answer.status_code == status, path
        assert answer.headers["content-type"] == "application/problem+json"


def test_compare_over_rest(client: TestClient) -> None:
    store(client, solved())
    made = client.post("/v1/plans:compare", json={"a": "plan-1-16", "b": "plan-2-16"}).json()
    requests = next(row for row in made["figures"] if row["name"] == "chat: requests")
    assert requests["difference"] == pytest.approx(-1.35)
    assert requests["better"] == "a"
    for body, status in (({"a": "plan-1-16"}, 422), ({"a": 1, "b": "x"}, 422), ({"a": "x", "b": "y"}, 404)):
        assert client.post("/v1/plans:compare", json=body).status_code == status


def test_layers_are_told_in_runs() -> None:
    assert layer_words((3, *[4] * 22, 3)) == "3 + 22 × 4 + 3"
    assert layer_words((32, 32)) == "2 × 32"


def test_a_series_looks_the_same_in_every_chart(client: TestClient) -> None:
    text = client.get(f"/jobs/{store(client, solved())}").text
    looks = {s["name"]: (s["colour"], s["shape"]) for s in chart_data(text, "pareto-0")["series"]}
    assert looks == {"aggregated": ("c0", "circle"), "disaggregated": ("c1", "diamond")}


def test_axes_have_round_ticks() -> None:
    assert around("x", [33.0, 38.0]).ticks() == [34.0, 36.0, 38.0]
    assert [si(t) for t in around("y", [2.0, 4000.0], log=True).ticks()] == ["10", "100", "1 k"]
    assert [si(t) for t in (1500.0, 15_000.0, 2e12, 0.03)] == ["1.5 k", "15 k", "2 T", "0.03"]
    assert around("z", [5.0]).ticks()
    assert around("y", [0.0], from_zero=True).ticks()
