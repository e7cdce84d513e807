"""Memory formulas: shares, slots, caches, activations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import catalog
from models.blocks.base import Core, Projection
from models.blocks.moe import MoeFfn
from models.memory import (
    SAMPLER_BYTES_PER_LOGIT,
    activation_bytes,
    expert_slots,
    kv_bytes_per_token,
    padded_expert_parameters,
    sequence_bytes,
    shard_frac,
)
from models.precision import Precision

QUICK = settings(max_examples=50, deadline=None, derandomize=True)
TP = np.array([1, 2, 4, 8, 16])


def core(kv_heads: int = 8, **more: object) -> Core:
    return Core(heads=32, kv_heads=kv_heads, kv_elements_per_token=kv_heads * 256.0, **more)  # type: ignore[arg-type]


def degrees(tp: int = 1, dcp: int = 1) -> dict[str, np.ndarray]:
    return {name: np.array([n]) for name, n in (("tp", tp), ("dcp", dcp), ("cp", 1), ("dp", 1))}


@pytest.mark.parametrize(
    ("split", "units", "shares"),
    [
        ("none", 0, [1, 1, 1, 1, 1]),
        ("column", 0, [1, 1 / 2, 1 / 4, 1 / 8, 1 / 16]),
        ("column", 8, [1, 1 / 2, 1 / 4, 1 / 8, 1 / 8]),
        ("row", 32, [1, 1 / 2, 1 / 4, 1 / 8, 1 / 16]),
        ("column", 2, [1, 1 / 2, 1 / 2, 1 / 2, 1 / 2]),
    ],
)
def test_a_rank_holds_its_share_and_never_less_than_a_unit(
    split: str, units: int, shares: list[float]
) -> None:
    matrix = Projection(kernel="k", inputs=64, outputs=64, split=split, units=units)  # type: ignore[arg-type]
    assert shard_frac(matrix, TP).tolist() == shares


@QUICK
@given(experts=st.integers(1, 300), ep=st.integers(1, 320))
def test_every_expert_has_a_slot(experts: int, ep: int) -> None:
    moe = MoeFfn(experts=experts, top_k=1, expert_intermediate_size=8)
    slots = int(expert_slots(moe, np.array([ep]))[0])
    assert slots * ep >= experts
    assert (slots - 1) * ep < experts


def test_kv_heads_spread_and_are_then_copied() -> None:
    per_token = kv_bytes_per_token(core(kv_heads=4), "bf16", TP, np.ones(5))
    assert per_token.tolist() == [2048.0, 1024.0, 512.0, 512.0, 512.0]


def test_decode_context_parallelism_splits_the_sequence() -> None:
    whole, half = (kv_bytes_per_token(core(4), "bf16", np.array([8]), np.array([d]))[0] for d in (1, 2))
    assert whole == 2 * half


def test_fp8_caches_are_half_of_bf16_ones() -> None:
    bf16, fp8 = (kv_bytes_per_token(core(), fmt, np.array([2]), np.ones(1))[0] for fmt in ("bf16", "fp8"))
    assert bf16 == 2 * fp8


def test_a_window_caps_the_cache_of_a_sequence() -> None:
    full, windowed = core(), core(window_tokens=128)
    assert sequence_bytes(windowed, "bf16", 100.0, degrees()) == sequence_bytes(
        full, "bf16", 100.0, degrees()
    )
    assert sequence_bytes(windowed, "bf16", 9000.0, degrees())[0] == 128 * 4096.0
    assert sequence_bytes(full, "bf16", 9000.0, degrees())[0] == 9000 * 4096.0


def test_a_recurrent_state_does_not_grow() -> None:
    state = Core(heads=32, kv_heads=32, state_bytes_per_sequence=3200.0)
    short, long = (sequence_bytes(state, "bf16", n, degrees(tp=4))[0] for n in (1.0, 1e6))
    assert short == long == 800.0


def test_an_indexer_s_cache_lies_on_every_rank() -> None:
    sparse = Core(heads=32, kv_heads=1, kv_elements_per_token=576.0, index_elements_per_token=128.0)
    assert kv_bytes_per_token(sparse, "bf16", TP, np.ones(5)).tolist() == [1408.0] * 5


@pytest.mark.parametrize(("weights", "padded"), [("bf16", 2880), ("mxfp4", 3072)])
def test_expert_widths_are_padded_where_the_engine_does(weights: str, padded: int) -> None:
    spec = catalog.model("openai/gpt-oss-120b")
    moe = next(k.ffn for k in spec.kinds if isinstance(k.ffn, MoeFfn))
    precision = Precision(weights=weights)  # type: ignore[arg-type]
    held = padded_expert_parameters(moe, spec.hidden_size, precision, catalog.engine("vllm"))
    assert held == pytest.approx(moe.expert_parameters(spec.hidden_size) * padded / 2880)


def test_activations_are_the_sampler_or_the_widest_step() -> None:
    spec = catalog.model("meta-llama/Meta-Llama-3.1-8B")
    many = activation_bytes(spec, np.array([1]), np.array([1024.0]), np.array([8192.0]))[0]
    assert many == pytest.approx(SAMPLER_BYTES_PER_LOGIT * 1024 * 128_256)
    few = activation_bytes(spec, np.array([1, 8]), np.ones(2), np.full(2, 32_768.0))
    assert few[1] < few[0]
    more = activation_bytes(spec, np.ones(2), np.ones(2), np.array([8192.0, 16_384.0]))
    assert more[1] > more[0]
