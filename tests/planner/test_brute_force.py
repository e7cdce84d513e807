"""Tiny scenarios against enumeration of all replica counts, with arithmetic in place of a solver."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from models.plan import RankedPlans
from models.scenario import Scenario
from planner import pipeline
from planner.columns import gather
from planner.demand import demands
from planner.fleet_program import Translated, translate
from tests.planner.scenes import LLAMA_8B, LLAMA_70B, QWEN_MOE, deployment, pool, scenario

BF16, FP8 = {"weights": "bf16"}, {"weights": "fp8", "kv": "fp8"}


def case(
    model: str, devices: int, objective: str, *, precisions: object = (BF16,), **more: object
) -> Scenario:
    rate = float(more.pop("rate", 3.0))  # type: ignore[arg-type]
    chat = deployment(model=model, rate=rate, precisions=list(precisions))  # type: ignore[call-overload]
    return scenario(
        chat, pools=[pool(each=devices)], objective=objective, options={"top_k": 3, "gap": 1e-9}, **more
    )


CASES = {
    "8B on 1": case(LLAMA_8B, 1, "max_goodput"),
    "8B on 2": case(LLAMA_8B, 2, "max_goodput"),
    "8B on 3": case(LLAMA_8B, 3, "max_goodput"),
    "8B on 3, two formats": case(LLAMA_8B, 3, "max_goodput", precisions=(BF16, FP8)),
    "70B fp8 on 4": case(LLAMA_70B, 4, "max_goodput", precisions=(FP8,)),
    "MoE on 3": case(QWEN_MOE, 3, "max_goodput"),
    "8B on 3, cheapest": case(LLAMA_8B, 3, "min_cost", rate=9.0),
    "8B on 3, fewest": case(LLAMA_8B, 3, "min_devices", rate=16.0),
    "MoE on 3, fewest": case(QWEN_MOE, 3, "min_devices", rate=20.0),
    "70B fp8 on 4, cheapest": case(LLAMA_70B, 4, "min_cost", precisions=(FP8,), rate=2.0),
    "8B on 3, capped": case(LLAMA_8B, 3, "max_goodput", limits={"usd_per_hour": 6.0}),
}


@dataclass(frozen=True)
class Found:
    """A plan of the enumeration: replicas by identity, and its value, smaller is better."""

    counts: tuple[int, ...]
    value: float
    devices: float


@cache
def program_of(name: str) -> Translated:
    """The fleet program over all priced candidates, none dropped as dominated."""
    asked = CASES[name]
    question = pipeline._price(asked, pipeline._silent)
    columns = gather(question.candidates.priced)
    demand = demands(asked, question.traffic, columns)
    return translate(asked, question.sites, question.traffic, demand, columns)


def mixes(devices: np.ndarray, capacity: float, start: int = 0) -> Iterator[dict[int, int]]:
    """Every multiset of columns that holds no more than ``capacity`` devices."""
    yield {}
    for column in range(start, len(devices)):
        if devices[column] <= capacity:
            for rest in mixes(devices, capacity - devices[column], column):
                yield {**rest, column: rest.get(column, 0) + 1}


def goodput(found: Translated, counts: dict[int, int]) -> float:
    """Requests per second of a mix: aggregated ones, and per cache format the lesser of the two roles."""
    rates: dict[tuple[str, str], float] = {}
    for column, n in counts.items():
        _, role, cache_format, *_ = found.supplies[found.fleet.supply_of[column]]
        key = (role, cache_format)
        rates[key] = rates.get(key, 0.0) + n * float(found.fleet.rate_per_s[column])
    total = 0.0
    for (role, cache_format), rate in rates.items():
        if role == "aggregated":
            total += rate
        elif role == "prefill":
            total += min(rate, rates.get(("decode", cache_format), 0.0))
    return total


@cache
def answer_of(name: str) -> RankedPlans:
    answer = pipeline.plan(CASES[name])
    assert answer.status == "optimal"
    return answer


@cache
def enumerated(name: str) -> tuple[Found, ...]:
    """All plans, one per counts of identities, best first."""
    asked, found = CASES[name], program_of(name)
    fleet, columns = found.fleet, found.columns
    capacity, cap_usd = float(fleet.limit[0]), asked.limits.usd_per_hour or np.inf
    best: dict[tuple[int, ...], Found] = {}
    for mix in mixes(columns.devices, capacity):
        x = np.zeros(len(columns))
        x[list(mix)] = list(mix.values())
        rate = goodput(found, mix)
        usd, held = float(columns.usd_per_hour @ x), float(columns.devices @ x)
        needed = 0.0 if asked.objective == "max_goodput" else float(fleet.demand_per_s[0])
        if rate <= 0.0 or rate < needed * (1 - 1e-9) or usd > cap_usd:
            continue
        value = {"max_goodput": -rate, "min_cost": usd, "min_devices": held}[str(asked.objective)]
        counts = tuple(int(n) for n in np.bincount(fleet.identity_of, weights=x))
        plan = Found(counts=counts, value=value, devices=held)
        if counts not in best or (plan.value, plan.devices) < (best[counts].value, best[counts].devices):
            best[counts] = plan
    return tuple(sorted(best.values(), key=lambda plan: (round(plan.value, 9), plan.devices)))


def different_plans(plans: tuple[Found, ...], k: int) -> list[Found]:
    """The k best of which none only adds replicas to a better one."""
    chosen: list[Found] = []
    for plan in plans:
        adds = any(
            all(mine >= theirs for mine, theirs in zip(plan.counts, better.counts, strict=True))
            for better in chosen
        )
        if not adds:
            chosen.append(plan)
        if len(chosen) == k:
            break
    return chosen


@pytest.mark.parametrize("name", CASES)
def test_the_best_plan_is_that_of_enumeration(name: str) -> None:
    answer = answer_of(name)
    sign = -1.0 if answer.objective.sense == "max" else 1.0
    expected = enumerated(name)[0]
    assert sign * answer.plans[0].objective_value == pytest.approx(expected.value, rel=1e-7)
    assert answer.bound is not None
    assert sign * answer.bound <= expected.value + 1e-9 * abs(expected.value)


@pytest.mark.parametrize("name", CASES)
def test_the_next_plans_are_those_of_enumeration(name: str) -> None:
    answer = answer_of(name)
    sign = -1.0 if answer.objective.sense == "max" else 1.0
    expected = different_plans(enumerated(name), 3)
    values = [sign * plan.objective_value for plan in answer.plans]
    assert values[: len(expected)] == pytest.approx([plan.value for plan in expected], rel=1e-7)


@pytest.mark.parametrize("name", CASES)
def test_every_answered_plan_is_among_the_enumerated_ones(name: str) -> None:
    answer, found = answer_of(name), program_of(name)
    known = {plan.counts: plan for plan in enumerated(name)}
    sign = -1.0 if answer.objective.sense == "max" else 1.0
    for plan in answer.plans:
        counts = [0] * (int(found.fleet.identity_of.max()) + 1)
        for group in plan.groups:
            matches = {
                int(found.fleet.identity_of[c])
                for c in range(len(found.columns))
                if describe(found, c) == (group.role, group.precision.weights, group.parallelism)
            }
            assert len(matches) == 1
            counts[matches.pop()] += group.replicas
        assert sign * plan.objective_value == pytest.approx(known[tuple(counts)].value, rel=1e-7)


def describe(found: Translated, column: int) -> tuple[object, ...]:
    priced = found.columns.priced[found.columns.block[column]]
    row = int(found.columns.row[column])
    return (priced.role, priced.setting.precision.weights, priced.layouts.parallelism(row))
