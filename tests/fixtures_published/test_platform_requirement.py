"""GenZ's inverse mode (Bambhaniya et al., 2024): a 70 B model in fp16 at TPOT 50 ms, batch 1.

Published 2.80 TB/s, within 1 %; feeding the answer back gives 50 ms within 1 %. The figure holds
for the nominal 70e9 parameters with up to 4,000 tokens of context, and for the exact 70.554e9
with up to 600; the exact count *and* a context of 2,048 give 2.836 TB/s, 1.3 % above it.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.cost.long_context import kv_cache_bytes
from models.cost.platform_requirement import (
    ModelFootprint,
    ServingLoad,
    requirement,
    tpot_s,
    ttft_s,
)
from models.errors import InvalidInput

KV_PER_TOKEN_BYTES = kv_cache_bytes(1.0, layers=80, kv_heads=8, head_dim=128)


def llama_70b(parameters: int) -> ModelFootprint:
    return ModelFootprint(
        parameters=parameters,
        active_parameters=parameters,
        weight_element_bytes=2.0,
        kv_per_token_bytes=KV_PER_TOKEN_BYTES,
    )


def test_kv_per_token_is_the_golden_number():
    assert KV_PER_TOKEN_BYTES == 327_680


@pytest.mark.parametrize(
    ("parameters", "input_tokens", "output_tokens"),
    [(70_000_000_000, 1, 1), (70_000_000_000, 3744, 256), (70_554_000_000, 500, 100)],
)
def test_bandwidth_for_50_ms(parameters, input_tokens, output_tokens):
    load = ServingLoad(batch=1, input_tokens=input_tokens, output_tokens=output_tokens)
    needed = requirement(load, llama_70b(parameters), ttft_s=1.0, tpot_s=0.050)
    assert needed.memory_bytes_per_s == pytest.approx(2.80e12, rel=0.01)


def test_exact_count_with_a_long_context_is_above_the_published_figure():
    load = ServingLoad(batch=1, input_tokens=1792, output_tokens=256)
    needed = requirement(load, llama_70b(70_554_000_000), ttft_s=1.0, tpot_s=0.050)
    assert needed.memory_bytes_per_s == pytest.approx(2.836e12, rel=0.001)


@given(
    batch=st.integers(1, 512),
    input_tokens=st.integers(1, 200_000),
    output_tokens=st.integers(1, 20_000),
    beams=st.integers(1, 8),
    active=st.integers(10**8, 10**12),
    ttft=st.floats(0.01, 100.0),
    tpot=st.floats(0.001, 1.0),
)
def test_round_trip(batch, input_tokens, output_tokens, beams, active, ttft, tpot):
    """The required platform, fed forward, just meets the targets."""
    load = ServingLoad(batch=batch, input_tokens=input_tokens, output_tokens=output_tokens, beams=beams)
    model = ModelFootprint(
        parameters=2 * active,
        active_parameters=active,
        weight_element_bytes=1.0,
        kv_per_token_bytes=KV_PER_TOKEN_BYTES,
    )
    needed = requirement(load, model, ttft_s=ttft, tpot_s=tpot)
    compute, bandwidth = needed.compute_flop_per_s, needed.memory_bytes_per_s
    assert ttft_s(load, model, compute_flop_per_s=compute) == pytest.approx(ttft)
    assert tpot_s(load, model, memory_bytes_per_s=bandwidth) == pytest.approx(tpot)


def test_memory_counts_beams_on_the_answer_only():
    """W + 2 L n_kv d b B (s_in + beams s_out), by hand: 140 GB + 320 KiB * 4 * (1000 + 4 * 50)."""
    load = ServingLoad(batch=4, input_tokens=1000, output_tokens=50, beams=4)
    needed = requirement(load, llama_70b(70_000_000_000), ttft_s=1.0, tpot_s=1.0)
    assert needed.memory_bytes == 140e9 + 327_680 * 4 * 1200
    assert needed.compute_flop_per_s == 2 * 70e9 * 4 * 1000


def test_a_zero_target_is_refused():
    load = ServingLoad(batch=1, input_tokens=1, output_tokens=1)
    with pytest.raises(InvalidInput, match="tpot_s = 0"):
        requirement(load, llama_70b(1), ttft_s=1.0, tpot_s=0.0)


def test_one_beam_unless_asked():
    assert ServingLoad(batch=2, input_tokens=10, output_tokens=5).cached_tokens == 2 * 15
