"""Every program the package writes has the same optimum in CBC, a solver of other authors."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.backends.mathopt import MathOptBackend
from solvers.backends.pulp_cbc import PulpCbcBackend
from solvers.fleet import Fleet, Level, build, max_goodput, min_cost
from solvers.fleet_instance import Reserve
from solvers.periods import Periods, objective_over, over_periods
from solvers.program import Program
from solvers.result import Status
from tests.solvers.test_reserve import guarded_fleets
from tests.solvers.tiny_fleets import KINDS, objectives_of, tiny_fleets

QUICK = settings(max_examples=6, deadline=None, derandomize=True)


def agree(program: Program) -> None:
    """Both solvers find the same optimum, and each point is feasible in the arrays themselves."""
    answers = [
        backend.solve(program, time_limit_s=20.0, gap=1e-9)
        for backend in (MathOptBackend(), PulpCbcBackend())
    ]
    assert answers[0].status is answers[1].status
    if answers[0].status is Status.OPTIMAL:
        assert answers[0].objective == pytest.approx(answers[1].objective, rel=1e-6, abs=1e-7)
        for answer in answers:
            assert answer.x is not None
            assert program.is_feasible(answer.x)


@pytest.mark.parametrize("kind", KINDS)
@QUICK
@given(fleet=tiny_fleets())
def test_the_steady_fleet(kind: str, fleet: Fleet) -> None:
    agree(build(fleet, objectives_of(fleet, kind))[0])


@QUICK
@given(fleet=tiny_fleets(), cap=st.integers(1, 8))
def test_the_fleet_within_a_cap(fleet: Fleet, cap: int) -> None:
    money = min_cost(fleet.tie_break)
    agree(build(fleet, (max_goodput(), money), within=(Level(objective=money, value=float(cap)),))[0])


@pytest.mark.parametrize("goodput", [True, False])
@QUICK
@given(fleet=guarded_fleets())
def test_the_fleet_that_stands_failures(goodput: bool, fleet: Fleet) -> None:
    agree(build(fleet, (max_goodput() if goodput else min_cost(fleet.tie_break),))[0])


@QUICK
@given(
    fleet=tiny_fleets(most_columns=3), load=st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=2, max_size=3)
)
def test_the_fleet_over_a_day(fleet: Fleet, load: list[float]) -> None:
    if not any(load):
        return
    demands = len(fleet.demand_per_s)
    periods = Periods(hours=np.full(len(load), 8.0), scale=np.outer(load, np.ones(demands)))
    over = over_periods(fleet, periods).fleet
    price = replace(min_cost(fleet.tie_break), starting=np.ones(fleet.n_columns))
    agree(build(over, (objective_over(price, periods),))[0])


@QUICK
@given(fleet=tiny_fleets(most_columns=3))
def test_the_day_that_stands_failures(fleet: Fleet) -> None:
    n = fleet.n_columns
    guarded = replace(fleet, reserve=Reserve(domain_of=np.zeros(n, dtype=np.int64), lost=np.ones(n)))
    periods = Periods(
        hours=np.array([16.0, 8.0]), scale=np.outer([1.0, 0.4], np.ones(len(fleet.demand_per_s)))
    )
    over = over_periods(guarded, periods).fleet
    agree(build(over, (objective_over(min_cost(fleet.tie_break), periods),))[0])
