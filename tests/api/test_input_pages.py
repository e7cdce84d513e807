"""The pages that ask, wait, list and look up, without a browser."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.document_kinds import check_scenario
from api.pages import form_token
from api.pages.form_fields import DEFAULTS, choices
from api.pages.form_reading import read_form
from api.pages.memory_bar import memory_bar
from api.pages.presets import PRESETS, Preset
from api.pages.traffic_presets import TRAFFIC, TrafficPreset
from models import catalog
from tests.api.conftest import wait
from tests.api.sample_answer import EXAMPLE, SMALL_CONFIG

every_preset = pytest.mark.parametrize("preset", PRESETS, ids=[p.id for p in PRESETS])
every_traffic = pytest.mark.parametrize("traffic", TRAFFIC, ids=[t.id for t in TRAFFIC])


def fields_of(text: str) -> dict[str, str]:
    """What a browser would send of the first form, as far as it differs from text areas."""
    values = dict(re.findall(r'<input id="(\w+)" name="\w+" value="([^"]*)"', text))
    for name, body in re.findall(r'<select id="(\w+)".*?>(.*?)</select>', text, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', body)
        assert chosen, name
        values[name] = chosen.group(1)
    return values


def queued(client: TestClient, folder: Path, name: str = "") -> str:
    """A job that runs until it is cancelled; its id."""
    text = EXAMPLE.read_text().replace("name: llama-70b-2x8-h100", f"name: sleep {folder / 'pid'} {name}")
    answer = client.post("/", data={"scenario_yaml": text}, follow_redirects=False)
    return str(answer.headers["location"]).rpartition("/")[2]


@every_preset
def test_a_preset_is_a_question_that_can_be_asked(preset: Preset) -> None:
    assert preset.fields.keys() <= DEFAULTS.keys()
    document, faults = read_form({**DEFAULTS, **preset.fields})
    assert faults == []
    checked = check_scenario(document)
    assert checked["name"] == preset.fields["name"]


@every_preset
def test_a_preset_fills_the_form_and_fits_into_memory(client: TestClient, preset: Preset) -> None:
    text = client.get(f"/?preset={preset.id}").text
    filled = fields_of(text)
    for name, value in {**DEFAULTS, **preset.fields}.items():
        assert filled.get(name, value) == value, name
    assert f"Plan: {preset.title.lower()}" in text
    assert memory_bar({**DEFAULTS, **preset.fields}).fits


def test_one_click_on_what_is_filled_in_gives_a_plan(client: TestClient) -> None:
    answer = client.post("/", data=fields_of(client.get("/").text), follow_redirects=False)
    assert answer.status_code == 303, answer.text
    assert wait(client, answer.headers["location"].rpartition("/")[2])["state"] == "succeeded"


def test_an_unknown_preset_is_not_there(client: TestClient) -> None:
    assert client.get("/?preset=none").status_code == 404


@every_traffic
def test_a_kind_of_traffic_replaces_lengths_and_limits_only(
    client: TestClient, traffic: TrafficPreset
) -> None:
    typed = {**DEFAULTS, "model": "Qwen/Qwen3-8B", "nodes": "7", "name": "kept", "rate_per_s": "nonsense"}
    answer = client.post("/", data={**typed, "traffic": traffic.id})
    assert answer.status_code == 200
    filled = fields_of(answer.text)
    for name, value in {**typed, **traffic.fields}.items():
        assert filled.get(name, value) == value, name
    assert client.get("/v1/plan-jobs").json()["items"] == []


@every_traffic
def test_what_traffic_rests_on_is_told(client: TestClient, traffic: TrafficPreset) -> None:
    assert traffic.kind == "assumed"
    assert f"<em>assumed</em>, {traffic.fields['input_tokens']} tokens in" in client.get("/").text
    document, faults = read_form({**DEFAULTS, **traffic.fields})
    assert faults == []
    check_scenario(document)


def test_the_memory_bar_is_there_without_scripts(client: TestClient) -> None:
    text = client.get("/").text
    assert "67 sequences of 3,300 tokens fit at once with tp2 on h100-sxm" in text
    answer = client.post("/", data={**DEFAULTS, "show": "memory", "memory_tp": "1", "weights": "bf16"})
    assert answer.status_code == 200
    assert "It does not fit with tp1" in answer.text
    assert 'value="1" selected' in answer.text
    assert client.get("/v1/plan-jobs").json()["items"] == []


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("input_tokens", "30000", "sequences of 30,300 tokens"),
        ("memory_tp", "8", "with tp8"),
        ("memory_tp", "", "tp1"),
        ("memory_tp", "many", "tp1"),
        ("device", "h200-sxm", "on h200-sxm"),
        ("engine", "sglang", "sglang at its own limits"),
        ("weights", "", "bf16, kv auto"),
        ("kv", "fp8", "kv fp8"),
        ("cluster_yaml", "pools:\n- {name: a, device: l40s, nodes: 1, devices_per_node: 4}", "on l40s"),
        ("cluster_yaml", "pools: 3", "No memory to show"),
        ("cluster_yaml", "- 1", "No memory to show"),
        ("cluster_yaml", "pools: [1]", "No memory to show"),
        ("cluster_yaml", "pools: [{device: [1]}]", "No memory to show"),
        ("cluster_yaml", "{", "cluster yaml"),
        ("hf_config", "{", "hf config"),
        ("hf_config", str(SMALL_CONFIG).replace("'", '"').replace("False", "false"), "sequences of"),
        ("input_tokens", "", "input tokens: this is needed"),
        ("input_tokens", "many", "not a number"),
        ("input_tokens", "-1e9", "No memory to show"),
        ("input_tokens", "nan", "No memory to show"),
        ("input_tokens", "500000", "is made for 131,072 tokens at most"),
        ("device", "abacus", "abacus"),
        ("model", "<b>", "&lt;b&gt;"),
        ("rate_per_s", "nonsense", "67 sequences"),
        ("scenario_yaml", "a: 1", "67 sequences"),
    ],
)
def test_the_memory_bar_follows_the_fields(client: TestClient, field: str, value: str, words: str) -> None:
    answer = client.post("/memory-bar", data={**DEFAULTS, field: value})
    assert answer.status_code == 200, answer.text
    assert words in answer.text


def test_a_layout_that_is_not_allowed_says_so(client: TestClient) -> None:
    text = client.post(
        "/memory-bar", data={**DEFAULTS, "model": "Qwen/Qwen3-32B-FP8", "memory_tp": "16"}
    ).text
    assert "This layout is not allowed" in text


def test_memory_over_rest_is_quick_and_strict(client: TestClient) -> None:
    asked = {"model": "meta-llama/Meta-Llama-3.1-70B", "device": "h100-sxm", "sequence_tokens": 3300}
    body = {**asked, "precision": {"weights": "fp8"}, "parallelism": {"tp": 2}}
    client.post("/v1/memory", json=body)
    start = time.perf_counter()
    answer = client.post("/v1/memory", json=body)
    assert time.perf_counter() - start < 0.2
    assert answer.json()["sequences"] == 67
    for wrong, pointer in (
        ({**body, "device": "abacus"}, "/device"),
        ({**body, "parallelism": {"tp": 0}}, "/parallelism/tp"),
        ({**body, "sequence_tokens": "x"}, "/sequence_tokens"),
        ({**body, "colour": 1}, "/colour"),
        ({"model": {"hf_config": {}}, "device": "l4", "sequence_tokens": 1}, "/model/hf_config"),
    ):
        told = client.post("/v1/memory", json=wrong)
        assert told.status_code == 422, wrong
        assert told.json()["errors"][0]["pointer"].startswith(pointer), told.json()


def test_a_form_without_its_token_changes_nothing(client: TestClient, tmp_path: Path) -> None:
    job = queued(client, tmp_path)
    secret = client.cookies[form_token.COOKIE]
    foreign = form_token.token("0" * 64, "/")
    for data in (
        DEFAULTS,
        {**DEFAULTS, form_token.FIELD: ""},
        {**DEFAULTS, form_token.FIELD: foreign},
        {**DEFAULTS, form_token.FIELD: secret},
        {**DEFAULTS, form_token.FIELD: "ü"},
        {**DEFAULTS, form_token.FIELD: form_token.token(secret, f"/jobs/{job}/cancel")},
    ):
        assert client.request("POST", "/", data=data).status_code == 403
        assert client.request("POST", "/memory-bar", data=data).status_code == 403
    cancel = f"/jobs/{job}/cancel"
    assert client.request("POST", cancel).status_code == 403
    wrong = {form_token.FIELD: form_token.token(secret, "/")}
    assert client.request("POST", cancel, data=wrong).status_code == 403
    assert len(client.get("/v1/plan-jobs").json()["items"]) == 1
    assert client.get(f"/v1/plan-jobs/{job}").json()["state"] != "cancelled"
    right = {form_token.FIELD: form_token.token(secret, cancel)}
    assert client.request("POST", cancel, data=right).status_code == 200
    assert client.get(f"/v1/plan-jobs/{job}").json()["state"] == "cancelled"


def test_the_token_needs_its_cookie(client: TestClient) -> None:
    token = {form_token.FIELD: form_token.token("", "/")}
    assert client.request("POST", "/", data={**DEFAULTS, **token}).status_code == 403
    client.get("/")
    secret = client.cookies[form_token.COOKIE]
    client.cookies.clear()
    token = {form_token.FIELD: form_token.token(secret, "/")}
    assert client.request("POST", "/", data={**DEFAULTS, **token}).status_code == 403


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(client: TestClient) -> None:
    told = client.get("/").headers["set-cookie"]
    assert "HttpOnly" in told
    assert "SameSite=strict" in told
    assert "set-cookie" not in client.get("/").headers
    secret = client.cookies[form_token.COOKIE]
    text = client.get("/").text
    assert secret not in text
    tokens = re.findall(r'name="form_token" value="([0-9a-f]+)"', text)
    assert tokens == [form_token.token(secret, "/")] * text.count('method="post"')


def test_over_https_the_cookie_never_travels_in_the_clear(client: TestClient) -> None:
    assert "Secure" in client.get("https://testserver/").headers["set-cookie"]


def test_a_running_job_shows_phases_figures_and_the_chart(client: TestClient, tmp_path: Path) -> None:
    job = queued(client, tmp_path)
    wait(client, job, lambda j: j["incumbent"] is not None)
    text = client.get(f"/jobs/{job}").text
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in text
    assert 'aria-current="step">solving' in text
    assert "best so far 11, gap 13.60 %" in text
    assert text.count("<polyline") == 2
    assert "Every report in figures" in text
    assert re.search(r'data-since="[^"]+">\d+ s<', text)
    fragment = client.get(f"/jobs/{job}/progress").text
    assert fragment in text.replace('<div id="progress">', "")
    assert "<html" not in fragment
    client.post(f"/jobs/{job}/cancel")
    text = client.get(f"/jobs/{job}").text
    assert "<script" not in text
    assert "Cancel" not in text.partition("<main")[2]


def test_a_queued_job_knows_how_many_are_before_it(client: TestClient, tmp_path: Path) -> None:
    jobs = [queued(client, tmp_path, f"job {n}") for n in range(4)]  # two workers take the first two
    for job in jobs[:2]:
        wait(client, job, lambda j: j["state"] == "running")
    assert "Next to be solved" in client.get(f"/jobs/{jobs[2]}").text
    assert "1 job is before it" in client.get(f"/jobs/{jobs[3]}").text
    for job in jobs:
        client.post(f"/jobs/{job}/cancel")


def test_jobs_are_found_by_state_and_name(client: TestClient) -> None:
    for name in ("red apple", "green apple", "pear <i>"):
        answer = client.post("/", data={**DEFAULTS, "name": name}, follow_redirects=False)
        wait(client, answer.headers["location"].rpartition("/")[2])
    rows = re.compile(r'<a href="/jobs/job-[^"]+">([^<]+)</a>')
    assert rows.findall(client.get("/jobs").text) == ["pear &lt;i&gt;", "green apple", "red apple"]
    assert rows.findall(client.get("/jobs?name=APPLE").text) == ["green apple", "red apple"]
    assert rows.findall(client.get("/jobs?state=succeeded&name=red").text) == ["red apple"]
    text = client.get("/jobs?state=failed&name=<i>").text
    assert rows.findall(text) == []
    assert "No job is failed and has “&lt;i&gt;” in its name" in text
    assert client.get("/jobs?state=asleep").status_code == 422


def test_pages_of_jobs_lead_on(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from api.pages import job_pages

    monkeypatch.setattr(job_pages, "DEFAULT_LIMIT", 2)
    for name in ("a one", "b", "a two", "b", "a three"):
        answer = client.post("/", data={**DEFAULTS, "name": name}, follow_redirects=False)
        wait(client, answer.headers["location"].rpartition("/")[2])
    for asked, wanted in (("/jobs", 5), ("/jobs?name=a", 3)):
        found, url = [], asked
        while url:
            text = client.get(url).text
            found += re.findall(r'<a href="/jobs/(job-[^"]+)">', text)
            older = re.search(r'href="([^"]+)">Older jobs', text)
            url = older.group(1).replace("&amp;", "&") if older else ""
        assert len(found) == len(set(found)) == wanted


def test_the_catalogue_holds_everything_and_is_searched(client: TestClient) -> None:
    text = client.get("/catalogue").text
    for path in (
        *(f"/catalogue/devices/{d.id}" for d in catalog.devices()),
        *(f"/catalogue/models/{name}" for name in catalog.model_ids()),
        *(f"/catalogue/engines/{e.name}" for e in catalog.engines()),
    ):
        assert f'href="{path}"' in text, path
        assert client.get(path).status_code == 200, path
    for price in catalog.price_book().rows.values():
        assert price.kind in text
    found = client.get("/catalogue?q=MI3").text
    assert "mi300x" in found
    assert "h100-sxm" not in found
    assert "&lt;b&gt;" in client.get("/catalogue?q=<b>").text
    assert 'href="/catalogue"' in client.get("/").text


def test_a_device_tells_every_figure_with_unit_kind_and_source(client: TestClient) -> None:
    text = client.get("/catalogue/devices/h100_sxm").text
    device = catalog.device("h100-sxm")
    for source in device.sources.values():
        assert source.source.replace("'", "&#39;").replace(">", "&gt;") in text
    for words in ("79.6 GiB", "3.35 TB/s", "989 TFLOP/s", "700 W", "$2.90 per hour", "measured", "assumed"):
        assert words in text, words


def test_a_model_tells_its_layers_and_where_they_come_from(client: TestClient) -> None:
    text = client.get("/catalogue/models/deepseek-ai/DeepSeek-V3").text
    for words in (
        "163,840 tokens",
        "671,026,419,200",
        "70,272 B",
        "mla: heads 128",
        "experts 256",
        "config.json of",
    ):
        assert words in text, words


@pytest.mark.parametrize("path", ["devices/abacus", "models/no/such", "engines/none", "animals/cat"])
def test_what_the_catalogue_does_not_hold_is_404(client: TestClient, path: str) -> None:
    assert client.get(f"/catalogue/{path}").status_code == 404


def test_scripts_are_small_and_ours() -> None:
    folder = Path(__file__).parents[2] / "api" / "static"
    lines = sum(len((folder / name).read_text().splitlines()) for name in ("page.js", "job.js"))
    assert lines < 200


def test_every_choice_of_the_memory_bar_is_a_number() -> None:
    assert all(name.isdecimal() for name in choices().memory_tp)


def test_two_services_on_one_database_accept_each_others_forms(
    make_client: Callable[..., TestClient],
) -> None:
    one, two = make_client(), make_client()
    token = re.search(r'name="form_token" value="([0-9a-f]+)"', one.get("/").text)
    assert token
    two.cookies = one.cookies
    answer = two.request(
        "POST", "/", data={**DEFAULTS, form_token.FIELD: token.group(1)}, follow_redirects=False
    )
    assert answer.status_code == 303
