"""Corners of the question: one-token answers, tiny caches, useless replicas, quiet solvers."""

import json
from typing import Any

import pytest

from models import codec
from models.errors import InvalidInput
from models.plan import RankedPlans
from models.scenario import Scenario
from planner import pipeline
from tests.planner.scenes import LLAMA_8B, LLAMA_70B, QWEN_MOE, deployment, pool, scenario


def chat_of(**more: Any) -> Scenario:
    return scenario(deployment(**more), pools=[pool(each=4)])


def test_a_plan_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """A solver that talks on standard output would break ``--format json``."""
    for objective in ("max_goodput", "min_cost"):
        pipeline.plan(scenario(deployment(model=QWEN_MOE), pools=[pool(each=8)], objective=objective))
    assert capfd.readouterr().out == ""


def test_an_error_inside_a_solver_does_not_end_the_planning() -> None:
    slo = {
        "ttft_s": {"limit_s": 5.0, "percentile": "mean"},
        "tpot_s": {"limit_s": 0.05, "percentile": 0.9},
    }
    chat = deployment(model="Qwen/Qwen3-32B", rate=5.0, tokens=(8000, 2), slo=slo, engine={"name": "trtllm"})
    asked = scenario(chat, pools=[pool(device="a100-sxm-80", each=8)], objective="min_devices")
    assert pipeline.plan(asked).status == "infeasible"


@pytest.mark.parametrize("output", [2, 3])
def test_answers_of_few_tokens_are_planned(output: int) -> None:
    answer = pipeline.plan(chat_of(tokens=(1000, output)))
    assert answer.status == "optimal"
    assert answer.plans[0].objective_value > 20.0


@pytest.mark.parametrize(
    "objective",
    [
        "max_goodput",
        "min_tpot",
        "min_ttft",
        "min_cost",
    ],
)
def test_answers_of_one_token_are_planned(objective: str) -> None:
    """Embedding-like traffic: a prompt and one token."""
    asked = scenario(deployment(tokens=(1000, 1), slo={}), pools=[pool(each=2)], objective=objective)
    answer = pipeline.plan(asked)
    assert answer.status == "optimal"
    assert all(plan.predicted["chat"].request_per_s > 1.0 for plan in answer.plans)


@pytest.mark.parametrize("tokens", [(1, 1000), (1, 2), (100_000, 100)])
def test_extreme_lengths_have_an_answer(tokens: tuple[int, int]) -> None:
    answer = pipeline.plan(chat_of(tokens=tokens, slo={}))
    assert answer.status == "optimal"


@pytest.mark.parametrize("hit", [0.0, 0.5, 1.0])
def test_a_prefix_cache_never_lowers_goodput(hit: float) -> None:
    def goodput(frac: float) -> float:
        chat = deployment()
        chat["workload"]["prefix_hit_frac"] = frac
        return pipeline.plan(scenario(chat)).plans[0].objective_value

    assert goodput(hit) >= goodput(hit / 2) * (1 - 1e-3)


@pytest.mark.parametrize("tokens", [(100, 300), (3000, 300)])
def test_a_prefill_replica_holds_the_caches_of_its_batch(tokens: tuple[int, int]) -> None:
    """A 70B model in bf16 on two H100 leaves a few GB for caches; batches of 32,768 tokens need 10.7 GB."""
    asked = scenario(
        deployment(model=LLAMA_70B, tokens=tokens, slo={}), pools=[pool(each=2)],
        options={"roles": ["prefill", "decode"]},
    )  # fmt: skip
    question = pipeline._price(asked, pipeline._silent)
    prefill = [p for p in question.candidates.priced if p.role == "prefill"]
    assert prefill
    for priced in prefill:
        assert (priced.state.seats <= priced.replica.memory.sequences * (1 + 1e-9)).all()


@pytest.mark.parametrize("role", ["aggregated", "decode"])
def test_a_replica_holds_the_caches_of_its_peak_batch(role: str) -> None:
    asked = scenario(deployment(model=LLAMA_70B, slo={}), pools=[pool(each=4)])
    question = pipeline._price(asked, pipeline._silent)
    for priced in (p for p in question.candidates.priced if p.role == role):
        seats = priced.state.seats
        assert (seats <= priced.replica.memory.sequences * (1 + 1e-9)).all()
        assert (seats >= priced.load).all()


def light_traffic() -> RankedPlans:
    """Next to no traffic: replicas beside the first one are useless."""
    chat = deployment(rate=0.1, precisions=[{"weights": "fp8"}])
    return pipeline.plan(scenario(chat, pools=[pool(each=2)], objective="min_e2e"))


def test_no_plan_holds_replicas_without_traffic() -> None:
    plans = light_traffic().plans
    assert all(group.traffic_share > 0.0 for plan in plans for group in plan.groups)


def test_plans_are_different_once_useless_replicas_are_gone() -> None:
    plans = light_traffic().plans
    assert len({plan.id for plan in plans}) == len(plans)


def test_goodput_without_any_limit_is_refused_by_name() -> None:
    asked = scenario(deployment(), pools=[pool(nodes=None)])
    with pytest.raises(InvalidInput) as error:
        pipeline.plan(asked)
    assert error.value.pointer == "/cluster/pools/0/nodes"


@pytest.mark.parametrize(
    "limits", [{"devices": 3}, {"usd_per_hour": 9.0}, {"watt": 2000.0}], ids=["devices", "money", "power"]
)
def test_goodput_of_a_cluster_to_be_sized_is_bounded_by_a_cap(limits: Any) -> None:
    answer = pipeline.plan(scenario(deployment(), pools=[pool(nodes=None, each=8)], limits=limits))
    assert answer.status == "optimal"
    assert 1 <= answer.plans[0].devices_used <= 3


@pytest.mark.parametrize(("objective", "limits"), [("min_cost", {}), ("max_goodput", {"usd_per_hour": 9.0})])
def test_a_device_without_a_price_is_refused_where_money_counts(objective: str, limits: Any) -> None:
    asked = scenario(deployment(), pools=[pool(device="gb200", each=4)], objective=objective, limits=limits)
    with pytest.raises(InvalidInput) as error:
        pipeline.plan(asked)
    assert error.value.pointer == "/cluster/pools/0/price_usd_per_device_hour"
    priced = scenario(
        deployment(),
        pools=[pool(device="gb200", each=4, price_usd_per_device_hour=3.0)],
        objective=objective,
        limits=limits,
    )
    assert pipeline.plan(priced).status == "optimal"


def test_a_pool_s_own_figures_replace_the_catalogue_s() -> None:
    own = pool(each=2, price_usd_per_device_hour=1.25, watt={"idle": 10.0, "peak": 20.0})
    plan = pipeline.plan(scenario(deployment(rate=1.0), pools=[own], objective="min_cost")).plans[0]
    assert plan.cost.usd_per_hour == pytest.approx(1.25 * plan.devices_used)
    assert 10.0 * plan.devices_used <= plan.cost.watt <= 20.0 * plan.devices_used


def test_an_inline_configuration_plans_like_the_catalogue_s_model() -> None:
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096,
        "intermediate_size": 14336, "num_attention_heads": 32, "num_key_value_heads": 8,
        "num_hidden_layers": 32, "vocab_size": 128256, "max_position_embeddings": 131072,
        "tie_word_embeddings": False, "torch_dtype": "bfloat16",
    }  # fmt: skip
    inline, named = (
        pipeline.plan(scenario(deployment(model=model), pools=[pool(each=2)])).plans[0]
        for model in ({"hf_config": config}, LLAMA_8B)
    )
    assert inline.objective_value == pytest.approx(named.objective_value)


def test_a_link_between_pools_bounds_what_crosses_it() -> None:
    pools = [pool("a", each=2), pool("b", device="h200-sxm", each=2)]
    chat = deployment(model=LLAMA_70B, precisions=[{"weights": "fp8"}])
    roles = {"roles": ["prefill", "decode"]}
    rates = []
    for speed in (1e7, 1e9, 1e11):
        links = [
            {"from": "a", "to": "b", "bytes_per_s": speed},
            {"from": "b", "to": "a", "bytes_per_s": speed},
        ]
        plans = pipeline.plan(scenario(chat, pools=pools, links=links, options=roles)).plans
        rates.append(plans[0].objective_value if plans else 0.0)
    assert rates[0] <= rates[1] <= rates[2]
    assert rates[0] < rates[2]


def test_the_answer_is_plain_json() -> None:
    answer = pipeline.plan(scenario(deployment(), pools=[pool(each=2)]))
    text = codec.to_json(answer)
    assert json.loads(text)["schema"] == "shardwright.plans/1"
    assert "NaN" not in text
    assert "Infinity" not in text


def test_one_device_more_than_whole_nodes_holds_no_larger_replica() -> None:
    asked = scenario(
        deployment(model=LLAMA_70B, rate=2.0),
        pools=[pool(nodes=2, each=8)],
        options={"sensitivity": True, "top_k": 4},
    )
    answer = pipeline.plan(asked)
    assert answer.status == "optimal"
    assert answer.sensitivities
