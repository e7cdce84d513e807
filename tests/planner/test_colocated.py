"""Replicas whose SMs are split between the phases: the law, memory, monotony, the search, the answer."""

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from api.render.answer import one_line
from models import codec
from models.cost.base import Operation
from models.cost.roofline import Roofline
from models.cost.sm_share import (
    SharedCost,
    decode_memory_frac,
    prefill_memory_frac,
    reach_frac,
    saturation_frac,
)
from models.errors import InvalidInput
from models.plan import SmShare
from models.scenario import Scenario
from models.units import GIB
from planner import pipeline
from planner.check import check
from planner.colocated import SHARES_FRAC, Colocated, colocated, prompt_budget, with_share
from planner.layouts import Layouts
from planner.predict import predict
from planner.pricing import price
from planner.setting import Setting
from planner.traffic import Traffic, traffic_of
from tests.conventions.modules import ROOT
from tests.planner.scenes import (
    DEEPSEEK,
    LLAMA_8B,
    LLAMA_70B,
    QWEN_MOE,
    best,
    deployment,
    layouts_of,
    pool,
    scenario,
    setting_of,
    solved,
)

SGLANG = {"name": "sglang"}
TRAFFIC = Traffic(
    input_tokens=3000.0, new_tokens=3000.0, output_tokens=300.0, input_cv=0.0, output_cv=0.0,
    arrival_cv=1.0, max_model_len=3300,
)  # fmt: skip


def asked(*roles: str, rate: float = 4.0, engine: str = "sglang", **more: object) -> Scenario:
    options = {"top_k": 1, **({"roles": list(roles)} if roles else {})}
    found = deployment(engine={"name": engine}, rate=rate, tokens=more.pop("tokens", (3000, 300)),
                       slo=more.pop("slo", None))  # fmt: skip
    return scenario(found, options=options, **more)


def rows(setting: Setting, traffic: Traffic = TRAFFIC, **degrees: int) -> Colocated:
    """One layout with every share of the grid."""
    layouts = layouts_of(**degrees).take(np.zeros(len(SHARES_FRAC), dtype=int))
    split = with_share(layouts, np.array(SHARES_FRAC))
    return colocated(setting, split, traffic, np.full(len(split), prompt_budget(setting, traffic)))


# ---- the law


@given(share=st.floats(0.01, 0.99), saturation=st.floats(0.05, 1.0), waiting=st.floats(0.0, 1.0))
def test_two_phases_never_draw_more_than_the_whole_bandwidth(
    share: float, saturation: float, waiting: float
) -> None:
    first = prefill_memory_frac(np.array([share]), saturation)
    drawn = waiting * first
    second = decode_memory_frac(np.array([share]), drawn, saturation)
    assert 0.0 < first[0] <= reach_frac(np.array([share]), saturation)[0]
    assert drawn[0] + second[0] <= 1.0 + 1e-12
    assert 0.0 <= second[0] <= reach_frac(np.array([1.0 - share]), saturation)[0]


@given(share=st.floats(0.1, 1.0), memory=st.floats(0.1, 1.0), rows_=st.floats(1.0, 1e5))
def test_a_share_stretches_the_roofline(share: float, memory: float, rows_: float) -> None:
    device = setting_of(LLAMA_8B).site.device
    operation = Operation(
        kind="gemm", format="bf16", flop=np.array([2.0 * rows_ * 4096**2]), bytes=np.array([2.0 * 4096**2]),
        rows=np.array([rows_]),
    )  # fmt: skip
    cost = SharedCost(whole=Roofline(), compute_frac=np.array([share]), memory_frac=np.array([memory]))
    expected = max(
        2.0 * rows_ * 4096**2 / (share * device.peak_flop_per_s["bf16"]),
        2.0 * 4096**2 / (memory * device.memory_bytes_per_s),
    )
    assert cost.seconds(device, operation)[0] == pytest.approx(expected)


# ---- memory


def test_free_cache_is_the_device_less_one_weight_copy_and_the_reserve() -> None:
    """By hand: Llama-3.1-8B in bf16 on one L40S under SGLang's reserve rule."""
    setting = setting_of(LLAMA_8B, "l40s", nodes=1, engine="sglang")
    layer = 4096 * (2 * 4096 + 2 * 1024) + 3 * 4096 * 14336 + 2 * 4096
    weights = 2.0 * (32 * layer + 2 * 128256 * 4096)
    # 512 MiB, 1.5 MiB for each of 4,096 chunk tokens, 2 MiB for each of 32 captured sequences, 128 MiB for
    # the device
    reserve = (512 + 1.5 * 4096 + 2 * 32 + 128) * 2.0**20
    free = rows(setting).memory.kv_pool
    assert free == pytest.approx(np.full(9, 45.0 * GIB - reserve - weights), rel=2e-3)


def test_both_phases_keep_their_activations() -> None:
    replica = rows(setting_of(LLAMA_8B, engine="sglang"))
    one = np.ones(9)
    vocabulary, hidden, widest = 128256, 4096, 28672
    prompt = 3300 * 2.0 * (4 * hidden + widest)
    assert replica.activations(64 * one) == pytest.approx(prompt + 38.9 * 64 * vocabulary, rel=1e-3)


def test_parts_of_the_memory_add_up_in_the_answer() -> None:
    group = pipeline.plan(asked("colocated")).plans[0].groups[0]
    parts = group.memory_bytes
    whole = parts.weights + parts.kv_cache + parts.activations + parts.engine + parts.free
    assert whole == pytest.approx(parts.capacity)
    assert min(parts.kv_cache, parts.activations, parts.free) > 0.0


# ---- behaviour

CASES: list[tuple[str, str, dict[str, int]]] = [
    (LLAMA_8B, "h100-sxm", {}),
    (LLAMA_70B, "h200-sxm", {"tp": 8}),
    (QWEN_MOE, "h100-sxm", {"tp": 2, "ep": 2}),
    (DEEPSEEK, "h200-sxm", {"tp": 1, "dp": 16, "ep": 16}),
    (LLAMA_8B, "l4", {"tp": 2}),
]


@pytest.mark.parametrize(("model", "device", "degrees"), CASES)
@pytest.mark.parametrize("batch", [0.02, 4.0, 40.0])
def test_prefill_quickens_and_decode_slows_with_its_share(
    model: str, device: str, degrees: dict[str, int], batch: float
) -> None:
    replica = rows(setting_of(model, device, engine="sglang"), **degrees)
    load = np.full(9, batch)
    state = replica.state(load)
    for statistic in ("mean", 0.95):
        token_s = replica.latency(load, state, "tpot_s", statistic)
        assert np.all(np.diff(token_s) >= -1e-9 * token_s[0])
    assert np.all(np.diff(replica.prefill.prompt_s) < 0.0)
    open_ = state.busy_frac < 0.98
    first_s = replica.latency(load, state, "ttft_s", 0.95)[open_]
    assert np.all(np.diff(first_s) < 0.0)


@examples(max_examples=25, deadline=None)
@given(
    batch=st.floats(0.02, 200.0), prompt=st.floats(100.0, 20000.0), answer=st.floats(2.0, 2000.0),
    case=st.sampled_from(CASES),
)  # fmt: skip
def test_work_is_conserved(
    batch: float, prompt: float, answer: float, case: tuple[str, str, dict[str, int]]
) -> None:
    """A token takes its time beside prompts while one is computed, and that of the whole device otherwise."""
    model, device, degrees = case
    traffic = replace(TRAFFIC, input_tokens=prompt, new_tokens=prompt, output_tokens=answer)
    replica = rows(setting_of(model, device, engine="sglang"), traffic, **degrees)
    load = np.full(9, batch)
    state = replica.state(load)
    dp = replica.model.layouts.dp
    busy = state.rate_per_s * replica.prefill.prompt_s / dp
    alone_s = replica.alone.shape(load).bottleneck_s
    beside_s = np.maximum(replica.decode.shape(load).bottleneck_s, alone_s)
    assert state.tpot_s == pytest.approx(alone_s + busy * (beside_s - alone_s))
    # Little's law over the time a sequence is in decode
    assert state.rate_per_s * traffic.decode_tokens * state.tpot_s == pytest.approx(dp * batch)


def test_the_best_share_is_that_of_a_search_over_all() -> None:
    setting = setting_of(LLAMA_70B, engine="sglang")
    traffic = traffic_of(setting.deployment.workload)
    layouts = Layouts.of(*(layouts_of(tp=tp).parallelism(0) for tp in (4, 8)))
    found = price(setting, "colocated", layouts, traffic, None, "point").priced
    assert found is not None
    for row, tp in enumerate((4, 8)):
        rates = [0.0]
        for share in SHARES_FRAC:
            one = price(setting, "colocated", with_share(layouts_of(tp=tp), share), traffic, None, "point")
            rates.append(0.0 if one.priced is None else float(one.priced.state.rate_per_s[0]))
        assert found.state.rate_per_s[row] == pytest.approx(max(rates), rel=1e-3)


def test_pipelines_and_context_parallelism_are_left_out() -> None:
    setting = setting_of(LLAMA_8B, engine="sglang")
    for degrees in ({"pp": 2}, {"cp": 2}):
        result = price(setting, "colocated", layouts_of(**degrees), TRAFFIC, None, "point")
        assert result.priced is None
        assert result.dropped["rule:colocated"] == len(SHARES_FRAC) == result.looked_at


# ---- the search


@pytest.mark.parametrize("objective", ["max_goodput", "min_power", "min_e2e"])
@pytest.mark.parametrize("others", [("aggregated",), ("prefill", "decode")])
def test_one_more_role_never_worsens_the_optimum(objective: str, others: tuple[str, ...]) -> None:
    without = solved(asked(*others, objective=objective))
    assert solved(asked(*others, "colocated", objective=objective)) <= without * (
        1.0 + 1e-4 * np.sign(without)
    )


def test_latency_objectives_choose_among_all_shares() -> None:
    shares = {}
    for objective in ("min_ttft", "min_tpot"):
        group = pipeline.plan(asked("colocated", objective=objective)).plans[0].groups[0]
        assert group.sm_share_frac is not None
        shares[objective] = group.sm_share_frac.prefill
    assert shares["min_ttft"] > shares["min_tpot"]


@pytest.mark.parametrize("engine", ["vllm", "trtllm"])
def test_engines_that_cannot_split_are_searched_as_before(engine: str) -> None:
    every, three = asked(engine=engine), asked("aggregated", "prefill", "decode", engine=engine)
    found = [pipeline.plan(s) for s in (every, three)]
    assert found[0].search.dropped == found[1].search.dropped
    assert [a.search.candidates for a in found][0] == found[1].search.candidates
    assert best(found[0]) == best(found[1])


def test_an_engine_that_cannot_split_says_so_when_asked() -> None:
    answer = pipeline.plan(asked("colocated", engine="vllm"))
    assert answer.status == "infeasible"
    assert answer.search.dropped["rule:engine_colocated"] > 0
    assert answer.infeasibility is not None
    assert any("vllm does not split the SMs" in text for text in answer.infeasibility.binding)
    both = pipeline.plan(asked("aggregated", "colocated", engine="vllm"))
    assert both.plans
    assert both.search.dropped["rule:engine_colocated"] > 0


def test_devices_that_cannot_be_split_are_left_out() -> None:
    both = asked("aggregated", "colocated", pools=[pool(device="mi300x", nodes=1, each=8)])
    answer = pipeline.plan(both)
    assert answer.plans
    assert answer.search.dropped["rule:engine_colocated"] > 0


# ---- the answer


def test_the_answer_tells_the_split() -> None:
    answer = pipeline.plan(asked("colocated"))
    plan = answer.plans[0]
    group = plan.groups[0]
    share = group.sm_share_frac
    assert share is not None
    assert share.prefill + share.decode == pytest.approx(1.0)
    assert any(share.prefill == pytest.approx(s) for s in SHARES_FRAC)
    assert group.role_words == f"colocated {share.prefill:g}/{share.decode:g}"
    assert any("assumed" in text for text in plan.explanation.warnings)
    assert group.role_words in one_line(answer)
    assert codec.to_plain(group)["sm_share_frac"] == {"prefill": share.prefill, "decode": share.decode}
    other = pipeline.plan(asked("aggregated")).plans[0].groups[0]
    assert codec.to_plain(other)["sm_share_frac"] is None
    assert other.role_words == "aggregated"


def test_a_plan_holds_against_its_own_scenario() -> None:
    question = asked("colocated")
    groups = [codec.to_plain(g) for g in pipeline.plan(question).plans[0].groups]
    answer = check(question, groups)
    assert answer["feasible"]
    assert answer["gap_to_best"] == pytest.approx(0.0, abs=2e-3)
    assert [g["sm_share_frac"] for g in answer["groups"]] == [g["sm_share_frac"] for g in groups]
    # without a share the best one is taken, a worse one carries less
    free = check(question, [{k: v for k, v in g.items() if k != "sm_share_frac"} for g in groups])
    assert free["objective_value"] == pytest.approx(answer["objective_value"], rel=2e-3)
    worse = check(question, [{**g, "sm_share_frac": {"prefill": 0.1, "decode": 0.9}} for g in groups])
    assert worse["objective_value"] is None or worse["objective_value"] < answer["objective_value"]


@pytest.mark.parametrize(
    ("engine", "parallelism", "rule"),
    [("vllm", {"tp": 1}, "rule:engine_colocated"), ("sglang", {"tp": 1, "pp": 2}, "rule:colocated")],
)
def test_check_names_the_rule(engine: str, parallelism: dict[str, int], rule: str) -> None:
    group = {"role": "colocated", "replicas": 1, "parallelism": parallelism}
    answer = check(asked("aggregated", engine=engine), [group])
    assert not answer["feasible"]
    assert answer["groups"][0]["rules_failed"] == [rule]
    assert answer["groups"][0]["reasons"]


def test_shares_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InvalidInput, match="do not add up"):
        SmShare(prefill=0.6, decode=0.6)
    group = {"role": "aggregated", "parallelism": {"tp": 1}, "sm_share_frac": {"prefill": 0.5, "decode": 0.5}}
    with pytest.raises(InvalidInput, match="runs on all SMs"):
        check(asked("aggregated"), [group])


def test_a_closed_loop_with_split_sms_is_refused_with_a_reason() -> None:
    row = {
        "id": "a", "model": LLAMA_8B, "device": "h100-sxm", "engine": SGLANG, "input_tokens": 1000,
        "output_tokens": 100, "concurrency": 8,
        "groups": [{"role": "colocated", "replicas": 1, "parallelism": {"tp": 1}}],
    }  # fmt: skip
    answer = predict([row])[0]
    assert answer["status"] == "invalid"
    assert "no closed loop" in answer["reason"]


# ---- the worked example of docs/concepts.md


def crossover(rate: float, *roles: str) -> tuple[int, set[str]]:
    slo = {
        "ttft_s": {"limit_s": 0.6, "percentile": 0.95},
        "tpot_s": {"limit_s": 0.1, "percentile": 0.95},
    }
    answer = pipeline.plan(
        asked(
            *roles,
            rate=rate,
            tokens=(4000, 1500),
            slo=slo,
            objective="min_devices",
            pools=[pool(name="a100", device="a100-sxm-40", nodes=None, each=8)],
        )  # fmt: skip
    )
    plan = answer.plans[0]
    if "decode" in roles and "colocated" not in roles:
        # the time per token is far from its limit: memory is what decode runs out of
        assert plan.predicted["chat"].tpot_s["p95"] < 0.05
    return plan.devices_used, {g.role for g in plan.groups}


def told() -> Iterator[tuple[float, int, int]]:
    text = (ROOT / "docs/concepts.md").read_text(encoding="utf-8")
    for row in re.findall(r"^\| ([\d.]+) \| (\d+) \| (\d+) \|", text, re.MULTILINE):
        yield float(row[0]), int(row[1]), int(row[2])


@pytest.mark.parametrize(("rate", "disaggregated", "shared"), list(told()))
def test_colocated_overtakes_disaggregated_once_decode_runs_out_of_memory(
    rate: float, disaggregated: int, shared: int
) -> None:
    assert crossover(rate, "prefill", "decode")[0] == disaggregated
    assert crossover(rate, "colocated")[0] == shared
    devices, roles = crossover(rate, "prefill", "decode", "colocated")
    assert devices == min(disaggregated, shared)
    assert roles == ({"prefill", "decode"} if disaggregated < shared else {"colocated"})


def test_the_example_crosses() -> None:
    rows_ = list(told())
    assert rows_[0][1] < rows_[0][2]
    assert all(shared < disaggregated for _, disaggregated, shared in rows_[-3:])


def test_decode_draws_all_of_the_bandwidth_from_half_of_the_device_on() -> None:
    assert saturation_frac("hopper") == saturation_frac("unheard of") == 0.5
