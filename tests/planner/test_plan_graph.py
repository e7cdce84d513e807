"""The cost graph of a stored plan's group: its critical path is the step time that the plan tells."""

from dataclasses import replace
from typing import Any

import pytest

from models import codec
from models.errors import InvalidInput
from models.plan import RankedPlans
from planner import pipeline
from planner.cost_graph import Node
from planner.graph_document import PlanGraph
from planner.plan_graph import plan_graph
from planner.roofline_view import plan_roofline
from planner.setting import settings
from tests.planner.scenes import QWEN_MOE, deployment, pool, scenario

KINDS = [
    {"name": "short", "share": 3, "input_tokens": 500, "output_tokens": 200},
    {"name": "long", "share": 1, "input_tokens": 6000, "output_tokens": 300},
]
DAY = [{"name": "day", "hours": 16, "rate_scale": 1.0}, {"name": "night", "hours": 8, "rate_scale": 0.3}]
SCENES: dict[str, dict[str, Any]] = {
    "any role": {},
    "roles side by side": {"pools": [pool(each=8)]},
    "part load": {"objective": "min_devices"},
    "latency": {"objective": "min_tpot", "options": {"roles": ["aggregated"]}},
    "prefill and decode": {"options": {"roles": ["prefill", "decode"]}},
    "colocated": {"deployments": [deployment(engine={"name": "sglang"})],
                  "options": {"roles": ["colocated"]}},
    "experts": {"deployments": [deployment(model=QWEN_MOE)], "pools": [pool(nodes=1, each=8)]},
    "classes": {"deployments": [deployment(classes=KINDS)], "options": {"roles": ["aggregated"]}},
    "a day": {"deployments": [deployment(rate=20.0)], "pools": [pool(nodes=2)], "periods": DAY,
              "objective": "min_cost"},
    "stated factors": {"options": {"roles": ["prefill", "decode"], "rate_factors": {
        "prefill_step_frac": 1.3, "decode_step_frac": 0.8}}},
    "power level": {"pools": [pool(power_levels=[{"name": "eco", "compute_frac": 0.7, "peak_watt": 400,
                                                 "memory_bandwidth_frac": 0.9}])],
                    "objective": "min_power"},
}  # fmt: skip


def answer_of(name: str) -> RankedPlans:
    changes = dict(SCENES[name])
    answer = pipeline.plan(scenario(*changes.pop("deployments", ()), **changes))
    assert answer.plans
    return answer


def told(answer: RankedPlans, rank: int, number: int) -> dict[str, float] | None:
    """The breakdown of a group; of groups with one name it is the last one's."""
    plan = answer.plans[rank]
    names = [f"{g.deployment}/{g.role}/{g.parallelism.short()}" for g in plan.groups]
    if names[number] in names[number + 1 :]:
        return None
    return dict(plan.explanation.breakdown_s[names[number]])


def along(graph: PlanGraph) -> dict[str, float]:
    """Seconds by part along the critical path."""
    by_id = {node.id: node for node in graph.nodes}
    found: dict[str, float] = {}
    for name in graph.critical_path:
        found[by_id[name].part] = found.get(by_id[name].part, 0.0) + by_id[name].time_s
    return found


@pytest.mark.parametrize("name", SCENES)
def test_the_critical_path_adds_up_to_the_step_the_plan_tells(name: str) -> None:
    answer, compared = answer_of(name), 0
    for rank, plan in enumerate(answer.plans):
        for number in range(len(plan.groups)):
            graph, parts = plan_graph(answer.scenario, plan, number), told(answer, rank, number)
            assert sum(along(graph).values()) == pytest.approx(graph.step_s, rel=1e-12)
            if parts is None:
                assert graph.matches_plan is None
                continue
            compared += 1
            assert graph.matches_plan is True
            assert graph.step_s == pytest.approx(sum(parts.values()), rel=1e-6)
            assert along(graph) == pytest.approx(parts, rel=1e-5, abs=1e-9)
    assert compared


def test_the_graph_is_one_path_through_all_stages_in_order() -> None:
    answer = pipeline.plan(
        scenario(
            deployment(model="meta-llama/Meta-Llama-3.1-70B"), pools=[pool(device="l40s", nodes=2, each=8)]
        )
    )
    plan, number = next((p, i) for p in answer.plans for i, g in enumerate(p.groups) if g.parallelism.pp > 1)
    graph, group = plan_graph(answer.scenario, plan, number), plan.groups[number]
    stages = [node.stage for node in graph.nodes]
    assert stages == sorted(stages)
    assert set(stages) == set(range(group.parallelism.pp))
    assert len(graph.critical_path) == len(graph.nodes) == len(graph.edges) + 1
    hops = [node for node in graph.nodes if node.part == "pipeline"]
    assert len(hops) == group.parallelism.pp - 1
    norms = [n.calls for n in graph.nodes if n.id.endswith("mixer.norm")]
    assert tuple(norms) == group.layer_partition


def test_work_of_a_dense_model_is_two_flop_per_parameter_and_token() -> None:
    answer = answer_of("any role")
    plan = answer.plans[0]
    group, graph = plan.groups[0], plan_graph(answer.scenario, plan, 0)
    tokens = graph.load["decode_sequences"] + graph.load["prefill_tokens"] / group.parallelism.cp
    matrices = sum(n.flop for n in graph.nodes if n.part == "gemm") * group.parallelism.tp
    spec = settings(answer.scenario)[1][0]
    layers = sum(k.dense_parameters(spec.hidden_size) for k in map(spec.kinds.__getitem__, spec.pattern))
    assert matrices == pytest.approx(2.0 * tokens * layers, rel=0.01)


def test_a_hand_over_is_told_beside_the_step() -> None:
    answer = answer_of("prefill and decode")
    plan = answer.plans[0]
    for number, group in enumerate(plan.groups):
        transfer = plan_graph(answer.scenario, plan, number).transfer
        assert (transfer is not None) == (group.role == "prefill")
        if transfer is not None:
            # Llama-3.1-8B: 32 layers of 8 KV heads of 128, keys and values in bf16
            assert transfer.request_bytes == 3000 * 32 * 8 * 128 * 2 * 2
            assert 0 < transfer.exposed_s <= transfer.transfer_s


def test_a_plan_of_another_version_is_told_as_one() -> None:
    answer = answer_of("any role")
    plan = answer.plans[0]
    slower = {
        name: {part: 1.5 * s for part, s in parts.items()}
        for name, parts in plan.explanation.breakdown_s.items()
    }
    other = replace(plan, explanation=replace(plan.explanation, breakdown_s=slower))
    graph = plan_graph(answer.scenario, other, len(plan.groups) - 1)
    assert graph.matches_plan is False
    assert graph.plan_step_s is not None
    assert graph.plan_step_s != pytest.approx(graph.step_s, rel=0.1)


def test_a_group_that_is_not_there_is_refused() -> None:
    answer = answer_of("any role")
    with pytest.raises(InvalidInput, match="no group 9"):
        plan_graph(answer.scenario, answer.plans[0], 9)
    renamed = scenario(deployment(name="other"))
    with pytest.raises(InvalidInput, match="has no chat"):
        plan_graph(renamed, answer.plans[0], 0)


def test_no_operator_is_faster_than_its_roofs() -> None:
    for name in ("prefill and decode", "experts"):
        answer = answer_of(name)
        plan = answer.plans[0]
        for number in range(len(plan.groups)):
            roofline = plan_roofline(answer.scenario, plan, number)
            device = settings(answer.scenario)[0][0].device
            assert roofline.memory_bytes_per_s == device.memory_bytes_per_s
            assert roofline.matches_plan is not False
            for point in roofline.operators:
                peak = device.peak_flop_per_s[point.peak_format]
                assert point.time_s >= max(point.flop / peak, point.bytes / device.memory_bytes_per_s)
                assert point.flop_per_s == pytest.approx(point.flop / point.time_s)
            if plan.groups[number].role == "prefill":
                largest = max(roofline.operators, key=lambda p: p.flop)
                assert largest.bound == "compute"


def test_both_are_documents() -> None:
    answer = answer_of("any role")
    plan = answer.plans[0]
    for made in (plan_graph(answer.scenario, plan, 0), plan_roofline(answer.scenario, plan, 0)):
        assert codec.from_plain(type(made), codec.to_plain(made)) == made
        assert str(codec.to_plain(made)["schema"]).startswith("shardwright.")


def test_an_overlapped_block_goes_the_longer_way() -> None:
    import networkx as nx

    from planner.plan_graph import join_block

    graph: Any = nx.DiGraph([("before", "x")])
    nodes = [
        Node(name="gemm", part="gemm"),
        Node(name="all_reduce", part="all_reduce", is_collective=True),
    ]
    ends = join_block(graph, nodes, {n.name: f"s0.{n.name}" for n in nodes}, ["x"], overlap=True)
    assert set(ends) == {"s0.gemm", "s0.all_reduce"}
    assert set(graph.successors("x")) == {"s0.gemm", "s0.all_reduce"}
