"""Orders of plans, and two plans side by side."""

from dataclasses import replace

import pytest

from models.parallelism import Parallelism
from models.plan import Plan
from planner.plan_comparison import compare
from planner.views import RULES, VIEWS, View, ordered, simplicity
from tests.api.sample_answer import group, plan


def priced(found: Plan, usd: float | None, ttft_s: float) -> Plan:
    one = found.predicted["chat"]
    predicted = {"chat": replace(one, ttft_s={**one.ttft_s, "mean": ttft_s})}
    return replace(found, cost=replace(found.cost, usd_per_hour=usd), predicted=predicted)


PLANS = [
    priced(plan(1, (group("prefill", 3, 2), group("decode", 5, 2)), 12.0), 40.0, 0.7),
    priced(plan(2, (group("aggregated", 2, 4),), 11.0), 30.0, 0.9),
    priced(plan(3, (group("aggregated", 14, 1),), 10.0), None, 0.4),
]


@pytest.mark.parametrize(
    ("view", "ranks"),
    [
        ("ranked", [1, 2, 3]),
        ("cheapest", [2, 1, 3]),
        ("fastest", [3, 1, 2]),
        ("goodput", [1, 2, 3]),
        ("fewest", [2, 3, 1]),
        ("simplest", [3, 2, 1]),
    ],
)
def test_every_view_has_its_order(view: View, ranks: list[int]) -> None:
    assert [p.rank for p in ordered(PLANS, view)] == ranks


def test_every_view_has_a_rule_and_equal_plans_stay_in_rank_order() -> None:
    assert set(RULES) == set(VIEWS)
    alike = [replace(PLANS[1], rank=n) for n in (3, 1, 2)]
    for view in VIEWS:
        assert [p.rank for p in ordered(alike, view)] == [1, 2, 3]


def test_one_group_is_simpler_than_two_and_a_plain_layout_than_a_cut_one() -> None:
    cut = replace(PLANS[1], groups=(replace(PLANS[1].groups[0], parallelism=Parallelism(tp=2, pp=2)),))
    assert simplicity(PLANS[1]) < simplicity(cut) < simplicity(PLANS[0])


def test_a_comparison_names_the_better_side_and_the_groups_that_differ() -> None:
    found = compare(PLANS[0], PLANS[1])
    by_name = {row.name: row for row in found.figures}
    assert by_name["price"].difference == -10.0
    assert by_name["price"].better == "b"
    assert by_name["chat: requests"].better == "a"
    assert by_name["chat: TTFT mean"].better == "a"
    assert by_name["replicas"].better == "none"
    assert found.both == ()
    assert found.only_b == ("2 x tp4 aggregated of chat on h100, fp8 weights, fp8 KV",)


def test_a_missing_price_is_no_difference_and_a_plan_equals_itself() -> None:
    missing = {row.name: row for row in compare(PLANS[0], PLANS[2]).figures}["price"]
    assert (missing.b, missing.difference, missing.better) == (None, None, "none")
    same = compare(PLANS[0], PLANS[0])
    assert all(row.difference == 0 for row in same.figures)
    assert (same.only_a, same.only_b) == ((), ())
