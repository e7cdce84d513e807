"""LLM-Viewer's rooflines of Llama-2-7B on an A6000 (Yuan et al., 2024; repository hahnyuan/LLM-Viewer).

Batch 1, sequence 2,048, fp16; 768 GB/s and 154.8 TFLOP/s. Tolerance 1 %.

LLM-Viewer books the queries of ``qk_matmul`` in prefill under the KV cache (twice the keys);
here they are an activation. Under multi-head attention the total is the same.
"""

import pytest

from models.cost.operator_roofline import (
    AttentionShape,
    Operator,
    attainable,
    linear,
    qk_matmul,
    sv_matmul,
)
from models.errors import InvalidInput

HEADS, HEAD_DIM, HIDDEN, SEQUENCE = 32, 128, 4096, 2048
A6000 = {"peak_flop_per_s": 154.8e12, "memory_bytes_per_s": 768e9}
TOLERANCE = 0.01


def attention(query_tokens: int, context_tokens: int, *, batch: int = 1, kv_heads: int = HEADS):
    return AttentionShape(
        batch=batch,
        query_tokens=query_tokens,
        context_tokens=context_tokens,
        heads=HEADS,
        kv_heads=kv_heads,
        head_dim=HEAD_DIM,
    )


Q_PROJ_PREFILL = linear(SEQUENCE, inputs=HIDDEN, outputs=HIDDEN)
Q_PROJ_DECODE = linear(1, inputs=HIDDEN, outputs=HIDDEN)
QK_PREFILL = qk_matmul(attention(SEQUENCE, SEQUENCE))


@pytest.mark.parametrize(
    ("operator", "flop", "moved_bytes", "flop_per_byte", "flop_per_s", "bound"),
    [
        pytest.param(Q_PROJ_PREFILL, 68.7e9, 67.1e6, 1024, 154.8e12, "compute", id="q_proj-prefill"),
        pytest.param(QK_PREFILL, 34.4e9, 302e6, 113.8, 87.4e12, "memory", id="qk_matmul-prefill"),
        pytest.param(Q_PROJ_DECODE, 33.6e6, 33.6e6, 1.0, 768e9, "memory", id="q_proj-decode"),
    ],
)
def test_published_operator(operator, flop, moved_bytes, flop_per_byte, flop_per_s, bound):
    point = attainable(operator, **A6000)
    assert operator.flop == pytest.approx(flop, rel=TOLERANCE)
    assert operator.moved_bytes == pytest.approx(moved_bytes, rel=TOLERANCE)
    assert operator.flop_per_byte == pytest.approx(flop_per_byte, rel=TOLERANCE)
    assert point.flop_per_s == pytest.approx(flop_per_s, rel=TOLERANCE)
    assert point.bound == bound


@pytest.mark.parametrize(
    ("operator", "weight_bytes", "activation_bytes", "kv_bytes"),
    [
        pytest.param(Q_PROJ_PREFILL, 33.55e6, 33.55e6, 0.0, id="q_proj-prefill"),
        pytest.param(QK_PREFILL, 0.0, 285.2e6, 16.78e6, id="qk_matmul-prefill"),
        pytest.param(Q_PROJ_DECODE, 33.55e6, 16.4e3, 0.0, id="q_proj-decode"),
    ],
)
def test_bytes_by_kind(operator, weight_bytes, activation_bytes, kv_bytes):
    """Hand count: h^2, s h and s^2 n_heads elements of two bytes."""
    assert operator.weight_bytes == pytest.approx(weight_bytes, rel=TOLERANCE)
    assert operator.activation_bytes == pytest.approx(activation_bytes, rel=TOLERANCE)
    assert operator.kv_bytes == pytest.approx(kv_bytes, rel=TOLERANCE)


def test_key_projection_stores_to_the_cache():
    plain = linear(SEQUENCE, inputs=HIDDEN, outputs=1024)
    key = linear(SEQUENCE, inputs=HIDDEN, outputs=1024, kv_element_bytes=0.5)
    assert key.kv_bytes == SEQUENCE * 1024 / 2
    assert key.activation_bytes == plain.activation_bytes - 2 * SEQUENCE * 1024
    assert key.flop == plain.flop


def test_both_attention_products_cost_the_same():
    shape = attention(1, SEQUENCE, batch=7, kv_heads=8)
    assert qk_matmul(shape) == sv_matmul(shape)


@pytest.mark.parametrize("kv_heads", [1, 8, 32])
def test_fewer_kv_heads_read_less_cache_for_the_same_work(kv_heads):
    grouped = qk_matmul(attention(1, SEQUENCE, kv_heads=kv_heads))
    full = qk_matmul(attention(1, SEQUENCE))
    assert grouped.flop == full.flop
    assert grouped.kv_bytes * HEADS == full.kv_bytes * kv_heads


def test_the_roof_has_its_corner_at_the_ridge():
    ridge = A6000["peak_flop_per_s"] / A6000["memory_bytes_per_s"]
    for factor, bound in ((0.99, "memory"), (1.01, "compute")):
        operator = Operator(flop=factor * ridge * 1e6, weight_bytes=1e6, activation_bytes=0.0, kv_bytes=0.0)
        point = attainable(operator, **A6000)
        assert point.bound == bound
        assert point.flop_per_s == pytest.approx(min(factor, 1.0) * A6000["peak_flop_per_s"])


def test_kv_heads_must_divide_heads():
    with pytest.raises(InvalidInput, match="kv_heads = 5"):
        attention(1, 1, kv_heads=5)
