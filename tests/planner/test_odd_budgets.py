"""Budgets that are no multiple of eight: worker sizes are mixed, and no uniform choice does better."""

from functools import cache

import numpy as np
import pytest

from models.plan import Plan, RankedPlans
from models.scenario import Scenario
from planner import pipeline
from tests.planner.scenes import (
    LLAMA_8B,
    LLAMA_70B,
    LLAMA_405B,
    QWEN_MOE,
    best,
    deployment,
    pool,
    scenario,
    solved,
)

FP8 = [{"weights": "fp8", "kv": "fp8"}]
BUDGETS = [
    (LLAMA_70B, 1, 6), (LLAMA_70B, 1, 7), (LLAMA_70B, 1, 12), (LLAMA_70B, 1, 20), (LLAMA_70B, 2, 6),
    (QWEN_MOE, 1, 6), (QWEN_MOE, 1, 7), (LLAMA_8B, 1, 7), (LLAMA_8B, 3, 5),
]  # fmt: skip
IDS = [f"{m.split('/')[1]}-{nodes}x{each}" for m, nodes, each in BUDGETS]
budgets = pytest.mark.parametrize(("model", "nodes", "each"), BUDGETS, ids=IDS)


def asked(model: str, nodes: int, each: int, **more: object) -> Scenario:
    chat = deployment(model=model, precisions=FP8)
    return scenario(chat, pools=[pool(nodes=nodes, each=each)], options={"top_k": 2}, **more)


@cache
def answer(model: str, nodes: int, each: int) -> RankedPlans:
    return pipeline.plan(asked(model, nodes, each))


def sizes(plan: Plan) -> set[int]:
    return {group.parallelism.devices for group in plan.groups}


def best_uniform_rate(scene: Scenario) -> float:
    """Most requests per second of equal aggregated replicas, or of equal prefill and equal decode ones."""
    question = pipeline._price(scene, pipeline._silent)
    node, nodes = scene.cluster.pools[0].devices_per_node, scene.cluster.pools[0].nodes or 0
    shapes: dict[str, list[tuple[int, float]]] = {"aggregated": [], "prefill": [], "decode": []}
    for priced in question.candidates.priced:
        rates = zip(priced.layouts.devices.tolist(), priced.state.rate_per_s.tolist(), strict=True)
        shapes[priced.role] += list(rates)

    def room(size: int) -> int:
        return nodes * (node // size) if size <= node else nodes // -(-size // node)

    alone = max(rate * room(size) for size, rate in shapes["aggregated"])
    pairs = [0.0]
    for first, first_rate in shapes["prefill"]:
        for second, second_rate in shapes["decode"]:
            if first <= node and second == first:  # equal sizes always pack
                slots = room(first)
                pairs += [min(p * first_rate, (slots - p) * second_rate) for p in range(1, slots)]
    return max(alone, *pairs)


@budgets
def test_no_uniform_choice_does_better(model: str, nodes: int, each: int) -> None:
    found = answer(model, nodes, each)
    assert found.status == "optimal"
    assert found.plans[0].objective_value >= best_uniform_rate(asked(model, nodes, each)) * (1 - 1e-4)


@pytest.mark.parametrize("each", [6, 7, 12, 20])
def test_a_70b_model_uses_every_device_with_workers_of_several_sizes(each: int) -> None:
    plan = answer(LLAMA_70B, 1, each).plans[0]
    assert plan.devices_idle == 0
    assert len(sizes(plan)) > 1


@budgets
def test_the_answer_is_no_worse_than_that_of_a_smaller_node(model: str, nodes: int, each: int) -> None:
    assert best(answer(model, nodes, each)) <= solved(asked(model, nodes, each - 1)) * (1 - 1e-4)


def test_three_nodes_of_six_are_no_worse_than_one() -> None:
    """4 + 6 + 3 + 4 devices fit the inventory and the tile counts of 3x6 but no packing of it."""
    scene = scenario(deployment(model=LLAMA_70B), pools=[pool(nodes=3, each=6)])
    assert pipeline.plan(scene).plans[0].objective_value >= best_uniform_rate(scene) * (1 - 1e-4)


def tight(nodes: int, objective: str = "max_goodput", rate: float = 1.0) -> Scenario:
    """A 32B model that needs three or four L40S a replica, on nodes of six."""
    slo = {
        "ttft_s": {"limit_s": 1.0, "percentile": 0.95},
        "tpot_s": {"limit_s": 0.03, "percentile": 0.95},
    }
    chat = deployment(model="Qwen/Qwen3-32B", tokens=(500, 50), rate=rate, slo=slo)
    return scenario(chat, pools=[pool(device="l40s", nodes=nodes, each=6)], objective=objective)


@pytest.mark.parametrize("objective", ["max_goodput", "min_devices"])
def test_a_second_node_never_makes_a_feasible_scenario_infeasible(objective: str) -> None:
    # well within what one node serves, and as much again on the second
    rate = 1.4 * -solved(tight(1))
    one, two = solved(tight(1, objective, rate / 2)), pipeline.plan(tight(2, objective, rate))
    assert np.isfinite(one)
    assert two.status == "optimal"


def test_seven_devices_hold_what_seven_stages_hold() -> None:
    """470 GB of bf16 weights on seven H100: 67 GB a device over seven stages, 78 GB over six."""
    chat = deployment(model="Qwen/Qwen3-235B-A22B", tokens=(500, 100), slo={})
    answer = pipeline.plan(scenario(chat, pools=[pool(each=7)]))
    assert answer.status == "optimal"
    assert answer.plans[0].groups[0].parallelism.pp == 7


def test_two_nodes_of_eleven_hold_what_two_times_eleven_stages_hold() -> None:
    """812 GB of bf16 weights on 22 H100 are 37 GB a device with tp 2 and pp 11."""
    chat = deployment(model=LLAMA_405B, tokens=(500, 100), slo={})
    assert pipeline.plan(scenario(chat, pools=[pool(nodes=2, each=11)])).status == "optimal"
