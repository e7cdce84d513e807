"""The k best plans equal those of enumeration, and behave as plans must."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.brute_force import all_plans
from solvers.csr import Csr
from solvers.dominance import undominated
from solvers.fleet import Fleet, max_goodput, min_cost, min_latency
from solvers.program import Sense
from solvers.ranked import k_best
from solvers.result import Status
from tests.solvers.tiny_fleets import KINDS, fleet_of, objectives_of, tiny_fleets

QUICK = settings(max_examples=20, deadline=None, derandomize=True)
EXACT = 1e-9


def keys(fleet: Fleet, kind: str, k: int) -> list[tuple[float, ...]]:
    objectives = objectives_of(fleet, kind)
    senses = [objective.sense for objective in objectives] + [Sense.MIN]
    ranking = k_best(fleet, objectives, k=k, gap=EXACT)
    return [
        tuple(-v if sense is Sense.MAX else v for sense, v in zip(senses, plan.values, strict=True))
        for plan in ranking.solutions
    ]


@pytest.mark.parametrize("kind", KINDS)
@QUICK
@given(fleet=tiny_fleets(), k=st.integers(1, 4))
def test_the_k_best_plans_are_those_of_enumeration(kind: str, fleet: Fleet, k: int) -> None:
    minimal, wasteful = all_plans(fleet, objectives_of(fleet, kind))
    expected = sorted((minimal + wasteful[: max(k - len(minimal), 0)])[:k])
    found = keys(fleet, kind, k)
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("kind", KINDS)
@QUICK
@given(fleet=tiny_fleets(), k=st.integers(1, 3))
def test_dominated_columns_are_needed_by_none_of_the_k_best(kind: str, fleet: Fleet, k: int) -> None:
    objectives = objectives_of(fleet, kind)
    needed = undominated(fleet, objectives, k=k).columns
    everything = k_best(fleet, objectives, k=k, gap=EXACT)
    pruned = k_best(fleet.take(needed), tuple(o.take(needed) for o in objectives), k=k, gap=EXACT)
    minimal = len(all_plans(fleet, objectives)[0])
    if k > minimal:
        return  # plans with useless replicas may use dropped columns
    assert len(pruned.solutions) == k
    for one, other in zip(everything.solutions, pruned.solutions, strict=True):
        assert one.values == pytest.approx(other.values, rel=1e-6, abs=1e-7)


@QUICK
@given(fleet=tiny_fleets(), data=st.data())
def test_the_order_of_columns_does_not_matter(fleet: Fleet, data: st.DataObject) -> None:
    order = np.array(data.draw(st.permutations(range(fleet.n_columns))))
    one = k_best(fleet, (max_goodput(),), k=2, gap=EXACT)
    other = k_best(fleet.take(order), (max_goodput(),), k=2, gap=EXACT)
    assert [p.objective for p in one.solutions] == pytest.approx([p.objective for p in other.solutions])


@QUICK
@given(fleet=tiny_fleets(), extra=st.integers(1, 2))
def test_more_of_a_resource_never_worsens_the_plan(fleet: Fleet, extra: int) -> None:
    more = Fleet(**{name: getattr(fleet, name) for name in Fleet.__slots__} | {"limit": fleet.limit + extra})
    before, after = (k_best(f, (max_goodput(),), gap=EXACT) for f in (fleet, more))
    if before.solutions:
        assert after.solutions[0].objective >= before.solutions[0].objective * (1 - 1e-9)


@QUICK
@given(fleet=tiny_fleets())
def test_the_linear_bound_holds_and_flows_fit_the_replicas(fleet: Fleet) -> None:
    ranking = k_best(fleet, (max_goodput(),), k=3, gap=EXACT)
    for plan in ranking.solutions:
        assert ranking.lp_bound >= plan.objective * (1 - 1e-9)
        assert ranking.bound >= plan.objective * (1 - 1e-9)
        capacity = np.bincount(fleet.supply_of, weights=fleet.rate_per_s * plan.x, minlength=fleet.n_supplies)
        assert (fleet.through().dot(plan.flow_per_s) <= capacity * (1 + 1e-12)).all()
        assert (fleet.uses.dot(plan.x) <= fleet.limit).all()


def test_closed_form_of_one_prefill_and_one_decode_type() -> None:
    """lambda / rate of each role, rounded up: 7/3 -> 3 and 7/2 -> 4 replicas of 1 and 2 devices."""
    fleet = fleet_of([1, 2], [1, 2], [3.0, 2.0], limit=20, demand=7.0)
    ranking = k_best(fleet, (min_cost(fleet.tie_break),))
    assert ranking.solutions[0].x.tolist() == [3, 4]
    assert ranking.status is Status.OPTIMAL


def test_a_later_plan_is_no_earlier_one_with_useless_replicas() -> None:
    fleet = fleet_of([1, 1], [0, 0], [4.0, 2.0], limit=3, demand=3.0)
    ranking = k_best(fleet, (min_cost(fleet.tie_break),), k=2)
    assert [plan.x.tolist() for plan in ranking.solutions] == [[1, 0], [0, 2]]


def test_superfluous_replicas_fill_the_list_only_when_nothing_else_exists() -> None:
    fleet = fleet_of([1], [0], [4.0], limit=3, demand=10.0)
    plans = [plan.x.tolist() for plan in k_best(fleet, (max_goodput(),), k=5).solutions]
    assert plans == [[3], [2], [1]]
    ranking = k_best(fleet_of([1, 3], [0, 1], [4.0, 1.0], limit=3, demand=2.0), (max_goodput(),), k=9)
    assert ranking.exhausted
    assert len(ranking.solutions) == 3


def test_other_batch_limits_alone_make_no_other_plan() -> None:
    fleet = fleet_of([2, 2], [0, 0], [4.0, 3.0], limit=2, demand=2.0)
    shared = Fleet(
        **{name: getattr(fleet, name) for name in Fleet.__slots__} | {"identity_of": np.zeros(2, int)}
    )
    assert len(k_best(fleet, (max_goodput(),), k=3).solutions) == 2
    ranking = k_best(shared, (max_goodput(),), k=3)
    assert len(ranking.solutions) == 1
    assert ranking.exhausted


def test_latency_picks_the_fast_column_and_reports_the_mean() -> None:
    fleet = fleet_of([2, 1], [0, 0], [2.0, 4.0], limit=5, demand=3.0)
    ranking = k_best(fleet, (min_latency(np.array([0.1, 0.4])),))
    assert ranking.solutions[0].x.tolist() == [2, 0]
    assert ranking.solutions[0].objective == pytest.approx(0.1)


def test_too_much_demand_is_infeasible_not_an_error() -> None:
    fleet = fleet_of([1], [0], [1.0], limit=2, demand=3.0)
    ranking = k_best(fleet, (min_cost(fleet.tie_break),), k=2)
    assert ranking.status is Status.INFEASIBLE
    assert ranking.solutions == ()
    assert ranking.gap is None


def test_a_role_without_partner_sustains_nothing() -> None:
    ranking = k_best(fleet_of([1], [1], [1.0]), (max_goodput(),))
    assert ranking.status is Status.INFEASIBLE
    assert ranking.exhausted


def test_tiny_and_huge_rates_keep_the_demand() -> None:
    """A demand a millionth of a replica's rate is served by a replica, not by solver tolerance."""
    fleet = fleet_of([1, 1], [1, 2], [1000.0, 2000.0], limit=4, demand=0.0005)
    ranking = k_best(fleet, (min_cost(fleet.tie_break),))
    assert ranking.solutions[0].x.tolist() == [1, 1]


def test_equal_calls_give_equal_answers() -> None:
    rng = np.random.default_rng(3)
    fleet = fleet_of(
        rng.choice([1, 2, 4], 12).tolist(), rng.integers(0, 3, 12).tolist(), rng.random(12).tolist(), limit=12
    )
    one, other = (k_best(fleet, (max_goodput(),), k=4) for _ in range(2))
    assert [p.x.tolist() for p in one.solutions] == [p.x.tolist() for p in other.solutions]


def test_link_capacity_limits_the_disaggregated_channel() -> None:
    fleet = fleet_of([1, 1], [1, 2], [9.0, 9.0], demand=1.0)
    limited = Fleet(
        **{name: getattr(fleet, name) for name in Fleet.__slots__}
        | {"link_bytes_per_request": Csr.from_dense([[0.0, 4.0]]), "link_bytes_per_s": np.array([10.0])}
    )
    assert k_best(limited, (max_goodput(),)).solutions[0].objective == pytest.approx(2.5)


def test_a_pool_without_limit_is_sized_by_the_demand() -> None:
    fleet = fleet_of([1, 2], [1, 2], [3.0, 2.0], limit=np.inf, demand=700.0)
    needed = undominated(fleet, (min_cost(fleet.tie_break),), k=2).columns
    ranking = k_best(fleet.take(needed), (min_cost(fleet.tie_break),), k=2)
    assert ranking.status is Status.OPTIMAL
    assert ranking.solutions[0].x.tolist() == [234, 350]


def test_goodput_without_any_limit_is_unbounded_not_an_error() -> None:
    ranking = k_best(fleet_of([1], [0], [3.0], limit=np.inf), (max_goodput(),), k=2)
    assert ranking.status is Status.UNBOUNDED
    assert ranking.solutions == ()


def test_no_time_gives_a_status() -> None:
    rng = np.random.default_rng(1)
    devices = rng.choice([1, 2, 4, 8, 16], 400).tolist()
    fleet = fleet_of(
        devices, rng.integers(0, 3, 400).tolist(), (rng.random(400) * devices).tolist(), limit=997
    )
    ranking = k_best(fleet, (max_goodput(),), k=3, time_limit_s=0.0)
    assert ranking.status in (Status.TIME_LIMIT, Status.FEASIBLE, Status.OPTIMAL)
    assert not ranking.exhausted
    assert (ranking.gap is None) == (ranking.status is Status.TIME_LIMIT)


def test_no_columns_are_infeasible() -> None:
    fleet = fleet_of([3], [0], [3.0], limit=2)
    none = fleet.take(undominated(fleet, (max_goodput(),)).columns)
    assert none.n_columns == 0
    assert k_best(none, (max_goodput(),)).status is Status.INFEASIBLE
    assert k_best(none, (min_cost(np.zeros(0)),)).status is Status.INFEASIBLE


def test_goodput_after_cost_serves_the_demand_first() -> None:
    fleet = fleet_of([1, 2], [0, 0], [2.0, 7.0], limit=4, demand=3.0)
    ranking = k_best(fleet, (min_cost(np.array([1.0, 2.0])), max_goodput()))
    assert ranking.solutions[0].x.tolist() == [0, 1]
    assert ranking.solutions[0].values == pytest.approx((2.0, 7.0, 2.0))
