"""Kinetics (Sadhukhan et al., 2025; repository cost_model): 512 tokens in, 32,768 out, B200.

kappa = 562.5 FLOP/B. TFLOP-equivalents within 1 %: parameters alone, all compute, memory.
"""

import pytest

from models.cost.effective_flop import (
    ReasoningTask,
    cached_elements_per_token,
    effective_flop,
)

TASK = ReasoningTask(input_tokens=512, output_tokens=32_768)
KAPPA_FLOP_PER_BYTE = 562.5


def cost(parameters, layers, heads, kv_heads, task=TASK):
    return effective_flop(
        task,
        parameters=parameters,
        cached_elements=cached_elements_per_token(layers=layers, kv_heads=kv_heads, head_dim=128),
        heads_per_kv_head=heads / kv_heads,
        device_flop_per_byte=KAPPA_FLOP_PER_BYTE,
    )


QWEN3_14B = (14.8e9, 40, 40, 8)
QWEN3_32B = (32.8e9, 64, 64, 8)


@pytest.mark.parametrize(
    ("llm", "linear", "compute", "memory"),
    [
        pytest.param(QWEN3_14B, 970, 1424, 51_024, id="Qwen3-14B"),
        pytest.param(QWEN3_32B, 2150, 3311, 81_639, id="Qwen3-32B"),
    ],
)
def test_published_cost(llm, linear, compute, memory):
    answer = cost(*llm)
    assert answer.linear_flop / 1e12 == pytest.approx(linear, rel=0.01)
    assert answer.compute_flop / 1e12 == pytest.approx(compute, rel=0.01)
    assert answer.memory_flop / 1e12 == pytest.approx(memory, rel=0.01)
    assert answer.total_flop == answer.compute_flop + answer.memory_flop


def test_samples_share_the_prompt_in_memory_only():
    one = cost(*QWEN3_14B)
    eight = cost(*QWEN3_14B, task=ReasoningTask(input_tokens=512, output_tokens=32_768, samples=8))
    assert eight.compute_flop == pytest.approx(8 * one.compute_flop)
    assert eight.memory_flop < 8 * one.memory_flop


def test_a_token_attends_to_the_prompt_and_half_the_answer():
    """Summed token by token: r D 2 FLOP per attended position, position i seeing L_in + i."""
    task = ReasoningTask(input_tokens=700, output_tokens=1000)
    answer = cost(*QWEN3_14B, task=task)
    positions = sum(700 + i + 0.5 for i in range(1000))
    elements = cached_elements_per_token(layers=40, kv_heads=8, head_dim=128)
    assert answer.attention_flop == pytest.approx(2 * 5 * elements * positions)
