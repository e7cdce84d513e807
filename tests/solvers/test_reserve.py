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
from solvers.spread import numbers_of_domains
from tests.solvers.tiny_fleets import RATES, fleet_of

QUICK = settings(max_examples=40, deadline=None, derandomize=True)


@st.composite
def guarded_fleets(draw: st.DrawFn) -> Fleet:
    """Two pools, up to three columns; domains of one to three devices, of known or open number."""
    n = draw(st.integers(1, 3))
    pool = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    devices = draw(st.lists(st.integers(1, 2), min_size=n, max_size=n))
    supplies = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    rates = draw(st.lists(RATES, min_size=n, max_size=n))
    fleet = fleet_of(devices, supplies, rates, demand=draw(RATES))
    held = np.zeros((2, n))
    held[pool, np.arange(n)] = devices
    limit = np.array([draw(st.integers(1, 6)), draw(st.integers(1, 4))])
    capacity = np.array([draw(st.integers(1, 3)), draw(st.integers(1, 2))])
    known = draw(st.booleans())
    return replace(
        fleet,
        uses=Csr.from_dense(held),
        limit=limit.astype(np.float64),
        reserve=Reserve(
            pool_of=np.array(pool), size=np.array(devices), capacity=capacity,
            domains=limit // capacity if known else np.zeros(2, dtype=np.int64),
        ),
    )  # fmt: skip


def served(capacity: np.ndarray) -> float:
    """Aggregated, or the lesser of both others."""
    return float(capacity[0] + min(capacity[1], capacity[2]))


def survived(fleet: Fleet, x: np.ndarray) -> float | None:
    """Requests per second that are left after the worst failure; None where the replicas cannot be spread."""
    reserve = fleet.reserve
    assert reserve is not None
    by = np.zeros((2, 3))
    np.add.at(by, (reserve.pool_of, fleet.supply_of), fleet.rate_per_s * x)
    least = served(by.sum(axis=0))
    for pool, supply in product(range(2), range(3)):
        mine = (reserve.pool_of == pool) & (fleet.supply_of == supply) & (x > 0) & ~reserve.shares
        if mine.any():
            alone = float((fleet.rate_per_s * x * mine).sum())
            lost = min(float(fleet.rate_per_s[mine].max()), alone)
            left = by.copy()
            left[pool, supply] -= lost
            least = min(least, served(left.sum(axis=0)))
    for pool in range(2):
        spread = best_spread(fleet, x, by, pool)
        if spread is None:
            return None
        least = min(least, spread)
    return least


def best_spread(fleet: Fleet, x: np.ndarray, by: np.ndarray, pool: int) -> float | None:
    """What the loss of one shared domain leaves, over the best number of domains; None where none fits."""
    reserve = fleet.reserve
    assert reserve is not None
    mine = (reserve.pool_of == pool) & reserve.shares & (x > 0)
    alone = (reserve.pool_of == pool) & ~reserve.shares
    free = int(reserve.domains[pool] - (reserve.filled * x)[alone].sum())
    if not mine.any():
        return (
            served(by.sum(axis=0)) if free >= 0 or not reserve.shares[reserve.pool_of == pool].any() else None
        )
    best = None
    for number in range(1, free + 1):
        each = np.where(mine, np.ceil(x / number), 0)
        if (each * reserve.size).sum() <= reserve.capacity[pool]:
            left = by.copy()
            np.add.at(left, (pool, fleet.supply_of), -fleet.rate_per_s * each)
            best = max(best or 0.0, served(left.sum(axis=0)))
    return best


def plans(fleet: Fleet) -> list[np.ndarray]:
    bounds = column_bounds(replace(fleet, reserve=None), capped_by_demand=False).astype(int)
    every = [np.array(x) for x in product(*(range(b + 1) for b in bounds))]
    return [x for x in every if (fleet.uses.dot(x) <= fleet.limit + 1e-9).all()]


@QUICK
@given(fleet=guarded_fleets())
def test_the_largest_goodput_that_survives_is_that_of_enumeration(fleet: Fleet) -> None:
    best = max((survived(fleet, x) or 0.0 for x in plans(fleet)), default=0.0)
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
    enough = [x for x in plans(fleet) if (survived(fleet, x) or 0.0) >= asked * (1 - 1e-9)]
    ranking = k_best(fleet, (min_cost(cost),), gap=1e-9)
    if not enough:
        assert ranking.status is Status.INFEASIBLE
        return
    assert ranking.solutions[0].objective == pytest.approx(min(cost @ x for x in enough), rel=1e-7)


def test_one_spare_replica_by_hand() -> None:
    """Demand 3, a replica sustains 1.5: two serve, the third stands for the one that may fail."""
    fleet = fleet_of([1], [0], [1.5], limit=5.0, demand=3.0)
    single = np.ones(1, dtype=np.int64)
    reserve = Reserve(pool_of=single * 0, size=single, capacity=single, domains=single * 5)
    guarded = replace(fleet, reserve=reserve)
    assert k_best(fleet, (min_cost(np.ones(1)),)).solutions[0].x.tolist() == [2]
    assert k_best(guarded, (min_cost(np.ones(1)),)).solutions[0].x.tolist() == [3]


@QUICK
@given(fleet=guarded_fleets())
def test_a_reserve_never_adds_goodput(fleet: Fleet) -> None:
    guarded = k_best(fleet, (max_goodput(),), gap=1e-9)
    bare = k_best(replace(fleet, reserve=None), (max_goodput(),), gap=1e-9)
    most = max((s.objective for s in bare.solutions), default=0.0)
    assert all(s.objective <= most * (1 + 1e-7) for s in guarded.solutions)


def test_replicas_are_spread_by_hand() -> None:
    """Demand 3, replicas of one device sustain 1.5, three nodes of two: two must be left when a node is lost.

    Three replicas on three nodes lose one. Two nodes alone would need four: two of them are lost together.
    """
    single = np.ones(1, dtype=np.int64)
    for nodes, needed in ((3, 3), (2, 4)):
        fleet = fleet_of([1], [0], [1.5], limit=2.0 * nodes, demand=3.0)
        reserve = Reserve(pool_of=single * 0, size=single, capacity=single * 2, domains=single * nodes)
        found = k_best(replace(fleet, reserve=reserve), (min_cost(np.ones(1)),))
        assert found.solutions[0].x.tolist() == [needed]


def test_many_domains_are_used_in_steps() -> None:
    numbers = numbers_of_domains(1000)
    assert numbers[:17] == list(range(17))
    assert numbers[-1] == 1000
    assert all(b <= a * 9 / 8 + 1 for a, b in zip(numbers[1:], numbers[2:], strict=False))
    assert len(numbers) < 60
