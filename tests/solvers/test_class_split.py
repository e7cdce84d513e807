"""Demands that share replicas at rates of their own: a closed form, enumeration, a second solver."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers import class_split
from solvers.brute_force import all_plans
from solvers.csr import Csr
from solvers.dominance import undominated
from solvers.errors import InvalidInstance
from solvers.fleet import ClassRates, Fleet, build, max_goodput, min_cost, min_latency
from solvers.fleet_instance import Reserve
from solvers.periods import Periods, over_periods
from solvers.ranked import k_best
from solvers.result import Status
from tests.solvers.test_formulations import built, documented
from tests.solvers.test_second_opinion import agree
from tests.solvers.tiny_fleets import fleet_of

QUICK = settings(max_examples=12, deadline=None, derandomize=True)
EXACT = 1e-9
RATES = st.integers(1, 40).map(lambda tenths: tenths / 10)


def shared_fleet(devices: list[int], rates: list[list[float]], demand: list[float], limit: float) -> Fleet:
    """One pool and one supply that every demand passes; a rate of 0 serves nothing [columns, demands]."""
    table = np.array(rates, dtype=np.float64)
    column, demands = np.nonzero(table)
    one = fleet_of(devices, [0] * len(devices), table.max(axis=1).tolist(), limit=limit)
    return replace(
        one,
        channel_supplies=((0,),) * len(demand),
        channel_demand=np.arange(len(demand)),
        demand_per_s=np.array(demand),
        link_bytes_per_request=Csr.empty(0, len(demand)),
        classes=ClassRates(column=column, demand=demands, rate_per_s=table[column, demands]),
    )


@st.composite
def shared_fleets(draw: st.DrawFn, classes: int = 2) -> Fleet:
    n = draw(st.integers(1, 3))
    devices = draw(st.lists(st.integers(1, 3), min_size=n, max_size=n))
    rate = st.one_of(st.just(0.0), RATES)
    rates = [[draw(RATES), *(draw(rate) for _ in range(classes - 1))] for _ in range(n)]
    demand = [draw(RATES) for _ in range(classes)]
    return shared_fleet(devices, rates, demand, draw(st.integers(2, 6)))


@st.composite
def paired_fleets(draw: st.DrawFn) -> Fleet:
    """Two classes, by whole replicas or by prefill and decode replicas they share, caches over a link."""
    devices = draw(st.lists(st.integers(1, 2), min_size=3, max_size=3))
    table = np.array([[draw(RATES), draw(RATES)] for _ in range(3)])
    one = fleet_of(devices, [0, 1, 2], table.max(axis=1).tolist(), limit=draw(st.integers(3, 5)))
    column, demand = np.nonzero(table)
    return replace(
        one,
        channel_supplies=((0,), (0,), (1, 2), (1, 2)),
        channel_demand=np.array([0, 1, 0, 1]),
        demand_per_s=np.array([draw(RATES), draw(RATES)]),
        link_bytes_per_request=Csr.from_dense([[0.0, 0.0, 1.0, draw(RATES)]]),
        link_bytes_per_s=np.array([draw(RATES)]),
        classes=ClassRates(column=column, demand=demand, rate_per_s=table[column, demand]),
    )


def table_of(fleet: Fleet) -> np.ndarray:
    """Rates as a table [columns, demands]."""
    assert fleet.classes is not None
    rates = np.zeros((fleet.n_columns, len(fleet.demand_per_s)))
    rates[fleet.classes.column, fleet.classes.demand] = fleet.classes.rate_per_s
    return rates


def most_of_two(x: np.ndarray, rates: np.ndarray, demand: np.ndarray) -> float:
    """Largest multiple of two demands that replicas sustain: those best at the first serve it first."""
    order = np.argsort(-rates[:, 0] / np.maximum(rates[:, 1], 1e-12), kind="stable")
    first, second = 0.0, float(x @ rates[:, 1])
    for c in order:
        gain, loss = x[c] * rates[c, 0], x[c] * rates[c, 1]
        if (first + gain) * demand[1] >= (second - loss) * demand[0]:
            share = (second * demand[0] - first * demand[1]) / max(
                gain * demand[1] + loss * demand[0], 1e-300
            )
            return float((first + share * gain) / demand[0])
        first, second = first + gain, second - loss
    return float(first / demand[0])


def counts(fleet: Fleet) -> list[np.ndarray]:
    size, limit = fleet.uses.to_dense()[0], fleet.limit[0]
    every = product(*(range(int(limit // n) + 1) for n in size))
    return [np.array(x) for x in every if size @ np.array(x) <= limit]


@QUICK
@given(fleet=shared_fleets())
def test_goodput_is_the_best_split_of_the_best_counts(fleet: Fleet) -> None:
    best = max(most_of_two(x, table_of(fleet), fleet.demand_per_s) for x in counts(fleet))
    ranking = k_best(fleet, (max_goodput(),), gap=EXACT)
    reached = ranking.solutions[0].objective if ranking.solutions else 0.0
    assert reached == pytest.approx(best * fleet.offered_per_s, rel=1e-6, abs=1e-7)


@QUICK
@given(fleet=shared_fleets())
def test_cost_is_that_of_the_cheapest_counts_that_sustain_both(fleet: Fleet) -> None:
    price = fleet.tie_break * (1.0 + 0.1 * fleet.rate_per_s)
    enough = [x for x in counts(fleet) if most_of_two(x, table_of(fleet), fleet.demand_per_s) >= 1.0 - 1e-9]
    ranking = k_best(fleet, (min_cost(price),), gap=EXACT)
    if not enough:
        assert ranking.status is Status.INFEASIBLE
        return
    assert ranking.solutions[0].objective == pytest.approx(min(float(price @ x) for x in enough), rel=1e-6)


@pytest.mark.parametrize("goodput", [True, False])
@QUICK
@given(fleet=paired_fleets(), k=st.integers(1, 3))
def test_the_k_best_plans_of_pairs_are_those_of_enumeration(goodput: bool, fleet: Fleet, k: int) -> None:
    objectives = (max_goodput(),) if goodput else (min_cost(fleet.tie_break * 1.5),)
    minimal, wasteful = all_plans(fleet, objectives)
    expected = [key[0] for key in sorted((minimal + wasteful[: max(k - len(minimal), 0)])[:k])]
    found = k_best(fleet, objectives, k=k, gap=EXACT)
    sign = -1.0 if goodput else 1.0
    assert [sign * p.objective for p in found.solutions] == pytest.approx(expected, rel=1e-6, abs=1e-7)


@QUICK
@given(fleet=paired_fleets(), goodput=st.booleans())
def test_a_second_solver_agrees(fleet: Fleet, goodput: bool) -> None:
    agree(build(fleet, (max_goodput() if goodput else min_cost(fleet.tie_break),))[0])


@QUICK
@given(fleet=st.one_of(shared_fleets(classes=3), paired_fleets()))
def test_what_a_plan_serves_fits_its_replicas_exactly(fleet: Fleet) -> None:
    ranking = k_best(fleet, (max_goodput(),), k=2, gap=EXACT)
    rates = fleet.classes
    assert rates is not None
    for plan in ranking.solutions:
        assert plan.split_per_s is not None
        busy = np.bincount(rates.column, plan.split_per_s / rates.rate_per_s, minlength=fleet.n_columns)
        assert (busy <= plan.x * (1 + 1e-12) + 1e-12).all()
        for s in range(fleet.n_supplies):
            for w in range(len(fleet.demand_per_s)):
                here = (fleet.supply_of[rates.column] == s) & (rates.demand == w)
                passing = [
                    j
                    for j, on in enumerate(fleet.channel_supplies)
                    if s in on and fleet.channel_demand[j] == w
                ]
                assert plan.split_per_s[here].sum() == pytest.approx(
                    plan.flow_per_s[passing].sum(), rel=1e-9, abs=1e-9
                )
        assert ranking.program.is_feasible(plan.point)


@QUICK
@given(fleet=shared_fleets())
def test_where_there_is_room_the_busiest_replica_is_as_little_busy_as_can_be(fleet: Fleet) -> None:
    rates = fleet.classes
    assert rates is not None
    for plan in k_best(fleet, (min_cost(fleet.tie_break),), k=2, gap=EXACT).solutions:
        assert plan.split_per_s is not None
        busy = np.bincount(rates.column, plan.split_per_s / rates.rate_per_s, minlength=fleet.n_columns)
        busiest = (busy[plan.x > 0] / plan.x[plan.x > 0]).max()
        most = most_of_two(plan.x, table_of(fleet), fleet.demand_per_s)
        assert busiest == pytest.approx(1.0 / most, rel=1e-6)


@QUICK
@given(fleet=shared_fleets(classes=1), goodput=st.booleans())
def test_one_class_is_the_plain_fleet(fleet: Fleet, goodput: bool) -> None:
    objectives = (max_goodput() if goodput else min_cost(fleet.tie_break),)
    one, plain = (k_best(f, objectives, k=2, gap=EXACT) for f in (fleet, replace(fleet, classes=None)))
    assert [p.objective for p in one.solutions] == pytest.approx([p.objective for p in plain.solutions])


@QUICK
@given(fleet=shared_fleets(classes=1), share=st.floats(0.1, 0.9))
def test_a_class_cut_into_two_alike_changes_nothing(fleet: Fleet, share: float) -> None:
    rate, demand = table_of(fleet)[:, 0], float(fleet.demand_per_s[0])
    halves = shared_fleet(
        fleet.tie_break.astype(int).tolist(),
        np.column_stack((rate, rate)).tolist(),
        [share * demand, (1 - share) * demand],
        float(fleet.limit[0]),
    )
    one, two = (k_best(f, (max_goodput(),), gap=EXACT) for f in (fleet, halves))
    assert [p.objective for p in two.solutions] == pytest.approx([p.objective for p in one.solutions])


@QUICK
@given(fleet=shared_fleets())
def test_sharing_is_never_worse_than_replicas_of_its_own_for_every_class(fleet: Fleet) -> None:
    rates = table_of(fleet)
    apart = min(
        (
            float(fleet.tie_break @ (a + b))
            for a in counts(fleet)
            for b in counts(fleet)
            if (np.array([a @ rates[:, 0], b @ rates[:, 1]]) >= fleet.demand_per_s).all()
            and fleet.tie_break @ (a + b) <= fleet.limit[0]
        ),
        default=np.inf,
    )
    together = k_best(fleet, (min_cost(fleet.tie_break),), gap=EXACT)
    reached = together.solutions[0].objective if together.solutions else np.inf
    assert reached <= apart * (1 + 1e-9)


@QUICK
@given(fleet=shared_fleets(), trickle=st.floats(1e-7, 1e-6))
def test_a_class_with_next_to_no_traffic_changes_next_to_nothing(fleet: Fleet, trickle: float) -> None:
    rates = table_of(fleet)
    rates[:, 1] = np.maximum(rates[:, 1], 0.1)
    devices, demand = fleet.tie_break.astype(int).tolist(), float(fleet.demand_per_s[0])
    both = shared_fleet(devices, rates.tolist(), [demand, demand * trickle], float(fleet.limit[0]))
    alone = shared_fleet(devices, rates[:, :1].tolist(), [demand], float(fleet.limit[0]))
    one, two = (k_best(f, (max_goodput(),), gap=EXACT) for f in (alone, both))
    assert [p.objective for p in two.solutions] == pytest.approx(
        [p.objective for p in one.solutions], rel=1e-3
    )


@QUICK
@given(fleet=shared_fleets(classes=3), goodput=st.booleans())
def test_dominated_columns_are_not_needed(fleet: Fleet, goodput: bool) -> None:
    objectives = (max_goodput() if goodput else min_cost(fleet.tie_break),)
    kept = undominated(fleet, objectives).columns
    whole = k_best(fleet, objectives, gap=EXACT)
    pruned = k_best(fleet.take(kept), tuple(o.take(kept) for o in objectives), gap=EXACT)
    assert [p.objective for p in pruned.solutions] == pytest.approx([p.objective for p in whole.solutions])


def test_a_column_best_at_one_class_alone_is_kept() -> None:
    fleet = shared_fleet([1, 1], [[4.0, 1.0], [3.0, 2.0]], [1.0, 1.0], 4)
    assert undominated(fleet, (max_goodput(),)).keep.all()
    worse = shared_fleet([1, 1], [[4.0, 2.0], [3.0, 2.0]], [1.0, 1.0], 4)
    assert undominated(worse, (max_goodput(),)).keep.tolist() == [True, False]


def test_two_classes_by_hand() -> None:
    # 4/8 + 1/2 = 1: one replica of the first kind is full; of the second 4/2 + 1/4 = 2.25, so three
    first = shared_fleet([1], [[8.0, 2.0]], [4.0, 1.0], 9)
    second = shared_fleet([1], [[2.0, 4.0]], [4.0, 1.0], 9)
    assert k_best(first, (min_cost(first.tie_break),), gap=EXACT).solutions[0].x.tolist() == [1]
    assert k_best(second, (min_cost(second.tie_break),), gap=EXACT).solutions[0].x.tolist() == [3]


def test_names_of_variables_and_rows() -> None:
    fleet = shared_fleet([1], [[8.0, 2.0]], [4.0, 1.0], 9)
    plain = built(build(replace(fleet, classes=None), (max_goodput(),))[0])
    columns, rows = built(build(fleet, (max_goodput(),))[0])
    assert (columns - plain[0], rows - plain[1]) == documented(class_split)


def test_what_is_not_covered_is_refused() -> None:
    fleet = shared_fleet([1], [[8.0, 2.0]], [4.0, 1.0], 9)
    guarded = replace(
        fleet,
        reserve=Reserve(
            pool_of=np.zeros(1, dtype=np.int64), size=np.ones(1, dtype=np.int64),
            capacity=np.ones(1, dtype=np.int64), domains=np.array([9]),
        ),
    )  # fmt: skip
    with pytest.raises(InvalidInstance, match="reserve"):
        build(guarded, (max_goodput(),))
    with pytest.raises(InvalidInstance, match="requests per column"):
        build(fleet, (min_latency(np.ones(1)),))
    with pytest.raises(InvalidInstance, match="periods"):
        over_periods(fleet, Periods(hours=np.ones(2), scale=np.ones((2, 2))))
