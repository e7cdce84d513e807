"""The detour by way of the linear solution keeps bound and feasibility honest."""

import numpy as np
import pytest

from solvers.backends.registry import default_backend
from solvers.csr import Csr
from solvers.floor_residual import solve_by_floors
from solvers.program import Program, Sense
from solvers.result import Status


def covering(seed: int, amount: float, sense: Sense) -> Program:
    """Cover a few demands with many columns; as a maximisation of the negated cost."""
    rng = np.random.default_rng(seed)
    n = 30
    cost = rng.uniform(1, 3, n)
    return Program(
        sense=sense,
        obj=cost if sense is Sense.MIN else -cost,
        lb=np.zeros(n),
        ub=np.full(n, 1e6),
        integer=np.ones(n, dtype=bool),
        rows=Csr.from_dense(rng.uniform(0, 2, (3, n)) * (rng.random((3, n)) < 0.5)),
        row_lb=np.array([1.0, 1.5, 0.7]) * amount,
        row_ub=np.full(3, np.inf),
    )


@pytest.mark.parametrize("sense", list(Sense))
@pytest.mark.parametrize("amount", [3.0, 5000.0])
@pytest.mark.parametrize("seed", range(3))
def test_it_reaches_the_optimum_of_the_full_search(seed: int, amount: float, sense: Sense) -> None:
    program = covering(seed, amount, sense)
    expected = default_backend().solve(program, time_limit_s=10.0, gap=1e-6)
    result = solve_by_floors(program, default_backend(), time_limit_s=10.0, gap=1e-6)
    assert result.status is Status.OPTIMAL
    assert result.x is not None
    assert program.is_feasible(result.x)
    assert result.objective == pytest.approx(expected.objective, rel=2e-6)
    assert result.gap <= 1e-6


def test_infeasible_stays_a_status() -> None:
    program = covering(0, 5e9, Sense.MIN)
    result = solve_by_floors(program, default_backend(), time_limit_s=10.0, gap=1e-4)
    assert result.status is Status.INFEASIBLE
