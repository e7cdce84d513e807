"""Replicas under load: work is conserved, latencies grow, and the search for the load is exact."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.operating_point import Aggregated, Decode, Prefill
from planner.pricing import Priced, limits_of, price
from planner.step_load import decode_load
from planner.traffic import Traffic, traffic_of
from tests.planner.scenes import (
    LLAMA_8B,
    LLAMA_70B,
    QWEN_MOE,
    deployment,
    layouts_of,
    scenario,
    setting_of,
    step_model,
)

QUICK = settings(max_examples=15, deadline=None, derandomize=True)
ONE = np.ones(1)
SHAPES = [
    (LLAMA_8B, {}),
    (LLAMA_70B, {"tp": 4}),
    (LLAMA_70B, {"tp": 2, "pp": 2}),
    (QWEN_MOE, {"dp": 4, "ep": 4}),
]


def traffic(tokens: tuple[float, float] = (3000, 300), hit: float = 0.0) -> Traffic:
    chat = deployment(tokens=tokens)
    chat["workload"]["prefix_hit_frac"] = hit
    return traffic_of(scenario(chat).deployments[0].workload)


def aggregated(model: str = LLAMA_8B, budget: float = 8192.0, **degrees: int) -> Aggregated:
    return Aggregated(
        model=step_model(setting_of(model), **degrees), traffic=traffic(), batched_tokens=ONE * budget
    )


@pytest.mark.parametrize(("model", "degrees"), SHAPES)
@pytest.mark.parametrize("load", [0.05, 1.0, 20.0])
def test_a_replica_serves_by_little_s_law(model: str, degrees: dict[str, int], load: float) -> None:
    replica = aggregated(model, **degrees)
    state = replica.state(ONE * load)
    dp = degrees.get("dp", 1)
    in_flight = state.rate_per_s * 300 * state.tpot_s
    assert in_flight[0] == pytest.approx(dp * load)


@pytest.mark.parametrize(("model", "degrees"), SHAPES)
def test_every_prompt_token_is_computed_once(model: str, degrees: dict[str, int]) -> None:
    """Prompts that arrive per second equal the chunks the steps carry per second."""
    replica = aggregated(model, **degrees)
    load = ONE * 4.0
    state = replica.state(load)
    pp, dp = degrees.get("pp", 1), degrees.get("dp", 1)
    steps_per_s = pp / state.tpot_s
    chunk = np.minimum(replica.batched_tokens - load / pp, 3000.0)
    computed_per_s = dp * steps_per_s * state.busy_frac * chunk
    assert computed_per_s[0] == pytest.approx(float(state.rate_per_s[0]) * 3000.0)


@pytest.mark.parametrize(("model", "degrees"), SHAPES)
@QUICK
@given(low=st.floats(0.02, 30.0), factor=st.floats(1.02, 4.0))
def test_latencies_and_rate_grow_with_the_load(
    model: str, degrees: dict[str, int], low: float, factor: float
) -> None:
    replica = aggregated(model, **degrees)
    loads = [ONE * low, ONE * low * factor]
    states = [replica.state(load) for load in loads]
    assert states[1].rate_per_s[0] >= states[0].rate_per_s[0] * (1 - 1e-9)
    assert states[1].room_frac[0] >= states[0].room_frac[0] * (1 - 1e-9)
    for metric in ("ttft_s", "tpot_s", "e2e_s"):
        for statistic in ("mean", 0.5, 0.95, 0.999):
            values = [
                replica.latency(load, state, metric, statistic)[0]
                for load, state in zip(loads, states, strict=True)
            ]
            assert values[1] >= values[0] * (1 - 1e-9)


def test_end_to_end_is_the_first_token_and_the_others() -> None:
    replica = aggregated()
    load = ONE * 5.0
    state = replica.state(load)
    first, each, whole = (replica.latency(load, state, m, "mean")[0] for m in ("ttft_s", "tpot_s", "e2e_s"))
    assert whole == pytest.approx(first + 299 * each)


def test_a_decode_replica_takes_the_time_of_its_step_per_token() -> None:
    model = step_model(setting_of(LLAMA_70B), tp=4)
    replica = Decode(model=model, traffic=traffic(), batched_tokens=ONE * 2048)
    state = replica.state(ONE * 16)
    step = model.cost(decode_load(ONE * 16, ONE * 3150)).bottleneck_s
    assert state.tpot_s[0] == pytest.approx(step[0])
    assert state.rate_per_s[0] == pytest.approx(16 / (299 * step[0]))
    assert replica.latency(ONE * 16, state, "ttft_s", 0.99)[0] == 0.0


def test_a_prefill_replica_waits_for_a_transfer_it_cannot_hide() -> None:
    model = step_model(setting_of(LLAMA_70B), tp=4)
    hidden, slow = (
        Prefill(model=model, traffic=traffic(), batched_tokens=ONE * 8192, transfer_s=ONE * seconds)
        for seconds in (1e-3, 5.0)
    )
    load = ONE * 0.5
    first = [r.latency(load, r.state(load), "ttft_s", "mean")[0] for r in (hidden, slow)]
    assert first[1] - first[0] > 4.0
    blocking = replace(hidden, overlapped=False)
    assert blocking.state(load).first_s[0] - hidden.state(load).first_s[0] == pytest.approx(
        1e-3 * (1 - 1 / 80), rel=1e-6
    )


def test_a_cached_prefix_is_read_and_not_computed() -> None:
    full = aggregated()
    half = replace(full, traffic=traffic(hit=0.5))
    load = ONE * 2.0
    assert half.state(load).first_s[0] < full.state(load).first_s[0]
    assert half.state(load).tpot_s[0] < full.state(load).tpot_s[0]
    assert half.memory.kv_per_sequence[0] == full.memory.kv_per_sequence[0]


LIMITS = limits_of("aggregated", scenario(deployment()).deployments[0].slo, {})


def holds(replica: Aggregated, load: float) -> bool:
    """Whether memory, token budget and every limit hold at this load."""
    state = replica.state(ONE * load)
    within = [
        replica.latency(ONE * load, state, metric, limit.percentile)[0] <= limit.limit_s
        for metric, limit in LIMITS.items()
    ]
    return bool(state.room_frac[0] <= 1.0) and all(within)


def priced(model: str, degrees: dict[str, int]) -> Priced:
    setting = replace(setting_of(model), deployment=scenario(deployment(model=model)).deployments[0])
    found = price(setting, "aggregated", layouts_of(**degrees), traffic(), None, "point").priced
    assert found is not None
    return found


@pytest.mark.parametrize(("model", "degrees"), SHAPES)
def test_the_priced_load_holds_and_a_little_more_does_not(model: str, degrees: dict[str, int]) -> None:
    found = priced(model, degrees)
    replica = aggregated(model, float(found.batched_tokens[0]), **degrees)
    assert holds(replica, float(found.load[0]))
    assert not holds(replica, float(found.load[0]) * 1.01)


@pytest.mark.parametrize(("model", "degrees"), SHAPES)
def test_the_priced_token_budget_is_the_best_of_the_ladder(model: str, degrees: dict[str, int]) -> None:
    found = priced(model, degrees)
    rates = {}
    for budget in found.setting.engine.batched_tokens_ladder:
        replica = aggregated(model, float(budget), **degrees)
        low, high = 1 / 64, 2000.0
        for _ in range(40):
            middle = (low * high) ** 0.5
            low, high = (middle, high) if holds(replica, middle) else (low, middle)
        rates[budget] = float(replica.state(ONE * low).rate_per_s[0])
    assert found.state.rate_per_s[0] == pytest.approx(max(rates.values()), rel=0.01)


@pytest.mark.parametrize(("model", "degrees"), SHAPES)
def test_feasible_loads_are_an_interval_from_zero(model: str, degrees: dict[str, int]) -> None:
    replica = aggregated(model, **degrees)
    good = [holds(replica, float(load)) for load in np.geomspace(1 / 64, 2000, 80)]
    assert good == sorted(good, reverse=True)
    assert good[0]
    assert not good[-1]
