"""The trade-off between two objectives equals that of enumeration."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.brute_force import all_counts, evaluate
from solvers.fleet import Fleet, max_goodput, min_cost, min_latency
from solvers.frontier import frontier
from solvers.result import Status
from tests.solvers.tiny_fleets import fleet_of, tiny_fleets

QUICK = settings(max_examples=15, deadline=None, derandomize=True)


def cost_of(fleet: Fleet) -> np.ndarray:
    return np.round(fleet.tie_break * (1.0 + 0.1 * fleet.rate_per_s), 3)


@QUICK
@given(fleet=tiny_fleets(most_columns=3), points=st.integers(2, 5))
def test_every_point_is_the_best_at_its_level(fleet: Fleet, points: int) -> None:
    cost = cost_of(fleet)
    plans = [(x, evaluate(fleet, (max_goodput(),), x)) for x in all_counts(fleet, capped_by_demand=False)]
    served = [(float(cost @ x), -key[0]) for x, key in plans if key is not None]
    found = frontier(fleet, (max_goodput(), min_cost(cost)), points=points, time_limit_s=30, gap=1e-9)
    if not served:
        assert not found[0].ranking.solutions
        return
    for point in found:
        level = np.inf if point.level is None else point.level * (1 + 1e-9)
        best = max(goodput for money, goodput in served if money <= level)
        assert point.values[0] == pytest.approx(best, rel=1e-6)
        cheapest = min(money for money, goodput in served if goodput >= best * (1 - 1e-6))
        assert point.values[1] == pytest.approx(cheapest, rel=1e-6)


@QUICK
@given(fleet=tiny_fleets(most_columns=3))
def test_no_point_beats_another_in_both(fleet: Fleet) -> None:
    latency_s = np.round(1.0 / fleet.rate_per_s, 3)
    pair = (min_cost(cost_of(fleet)), min_latency(latency_s))
    found = frontier(fleet, pair, points=4, time_limit_s=30, gap=1e-9)
    if found[0].ranking.status is Status.INFEASIBLE:
        return
    values = [p.values for p in found]
    assert values == sorted(values)
    assert [v[1] for v in values] == sorted((v[1] for v in values), reverse=True)
    assert len(set(values)) == len(values)
    for p in found:
        assert p.ranking.bound <= p.values[0] * (1 + 1e-7)


def test_a_trade_off_by_hand() -> None:
    """Replicas of 1 and 2 devices at 1 and 2.5 request/s on 4 devices, one dollar a device."""
    fleet = fleet_of([1, 2], [0, 0], [1.0, 2.5], limit=4.0, demand=1.0)
    found = frontier(
        fleet, (max_goodput(), min_cost(np.array([1.0, 2.0]))), points=4, time_limit_s=30, gap=1e-9
    )
    assert [p.values for p in found] == [(5.0, 4.0), (3.5, 3.0), (2.5, 2.0), (1.0, 1.0)]
