"""DeepSeek-V3/R1's published deployment and DeepSpeed-MoE's read floor.

DeepSeek (repository deepseek-ai/open-infra-index, inference system overview): prefill on EP32 over
4 nodes, decode on EP144 over 18, 32 redundant of 256 + 32 routed experts, one shared; in a day
608e9 input tokens, 342e9 of them (56.3 %) from cache, 168e9 output tokens, 226.75 nodes of eight
H800 on average at 2 USD per GPU and hour; 73.7 k input or 14.8 k output tokens/s per node.

The node rates are measurements. Closed forms can only check that rates, tokens and nodes agree
(they do, to 0.1 %); predicting the rates from the hardware is a test of the planner.
"""

import pytest

from models.cost.expert_layout import expert_layout, read_floor_s, resident_parameters
from models.cost.token_fleet import computed_tokens_per_s, nodes_for_tokens, rental_usd
from models.errors import InvalidInput

DAY_S = 86_400.0
INPUT_TOKENS, CACHED_TOKENS, OUTPUT_TOKENS = 608e9, 342e9, 168e9
AVERAGE_NODES = 226.75


@pytest.mark.parametrize(("ep", "routed", "nodes"), [(32, 9, 4), (144, 2, 18)])
def test_deepseek_layout(ep, routed, nodes):
    layout = expert_layout(256, redundant_experts=32, shared_experts=1, ep=ep, node_devices=8)
    assert (layout.routed_per_device, layout.shared_per_device) == (routed, 1)
    assert layout.nodes == nodes
    assert layout.experts_per_device == routed + 1


def test_plain_layout_has_no_copies_and_no_shared_expert():
    layout = expert_layout(8, ep=1, node_devices=8)
    assert (layout.routed_per_device, layout.shared_per_device, layout.nodes) == (8, 0, 1)


def test_no_device_is_refused():
    with pytest.raises(InvalidInput, match="ep = 0"):
        expert_layout(8, ep=0, node_devices=8)


def test_daily_bill_is_exact():
    bill = rental_usd(AVERAGE_NODES, devices_per_node=8, hours=24, usd_per_device_hour=2.0)
    assert bill == 87_072


def test_rates_tokens_and_nodes_agree():
    """Prefill and decode nodes, sized apart from the rates, add up to the average fleet."""
    prefill = nodes_for_tokens(INPUT_TOKENS, period_s=DAY_S, node_tokens_per_s=73.7e3)
    decode = nodes_for_tokens(OUTPUT_TOKENS, period_s=DAY_S, node_tokens_per_s=14.8e3)
    assert prefill + decode == pytest.approx(AVERAGE_NODES, rel=0.001)
    assert decode / prefill == pytest.approx(1.38, abs=0.01)


def test_computed_share_of_the_input_rate():
    """At 56.3 % hits a node computes 32.2 k of its 73.7 k tokens/s."""
    hit_frac = CACHED_TOKENS / INPUT_TOKENS
    assert hit_frac == pytest.approx(0.563, abs=0.0006)
    assert computed_tokens_per_s(73.7e3, cache_hit_frac=hit_frac) == pytest.approx(32.2e3, rel=0.005)


def test_uneven_experts_name_the_missing_copies():
    """256 experts do not divide over 144 devices; 32 copies make it two each."""
    with pytest.raises(InvalidInput, match="ep = 144") as error:
        expert_layout(256, ep=144, node_devices=8)
    assert "redundant_experts = 32" in error.value.hint


# DeepSpeed-MoE: parameters (B) of the MoE and of its dense base, devices of the experts, mp.
PLANS = {
    "52B": (52.0, 1.3, 128, 1),
    "107.7B": (107.7, 2.4, 128, 1),
    "349B": (349.0, 8.0, 128, 4),
    "1T": (1064.9, 24.0, 256, 8),
    "2T": (2024.0, 47.0, 256, 8),
}


def resident(plan):
    total, dense, devices, mp = PLANS[plan]
    return resident_parameters(1e9 * (total - dense), 1e9 * dense, devices=devices, tp=mp)


@pytest.mark.parametrize("plan", PLANS)
def test_deepspeed_plans_fit_an_a100_40gb(plan):
    assert resident(plan) * 2 < 40e9


def test_trillion_parameter_read_floor():
    """9.1 ms at 1.555 TB/s, below the published 25 ms."""
    floor_s = read_floor_s(resident("1T"), memory_bytes_per_s=1.555e12)
    assert floor_s == pytest.approx(9.1e-3, rel=0.01)
    assert floor_s < 25e-3
