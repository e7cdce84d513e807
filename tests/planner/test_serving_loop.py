"""Constants of the serving loop: what they add to a first token, and what they leave alone."""

from dataclasses import replace
from math import log
from typing import Any

import numpy as np
import pytest

from models.cost.fitted import Fitted
from models.cost.serving_fit import ServingFit, shipped
from planner.closed_loop import ClosedLoop, Loop, aggregated, loop_loads, memory_of
from planner.operating_point import Aggregated, Prefill, State
from planner.setting import Setting
from planner.traffic import traffic_of
from tests.planner.scenes import LLAMA_70B, MIXTRAL, deployment, scenario, setting_of, step_model

ONE = np.ones(1)
CHAT = traffic_of(scenario(deployment()).deployments[0].workload)
LOOP = Loop(
    input_tokens=ONE * 2000, output_tokens=ONE * 400, concurrency=ONE * 32, replicas=ONE,
    max_batch=ONE * 256, batched_tokens=ONE * 8192,
)  # fmt: skip


def setting(model: str = LLAMA_70B, /, **parameters: float) -> Setting:
    """Priced by the shipped base constants with these corrections and no others."""
    fit = ServingFit(base=shipped().base, parameters=parameters, sources=())
    return replace(setting_of(model), cost=Fitted(fit=fit).serving("vllm", None))


def closed(**parameters: float) -> ClosedLoop:
    return aggregated(step_model(setting(**parameters), tp=4), LOOP)


def state(role: type[Any], **parameters: float) -> State:
    model = step_model(setting(**parameters), tp=4)
    more = {"transfer_s": ONE * 0.01} if role is Prefill else {}
    found: State = role(model=model, traffic=CHAT, batched_tokens=ONE * 8192, **more).state(ONE * 0.5)
    return found


@pytest.mark.parametrize("role", [Aggregated, Prefill])
def test_the_fixed_time_is_paid_once_per_request(role: type[Any]) -> None:
    base, more = state(role), state(role, fixed=log(3.0))
    fixed_s = shipped().base["fixed"]
    assert more.first_s - base.first_s == pytest.approx(2.0 * fixed_s)
    assert more.rate_per_s == base.rate_per_s
    assert closed(fixed=log(3.0)).ttft_s - closed().ttft_s == pytest.approx(2.0 * fixed_s)
    assert closed(fixed=log(3.0)).tpot_s == closed().tpot_s


@pytest.mark.parametrize("name", ["own", "steps"])
def test_waiting_longer_for_the_first_token_slows_no_other(name: str) -> None:
    base, more = state(Aggregated), state(Aggregated, **{name: log(2.0)})
    assert more.first_s + more.residual_s > base.first_s + base.residual_s
    assert more.tpot_s == base.tpot_s
    found, slower = closed(), closed(**{name: log(2.0)})
    assert slower.ttft_s > found.ttft_s
    assert slower.tpot_s == found.tpot_s
    assert slower.output_tokens_per_s < found.output_tokens_per_s


def test_a_burst_is_waited_for_before_the_first_token_or_after_it() -> None:
    """The others' prompts take their time either way: what one side gains the other loses."""
    found = [closed(burst=value) for value in (-2.0, 0.0, 2.0)]
    assert found[0].ttft_s < found[1].ttft_s < found[2].ttft_s
    assert found[0].tpot_s > found[1].tpot_s > found[2].tpot_s
    whole = [float((f.wait_s + LOOP.decode_tokens * f.tpot_s)[0]) for f in found]
    assert whole == pytest.approx([whole[0]] * 3)


def test_ranks_that_step_together_share_their_chunks_only_when_they_must() -> None:
    """With long answers the chunks of eight ranks fall into different steps, with short ones they meet."""
    model = step_model(setting(MIXTRAL), dp=8, ep=8)
    ranks = {}
    for output in (20.0, 100_000.0):
        loop = replace(LOOP, output_tokens=ONE * output, concurrency=ONE * 256)
        loads = loop_loads(model, loop, memory_of(model, loop))
        assert loads.mixed.prefill_ranks is not None
        ranks[output] = float(loads.mixed.prefill_ranks[0])
        tokens = loads.mixed.expert_tokens(model.layouts.dp)
        alone = loads.mixed.decode_sequences * 8 + loads.mixed.prefill_tokens * ranks[output]
        assert tokens == pytest.approx(alone)
    assert 1.0 <= ranks[100_000.0] < ranks[20.0] <= 8.0


def test_one_rank_carries_its_own_chunks() -> None:
    model = step_model(setting(), tp=4)
    loads = loop_loads(model, LOOP, memory_of(model, LOOP))
    assert loads.mixed.expert_tokens(model.layouts.dp) == pytest.approx(loads.mixed.tokens)
