"""Bounds from row multipliers hold, exactly and in floats, and travel through a file."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.backends.registry import default_backend
from solvers.certificate import certificate, program_arrays, program_sha256, read_program
from solvers.dual_bound import dual_bound, exact_dual_bound, exact_violation
from solvers.errors import InvalidInstance
from solvers.fleet import Fleet, max_goodput, min_cost
from solvers.program import Sense
from solvers.ranked import k_best
from tests.solvers.random_programs import random_program
from tests.solvers.tiny_fleets import fleet_of, tiny_fleets

QUICK = settings(max_examples=40, deadline=None, derandomize=True)


@pytest.mark.parametrize("sense", list(Sense))
@QUICK
@given(seed=st.integers(0, 40), multipliers=st.lists(st.floats(-3, 3), min_size=6, max_size=6))
def test_any_multipliers_bound_the_optimum(seed: int, sense: Sense, multipliers: list[float]) -> None:
    program = random_program(seed, sense)
    optimum = default_backend().solve(program, time_limit_s=10.0, gap=0.0).objective
    bound, exact = (
        dual_bound(program, np.array(multipliers)),
        exact_dual_bound(program, np.array(multipliers)),
    )
    assert exact is not None
    slack = 1e-6 * max(1.0, abs(optimum))
    if sense is Sense.MIN:
        assert bound <= exact
        assert bound <= optimum + slack
    else:
        assert bound >= exact
        assert bound >= optimum - slack
    assert bound == pytest.approx(float(exact), rel=1e-9, abs=1e-9)


def test_unbounded_columns_prove_nothing_but_at_zero_reduced_cost() -> None:
    program = replace(random_program(0, Sense.MIN), ub=np.full(8, np.inf), obj=-np.ones(8))
    assert dual_bound(program, np.zeros(6)) == -np.inf
    assert exact_dual_bound(program, np.zeros(6)) is None
    assert dual_bound(replace(program, obj=np.zeros(8)), np.zeros(6)) == program.obj_offset


@QUICK
@given(fleet=tiny_fleets(), goodput=st.booleans())
def test_certificate_of_a_fleet_is_recomputed_without_a_solver(fleet: Fleet, goodput: bool) -> None:
    objective = max_goodput() if goodput else min_cost(fleet.tie_break)
    ranking = k_best(fleet, (objective,))
    if not ranking.solutions:
        return
    proof = json.loads(json.dumps(certificate(ranking, gap=1e-4)))
    program = read_program(json.loads(json.dumps(program_arrays(ranking.program))))
    assert program_sha256(program) == proof["program_sha256"]
    duals = np.array([proof["lp_duals"].get(program.row_name(i), 0.0) for i in range(program.n_rows)])
    exact = exact_dual_bound(program, duals)
    assert exact is not None
    assert proof["lp_bound"] == pytest.approx(float(exact), rel=1e-9)
    best = ranking.solutions[0].objective
    assert exact >= best * (1 - 1e-9) if goodput else exact <= best * (1 + 1e-9)
    near = abs(proof["lp_bound"] - best) <= 1e-4 * abs(best)
    assert proof["method"] == ("lp-dual" if near else "branch-and-bound")


def test_the_hash_sees_every_number_and_no_name() -> None:
    program = random_program(5, Sense.MIN)
    digest = program_sha256(program)
    assert program_sha256(replace(program, column_name="other[{}]".format)) == digest
    for field in ("obj", "lb", "ub", "row_lb", "row_ub"):
        assert program_sha256(replace(program, **{field: getattr(program, field) + 1.0})) != digest
    assert program_sha256(replace(program, sense=Sense.MAX)) != digest


def test_exact_violation_counts_rows_bounds_and_fractions() -> None:
    program = random_program(7, Sense.MIN)
    x = default_backend().solve(program, time_limit_s=10.0, gap=0.0).x
    assert x is not None
    assert exact_violation(program, x) <= 1e-6
    assert exact_violation(program, np.full(8, 7.0)) >= 2
    assert exact_violation(program, x + 0.5) >= 0.5 if program.integer.any() else True


def test_a_file_that_is_no_program_is_refused() -> None:
    with pytest.raises(InvalidInstance, match="not a program"):
        read_program({"columns": {}})


def test_duals_price_the_pool() -> None:
    """One device of the pool adds one replica of 3 requests/s."""
    ranking = k_best(fleet_of([1], [0], [3.0], limit=4, demand=1.0), (max_goodput(),))
    assert ranking.lp_bound == pytest.approx(12.0)
    assert certificate(ranking, gap=1e-4)["method"] == "lp-dual"
