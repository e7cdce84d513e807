"""Rates under stated factors, against the rule written out."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.rate_factors import RATE_FACTORS, RateFactors, named_factors
from planner import pipeline
from planner.hand_over import HandOver
from planner.layouts import Layouts
from planner.pricing import build_replica, price
from planner.setting import Setting
from planner.step import StepModel
from planner.step_load import decode_load, prefill_load
from planner.traffic import Traffic, traffic_of
from tests.planner.scenes import LLAMA_70B, deployment, layouts_of, pool, scenario, setting_of

FACTORS = RATE_FACTORS["aiconfigurator"]
INSTANT = HandOver(
    to_pool=0, request_bytes=0.0, rank_bytes_per_s=1e12, link_bytes_per_s=np.inf, latency_s=0.0
)
LAYOUT = layouts_of(tp=4)
BUDGET = np.array([4096.0])


@pytest.fixture(scope="module")
def plain() -> Setting:
    return setting_of(LLAMA_70B)


@pytest.fixture(scope="module")
def traffic(plain: Setting) -> Traffic:
    return traffic_of(plain.deployment.workload)


def test_prefill_is_its_steps_times_the_factors(plain: Setting, traffic: Traffic) -> None:
    stated = replace(plain, rate_factors=FACTORS)
    prompt = np.full(1, traffic.new_tokens)
    step_s = StepModel(setting=plain, layouts=LAYOUT).cost(prefill_load(prompt, prompt)).travel_s[0]
    replica = build_replica(stated, "prefill", LAYOUT, traffic, BUDGET, INSTANT)
    state = replica.state(np.array([0.5]))
    assert replica.latency(np.array([0.5]), state, "ttft_s", "mean")[0] == pytest.approx(1.8 * 1.1 * step_s)
    assert replica.latency(np.array([0.5]), state, "ttft_s", 0.99)[0] == pytest.approx(1.8 * 1.1 * step_s)
    found = price(stated, "prefill", LAYOUT, traffic, INSTANT, "point").priced
    assert found is not None
    whole = int(found.batched_tokens[0] // traffic.new_tokens)
    batch = build_replica(stated, "prefill", LAYOUT, traffic, found.batched_tokens, INSTANT)
    assert found.state.rate_per_s[0] == pytest.approx(0.9 / batch.prompt_s[0], rel=1e-4)
    assert whole >= 1


def mean_context(traffic: Traffic, stride: int = 32) -> float:
    """Of the steps after the first token, each at the first context of its stride, one after the other."""
    steps = np.arange(int(traffic.decode_tokens))
    return float(np.mean(traffic.input_tokens + 1 + steps // stride * stride))


@given(tokens=st.integers(1, 3000), stride=st.integers(1, 200))
def test_strides_understate_the_mean_context(tokens: int, stride: int) -> None:
    steps = np.arange(tokens)
    found = RateFactors(decode_stride_tokens=stride).stride_tokens(float(tokens))
    assert found == pytest.approx(float(np.mean(steps % stride)), abs=1e-9)


@given(batch=st.floats(1.0, 200.0))
def test_decode_is_its_steps_times_the_factors(plain: Setting, traffic: Traffic, batch: float) -> None:
    load = np.array([batch])
    step = StepModel(setting=plain, layouts=LAYOUT).cost(decode_load(load, np.full(1, mean_context(traffic))))
    replica = build_replica(replace(plain, rate_factors=FACTORS), "decode", LAYOUT, traffic, BUDGET, None)
    state = replica.state(load)
    token_s = 1.08 * step.travel_s[0]
    assert state.tpot_s[0] == pytest.approx(token_s)
    assert state.rate_per_s[0] == pytest.approx(0.92 * batch / (traffic.decode_tokens * token_s))
    assert sum(v.sum() for v in replica.shape(load).parts_s.values()) == pytest.approx(token_s)


def test_factors_of_one_leave_decode_and_whole_roles_as_they_are(plain: Setting, traffic: Traffic) -> None:
    layouts = Layouts.of(*(layouts_of(tp=tp).parallelism(0) for tp in (2, 4, 8)))
    for role, factors in (("decode", RateFactors()), ("aggregated", FACTORS)):
        stated = replace(plain, rate_factors=factors)
        before, after = (price(s, role, layouts, traffic, None, "point").priced for s in (plain, stated))
        assert before is not None
        assert after is not None
        assert after.state.rate_per_s == pytest.approx(before.state.rate_per_s)


def test_chosen_candidates_keep_the_factors(plain: Setting, traffic: Traffic) -> None:
    stated = replace(plain, rate_factors=FACTORS)
    layouts = Layouts.of(*(layouts_of(tp=tp).parallelism(0) for tp in (2, 4, 8)))
    rows, load = np.array([2, 0]), np.full(3, 0.5)
    replica = build_replica(stated, "prefill", layouts, traffic, np.full(3, 4096.0), INSTANT)
    whole = replica.state(load).rate_per_s[rows]  # prices the step, which is then taken along
    assert replica.take(rows).state(load[rows]).rate_per_s == pytest.approx(whole)


def test_an_answer_names_the_factors() -> None:
    asked = scenario(
        deployment(), pools=[pool(each=8)],
        options={"roles": ["prefill", "decode"], "rate_factors": {"decode_rate_frac": 0.5}},
    )  # fmt: skip
    answer = pipeline.plan(asked)
    assert any("decode_rate x0.5" in note for note in answer.search.notes)
    assert any("decode_rate x0.5" in source for source in answer.plans[0].evidence.sources)
    plainly = pipeline.plan(replace(asked, options=replace(asked.options, rate_factors=None)))
    assert not any("factors" in words for words in plainly.search.notes)
    assert answer.scenario_sha256 != plainly.scenario_sha256


def test_unknown_names_are_refused() -> None:
    assert named_factors("aiconfigurator") is FACTORS
    with pytest.raises(InvalidInput, match="no rate factors are named 'mine'"):
        named_factors("mine")
