"""First plans from exact covers: feasible, exact where there is one way, and never without a bound."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers import large_fleet, ranked
from solvers.backends.base import Backend
from solvers.backends.registry import default_backend
from solvers.brute_force import all_plans
from solvers.fleet import Fleet, column_bounds, max_goodput, min_cost
from solvers.fleet_start import first_plan
from solvers.program import Program
from solvers.ranked import k_best
from solvers.result import Result, Status
from solvers.served import served_load
from tests.solvers.tiny_fleets import fleet_of, tiny_fleets

QUICK = settings(max_examples=40, deadline=None, derandomize=True)


def bounds_of(fleet: Fleet) -> np.ndarray:
    return column_bounds(fleet, capped_by_demand=True)


def devices_of(fleet: Fleet) -> np.ndarray:
    return np.asarray(fleet.uses.to_dense()[0])


@QUICK
@given(fleet=tiny_fleets())
def test_a_first_plan_serves_all_demands_within_the_limits(fleet: Fleet) -> None:
    plan = first_plan(fleet, devices_of(fleet), bounds_of(fleet))
    if plan is None:
        return
    counts, flow = plan
    assert (fleet.uses.dot(counts.astype(float)) <= fleet.limit + 1e-9).all()
    served = np.bincount(fleet.channel_demand, weights=flow)
    assert served == pytest.approx(fleet.demand_per_s)
    capacity = np.bincount(fleet.supply_of, weights=fleet.rate_per_s * counts, minlength=fleet.n_supplies)
    assert (capacity >= fleet.through().dot(flow) - 1e-9).all()


@QUICK
@given(
    devices=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    rates=st.lists(st.integers(5, 60), min_size=4, max_size=4),
    demand=st.integers(1, 12),
)
def test_one_way_is_covered_at_the_least_cost(devices: list[int], rates: list[int], demand: int) -> None:
    """One supply on one pool: the cover is the optimum."""
    tenths = [r / 10 for r in rates[: len(devices)]]
    fleet = fleet_of(devices, [0] * len(devices), tenths, limit=8.0, demand=float(demand))
    plan = first_plan(fleet, devices_of(fleet), bounds_of(fleet))
    minimal, wasteful = all_plans(fleet, (min_cost(devices_of(fleet)),))
    found = minimal + wasteful
    assert (plan is None) == (not found)
    if plan is not None:
        assert devices_of(fleet) @ plan[0] == pytest.approx(min(value[0] for value in found))


def test_a_column_that_is_not_allowed_is_not_used() -> None:
    fleet = fleet_of([1, 2], [0, 0], [1.0, 1.5], limit=8.0, demand=3.0)
    plan = first_plan(fleet, devices_of(fleet), np.array([0.0, 8.0]))
    assert plan is not None
    assert plan[0].tolist() == [0, 2]


def test_prices_that_are_not_per_device_give_no_first_plan() -> None:
    fleet = fleet_of([1, 2], [0, 0], [1.0, 1.5], limit=8.0)
    assert first_plan(fleet, np.array([1.0, 1.5]), bounds_of(fleet)) is None


@QUICK
@given(fleet=tiny_fleets(), k=st.integers(1, 3))
def test_large_fleets_are_solved_as_small_ones(fleet: Fleet, k: int) -> None:
    objectives = (min_cost(devices_of(fleet)),)
    plain = k_best(fleet, objectives, k=k, gap=1e-9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranked, "LARGE_COLUMNS", 0)
        large = k_best(fleet, objectives, k=k, gap=1e-9)
    assert len(large.solutions) == len(plain.solutions)
    assert [s.objective for s in large.solutions] == pytest.approx([s.objective for s in plain.solutions])


class Idle:
    """A solver that never gets to a mixed-integer plan of its own."""

    name = "idle"

    def __init__(self) -> None:
        self.real: Backend = default_backend()

    def solve_lp(self, program: Program, *, time_limit_s: float) -> Result:
        return self.real.solve_lp(program, time_limit_s=time_limit_s)

    def solve(self, program: Program, *, time_limit_s: float, gap: float, **_: object) -> Result:
        if (program.lb == program.ub)[program.integer].any():
            return self.real.solve(program, time_limit_s=time_limit_s, gap=gap)
        return Result(status=Status.TIME_LIMIT, wall_s=0.0)


@pytest.mark.parametrize("limit", [0, 10_000])
@pytest.mark.parametrize("goodput", [False, True])
def test_without_time_for_a_search_there_is_a_plan_with_an_honest_gap(
    monkeypatch: pytest.MonkeyPatch, limit: int, goodput: bool
) -> None:
    monkeypatch.setattr(ranked, "LARGE_COLUMNS", limit)
    fleet = fleet_of([1, 2, 1], [0, 1, 2], [1.0, 5.0, 2.0], limit=9.0, demand=3.3)
    fleet = replace(fleet, tie_break=np.array([1.0, 2.0, 1.0]))
    objective = max_goodput() if goodput else min_cost(devices_of(fleet))
    exact = k_best(fleet, (objective,), gap=1e-9)
    found = k_best(fleet, (objective,), gap=1e-9, backend=Idle())
    assert found.solutions
    best = found.solutions[0]
    load = served_load(fleet, best.x, best.flow_per_s, None, sustained=None)
    assert load.multiple >= (1e-3 if goodput else 1.0 - 1e-6)
    assert best.gap == pytest.approx(abs(found.bound - best.objective) / abs(best.objective))
    sign = -1.0 if goodput else 1.0
    assert sign * found.bound <= sign * exact.solutions[0].objective + 1e-9


def test_the_next_plan_starts_without_a_configuration_of_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranked, "LARGE_COLUMNS", 0)
    monkeypatch.setattr(large_fleet, "search", lambda *_, **__: Result(status=Status.TIME_LIMIT, wall_s=0.0))
    fleet = fleet_of([1, 1, 2], [0, 0, 0], [1.0, 0.9, 1.8], limit=9.0, demand=3.0)
    found = k_best(fleet, (min_cost(devices_of(fleet)),), k=2)
    assert len(found.solutions) == 2
    first, second = (s.x for s in found.solutions)
    assert (second < first).any()
