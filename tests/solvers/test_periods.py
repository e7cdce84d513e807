"""A fleet over a day equals enumeration of its counts, and behaves as days must."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.csr import Csr
from solvers.fleet import Fleet, max_goodput, min_cost
from solvers.objectives import Objective
from solvers.periods import OverPeriods, Periods, objective_over, over_periods
from solvers.ranked import k_best
from solvers.result import Status

QUICK = settings(max_examples=40, deadline=None, derandomize=True)
PRICE, START = np.array([2.0, 3.5]), np.array([1.0, 4.0])


def two_sizes(limit: float) -> Fleet:
    """One model on one pool: small replicas (1 device, 1 request/s) and large ones (2 devices, 2.5)."""
    return Fleet(
        rate_per_s=np.array([1.0, 2.5]),
        supply_of=np.zeros(2, dtype=np.int64),
        max_replicas=np.full(2, np.inf),
        identity_of=np.arange(2),
        uses=Csr.from_dense([[1.0, 2.0]]),
        limit=np.array([limit]),
        channel_supplies=((0,),),
        channel_demand=np.zeros(1, dtype=np.int64),
        demand_per_s=np.array([1.0]),
        link_bytes_per_request=Csr.empty(0, 1),
        link_bytes_per_s=np.zeros(0),
        tie_break=np.array([1.0, 2.0]),
    )


def day(limit: float, hours: list[float], load: list[float]) -> tuple[OverPeriods, Objective, Periods]:
    periods = Periods(hours=np.array(hours), scale=np.array(load)[:, None])
    price = replace(min_cost(PRICE), starting=START)
    return over_periods(two_sizes(limit), periods), objective_over(price, periods), periods


def cheapest(limit: float, hours: list[float], load: list[float]) -> float | None:
    """Mean price per hour of the best day, over all counts of all periods."""
    counts = [x for x in product(range(4), range(3)) if x[0] + 2 * x[1] <= limit]
    fits = [[np.array(x) for x in counts if x[0] + 2.5 * x[1] >= asked - 1e-9] for asked in load]
    best = None
    for plan in product(*fits):
        starts = [np.maximum(x - plan[t - 1], 0) for t, x in enumerate(plan)]
        loading = [plan[t - 1] + s for t, s in enumerate(starts)]
        if any(held @ [1, 2] > limit for held in loading):
            continue
        price = sum(h * (PRICE @ x) for h, x in zip(hours, plan, strict=True)) + sum(
            START @ s for s in starts
        )
        best = price if best is None else min(best, price)
    return None if best is None else float(best) / sum(hours)


@QUICK
@given(
    limit=st.integers(2, 5),
    hours=st.lists(st.sampled_from([0.5, 1.0, 8.0]), min_size=3, max_size=3),
    load=st.lists(st.sampled_from([0.0, 1.0, 2.0, 2.5, 3.5]), min_size=3, max_size=3),
)
def test_the_cheapest_day_is_that_of_enumeration(limit: int, hours: list[float], load: list[float]) -> None:
    if not any(load):
        return  # nothing is asked for at any time
    over, price, _ = day(limit, hours, load)
    expected = cheapest(limit, hours, load)
    ranking = k_best(over.fleet, (price,), gap=1e-9)
    if expected is None:
        assert ranking.status is Status.INFEASIBLE
        return
    assert ranking.solutions[0].objective == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_a_quiet_night_is_switched_off_and_a_short_pause_is_not() -> None:
    over, price, _ = day(4.0, [12.0, 12.0], [2.5, 0.0])
    assert k_best(over.fleet, (price,)).solutions[0].x.tolist() == [0, 1, 0, 0]
    # a start of the large replica costs 4, an hour of it 3.5: one hour off is not worth it
    over, price, _ = day(4.0, [23.0, 1.0], [2.5, 0.0])
    assert k_best(over.fleet, (price,)).solutions[0].x.tolist() == [0, 1, 0, 1]


def test_replicas_load_while_the_others_still_serve() -> None:
    """Two devices hold either size, never both: no change of size is possible without a third device."""
    tight, price, _ = day(2.0, [12.0, 12.0], [1.0, 2.5])
    assert k_best(tight.fleet, (price,)).solutions[0].x.tolist() == [0, 1, 0, 1]
    roomy, price, _ = day(3.0, [12.0, 12.0], [1.0, 2.5])
    assert k_best(roomy.fleet, (price,)).solutions[0].x.tolist() == [1, 0, 0, 1]


def test_goodput_is_the_mean_over_the_day() -> None:
    over, _, _ = day(4.0, [18.0, 6.0], [1.0, 2.0])
    found = k_best(over.fleet, (max_goodput(),), gap=1e-9).solutions[0]
    # 2 x 2.5 request/s at the peak of 2: a multiple of 2.5, in the mean of (1 * 18 + 2 * 6) / 24
    assert found.objective == pytest.approx(2.5 * 1.25)


@QUICK
@given(load=st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.5]), min_size=2, max_size=4))
def test_a_day_costs_no_more_than_its_peak_all_day(load: list[float]) -> None:
    hours = [24.0 / len(load)] * len(load)
    over, price, _ = day(5.0, hours, load)
    peak, flat, _ = day(5.0, hours, [max(load)] * len(load))
    one = k_best(over.fleet, (price,), gap=1e-9).solutions[0].objective
    other = k_best(peak.fleet, (flat,), gap=1e-9).solutions[0].objective
    assert one <= other * (1 + 1e-9)
