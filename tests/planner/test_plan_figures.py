"""What pages show of a plan: memory by stage, the waterfall of a step, plans as points, fields to turn."""

from dataclasses import replace

import pytest

from models import codec
from models.plan import RankedPlans
from models.what_if import Changes
from planner import pipeline
from planner.adjustable import adjustables
from planner.changes import changed
from planner.group_replay import replay
from planner.plan_graph import plan_graph
from planner.plan_points import kind_of, plan_points, slowest_user_tokens_per_s
from planner.stage_memory import stage_memory
from planner.step_waterfall import waterfall
from tests.api.sample_answer import group, plan, solved
from tests.planner.scenes import LLAMA_70B, deployment, pool, scenario


@pytest.fixture(scope="module")
def piped() -> RankedPlans:
    """70B on cards too small for it alone: pipelines."""
    asked = scenario(
        deployment(model=LLAMA_70B, precisions=[{"weights": "fp8", "kv": "fp8"}], rate=2.0),
        pools=[pool(nodes=2, each=8)],
        options={"top_k": 5},
    )
    answer = pipeline.plan(asked)
    assert any(g.parallelism.pp > 1 for p in answer.plans for g in p.groups)
    return answer


def test_the_worst_stage_is_the_one_the_plan_tells(piped: RankedPlans) -> None:
    for p in piped.plans:
        for number, told in enumerate(p.groups):
            stages = stage_memory(replay(piped.scenario, p, number))
            assert [s.layers for s in stages] == list(told.layer_partition)
            worst = [s for s in stages if s.is_worst]
            assert len(worst) == 1
            assert codec.to_plain(worst[0].memory) == pytest.approx(
                codec.to_plain(told.memory_bytes), rel=1e-9
            )
            for s in stages:
                m = s.memory
                held = m.weights + m.kv_cache + m.activations + m.engine + m.free
                assert held == pytest.approx(m.capacity)
                # what the others hold beyond the worst stage is free
                assert m.free >= told.memory_bytes.free - 1e-6 * m.capacity


def test_the_waterfall_is_the_step_without_gaps(piped: RankedPlans) -> None:
    for p in piped.plans[:2]:
        for number, told in enumerate(p.groups):
            graph = plan_graph(piped.scenario, p, number)
            falls = waterfall(graph)
            ends = [0.0, *(fall.start_s + fall.time_s for fall in falls)]
            assert [fall.start_s for fall in falls] == pytest.approx(ends[:-1])
            waited = graph.transfer.exposed_s if graph.transfer else 0.0
            assert ends[-1] == pytest.approx(graph.step_s + waited)
            names = {fall.name for fall in falls}
            assert ("pipeline" in names) == (told.parallelism.pp > 1)
            assert ("all_reduce" in names) == (told.parallelism.tp > 1)
            assert ("transfer" in names) == (told.role == "prefill")


def test_points_are_the_speed_of_a_user_and_the_yield_of_a_device() -> None:
    made = solved()
    slower = replace(
        made.plans[1].predicted["chat"], tpot_s={"mean": 0.04}, output_tokens_per_s_per_device=100.0
    )
    answer = replace(made, plans=(made.plans[0], replace(made.plans[1], predicted={"chat": slower})))
    first, second = plan_points(answer)
    assert (first.user_tokens_per_s, second.user_tokens_per_s) == pytest.approx((1 / 0.031, 25.0))
    assert first.device_tokens_per_s == pytest.approx(12.31 * 300 / 16)
    assert (first.kind, second.kind) == ("disaggregated", "aggregated")
    assert (first.is_best, second.is_best) == (True, False)
    assert slowest_user_tokens_per_s(answer) == {"chat": pytest.approx(20.0)}


@pytest.mark.parametrize(
    ("roles", "kind"),
    [
        (("aggregated",), "aggregated"),
        (("colocated",), "colocated"),
        (("prefill", "decode"), "disaggregated"),
        (("aggregated", "prefill", "decode"), "mixed"),
        (("aggregated", "colocated"), "mixed"),
        (("encode", "aggregated"), "aggregated"),
    ],
)
def test_kinds_of_serving(roles: tuple[str, ...], kind: str) -> None:
    assert kind_of(plan(1, tuple(group(r, 1, 1) for r in roles), 1.0), "chat") == kind
    assert kind_of(plan(1, tuple(group(r, 1, 1) for r in roles), 1.0), "chat/short") == kind


def test_every_field_to_turn_can_be_turned_to_the_ends_of_its_range() -> None:
    asked = scenario(
        deployment("chat", slo={"ttft_s": {"limit_s": 2.0, "percentile": 0.95}}),
        deployment("code.v2"),
        pools=[pool(), pool("spare", nodes=3)],
        limits={"devices": 8, "usd_per_hour": 20.5},
    )
    fields = adjustables(asked)
    names = [f.change for f in fields]
    assert "slo.code.v2.tpot_s.limit_s" in names
    assert "slo.chat.tpot_s.limit_s" not in names  # no limit is set there
    assert {"limits.devices", "limits.usd_per_hour", "cluster.pools.spare.nodes"} <= set(names)
    for f in fields:
        assert f.low < f.value <= f.high or f.low == f.value == 1.0
        for end in (f.low, f.high):
            to = int(end) if f.whole else end
            made = codec.from_plain(Changes, {"changes": [{"change": f.change, "to": to}]})
            other, told = changed(asked, made.changes)
            assert told[0].from_ == pytest.approx(f.value)
            assert other != asked or end == f.value
