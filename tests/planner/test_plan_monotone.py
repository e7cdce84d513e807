"""More to choose from never makes the optimum worse; order of writing never changes it."""

import hashlib
import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import codec
from models.plan import RankedPlans
from models.scenario import Scenario
from planner import pipeline
from tests.planner.scenes import LLAMA_8B, QWEN_MOE, best, deployment, pool, scenario, solved

FEW = settings(max_examples=2, deadline=None, derandomize=True)
EXACT = {"top_k": 1, "gap": 1e-9}
ROUNDING = 1e-7
SCENES = st.sampled_from([(LLAMA_8B, n) for n in range(1, 7)] + [(QWEN_MOE, n) for n in (4, 6, 8)])
RATES = st.sampled_from([1.0, 4.0, 7.0])
LENGTHS = st.sampled_from([(3000, 300), (500, 100), ({"mean": 2000, "cv": 0.8}, 400)])
OBJECTIVES = ("max_goodput", "min_cost", "min_devices")
every_objective = pytest.mark.parametrize("objective", OBJECTIVES)


def slo_of(ttft_s: float, tpot_s: float, percentile: Any = 0.95) -> dict[str, Any]:
    return {
        "ttft_s": {"limit_s": ttft_s, "percentile": percentile},
        "tpot_s": {"limit_s": tpot_s, "percentile": percentile},
    }


def ask(  # noqa: PLR0913
    scene: tuple[str, int],
    objective: str,
    *,
    rate: float = 4.0,
    tokens: Any = (3000, 300),
    slo: Any = None,
    nodes: int = 1,
    usd: float = 3.0,
    roles: Any = None,
    precisions: Any = (),
) -> Scenario:
    model, each = scene
    chat = deployment(model=model, rate=rate, tokens=tokens, slo=slo, precisions=list(precisions))
    pools = [pool(nodes=nodes, each=each, price_usd_per_device_hour=usd)]
    return scenario(chat, pools=pools, objective=objective, options={**EXACT, "roles": roles})


def assert_no_worse(after: float, before: float) -> None:
    assert after <= before + ROUNDING * abs(before if before < float("inf") else 1.0)


@every_objective
@settings(FEW, max_examples=3)
@given(scene=SCENES, rate=RATES, tokens=LENGTHS)
def test_a_larger_cluster_never_worsens_the_optimum(
    objective: str, scene: tuple[str, int], rate: float, tokens: Any
) -> None:
    before = solved(ask(scene, objective, rate=rate, tokens=tokens))
    model, each = scene
    assert_no_worse(solved(ask((model, each + 1), objective, rate=rate, tokens=tokens)), before)
    assert_no_worse(solved(ask(scene, objective, rate=rate, tokens=tokens, nodes=2)), before)


@every_objective
@settings(FEW, max_examples=3)
@given(scene=SCENES, rate=RATES, tokens=LENGTHS, factor=st.sampled_from([1.02, 1.3, 3.0]), data=st.data())
def test_a_looser_slo_never_worsens_the_optimum(
    objective: str, scene: tuple[str, int], rate: float, tokens: Any, factor: float, data: st.DataObject
) -> None:
    slo = slo_of(data.draw(st.sampled_from([0.5, 2.0])), data.draw(st.sampled_from([0.015, 0.05])))
    before = solved(ask(scene, objective, rate=rate, tokens=tokens, slo=slo))
    for metric, limit in slo.items():
        looser = {**slo, metric: {**limit, "limit_s": limit["limit_s"] * factor}}
        assert_no_worse(solved(ask(scene, objective, rate=rate, tokens=tokens, slo=looser)), before)
    metric = data.draw(st.sampled_from(sorted(slo)))
    fewer = {name: limit for name, limit in slo.items() if name != metric}
    assert_no_worse(solved(ask(scene, objective, rate=rate, tokens=tokens, slo=fewer)), before)


@FEW
@given(scene=SCENES, low=st.sampled_from([0.5, 0.9]))
def test_a_lower_percentile_never_worsens_the_optimum(scene: tuple[str, int], low: float) -> None:
    hard = solved(ask(scene, "max_goodput", slo=slo_of(1.0, 0.03, 0.99)))
    assert_no_worse(solved(ask(scene, "max_goodput", slo=slo_of(1.0, 0.03, low))), hard)


@FEW
@given(scene=SCENES, rate=RATES, usd=st.sampled_from([0.5, 2.0, 2.99]))
def test_a_cheaper_device_never_costs_more(scene: tuple[str, int], rate: float, usd: float) -> None:
    assert_no_worse(
        solved(ask(scene, "min_cost", rate=rate, usd=usd)), solved(ask(scene, "min_cost", rate=rate))
    )


@every_objective
@FEW
@given(scene=SCENES, rate=RATES)
def test_less_traffic_never_needs_more(objective: str, scene: tuple[str, int], rate: float) -> None:
    if objective == "max_goodput":  # a multiple of the given mix: the rate itself says nothing
        pair = solved(ask(scene, objective, rate=rate)), solved(ask(scene, objective, rate=rate / 2))
        assert pair[0] == pytest.approx(pair[1], rel=1e-6)
        return
    assert_no_worse(solved(ask(scene, objective, rate=rate / 2)), solved(ask(scene, objective, rate=rate)))


@every_objective
@FEW
@given(scene=SCENES, rate=RATES, tokens=LENGTHS)
def test_another_role_never_worsens_the_optimum(
    objective: str, scene: tuple[str, int], rate: float, tokens: Any
) -> None:
    every = solved(ask(scene, objective, rate=rate, tokens=tokens))
    for roles in (["aggregated"], ["prefill", "decode"]):
        assert_no_worse(every, solved(ask(scene, objective, rate=rate, tokens=tokens, roles=roles)))


@every_objective
@FEW
@given(scene=SCENES, rate=RATES)
def test_another_precision_never_worsens_the_optimum(
    objective: str, scene: tuple[str, int], rate: float
) -> None:
    bf16, fp8 = {"weights": "bf16", "kv": "bf16"}, {"weights": "fp8", "kv": "fp8"}
    both = solved(ask(scene, objective, rate=rate, precisions=[bf16, fp8]))
    for precision in (bf16, fp8):
        assert_no_worse(both, solved(ask(scene, objective, rate=rate, precisions=[precision])))
    turned = solved(ask(scene, objective, rate=rate, precisions=[fp8, bf16]))
    assert turned == pytest.approx(both, rel=1e-6)


def two_pools(objective: str, order: tuple[int, ...] = (0, 1), swap: bool = False) -> Scenario:
    pools = [
        pool("big", "h100-sxm", 1, 4), pool("small", "l40s", 1, 4, price_usd_per_device_hour=0.8),
    ]  # fmt: skip
    models = [
        deployment("a", LLAMA_8B, rate=3.0),
        deployment("b", "Qwen/Qwen3-8B", rate=5.0, tokens=(800, 200)),
    ]
    models = models[::-1] if swap else models
    return scenario(*models, pools=[pools[i] for i in order], objective=objective, options=EXACT)


@every_objective
def test_the_order_of_pools_and_deployments_changes_no_value(objective: str) -> None:
    value = solved(two_pools(objective))
    assert value < float("inf")
    assert solved(two_pools(objective, order=(1, 0))) == pytest.approx(value, rel=1e-6)
    assert solved(two_pools(objective, swap=True)) == pytest.approx(value, rel=1e-6)


@every_objective
def test_another_pool_never_worsens_the_optimum(objective: str) -> None:
    both = solved(two_pools(objective))
    for alone in ((0,), (1,)):
        assert_no_worse(both, solved(two_pools(objective, order=alone)))


def told(answer: RankedPlans) -> str:
    """The answer as JSON, without the times it took."""
    plain = codec.to_plain(answer)
    for name in ("wall_s", "cpu_s"):
        assert plain["search"].pop(name) >= 0.0
    return json.dumps(plain)


@pytest.mark.parametrize("objective", [*OBJECTIVES, "min_ttft", "min_tpot", "min_e2e", "min_power"])
@pytest.mark.parametrize("scene", [(LLAMA_8B, 3), (QWEN_MOE, 6)], ids=["dense", "moe"])
def test_the_answer_is_the_same_every_time(scene: tuple[str, int], objective: str) -> None:
    asked = ask(scene, objective)
    assert told(pipeline.plan(asked)) == told(pipeline.plan(asked))


def test_the_answer_is_the_same_in_another_process_with_another_hash_seed() -> None:
    code = (
        "import hashlib\n"
        "from planner import pipeline\n"
        "from tests.planner.test_plan_monotone import told, two_pools\n"
        "print(hashlib.sha256(told(pipeline.plan(two_pools('min_cost'))).encode()).hexdigest())\n"
    )
    mine = hashlib.sha256(told(pipeline.plan(two_pools("min_cost"))).encode()).hexdigest()
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": "."},
    )  # fmt: skip
    assert run.stdout.strip() == mine


@pytest.mark.parametrize(
    ("objective", "tpot_s"), [("min_tpot", 0.02), ("min_ttft", 0.02), ("min_e2e", 0.02), ("min_power", 0.1)]
)
def test_a_looser_slo_never_worsens_latency_or_power(objective: str, tpot_s: float) -> None:
    tight = ask((LLAMA_8B, 2), objective, rate=0.5, tokens=(500, 50), slo=slo_of(0.5, tpot_s))
    loose = ask((LLAMA_8B, 2), objective, rate=0.5, tokens=(500, 50), slo=slo_of(0.65, tpot_s * 1.3))
    # latencies are looked up on a fixed grid of loads beside the highest, which the limits move a little
    assert solved(loose) <= solved(tight) * (1 + (1e-3 if objective != "min_power" else ROUNDING))


def test_the_least_power_is_the_draw_of_the_plan() -> None:
    plan = pipeline.plan(ask((LLAMA_8B, 2), "min_power", rate=0.5)).plans[0]
    assert plan.objective_value == pytest.approx(plan.cost.watt, rel=1e-6)


def test_scenes_are_feasible() -> None:
    """The properties above are not about infeasible scenarios alone."""
    for objective in OBJECTIVES:
        assert best(pipeline.plan(ask((LLAMA_8B, 3), objective))) < float("inf")
        assert best(pipeline.plan(ask((QWEN_MOE, 4), objective))) < float("inf")
