"""The search of large programs keeps bound and plan honest, whatever the time."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers import large_search, replica_mix
from solvers.backends.registry import default_backend
from solvers.csr import Csr
from solvers.large_search import search
from solvers.program import Program, Sense
from solvers.result import Result, Status
from tests.solvers.partitioned import partitioned
from tests.solvers.random_programs import random_program

ROUNDING = 1e-6


def mirrored(program: Program) -> Program:
    """The same program as a maximisation of the negated objective."""
    return replace(program, sense=Sense.MAX, obj=-program.obj, obj_offset=-program.obj_offset)


def covering(seed: int, amount: float, sense: Sense) -> Program:
    """Cover a few demands that all columns share: a program of one part."""
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


def assert_honest(program: Program, result: Result, optimum: Result) -> None:
    """The bound, the optimum and the plan stand in this order, and the plan is one."""
    sign = 1.0 if program.sense is Sense.MIN else -1.0
    slack = ROUNDING * max(1.0, abs(optimum.objective))
    if optimum.status is Status.INFEASIBLE:
        assert result.x is None
        return
    assert not sign * result.bound > sign * optimum.objective + slack
    if result.x is not None:
        assert program.is_feasible(result.x)
        assert result.objective == pytest.approx(program.objective(result.x))
        assert sign * result.objective >= sign * optimum.objective - slack


@pytest.mark.parametrize("sense", list(Sense))
@pytest.mark.parametrize("amount", [3.0, 5000.0])
@pytest.mark.parametrize("plain_share", [None, 0.0])
def test_one_part_reaches_the_optimum(plain_share: float | None, amount: float, sense: Sense) -> None:
    program = covering(1, amount, sense)
    expected = default_backend().solve(program, time_limit_s=10.0, gap=1e-6)
    result = search(program, default_backend(), time_limit_s=10.0, gap=1e-6, plain_share=plain_share)
    assert result.status is Status.OPTIMAL
    assert result.gap <= 1e-6
    assert result.objective == pytest.approx(expected.objective, rel=2e-6)
    assert_honest(program, result, expected)


@pytest.mark.parametrize("sense", list(Sense))
@pytest.mark.parametrize(("seed", "tight"), [(2, 0.3), (6, 0.4), (7, 0.5)])
def test_many_parts_reach_the_optimum(seed: int, tight: float, sense: Sense) -> None:
    program = partitioned(seed, parts=5, columns=10, tight=tight, scale=12.0)
    program = program if sense is Sense.MIN else mirrored(program)
    expected = default_backend().solve(program, time_limit_s=10.0, gap=1e-7)
    result = search(program, default_backend(), time_limit_s=10.0, gap=1e-6, plain_share=0.0)
    assert result.status is Status.OPTIMAL
    assert result.objective == pytest.approx(expected.objective, rel=2e-6)
    assert_honest(program, result, expected)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    tight=st.floats(0.2, 1.0),
    scale=st.floats(1.0, 60.0),
    time_limit_s=st.sampled_from([0.0, 0.05, 0.2, 0.4]),
    sense=st.sampled_from(list(Sense)),
)
def test_the_bound_holds_at_any_time_limit(
    seed: int, tight: float, scale: float, time_limit_s: float, sense: Sense
) -> None:
    program = partitioned(seed, tight=tight, scale=scale)
    program = program if sense is Sense.MIN else mirrored(program)
    optimum = default_backend().solve(program, time_limit_s=20.0, gap=1e-8)
    result = search(program, default_backend(), time_limit_s=time_limit_s, gap=1e-6, plain_share=0.0)
    assert_honest(program, result, optimum)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), sense=st.sampled_from(list(Sense)))
def test_any_program_may_be_searched(seed: int, sense: Sense) -> None:
    program = random_program(seed, sense)
    optimum = default_backend().solve(program, time_limit_s=20.0, gap=1e-8)
    result = search(program, default_backend(), time_limit_s=2.0, gap=1e-6, plain_share=0.0)
    assert_honest(program, result, optimum)
    assert (result.status is Status.INFEASIBLE) == (optimum.status is Status.INFEASIBLE)


@pytest.mark.parametrize("program", [covering(0, 5e9, Sense.MIN), partitioned(0, tight=0.2)])
def test_infeasible_stays_a_status(program: Program) -> None:
    result = search(program, default_backend(), time_limit_s=10.0, gap=1e-4, plain_share=0.0)
    assert result.status is Status.INFEASIBLE
    assert result.x is None


def test_a_part_without_a_plan_is_infeasible() -> None:
    program = partitioned(2)
    ask = program.row_lb.copy()
    ask[2] = 1e6
    result = search(replace(program, row_lb=ask), default_backend(), time_limit_s=5.0, gap=1e-4)
    assert result.status is Status.INFEASIBLE


def test_a_plan_that_is_given_is_never_made_worse() -> None:
    program = partitioned(5, parts=4)
    optimum = default_backend().solve(program, time_limit_s=10.0, gap=1e-8)
    result = search(program, default_backend(), time_limit_s=0.0, gap=1e-6, hint=optimum.x, plain_share=0.0)
    assert result.objective == pytest.approx(optimum.objective)


def test_prices_prove_what_the_linear_relaxation_cannot() -> None:
    program = partitioned(3, parts=6, columns=12, tight=5.0)
    relaxation = default_backend().solve_lp(program, time_limit_s=5.0)
    result = search(program, default_backend(), time_limit_s=10.0, gap=1e-6, plain_share=0.0)
    assert result.status is Status.OPTIMAL
    assert result.bound > relaxation.objective * (1 + 1e-4)


def instance(seed: int, parts: int, columns: int) -> dict[str, object]:
    """A replica-mix instance of thousands of columns."""
    program = partitioned(seed, parts=parts, columns=columns, scale=400.0)
    table = program.rows.to_dense()
    resources = [f"r{i}" for i in range(2)]
    demands = [f"d{i}" for i in range(len(table) - 2)]
    return {
        "resources": [
            {"name": r, "limit": float(v)} for r, v in zip(resources, program.row_ub, strict=False)
        ],
        "demands": [
            {"name": d, "amount": float(v)} for d, v in zip(demands, program.row_lb[2:], strict=True)
        ],
        "columns": [
            {
                "id": str(c),
                "cost": float(program.obj[c]),
                "uses": {r: float(table[i, c]) for i, r in enumerate(resources)},
                "serves": {d: float(table[2 + i, c]) for i, d in enumerate(demands) if table[2 + i, c] > 0},
            }
            for c in range(program.n_cols)
        ],
    }


@pytest.mark.parametrize("time_limit_s", [0.1, 1.5])
def test_large_instances_have_an_answer_at_any_limit(time_limit_s: float) -> None:
    problem = replica_mix.parse(instance(7, parts=8, columns=250))
    answer = replica_mix.solve(problem, time_limit_s=time_limit_s)
    assert answer["status"] in ("optimal", "feasible")
    assert answer["bound"] <= answer["objective"]
    assert len(problem.ids) > large_search.SMALL_COLUMNS  # type: ignore[union-attr]
