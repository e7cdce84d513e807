"""Candidates dropped on bounds of their rates are those that dominance would drop: plans stay the same."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.scenario import Scenario
from planner import candidates, pipeline, pricing
from planner.layouts import enumerate_layouts
from planner.pricing import build_replica, load_range, price
from planner.screening import TOLERANCE, Bars
from planner.traffic import traffic_of
from tests.planner.scenes import (
    DEEPSEEK,
    GPT_OSS,
    LLAMA_8B,
    LLAMA_70B,
    MIXTRAL,
    QWEN_MOE,
    deployment,
    pool,
    scenario,
    setting_of,
)

QUICK = settings(max_examples=6, deadline=None, derandomize=True)
WIDE = settings(max_examples=100, deadline=None, derandomize=True)
MODELS = (LLAMA_8B, LLAMA_70B, MIXTRAL, GPT_OSS)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """One model on one or two pools, with limits from tight to loose."""
    slo = {
        "ttft_s": {"limit_s": draw(st.sampled_from([0.3, 1.0, 4.0])), "percentile": 0.95},
        "tpot_s": {"limit_s": draw(st.sampled_from([0.015, 0.04, 0.2])), "percentile": "mean"},
    }
    tokens = (draw(st.sampled_from([300, 3000, 9000])), draw(st.sampled_from([50, 400])))
    pools = [pool(nodes=1, each=8)]
    if draw(st.booleans()):
        pools.append(pool("cheap", "l40s", nodes=2, each=4))
    return scenario(
        deployment(model=draw(st.sampled_from(MODELS)), tokens=tokens, slo=slo, rate=2.0),
        pools=pools,
        objective=draw(st.sampled_from(["max_goodput", "min_cost", "min_devices"])),
        options={"top_k": draw(st.integers(1, 4))},
    )


def needed_columns(asked: Scenario, *, screened: bool) -> tuple[set[Any], Any]:
    """Configurations that the program keeps with their rates, and the search's counts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pricing, "SCREENED_FROM", 1)
        if not screened:
            patch.setattr(candidates, "needed_plans", lambda _: None)
        question = pipeline._price(asked, pipeline._silent)
    found = question.candidates
    if not found.priced:
        return set(), found
    translated, _ = pipeline._translate(question)
    columns = translated.columns
    kept = set()
    for block, row in zip(columns.block.tolist(), columns.row.tolist(), strict=True):
        one = columns.priced[block]
        kept.add(
            (one.role, one.setting.pool_index, one.hand_over, one.layouts.parallelism(row),
             float(one.batched_tokens[row]), f"{one.state.rate_per_s[row]:.9g}")
        )  # fmt: skip
    return kept, found


@QUICK
@given(asked=scenarios())
def test_bounds_drop_no_column_that_the_program_needs(asked: Scenario) -> None:
    every, all_found = needed_columns(asked, screened=False)
    some, found = needed_columns(asked, screened=True)
    assert some == every
    assert found.looked_at == all_found.looked_at
    priced = sum(len(p) for p in found.priced)
    assert priced + sum(found.dropped.values()) == found.looked_at
    assert found.dropped["bounded"] > 0 or priced == sum(len(p) for p in all_found.priced)
    assert min(found.dropped.values(), default=0) >= 0


@pytest.mark.parametrize("model", [LLAMA_70B, DEEPSEEK])
@pytest.mark.parametrize("role", ["aggregated", "decode"])
def test_the_rate_of_a_replica_grows_with_its_load(model: str, role: Any) -> None:
    """What a load that fails bounds: every smaller load has a smaller rate."""
    setting = setting_of(model, nodes=2)
    layouts, _, _ = enumerate_layouts(setting)
    traffic = traffic_of(setting.deployment.workload)
    replica = build_replica(setting, role, layouts, traffic, np.full(len(layouts), 4096.0), None)
    low, high = load_range(role, layouts)
    loads = np.geomspace(low, np.minimum(high, 2048.0 * layouts.pp), 40)
    rates = np.stack([replica.state(load).rate_per_s for load in loads])
    assert (np.diff(rates, axis=0) > 0).all()


def test_what_fails_without_load_is_told_apart_from_what_is_bounded() -> None:
    setting = setting_of(QWEN_MOE, nodes=1)
    layouts, _, _ = enumerate_layouts(setting)
    traffic = traffic_of(setting.deployment.workload)
    whole = price(setting, "aggregated", layouts, traffic, None, "point")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pricing, "SCREENED_FROM", 1)
        screened = price(setting, "aggregated", layouts, traffic, None, "point", 2)
    assert screened.dropped["memory"] == whole.dropped["memory"]
    assert screened.dropped["slo:ttft"] <= whole.dropped["slo:ttft"]
    assert screened.unloaded.extra_bytes == whole.unloaded.extra_bytes
    assert screened.dropped["bounded"] > 0


def test_without_any_feasible_candidate_the_nearest_is_as_without_bounds() -> None:
    tight = deployment(model=QWEN_MOE, slo={"tpot_s": {"limit_s": 1e-5, "percentile": "mean"}})
    asked = scenario(tight, pools=[pool(nodes=1, each=8)], options={"roles": ["aggregated"]})
    _, every = needed_columns(asked, screened=False)
    _, some = needed_columns(asked, screened=True)
    assert not some.priced
    assert some.unloaded == every.unloaded
    assert some.dropped == Counter({name: n for name, n in every.dropped.items() if n})


@WIDE
@given(
    plain=st.lists(st.integers(1, 4), min_size=1, max_size=8),
    k=st.integers(1, 4),
    data=st.data(),
)
def test_a_bar_is_the_kth_best_of_the_layouts_that_are_as_plain(
    plain: list[int], k: int, data: st.DataObject
) -> None:
    n = len(plain)
    bars = Bars(layout_of=np.arange(n).repeat(2), plainness=np.array(plain, dtype=float), k=k)
    reached = [-np.inf] * n
    for row in data.draw(st.lists(st.integers(0, 2 * n - 1), max_size=12)):
        rate = float(data.draw(st.integers(1, 9)))
        bars.reach(np.array([row]), np.array([rate]), np.array([rate]))
        reached[row // 2] = max(reached[row // 2], rate)
    for layout in range(n):
        others = sorted((reached[i] for i in range(n) if plain[i] <= plain[layout]), reverse=True)
        kth = others[k - 1] if len(others) >= k else -np.inf
        expected = max(kth, reached[layout]) / (1.0 + TOLERANCE)
        assert bars.of(np.array([2 * layout]))[0] == pytest.approx(expected)
