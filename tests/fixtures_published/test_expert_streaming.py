"""MoE-Lens (2025): Mixtral-8x7B streamed from host memory over a 32 GB/s link.

Formula against print: 18.75 / 22.6 / 39.0 k tokens per pass, printed 19.2 / 23.2 / 40.0 (3 %);
KV of the printed passes at 256 tokens of context 600 / 725 / 1,250 GiB, printed 614 / 741 / 1,277
(3 %); mixing prefill into decode at p = 98, g = 256 gains 1.57x.
"""

import pytest

from models.cost.expert_streaming import (
    host_kv_bytes,
    overlapped_prefill_gain,
    tokens_to_hide_stream,
)
from models.cost.long_context import kv_cache_bytes
from models.units import GIB

MIXTRAL_KV_BYTES = kv_cache_bytes(1.0, layers=32, kv_heads=8, head_dim=128)
DEVICES = [
    pytest.param(150e12, 18.75e3, 19.2e3, 600, 614, id="A40"),
    pytest.param(181e12, 22.6e3, 23.2e3, 725, 741, id="L40"),
    pytest.param(312e12, 39.0e3, 40.0e3, 1250, 1277, id="A100"),
]


@pytest.mark.parametrize(("flop_per_s", "tokens", "printed_tokens", "kv_gib", "printed_kv_gib"), DEVICES)
def test_pass_size_and_cache(flop_per_s, tokens, printed_tokens, kv_gib, printed_kv_gib):
    law = tokens_to_hide_stream(
        peak_flop_per_s=flop_per_s, link_bytes_per_s=32e9, experts=8, experts_per_token=2
    )
    assert law == pytest.approx(tokens, rel=0.002)
    assert law == pytest.approx(printed_tokens, rel=0.03)
    kv = host_kv_bytes(printed_tokens, context_tokens=256, kv_per_token_bytes=MIXTRAL_KV_BYTES)
    assert kv / GIB == pytest.approx(kv_gib, rel=0.002)
    assert kv / GIB == pytest.approx(printed_kv_gib, rel=0.03)


def test_overlap_gain():
    assert round(overlapped_prefill_gain(98, 256), 2) == 1.57
