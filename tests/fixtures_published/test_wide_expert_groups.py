"""DeepSeek's prefill unit (EP32, 4 nodes) and decode unit (EP144, 18 nodes) are candidates of ours.

Published by deepseek-ai/open-infra-index (inference system overview, 2025): 608e9 input tokens, 342e9 of them
cached, and 168e9 output tokens in a day; 4,989 cached tokens behind the average output token; 73.7 k input or
14.8 k output tokens/s per node of eight H800. An H100 node stands in: same compute and memory.
"""

from functools import cache

import numpy as np
import pytest

from models.cost.expert_layout import expert_layout
from models.parallelism import Parallelism
from models.precision import WEIGHT_BYTES
from planner.candidates import Candidates, enumerate_candidates, price_candidates
from planner.layouts import enumerate_layouts, moe_of
from planner.pricing import Priced
from planner.setting import settings
from planner.traffic import traffic_of
from tests.planner.scenes import DEEPSEEK, deployment, pool, scenario, setting_of

INPUT_TOKENS, CACHED_TOKENS, OUTPUT_TOKENS = 608e9, 342e9, 168e9
MEAN_CONTEXT_TOKENS = 4989.0
RATIO = INPUT_TOKENS / OUTPUT_TOKENS
OUTPUT = MEAN_CONTEXT_TOKENS / (RATIO + 0.5)
"""Tokens of an answer: the mean context is the prompt and half the answer."""
UNITS = [("prefill", 32, 4, 9, 73.7e3), ("decode", 144, 18, 2, 14.8e3)]
NODE_DEVICES = 8


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
@pytest.mark.parametrize(("ep", "nodes"), [(32, 4), (144, 18)])
def test_the_published_groups_are_enumerated(engine: str, ep: int, nodes: int) -> None:
    """On exactly the published nodes: attention data parallel over all devices, experts over all devices."""
    layouts = enumerate_layouts(setting_of(DEEPSEEK, nodes=nodes, engine=engine))[0]
    rows = [layouts.parallelism(i) for i in np.flatnonzero(layouts.ep == ep)]
    assert Parallelism(dp=ep, ep=ep) in rows
    assert Parallelism(dp=ep, ep=ep).devices == nodes * NODE_DEVICES


@cache
def candidates() -> Candidates:
    """Both groups out of all layouts of 22 nodes, priced in both roles."""
    asked = deployment(
        model=DEEPSEEK,
        engine={"name": "sglang"},
        workload={
            "arrival": {"rate_per_s": 1.0},
            "input_tokens": RATIO * OUTPUT,
            "output_tokens": OUTPUT,
            "prefix_hit_frac": CACHED_TOKENS / INPUT_TOKENS,
        },
        slo={
            "ttft_s": {"limit_s": 5.0, "percentile": "mean"},
            "tpot_s": {"limit_s": 0.05, "percentile": "mean"},
        },
    )
    scene = scenario(asked, pools=[pool(nodes=22, each=8)], options={"roles": ["prefill", "decode"]})
    sites, _, found = settings(scene)
    [(setting, layouts, looked_at, dropped)] = enumerate_candidates(found)
    wide = (layouts.dp == layouts.ep) & np.isin(layouts.ep, (32, 144)) & (layouts.devices == layouts.ep)
    traffic = [traffic_of(deployed.workload) for deployed in scene.deployments]
    return price_candidates(scene, sites, [(setting, layouts.take(wide), looked_at, dropped)], traffic)


def group(role: str, ep: int) -> tuple[Priced, int]:
    """Priced candidates of a role, and which of them is the published group."""
    priced = next(p for p in candidates().priced if p.role == role)
    [row] = [i for i in range(len(priced)) if priced.layouts.parallelism(i) == Parallelism(dp=ep, ep=ep)]
    return priced, row


@pytest.mark.parametrize(("role", "ep", "nodes", "routed", "node_tokens_per_s"), UNITS)
def test_the_published_groups_are_priced_within_memory_and_slo(
    role: str, ep: int, nodes: int, routed: int, node_tokens_per_s: float
) -> None:
    priced, row = group(role, ep)
    assert priced.layouts.devices[row] == nodes * NODE_DEVICES
    rate_per_s = float(priced.state.rate_per_s[row])
    tokens = RATIO * OUTPUT if role == "prefill" else OUTPUT
    # About half the published rates; a rate above them would be a fault of the cost model.
    assert 0.3 <= rate_per_s * tokens / nodes / node_tokens_per_s <= 1.2


@pytest.mark.parametrize(("role", "ep", "nodes", "routed", "node_tokens_per_s"), UNITS)
def test_redundant_experts_fit_beside_the_cache(
    role: str, ep: int, nodes: int, routed: int, node_tokens_per_s: float
) -> None:
    """Copies beyond those that fill up the ranks are not in the plan's weights: 9 instead of 8 for EP32."""
    priced, row = group(role, ep)
    spec = priced.setting.spec
    moe = moe_of(spec)
    assert moe is not None
    layout = expert_layout(
        moe.experts, redundant_experts=32, shared_experts=1, ep=ep, node_devices=NODE_DEVICES
    )
    assert (layout.routed_per_device, layout.shared_per_device, layout.nodes) == (routed, 1, nodes)
    layers = sum(n for kind, n in zip(spec.kinds, spec.counts(), strict=True) if kind.ffn == moe)
    assert layers == 58
    missing = routed - -(-moe.experts // ep)
    expert_bytes = moe.expert_parameters(spec.hidden_size) * WEIGHT_BYTES[priced.setting.precision.experts]
    room = priced.replica.memory.kv_pool[row] - missing * layers * expert_bytes
    seats = max(float(priced.state.seats[row]), 1.0)
    assert seats * priced.replica.memory.kv_per_sequence[row] < room
