"""Plans with a reserve keep their promise after any failure; hand-checkable counts."""

from collections import defaultdict
from math import ceil
from typing import Any

import pytest

from models.errors import InvalidInput
from models.scenario import Scenario
from planner import pipeline
from planner.placement import Want
from planner.setting import settings
from planner.spread_placement import place_spread
from tests.planner.scenes import LLAMA_8B, best, deployment, pool, scenario


def asked(failure: str | None, objective: str = "min_devices", rate: float = 60.0, **more: Any) -> Scenario:
    return scenario(
        deployment(model=LLAMA_8B, rate=rate, tokens=(1000, 200)),
        pools=[pool(nodes=4, each=2, **more)],
        objective=objective,
        reserve={"failure": failure},
        options={"top_k": 1, "roles": ["aggregated"]},
    )


def test_one_replica_more_stands_for_the_one_that_may_fail() -> None:
    bare = pipeline.plan(asked(None)).plans[0]
    guarded = pipeline.plan(asked("device")).plans[0]
    sustained = pipeline.plan(asked(None, "max_goodput", 1.0)).plans[0].objective_value / 8
    # eight single devices sustain eight times the rate of one: the need is a plain division
    assert bare.devices_used == ceil(60.0 / sustained)
    assert guarded.devices_used <= bare.devices_used + max(
        g.parallelism.tp * g.parallelism.pp for g in guarded.groups
    )
    assert guarded.devices_used > bare.devices_used


def test_what_is_left_after_any_node_still_serves() -> None:
    plan = pipeline.plan(asked("node")).plans[0]
    node_of: dict[int, list[int]] = defaultdict(list)
    for placed in plan.placement:
        for node in {n for _, n, _ in placed.devices}:
            node_of[node].append(placed.group)
    full = pipeline.plan(asked(None, "max_goodput", 1.0)).plans[0].objective_value / 8
    for lost in node_of.values():
        left = [g.replicas - lost.count(i) for i, g in enumerate(plan.groups)]
        size = [g.parallelism.tp * g.parallelism.pp * g.parallelism.cp for g in plan.groups]
        # no layout sustains more per device than the best one, so this is the least that must be left
        assert sum(n * s for n, s in zip(left, size, strict=True)) * full >= 60.0 * (1 - 1e-6)


def test_larger_domains_cost_more_and_goodput_falls() -> None:
    money = [best(pipeline.plan(asked(f))) for f in (None, "device", "node")]
    assert money == sorted(money)
    goodput = [-best(pipeline.plan(asked(f, "max_goodput"))) for f in (None, "device", "node")]
    assert goodput == sorted(goodput, reverse=True)
    # one of eight devices, one of four nodes
    assert goodput[1] == pytest.approx(goodput[0] * 7 / 8, rel=0.02)
    assert goodput[2] == pytest.approx(goodput[0] * 3 / 4, rel=0.02)


def test_a_rack_needs_its_size() -> None:
    with pytest.raises(InvalidInput) as caught:
        pipeline.plan(asked("rack"))
    assert caught.value.faults[0].pointer == "/cluster/pools/0/nodes_per_rack"
    half = -best(pipeline.plan(asked("rack", "max_goodput", nodes_per_rack=2)))
    whole = -best(pipeline.plan(asked(None, "max_goodput")))
    assert half == pytest.approx(whole / 2, rel=0.02)


def test_as_many_nodes_as_needed_take_no_more_than_a_given_number() -> None:
    """One replica carries the traffic: two on nodes of their own stand the loss of either."""

    def chat(nodes: int | None) -> Scenario:
        return scenario(
            deployment(model=LLAMA_8B, rate=1.0, tokens=(500, 50)), pools=[pool(nodes=nodes, each=3)],
            objective="min_devices", reserve={"failure": "node"},
            options={"top_k": 1, "roles": ["aggregated"]},
        )  # fmt: skip

    plan = pipeline.plan(chat(None)).plans[0]
    assert plan.objective_value == best(pipeline.plan(chat(2))) == 2
    assert len({node for p in plan.placement for _, node, _ in p.devices}) == 2


def test_replicas_wider_than_a_rack_share_none_with_others() -> None:
    """Three devices on racks of two: the second replica starts on a rack of its own."""
    site = settings(scenario(pools=[pool(nodes=8, each=1, nodes_per_rack=2)]))[0][0]
    wants = [Want(group=0, pool=0, replicas=2, devices=3)]
    placed = place_spread([site], wants, [2])
    assert placed is not None
    racks = [{node // 2 for _, node, _ in devices} for devices in placed.values()]
    assert racks == [{0, 1}, {2, 3}]
    assert place_spread([site], [Want(group=0, pool=0, replicas=3, devices=3)], [2]) is None


def test_a_replica_stays_inside_a_node_of_its_rack() -> None:
    """Two nodes of three devices share a rack: pairs of devices lie on one node each."""
    site = settings(scenario(pools=[pool("p", "l40s", 4, 3, nodes_per_rack=2)]))[0][0]
    placed = place_spread([site], [Want(group=0, pool=0, replicas=4, devices=2)], [6])
    assert placed is not None
    assert all(len({node for _, node, _ in devices}) == 1 for devices in placed.values())


def test_a_pool_to_be_sized_has_room_behind_replicas_of_whole_racks() -> None:
    site = settings(scenario(pools=[pool(nodes=None, each=1)], objective="min_cost"))[0][0]
    wants = [Want(group=0, pool=0, replicas=1, devices=2), Want(group=1, pool=0, replicas=1, devices=1)]
    placed = place_spread([site], wants, [2])
    assert placed is not None
    assert [node for _, node, _ in placed[1, 0]] == [2]
