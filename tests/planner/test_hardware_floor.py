"""Closed forms of requirements: against GenZ's, by hand, and below whatever the planner finds."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import catalog
from models.cost.platform_requirement import ModelFootprint, ServingLoad, requirement
from models.precision import Precision
from models.requirements import HardwareFloor
from models.scenario import Scenario
from planner.hardware_floor import floors
from planner.model_work import (
    cache_bytes,
    prompt_flop,
    read_cache_bytes,
    read_weight_bytes,
    weight_bytes,
)
from tests.planner.scenes import (
    COMPRESSED,
    DEEPSEEK,
    EVERY_KIND,
    GPT_OSS,
    LLAMA_8B,
    LLAMA_70B,
    QWEN_MOE,
    deployment,
    scenario,
)

BF16 = Precision()


def floor_of(asked: Scenario) -> HardwareFloor:
    first = asked.deployments[0]
    spec, engine = catalog.model(str(first.model)), catalog.engine(first.engine.name)
    return floors(first, spec, engine, asked.periods)[0]


def chat(tokens: Any = (3000, 300), rate: float = 4.0, slo: Any = None, **more: Any) -> Scenario:
    return scenario(deployment(tokens=tokens, rate=rate, slo=slo, **more))


def limits(ttft_s: float = 2.0, tpot_s: float = 0.05, percentile: Any = "mean") -> Any:
    return {
        "ttft_s": {"limit_s": ttft_s, "percentile": percentile},
        "tpot_s": {"limit_s": tpot_s, "percentile": percentile},
    }


@pytest.mark.parametrize("tokens", [(1, 2), (1792, 256), (5000, 300)])
def test_the_published_bandwidth_of_llama_70b(tokens: tuple[int, int]) -> None:
    """GenZ: a 70 B model in fp16, one sequence, TPOT 50 ms take 2.80 TB/s, within 1 %."""
    found = floor_of(chat(tokens=tokens, model=LLAMA_70B, precisions=[{"weights": "bf16"}]))
    assert found.tpot_bytes_per_s == pytest.approx(2.80e12, rel=0.01)


def test_the_general_counts_are_genz_s_for_a_dense_model() -> None:
    """Same law, other counts: the embedding is held and not read, the head serves one token of a prompt."""
    spec = catalog.model(LLAMA_8B)
    table = spec.embedding_parameters
    norms = (2 * spec.layers + 1) * spec.hidden_size
    load = ServingLoad(batch=1, input_tokens=3000, output_tokens=300)
    matrices = spec.parameters() - 2 * table - norms
    model = ModelFootprint(
        parameters=spec.parameters() - spec.hidden_size, active_parameters=matrices, weight_element_bytes=2.0,
        kv_per_token_bytes=spec.kv_bytes_per_token(),
    )  # fmt: skip
    needed = requirement(load, model, ttft_s=2.0, tpot_s=0.05)
    found = floor_of(chat(slo=limits()))
    assert found.memory_bytes == pytest.approx(needed.memory_bytes)
    # GenZ takes the longest context, the mean one is half an answer shorter
    shorter = 150 * model.kv_per_token_bytes
    assert found.tpot_bytes_per_s == pytest.approx(
        needed.memory_bytes_per_s + (2.0 * table - shorter) / 0.05, rel=1e-9
    )
    attention = 32 * 4.0 * spec.hidden_size * 3000**2 / 2
    assert found.ttft_flop_per_s == pytest.approx(
        needed.compute_flop_per_s + (2.0 * table + attention) / 2.0, rel=1e-9
    )


def test_llama_8b_by_hand() -> None:
    found = floor_of(chat(slo=limits(), rate=4.0))
    # 131,072 B of cache per token; 16.06 GB of weights, of which 1.05 GB of embedding is not read
    assert found.weight_bytes == pytest.approx(16.06e9, rel=1e-3)
    assert found.sequence_bytes == pytest.approx(3300 * 131_072)
    assert found.concurrency == pytest.approx(4.0 * (2.0 + 299 * 0.05))
    assert found.slo_memory_bytes == pytest.approx(found.weight_bytes + found.concurrency * 3150 * 131_072)
    assert found.load_flop_per_s == pytest.approx(4.0 * found.prompt_flop)
    in_decode = 4.0 * 299 * 0.05
    read = found.weight_bytes - 2.0 * 128_256 * 4096
    assert found.load_bytes_per_s == pytest.approx((read + in_decode * 3150 * 131_072) / 0.05, rel=1e-4)
    tp8 = next(i for i in found.interconnect if (i.axis, i.degree) == ("tp", 8))
    # 64 sums of 4096 elements of 2 B, 2 * 7/8 of each leaves a device
    assert tp8.tpot_bytes_per_s == pytest.approx(64 * 4096 * 2 * 1.75 / 0.05)
    assert tp8.ttft_bytes_per_s == pytest.approx(3000 * 64 * 4096 * 2 * 1.75 / 2.0)


@pytest.mark.parametrize("name", EVERY_KIND)
def test_weights_are_the_parameters_in_bf16(name: str) -> None:
    spec = catalog.model(name)
    held = weight_bytes(spec, BF16)
    assert held == pytest.approx(2.0 * (spec.parameters() + spec.vision_parameters), rel=1e-4)
    assert read_weight_bytes(spec, BF16, 1.0) <= held
    assert read_weight_bytes(spec, BF16, 1e9) == pytest.approx(
        held - 2.0 * spec.vision_parameters - 2.0 * spec.embedding_parameters * (not spec.tied_embeddings),
        rel=0.02,
    )


@pytest.mark.parametrize("name", [QWEN_MOE, DEEPSEEK, GPT_OSS])
def test_one_sequence_reads_the_experts_of_one_token(name: str) -> None:
    """Active parameters but for norms, biases and the embedding, of which a row is read."""
    spec = catalog.model(name)
    assert read_weight_bytes(spec, BF16, 1.0) == pytest.approx(
        2.0 * (spec.active_parameters() - spec.embedding_parameters), rel=0.01
    )


@pytest.mark.parametrize("name", EVERY_KIND)
@given(new=st.integers(1, 20_000), cached=st.integers(0, 20_000))
@settings(max_examples=5, deadline=None, derandomize=True)
def test_attention_is_the_sum_over_queries(name: str, new: int, cached: int) -> None:
    """Pairs by integral against token by token, under windows, compression and selection."""
    spec = catalog.model(name)
    total = 2.0 * spec.embedding_parameters
    for n, kind in zip(spec.counts(), spec.kinds, strict=True):
        elements = sum(
            p.inputs * p.outputs
            for b in (kind.mixer, kind.ffn)
            if b is not None
            for p in b.projections(spec.hidden_size)
        )
        elements += kind.active_parameters(spec.hidden_size) - kind.dense_parameters(spec.hidden_size)
        total += n * 2.0 * new * elements
        if kind.mixer is None:
            continue
        core = kind.mixer.core()
        caps = [c for c in (core.window_tokens, core.top_k_tokens) if c is not None]
        seen = sum(min([(cached + i + 0.5) / core.visible_divisor, *caps]) for i in range(new))
        scanned = new * (cached + new / 2.0)
        total += n * (
            seen * core.prefill_flop_per_pair
            + scanned * core.index_flop_per_pair
            + new * core.state_flop_per_token
        )
    assert prompt_flop(spec, float(new), float(cached)) == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize("name", EVERY_KIND)
@given(tokens=st.floats(1, 100_000))
@settings(max_examples=10, deadline=None, derandomize=True)
def test_no_more_is_read_than_is_kept(name: str, tokens: float) -> None:
    spec = catalog.model(name)
    kept, read = cache_bytes(spec, BF16, tokens), read_cache_bytes(spec, BF16, tokens)
    assert read <= kept * (1.0 + 1e-9)


VALUES = (
    "memory_bytes", "slo_memory_bytes", "load_flop_per_s", "ttft_flop_per_s", "tpot_bytes_per_s",
    "load_bytes_per_s",
)  # fmt: skip
models = st.sampled_from([LLAMA_8B, QWEN_MOE, DEEPSEEK, COMPRESSED])


@given(
    model=models, rate=st.floats(0.01, 100), factor=st.floats(1.0, 50.0),
    percentile=st.sampled_from(["mean", 0.5, 0.99]), cv=st.sampled_from([0.0, 1.5]),
)  # fmt: skip
@settings(max_examples=40, deadline=None, derandomize=True)
def test_more_traffic_never_lowers_a_floor(
    model: str, rate: float, factor: float, percentile: Any, cv: float
) -> None:
    tokens = ({"mean": 3000, "cv": cv}, {"mean": 300, "cv": cv})
    asked = [
        floor_of(chat(tokens, r, limits(percentile=percentile), model=model)) for r in (rate, rate * factor)
    ]
    for name in VALUES:
        assert getattr(asked[0], name) <= getattr(asked[1], name) * (1 + 1e-9), name


@given(model=models, ttft=st.floats(0.01, 10), tpot=st.floats(0.001, 1), factor=st.floats(1.0, 50.0))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_a_looser_limit_never_raises_a_floor_on_speed(
    model: str, ttft: float, tpot: float, factor: float
) -> None:
    """Memory at the SLO does rise: slower hardware holds more requests at once."""
    tight = floor_of(chat(slo=limits(ttft, tpot), model=model))
    loose = floor_of(chat(slo=limits(ttft * factor, tpot * factor), model=model))
    for name in (
        "memory_bytes",
        "load_flop_per_s",
        "ttft_flop_per_s",
        "tpot_bytes_per_s",
        "load_bytes_per_s",
    ):
        assert getattr(loose, name) <= getattr(tight, name) * (1 + 1e-9), name
    for a, b in zip(tight.interconnect, loose.interconnect, strict=True):
        assert b.ttft_bytes_per_s <= a.ttft_bytes_per_s * (1 + 1e-9)
        assert b.tpot_bytes_per_s <= a.tpot_bytes_per_s * (1 + 1e-9)


def test_what_is_not_asked_has_no_floor() -> None:
    free = floor_of(chat(slo={}))
    assert free.memory_bytes > 0
    assert free.load_flop_per_s == pytest.approx(4.0 * free.prompt_flop)
    assert (free.ttft_flop_per_s, free.tpot_bytes_per_s, free.load_bytes_per_s) == (None, None, None)
    assert (free.concurrency, free.slo_memory_bytes) == (None, None)
    one_token = floor_of(chat(tokens=(1000, 1), slo=limits()))
    assert one_token.tpot_bytes_per_s is None


def test_an_end_to_end_limit_bounds_both_phases() -> None:
    found = floor_of(chat(slo={"e2e_s": {"limit_s": 5.98}}))
    assert found.tpot_bytes_per_s == pytest.approx(found.step_bytes / (5.98 / 299))
    assert found.ttft_flop_per_s == pytest.approx(found.prompt_flop / 5.98)
    assert found.concurrency == pytest.approx(4.0 * 5.98)


def test_a_closed_loop_keeps_its_requests_in_flight() -> None:
    asked = deployment(slo=limits())
    asked["workload"]["arrival"] = {"concurrency": 64}
    found = floor_of(scenario(asked))
    assert found.concurrency == pytest.approx(64)
    assert found.rate_per_s == pytest.approx(64 / (2.0 + 299 * 0.05))


def test_a_day_counts_at_its_busiest() -> None:
    periods = [{"name": "day", "rate_scale": 3.0}, {"name": "night", "rate_scale": 0.1}]
    assert floor_of(scenario(periods=periods)).rate_per_s == pytest.approx(12.0)
    assert floor_of(scenario(periods=periods[1:])).rate_per_s == pytest.approx(0.4)


def test_a_checkpoint_in_block_fp8_counts_its_scales() -> None:
    asked = chat(model=DEEPSEEK, precisions=[{"weights": "fp8", "kv": "bf16"}])
    assert floor_of(asked).precision.weights == "fp8_block"


def test_images_count_by_the_tokens_they_add() -> None:
    """The encoder of MiniCPM-V leaves 64 tokens a tile in the prompt; two images of one tile are 128."""
    model = "openbmb/MiniCPM-V-2_6"
    with_images = deployment(tokens=(1000, 100), model=model, slo=limits())
    with_images["workload"]["images"] = {"per_request": 2, "tiles": 1}
    encoder = catalog.model(model).encoder
    assert encoder is not None
    added = 2 * encoder.tile_tokens
    text = deployment(tokens=(1000 + added, 100), model=model, slo=limits())
    found, same = floor_of(scenario(with_images)), floor_of(scenario(text))
    for name in VALUES:
        assert getattr(found, name) == pytest.approx(getattr(same, name)), name
