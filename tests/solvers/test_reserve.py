"""Plans with a reserve survive every failure, and no cheaper plan does: enumeration is the judge."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.csr import Csr
from solvers.fleet import Fleet, column_bounds, max_goodput, min_cost
from solvers.fleet_instance import Reserve
from solvers.ranked import k_best
from solvers.result import Status
from tests.solvers.tiny_fleets import RATES, fleet_of

QUICK = settings(max_examples=40, deadline=None, derandomize=True)


@st.composite
def guarded_fleets(draw: st.DrawFn) -> Fleet:
    """Two pools, up to three columns, a failure that takes one to three replicas."""
    n = draw(st.integers(1, 3))
    pool = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    devices = draw(st.lists(st.integers(1, 2), min_size=n, max_size=n))
    supplies = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    rates = draw(st.lists(RATES, min_size=n, max_size=n))
    fleet = fleet_of(devices, supplies, rates, demand=draw(RATES))
    held = np.zeros((2, n))
    held[pool, np.arange(n)] = devices
    lost = draw(st.lists(st.sampled_from([1.0, 1.5, 2.0]), min_size=n, max_size=n))
    return replace(
        fleet,
        uses=Csr.from_dense(held),
        limit=np.array([draw(st.integers(1, 5)), draw(st.integers(1, 4))], dtype=np.float64),
        reserve=Reserve(domain_of=np.array(pool), lost=np.array(lost)),
    )


def survived(fleet: Fleet, x: np.ndarray) -> float:
    """Requests per second that are left after the worst failure: aggregated, or the lesser of both others."""
    assert fleet.reserve is not None

    def served(capacity: np.ndarray) -> float:
        return float(capacity[0] + min(capacity[1], capacity[2]))

    by = np.zeros((2, 3))
    np.add.at(by, (fleet.reserve.domain_of, fleet.supply_of), fleet.rate_per_s * x)
    least = served(by.sum(axis=0))
    for pool, supply in product(range(2), range(3)):
        mine = (fleet.reserve.domain_of == pool) & (fleet.supply_of == supply) & (x > 0)
        if mine.any():
            lost = (fleet.rate_per_s * fleet.reserve.lost)[mine].max()
            left = by.copy()
            left[pool, supply] = max(left[pool, supply] - lost, 0.0)
            least = min(least, served(left.sum(axis=0)))
    return least


def plans(fleet: Fleet) -> list[np.ndarray]:
    bounds = column_bounds(replace(fleet, reserve=None), capped_by_demand=False).astype(int)
    every = [np.array(x) for x in product(*(range(b + 1) for b in bounds))]
    return [x for x in every if (fleet.uses.dot(x) <= fleet.limit + 1e-9).all()]


@QUICK
@given(fleet=guarded_fleets())
def test_the_largest_goodput_that_survives_is_that_of_enumeration(fleet: Fleet) -> None:
    best = max((survived(fleet, x) for x in plans(fleet)), default=0.0)
    ranking = k_best(fleet, (max_goodput(),), gap=1e-9)
    if best <= 1e-9:
        assert not ranking.solutions
        return
    assert ranking.solutions[0].objective == pytest.approx(best, rel=1e-6)
    assert survived(fleet, ranking.solutions[0].x) == pytest.approx(best, rel=1e-6)
    assert ranking.bound >= best * (1 - 1e-7)


@QUICK
@given(fleet=guarded_fleets(), price=st.lists(st.integers(1, 5), min_size=3, max_size=3))
def test_the_cheapest_plan_that_survives_is_that_of_enumeration(fleet: Fleet, price: list[int]) -> None:
    cost = np.array(price[: fleet.n_columns], dtype=np.float64)
    asked = float(fleet.demand_per_s[0])
    enough = [x for x in plans(fleet) if survived(fleet, x) >= asked * (1 - 1e-9)]
    ranking = k_best(fleet, (min_cost(cost),), gap=1e-9)
    if not enough:
        assert ranking.status is Status.INFEASIBLE
        return
    assert ranking.solutions[0].objective == pytest.approx(min(cost @ x for x in enough), rel=1e-7)


def test_one_spare_replica_by_hand() -> None:
    """Demand 3, a replica sustains 1.5: two serve, the third stands for the one that may fail."""
    fleet = fleet_of([1], [0], [1.5], limit=5.0, demand=3.0)
    guarded = replace(fleet, reserve=Reserve(domain_of=np.zeros(1, dtype=np.int64), lost=np.ones(1)))
    assert k_best(fleet, (min_cost(np.ones(1)),)).solutions[0].x.tolist() == [2]
    assert k_best(guarded, (min_cost(np.ones(1)),)).solutions[0].x.tolist() == [3]


@QUICK
@given(fleet=guarded_fleets())
def test_a_reserve_never_adds_goodput(fleet: Fleet) -> None:
    guarded = k_best(fleet, (max_goodput(),), gap=1e-9)
    bare = k_best(replace(fleet, reserve=None), (max_goodput(),), gap=1e-9)
    most = max((s.objective for s in bare.solutions), default=0.0)
    assert all(s.objective <= most * (1 + 1e-7) for s in guarded.solutions)
