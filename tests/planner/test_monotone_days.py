"""More to choose from never worsens a day, or a plan that stands the loss of a node."""

from functools import cache
from typing import Any

import pytest

from models.scenario import Scenario
from planner import pipeline
from tests.planner.scenes import LLAMA_8B, best, deployment, pool, scenario

DAY = [{"name": "day", "hours": 10}, {"name": "night", "hours": 14, "rate_scale": 0.2}]
OBJECTIVES = ("max_goodput", "min_cost", "min_devices", "min_power")
BF16, FP8 = {"weights": "bf16"}, {"weights": "fp8"}
SMALL = pool("small", "l40s", 2, 2, price_usd_per_device_hour=0.8)
MORE: dict[str, dict[str, Any]] = {
    "colocated": {"roles": ["aggregated", "colocated"]},
    "prefill and decode": {"roles": ["aggregated", "prefill", "decode"]},
    "a device type": {"pools": [pool(nodes=2, each=2), SMALL]},
    "a precision": {"precisions": [BF16, FP8]},
    "any number of nodes": {"pools": [pool(nodes=None, each=2)]},
}


def ask(  # noqa: PLR0913
    objective: str, day: bool, failure: str | None, *, roles: Any = ("aggregated",), pools: Any = None,
    precisions: Any = (BF16,), time_limit_s: float = 20.0,
) -> Scenario:  # fmt: skip
    chat = deployment(model=LLAMA_8B, rate=30.0, tokens=(1000, 200), precisions=list(precisions))
    return scenario(
        chat,
        pools=pools or [pool(nodes=2, each=2)],
        objective=objective,
        periods=DAY if day else [],
        reserve={"failure": failure},
        options={"top_k": 1, "gap": 1e-6, "roles": list(roles), "time_limit_s": time_limit_s},
    )


@cache
def plain(objective: str, day: bool, failure: str | None) -> float:
    return best(pipeline.plan(ask(objective, day, failure)))


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("more", MORE)
def test_more_to_choose_from_never_worsens_a_guarded_day(objective: str, more: str) -> None:
    if objective == "max_goodput" and more == "any number of nodes":
        pytest.skip("a goodput without end is refused")
    before = plain(objective, True, "node")
    assert before < float("inf")
    after = best(pipeline.plan(ask(objective, True, "node", **MORE[more])))
    assert after <= before + 1e-5 * abs(before)


@pytest.mark.parametrize("more", ["colocated", "a device type", "a precision"])
def test_more_to_choose_from_never_needs_more_power(more: str) -> None:
    before = plain("min_power", False, None)
    after = best(pipeline.plan(ask("min_power", False, None, **MORE[more])))
    assert after <= before + 1e-5 * abs(before)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("time_limit_s", [0.001, 0.1])
def test_a_short_time_limit_still_gives_a_plan_with_an_honest_gap(
    objective: str, time_limit_s: float
) -> None:
    exact = plain(objective, True, "node")
    answer = pipeline.plan(ask(objective, True, "node", roles=["aggregated"], time_limit_s=time_limit_s))
    assert answer.status in ("optimal", "feasible")
    assert answer.bound is not None
    sign = -1.0 if answer.objective.sense == "max" else 1.0
    assert sign * answer.bound <= exact + 1e-6 * abs(exact) <= best(answer) + 2e-6 * abs(exact)
    value = answer.plans[0].objective_value
    assert answer.gap == pytest.approx(abs(answer.bound - value) / abs(value), abs=1e-9)
