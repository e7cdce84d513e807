"""Results of serving benchmarks, by files composed with the keys of each tool and figures checked by hand."""

import copy
import json
import math
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import InvalidInput, TooLarge
from models.observation import Observation
from models.parallelism import Parallelism
from planner.importers.benchmarks import read_benchmark, reader, text
from planner.importers.benchmarks.registry import FORMATS

SAMPLES = Path(__file__).parent / "benchmark_samples"

VLLM_CLOSED = Observation(
    source_format="vllm-bench",
    model="example/dense-70b",
    engine="vllm",
    engine_version="0.33.0",
    device="H100-SXM",
    devices=4,
    parallelism=Parallelism(tp=4),
    concurrency=64.0,
    input_tokens=2000.0,  # 1,280,000 / 640
    output_tokens=500.0,  # 320,000 / 640
    requests=640,
    ttft_s={"mean": 0.8, "p50": 0.6, "p99": 2.1},
    tpot_s={"mean": 0.038, "p50": 0.0375, "p99": 0.0455},
    output_tokens_per_s=1600.0,
    failed_requests=0,
)
VLLM_OPEN = Observation(
    source_format="vllm-bench",
    model="example/dense-8b",
    concurrency=19.5,  # 3.9 / s * 5 s
    requests_per_s=4.0,
    input_tokens=1000.0,
    output_tokens=200.0,
    requests=400,
    ttft_s={"mean": 0.09, "p50": 0.08, "p95": 0.15},
    tpot_s={"mean": 0.02, "p50": 0.019, "p95": 0.026},
    output_tokens_per_s=780.0,
    failed_requests=0,
    derived=("concurrency",),
)
VLLM_OLDER = replace(
    VLLM_OPEN,
    concurrency=45.0,  # 7.5 / s * 6 s: the cap of 1024 beside a rate is no concurrency
    requests_per_s=8.0,
    requests=396,
    ttft_s={"mean": 0.12, "p50": 0.1, "p95": 0.26},
    tpot_s={"mean": 0.024, "p50": 0.023, "p95": 0.033},
    output_tokens_per_s=1500.0,
    failed_requests=4,  # 400 sent, 396 completed; this version states no failures
    derived=("failed_requests", "concurrency"),
)
SGLANG_SHARED = Observation(
    source_format="sglang-bench",
    model="example/moe-600b",
    engine="sglang",
    engine_version="0.5.23",
    devices=8,
    parallelism=Parallelism(tp=1, dp=8, ep=8),  # attention-dp splits the 8 ranks of tp_size
    concurrency=32.0,
    input_tokens=3000.0,
    output_tokens=500.0,
    requests=320,
    ttft_s={"mean": 0.7, "p50": 0.5, "p90": 1.2, "p95": 1.5, "p99": 2.0},
    tpot_s={"mean": 0.018, "p50": 0.0175, "p90": 0.02, "p95": 0.021, "p99": 0.024},
    output_tokens_per_s=1600.0,
)
SGLANG_COPIES = Observation(
    source_format="sglang-bench",
    model="served-8b",
    engine="sglang",
    engine_version="0.5.23",
    devices=8,
    parallelism=Parallelism(tp=2),  # without attention-dp, dp_size=4 are four copies
    concurrency=3.0,
    input_tokens=500.0,
    output_tokens=100.0,
    requests=100,
    ttft_s={"mean": 0.06, "p50": 0.05},
    tpot_s={"mean": 0.0145, "p50": 0.014},
    output_tokens_per_s=200.0,
)
AIPERF = Observation(
    source_format="aiperf",
    model="example/dense-32b",
    device="NVIDIA H200",
    concurrency=16.0,  # of the measured phase, not of the warm-up
    input_tokens=1024.0,
    output_tokens=118.0,
    requests=197,
    ttft_s={"mean": 0.15, "p50": 0.14, "p90": 0.18, "p95": 0.2, "p99": 0.3},
    tpot_s={"mean": 0.025, "p50": 0.0245, "p99": 0.03},  # the file states microseconds
    output_tokens_per_s=590.0,
    failed_requests=3,
    incomplete=True,
)
GENAI_PERF = Observation(
    source_format="genai-perf",
    model="example/dense-8b",
    concurrency=10.0,
    input_tokens=550.0,
    output_tokens=200.0,
    requests=120,
    ttft_s={"mean": 0.2, "p50": 0.18, "p99": 0.42},
    tpot_s={"mean": 0.019, "p50": 0.018, "p99": 0.025},
    output_tokens_per_s=400.0,
)
GUIDELLM_CLOSED = Observation(
    source_format="guidellm",
    model="example/dense-8b",
    concurrency=32.0,
    input_tokens=2048.0,
    output_tokens=250.0,
    requests=300,
    ttft_s={"mean": 0.32, "p50": 0.3, "p90": 0.5, "p95": 0.6, "p99": 0.8},
    tpot_s={"mean": 0.0192, "p50": 0.019, "p95": 0.023, "p99": 0.025},  # not its "time per output token"
    output_tokens_per_s=1500.0,
    failed_requests=1,
)
GUIDELLM_OPEN = Observation(
    source_format="guidellm",
    model="example/dense-8b",
    concurrency=9.5,  # measured; 10240 only guards the client
    requests_per_s=2.5,
    input_tokens=2048.0,
    output_tokens=250.0,
    requests=150,
    ttft_s={"mean": 0.15, "p50": 0.14, "p99": 0.26},
    tpot_s={"mean": 0.0146, "p50": 0.0145, "p99": 0.016},
    output_tokens_per_s=620.0,
    failed_requests=0,
)
GUIDELLM_EARLY = Observation(
    source_format="guidellm",
    model="example/dense-8b",
    concurrency=1.0,
    input_tokens=512.0,
    output_tokens=128.0,
    requests=30,
    ttft_s={"mean": 0.06, "p50": 0.058, "p95": 0.07},
    tpot_s={"mean": 0.015, "p50": 0.015, "p95": 0.0155},
    output_tokens_per_s=64.0,
    failed_requests=0,
)
INFERENCE_PERF = Observation(
    source_format="inference-perf",
    concurrency=9.2 * 4.0,
    requests_per_s=9.8,
    input_tokens=1000.0,
    output_tokens=200.0,  # what the server counted, not the 195 of the client
    requests=590,
    ttft_s={"mean": 0.12, "p50": 0.1, "p90": 0.2, "p95": 0.25, "p99": 0.4},
    tpot_s={"mean": 0.0195, "p50": 0.019, "p90": 0.022, "p95": 0.023, "p99": 0.026},
    output_tokens_per_s=1840.0,
    failed_requests=10,
    derived=("concurrency",),
)
LLM_D = Observation(
    source_format="llm-d-report",
    model="example/dense-32b",
    engine="vllm",
    engine_version="registry.example/vllm:0.33.0",
    device="NVIDIA-H100-80GB-HBM3",
    devices=16,  # two replicas of tp 8
    parallelism=Parallelism(tp=8),
    concurrency=9.4 * 5.3,
    requests_per_s=10.0,
    input_tokens=2048.0,
    output_tokens=256.0,
    requests=490,  # 500 sent, 4 failed, 6 cut off at the end
    ttft_s={"mean": 0.2, "p50": 0.15, "p90": 0.3, "p95": 0.4, "p99": 0.6},
    tpot_s={"mean": 0.02, "p50": 0.019, "p99": 0.03},
    output_tokens_per_s=2400.0,
    failed_requests=4,
    derived=("concurrency",),
)
LLM_D_EARLY = Observation(
    source_format="llm-d-report",
    model="example/dense-8b",
    engine="vllm",
    engine_version="0.10.0",
    device="NVIDIA-L40S",
    devices=4,
    parallelism=Parallelism(tp=2),
    concurrency=20.0,
    input_tokens=1000.0,
    output_tokens=100.0,
    requests=200,
    ttft_s={"mean": 0.4, "p50": 0.35, "p99": 0.9},
    tpot_s={"mean": 0.09, "p50": 0.088, "p99": 0.11},
    output_tokens_per_s=200.0,
)
EXPECTED = {
    "vllm_closed.json": (VLLM_CLOSED,),
    "vllm_open.jsonl": (VLLM_OPEN, VLLM_OLDER),
    "sglang.jsonl": (SGLANG_SHARED, SGLANG_COPIES),
    "aiperf.json": (AIPERF,),
    "genai_perf.json": (GENAI_PERF,),
    "guidellm.json": (GUIDELLM_CLOSED, GUIDELLM_OPEN),
    "guidellm_early.json": (GUIDELLM_EARLY,),
    "inference_perf.json": (INFERENCE_PERF,),
    "llm_d_report.yaml": (LLM_D,),
    "llm_d_early.json": (LLM_D_EARLY,),
}


def sample(name):
    return (SAMPLES / name).read_text(encoding="utf-8")


def documents(name):
    """Plain objects of a sample."""
    whole = sample(name)
    if name.endswith(".yaml"):
        return [yaml.safe_load(whole)]
    lines = whole.splitlines() if name.endswith(".jsonl") else [whole]
    return [json.loads(line) for line in lines if line.strip()]


def changed(name, path, value):
    """First object of a sample with one field set, as text; ``...`` removes the field."""
    document = copy.deepcopy(documents(name)[0])
    *way, last = path.split(".")
    holder = document
    for key in way:
        holder = holder[int(key)] if isinstance(holder, list) else holder[key]
    if value is ...:
        del holder[last]
    else:
        holder[last] = value
    return json.dumps(document, default=str)


def one(written):
    (observation,) = read_benchmark(written)
    return observation


def refusal(written, name="file"):
    with pytest.raises(InvalidInput) as caught:
        read_benchmark(written, name=name)
    error = caught.value
    assert error.message.startswith(name)
    assert not error.hint or error.hint.startswith("Maybe")
    return error


def test_every_sample_is_expected():
    assert {path.name for path in SAMPLES.iterdir()} == set(EXPECTED)
    assert {each.source_format for found in EXPECTED.values() for each in found} == set(FORMATS)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_file_reads_as_computed_by_hand(name):
    assert read_benchmark(sample(name), name=name) == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_exactly_one_format_claims_a_file(name):
    for document, expected in zip(documents(name), EXPECTED[name], strict=False):
        claimed = [known for known, each in FORMATS.items() if each.matches(document)]
        assert claimed == [expected.source_format]


def test_the_first_format_in_order_wins_where_several_claim_a_file():
    both = documents("guidellm.json")[0] | documents("vllm_closed.json")[0]
    assert [known for known, each in FORMATS.items() if each.matches(both)] == ["guidellm", "vllm-bench"]
    assert {each.source_format for each in read_benchmark(json.dumps(both))} == {"guidellm"}


def test_lists_lines_and_single_objects_hold_the_same():
    runs = documents("vllm_open.jsonl")
    expected = EXPECTED["vllm_open.jsonl"]
    assert read_benchmark(json.dumps(runs, indent=1)) == expected
    assert read_benchmark("\r\n".join(json.dumps(run) for run in runs)) == expected
    assert read_benchmark("\ufeff" + json.dumps(runs[0])) == expected[:1]
    assert read_benchmark(yaml.safe_dump(runs)) == expected


def test_json_and_yaml_of_a_report_are_the_same():
    assert read_benchmark(json.dumps(documents("llm_d_report.yaml")[0], default=str)) == (LLM_D,)


def test_degrees_of_sglang_that_cut_unevenly_are_left_out():
    for field, value in (("attn_cp_size", 2), ("dp_size", 3)):
        found = one(changed("sglang.jsonl", f"server_info.{field}", value))
        assert (found.parallelism, found.devices) == (None, 8)


def test_an_infinite_rate_is_spelled_in_several_ways():
    for rate in ("inf", "Infinity", math.inf, None):
        assert one(changed("vllm_closed.json", "request_rate", rate)) == VLLM_CLOSED


def test_without_a_cap_the_requests_in_flight_follow_from_littles_law():
    written = json.loads(changed("vllm_closed.json", "max_concurrency", None)) | {"mean_e2el_ms": 19_000.0}
    found = one(json.dumps(written))
    assert found.concurrency == pytest.approx(3.2 * 19.0)
    assert found.derived == ("concurrency",)
    assert found.requests_per_s is None


def test_without_a_cap_and_an_end_to_end_time_nobody_knows_the_requests_in_flight():
    found = one(changed("vllm_closed.json", "max_concurrency", None))
    assert (found.concurrency, found.derived) == (None, ())


def test_a_cap_of_all_requests_never_bound():
    assert one(changed("vllm_closed.json", "max_concurrency", 640)).concurrency is None
    assert one(changed("vllm_closed.json", "max_concurrency", 639)).concurrency == 639.0
    assert one(changed("sglang.jsonl", "max_concurrency", 320)).concurrency == 31.36


def test_a_zero_means_that_nothing_was_measured():
    found = one(changed("vllm_closed.json", "mean_tpot_ms", 0.0))
    assert found.tpot_s == {}
    assert found.ttft_s == VLLM_CLOSED.ttft_s


@pytest.mark.parametrize(
    ("strategy", "rate_per_s", "concurrency"),
    [
        ({"type_": "poisson", "rate": 4.5, "max_concurrency": 10240}, 4.5, 31.7),
        ({"type_": "throughput", "max_concurrency": 512, "worker_count": 10}, None, 31.7),
        ({"type_": "synchronous", "worker_count": 1}, None, 1.0),
        ({"type_": "trace", "time_scale": 1.0}, None, 31.7),
    ],
)
def test_load_of_a_guidellm_strategy(strategy, rate_per_s, concurrency):
    found = read_benchmark(changed("guidellm.json", "benchmarks.0.config.strategy", strategy))[0]
    assert (found.requests_per_s, found.concurrency) == (rate_per_s, concurrency)


@pytest.mark.parametrize(
    ("phases", "rate_per_s", "concurrency"),
    [
        ([{"name": "profiling", "type": "concurrency"}], None, 1.0),  # the default is not exported
        ([{"name": "profiling", "type": "poisson", "rate": 6.0, "concurrency": 99}], 6.0, 15.5),
        ([{"name": "profiling", "type": "fixed_schedule"}], None, 15.5),
        ([{"name": "a", "type": "concurrency"}, {"name": "b", "type": "concurrency"}], None, 15.5),
    ],
)
def test_load_of_an_aiperf_phase(phases, rate_per_s, concurrency):
    found = one(changed("aiperf.json", "input_config.phases", phases))
    assert found.requests_per_s == rate_per_s
    assert found.concurrency == pytest.approx(concurrency)  # 5 / s * 3.1 s where no phase states it


def test_older_aiperf_states_its_load_elsewhere():
    config = {"endpoint": {"model_names": ["m"]}, "loadgen": {"request_rate": 6.0, "concurrency": 50}}
    found = one(changed("aiperf.json", "input_config", config))
    assert (found.model, found.requests_per_s) == ("m", 6.0)
    del config["loadgen"]["request_rate"]
    assert one(changed("aiperf.json", "input_config", config)).concurrency == 50.0


def test_failures_of_aiperf_are_summed_over_kinds_where_no_count_is_stated():
    written = json.loads(changed("aiperf.json", "error_request_count", ...))
    written["error_summary"] = [{"count": 3}, {"count": 2}]
    assert one(json.dumps(written)).failed_requests == 5
    del written["error_summary"]
    assert one(json.dumps(written)).failed_requests is None


def test_older_genai_perf_exports_flat_arguments():
    found = one(changed("genai_perf.json", "input_config", {"model": ["m"], "request_rate": 1.5}))
    assert (found.model, found.requests_per_s, found.concurrency) == ("m", 1.5, 8.0)


def test_the_rate_beside_a_concurrency_of_inference_perf_is_a_number_of_requests():
    summary = {"requested_rate": 600.0, "achieved_rate": 600.0, "concurrency": 24}
    found = one(changed("inference_perf.json", "load_summary", summary))
    assert (found.requests_per_s, found.concurrency, found.derived) == (None, 24.0, ())


def test_gaps_between_tokens_stand_in_for_tpot_by_their_mean_only():
    found = one(changed("inference_perf.json", "successes.latency.time_per_output_token", None))
    assert found.tpot_s == {"mean": 0.0193}
    assert found.derived == ("tpot_s", "concurrency")
    times = "results.request_performance.aggregate.latency."
    found = one(changed("llm_d_report.yaml", times + "time_per_output_token", ...))
    assert found.tpot_s == {"mean": 0.0201}
    assert "tpot_s" in found.derived


def test_guidellm_in_a_report_states_tpot_as_inter_token_latency():
    document = documents("llm_d_report.yaml")[0]
    document["scenario"]["load"]["standardized"]["tool"] = "guidellm"
    times = document["results"]["request_performance"]["aggregate"]["latency"]
    times["inter_token_latency"] = {"units": "ms/token", "mean": 18.0, "p99": 25.0}
    times["request_latency"] = {"units": "ms", "mean": 5.3}  # seconds, mislabelled by older converters
    found = one(json.dumps(document, default=str))
    assert found.tpot_s == {"mean": 0.018, "p99": 0.025}
    assert (found.concurrency, found.derived) == (None, ())


def test_a_concurrency_caps_the_rate_for_some_generators_and_closes_the_loop_for_others():
    document = documents("llm_d_report.yaml")[0]
    stated = document["scenario"]["load"]["standardized"]
    for tool, rate_per_s, concurrency in (
        ("inference-perf", None, 64.0),
        ("vllm-benchmark", 10.0, 9.4 * 5.3),
    ):
        stated |= {"tool": tool, "concurrency": 64}
        found = one(json.dumps(document, default=str))
        assert (found.requests_per_s, found.concurrency) == (rate_per_s, concurrency)


@pytest.mark.parametrize(
    ("count", "degrees", "devices", "parallelism"),
    [
        (8, {"tp": 8}, 16, Parallelism(tp=8)),
        (16, {"tp": 8}, 16, Parallelism(tp=8)),  # of both replicas
        (8, {"tp": 1, "dp": 16, "dp_local": 8, "ep": 16}, 32, Parallelism(dp=16, ep=16)),  # of one node
        (0, {"tp": 1, "dp": 1}, None, None),  # how a run without deployment says that it does not know
        (8, {"tp": 2}, None, None),
        (8, {}, 16, None),
    ],
)
def test_devices_of_a_report(count, degrees, devices, parallelism):
    accelerator = {"model": "X", "count": count, "parallelism": degrees}
    found = one(changed("llm_d_report.yaml", "scenario.stack.0.standardized.accelerator", accelerator))
    assert (found.devices, found.parallelism) == (devices, parallelism)


def test_prefill_and_decode_have_no_parallelism_in_common():
    document = documents("llm_d_report.yaml")[0]
    stack = document["scenario"]["stack"]
    prefill = copy.deepcopy(stack[0])
    prefill["standardized"] |= {"role": "prefill", "replicas": 1}
    stack[0]["standardized"]["role"] = "decode"
    found = one(json.dumps({**document, "scenario": {"stack": [prefill, *stack]}}, default=str))
    assert (found.devices, found.parallelism, found.model) == (24, None, "example/dense-32b")


def test_a_partial_report_has_no_scenario():
    found = one(changed("llm_d_report.yaml", "scenario", ...))
    assert (found.model, found.devices, found.requests_per_s) == (None, None, None)
    assert found.concurrency == 9.4 * 5.3


@pytest.mark.parametrize(
    ("name", "path", "value", "pointer", "said"),
    [
        ("vllm_closed.json", "mean_ttft_ms", math.nan, "/mean_ttft_ms", "nan"),
        ("vllm_closed.json", "p99_tpot_ms", math.inf, "/p99_tpot_ms", "inf"),
        ("vllm_closed.json", "mean_ttft_ms", -3.0, "/mean_ttft_ms", "-3.0"),
        ("vllm_closed.json", "mean_ttft_ms", "800", "/mean_ttft_ms", "'800'"),
        ("vllm_closed.json", "output_throughput", True, "/output_throughput", "True"),
        ("vllm_closed.json", "completed", 0, "/completed", "no request"),
        ("vllm_closed.json", "completed", 639.5, "/completed", "whole number"),
        ("vllm_closed.json", "mean_e2el_ms", 19.76, "/mean_e2el_ms", "below mean_ttft_ms"),
        ("vllm_closed.json", "p95_ttft_ms", 2200.0, "/ttft_s", "p95 (2.2 s) exceeds p99 (2.1 s)"),
        ("vllm_closed.json", "ramp_up_strategy", "linear", "/ramp_up_strategy", "no single operating point"),
        ("vllm_closed.json", "tensor_parallel_size", "eight", "/tensor_parallel_size", "'eight'"),
        ("vllm_closed.json", "request_rate", "fast", "/request_rate", "'fast'"),
        ("vllm_closed.json", "total_input_tokens", 10**400, "/total_input_tokens", "bits"),
        ("sglang.jsonl", "server_info.ep_size", 3, "/server_info/ep", "ep=3"),
        ("vllm_closed.json", "model_id", "x" * 501, "/model_id", "501 characters"),
        ("guidellm.json", "benchmarks.0.config.backend.model", 8, "/benchmarks/0/config/backend/model", "8"),
        ("sglang.jsonl", "server_info", [], "/server_info", "must be an object"),
        ("sglang.jsonl", "mean_e2e_latency_ms", 0.98, "/mean_e2e_latency_ms", "0.98"),
        ("aiperf.json", "time_to_first_token.unit", "minutes", "/time_to_first_token/unit", "'minutes'"),
        ("aiperf.json", "request_throughput.unit", "1/min", "/request_throughput/unit", "1/min"),
        ("aiperf.json", "request_count.avg", 0, "/request_count/avg", "no request"),
        ("aiperf.json", "error_request_count.avg", math.nan, "/error_request_count/avg", "nan"),
        ("aiperf.json", "is_complete", "yes", "/is_complete", "true or false"),
        ("genai_perf.json", "output_sequence_length.unit", "words", "/output_sequence_length/unit", "words"),
        ("genai_perf.json", "time_to_first_token.unit", ..., "/time_to_first_token/unit", "None"),
        (
            "guidellm.json",
            "benchmarks.1.metrics.request_totals.successful",
            0,
            "/benchmarks/1/metrics/request_totals/successful",
            "no request",
        ),
        ("guidellm.json", "benchmarks", [], "/benchmarks", "empty"),
        ("inference_perf.json", "successes.count", ..., "/successes/count", "missing"),
        (
            "inference_perf.json",
            "successes.latency.time_to_first_token.mean",
            math.nan,
            "/successes/latency/time_to_first_token/mean",
            "nan",
        ),
        ("llm_d_report.yaml", "version", "0.3", "/version", "'0.3'"),
        (
            "llm_d_report.yaml",
            "results.request_performance.aggregate.latency.time_to_first_token.units",
            "hours",
            "/results/request_performance/aggregate/latency/time_to_first_token/units",
            "'hours'",
        ),
        (
            "llm_d_report.yaml",
            "results.request_performance.aggregate.requests.failures",
            500,
            "/results/request_performance/aggregate/requests/total",
            "no request",
        ),
        (
            "llm_d_report.yaml",
            "scenario.load.metadata.concurrent_with",
            ["other"],
            "/scenario/load/metadata/concurrent_with",
            "same time",
        ),
        ("llm_d_report.yaml", "scenario.stack", [3], "/scenario/stack", "entry 0"),
        ("llm_d_early.json", "metrics.latency", 5, "/metrics/latency", "must be an object"),
        (
            "llm_d_early.json",
            "metrics.requests.output_length.units",
            "s",
            "/metrics/requests/output_length/units",
            "'s'",
        ),
    ],
)
def test_what_cannot_be_read_rightly_is_refused_by_name(name, path, value, pointer, said):
    error = refusal(changed(name, path, value), name=name)
    assert error.pointer == pointer
    assert said in error.message


def test_a_nan_in_yaml_is_refused_too():
    error = refusal(sample("llm_d_report.yaml").replace("mean: 0.2,", "mean: .nan,"))
    assert error.pointer.endswith("/time_to_first_token/mean")


def test_a_run_without_any_metric_is_refused():
    document = documents("vllm_closed.json")[0]
    kept = {k: v for k, v in document.items() if "ttft" not in k and "tpot" not in k}
    assert one(json.dumps(kept)).output_tokens_per_s == 1600.0
    del kept["output_throughput"]
    assert "neither TTFT nor TPOT" in refusal(json.dumps(kept)).message


def test_a_cut_off_line_is_named():
    error = refusal(sample("vllm_open.jsonl").rstrip()[:-40], name="runs.jsonl")
    assert error.message.startswith("runs.jsonl: line 3: not JSON")
    assert "cut off" in error.hint


def test_a_wrong_value_in_a_line_is_named_with_its_line():
    lines = sample("vllm_open.jsonl").splitlines()
    error = refusal("\n".join([lines[0], lines[2].replace('"mean_ttft_ms": 120.0', '"mean_ttft_ms": NaN')]))
    assert (error.message[:14], error.pointer) == ("file: line 2: ", "/mean_ttft_ms")


def test_a_wrong_value_in_a_list_is_named_with_its_index():
    runs = documents("vllm_open.jsonl")
    error = refusal(json.dumps([runs[0], runs[1] | {"completed": 0}]))
    assert error.pointer == "/1/completed"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("[]", "empty list"),
        ("[1]", "must be an object"),
        ("# only a comment", "must be an object"),
        ("Benchmark finished in 3 s", "must be an object"),
        (sample("aiperf.json")[:-200], "not JSON"),
        ('{"a": 1, "a": 2}', "duplicate key 'a'"),
        ("a: 1\na: 2", "duplicate key 'a'"),
        ("[" * 100_000, "nested"),
        ('{"a": ' * 100_000, "nested"),
        ('{"completed": ' + "9" * 5000 + "}", "digits"),
        (sample("vllm_open.jsonl").splitlines()[0] + "\n[2]", "line 2: a result must be an object"),
    ],
)
def test_what_is_no_result_at_all_is_refused(written, said):
    assert said in refusal(written).message


def test_an_unknown_format_lists_the_known_ones_and_the_keys_found():
    error = refusal(json.dumps({f"key_{i}": i for i in range(20)}), name="other.json")
    assert error.message.startswith("other.json: no known benchmark result; top-level keys: key_0, key_1")
    assert error.message.endswith("and 8 more")
    assert all(known in error.hint for known in FORMATS)


def test_size_and_number_of_results_are_bounded(monkeypatch):
    line = sample("vllm_open.jsonl").splitlines()[0] + "\n"
    monkeypatch.setattr(reader, "MAX_OBSERVATIONS", 3)
    assert len(read_benchmark(line * 3)) == 3
    with pytest.raises(TooLarge, match="more than 3 results"):
        read_benchmark(line * 4)
    with pytest.raises(TooLarge, match="more than 3 results"):
        read_benchmark(json.dumps({"benchmarks": documents("guidellm.json")[0]["benchmarks"] * 2}))
    monkeypatch.setattr(text, "MAX_BYTES", 1000)
    with pytest.raises(TooLarge, match="more than 1000"):
        read_benchmark('"' + "ä" * 501 + '"')


def test_an_observation_refuses_what_no_measurement_can_be():
    for change, pointer in (
        ({"concurrency": 0.0}, "/concurrency"),
        ({"output_tokens": math.nan}, "/output_tokens"),
        ({"requests_per_s": math.inf}, "/requests_per_s"),
        ({"input_tokens": "12"}, "/input_tokens"),
        ({"requests": 0}, "/requests"),
        ({"devices": 1.5}, "/devices"),
        ({"failed_requests": -1}, "/failed_requests"),
        ({"ttft_s": {"mean": -0.1}}, "/ttft_s/mean"),
        ({"tpot_s": {"p42": 0.1}}, "/tpot_s"),
        ({"derived": ("speed",)}, "/derived"),
        ({"ttft_s": {}, "tpot_s": {}, "output_tokens_per_s": None}, ""),
    ):
        with pytest.raises(InvalidInput) as caught:
            replace(VLLM_CLOSED, **change)
        assert caught.value.pointer == pointer


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3000),
    st.sampled_from([2**70, -(10**30), 10**400]),
    st.floats(),
    st.sampled_from(["", "inf", "ms", "s", "tokens/s", "0.1", "0.2.1", "concurrent", "trace", "warmup", "8"]),
    st.text(max_size=4),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KEYS = sorted(
    {"version", "run", "scenario", "metrics", "results", "benchmarks", "successes", "failures", "completed"}
    | {"request_throughput", "mean_e2e_latency_ms", "request_latency", "aiperf_version", "load_summary"}
)
BASES = [document for name in sorted(EXPECTED) for document in documents(name)]
QUICK = settings(
    max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


def places(value, path=()):
    """Paths of everything inside a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


@st.composite
def mutated(draw):
    """A sample with a few fields replaced or removed."""
    document = copy.deepcopy(draw(st.sampled_from(BASES)))
    for _ in range(draw(st.integers(1, 4))):
        *way, last = draw(st.sampled_from(list(places(document)) or [("version",)]))
        holder = document
        for key in way:
            holder = holder[key]
        if isinstance(holder, dict) and draw(st.booleans()):
            holder.pop(last, None)
        else:
            holder[last] = draw(VALUES)
    return document


def answer(written):
    """What the importer says: observations or a refusal; anything else it raises fails the test."""
    try:
        return read_benchmark(written)
    except InvalidInput as error:
        return error


def check(written):
    found = answer(written)
    if isinstance(found, InvalidInput):
        assert found.message.startswith("file: ")
        assert len(str(found)) < 2000
        return
    for observation in found:
        assert observation.requests is None or observation.requests > 0
        assert "nan" not in repr(asdict(observation))
        assert "inf" not in repr(asdict(observation)).replace("inference", "")


@QUICK
@given(document=mutated())
def test_mutated_results(document):
    check(json.dumps(document, default=str))
    check(json.dumps([document, document], default=str))


@QUICK
@given(document=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6) | VALUES)
def test_any_json_at_all(document):
    check(json.dumps(document))


@QUICK
@given(written=st.text(max_size=60) | st.text('{}[]":,a1.-\n ', max_size=40))
def test_any_text_at_all(written):
    check(written)


@pytest.mark.shared_data
def test_layouts_of_the_reference_directory():
    """Composed by others from the same tools: 7.91 requests a second of 1024 tokens in and 256 out."""
    named = os.environ.get("SHARDWRIGHT_DATA_DIR")
    folder = (Path(named) if named else Path(__file__).parents[3] / "shared/data") / "samples"
    if not (folder / "vllm_bench_serve.json").is_file():
        pytest.skip("reference data not found: set SHARDWRIGHT_DATA_DIR")
    for name, known, tpot_s in (
        ("vllm_bench_serve.json", "vllm-bench", 0.0241),
        ("sglang_bench_serving.jsonl", "sglang-bench", 0.0241),
        ("aiperf_profile_export.json", "aiperf", 0.024),
    ):
        found = one((folder / name).read_text(encoding="utf-8"))
        assert found.source_format == known
        assert (found.input_tokens, found.output_tokens) == (1024.0, 256.0)
        assert found.concurrency == pytest.approx(49.8, rel=2e-3)  # 7.91 / s * 6.29 s = 49.75
        assert found.ttft_s["mean"] == 0.1421
        assert found.ttft_s["p99"] == 0.4028
        assert found.tpot_s["mean"] == tpot_s
        assert found.output_tokens_per_s == 2025.3
    found = one((folder / "inference_perf_summary.json").read_text(encoding="utf-8"))
    assert (found.requests, found.failed_requests) == (480, 3)
    assert found.ttft_s == {"mean": 0.8, "p50": 0.2, "p90": 2.26}
    assert found.concurrency == pytest.approx(1.02 * 3.31)
    assert found.tpot_s == {}
