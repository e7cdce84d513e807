"""All-to-all laws of DeepSpeed-MoE (Rajbhandari et al., 2022) and BigMac (Jin et al., 2025).

The figures 1,488 and 372 "GB" come out exactly, in GiB, from GPT-3 XL's own sizes (Brown et al.,
2020, Table 2.1: 24 layers, hidden 2,048, batches of 1 M = 2^20 tokens), fp16, 8 of 64 experts per
token (fine-grained: 2 of 16 cut in four), dispatch and combine, one forward pass. The paper's own
batch and pass count were not at hand: any choice with tokens x passes = 2^20, such as forward and
backward over 2^19 tokens, gives the same. Read as decimal GB the volume is 1,598.
"""

import numpy as np
import pytest

from models.cost.expert_exchange import (
    HIERARCHICAL_VOLUME_FACTOR,
    exchange_bytes,
    exchange_latency_s,
    hierarchical_hops,
    partners,
    speedup_from_smaller_exchange,
)
from models.errors import InvalidInput
from models.units import GIB, US

C1_S, C2_S = 3 * US, 50 * US
LAYERS, TOKENS = 24, 512 * 2048
GPT3_XL_MOE = {"hidden": 2048, "top_k": 8, "ep": 32}


@pytest.mark.parametrize(("slicing_degree", "messages"), [(1, 128), (8, 16)])
def test_slicing_divides_the_latency(slicing_degree, messages):
    """128 GPUs: 128 C1 + C2 -> 16 C1 + C2 with a slicing degree of 8, exactly."""
    latency_s = exchange_latency_s(128, per_rank_s=C1_S, fixed_s=C2_S, slicing_degree=slicing_degree)
    assert latency_s == messages * C1_S + C2_S


def test_no_slicing_unless_asked():
    assert partners(128) == 128
    assert exchange_latency_s(128, per_rank_s=C1_S, fixed_s=0.0) == 128 * C1_S
    assert hierarchical_hops(4, node_devices=1) == 5


@pytest.mark.parametrize("ranks", [16, 64, 128, 1024])
def test_hierarchy_trades_hops_for_volume(ranks):
    """G + p / G hops: fewer than p from two nodes of eight on, twice the bytes."""
    hops = hierarchical_hops(ranks, node_devices=8)
    assert hops == 8 + ranks / 8
    assert hops < partners(ranks)
    assert HIERARCHICAL_VOLUME_FACTOR == 2


@pytest.mark.parametrize(("down_scale", "printed"), [(1.0, 1488), (0.25, 372)])
def test_bigmac_volume(down_scale, printed):
    per_layer = exchange_bytes(float(TOKENS), down_scale=down_scale, **GPT3_XL_MOE)
    assert LAYERS * per_layer / GIB == printed


def test_volume_is_what_a_router_sends():
    """Counted copy by copy on a small group: every token to top_k distinct ranks, uniformly."""
    ep, top_k, hidden, tokens = 4, 2, 3, 6000
    rng = np.random.default_rng(0)
    home = np.arange(tokens) % ep
    chosen = rng.permuted(np.tile(np.arange(ep), (tokens, 1)), axis=1)[:, :top_k]
    copies = int((chosen != home[:, None]).sum())
    counted = 2 * copies * hidden * 2
    law = exchange_bytes(float(tokens), hidden=hidden, top_k=top_k, ep=ep)
    assert counted == pytest.approx(law, rel=0.02)


@pytest.mark.parametrize(
    ("exchange_frac", "speedup", "published_max"), [(0.918, 3.21, 3.09), (0.906, 3.12, 3.11)]
)
def test_bigmac_speedup(exchange_frac, speedup, published_max):
    """Training 91.8 % and inference 90.6 % exchange, a quarter of the volume left."""
    law = speedup_from_smaller_exchange(exchange_frac, volume_factor=0.25)
    assert law == pytest.approx(speedup, abs=0.005)
    assert law == pytest.approx(published_max, rel=0.04)


def test_one_rank_exchanges_nothing():
    assert exchange_bytes(1000.0, hidden=64, top_k=8, ep=1) == 0


@pytest.mark.parametrize("call", [partners, hierarchical_hops])
def test_uneven_groups_are_refused(call):
    keyword = "slicing_degree" if call is partners else "node_devices"
    with pytest.raises(InvalidInput, match=f"{keyword} = 5"):
        call(128, **{keyword: 5})
