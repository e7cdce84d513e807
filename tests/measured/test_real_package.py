"""Against the real package, where one is installed."""

import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from models import codec
from models.parallelism import Parallelism
from models.precision import Precision
from models.rate_factors import RATE_FACTORS
from models.scenario import Scenario
from planner import pipeline
from planner.cost_sources.aiconfigurator import Sampling, sample_grid
from planner.cost_sources.grid_load import tables_of
from planner.cost_sources.grid_store import GridStore
from planner.cost_sources.measured_steps import measured_step_model
from planner.cost_sources.step_grid import GridAxes, StepGrid
from planner.layouts import Layouts
from planner.setting import Setting
from planner.step import StepModel
from planner.step_load import decode_load, prefill_load
from tests.planner.scenes import QWEN_MOE, deployment, pool, scenario, setting_of

pytestmark = pytest.mark.measured
QWEN_32B = "Qwen/Qwen3-32B"
ROWS = tuple(Parallelism(tp=tp) for tp in (1, 2, 4, 8))


@pytest.fixture(scope="module")
def served() -> Setting:
    return setting_of(QWEN_32B, engine="trtllm", precision=Precision())


@pytest.fixture(scope="module")
def sampled(served: Setting, real_python: str) -> StepGrid:
    found = sample_grid(served, Layouts.of(*ROWS), Sampling(python=real_python))
    assert found.grid is not None, found.reason
    return found.grid


def test_every_layout_has_times(sampled: StepGrid) -> None:
    assert {steps.parallelism for steps in sampled.layouts} == set(ROWS)
    assert sampled.missing == ()
    assert sampled.origin.mode == "SILICON"
    assert sampled.origin.lowered_frac < 0.25


def test_more_devices_are_faster_but_not_in_proportion(sampled: StepGrid) -> None:
    decode = np.array([np.array(steps.decode_s) for steps in sampled.layouts])
    speedup = decode[:-1] / decode[1:]
    assert (speedup[:, 4:8, 2:6] > 1.1).all()
    assert (speedup[:, :, 2:6] < 2.3).all()


def test_decode_is_no_faster_than_reading_the_weights(sampled: StepGrid, served: Setting) -> None:
    device = served.site.device
    for steps in sampled.layouts:
        floor_s = 2.0 * served.spec.parameters() / steps.parallelism.tp / device.memory_bytes_per_s
        assert floor_s * 0.9 < min(map(min, steps.decode_s)) < floor_s * 3.0


def test_our_own_model_is_not_far_off(sampled: StepGrid, served: Setting) -> None:
    layouts, ones = Layouts.of(*ROWS), np.ones(len(ROWS))
    model, plain = (
        measured_step_model(served, layouts, (sampled,)),
        StepModel(setting=served, layouts=layouts),
    )
    assert model.measured.all()
    for load in (
        decode_load(16.0 * ones, 2000.0 * ones),
        decode_load(128.0 * ones, 4000.0 * ones),
        prefill_load(4096.0 * ones, 4096.0 * ones),
        prefill_load(2048.0 * ones, 4096.0 * ones, 32.0 * ones, 3000.0 * ones),
    ):
        cost = model.cost(load)
        assert not cost.outside.any()
        ratio = cost.travel_s / plain.cost(load).travel_s
        assert (ratio > 0.6).all(), ratio
        assert (ratio < 1.7).all(), ratio


def test_what_lies_between_the_knots_is_what_the_package_says(
    sampled: StepGrid, served: Setting, real_python: str
) -> None:
    """Asked again at other places, as a grid of its own."""
    axes = GridAxes(
        decode_sequences=(3.0, 24.0, 180.0), decode_context_tokens=(700.0, 3000.0, 12000.0),
        prompts=(1.0, 3.0), prompt_tokens=(100.0, 1500.0, 6000.0), chunk_tokens=(700.0, 3000.0),
        prior_tokens=(500.0, 6000.0),
    )  # fmt: skip
    found = sample_grid(served, Layouts.of(*ROWS), Sampling(python=real_python, axes=axes)).grid
    assert found is not None
    tables = tables_of(sampled)
    places = {steps.parallelism: i for i, steps in enumerate(sampled.layouts)}
    for steps in found.layouts:
        b, s = np.meshgrid(axes.decode_sequences, axes.decode_context_tokens, indexing="ij")
        place = np.full(b.size, places[steps.parallelism])
        read = tables.seconds(place, decode_load(b.ravel(), s.ravel()))
        assert read == pytest.approx(np.array(steps.decode_s).ravel(), rel=0.08)


def test_experts_are_priced_in_every_spread(real_python: str) -> None:
    setting = setting_of(QWEN_MOE, engine="trtllm", precision=Precision(weights="fp8"))
    layouts = Layouts.of(Parallelism(tp=4), Parallelism(tp=4, ep=4), Parallelism(tp=1, dp=4, ep=4))
    found = sample_grid(setting, layouts, Sampling(python=real_python))
    assert found.grid is not None, found.reason
    assert len(found.grid.layouts) == 3


def test_what_it_has_no_tables_for_is_told(served: Setting, real_python: str) -> None:
    old = sample_grid(served, Layouts.of(*ROWS), Sampling(python=real_python, version="0.0.1"))
    assert old.grid is None
    assert "0.0.1" in old.reason
    rare = setting_of(QWEN_32B, "a100-sxm-80", engine="trtllm", precision=Precision(weights="fp8"))
    assert sample_grid(rare, Layouts.of(*ROWS), Sampling(python=real_python)).grid is None


def test_the_version_is_the_one_the_adapter_was_written_for(real_python: str) -> None:
    code = "import importlib.metadata as m; print(m.version('aiconfigurator-core'))"
    done = subprocess.run([real_python, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("installed under its later name")
    assert done.stdout.startswith("0.12.")


CASES: dict[str, tuple[str, str, str, float, tuple[float, float]]] = {
    "q32": ("Qwen/Qwen3-32B-FP8", "h200-sxm", "fp8_block", 0.0, (0.6, 0.03)),
    "q32t": ("Qwen/Qwen3-32B-FP8", "h200-sxm", "fp8_block", 0.125, (0.3, 0.01)),
    "l70": ("meta-llama/Meta-Llama-3.1-70B", "h100-sxm", "fp8", 0.0, (1.0, 0.03)),
}
"""Settings of cases/worker_mix.json: model, device, weights, cached share of prompts, TTFT and TPOT [s]."""

READ_FRAC = 0.002
"""Times read between the knots of a grid are a little above the package's own."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, real_python: str) -> GridStore:
    how = Sampling(python=real_python)
    return GridStore(
        tmp_path_factory.mktemp("grids"), sampler=lambda s, layouts: sample_grid(s, layouts, how)
    )


def asked(case: str, devices: int, *, rate: float = 1.0, ttft_s: float | None = None) -> Scenario:
    """The case's question on its planner's terms."""
    model, device, weights, cached, (first_s, token_s) = CASES[case]
    workload = {
        "arrival": {"rate_per_s": rate, "cv": 0.0}, "input_tokens": 4000, "output_tokens": 500,
        "prefix_hit_frac": cached,
    }  # fmt: skip
    limits = {"ttft_s": ttft_s or first_s, "tpot_s": token_s}
    served = deployment(
        model=model, engine={"name": "trtllm"}, precisions=[{"weights": weights, "kv": "fp8"}],
        workload=workload, slo={m: {"limit_s": s, "percentile": "mean"} for m, s in limits.items()},
    )  # fmt: skip
    return scenario(
        served, pools=[pool(device=device, nodes=4, each=8)], limits={"devices": devices},
        objective="max_goodput" if rate == 1.0 else "min_devices",
        options={"top_k": 1, "rate_factors": codec.to_plain(RATE_FACTORS["aiconfigurator"])},
    )  # fmt: skip


@pytest.mark.shared_data
def test_plans_are_no_worse_than_the_best_of_the_planner_s_own_workers(
    case_file: Callable[[str], Any], store: GridStore
) -> None:
    for instance in case_file("worker_mix.json")["instances"]:
        case = instance["name"].rsplit("-", 1)[0]
        plan = pipeline.plan(asked(case, instance["devices"]), steps=store).plans[0]
        assert plan.evidence.kind == "measured", instance["name"]
        least = instance["expected"]["optimum_request_per_s"] * (1.0 - READ_FRAC)
        assert plan.objective_value >= least, instance["name"]


def test_fifty_requests_a_second_need_as_many_devices_as_of_its_workers(store: GridStore) -> None:
    answer = pipeline.plan(asked("q32", 32, rate=50.0, ttft_s=2.0), steps=store)
    assert answer.status == "optimal"
    assert answer.plans[0].devices_used == 26
