"""The Python client against the real application, over a real socket."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.client import (
    AsyncClient,
    Client,
    Event,
    Job,
    JobCancelled,
    JobFailed,
    NotFinished,
    Refused,
    UnknownAnswer,
)
from api.client.answers import FIELDS
from api.document_kinds import KINDS
from models.plan import Plan, RankedPlans
from models.prediction import Prediction
from models.requirements import RequirementsAnswer
from models.what_if import WhatIfAnswer
from tests.api.conftest import PATIENCE_S, served, settings_in
from tests.api.sample_answer import EXAMPLE, SMALL_CONFIG, scenario, scenario_document
from tests.api.test_calibrations import CALIBRATION

GROUPS = [{"role": "aggregated", "replicas": 2, "parallelism": {"tp": 8}}]
ROW = {
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
CLUSTER = {"pools": [{"name": "h100", "device": "h100-sxm", "nodes": 2, "devices_per_node": 8}]}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(settings_in(tmp_path_factory.mktemp("client")), workers=4) as (root, _):
        yield root


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address) as client:
        yield client


@pytest.fixture
def sleeping(client: Client, tmp_path: Path) -> Iterator[Job]:
    """A job that does not end by itself."""
    job = client.submit(scenario_document(name=f"sleep {tmp_path / 'pid'}"))
    yield job
    job.cancel()


def test_a_file_becomes_ranked_plans(client: Client) -> None:
    heard: list[Event] = []
    answer = client.plan(EXAMPLE, on_event=heard.append, timeout_s=PATIENCE_S)
    assert isinstance(answer.value, RankedPlans)
    assert answer.best == answer.plans[0]
    assert answer.best.rank == 1
    assert answer.raw["plans"][0]["id"] == answer.best.id
    assert [event.number for event in heard] == list(range(1, len(heard) + 1))
    assert (heard[0].kind, heard[-1].kind) == ("progress", "done")
    assert heard[-1].data == {"state": "succeeded"}


@pytest.mark.parametrize(
    "given", [str(EXAMPLE), scenario_document(), scenario()], ids=["path", "data", "type"]
)
def test_a_scenario_comes_in_any_form(client: Client, given: Any) -> None:
    assert client.plan(given, timeout_s=PATIENCE_S).status == "optimal"


def test_paths_inside_a_file_are_followed_from_its_folder(client: Client, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(SMALL_CONFIG))
    document = scenario_document()
    document["deployments"][0]["model"] = {"hf_config": "config.json"}
    document["deployments"][0].pop("precisions", None)
    (tmp_path / "own.json").write_text(json.dumps(document))
    answer = client.plan(tmp_path / "own.json", timeout_s=PATIENCE_S)
    assert answer.raw["scenario"]["deployments"][0]["model"] == {"hf_config": SMALL_CONFIG}
    with pytest.raises(Refused, match="422: /scenario/deployments/0/model/hf_config: a path is not allowed"):
        client.submit(document)


@pytest.mark.parametrize(
    ("text", "pointer", "word"),
    [
        (None, "/scenario", "cannot be read"),
        ("a: 1\na: 2\n", "/scenario", "duplicate key"),
        ("[1]", "/scenario", "holds no scenario"),
        (
            "deployments: [{model: {hf_config: gone.json}}]",
            "/scenario/deployments/0/model/hf_config",
            "gone.json",
        ),
        ("calibration: gone.json", "/scenario/calibration", "gone.json"),
    ],
)
def test_a_bad_file_is_refused_before_anything_is_sent(
    tmp_path: Path, text: str | None, pointer: str, word: str
) -> None:
    path = tmp_path / "bad.yaml"
    if text is not None:
        path.write_text(text)
    with Client("http://127.0.0.1:1", retries=0) as nowhere, pytest.raises(Refused, match=word) as told:
        nowhere.submit(path)
    assert told.value.status is None
    assert told.value.errors[0].pointer == pointer


def test_nan_is_refused_before_anything_is_sent() -> None:
    with Client("http://127.0.0.1:1", retries=0) as nowhere, pytest.raises(Refused, match="finite") as told:
        nowhere.submit({"limits": {"watt": float("nan")}})
    assert told.value.errors[0].pointer == "/scenario/limits/watt"


def test_a_fault_of_the_scenario_is_told_at_its_place(client: Client) -> None:
    document = scenario_document()
    document["cluster"]["pools"][0]["device"] = "h100x"
    with pytest.raises(Refused) as told:
        client.plan(document)
    assert told.value.status == 422
    assert told.value.errors[0].pointer == "/scenario/cluster/pools/0/device"
    assert str(told.value).startswith("422: /scenario/cluster/pools/0/device: ")
    assert told.value.errors[0].hint in str(told.value)


def test_infeasible_is_an_answer(client: Client) -> None:
    answer = client.plan(scenario_document(name="infeasible"), timeout_s=PATIENCE_S)
    assert (answer.status, answer.best) == ("infeasible", None)
    assert answer.value.infeasibility is not None


@pytest.mark.parametrize(("name", "word"), [("crash", "no answer"), ("refuse", "/x: no price")])
def test_a_job_without_an_answer_is_an_error(client: Client, name: str, word: str) -> None:
    job = client.plan(scenario_document(name=name), wait=False)
    with pytest.raises(JobFailed, match=word) as told:
        job.wait(PATIENCE_S)
    assert (told.value.job_id, told.value.state, job.state) == (job.id, "failed", "failed")


def test_waiting_ends_in_time_and_the_job_goes_on(client: Client, sleeping: Job) -> None:
    begun = time.monotonic()
    with pytest.raises(NotFinished, match="still") as told:
        sleeping.wait(timeout_s=1.0)
    assert 0.9 < time.monotonic() - begun < 3.0
    assert isinstance(told.value, TimeoutError)
    assert client.job(sleeping.id).state == "running"


def test_a_cancelled_job_keeps_its_figures(sleeping: Job) -> None:
    for event in sleeping.events():
        if event.data.get("phase") == "solving":
            break
    with pytest.raises(Refused, match="409: the job is running"):
        sleeping.result()
    assert sleeping.cancel().state == "cancelled"
    assert (sleeping.incumbent, sleeping.bound) == (11.0, 12.5)
    with pytest.raises(JobCancelled, match=sleeping.id):
        sleeping.result()
    assert [event.data for event in sleeping.events()][-1] == {"state": "cancelled"}


def test_events_begin_where_they_are_asked_for(client: Client) -> None:
    job = client.submit(scenario_document())
    job.wait(PATIENCE_S)
    numbers = [event.number for event in job.events()]
    assert [event.number for event in job.events(after=2)] == numbers[2:]
    assert list(job.events(after=numbers[-1])) == []


def test_lists_follow_their_cursors(client: Client) -> None:
    made = [client.submit(scenario_document(name=f"page {i}")) for i in range(3)]
    for job in made:
        job.wait(PATIENCE_S)
    listed = [job.id for job in client.jobs("succeeded", page_size=1)]
    assert len(listed) == len(set(listed))
    assert {job.id for job in made} <= set(listed)
    plans = list(client.plans(page_size=1))
    assert {plan["job_id"] for plan in plans} >= {job.id for job in made}
    stored = client.stored_plan(plans[0]["id"])
    assert isinstance(stored.value, Plan)
    assert stored.value.id == stored.raw["id"]


def test_what_is_answered_at_once_is_typed(client: Client) -> None:
    [priced, bad] = client.predict([ROW, {"id": "b"}])
    assert isinstance(priced.value, Prediction)
    assert (priced.value.status, bad.value.status) == ("ok", "invalid")
    verdict = client.check(EXAMPLE, GROUPS)
    assert verdict.value.feasible == verdict.raw["feasible"]
    least = client.requirements(EXAMPLE.with_name("llama-70b-tpot-50ms.yaml"), ["h100-sxm"])
    assert isinstance(least.value, RequirementsAnswer)
    assert least.value.status == "optimal"


def test_rows_are_sent_in_parts(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.client.calls.ROWS_AT_ONCE", 2)
    answers = client.predict({**ROW, "id": str(i)} for i in range(5))
    assert [answer.value.id for answer in answers] == ["0", "1", "2", "3", "4"]


def test_what_if_tells_the_difference(client: Client) -> None:
    job = client.submit(EXAMPLE)
    plan = job.wait(PATIENCE_S).plans[0]
    key = plan.id
    changed = client.what_if(key, {"cluster.pools.h100.nodes": 3})
    assert isinstance(changed.value, WhatIfAnswer)
    assert changed.value.changes[0].to == 3
    with pytest.raises(Refused, match="/changes/0/change"):
        client.what_if(key, {"cluster.pools.h200.nodes": 3})


def test_documents_are_stored_revised_and_taken_out_of_use(client: Client) -> None:
    clusters = client.documents("clusters")
    first = clusters.create("two nodes", CLUSTER)
    assert (first.revision, first.content["pools"][0]["nodes"]) == (1, 2)
    more = {"pools": [{**CLUSTER["pools"][0], "nodes": 4}]}
    second = clusters.revise(first, more)
    assert (second.id, second.name, second.revision) == (first.id, "two nodes", 2)
    with pytest.raises(Refused, match="revision 2 is the newest") as told:
        clusters.revise(first, CLUSTER)
    assert told.value.status == 412
    assert clusters.revise(first.id, CLUSTER, name="whatever is there").revision == 3
    assert clusters.get(first.id, revision=2).content == second.content
    assert [each.revision for each in clusters.revisions(first)] == [3, 2, 1]
    listed = next(each for each in clusters if each.id == first.id)
    with pytest.raises(Refused, match="no ETag"):
        clusters.revise(listed, CLUSTER)
    clusters.delete(second)
    with pytest.raises(Refused) as gone:
        clusters.get(first.id)
    assert gone.value.status == 404


def test_a_stored_scenario_is_planned(client: Client) -> None:
    stored = client.documents("scenarios").create(None, EXAMPLE)
    job = client.submit(stored)
    job.wait(PATIENCE_S)
    assert job.raw["revisions"] == {stored.id: 1}
    with pytest.raises(Refused, match="no scenario"):
        client.submit(client.documents("clusters").create("c", CLUSTER))


@pytest.mark.parametrize("kind", FIELDS)
def test_every_kind_of_document_is_known(kind: str, client: Client) -> None:
    assert {name: each.field for name, each in KINDS.items()} == FIELDS
    content = {"scenarios": EXAMPLE, "calibrations": CALIBRATION}.get(kind, KINDS[kind].example)
    stored = client.documents(kind).create("mine", content)  # type: ignore[arg-type]
    assert stored.etag is not None
    assert client.documents(kind).get(stored.id).content == stored.content  # type: ignore[arg-type]


def test_the_catalogue_and_the_schemas_are_read(client: Client) -> None:
    assert any(row["id"] == "h100-sxm" for row in client.catalogue("devices"))
    assert client.schema("plans")["title"] == "RankedPlans"
    with pytest.raises(Refused) as told:
        client.schema("no/such thing")
    assert told.value.status == 404


def test_a_job_that_is_not_there_is_told(client: Client) -> None:
    with pytest.raises(Refused, match="404: there is no plan job 'job-0123'"):
        client.job("job-0123")


def test_an_answer_of_a_newer_service_is_still_there_as_it_came(client: Client) -> None:
    answer = client.plan(EXAMPLE, timeout_s=PATIENCE_S)
    newer = type(answer)({**answer.raw, "of_tomorrow": 1})
    assert newer.raw["of_tomorrow"] == 1
    with pytest.raises(UnknownAnswer, match="/of_tomorrow"):
        _ = newer.plans


def test_the_same_under_asyncio(address: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncClient(address) as client:
            heard: list[int] = []

            async def on_event(event: Event) -> None:
                await asyncio.sleep(0)
                heard.append(event.number)

            answers = await asyncio.gather(
                client.plan(EXAMPLE, on_event=on_event, timeout_s=PATIENCE_S),
                client.plan(scenario_document(name="infeasible"), timeout_s=PATIENCE_S),
            )
            assert [answer.status for answer in answers] == ["optimal", "infeasible"]
            assert heard == list(range(1, len(heard) + 1))
            job = await client.plan(scenario_document(name=f"sleep {tmp_path / 'pid'}"), wait=False)
            with pytest.raises(NotFinished):
                await job.wait(timeout_s=0.5)
            assert (await job.cancel()).state == "cancelled"
            with pytest.raises(JobCancelled):
                await job.wait()
            assert [event.kind async for event in job.events()][-1] == "done"
            assert job.id in [each.id async for each in client.jobs("cancelled", page_size=1)]
            assert (await client.job(job.id)).finished
            clusters = client.documents("clusters")
            stored = await clusters.create("c", CLUSTER)
            assert (await clusters.revise(stored, CLUSTER)).revision == 2
            assert [each.revision async for each in clusters.revisions(stored)] == [2, 1]
            assert stored.id in [each.id async for each in clusters]
            await clusters.delete(stored)
            with pytest.raises(Refused):
                await clusters.get(stored.id)
            plan = [row async for row in client.plans()][0]
            assert (await client.stored_plan(plan["id"])).value.rank == plan["rank"]
            assert [each.value.status async for each in client.predict([ROW])] == ["ok"]
            assert (await client.check(EXAMPLE, GROUPS)).value.objective.name == "max_goodput"
            small = EXAMPLE.with_name("llama-70b-tpot-50ms.yaml")
            assert (await client.requirements(small)).value.deployments
            changed = await client.what_if(plan["id"], {"cluster.pools.h100.nodes": 3})
            assert changed.value.statement
            assert [row async for row in client.catalogue("engines")]
            assert (await client.schema("plans"))["title"] == "RankedPlans"

    asyncio.run(main())


def test_the_missing_extra_is_named() -> None:
    code = "import sys\nsys.modules['httpx2'] = None\nimport api.client"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'shardwright[client]'" in done.stderr


def test_the_service_starts_without_the_client() -> None:
    code = "import sys\nsys.modules['httpx2'] = None\nimport api.app, api.cli\n"
    code += "assert 'api.client' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_sweep_is_swept(client: Client) -> None:
    axes = [{"change": "cluster.pools.h100.nodes", "values": [1, 2, 3]}]
    sweep = client.sweep(scenario_document(name="fine"), axes)
    assert [point["number"] for point in sweep.results()] == [0, 1, 2]


def test_a_priority_is_passed_on(client: Client) -> None:
    job = client.submit(scenario_document(name="urgent"), priority="high")
    assert job.wait(timeout_s=PATIENCE_S).plans
