"""Better hardware never slows a step, more work never speeds it up."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.cost.registry import COST_SOURCES
from planner.layouts import Layouts, enumerate_layouts
from planner.setting import Setting
from planner.step import StepCost, StepModel
from planner.step_load import StepLoad, decode_load, prefill_load
from tests.planner.scenes import (
    EVERY_KIND,
    GPT_OSS,
    LLAMA_8B,
    MAMBA,
    MIXTRAL,
    kinds_of,
    setting_of,
    with_device,
)

QUICK = settings(max_examples=3, deadline=None, derandomize=True)
SAMPLE = 60
ROUNDING = 1e-12
SPEEDS = ("memory_bytes_per_s", "scale_up_bytes_per_s", "scale_out_bytes_per_s")
LATENCIES = ("scale_up_latency_s", "scale_out_latency_s")
LOADS = st.sampled_from(["decode", "prefill", "mixed"])


@cache
def case(model: str, source: str = "fitted") -> tuple[Setting, Layouts]:
    """A model on 4x8 H100 and every valid layout of it."""
    setting = replace(setting_of(model), cost=COST_SOURCES[source])
    return setting, enumerate_layouts(setting)[0]


def drawn(model: str, seed: int, source: str = "fitted") -> tuple[Setting, Layouts, dict[str, StepLoad]]:
    """A random choice of layouts under a pure decode, a pure prefill and a mixed step."""
    setting, layouts = case(model, source)
    rng = np.random.default_rng(seed)
    layouts = layouts.take(rng.choice(len(layouts), min(SAMPLE, len(layouts)), replace=False))
    n = len(layouts)
    sequences, context = np.exp(rng.uniform(-2, 7, n)), np.exp(rng.uniform(2, 11, n))
    chunk, prompt = np.exp(rng.uniform(0, 9.5, n)), np.exp(rng.uniform(4, 11, n))
    loads = {
        "decode": decode_load(sequences, context),
        "prefill": prefill_load(chunk, prompt),
        "mixed": prefill_load(chunk, prompt, sequences, context),
    }
    return setting, layouts, loads


def cost(setting: Setting, layouts: Layouts, load: StepLoad, *, overlap: bool = False) -> StepCost:
    return StepModel(setting=setting, layouts=layouts, overlap=overlap).cost(load)


def assert_no_slower(quick: StepCost, slow: StepCost, why: str) -> None:
    assert (quick.bottleneck_s <= slow.bottleneck_s * (1 + ROUNDING)).all(), why
    assert (quick.travel_s <= slow.travel_s * (1 + ROUNDING)).all(), why


@pytest.mark.parametrize(
    ("model", "source"), [*((m, "fitted") for m in EVERY_KIND), (LLAMA_8B, "roofline"), (MIXTRAL, "roofline")]
)
@QUICK
@given(seed=st.integers(0, 2**32 - 1), factor=st.floats(1.01, 20.0), name=LOADS)
def test_faster_memory_links_and_cores_never_slow_a_step(
    model: str, source: str, seed: int, factor: float, name: str
) -> None:
    setting, layouts, loads = drawn(model, seed, source)
    device = setting.site.device
    changes: list[dict[str, object]] = [{name: getattr(device, name) * factor} for name in SPEEDS]
    changes += [{name: getattr(device, name) / factor} for name in LATENCIES]
    changes += [
        {"peak_flop_per_s": {**device.peak_flop_per_s, fmt: peak * factor}}
        for fmt, peak in device.peak_flop_per_s.items()
    ]
    before = cost(setting, layouts, loads[name])
    for change in changes:
        after = cost(with_device(setting, **change), layouts, loads[name])
        assert_no_slower(after, before, f"{name} step, {change}")


@pytest.mark.parametrize("model", EVERY_KIND)
@QUICK
@given(seed=st.integers(0, 2**32 - 1), name=LOADS)
def test_overlapping_collectives_never_slows_a_step(model: str, seed: int, name: str) -> None:
    setting, layouts, loads = drawn(model, seed)
    load = loads[name]
    assert_no_slower(cost(setting, layouts, load, overlap=True), cost(setting, layouts, load), name)


@pytest.mark.parametrize("model", EVERY_KIND)
@QUICK
@given(seed=st.integers(0, 2**32 - 1), factor=st.floats(1.05, 8.0))
def test_more_sequences_or_prompt_tokens_never_make_a_step_shorter(
    model: str, seed: int, factor: float
) -> None:
    setting, layouts, loads = drawn(model, seed)
    mixed = loads["mixed"]
    before = cost(setting, layouts, mixed)
    for name in ("decode_sequences", "prefill_tokens", "prefill_context_tokens", "prefill_prior_tokens"):
        more = replace(mixed, **{name: getattr(mixed, name) * factor})
        assert_no_slower(before, cost(setting, layouts, more), name)


@pytest.mark.parametrize("model", EVERY_KIND)
@QUICK
@given(seed=st.integers(0, 2**32 - 1), extra=st.integers(1, 5000))
def test_a_decode_step_grows_with_context(model: str, seed: int, extra: int) -> None:
    setting, layouts, loads = drawn(model, seed)
    load = loads["decode"]
    longer = replace(load, decode_context_tokens=load.decode_context_tokens + extra)
    before, after = cost(setting, layouts, load), cost(setting, layouts, longer)
    assert_no_slower(before, after, "context")
    assert (after.travel_s > before.travel_s).all()
    if model != MAMBA:  # few of its layers attend: the slowest stage may hold none of them
        assert (after.bottleneck_s > before.bottleneck_s).all()


def test_windowed_layers_stop_growing_at_their_window() -> None:
    setting = setting_of(GPT_OSS)
    windowed = tuple(k for k, kind in enumerate(kinds_of(setting)) if kind.mixer.core().window_tokens)
    assert windowed
    spec = replace(setting.spec, pattern=tuple(windowed[0] for _ in setting.spec.pattern))
    layouts = enumerate_layouts(setting)[0]
    ones = np.ones(len(layouts))
    at, beyond = (
        cost(replace(setting, spec=spec), layouts, decode_load(ones * 8, ones * tokens))
        for tokens in (128, 50_000)
    )
    np.testing.assert_allclose(at.travel_s, beyond.travel_s, rtol=ROUNDING)


@pytest.mark.parametrize("model", EVERY_KIND)
def test_the_parts_of_a_step_add_up_to_its_travel_time(model: str) -> None:
    setting, layouts, loads = drawn(model, 0)
    for load in loads.values():
        step = cost(setting, layouts, load)
        np.testing.assert_allclose(sum(step.parts_s.values()), step.travel_s, rtol=1e-9)


@pytest.mark.parametrize("model", EVERY_KIND)
def test_a_pipeline_round_is_its_slowest_stage_and_its_travel_all_stages(model: str) -> None:
    setting, layouts, loads = drawn(model, 1)
    for load in loads.values():
        step = cost(setting, layouts, load)
        alone = layouts.pp == 1
        np.testing.assert_allclose(step.bottleneck_s[alone], step.travel_s[alone], rtol=1e-12)
        host_s = step.parts_s["host"]
        rounds = layouts.pp * (step.bottleneck_s - host_s)
        assert (rounds >= (step.travel_s - host_s) * (1 - 1e-9)).all()


def test_the_roofline_is_no_slower_bound_than_the_fitted_curves() -> None:
    for model in EVERY_KIND:
        setting, layouts, loads = drawn(model, 2)
        ideal = replace(setting, cost=COST_SOURCES["roofline"])
        for name, load in loads.items():
            assert_no_slower(cost(ideal, layouts, load), cost(setting, layouts, load), f"{model} {name}")
